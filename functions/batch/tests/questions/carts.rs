//! Carts that were left behind, as the query finds them, against the sweep's own rules.

use std::collections::BTreeMap;

use analytics::carts::{CartFact, CartSession, CartSettings, Fate, OpenCarts};
use events::{Body, Event, Stream, Timestamp};
use testkit::SimStream;
use warehouse::{ArchivedEvent, encode, table_name};

use super::ask;
use super::small_warehouse::Objects;

/// Random histories of carts, with prices that change.
fn history(seed: u64) -> Vec<Event> {
    // Streams of one seed have the same event ids.
    let streams = [
        SimStream::of(Stream::CartEvents, seed),
        SimStream::of(Stream::Transactions, 1_000 + seed),
    ];
    let mut events: Vec<Event> = streams.iter().flat_map(SimStream::events).cloned().collect();
    for (n, event) in (0_i64..).zip(&mut events) {
        if let Body::CartAdd(cart) | Body::CartUpdate(cart) | Body::CartRemove(cart) = &mut event.body {
            cart.line.unit_price_minor = 100 + n * 37 % 900;
        }
    }
    events
}

/// The archive of it, in which all arrived at once.
fn archive(events: &[Event], arrived_at: Timestamp) -> Objects {
    let mut objects = Objects::new();
    for stream in [Stream::CartEvents, Stream::Transactions] {
        let of_stream = events
            .iter()
            .filter(|event| event.body.event_type().stream() == stream);
        let rows: Vec<ArchivedEvent<'_>> = of_stream
            .map(|event| ArchivedEvent {
                event,
                arrived_at,
                shard_id: "shardId-000000000000",
                sequence_number: "1",
            })
            .collect();
        // Within the last seven days, whenever the test runs.
        let key = format!("warehouse/{}/dt=9999-12-31/a.parquet", table_name(stream));
        objects.insert(key, encode(stream, &rows).unwrap().bytes.into());
    }
    objects
}

fn row(cart: &CartSession, left_at: Timestamp) -> String {
    // As Python writes it.
    let time = |time: Timestamp| {
        let text = time.to_string().replace('T', " ").replace('Z', "000");
        text.strip_suffix(".000000").map_or(text.clone(), str::to_owned)
    };
    let recovered_at = match cart.fate {
        Fate::Recovered { at, .. } => time(at),
        _ => String::new(),
    };
    format!(
        "{},{},{}.{:02},{},{},{},{},{},{},{},{},{},{recovered_at}",
        cart.cart_id,
        cart.user_id,
        cart.value_minor / 100,
        cart.value_minor % 100,
        cart.products,
        cart.units,
        cart.adds,
        cart.updates,
        cart.removes,
        cart.checkouts,
        time(cart.created_at),
        time(cart.last_activity_at),
        time(left_at),
    )
}

#[test]
fn carts_are_left_behind_in_sql_as_in_the_sweep() {
    let mut recovered = 0;
    for seed in 0..20 {
        let events = history(seed);
        let latest = events
            .iter()
            .map(|event| event.envelope.occurred_at)
            .max()
            .unwrap();
        // Some carts are still open then.
        let facts: BTreeMap<_, _> = events
            .iter()
            .filter_map(|event| Some((event.envelope.event_id, CartFact::of(event)?)))
            .collect();
        let swept = OpenCarts::default().advance(
            facts.iter().map(|(id, fact)| (*id, fact)),
            latest,
            &CartSettings::default(),
        );
        let mut carts: Vec<CartSession> = swept
            .sessions
            .iter()
            .filter_map(|change| change.after)
            .filter(|cart| cart.fate.abandoned_at().is_some())
            .collect();
        carts.sort_by_key(|cart| (std::cmp::Reverse(cart.value_minor), cart.cart_id));
        carts.truncate(100);
        recovered += carts
            .iter()
            .filter(|cart| matches!(cart.fate, Fate::Recovered { .. }))
            .count();
        let rows: Vec<String> = carts
            .iter()
            .map(|cart| row(cart, cart.fate.abandoned_at().unwrap()))
            .collect();
        let answer = ask("abandoned_carts", &archive(&events, latest));
        assert_eq!(answer[1..], rows, "seed {seed}");
        assert!(!rows.is_empty());
    }
    assert!(recovered > 0, "no history has a cart that was bought after all");
}
