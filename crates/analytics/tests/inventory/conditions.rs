//! What is told of products, and when.

use analytics::alerts::AlertType::{HighDemand, LowStock, OutOfStock};
use analytics::alerts::{Severity, Signal};

use super::{Shop, assert_close, at, refund, sale, sighting, told};

const CRITICAL: Option<Severity> = Some(Severity::Critical);
const WARNING: Option<Severity> = Some(Severity::Warning);
const INFO: Option<Severity> = Some(Severity::Info);

#[test]
fn low_stock_begins_at_the_share_and_out_of_stock_at_none() {
    let mut shop = Shop::with(&[(1, 100)]);
    assert_eq!(shop.advance(1, &[sale(0, 1, 94)]).signals, []);
    let low = shop.advance(2, &[sale(1, 1, 1)]).signals;
    assert_eq!(told(&low), [(LowStock, "product:1", WARNING)]);
    let evidence = &sighting(&low, LowStock).evidence;
    assert_eq!((evidence.value, evidence.limit), (5.0, Some(5.0)));
    assert_eq!(sighting(&low, LowStock).seen_at, at(2));
    assert_eq!(
        shop.advance(3, &[sale(2, 1, 4)]).signals,
        [],
        "it is known by now"
    );
    let out = shop.advance(4, &[sale(3, 1, 2)]).signals;
    assert_eq!(told(&out), [(OutOfStock, "product:1", CRITICAL)]);
    let evidence = &sighting(&out, OutOfStock).evidence;
    assert_eq!((evidence.value, evidence.limit), (-1.0, Some(0.0)));
    assert_close(
        evidence.baseline.unwrap(),
        shop.product(1).velocity_per_hour * 24.0,
    );
}

#[test]
fn refunds_bring_stock_back_and_end_conditions_with_some_slack() {
    let mut shop = Shop::with(&[(1, 100)]);
    let begun = shop.advance(1, &[sale(0, 1, 100)]).signals;
    assert_eq!(
        told(&begun),
        [
            (OutOfStock, "product:1", CRITICAL),
            (LowStock, "product:1", WARNING)
        ]
    );
    let back = shop.advance(2, &[refund(1, 1, 1)]).signals;
    assert_eq!(told(&back), [(OutOfStock, "product:1", None)]);
    assert!(matches!(back[0], Signal::Clear { at: ended, .. } if ended == at(2)));
    // Begins at 5, so it ends above 7.5.
    assert_eq!(shop.advance(3, &[refund(2, 1, 6)]).signals, []);
    assert_eq!(
        shop.product(1).suggested_quantity,
        Some(0),
        "7 on hand are above the reorder point"
    );
    let enough = shop.advance(4, &[refund(3, 1, 1)]).signals;
    assert_eq!(told(&enough), [(LowStock, "product:1", None)]);
}

#[test]
fn new_goods_end_conditions_and_the_next_time_is_another_episode() {
    let mut shop = Shop::with(&[(1, 10)]);
    let first = shop.advance(1, &[sale(0, 1, 10)]).signals;
    shop.stock.take_catalog([(1, 30)]);
    let ended = shop.advance(2, &[]).signals;
    assert_eq!(
        told(&ended),
        [(OutOfStock, "product:1", None), (LowStock, "product:1", None)]
    );
    let second = shop.advance(3, &[sale(2, 1, 20)]).signals;
    assert_eq!(told(&second), told(&first));
    assert_ne!(sighting(&first, OutOfStock).id, sighting(&second, OutOfStock).id);
    assert_ne!(sighting(&first, OutOfStock).id, sighting(&first, LowStock).id);
}

#[test]
fn an_advance_that_is_done_again_tells_the_same() {
    let mut shop = Shop::with(&[(1, 10)]);
    let before = shop.stock.clone();
    let first = shop.advance(1, &[sale(0, 1, 10)]);
    shop.stock = before;
    assert_eq!(shop.advance(1, &[sale(0, 1, 10)]), first);
}

#[test]
fn low_stock_goes_by_demand_once_there_is_data() {
    // 1 a minute needs 10,246 (see the figures of stock).
    let mut shop = Shop::with(&[(1, 10_275)]);
    assert_eq!(shop.sell_steadily(0..29, 1, 1), []);
    let low = shop.sell_steadily(29..30, 1, 1);
    assert_eq!(told(&low), [(LowStock, "product:1", WARNING)]);
    let evidence = &sighting(&low, LowStock).evidence;
    assert_eq!((evidence.value, evidence.limit), (10_245.0, Some(10_246.0)));
    assert_close(evidence.baseline.unwrap(), 1_440.0);
}

#[test]
fn low_stock_ends_when_demand_fades() {
    let mut shop = Shop::with(&[(1, 10_000), (2, 1_000_000)]);
    shop.sell_steadily(0..60, 1, 1);
    // As long as the shop sells other things, each minute halves 1's demand every 30 minutes. It needs 9,940 / 1.5 = 6,627,
    // of which about 6,490 is expected demand: 0.644 a minute, after 19 minutes.
    let told_at: Vec<i64> = (60..120)
        .filter(|minute| {
            !shop
                .advance(minute + 1, &[sale(*minute, 2, 1)])
                .signals
                .is_empty()
        })
        .collect();
    assert_eq!(told_at.len(), 1, "{told_at:?}");
    assert!((74..84).contains(&told_at[0]), "{told_at:?}");
}

