//! A full batch from the stream of transactions, as the runtime hands it to a function.

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use events::{
    Body, Country, Device, Envelope, Event, Line, PaymentMethod, Refund, Sale, Stream, Timestamp, Uuid,
    lines_total_minor,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::deliveries::{Delivery, Put};

/// The most records that a mapping delivers at once.
pub(crate) const RECORDS: u32 = 10_000;
/// The most that the records of one delivery come to.
const MAX_DATA_BYTES: usize = 6 << 20;
/// 2026-11-22T17:40:00Z
const FIRST_MS: i64 = 1_795_369_200_000;
/// The events lie within this many minutes.
const MINUTES: i64 = 5;
/// The shoppers are in this many countries.
const COUNTRIES: usize = 30;
/// How many lines an order has; each is as likely as the next.
const LINES: [u8; 6] = [1, 1, 1, 2, 2, 3];
const CATEGORIES: [&str; 5] = [
    "electronics",
    "home-and-garden",
    "fashion",
    "sports-and-outdoors",
    "groceries",
];

/// A batch and what it is made of.
pub(crate) struct Batch {
    pub(crate) payload: Bytes,
    /// Bytes of all records' data together.
    pub(crate) data_bytes: usize,
}

/// Always the same batch: purchases of one to three lines, and a refund now and then, each of another user.
pub(crate) fn transactions() -> anyhow::Result<Batch> {
    let mut delivery = Delivery::of(Stream::Transactions);
    let mut data_bytes = 0;
    for (number, event) in events()?.iter().enumerate() {
        let mut data = Vec::new();
        event.to_json(&mut data);
        data_bytes += data.len();
        delivery.push(&Put {
            number,
            user_id: event.envelope.user_id,
            arrived_at: event.envelope.occurred_at.plus_ms(400),
            data,
        });
    }
    ensure!(
        data_bytes <= MAX_DATA_BYTES,
        "{data_bytes} bytes are more than a mapping delivers at once"
    );
    Ok(Batch {
        payload: delivery.finish(),
        data_bytes,
    })
}

fn events() -> anyhow::Result<Vec<Event>> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let countries: Vec<Country> = Country::all().step_by(8).take(COUNTRIES).collect();
    (0..RECORDS).map(|n| event(n, &countries, &mut rng)).collect()
}

fn event(n: u32, countries: &[Country], rng: &mut ChaCha8Rng) -> anyhow::Result<Event> {
    let occurred_ms = FIRST_MS + i64::from(n) * MINUTES * 60_000 / i64::from(RECORDS);
    let sale = sale(rng)?;
    let envelope = Envelope {
        event_id: uuid(rng),
        occurred_at: Timestamp::from_ms(occurred_ms)
            .context("the time of an event is outside the calendar")?,
        user_id: 1_000_000 + u64::from(n),
        session_id: uuid(rng),
        country: one_of(countries, rng),
        device: one_of(Device::ALL, rng),
    };
    let body = if rng.random_bool(0.05) {
        Body::Refund(Refund {
            refunded_transaction_id: uuid(rng),
            sale,
        })
    } else {
        Body::Purchase(sale)
    };
    Ok(Event { envelope, body })
}

fn sale(rng: &mut ChaCha8Rng) -> anyhow::Result<Sale> {
    let lines: Vec<Line> = (0..one_of(&LINES, rng))
        .map(|_| Line {
            product_id: rng.random_range(1..50_000),
            category: one_of(&CATEGORIES, rng).into(),
            quantity: rng.random_range(1..5),
            unit_price_minor: rng.random_range(199..50_000),
        })
        .collect();
    let goods_minor = i64::try_from(lines_total_minor(&lines))?;
    let (discount_minor, shipping_minor, tax_minor) = (100, 495, goods_minor / 12);
    Ok(Sale {
        transaction_id: uuid(rng),
        cart_id: uuid(rng),
        lines,
        discount_minor,
        shipping_minor,
        tax_minor,
        total_minor: goods_minor - discount_minor + shipping_minor + tax_minor,
        currency: events::CURRENCY.into(),
        payment_method: one_of(PaymentMethod::ALL, rng),
    })
}

pub(crate) fn uuid(rng: &mut ChaCha8Rng) -> Uuid {
    Uuid::from_u128(rng.random())
}

pub(crate) fn one_of<T: Copy>(choice: &[T], rng: &mut ChaCha8Rng) -> T {
    choice[rng.random_range(0..choice.len())]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_record_is_a_valid_transaction_and_together_they_fill_a_delivery() {
        let batch = transactions().unwrap();
        assert!(
            batch.data_bytes > MAX_DATA_BYTES * 9 / 10,
            "{} bytes",
            batch.data_bytes
        );
        let payload: Value = serde_json::from_slice(&batch.payload).unwrap();
        let records = payload["Records"].as_array().unwrap();
        assert_eq!(records.len(), RECORDS as usize);
        let mut minutes = BTreeSet::new();
        let mut countries = BTreeSet::new();
        for record in records {
            let bytes = BASE64
                .decode(record["kinesis"]["data"].as_str().unwrap())
                .unwrap();
            let arrived_s = record["kinesis"]["approximateArrivalTimestamp"].as_f64().unwrap();
            let arrived_at = Timestamp::from_ms(FIRST_MS).unwrap();
            let event = Event::decode(Stream::Transactions, &bytes, arrived_at).unwrap();
            assert!(arrived_s * 1_000.0 >= event.envelope.occurred_at.as_ms() as f64);
            minutes.insert(event.envelope.occurred_at.minute().to_string());
            countries.insert(event.envelope.country);
        }
        assert_eq!((minutes.len(), countries.len()), (5, COUNTRIES));
    }
}
