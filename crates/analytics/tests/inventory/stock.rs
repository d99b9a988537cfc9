//! Stock, velocity, cover and suggestions: figures computed on paper.

use analytics::inventory::{InventoryFact, Moved, Settings, Status, Stock};

use super::{Shop, assert_close, at, fact, refund, sale};

#[test]
fn on_hand_is_initial_less_sold_plus_returned() {
    let mut shop = Shop::with(&[(1, 100), (2, 50)]);
    let advanced = shop.advance(
        1,
        &[fact(0, false, &[(1, 7), (2, 3)]), refund(0, 1, 2), sale(0, 1, 1)],
    );
    assert_eq!(advanced.moved.len(), 2);
    assert_eq!(advanced.moved[&1], Moved { sold: 8, returned: 2 });
    let product = shop.product(1);
    assert_eq!((product.on_hand, product.initial), (Some(94), Some(100)));
    assert_eq!((product.sold, product.returned), (8, 2));
    assert_eq!(shop.product(2).on_hand, Some(47));
    assert!(shop.advance(2, &[]).moved.is_empty());
    assert_eq!(shop.product(1).on_hand, Some(94));
}

#[test]
fn an_oversold_product_shows_by_how_much() {
    let mut shop = Shop::with(&[(1, 5)]);
    shop.advance(1, &[sale(0, 1, 8)]);
    let product = shop.product(1);
    assert_eq!(product.on_hand, Some(-3));
    assert_eq!(product.status, Status::OutOfStock);
    assert_eq!(product.days_of_cover, Some(0.0));
    assert_eq!(
        product.suggested_quantity,
        Some(8),
        "the oversold units and the initial stock"
    );
}

#[test]
fn a_product_that_the_catalog_does_not_know_is_counted_without_a_stock() {
    let mut shop = Shop::default();
    let advanced = shop.advance(1, &[sale(0, 9, 1_000)]);
    assert_eq!(advanced.signals, []);
    let product = shop.product(9);
    assert_eq!(
        (product.sold, product.on_hand, product.initial),
        (1_000, None, None)
    );
    assert_eq!(product.status, Status::Unknown);
    assert_eq!(
        (
            product.days_of_cover,
            product.reorder_point,
            product.suggested_quantity
        ),
        (None, None, None)
    );
    assert_close(product.velocity_per_hour, 60_000.0);
    assert_eq!(shop.stock.needing_restock(9), []);
    shop.stock.take_catalog([(9, 1_200)]);
    assert_eq!(shop.product(9).on_hand, Some(200), "what was sold before counts");
}

#[test]
fn the_same_catalog_changes_nothing_and_another_figure_is_a_correction() {
    let mut shop = Shop::with(&[(1, 100)]);
    shop.advance(1, &[sale(0, 1, 30)]);
    let before = shop.stock.clone();
    shop.stock.take_catalog([(1, 100)]);
    assert_eq!(shop.stock, before);
    shop.stock.take_catalog([(1, 130)]);
    assert_eq!(shop.product(1).on_hand, Some(100));
    assert_eq!(shop.stock.len(), 1);
    assert!(!shop.stock.is_empty());
    assert!(Stock::default().is_empty());
}

#[test]
fn velocity_is_the_weighted_mean_of_the_closed_minutes() {
    // Half-life 1: w = 1/2, λ = 1/2. 8 units in minute 0, 4 in minute 1, as of minute 1:
    // S = 8/2 + 4 = 8; 8 × 1/2 / (1 − 1/4) = 16/3 a minute = 320 an hour. Weights 1/3 and 2/3: (8 + 2 × 4) / 3.
    let mut shop = Shop::with(&[(1, 76_812)]);
    shop.settings.velocity_half_life_minutes = 1.0;
    shop.advance(2, &[sale(0, 1, 8), sale(1, 1, 4)]);
    let product = shop.product(1);
    assert_close(product.velocity_per_hour, 320.0);
    // 76,800 / (16/3 × 1,440 = 7,680) = 10 days.
    assert_close(product.days_of_cover.unwrap(), 10.0);
    // A minute without sales: half of the sum is left, and it adds no data: 4 × 1/2 / (3/4) × 60 = 160.
    shop.advance(3, &[]);
    assert_close(shop.product(1).velocity_per_hour, 160.0);
}

#[test]
fn a_minute_counts_once_it_is_closed() {
    let mut shop = Shop::with(&[(1, 1_000)]);
    shop.advance(5, &[sale(5, 1, 10), sale(7, 1, 10)]);
    assert_eq!(shop.product(1).sold, 20, "stock moves at once");
    assert_close(shop.product(1).velocity_per_hour, 0.0);
    assert_eq!(shop.product(1).days_of_cover, None);
    shop.advance(6, &[]);
    assert_close(shop.product(1).velocity_per_hour, 600.0);
    let now = events::Timestamp::from_ms(at(6).as_ms() - 1).unwrap();
    shop.stock.advance(&[], now, &shop.settings);
    assert_close(shop.product(1).velocity_per_hour, 600.0);
}

