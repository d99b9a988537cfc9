//! The stream's fold: laws, storage and bounds.

use std::collections::BTreeMap;

use analytics::inventory::{InventoryPartial, Moved};
use analytics::{Facts, Partial};
use events::{
    Body, Device, Envelope, Event, Line, MAX_QUANTITY, PaymentMethod, Refund, Sale, Search, Timestamp, Uuid,
};
use proptest::prelude::*;

fn event(id: u128, occurred_ms: i64, is_refund: bool, lines: &[(u64, i64)]) -> Event {
    let lines = lines.iter().map(|&(product_id, quantity)| Line {
        product_id,
        category: "books".into(),
        quantity,
        unit_price_minor: 100,
    });
    let sale = Sale {
        transaction_id: Uuid::from_u128(id),
        cart_id: Uuid::from_u128(id),
        lines: lines.collect(),
        discount_minor: 0,
        shipping_minor: 0,
        tax_minor: 0,
        total_minor: 0,
        currency: "USD".into(),
        payment_method: PaymentMethod::Paypal,
    };
    let body = if is_refund {
        Body::Refund(Refund {
            refunded_transaction_id: Uuid::nil(),
            sale,
        })
    } else {
        Body::Purchase(sale)
    };
    with_body(id, occurred_ms, body)
}

fn with_body(id: u128, occurred_ms: i64, body: Body) -> Event {
    Event {
        envelope: Envelope {
            event_id: Uuid::from_u128(id),
            occurred_at: Timestamp::from_ms(occurred_ms).unwrap(),
            user_id: 1,
            session_id: Uuid::nil(),
            country: "US".parse().unwrap(),
            device: Device::Mobile,
        },
        body,
    }
}

fn folded<'a>(events: impl IntoIterator<Item = &'a Event>) -> InventoryPartial {
    let mut partial = InventoryPartial::default();
    events.into_iter().for_each(|event| partial.fold(event));
    partial
}

fn stored(partial: &InventoryPartial) -> Vec<u8> {
    postcard::to_allocvec(partial).unwrap()
}

fn any_event() -> impl Strategy<Value = Event> {
    let lines = prop::collection::vec((0..30_u64, 1..9_i64), 1..6);
    (any::<u128>(), 0..60_000_i64, prop::bool::weighted(0.2), lines)
        .prop_map(|(id, ms, is_refund, lines)| event(id, 1_790_000_040_000 + ms, is_refund, &lines))
}

/// What a plain loop over the events counts.
fn counted(events: &[Event]) -> BTreeMap<u64, Moved> {
    let mut moved: BTreeMap<u64, Moved> = BTreeMap::new();
    for event in events {
        for line in event.lines() {
            let of_product = moved.entry(line.product_id).or_default();
            match event.body {
                Body::Refund(_) => of_product.returned += line.quantity,
                _ => of_product.sold += line.quantity,
            }
        }
    }
    moved
}

proptest! {
    #[test]
    fn folding_apart_and_merging_in_any_order_counts_what_a_plain_loop_counts(
        events in prop::collection::vec((any_event(), 0..4_usize), 0..100),
    ) {
        let mut merged = InventoryPartial::default();
        for shard in (0..4).rev() {
            merged.merge(&folded(events.iter().filter(|(_, of)| *of == shard).map(|(event, _)| event)));
        }
        let events: Vec<Event> = events.into_iter().map(|(event, _)| event).collect();
        prop_assert_eq!(merged.products(), counted(&events));
        prop_assert_eq!(folded(&events).products(), counted(&events));
        prop_assert_eq!(merged.event_ids().len(), events.len());
    }

    #[test]
    fn merging_is_commutative_associative_and_has_a_neutral_element(
        a in prop::collection::vec(any_event(), 0..20),
        b in prop::collection::vec(any_event(), 0..20),
        c in prop::collection::vec(any_event(), 0..20),
    ) {
        let merge = |left: &InventoryPartial, right: &InventoryPartial| { let mut sum = left.clone(); sum.merge(right); sum };
        let (a, b, c) = (folded(&a), folded(&b), folded(&c));
        prop_assert_eq!(merge(&a, &b).products(), merge(&b, &a).products());
        prop_assert_eq!(merge(&merge(&a, &b), &c), merge(&a, &merge(&b, &c)));
        prop_assert_eq!(merge(&a, &InventoryPartial::default()), a.clone());
        prop_assert_eq!(merge(&InventoryPartial::default(), &a), a);
    }

    #[test]
    fn a_page_survives_storage(events in prop::collection::vec(any_event(), 0..40)) {
        let partial = folded(&events);
        prop_assert_eq!(postcard::from_bytes::<InventoryPartial>(&stored(&partial)).unwrap(), partial);
    }
}

