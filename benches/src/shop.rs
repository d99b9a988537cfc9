//! A shop's orders of a day, as the archive keeps them: some users come far more often than others, and some products sell
//! far better.

use std::ops::Range;

use anyhow::Context as _;
use events::{
    Body, Country, Device, Envelope, Event, Line, MS_PER_DAY, PaymentMethod, Refund, Sale, Stream, Timestamp,
    Uuid, lines_total_minor,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use warehouse::ArchivedEvent;

use crate::batch::{one_of, uuid};
use crate::deliveries::SHARD;

/// How many lines an order has; each is as likely as the next.
const LINES: [usize; 8] = [1, 1, 1, 2, 2, 2, 3, 4];
const CATEGORIES: [&str; 16] = [
    "electronics",
    "computers",
    "phones",
    "home",
    "kitchen",
    "garden",
    "furniture",
    "fashion",
    "shoes",
    "beauty",
    "health",
    "sports",
    "toys",
    "books",
    "groceries",
    "pets",
];
/// The shoppers are in this many countries.
const COUNTRIES: usize = 30;
const REFUND_SHARE: f64 = 0.04;
/// Nobody reads which one it is.
const SEQUENCE_NUMBER: &str = "49590338271490256608559692538361571095921000000000000000";
/// From an event to its arrival.
const ARRIVES_AFTER_MS: i64 = 400;
/// Ranks are spread over ids in steps of this, so that an id does not tell the rank; a prime that divides neither number of
/// members.
const STEP: u64 = 7_919;

/// A shop. Users and products have ids from 1.
#[derive(Clone, Copy)]
pub(crate) struct Shop {
    pub(crate) users: u64,
    pub(crate) products: u64,
}

/// The orders of a day, in the order of time.
pub(crate) struct Day {
    shop: Shop,
    countries: Vec<Country>,
    begins_at: Timestamp,
    lines: Range<u64>,
    rng: ChaCha8Rng,
}

impl Shop {
    /// The orders of a day since 1970-01-01, with so many lines in all. Always the same.
    pub(crate) fn day(self, day: i32, lines: u64) -> anyhow::Result<Day> {
        Ok(Day {
            shop: self,
            countries: Country::all().step_by(8).take(COUNTRIES).collect(),
            begins_at: start_of(day)?,
            lines: 0..lines,
            rng: ChaCha8Rng::seed_from_u64(day.unsigned_abs().into()),
        })
    }
}

impl Iterator for Day {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let made = self.lines.start;
        let lines = (&mut self.lines).take(one_of(&LINES, &mut self.rng)).count();
        if lines == 0 {
            return None;
        }
        let passed_ms = u64::try_from(MS_PER_DAY).ok()? * made / self.lines.end;
        Some(self.order(lines, self.begins_at.plus_ms(i64::try_from(passed_ms).ok()?)))
    }
}

impl Day {
    fn order(&mut self, lines: usize, occurred_at: Timestamp) -> Event {
        let user_id = skewed(self.shop.users, &mut self.rng);
        let sale = self.sale(lines);
        let rng = &mut self.rng;
        let envelope = Envelope {
            event_id: uuid_of(occurred_at, rng),
            occurred_at,
            user_id,
            session_id: uuid(rng),
            country: of_id(&self.countries, user_id),
            device: one_of(Device::ALL, rng),
        };
        let body = if rng.random_bool(REFUND_SHARE) {
            Body::Refund(Refund {
                refunded_transaction_id: uuid(rng),
                sale,
            })
        } else {
            Body::Purchase(sale)
        };
        Event { envelope, body }
    }

