//! An archive and a catalog to make facts of.

use std::collections::BTreeMap;

use bytes::Bytes;
use events::{Body, Device, Event, Filter, Line, MS_PER_DAY, ProductView, Timestamp, Uuid};
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use testkit::{MemoryBucket, purchase, refund};
use warehouse::{
    ArchivedEvent, CatalogProduct, CatalogTable, CatalogUser, archive_key, catalog_key, encode,
    encode_products, encode_users,
};

/// 2026-11-22.
pub(crate) const FIRST_DAY: i32 = 20_779;
pub(crate) const DAYS: i64 = 3;
const SHARD: &str = "shardId-000000000000";
const USERS: u64 = 6;
const PRODUCTS: u64 = 5;

/// An archive's objects in the order of their arrival: purchases, refunds and views of a few days, some of them late by days,
/// some sent twice.
pub(crate) fn archive(seed: u64) -> Vec<(String, Bytes)> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut events = Vec::new();
    for n in 0..rng.random_range(10..30_u32) {
        let day = i64::from(FIRST_DAY) + rng.random_range(0..DAYS);
        let occurred_ms = day * MS_PER_DAY + rng.random_range(0..MS_PER_DAY);
        let line = |_| Line {
            product_id: rng.random_range(0..PRODUCTS),
            category: ["books", "toys"][rng.random_range(0..2)].into(),
            quantity: rng.random_range(1..4),
            unit_price_minor: rng.random_range(0..3) * 333,
        };
        let lines = (0..2).map(line).collect();
        let mut event = purchase(rng.random_range(0..USERS), occurred_ms, lines);
        event.envelope.event_id = Uuid::from_u128(u128::from(n) + 1);
        if rng.random_bool(0.2) {
            event.body = refund(event.sale().unwrap().clone());
        }
        if rng.random_bool(0.15) {
            events.push(event.clone());
        }
        events.push(event);
    }
    // Arrival, and with it the order in the archive, has nothing to do with when it happened.
    events.shuffle(&mut rng);
    let mut objects = Vec::new();
    let mut rest = events.as_slice();
    let mut number = 0;
    while !rest.is_empty() {
        let (some, others) = rest.split_at(rng.random_range(1..=9).min(rest.len()));
        objects.push(object(number, some));
        number += 1;
        rest = others;
        if rng.random_bool(0.4) {
            let views: Vec<Event> = (0..rng.random_range(1..6)).map(|_| browsing(&mut rng)).collect();
            objects.push(object(number, &views));
        }
    }
    objects
}

/// Mostly views of products, and other events of the same stream.
fn browsing(rng: &mut ChaCha8Rng) -> Event {
    let day = i64::from(FIRST_DAY) + rng.random_range(0..DAYS);
    let occurred_ms = day * MS_PER_DAY + rng.random_range(0..MS_PER_DAY);
    let mut event = view(rng.random_range(0..PRODUCTS), occurred_ms);
    if rng.random_bool(0.2) {
        let filters = BTreeMap::new();
        event.body = Body::Filter(Filter { filters });
    }
    event
}

/// A view of a product.
pub(crate) fn view(product_id: u64, occurred_ms: i64) -> Event {
    let mut event = purchase(1, occurred_ms, Vec::new());
    event.body = Body::ProductView(ProductView {
        product_id,
        category: "books".into(),
        price_minor: 333,
    });
    event
}

/// An archive object of some events of one stream.
pub(crate) fn object(number: u32, events: &[Event]) -> (String, Bytes) {
    let stream = events[0].stream();
    let arrived_ms = (i64::from(FIRST_DAY) + DAYS) * MS_PER_DAY + i64::from(number) * 1_000;
    let arrived_at = Timestamp::from_ms(arrived_ms).unwrap();
    let rows: Vec<ArchivedEvent<'_>> = events
        .iter()
        .map(|event| ArchivedEvent {
            event,
            arrived_at,
            shard_id: SHARD,
            sequence_number: "1",
        })
        .collect();
    let key = archive_key(stream, arrived_at, SHARD, &format!("{number:04}"));
    (key, encode(stream, &rows).unwrap().bytes.into())
}

/// All members but one product and one user, so that keys don't depend on what turns up first.
pub(crate) fn catalog(bucket: &MemoryBucket<'_>) {
    let day = Timestamp::from_ms(0).unwrap();
    let products = (0..PRODUCTS).map(|product_id| CatalogProduct {
        product_id,
        name: format!("product {product_id}"),
        category: ["books", "toys"][usize::try_from(product_id).unwrap() % 2],
        brand: "b",
        price_minor: 333,
        cost_minor: 100,
        launched_on: day,
        initial_stock: 1,
    });
    let users = (0..USERS).map(|user_id| CatalogUser {
        user_id,
        country: "US".parse().unwrap(),
        device: Device::Mobile,
        joined_on: day,
        activity: 1.0,
        tastes: Vec::new(),
    });
    bucket.insert(
        catalog_key(CatalogTable::Products, 0),
        encode_products(products).unwrap(),
    );
    bucket.insert(catalog_key(CatalogTable::Users, 0), encode_users(users).unwrap());
}