#[test]
fn a_fact_says_when_which_way_and_each_product_once() {
    let partial = folded([
        &event(1, 61_000, false, &[(7, 2), (3, 1), (7, 5)]),
        &event(2, 60_000, true, &[(7, 1)]),
    ]);
    let [bought, back] = partial.facts() else { panic!() };
    assert_eq!(bought.occurred_at.as_ms(), 61_000);
    assert!(!bought.is_refund);
    let lines: Vec<(u64, i64)> = bought
        .lines
        .iter()
        .map(|line| (line.product_id, line.units))
        .collect();
    assert_eq!(lines, [(3, 1), (7, 7)]);
    assert_eq!(back.occurred_at.as_ms(), 60_000);
    assert!(back.is_refund);
    let seven = Moved { sold: 7, returned: 1 };
    assert_eq!(partial.products()[&7], seven);
}

#[test]
fn only_purchases_and_refunds_count() {
    let search = Search {
        query: "x".into(),
        results: 0,
    };
    let search = with_body(1, 0, Body::Search(search));
    assert!(!InventoryPartial::counts(&search));
    assert_eq!(folded([&search]), InventoryPartial::default());
    assert!(InventoryPartial::counts(&event(1, 0, false, &[(1, 1)])));
    assert!(InventoryPartial::counts(&event(1, 0, true, &[(1, 1)])));
}

#[test]
fn a_page_closes_at_256_events_or_4096_lines() {
    let mut partial = folded(&vec![event(1, 0, false, &[(1, 1)]); 255]);
    assert!(!partial.is_full());
    partial.fold(&event(2, 0, true, &[(1, 1)]));
    assert!(partial.is_full());

    let lines: Vec<(u64, i64)> = (0..4_095).map(|product_id| (product_id, 1)).collect();
    let mut partial = folded([&event(1, 0, false, &lines)]);
    assert!(!partial.is_full());
    partial.fold(&event(2, 0, false, &[(1, 1)]));
    assert!(partial.is_full());
}

#[test]
fn a_line_of_a_usual_shop_takes_four_bytes() {
    let lines = |n| -> Vec<(u64, i64)> { (0..n).map(|line| (100_000 + line * 7, 2)).collect() };
    let page = |n| {
        let events: Vec<Event> = (0..512)
            .map(|id| {
                event(
                    u128::MAX - id,
                    1_790_000_040_000 + i64::try_from(id).unwrap() * 100,
                    false,
                    &lines(n),
                )
            })
            .collect();
        stored(&folded(&events)).len()
    };
    assert_eq!(page(4) - page(3), 4 * 512);
    // 17 bytes of id, 3 of time, 1 for its kind, 1 for the number of lines.
    assert!(page(3) < 512 * (22 + 3 * 4) + 20, "{}", page(3));
}

#[test]
fn the_largest_page_stays_below_300_kb() {
    // A line of JSON has at least 64 bytes beside its numbers, an event at least 400: one record of 1 MiB brings no more.
    const RECORD: usize = 1 << 20;
    let line = |n: usize| (u64::MAX / 2 - n as u64, MAX_QUANTITY);
    let lines = |n: usize| -> Vec<(u64, i64)> { (0..n).map(line).collect() };
    let almost_full: Vec<Event> = (0..255).map(|id| event(id, 0, true, &lines(16))).collect();
    let long: Vec<Event> = (0..4)
        .map(|id| event(id, 59_999, false, &lines(RECORD / 4 / (64 + 19 + 7))))
        .collect();
    let many: Vec<Event> = (0..4_000).map(|id| event(id, 59_999, false, &lines(1))).collect();
    for last in [long, many] {
        let mut partial = folded(&almost_full);
        assert!(!partial.is_full());
        last.iter().for_each(|event| partial.fold(event));
        let size = stored(&partial).len();
        assert!(size < 300_000, "{size}");
    }
}
