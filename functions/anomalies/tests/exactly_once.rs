//! Histories of everything that can go wrong between the stream of transactions, the table of metrics, the marks, the sweep
//! and its checkpoint.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use analytics::Facts as _;
use analytics::alerts::{Policy, Sighting, Signal};
use analytics::anomalies::{AnomaliesPartial, Baselines, PurchaseFact, by_user, detect, judge};
use anomalies::{Anomalies, Learned, Settings};
use aws::job::StreamJob;
use aws::sweep;
use events::{MS_PER_DAY, MS_PER_MINUTE, Minute, Stream, Timestamp};
use testkit::{
    Chaos, Guard, MemoryAlerts, MemoryCheckpoint, MemoryLineage, MemoryLog, MemoryPartials, SimStream,
    SmallPages, clock, deliver, exactly_once, histories,
};

type Findings = BTreeMap<(Minute, String), Sighting>;

fn ids(partial: &AnomaliesPartial) -> BTreeMap<u128, PurchaseFact> {
    let purchases = partial.facts().iter();
    purchases
        .map(|purchase| (purchase.event_id.as_u128(), *purchase))
        .collect()
}

#[test]
fn every_history_ends_as_if_each_event_had_come_once() {
    exactly_once::<AnomaliesPartial, _>(&[Stream::Transactions], ids);
}

#[test]
fn histories_that_fill_many_pages_end_the_same() {
    exactly_once::<SmallPages<AnomaliesPartial>, _>(&[Stream::Transactions], |partial| ids(&partial.0));
}

/// Thresholds so low that histories of few purchases have findings: two orders at once, from two countries, of four units.
fn detectors() -> analytics::anomalies::Settings {
    analytics::anomalies::Settings {
        high_quantity_units: 4,
        velocity_orders: 1,
        country_hopping_countries: 2,
        ..analytics::anomalies::Settings::default()
    }
}

/// What all purchases together show.
fn expected(stream: &SimStream) -> Findings {
    let purchases: Vec<PurchaseFact> = stream.events().into_iter().filter_map(PurchaseFact::of).collect();
    let minutes: BTreeMap<_, _> = purchases
        .iter()
        .map(|purchase| {
            (
                purchase.event_id,
                purchase.occurred_at_ms.div_euclid(MS_PER_MINUTE),
            )
        })
        .collect();
    let groups = by_user(&purchases);
    let groups = groups.values().flat_map(|history| detect(history, &detectors()));
    let baselines = Baselines::default();
    let single = purchases
        .iter()
        .filter_map(|purchase| judge(purchase, &baselines, &detectors()));
    let all = groups.chain(single).map(|finding| {
        let minute = Minute::from_number(minutes[&finding.evidence.event_ids[0]]);
        let sighting = Sighting::from(finding);
        (
            (minute, format!("{}#{}", sighting.alert_type, sighting.id)),
            sighting,
        )
    });
    all.collect()
}

struct Ended {
    findings: Findings,
    alerts: BTreeSet<String>,
    learned: Learned,
    expected: Findings,
}

fn history(seed: u64, guard: Guard, times: u64) -> Ended {
    let stream = SimStream::transactions(seed);
    let chaos = Chaos::new(seed);
    let store = MemoryPartials::new(&chaos, guard);
    let marks = MemoryLog::new(&chaos, guard);
    let checkpoint = MemoryCheckpoint::new(&chaos, guard);
    let alerts = MemoryAlerts::new(&chaos, guard);
    let last = stream.records().map(|(_, record)| record.arrived_at).max();
    let end = last.expect("a history has records").plus_ms(MS_PER_DAY);
    let start = || {
        let settings = Settings {
            detectors: detectors(),
            policy: Policy::default(),
            transactions: Stream::Transactions.to_string(),
            pages_kept_days: 365,
        };
        let lineage = MemoryLineage {
            stream: &stream,
            chaos: &chaos,
        };
        Anomalies::new(
            StreamJob::new(&store, lineage),
            &marks,
            &checkpoint,
            &alerts,
            settings,
        )
    };
    let batches = Cell::new(0_u64);
    for replay in 0..times {
        let handle = async |anomalies: &Anomalies<_, _, _, _, _>, batch| {
            batches.set(batches.get() + 1);
            let now = clock(end, seed, batches.get());
            anomalies.handle(batch, now).await?;
            if batches.get().is_multiple_of(4) {
                anomalies.sweep(now).await?;
            }
            Ok::<_, aws::InvocationError>(())
        };
        deliver(seed + replay, &stream, &chaos, start, &handle);
    }
    let swept = |now: Timestamp| matches!(chaos.invoke(start().sweep(now)), Some(Ok(_)));
    assert!(
        (0..100).any(|_| swept(end)),
        "a sweep still fails when there is no trouble left"
    );
    chaos.settle();
    // A late write of a dead sweep was the last one.
    assert!(
        (0..100).any(|_| swept(end)),
        "a sweep still fails when there is no trouble left"
    );
    let stored = (0..100).find_map(|_| {
        chaos
            .invoke(sweep::load::<Learned, Vec<Signal>>(&checkpoint))?
            .ok()
    });
    Ended {
        findings: store.findings(),
        alerts: alerts.alerts().into_keys().collect(),
        learned: stored
            .flatten()
            .map(|(checkpoint, _)| checkpoint.state)
            .unwrap_or_default(),
        expected: expected(&stream),
    }
}

/// Every finding is there as all purchases together show it, has its alert, and there is no other.
fn is_right(ended: &Ended) -> bool {
    let fingerprint =
        |sighting: &Sighting| analytics::alerts::fingerprint(sighting.alert_type, &sighting.entity);
    ended.findings == ended.expected
        && ended
            .expected
            .values()
            .all(|sighting| ended.alerts.contains(&fingerprint(sighting)))
}

/// The baselines of all purchases, each learned from once.
fn learned_once(seed: u64) -> Baselines {
    let mut baselines = Baselines::default();
    let stream = SimStream::transactions(seed);
    let purchases = stream.events().into_iter().filter_map(PurchaseFact::of);
    purchases.for_each(|purchase| baselines.learn(&purchase));
    baselines
}

#[test]
fn every_history_finds_what_all_purchases_together_show() {
    let mut findings = 0;
    for seed in 0..histories() {
        let ended = history(seed, Guard::Whole, 1);
        assert!(
            is_right(&ended),
            "seed {seed}: {:#?}\nexpected {:#?}",
            ended.findings,
            ended.expected
        );
        assert_eq!(ended.learned.baselines, learned_once(seed), "seed {seed}");
        findings += ended.expected.len() as u64;
    }
    assert!(findings > histories(), "too few findings to tell: {findings}");
}

#[test]
fn replays_of_the_whole_stream_find_nothing_else() {
    for seed in 0..histories() / 10 {
        let (once, three_times) = (history(seed, Guard::Whole, 1), history(seed, Guard::Whole, 3));
        assert!(is_right(&three_times), "seed {seed}");
        assert_eq!(
            three_times.learned.baselines, once.learned.baselines,
            "seed {seed}"
        );
    }
}

#[test]
fn without_conditions_histories_go_wrong() {
    let wrong = (0..histories()).find(|&seed| {
        let ended = history(seed, Guard::NoConditionalMark, 1);
        !is_right(&ended) || ended.learned.baselines != learned_once(seed)
    });
    assert!(
        wrong.is_some(),
        "the simulator does not notice that the guards are gone"
    );
}