#[test]
fn refunds_are_no_negative_demand() {
    let mut shop = Shop::with(&[(1, 1_000)]);
    shop.advance(1, &[sale(0, 1, 10), refund(0, 1, 10)]);
    assert_close(shop.product(1).velocity_per_hour, 600.0);
    assert_eq!(shop.product(1).on_hand, Some(1_000));
}

#[test]
fn demand_that_has_faded_to_less_than_a_unit_a_year_is_none() {
    let mut shop = Shop::with(&[(1, 1_000)]);
    shop.advance(1, &[sale(0, 1, 1)]);
    // One minute of data: 1 a minute, halved every 30 minutes; a unit a year is 2^-19.004 a minute.
    shop.advance(30 * 19 + 1, &[]);
    assert!(shop.product(1).days_of_cover.is_some());
    shop.advance(30 * 19 + 2, &[]);
    assert_eq!(shop.product(1).days_of_cover, None);
    assert_close(shop.product(1).velocity_per_hour, 0.0);
}

/// Minutes 0 to 29 with 1 unit of product 1 each: exactly 1 a minute, 1,440 a day.
fn a_unit_a_minute(initial: i64) -> (Shop, Vec<InventoryFact>) {
    let facts = (0..30).map(|minute| sale(minute, 1, 1)).collect();
    (Shop::with(&[(1, initial)]), facts)
}

#[test]
fn the_reorder_point_covers_the_lead_time_and_its_noise() {
    let (mut shop, facts) = a_unit_a_minute(20_030);
    shop.advance(30, &facts);
    let product = shop.product(1);
    assert_close(product.velocity_per_hour, 60.0);
    // 1,440 × 7 = 10,080; 1.645 × √1,440 × √7 = 1.645 × 100.399 = 165.16; ⌈10,245.16⌉ = 10,246.
    assert_eq!(product.reorder_point, Some(10_246));
    assert_eq!(
        (product.on_hand, product.suggested_quantity),
        (Some(20_000), Some(0))
    );
    assert_eq!(product.status, Status::InStock);
    assert_close(product.days_of_cover.unwrap(), 20_000.0 / 1_440.0);

    let (mut shop, facts) = a_unit_a_minute(10_276);
    shop.advance(30, &facts);
    // On hand 10,246: up to 10,246 + 1,440 × 7 = 20,326.
    assert_eq!(shop.product(1).suggested_quantity, Some(10_080));
    assert_eq!(shop.product(1).status, Status::LowStock);
}

#[test]
fn until_there_is_data_the_reorder_point_is_a_share_of_the_initial_stock() {
    let (mut shop, facts) = a_unit_a_minute(1_000);
    shop.advance(29, &facts[..29]);
    assert_eq!(shop.product(1).reorder_point, Some(50), "29 minutes of data");
    shop.advance(30, &facts[29..]);
    assert_eq!(shop.product(1).reorder_point, Some(10_246));
}

#[test]
fn a_single_sale_is_no_measured_demand() {
    let (mut shop, facts) = a_unit_a_minute(1_000_000);
    shop.stock.take_catalog([(2, 200), (3, 200)]);
    shop.advance(30, &facts);
    let (four, five) = (sale(29, 2, 4), sale(29, 3, 5));
    shop.advance(30, &[four, five]);
    assert_eq!(shop.product(2).reorder_point, Some(10));
    assert!(shop.product(3).reorder_point > Some(1_000));
}

#[test]
fn what_runs_out_first_is_ordered_first() {
    let initial = [
        (1, 20),
        (2, 40),
        (3, 20),
        (4, 10),
        (5, 20),
        (6, 1_000),
        (7, 0),
        (9, 100),
        (10, 20),
    ];
    let mut shop = Shop::with(&initial);
    shop.settings = Settings {
        low_stock_fraction: 0.5,
        ..Settings::default()
    };
    let closed = [(1, 10), (2, 30), (3, 10), (4, 15), (5, 20), (6, 1), (8, 9)];
    let mut sales: Vec<InventoryFact> = closed
        .map(|(product_id, units)| sale(0, product_id, units))
        .into();
    sales.extend([sale(1, 9, 60), sale(1, 10, 15)]);
    shop.advance(1, &sales);
    let order = |k| -> Vec<u64> {
        let needing = shop.stock.needing_restock(k);
        needing.iter().map(|product| product.product_id).collect()
    };
    // 5 and 4 are out, 5 sells faster; 2 lasts 1/3 of a minute, 1 and 3 a minute; 9 and 10 have no velocity yet, of which 10
    // has less. 6 has enough; 7 never had any, so there is nothing to fill up to; 8 is not in the catalog.
    assert_eq!(order(10), [5, 4, 2, 1, 3, 10, 9]);
    assert_eq!(order(2), [5, 4]);
    assert_eq!(order(0), [0; 0]);
    let listed: Vec<u64> = shop.stock.products().map(|product| product.product_id).collect();
    assert_eq!(listed, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(shop.stock.get(11), None);
}
