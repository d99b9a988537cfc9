//! Histories of everything that can go wrong between the stream of transactions, the table of metrics, the sweep and its
//! checkpoint.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use analytics::alerts::{Policy, Signal, Status};
use analytics::inventory::{InventoryFact, InventoryPartial, Moved, Stock};
use aws::job::StreamJob;
use aws::{StoreError, sweep};
use events::{MS_PER_DAY, Stream, Timestamp};
use inventory::{Catalog, Inventory, Part, Settings};
use testkit::{
    Chaos, Guard, MemoryAlerts, MemoryCheckpoint, MemoryLineage, MemoryPartials, SimStream, SmallPages,
    clock, deliver, exactly_once, histories,
};

/// Of each product, so many are there at first: few enough to run out.
const INITIAL_STOCK: i64 = 12;

#[test]
fn every_history_ends_as_if_each_event_had_come_once() {
    exactly_once::<InventoryPartial, _>(&[Stream::Transactions], InventoryPartial::products);
}

#[test]
fn histories_that_fill_many_pages_end_the_same() {
    exactly_once::<SmallPages<InventoryPartial>, _>(&[Stream::Transactions], |partial| partial.0.products());
}

struct SmallCatalog;

impl Catalog for SmallCatalog {
    async fn parts(&self) -> Result<Vec<Part>, StoreError> {
        let (key, version) = ("catalog/products/part-0.parquet".into(), "1".into());
        Ok(vec![Part { key, version }])
    }

    async fn initial_stock(&self, _: &Part) -> Result<Vec<(u64, i64)>, StoreError> {
        Ok((0..9).map(|product_id| (product_id, INITIAL_STOCK)).collect())
    }
}

/// What is told in the end: what moved of each product, and of which conditions there are open alerts.
#[derive(Debug, PartialEq)]
struct Told {
    moved: BTreeMap<u64, Moved>,
    open_alerts: BTreeSet<String>,
}

fn told(stock: &Stock, open_alerts: BTreeSet<String>) -> Told {
    let moved = stock.products();
    let moved = moved.map(|of| {
        let (sold, returned) = (of.sold, of.returned);
        (of.product_id, Moved { sold, returned })
    });
    Told {
        moved: moved.collect(),
        open_alerts,
    }
}

/// Demand fades before a history's end: what is low by demand stays so for a while after, and would tell the way there.
fn settings() -> analytics::inventory::Settings {
    analytics::inventory::Settings {
        velocity_half_life_minutes: 30.0,
        ..analytics::inventory::Settings::default()
    }
}

/// Every fact once, in one sweep at the end.
fn expected(stream: &SimStream, end: Timestamp) -> Told {
    let mut stock = Stock::default();
    stock.take_catalog((0..9).map(|product_id| (product_id, INITIAL_STOCK)));
    let facts: Vec<InventoryFact> = stream
        .events()
        .into_iter()
        .filter_map(InventoryFact::of)
        .collect();
    let advanced = stock.advance(&facts, end, &settings());
    let raised = advanced
        .signals
        .iter()
        .filter(|signal| matches!(signal, Signal::Raise(_)));
    told(&stock, raised.map(Signal::fingerprint).collect())
}

fn history(seed: u64, guard: Guard, times: u64) -> (Told, Told) {
    let stream = SimStream::transactions(seed);
    let chaos = Chaos::new(seed);
    let store = MemoryPartials::new(&chaos, guard);
    let checkpoint = MemoryCheckpoint::new(&chaos, guard);
    let alerts = MemoryAlerts::new(&chaos, guard);
    let last = stream.records().map(|(_, record)| record.arrived_at).max();
    let end = last.expect("a history has records").plus_ms(MS_PER_DAY);
    let start = || {
        let settings = Settings {
            inventory: settings(),
            policy: Policy::default(),
            transactions: Stream::Transactions.to_string(),
            pages_kept_days: 365,
        };
        let lineage = MemoryLineage {
            stream: &stream,
            chaos: &chaos,
        };
        Inventory::new(
            StreamJob::new(&store, lineage),
            &checkpoint,
            SmallCatalog,
            &alerts,
            settings,
        )
    };
    let batches = Cell::new(0_u64);
    for replay in 0..times {
        let handle = async |inventory: &Inventory<_, _, _, _, _>, batch| {
            batches.set(batches.get() + 1);
            let now = clock(end, seed, batches.get());
            inventory.job.handle_noting(batch, now).await?;
            if batches.get().is_multiple_of(4) {
                inventory.sweep(now).await?;
            }
            Ok::<_, aws::InvocationError>(())
        };
        deliver(seed + replay, &stream, &chaos, start, &handle);
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
    let stored = (0..100).find_map(|_| chaos.invoke(sweep::load::<Stock, Vec<Signal>>(&checkpoint))?.ok());
    let (stored, _) = stored.flatten().expect("a checkpoint");
    let open = alerts
        .alerts()
        .into_iter()
        .filter(|(_, alert)| alert.status == Status::Open);
    let found = told(&stored.state, open.map(|(fingerprint, _)| fingerprint).collect());
    (found, expected(&stream, end))
}

#[test]
fn sweeps_end_as_if_there_had_been_one_over_each_fact_once() {
    for seed in 0..histories() {
        let (found, expected) = history(seed, Guard::Whole, 1);
        assert_eq!(found, expected, "seed {seed}");
    }
}

#[test]
fn replays_of_the_whole_stream_move_nothing() {
    for seed in 0..histories() / 10 {
        let (found, expected) = history(seed, Guard::Whole, 3);
        assert_eq!(found, expected, "seed {seed}");
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
