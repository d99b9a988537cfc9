//! The ledger against sums made in the plainest way.

mod products;

use proptest::prelude::*;

use std::collections::HashMap;

use events::{Body, Line, Sale};

use super::books::goods_minor;
use super::*;
use crate::args::{Cli, Command};
use crate::generator::{Config, FaultRates, Generator, Limit, Planned};
use crate::plan::{Generation, Plan};
use crate::source::{Content, Keep, Source};

const COUNT: u64 = 3_100;
const CART_TIMEOUT_MS: i64 = 60_000;
const TOTALS: Totals = Totals {
    offered: COUNT,
    failed: 0,
    uncertain: 0,
    possible_duplicates: 0,
};

fn plan() -> Generation {
    let flags = [
        "loadgen",
        "run",
        "--seed",
        "7",
        "--users",
        "10000",
        "--products",
        "1000",
        "--sink",
        "null",
    ];
    let start = Timestamp::parse("2026-11-22T17:29:58Z").unwrap();
    let Ok(Cli {
        command: Command::Run(args),
    }) = Cli::read(flags)
    else {
        panic!("{flags:?}")
    };
    Plan::new(&args, start).unwrap().generation().unwrap().clone()
}

fn records(faults: FaultRates) -> Vec<Content> {
    let config = Config {
        faults,
        ..plan().config
    };
    let mut generator = Generator::new(
        config,
        Limit {
            records: Some(COUNT),
            duration: None,
        },
    );
    std::iter::from_fn(|| generator.next_record(Keep::ALL))
        .filter_map(|record| record.content.map(|content| *content))
        .collect()
}

fn events() -> Vec<Planned> {
    let event = |content| match content {
        Content::Event(planned) => planned,
        other => panic!("{other:?} without faults"),
    };
    records(FaultRates::default()).into_iter().map(event).collect()
}

fn facts() -> RunFacts {
    let plan = plan();
    let (start, end) = (plan.config.start, plan.config.start.plus_ms(6_198));
    RunFacts {
        seed: plan.config.seed,
        start,
        end,
        sent_from: start,
        sent_to: end,
        stage: "dev".to_owned(),
        sink: "null".to_owned(),
        rate: plan.rate,
        mix: plan.shape,
        users: plan.config.users,
        products: plan.config.products,
        cart_timeout_ms: CART_TIMEOUT_MS,
    }
}

fn ledger_of<'a>(acknowledged: impl IntoIterator<Item = &'a Planned>) -> Ledger {
    let mut books = Books::new(CART_TIMEOUT_MS);
    acknowledged
        .into_iter()
        .for_each(|planned| books.acknowledge(&Content::Event(planned.clone())));
    books.close(facts(), TOTALS)
}

#[test]
fn counts_and_sums_are_those_of_the_events() {
    let events = events();
    let ledger = ledger_of(&events);
    assert_eq!(ledger.acknowledged, COUNT);
    assert_eq!(ledger.minutes.len(), 2);
    for stream in Stream::ALL {
        let of_stream = || events.iter().filter(|planned| planned.event.stream() == *stream);
        let sum = of_stream().fold(0_u128, |sum, planned| {
            sum.wrapping_add(planned.event.envelope.event_id.as_u128())
        });
        assert_eq!(
            ledger.streams[stream],
            Count {
                events: of_stream().count() as u64,
                event_id_sum: IdSum(sum)
            }
        );
    }
    let by_minute: u64 = ledger
        .minutes
        .iter()
        .flat_map(|minute| minute.events.values())
        .map(|count| count.events)
        .sum();
    assert_eq!(by_minute, COUNT);

    let sales = ledger
        .minutes
        .iter()
        .flat_map(|minute| minute.countries.values())
        .fold(SalesFacts::default(), |mut total, sales| {
            total.merge(sales);
            total
        });
    let (mut paid, mut orders, mut repaid, mut refunds) = (0, 0, 0, 0);
    for planned in &events {
        match &planned.event.body {
            Body::Purchase(sale) => (paid, orders) = (paid + sale.total_minor, orders + 1),
            Body::Refund(refund) => {
                let Sale {
                    total_minor,
                    shipping_minor,
                    tax_minor,
                    ..
                } = refund.sale;
                (repaid, refunds) = (repaid + total_minor - shipping_minor - tax_minor, refunds + 1);
            }
            _ => {}
        }
    }
    assert_eq!(
        sales.gross_minor - sales.discount_minor + sales.shipping_minor + sales.tax_minor,
        paid
    );
    assert_eq!(
        (sales.orders, sales.refunds, sales.refunded_minor),
        (orders, refunds, repaid)
    );
    assert_eq!(ledger.carts.purchased, u64::try_from(orders).unwrap());
    assert_eq!(
        ledger.carts.created,
        ledger.carts.purchased + ledger.carts.left_behind
    );
    assert!(ledger.carts.left_behind_value_minor > 0);
}

