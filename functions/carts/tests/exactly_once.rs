//! Histories of everything that can go wrong between the streams, the table of metrics, the sweep and its checkpoint.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use analytics::alerts::{AlertType, Policy, Status, fingerprint};
use analytics::carts::{CartFact, CartMinute, CartSettings, CartsPartial, Fate, OpenCarts, TopCarts};
use aws::job::StreamJob;
use carts::{Carts, Settings};
use events::{MS_PER_DAY, Minute, Stream, Timestamp};
use testkit::{
    Chaos, Guard, MemoryAlerts, MemoryCheckpoint, MemoryLineage, MemoryPartials, SimStream, SmallPages,
    clock, deliver, exactly_once, histories,
};

const STREAMS: [Stream; 2] = [Stream::CartEvents, Stream::Transactions];

#[test]
fn every_history_ends_as_if_each_event_had_come_once() {
    exactly_once::<CartsPartial, _>(&STREAMS, CartsPartial::activity);
}

#[test]
fn histories_that_fill_many_pages_end_the_same() {
    exactly_once::<SmallPages<CartsPartial>, _>(&STREAMS, |partial| partial.0.activity());
}

/// What is told in the end: the figures of minutes, of which carts there are open alerts, and the carts of most value.
#[derive(Debug, PartialEq)]
struct Told {
    minutes: BTreeMap<Minute, CartMinute>,
    open_alerts: BTreeSet<String>,
    top: Option<TopCarts>,
}

/// Nothing is forgotten within a history, and every cart that is left behind is worth telling of.
fn settings() -> CartSettings {
    CartSettings {
        alert_value_minor: 1,
        memory_ms: 1_000 * MS_PER_DAY,
        abandoned_memory_ms: 1_000 * MS_PER_DAY,
        minutes_memory_ms: 1_000 * MS_PER_DAY,
        ..CartSettings::default()
    }
}

fn told(minutes: BTreeMap<Minute, CartMinute>, open_alerts: BTreeSet<String>, top: Option<TopCarts>) -> Told {
    let minutes = minutes
        .into_iter()
        .filter(|(_, figures)| *figures != CartMinute::default());
    Told {
        minutes: minutes.collect(),
        open_alerts,
        top,
    }
}

/// Every fact once, in one sweep at the end.
fn expected(streams: &[SimStream], end: Timestamp) -> Told {
    let events = streams.iter().flat_map(SimStream::events);
    let facts: Vec<_> = events
        .filter_map(|event| Some((event.envelope.event_id, CartFact::of(event)?)))
        .collect();
    let mut open = OpenCarts::default();
    let swept = open.advance(facts.iter().map(|(id, fact)| (*id, fact)), end, &settings());
    let abandoned = swept.sessions.iter().filter_map(|change| change.after);
    let abandoned =
        abandoned.filter(|session| matches!(session.fate, Fate::Abandoned { .. }) && session.value_minor > 0);
    let alerts = abandoned
        .map(|session| fingerprint(AlertType::AbandonedCart, &format!("cart:{}", session.cart_id)))
        .collect();
    told(swept.minutes, alerts, open.top())
}

/// The end of all histories: every cart's fate is sealed.
fn end_of(streams: &[SimStream]) -> Timestamp {
    let arrivals = streams
        .iter()
        .flat_map(SimStream::records)
        .map(|(_, record)| record.arrived_at);
    arrivals.max().expect("a history has records").plus_ms(MS_PER_DAY)
}

fn history(seed: u64, guard: Guard, times: u64) -> (Told, Told) {
    let streams = STREAMS.map(|stream| SimStream::of(stream, seed));
    let chaos = Chaos::new(seed);
    let store = MemoryPartials::new(&chaos, guard);
    let checkpoint = MemoryCheckpoint::new(&chaos, guard);
    let alerts = MemoryAlerts::new(&chaos, guard);
    let end = end_of(&streams);
    let start = || {
        // The streams have the same shards, so one lineage serves both.
        let lineage = MemoryLineage {
            stream: &streams[0],
            chaos: &chaos,
        };
        let settings = Settings {
            carts: settings(),
            policy: Policy::default(),
            streams: STREAMS.map(|stream| (stream, stream.to_string())).into(),
            pages_kept_days: 365,
        };
        Carts::new(StreamJob::new(&store, lineage), &checkpoint, &alerts, settings)
    };
    let batches = Cell::new(0_u64);
    let handle = async |carts: &Carts<_, _, _, _>, batch| {
        batches.set(batches.get() + 1);
        let now = clock(end, seed, batches.get());
        carts.job.handle_noting(batch, now).await?;
        if (seed + batches.get()).is_multiple_of(4) {
            carts.sweep(now).await?;
        }
        Ok::<_, aws::InvocationError>(())
    };
    for replay in 0..times {
        for stream in &streams {
            deliver(seed + replay, stream, &chaos, start, &handle);
        }
    }
    let swept = || matches!(chaos.invoke(start().sweep(end)), Some(Ok(_)));
    assert!(
        (0..100).any(|_| swept()),
        "a sweep still fails when there is no trouble left"
    );
    chaos.settle();
    // A late write of a dead sweep was the last one.
    assert!(
        (0..100).any(|_| swept()),
        "a sweep still fails when there is no trouble left"
    );
    let open = alerts
        .alerts()
        .into_iter()
        .filter(|(_, alert)| alert.status == Status::Open);
    let found = told(
        store.figures(),
        open.map(|(fingerprint, _)| fingerprint).collect(),
        // What nothing changed any more has no new time.
        store.latest().map(|top: TopCarts| TopCarts { as_of: end, ..top }),
    );
    (found, expected(&streams, end))
}

#[track_caller]
fn assert_told(seed: u64, (found, expected): (Told, Told)) {
    for minute in found.minutes.keys().chain(expected.minutes.keys()) {
        let of = |told: &Told| told.minutes.get(minute).copied();
        assert_eq!(of(&found), of(&expected), "seed {seed}, {minute}");
    }
    assert_eq!(found.open_alerts, expected.open_alerts, "seed {seed}");
    assert_eq!(found.top, expected.top, "seed {seed}");
}

#[test]
fn sweeps_end_as_if_there_had_been_one_over_each_fact_once() {
    for seed in 0..histories() {
        assert_told(seed, history(seed, Guard::Whole, 1));
    }
}

#[test]
fn replays_of_the_whole_streams_change_no_fate() {
    for seed in 0..histories() / 10 {
        assert_told(seed, history(seed, Guard::Whole, 3));
    }
}

#[test]
fn without_conditions_histories_of_sweeps_go_wrong() {
    let wrong = (0..histories()).find(|&seed| {
        let (found, expected) = history(seed, Guard::NoConditionalMark, 1);
        found != expected
    });
    assert!(
        wrong.is_some(),
        "the simulator does not notice that the guards are gone"
    );
}
