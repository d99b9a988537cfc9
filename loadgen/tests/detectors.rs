//! How well the detectors tell the anomalies that the generator injects from ordinary purchases.
//!
//! Purchases are judged as the functions would judge them: minute by minute, each against the baselines as they were when its
//! minute began.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use analytics::alerts::{AlertType, Signal};
use analytics::anomalies::{Baselines, Finding, PurchaseFact, RateMonitor, Settings, by_user, detect, judge};
use events::{Timestamp, Uuid};
use loadgen::generator::{Anomaly, Config, Generator, Limit};
use loadgen::profile::Profile;
use loadgen::source::{Keep, Source as _};

/// The thresholds were chosen on others.
const SEEDS: [u64; 2] = [101, 102];
const PURCHASES: usize = 200_000;
/// Of each kind of anomaly.
const LEAST_PRECISION: f64 = 0.95;
const LEAST_RECALL: f64 = 0.95;
/// Of all rules together, where nothing is wrong.
const MOST_FINDINGS_PER_10_000: f64 = 1.0;

/// The purchases of a run, and which of them are anomalous.
struct Stream {
    purchases: Vec<PurchaseFact>,
    injected: BTreeMap<Anomaly, BTreeSet<Uuid>>,
}

fn stream(config: Config, purchases: usize) -> Stream {
    let keep = Keep {
        ledger: false,
        freshness: true,
    };
    let mut generator = Generator::new(config, Limit::default());
    let mut stream = Stream {
        purchases: Vec::with_capacity(purchases),
        injected: BTreeMap::new(),
    };
    while stream.purchases.len() < purchases {
        let record = generator.next_record(keep).expect("the run has no limit");
        let Some(planned) = record.into_event() else {
            continue;
        };
        let Some(purchase) = PurchaseFact::of(&planned.event) else {
            continue;
        };
        stream.purchases.push(purchase);
        if let Some(injected) = planned.anomaly {
            stream
                .injected
                .entry(injected.kind)
                .or_default()
                .insert(purchase.event_id);
        }
    }
    stream
}

/// What the rules on purchases and shoppers find, and how often the shop's rate leaves its limits.
fn detected(purchases: &[PurchaseFact], settings: &Settings) -> (Vec<Finding>, usize) {
    let mut findings: Vec<Finding> = by_user(purchases)
        .values()
        .flat_map(|history| detect(history, settings))
        .collect();
    let (mut baselines, mut monitor, mut alarms) = (Baselines::default(), RateMonitor::default(), 0);
    let minute = |purchase: &PurchaseFact| {
        Timestamp::from_ms(purchase.occurred_at_ms)
            .expect("a time of the run")
            .minute()
    };
    for purchases in purchases.chunk_by(|one, next| minute(one) == minute(next)) {
        findings.extend(
            purchases
                .iter()
                .filter_map(|purchase| judge(purchase, &baselines, settings)),
        );
        purchases.iter().for_each(|purchase| baselines.learn(purchase));
        let value_minor = purchases.iter().map(|purchase| purchase.goods_minor).sum();
        let signals = monitor.observe(
            minute(&purchases[0]),
            purchases.len() as u64,
            value_minor,
            settings,
        );
        alarms += signals
            .iter()
            .filter(|signal| matches!(signal, Signal::Raise(_)))
            .count();
    }
    (findings, alarms)
}

/// A price far from the usual is how high values are found that are no large sums.
fn kind_of(rule: AlertType) -> Anomaly {
    match rule {
        AlertType::HighQuantity => Anomaly::HighQuantity,
        AlertType::HighValue | AlertType::UnusualValue => Anomaly::HighValue,
        AlertType::Velocity => Anomaly::Velocity,
        AlertType::CardTesting => Anomaly::CardTesting,
        AlertType::CountryHopping => Anomaly::CountryHopping,
        _ => unreachable!("no rule on purchases finds {rule:?}"),
    }
}

/// The default profile from a seed, with such a share of anomalous purchases.
fn shop(seed: u64, anomaly_rate: f64) -> Config {
    let start = Timestamp::parse("2026-03-02T00:00:00Z").unwrap();
    let config = Profile::load("globalmart").unwrap().config(seed, start).unwrap();
    Config {
        anomaly_rate,
        ..config
    }
}

#[test]
fn injected_anomalies_are_found_and_told_apart() {
    for seed in SEEDS {
        let Stream { purchases, injected } = stream(shop(seed, 0.02), PURCHASES);
        let (findings, alarms) = detected(&purchases, &Settings::default());
        let mut found: BTreeMap<Anomaly, BTreeSet<Uuid>> = BTreeMap::new();
        for finding in &findings {
            let named = found.entry(kind_of(finding.rule)).or_default();
            named.extend(&finding.evidence.event_ids);
        }
        println!(
            "seed {seed}: {} findings, {alarms} alarms of the rate",
            findings.len()
        );
        println!("kind             injected  found  precision  recall");
        for kind in Anomaly::ALL {
            let (injected, found) = (&injected[kind], &found[kind]);
            let right = injected.intersection(found).count() as f64;
            let (precision, recall) = (right / found.len() as f64, right / injected.len() as f64);
            println!(
                "{kind:16} {:8} {:6} {precision:10.4} {recall:7.4}",
                injected.len(),
                found.len()
            );
            assert!(precision >= LEAST_PRECISION, "{kind}: precision {precision}");
            assert!(recall >= LEAST_RECALL, "{kind}: recall {recall}");
        }
    }
}

#[test]
fn ordinary_purchases_are_left_alone() {
    for seed in SEEDS {
        let Stream { purchases, injected } = stream(shop(seed, 0.0), PURCHASES);
        assert!(injected.is_empty());
        let (findings, alarms) = detected(&purchases, &Settings::default());
        let per_10_000 = (findings.len() + alarms) as f64 * 10_000.0 / purchases.len() as f64;
        println!("seed {seed}: {per_10_000} findings per 10,000 ordinary purchases");
        assert!(per_10_000 <= MOST_FINDINGS_PER_10_000, "{per_10_000}");
    }
}