#[test]
fn a_cart_left_behind_is_worth_what_is_in_it() {
    // The last event of each cart's life is missing: the purchases, and the last change of the others.
    let events = events();
    let mut contents: HashMap<Uuid, Vec<Line>> = HashMap::new();
    let kept: Vec<&Planned> = events
        .iter()
        .filter(|planned| !matches!(planned.event.body, Body::Purchase(_) | Body::Refund(_)))
        .collect();
    for planned in &kept {
        match &planned.event.body {
            Body::CartAdd(cart) => contents.entry(cart.cart_id).or_default().push(cart.line.clone()),
            Body::CartUpdate(cart) => {
                let lines = contents.get_mut(&cart.cart_id).unwrap();
                let same = |line: &&mut Line| line.product_id == cart.line.product_id;
                *lines.iter_mut().find(same).unwrap() = cart.line.clone();
            }
            Body::CartRemove(cart) => contents
                .get_mut(&cart.cart_id)
                .unwrap()
                .retain(|line| *line != cart.line),
            _ => {}
        }
    }
    let ledger = ledger_of(kept);
    assert_eq!(ledger.carts.left_behind, contents.len() as u64);
    assert_eq!(
        ledger.carts.left_behind_value_minor,
        contents.values().map(|lines| goods_minor(lines)).sum::<i64>()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn neither_the_order_of_answers_nor_the_worker_matters(swaps: Vec<(u16, u16)>, workers in 1..5_u64) {
        let events = events();
        let expected = ledger_of(&events);
        let mut order: Vec<&Planned> = events.iter().collect();
        for (one, other) in swaps {
            order.swap(usize::from(one) % events.len(), usize::from(other) % events.len());
        }
        let mut books = vec![Books::new(CART_TIMEOUT_MS); usize::try_from(workers)?];
        for planned in order {
            books[usize::try_from(planned.event.envelope.user_id % workers)?].acknowledge(&Content::Event(planned.clone()));
        }
        let mut total = Books::new(CART_TIMEOUT_MS);
        for own in books {
            total.merge(own);
        }
        prop_assert_eq!(total.close(facts(), TOTALS), expected);
    }
}

#[test]
fn what_failed_is_not_in_the_sums() {
    let events = events();
    let mut books = Books::new(CART_TIMEOUT_MS);
    for planned in &events {
        let content = Content::Event(planned.clone());
        if planned.index % 3 == 0 {
            books.fail(&content);
        } else {
            books.acknowledge(&content);
        }
    }
    let ledger = books.close(facts(), TOTALS);
    assert_eq!(
        ledger,
        ledger_of(events.iter().filter(|planned| planned.index % 3 != 0))
    );
}

#[test]
fn carts_are_forgotten_when_all_of_their_events_are_settled() {
    let mut generator = Generator::new(plan().config, Limit::default());
    let mut books = Books::new(CART_TIMEOUT_MS);
    let mut most = 0;
    for _ in 0..100_000 {
        books.acknowledge(&generator.next_record(Keep::ALL).unwrap().content.unwrap());
        most = most.max(books.open_carts());
    }
    assert!(most < 1_000, "{most} carts in memory");
}

#[test]
fn a_ledger_reads_what_it_writes() {
    let ledger = ledger_of(&events());
    let folder = std::env::temp_dir().join(format!("ledger-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("ledger.json");
    ledger.write(&path).unwrap();
    ledger.write(&path).unwrap();
    assert_eq!(Ledger::read(&path).unwrap(), ledger);
    assert_eq!(
        std::fs::read_dir(&folder).unwrap().count(),
        1,
        "nothing unfinished is left"
    );
    let older = Ledger {
        schema_version: SCHEMA_VERSION - 1,
        ..ledger
    };
    older.write(&path).unwrap();
    let refused = Ledger::read(&path).unwrap_err().to_string();
    assert!(refused.contains("it is of version 2"), "{refused}");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn second_copies_and_bad_records_count_for_nothing() {
    let rates = FaultRates {
        bad: 0.05,
        duplicate: 0.05,
        late: 0.05,
    };
    let records = records(rates);
    let mut books = Books::new(CART_TIMEOUT_MS);
    records.iter().for_each(|content| books.acknowledge(content));
    let ledger = books.close(facts(), TOTALS);
    let is_event = |content: &&Content| matches!(content, Content::Event(_));
    let again = records
        .iter()
        .filter(|content| matches!(content, Content::Again(_)))
        .count() as u64;
    assert_eq!(
        ledger.acknowledged,
        records.iter().filter(is_event).count() as u64
    );
    assert_eq!(ledger.faults.duplicates, again);
    assert_eq!(
        ledger.faults.bad.values().sum::<u64>(),
        COUNT - ledger.acknowledged - again
    );
    assert!(again > 0 && ledger.faults.late > 0 && ledger.faults.bad.len() > 5);
}

#[test]
fn a_second_copy_makes_up_for_a_first_one_that_was_given_up() {
    let rates = FaultRates {
        duplicate: 0.2,
        ..FaultRates::default()
    };
    let mut books = Books::new(CART_TIMEOUT_MS);
    let mut repeated = 0;
    for content in records(rates) {
        if let Content::Event(_) = content {
            books.fail(&content);
        } else {
            repeated += 1;
            books.acknowledge(&content);
        }
    }
    let ledger = books.close(facts(), TOTALS);
    assert_eq!((ledger.acknowledged, ledger.faults.duplicates), (repeated, 0));
}

#[test]
fn an_event_counts_once_whichever_copy_is_settled_first() {
    let records = records(FaultRates {
        duplicate: 0.2,
        ..FaultRates::default()
    });
    let copies: HashMap<u64, &Content> = records
        .iter()
        .filter_map(|content| match content {
            Content::Again(planned) => Some((planned.index, content)),
            _ => None,
        })
        .collect();
    let count = |is_given_up: bool, copy_is_first: bool| {
        let mut books = Books::new(CART_TIMEOUT_MS);
        for content in &records {
            let Content::Event(planned) = content else {
                continue;
            };
            let copy = copies.get(&planned.index);
            if let Some(copy) = copy.filter(|_| copy_is_first) {
                books.acknowledge(copy);
            }
            if is_given_up && copy.is_some() {
                books.fail(content);
            } else {
                books.acknowledge(content);
            }
            if let Some(copy) = copy.filter(|_| !copy_is_first) {
                books.acknowledge(copy);
            }
        }
        books.close(facts(), TOTALS)
    };
    let whole = count(false, false);
    let second = copies.len() as u64;
    assert_eq!(
        (whole.acknowledged, whole.faults.duplicates),
        (COUNT - second, second)
    );
    assert_eq!(count(false, true), whole);
    let made_up_for = count(true, false);
    assert_eq!(made_up_for.faults.duplicates, 0);
    assert_eq!(count(true, true), made_up_for);
    let faults = whole.faults.clone();
    assert_eq!(
        Ledger {
            faults,
            ..made_up_for
        },
        whole
    );
}

#[test]
fn a_cart_whose_step_was_given_up_and_made_up_for_is_whole() {
    let rates = FaultRates {
        duplicate: 0.2,
        ..FaultRates::default()
    };
    let records = records(rates);
    let repeated: std::collections::HashSet<Uuid> = records
        .iter()
        .filter_map(|content| match content {
            Content::Again(planned) => Some(planned.event.envelope.event_id),
            _ => None,
        })
        .collect();
    let (mut books, mut expected) = (Books::new(CART_TIMEOUT_MS), Books::new(CART_TIMEOUT_MS));
    for content in &records {
        match content {
            Content::Event(planned) => {
                expected.acknowledge(content);
                if repeated.contains(&planned.event.envelope.event_id) {
                    books.fail(content);
                } else {
                    books.acknowledge(content);
                }
            }
            _ => books.acknowledge(content),
        }
    }
    let (found, expected) = (books.close(facts(), TOTALS), expected.close(facts(), TOTALS));
    assert_eq!((found.carts, found.minutes), (expected.carts, expected.minutes));
}

#[test]
fn an_event_that_stands_twice_in_a_recording_counts_once() {
    let mut recorded = events();
    recorded.iter_mut().for_each(|planned| planned.cart_steps = None);
    let once = ledger_of(&recorded);
    let twice = ledger_of(recorded.iter().chain(&recorded[..100]));
    assert_eq!(twice.faults.duplicates, 100);
    assert_eq!(
        (twice.acknowledged, twice.minutes, twice.carts),
        (once.acknowledged, once.minutes, once.carts)
    );
}