    fn sale(&mut self, lines: usize) -> Sale {
        let rng = &mut self.rng;
        let line = |_| {
            let product_id = skewed(self.shop.products, rng);
            Line {
                product_id,
                category: of_id(&CATEGORIES, product_id).into(),
                quantity: one_of(&[1, 1, 1, 1, 2, 3], rng),
                unit_price_minor: price_minor(product_id),
            }
        };
        let lines: Vec<Line> = (0..lines).map(line).collect();
        let goods_minor = i64::try_from(lines_total_minor(&lines)).expect("prices of a shop add up");
        let discount_minor = goods_minor * one_of(&[0, 0, 0, 0, 5, 10, 20], rng) / 100;
        let shipping_minor = if goods_minor < 5_000 { 499 } else { 0 };
        let tax_minor = (goods_minor - discount_minor) * one_of(&[0, 5, 7, 8, 10], rng) / 100;
        Sale {
            transaction_id: uuid(rng),
            cart_id: uuid(rng),
            lines,
            discount_minor,
            shipping_minor,
            tax_minor,
            total_minor: goods_minor - discount_minor + shipping_minor + tax_minor,
            currency: events::CURRENCY.into(),
            payment_method: one_of(PaymentMethod::ALL, rng),
        }
    }
}

/// Events as an archive object holds them.
pub(crate) fn archived(events: &[Event]) -> anyhow::Result<Vec<u8>> {
    let row = |event| ArchivedEvent {
        event,
        arrived_at: arrived_at(event),
        shard_id: SHARD,
        sequence_number: SEQUENCE_NUMBER,
    };
    let rows: Vec<ArchivedEvent<'_>> = events.iter().map(row).collect();
    Ok(warehouse::encode(Stream::Transactions, &rows)?.bytes)
}

/// When the stream took an event in.
pub(crate) fn arrived_at(event: &Event) -> Timestamp {
    event.envelope.occurred_at.plus_ms(ARRIVES_AFTER_MS)
}

/// When a day since 1970-01-01 begins.
pub(crate) fn start_of(day: i32) -> anyhow::Result<Timestamp> {
    Timestamp::of_day(day).context("a day is outside the calendar")
}

/// One of the ids from 1 to `count`: the one of rank r about r^−½ times as often as the first.
fn skewed(count: u64, rng: &mut ChaCha8Rng) -> u64 {
    // Of 2^32, as the ranks are of their number.
    let even: u64 = rng.random_range(0..1 << 32);
    let rank = (((even * even) >> 32) * count) >> 32;
    1 + rank * STEP % count
}

/// It begins with the time, as producers' ids do.
fn uuid_of(time: Timestamp, rng: &mut ChaCha8Rng) -> Uuid {
    let random = uuid(rng).as_u128() >> 48;
    Uuid::from_u128((u128::from(time.as_ms().unsigned_abs()) << 80) | random)
}

/// The same for the same id.
fn of_id<T: Copy>(choice: &[T], id: u64) -> T {
    let place = id % choice.len() as u64;
    choice[usize::try_from(place).expect("less than the length")]
}

fn price_minor(product_id: u64) -> i64 {
    199 + i64::try_from(product_id * STEP % 40_000).expect("less than 40,000")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_day_has_its_lines_of_valid_orders_and_some_users_come_more_often() {
        const DAY: i32 = 20_414;
        let shop = Shop {
            users: 1_000,
            products: 500,
        };
        let events: Vec<Event> = shop.day(DAY, 10_001).unwrap().collect();
        let mut lines = 0;
        let mut orders = BTreeMap::new();
        for event in &events {
            let mut json = Vec::new();
            event.to_json(&mut json);
            let decoded = Event::decode(Stream::Transactions, &json, arrived_at(event)).unwrap();
            assert_eq!(decoded, *event);
            assert_eq!(event.envelope.occurred_at.date(), start_of(DAY).unwrap().date());
            lines += event.sale().unwrap().lines.len();
            *orders.entry(event.envelope.user_id).or_insert(0) += 1;
        }
        assert_eq!(lines, 10_001);
        assert!(events.is_sorted_by_key(|event| event.envelope.occurred_at));

        assert!(orders.keys().all(|user_id| (1..=1_000).contains(user_id)));
        let mut orders: Vec<u32> = orders.into_values().collect();
        orders.sort_unstable_by(|a, b| b.cmp(a));
        let share = f64::from(orders[..100].iter().sum::<u32>()) / events.len() as f64;
        // √0.1, and more by chance, as these are those who came most often.
        assert!((0.3..0.4).contains(&share), "{share}");
    }
}
