//! The ledger of a generated run against the jobs' own folds over the same events: what `verify` compares, without a store.

use std::collections::BTreeMap;

use analytics::anomalies::AnomaliesPartial;
use analytics::carts::{CartMinute, CartSettings, CartsPartial, OpenCarts};
use analytics::inventory::InventoryPartial;
use analytics::views::ViewsPartial;
use analytics::{Facts, Partial};
use events::{Event, Minute, Timestamp};

use super::tests::differing;
use super::*;
use crate::generator::{Config, FaultRates, Generator, Limit};
use crate::ledger::{Books, RunFacts, Totals};
use crate::profile::Profile;
use crate::source::{Content, Keep, Source};

const RECORDS: u64 = 12_000;
const TIMEOUT_MS: i64 = 120_000;

/// A run with late and repeated events.
pub(super) fn records() -> Vec<Content> {
    let start = Timestamp::parse("2026-11-22T17:29:58Z").unwrap();
    let config = Config {
        faults: FaultRates {
            duplicate: 0.02,
            late: 0.05,
            bad: 0.02,
        },
        ..Profile::load("globalmart").unwrap().config(7, start).unwrap()
    };
    let limit = Limit {
        records: Some(RECORDS),
        duration: None,
    };
    let mut generator = Generator::new(config, limit);
    std::iter::from_fn(|| generator.next_record(Keep::ALL))
        .filter_map(|record| record.content.map(|content| *content))
        .collect()
}

/// What the ledger of a run of these records says.
pub(super) fn sent(records: &[Content]) -> Sent {
    let mut books = Books::new(TIMEOUT_MS);
    records.iter().for_each(|content| books.acknowledge(content));
    let start = Timestamp::from_ms(0).unwrap();
    let run = RunFacts {
        seed: 7,
        start,
        end: start,
        sent_from: start,
        sent_to: start,
        stage: "dev".to_owned(),
        sink: "kinesis".to_owned(),
        rate: 500,
        mix: "globalmart".to_owned(),
        users: 1,
        products: 1,
        cart_timeout_ms: TIMEOUT_MS,
    };
    let ledger = books.close(run, Totals::default());
    // Through its file's form, as verify reads it.
    let json = serde_json::to_vec(&ledger).unwrap();
    Sent::of(&[serde_json::from_slice(&json).unwrap()]).unwrap()
}

/// Its events, each once.
pub(super) fn events(records: &[Content]) -> impl Iterator<Item = &Event> {
    records.iter().filter_map(|content| match content {
        Content::Event(planned) => Some(&planned.event),
        Content::Again(_) | Content::Bad(_) => None,
    })
}

/// Each minute's pages, as a job stores them.
fn pages<P: Partial>(records: &[Content]) -> BTreeMap<Minute, Vec<P>> {
    let mut minutes: BTreeMap<Minute, Vec<P>> = BTreeMap::new();
    for event in events(records).filter(|event| P::counts(event)) {
        let pages = minutes.entry(event.envelope.occurred_at.minute()).or_default();
        if pages.last().is_none_or(P::is_full) {
            pages.push(P::default());
        }
        if let Some(page) = pages.last_mut() {
            page.fold(event);
        }
    }
    minutes
}

#[test]
fn views_are_those_of_the_fold() {
    let records = records();
    let mut counted = views::Counted::default();
    for (minute, pages) in pages::<ViewsPartial>(&records) {
        counted.add(views::counted(minute, &pages));
    }
    let sent = sent(&records);
    assert!(sent.minutes.len() > 2 && sent.product_views.len() > 1_000);
    assert_eq!(differing(views::checks(&sent, &counted)), []);
}

#[test]
fn carts_are_those_of_the_fold_and_of_the_sweep() {
    let records = records();
    let (mut counted, mut facts) = (TypeCells::new(), Vec::new());
    for (minute, pages) in pages::<CartsPartial>(&records) {
        add_up(&mut counted, carts::activity(minute, &pages));
        let identified =
            |page: &CartsPartial| page.identified_facts().map(|(id, fact)| (id, *fact)).collect();
        facts.extend(pages.iter().flat_map::<Vec<_>, _>(identified));
    }
    let settings = CartSettings {
        timeout_ms: TIMEOUT_MS,
        ..CartSettings::default()
    };
    let mut swept = OpenCarts::default();
    let long_after = Timestamp::parse("2026-11-23T17:30:00Z").unwrap();
    swept.advance(facts.iter().map(|(id, fact)| (*id, fact)), long_after, &settings);
    let figures: BTreeMap<Minute, CartMinute> = swept
        .minutes()
        .map(|(minute, figures)| (minute, *figures))
        .collect();
    let sent = sent(&records);
    let of_all = sent
        .cart_minutes
        .values()
        .fold((0, 0), |(converted, abandoned), facts| {
            (converted + facts.converted, abandoned + facts.abandoned)
        });
    assert!(of_all.0 > 100 && of_all.1 > 100, "{of_all:?}");
    assert_eq!(differing(type_checks(Job::Carts, &sent.events, &counted)), []);
    assert_eq!(
        differing(carts::fate_checks(&sent.cart_minutes, &figures, long_after)),
        []
    );
}

#[test]
fn purchases_and_units_are_those_of_the_folds() {
    let records = records();
    let sent = sent(&records);
    let mut purchases = TypeCells::new();
    for (minute, pages) in pages::<AnomaliesPartial>(&records) {
        let of_minute = pages.iter().map(|page| page.facts().len() as u64).sum();
        add_up(&mut purchases, [((minute, EventType::Purchase), of_minute)]);
    }
    assert_eq!(
        differing(type_checks(Job::Anomalies, &sent.events, &purchases)),
        []
    );
    let mut units = inventory::Units::new();
    for pages in pages::<InventoryPartial>(&records).values() {
        for (product_id, moved) in inventory::moved(pages) {
            units.entry(product_id).or_default().merge(moved);
        }
    }
    assert_eq!(
        differing(inventory::unit_checks("inventory", &sent.product_units, &units)),
        []
    );
}
