//! Histories of everything that can go wrong between a stream and a table, against a plain model of the outcome.

use std::collections::{BTreeMap, BTreeSet};

use analytics::Partial;
use analytics::sales::{SalesPartial, Totals};
use aws::batch;
use aws::partials::{Delivered, Page, fold_batch};
use aws::{InvocationError, Lineage};
use aws_lambda_events::event::kinesis::KinesisEvent;
use events::{Body, Country, Event, Uuid};
use sales::Sales;
use testkit::{Chaos, Guard, MemoryLineage, MemoryPartials, SimStream, deliver, histories};

/// What a reader of the table is told: sums and buyers by window and country.
type Seen = BTreeMap<(String, Country), (Totals, u64)>;

/// Every valid event once, whatever way it came.
fn expected(stream: &SimStream) -> Seen {
    let mut ids = BTreeSet::new();
    let mut sums: BTreeMap<(String, Country), (Totals, BTreeSet<u64>)> = BTreeMap::new();
    for event in stream.records().flat_map(|(_, record)| &record.events) {
        if !ids.insert(event.envelope.event_id) {
            continue;
        }
        let window = format!("sales#{}", event.envelope.occurred_at.minute());
        let (totals, buyers) = sums.entry((window, event.envelope.country)).or_default();
        match &event.body {
            Body::Purchase(sale) => {
                totals.orders += 1;
                totals.units += sale.lines[0].quantity;
                totals.gross_minor += sale.lines[0].quantity * 1_250;
                totals.discount_minor += 100;
                totals.shipping_minor += 495;
                totals.tax_minor += 10;
                buyers.insert(event.envelope.user_id);
            }
            Body::Refund(refund) => {
                totals.refunds += 1;
                totals.refunded_units += refund.sale.lines[0].quantity;
                totals.refunded_minor += refund.sale.lines[0].quantity * 1_250 - 100;
            }
            other => unreachable!("the stream carries transactions, not {other:?}"),
        }
    }
    sums.into_iter()
        .map(|(key, (totals, buyers))| (key, (totals, buyers.len() as u64)))
        .collect()
}

/// Runs a history `times` over, as after a reset to the oldest record, and tells what is in the table then.
fn history(seed: u64, guard: Guard, times: u64) -> (SimStream, Seen, Vec<Page<SalesPartial>>) {
    let stream = SimStream::transactions(seed);
    let chaos = Chaos::new(seed);
    let store = MemoryPartials::new(&chaos, guard);
    let sales = Sales::new(
        &store,
        MemoryLineage {
            stream: &stream,
            chaos: &chaos,
        },
    );
    for replay in 0..times {
        deliver(seed + replay, &stream, &chaos, async |event| {
            sales.handle(event).await.map(drop)
        });
    }
    let mut table = Seen::new();
    for (window, partial) in store.windows() {
        for (country, sales) in partial.countries {
            table.insert((window.clone(), country), (sales.totals, sales.buyers.count()));
        }
    }
    let pages = store.pages();
    (stream, table, pages)
}

#[test]
fn every_history_ends_as_if_each_event_had_come_once() {
    for seed in 0..histories() {
        let (stream, seen, _) = history(seed, Guard::Whole, 1);
        assert_eq!(seen, expected(&stream), "seed {seed}");
    }
}

#[test]
fn replays_of_the_whole_stream_change_nothing() {
    for seed in 0..histories() / 10 {
        let (.., once) = history(seed, Guard::Whole, 1);
        let (.., three_times) = history(seed, Guard::Whole, 3);
        assert_eq!(three_times.len(), once.len(), "seed {seed}");
        let totals = |pages: &[Page<SalesPartial>]| {
            pages
                .iter()
                .map(|page| (page.mark.clone(), page.partial.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(totals(&three_times), totals(&once), "seed {seed}");
    }
}

#[test]
fn without_the_conditional_mark_histories_go_wrong() {
    let wrong = (0..histories()).find(|&seed| {
        let (stream, seen, _) = history(seed, Guard::NoConditionalMark, 1);
        seen != expected(&stream)
    });
    assert!(
        wrong.is_some(),
        "the simulator does not notice that the guard is gone"
    );
}

/// Sales on pages of three events, so that a history fills many.
#[derive(Clone, Debug, Default, PartialEq)]
struct SmallPages(SalesPartial);

impl Partial for SmallPages {
    const FAMILY: &'static str = SalesPartial::FAMILY;

    fn fold(&mut self, event: &Event) {
        self.0.fold(event);
    }

    fn event_ids(&self) -> &[Uuid] {
        self.0.event_ids()
    }

    fn is_full(&self) -> bool {
        self.event_ids().len() >= 3
    }

    fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0);
    }
}

/// Folds a batch into one window of all times.
async fn fold_into_one_window(
    store: &MemoryPartials<'_, SmallPages>,
    lineage: &MemoryLineage<'_>,
    event: KinesisEvent,
) -> Result<(), InvocationError> {
    for batch in batch::decode(event)? {
        let delivered = batch.entries.iter().filter_map(|entry| {
            let event = entry.outcome.as_ref().ok()?;
            Some(Delivered {
                sequence: &entry.sequence,
                arrived_at: entry.arrived_at,
                event,
            })
        });
        let windows = BTreeMap::from([("sales".to_owned(), delivered.collect())]);
        let ancestors = lineage.ancestors(&batch.stream_name, &batch.shard_id).await?;
        fold_batch(store, &batch.shard_id, &ancestors, windows).await?;
    }
    Ok(())
}

#[test]
fn histories_that_fill_many_pages_end_the_same() {
    let mut most_pages = 0;
    for seed in 0..histories() {
        let stream = SimStream::transactions(seed);
        let chaos = Chaos::new(seed);
        let store = MemoryPartials::new(&chaos, Guard::Whole);
        let lineage = MemoryLineage {
            stream: &stream,
            chaos: &chaos,
        };
        deliver(seed, &stream, &chaos, async |event| {
            fold_into_one_window(&store, &lineage, event).await
        });

        let mut ids: Vec<Uuid> = store
            .pages()
            .iter()
            .flat_map(|page| page.partial.event_ids().to_vec())
            .collect();
        ids.sort_unstable();
        let sent = stream
            .records()
            .flat_map(|(_, record)| &record.events)
            .map(|event| event.envelope.event_id);
        assert_eq!(
            ids,
            sent.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>(),
            "seed {seed}"
        );
        let mut by_country: BTreeMap<Country, Totals> = BTreeMap::new();
        for ((_, country), (totals, _)) in expected(&stream) {
            by_country.entry(country).or_default().merge(&totals);
        }
        let windows = store.windows();
        let found = windows.values().flat_map(|partial| &partial.0.countries);
        assert_eq!(
            found
                .map(|(country, sales)| (*country, sales.totals))
                .collect::<BTreeMap<_, _>>(),
            by_country,
            "seed {seed}"
        );
        most_pages = most_pages.max(
            store
                .pages()
                .iter()
                .map(|page| page.number + 1)
                .max()
                .unwrap_or(0),
        );
    }
    assert!(most_pages > 3, "no history filled more than {most_pages} pages");
}
