//! What a sweep reads, of journals that are long and of pages that are gone.

use std::ops::RangeInclusive;

use analytics::Partial;
use analytics::inventory::{InventoryFact, InventoryPartial};
use aws::Sequence;
use aws::job::window;
use aws::journal::{Journal, Note};
use aws::partials::{Page, PartialStore, Write};
use aws::sweep::{NewFacts, State, Swept, Timing, sweep};
use events::{MS_PER_MINUTE, Timestamp};
use serde::{Deserialize, Serialize};
use testkit::{Chaos, Guard, MemoryCheckpoint, MemoryPartials, example};

const WRITER: &str = "transactions/shardId-000000000000";
const OTHER_WRITER: &str = "transactions/shardId-000000000001";
const CALM: &str = "nothing goes wrong here";
const START_MS: i64 = 1_795_369_200_000;

#[derive(Default, Serialize, Deserialize)]
struct Found(Vec<i64>);

impl State for Found {
    const ENCODING: u8 = 1;
}

struct Shop<'a> {
    store: MemoryPartials<'a, InventoryPartial>,
    checkpoint: MemoryCheckpoint<'a>,
}

impl<'a> Shop<'a> {
    fn new(chaos: &'a Chaos) -> Self {
        Self {
            store: MemoryPartials::new(chaos, Guard::Whole),
            checkpoint: MemoryCheckpoint::new(chaos, Guard::Whole),
        }
    }

    /// Stores the first page of a minute, with an order of each of some shoppers, and notes it.
    async fn fold(&self, number: u64, minute: i64, shoppers: &[u64]) {
        self.store_page(WRITER, number, minute, shoppers).await;
        self.note(WRITER, number, minute..=minute, START_MS).await;
    }

    async fn store_page(&self, writer: &str, number: u64, minute: i64, shoppers: &[u64]) {
        let occurred_ms = START_MS + minute * MS_PER_MINUTE;
        let mut partial = InventoryPartial::default();
        for shopper in shoppers {
            partial.fold(&example(*shopper, occurred_ms + shopper.cast_signed()));
        }
        let occurred_at = Timestamp::from_ms(occurred_ms).expect("within the calendar");
        let last = Sequence::parse(&number.to_string()).expect("a number");
        let page = Page {
            writer: writer.to_owned(),
            number: 0,
            mark: last,
            arrived_at: occurred_at,
            partial,
        };
        let window = window(InventoryPartial::FAMILY, occurred_at.minute());
        let write = Write { page, replaces: None };
        self.store.save(&window, &write).await.expect(CALM);
    }

    async fn note(&self, writer: &str, number: u64, minutes: RangeInclusive<i64>, noted_ms: i64) {
        let time = |ms| Timestamp::from_ms(ms).expect("within the calendar");
        let note = Note {
            last: Sequence::parse(&number.to_string()).expect("a number"),
            minutes: minutes
                .map(|minute| time(START_MS + minute * MS_PER_MINUTE).minute())
                .collect(),
            noted_at: time(noted_ms),
        };
        self.store
            .note(InventoryPartial::FAMILY, writer, &note)
            .await
            .expect(CALM);
    }

    /// Sweeps some milliseconds after the notes; the state is what it found.
    async fn sweep(&self, after_ms: i64) -> usize {
        let timing = Timing {
            now_ms: START_MS + after_ms,
            pages_kept_days: 90,
        };
        let advance = |all: &mut Found, facts: NewFacts<InventoryPartial>| {
            let ms = |fact: &InventoryFact| fact.occurred_at.as_ms() - START_MS;
            all.0.extend(facts.iter().map(|(_, fact)| ms(fact)));
            (!facts.is_empty()).then_some(())
        };
        let carry_out = async |(): &(), _| Ok(());
        let writers = [WRITER.to_owned(), OTHER_WRITER.to_owned()];
        let swept = sweep::<InventoryPartial, Found, ()>(
            &self.store,
            &self.checkpoint,
            &writers,
            timing,
            advance,
            carry_out,
        );
        match swept.await.expect(CALM) {
            Swept::Done { facts } => facts,
            Swept::Forestalled => panic!("there is one sweep only"),
        }
    }
}