#[test]
fn low_stock_of_a_slow_product_ends_when_too_little_is_left_to_go_by() {
    let mut shop = Shop::with(&[(1, 205), (2, 1_000_000)]);
    shop.sell_steadily(0..30, 2, 1);
    let begun = shop.sell_steadily(30..31, 1, 5);
    assert_eq!(told(&begun), [(LowStock, "product:1", WARNING)]);
    // Five units begin it; of them 5 / 1.5 are left for 30 × log2(1.5) = 17.5 minutes.
    assert_eq!(shop.advance(31 + 17, &[]).signals, []);
    assert_eq!(
        told(&shop.advance(31 + 18, &[]).signals),
        [(LowStock, "product:1", None)]
    );
}

/// Ten hours of a unit a minute, each swept in time, then 20 minutes of 30 units.
fn surging() -> (Shop, Vec<(i64, Signal)>) {
    let mut shop = Shop::default();
    assert_eq!(shop.sell_steadily(0..600, 1, 1), []);
    let mut signals = Vec::new();
    for minute in 600..640 {
        let units = if minute < 620 { 30 } else { 1 };
        signals.extend(
            shop.sell_steadily(minute..minute + 1, 1, units)
                .into_iter()
                .map(|signal| (minute, signal)),
        );
    }
    (shop, signals)
}

#[test]
fn a_surge_is_told_when_the_short_average_leaves_the_long_one_behind() {
    let (shop, signals) = surging();
    let minutes: Vec<i64> = signals.iter().map(|(minute, _)| *minute).collect();
    let signals: Vec<Signal> = signals.into_iter().map(|(_, signal)| signal).collect();
    assert_eq!(
        told(&signals),
        [(HighDemand, "product:1", INFO), (HighDemand, "product:1", None)]
    );
    // After t minutes, (1 + 29 (1 − 2^(−t/5))) / (1 + 29 (1 − 2^(−t/60))): t = 1 gives 3.56, t = 2 4.86, t = 10 5.50.
    assert_eq!(minutes[0], 601);
    let sighting = sighting(&signals, HighDemand);
    let (short, long) = (
        1.0 + 29.0 * (1.0 - (-0.4_f64).exp2()),
        1.0 + 29.0 * (1.0 - (-2.0 / 60.0_f64).exp2()),
    );
    assert!(
        (sighting.evidence.value - 60.0 * short).abs() < 0.5,
        "{:?}",
        sighting.evidence
    );
    assert!(
        (sighting.evidence.baseline.unwrap() - 60.0 * long).abs() < 0.5,
        "{:?}",
        sighting.evidence
    );
    assert_close(
        sighting.evidence.limit.unwrap(),
        4.0 * sighting.evidence.baseline.unwrap(),
    );
    assert_close(
        sighting.evidence.score.unwrap(),
        sighting.evidence.value / sighting.evidence.baseline.unwrap(),
    );
    // Between 4 and 2 it lasts: t = 20 gives 4.05, and each minute after takes 12 % off the short average.
    assert!((622..627).contains(&minutes[1]), "{minutes:?}");
    assert!(!shop.product(1).is_high_demand);
}

#[test]
fn demand_out_of_nothing_is_a_warning() {
    let mut shop = Shop::default();
    shop.sell_steadily(0..600, 2, 1);
    // A new product's ratio is 0.1294 / 0.01149 = 11.3 at first. Ten units are few; with 30 more they are 38.7.
    assert_eq!(shop.sell_steadily(600..601, 1, 10), []);
    let signals = shop.sell_steadily(601..602, 1, 30);
    assert_eq!(told(&signals), [(HighDemand, "product:1", WARNING)]);
    assert!(shop.product(1).is_high_demand);
}

#[test]
fn an_episode_that_gets_worse_is_told_again_under_another_id() {
    let mut shop = Shop::default();
    shop.settings.high_demand_ratio = 2.5;
    assert_eq!(shop.sell_steadily(0..600, 1, 1), []);
    let signals = shop.sell_steadily(600..612, 1, 30);
    assert_eq!(
        told(&signals),
        [
            (HighDemand, "product:1", INFO),
            (HighDemand, "product:1", WARNING)
        ]
    );
    let [Signal::Raise(info), Signal::Raise(warning)] = signals.as_slice() else {
        panic!()
    };
    assert_ne!(info.id, warning.id);
}

#[test]
fn a_new_shop_is_not_in_high_demand() {
    let mut shop = Shop::default();
    for minute in 0..120 {
        assert_eq!(
            shop.sell_steadily(minute..minute + 1, 1, 1_000),
            [],
            "minute {minute}"
        );
    }
    // Nor is a product that begins to sell before there is the data to tell: here its ratio is 2.6.
    let mut shop = Shop::default();
    shop.settings.high_demand_ratio = 2.0;
    shop.sell_steadily(0..20, 2, 1);
    assert_eq!(shop.sell_steadily(20..21, 1, 1_000), []);
}

#[test]
fn a_clock_that_goes_back_does_not_take_signals_back_in_time() {
    let mut shop = Shop::with(&[(1, 10)]);
    let begun = shop.advance(9, &[sale(0, 1, 10)]).signals;
    assert_eq!(sighting(&begun, OutOfStock).seen_at, at(9));
    let ended = shop.advance(8, &[refund(1, 1, 9)]).signals;
    assert_eq!(ended.len(), 2);
    assert!(
        ended
            .iter()
            .all(|signal| matches!(signal, Signal::Clear { at: ended, .. } if *ended == at(9)))
    );
}
