//! Each figure lies where it has to, and would not if the shop were another.

use std::collections::BTreeSet;

use super::*;
use crate::generator::{Curve, Funnel, Mix, Traffic};

const SEED: u64 = 42;

fn run(study: Study, change: impl FnOnce(&mut Config)) -> Measured {
    let mut config = study.config(SEED).unwrap();
    change(&mut config);
    measure(config, study.sessions())
}

fn check(study: Study, measured: &Measured) {
    for figure in study.figures(measured) {
        assert!(figure.holds(), "{study:?}: {figure:?}");
    }
}

/// The figures that don't hold.
fn broken(study: Study, measured: &Measured) -> BTreeSet<&'static str> {
    let figures = study.figures(measured).into_iter();
    figures
        .filter(|figure| !figure.holds())
        .map(|figure| figure.name)
        .collect()
}

/// What breaks if the records had come to something else.
fn breaks(study: Study, measured: &Measured, change: impl FnOnce(&mut Measured)) -> BTreeSet<&'static str> {
    let mut other = measured.clone();
    change(&mut other);
    broken(study, &other)
}

/// As many of each as there are of one another.
fn level(counts: &mut [u64]) {
    let mean = counts.iter().sum::<u64>() / counts.len() as u64;
    counts.fill(mean);
}

#[test]
fn globalmart_holds_its_mix_its_anomalies_and_its_popularity() {
    let measured = run(Study::Mix, |_| {});
    check(Study::Mix, &measured);
    assert_eq!(measured.sessions, 100_000);
    for part in &measured.parts {
        let views = part[&events::Stream::ProductViews];
        assert!(
            views.abs_diff(PART_EVENTS * 60 / 100) <= PART_EVENTS / 50,
            "{views} of {PART_EVENTS} in a part"
        );
    }
    let popularity = breaks(Study::Mix, &measured, |other| level(&mut other.orders.sold));
    assert_eq!(popularity, BTreeSet::from(["popularity by units sold"]));
}

#[test]
fn another_mix_and_more_anomalies_break_exactly_these_figures() {
    let measured = run(Study::Mix, |config| {
        config.traffic = Traffic::Mix(Mix::new(50, 40, 10).unwrap());
        config.anomaly_rate = 0.03;
    });
    let expected = [
        "views, searches, filters, comparisons",
        "cart events",
        "anomalous",
        "high_quantity",
        "high_value",
        "velocity",
        "card_testing",
        "country_hopping",
    ];
    assert_eq!(broken(Study::Mix, &measured), BTreeSet::from(expected));
    let fewer_orders = run(Study::Mix, |config| {
        config.traffic = Traffic::Mix(Mix::new(60, 35, 5).unwrap());
    });
    assert!(broken(Study::Mix, &fewer_orders).contains("purchases and refunds"));
}

#[test]
fn realistic_is_as_real_shops_are() {
    let measured = run(Study::Week, |_| {});
    check(Study::Week, &measured);
    assert!(measured.hours.len() >= 7 * 24);
    assert_eq!(measured.sessions, measured.session_events.values().sum::<u64>());

    let breaks = |change: fn(&mut Measured)| Vec::from_iter(breaks(Study::Week, &measured, change));
    assert_eq!(breaks(|other| other.purchases += 1), ["purchases that don't fit"]);
    assert_eq!(breaks(|other| level(&mut other.views)), ["popularity by views"]);
    assert_eq!(breaks(|other| other.refunded_minor *= 2), ["refunded value"]);
    assert_eq!(breaks(|other| other.refunds += other.refunds / 2), ["refunds"]);
    assert_eq!(breaks(|other| other.anomalies.clear()), ["anomalous"]);
    assert_eq!(
        breaks(|other| other.orders.prices = [(9_99, 7)].into()),
        ["spread of prices"]
    );
    assert_eq!(
        breaks(|other| level(&mut other.hours)),
        ["busiest hour", "events from 20:00 to 21:00"]
    );
    assert_eq!(
        breaks(|other| other.orders.net_minor *= 2),
        ["order value", "refunded value"]
    );
    let units = |other: &mut Measured| other.orders.units = [(1, other.orders.count())].into();
    assert_eq!(breaks(units), ["units"]);
    let devices = |other: &mut Measured| other.devices.values_mut().for_each(|sessions| *sessions = 33_333);
    assert_eq!(breaks(devices), ["desktop", "mobile", "tablet"]);
}

#[test]
fn another_funnel_breaks_the_funnel() {
    let measured = run(Study::Week, |config| {
        let funnel = Funnel {
            sessions: 385,
            carts: 40,
            purchases: 8,
            refunds: 2,
            views: 2_000,
            cart_events: 75,
        };
        config.traffic = Traffic::Funnel(funnel);
        config.curve = Curve::Steady;
    });
    let found = broken(Study::Week, &measured);
    for name in [
        "add to cart",
        "conversion",
        "abandonment",
        "refunds",
        "busiest hour",
    ] {
        assert!(found.contains(name), "{name}: {found:?}");
    }
    for name in ["purchases that don't fit", "mobile", "popularity by views"] {
        assert!(!found.contains(name), "{name}: {found:?}");
    }
}

#[test]
fn the_year_peaks_in_november_and_on_black_friday() {
    let measured = run(Study::Year, |_| {});
    check(Study::Year, &measured);
    assert!(measured.hours.len() >= 365 * 24);
    let found = breaks(Study::Year, &measured, |other| level(&mut other.hours));
    assert_eq!(found, BTreeSet::from(["Black Friday", "busiest month"]));
}

#[test]
fn regulars_buy_again_what_they_bought() {
    let measured = run(Study::Regulars, |_| {});
    check(Study::Regulars, &measured);
    let nothing = |other: &mut Measured| other.reorders.iter_mut().for_each(|of| of.again = 0);
    assert_eq!(
        breaks(Study::Regulars, &measured, nothing),
        BTreeSet::from(["bought before"])
    );
}