#[test]
fn a_long_journal_is_caught_up_sweep_by_sweep_with_each_fact_once() {
    let chaos = Chaos::calm();
    let shop = Shop::new(&chaos);
    let found = chaos.invoke(async {
        for number in 0..1_300 {
            shop.fold(number, number.cast_signed(), &[1]).await;
        }
        [
            shop.sweep(0).await,
            shop.sweep(1).await,
            shop.sweep(2).await,
            shop.sweep(3).await,
        ]
    });
    assert_eq!(found, Some([600, 600, 100, 0]));
}

#[test]
fn of_a_backlog_all_writers_are_read_up_to_about_the_same_moment() {
    let chaos = Chaos::calm();
    let shop = Shop::new(&chaos);
    let found = chaos.invoke(async {
        // One writer notes ten times as often. Each of its notes names 500 minutes, of which one has an order.
        for number in 0..20_u64 {
            let minutes = 500 * number.cast_signed()..=500 * number.cast_signed() + 499;
            let noted_ms = START_MS + number.cast_signed() * MS_PER_MINUTE;
            shop.store_page(WRITER, number, *minutes.end(), &[1]).await;
            shop.note(WRITER, number, minutes.clone(), noted_ms).await;
            if number % 10 == 0 {
                shop.store_page(OTHER_WRITER, number, *minutes.end(), &[2]).await;
                shop.note(OTHER_WRITER, number, minutes, noted_ms).await;
            }
        }
        let later = 60 * MS_PER_MINUTE;
        [
            shop.sweep(later).await,
            shop.sweep(later + 1).await,
            shop.sweep(later + 2).await,
            shop.sweep(later + 3).await,
        ]
    });
    // 4,000 windows at a time: notes 0 to 6 and the other's first; 7 to 13 and its second; the rest.
    assert_eq!(found, Some([8, 8, 6, 0]));
}

#[test]
fn a_window_whose_pages_have_expired_begins_anew() {
    let chaos = Chaos::calm();
    let shop = Shop::new(&chaos);
    let found = chaos.invoke(async {
        shop.fold(1, 0, &[1, 2, 3]).await;
        let first = shop.sweep(0).await;
        let window = window(
            InventoryPartial::FAMILY,
            Timestamp::from_ms(START_MS).unwrap().minute(),
        );
        shop.store.expire(&window);
        // Late by months: fewer facts than were read in that window before.
        shop.fold(2, 0, &[4, 5]).await;
        let fewer = shop.sweep(1).await;
        shop.store.expire(&window);
        // And more.
        shop.fold(3, 0, &[6, 7, 8]).await;
        [first, fewer, shop.sweep(2).await, shop.sweep(3).await]
    });
    assert_eq!(found, Some([3, 2, 3, 0]));
}

#[test]
fn what_is_added_to_a_minute_without_a_note_is_found_for_five_minutes() {
    let chaos = Chaos::calm();
    let shop = Shop::new(&chaos);
    let found = chaos.invoke(async {
        shop.fold(1, 0, &[1]).await;
        let first = shop.sweep(0).await;
        let page = shop.store.pages().pop().unwrap();
        let add = async |number: usize, shopper| {
            let mut partial = InventoryPartial::default();
            partial.fold(&example(shopper, START_MS));
            let next = Page {
                number,
                partial,
                ..page.1.clone()
            };
            shop.store
                .save(
                    &page.0,
                    &Write {
                        page: next,
                        replaces: None,
                    },
                )
                .await
                .unwrap();
        };
        add(1, 2).await;
        let covered = shop.sweep(4 * MS_PER_MINUTE).await;
        add(2, 3).await;
        let last_time = shop.sweep(6 * MS_PER_MINUTE).await;
        add(3, 4).await;
        [first, covered, last_time, shop.sweep(7 * MS_PER_MINUTE).await]
    });
    assert_eq!(found, Some([1, 1, 1, 0]));
}
