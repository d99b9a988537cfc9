//! The laws of the fold.

use std::collections::BTreeSet;

use analytics::carts::{CartActivity, CartFact, CartsPartial};
use analytics::{CategoryCounts, Facts, Partial};
use events::{
    Body, CartLine, Checkout, Device, Envelope, Event, Line, MAX_QUANTITY, PaymentMethod, Refund, Sale,
    Timestamp, Uuid,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// 2026-11-22T17:30Z
const MINUTE_MS: i64 = 1_795_368_600_000;

prop_compose! {
    fn line()(product_id in 0..50_u64, category in 0..5, quantity in 1..9_i64, unit_price_minor in 0..100_000_i64) -> Line {
        Line { product_id, category: format!("category {category}").into(), quantity, unit_price_minor }
    }
}

fn sale(cart_id: Uuid, lines: Vec<Line>) -> Sale {
    Sale {
        transaction_id: cart_id,
        cart_id,
        lines,
        discount_minor: 7,
        shipping_minor: 495,
        tax_minor: 0,
        total_minor: 0,
        currency: "USD".into(),
        payment_method: PaymentMethod::Paypal,
    }
}

fn event(id: u128, after_ms: i64, user_id: u64, body: Body) -> Event {
    let envelope = Envelope {
        event_id: Uuid::from_u128(id),
        occurred_at: Timestamp::from_ms(MINUTE_MS + after_ms).unwrap(),
        user_id,
        session_id: Uuid::nil(),
        country: "US".parse().unwrap(),
        device: Device::Mobile,
    };
    Event { envelope, body }
}

prop_compose! {
    fn any_event()(
        id in any::<u128>(), after_ms in 0..60_000_i64, user_id in 0..9_u64, cart in 0..9_u128, kind in 0..5_u8,
        lines in vec(line(), 1..4),
    ) -> Event {
        let cart_id = Uuid::from_u128(cart);
        let cart = CartLine { cart_id, line: lines[0].clone() };
        event(id, after_ms, user_id, match kind {
            0 => Body::CartAdd(cart),
            1 => Body::CartUpdate(cart),
            2 => Body::CartRemove(cart),
            3 => Body::CartCheckout(Checkout { cart_id, cart_total_minor: 77, items: lines }),
            _ => Body::Purchase(sale(cart_id, lines)),
        })
    }
}

fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> CartsPartial {
    let mut partial = CartsPartial::default();
    events.into_iter().for_each(|event| partial.fold(event));
    partial
}

/// What a reader of the aggregate sees, whatever the order: facts, sums, units by category.
type Seen = (Vec<(Uuid, String)>, CartActivity, CategoryCounts);

fn seen(partial: &CartsPartial) -> Seen {
    let mut facts: Vec<_> = partial
        .identified_facts()
        .map(|(id, fact)| (id, format!("{fact:?}")))
        .collect();
    facts.sort_unstable();
    (facts, partial.activity(), partial.added.clone())
}

proptest! {
    #[test]
    fn folding_apart_and_merging_is_folding_in_one_go(events in vec((any_event(), 0..4_usize), 0..100)) {
        let whole = fold(events.iter().map(|(event, _)| event));
        let mut merged = CartsPartial::default();
        for shard in (0..4).rev() {
            merged.merge(&fold(events.iter().filter(|(_, of)| *of == shard).map(|(event, _)| event)));
        }
        prop_assert_eq!(seen(&merged), seen(&whole));
    }

    #[test]
    fn merging_is_commutative_associative_and_has_a_neutral_element(
        a in vec(any_event(), 0..30), b in vec(any_event(), 0..30), c in vec(any_event(), 0..30),
    ) {
        let merge = |left: &CartsPartial, right: &CartsPartial| { let mut sum = left.clone(); sum.merge(right); sum };
        let (a, b, c) = (fold(&a), fold(&b), fold(&c));
        prop_assert_eq!(seen(&merge(&a, &b)), seen(&merge(&b, &a)));
        prop_assert_eq!(merge(&merge(&a, &b), &c), merge(&a, &merge(&b, &c)));
        prop_assert_eq!(&merge(&a, &CartsPartial::default()), &a);
        prop_assert_eq!(&merge(&CartsPartial::default(), &a), &a);
    }

    #[test]
    fn a_partial_survives_storage(events in vec(any_event(), 0..60)) {
        let partial = fold(&events);
        let stored = postcard::to_allocvec(&partial).unwrap();
        prop_assert_eq!(postcard::from_bytes::<CartsPartial>(&stored).unwrap(), partial);
    }

    #[test]
    fn bytes_that_are_no_page_are_refused_without_a_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = postcard::from_bytes::<CartsPartial>(&bytes);
    }

    #[test]
    fn sums_equal_those_of_a_plain_loop(events in vec(any_event(), 0..60)) {
        let mut plain = CartActivity::default();
        let mut carts = BTreeSet::new();
        for event in &events {
            let lines_minor: i64 = event.lines().iter().map(|line| line.quantity * line.unit_price_minor).sum();
            carts.insert(match &event.body {
                Body::CartAdd(cart) => {
                    plain.adds += 1;
                    plain.units_added += cart.line.quantity;
                    plain.value_added_minor += lines_minor;
                    cart.cart_id
                }
                Body::CartUpdate(cart) => { plain.updates += 1; cart.cart_id }
                Body::CartRemove(cart) => {
                    plain.removes += 1;
                    plain.units_removed += cart.line.quantity;
                    plain.value_removed_minor += lines_minor;
                    cart.cart_id
                }
                Body::CartCheckout(checkout) => { plain.checkouts += 1; plain.checkouts_minor += 77; checkout.cart_id }
                _ => { plain.purchases += 1; plain.purchases_minor += lines_minor; event.sale().unwrap().cart_id }
            });
        }
        plain.carts = i64::try_from(carts.len()).unwrap();
        plain.users = i64::try_from(events.iter().map(|e| e.envelope.user_id).collect::<BTreeSet<_>>().len()).unwrap();
        let partial = fold(&events);
        prop_assert_eq!(partial.activity(), plain);
        prop_assert_eq!(i64::try_from(partial.added.total()).unwrap(), plain.units_added);
    }

    #[test]
    fn facts_and_ids_stay_in_the_order_of_folding(events in vec(any_event(), 0..60)) {
        let partial = fold(&events);
        let facts: Vec<CartFact> = events.iter().map(|event| CartFact::of(event).unwrap()).collect();
        prop_assert_eq!(partial.facts(), facts);
        prop_assert!(partial.event_ids().iter().eq(events.iter().map(|event| &event.envelope.event_id)));
        prop_assert!(partial.facts().iter().zip(&events).all(|(f, e)| f.occurred_at == e.envelope.occurred_at));
    }
}

#[test]
fn refunds_count_nowhere() {
    let refund = Refund {
        refunded_transaction_id: Uuid::nil(),
        sale: sale(Uuid::nil(), Vec::new()),
    };
    let refund = event(1, 0, 1, Body::Refund(refund));
    assert!(!CartsPartial::counts(&refund));
    assert_eq!(fold([&refund]), CartsPartial::default());
}

#[test]
fn units_are_counted_by_the_normal_form_of_their_category_and_only_when_added() {
    let line = |category: &str, quantity| CartLine {
        cart_id: Uuid::nil(),
        line: Line {
            product_id: 1,
            category: category.to_owned().into(),
            quantity,
            unit_price_minor: 100,
        },
    };
    let bodies = [
        Body::CartAdd(line(" Toys", 3)),
        Body::CartAdd(line("toys", 2)),
        Body::CartAdd(line("BOOKS", 1)),
        Body::CartUpdate(line("toys", 9)),
        Body::CartRemove(line("toys", 1)),
        Body::Purchase(sale(Uuid::nil(), vec![line("toys", 1).line])),
    ];
    let events: Vec<Event> = bodies
        .into_iter()
        .zip(0..)
        .map(|(body, id)| event(id, 0, 1, body))
        .collect();
    let added = fold(&events).added;
    assert!(
        added
            .iter()
            .eq([(&"books".to_owned(), 1), (&"toys".to_owned(), 5)])
    );
    assert_eq!((added.total(), added.error()), (6, 0));
}

#[test]
fn a_page_is_full_at_256_facts_and_stays_below_300_kb_if_one_record_brings_4000_of_the_worst() {
    let mut partial = CartsPartial::default();
    for n in 0..4_255_u32 {
        if n == 255 {
            assert!(!partial.is_full());
        }
        let line = Line {
            product_id: u64::MAX >> 1,
            // Neighbours have nothing in common.
            category: format!(
                "{}{}",
                char::from_u32(0x1_0000 + n * 200).unwrap(),
                "\u{10FFFF}".repeat(508)
            )
            .into(),
            // The first ones are never outweighed.
            quantity: if n < 256 {
                MAX_QUANTITY
            } else {
                MAX_QUANTITY / 4_096
            },
            unit_price_minor: MAX_QUANTITY,
        };
        let cart_id = Uuid::from_u128(u128::MAX - u128::from(n));
        let cart = Body::CartAdd(CartLine { cart_id, line });
        partial.fold(&event(
            u128::from(n),
            59_999,
            (u64::MAX >> 1) - u64::from(n),
            cart,
        ));
    }
    assert!(partial.is_full());
    assert_eq!(partial.added.iter().count(), 256);
    let bytes = postcard::to_allocvec(&partial).unwrap().len();
    assert!(bytes < 300_000, "{bytes}");
}

#[test]
fn a_fact_of_a_usual_page_takes_less_than_30_bytes_beside_its_event_id() {
    let events: Vec<Event> = (0..256_u64)
        .map(|n| {
            let line = Line {
                product_id: 5_000 + n,
                category: "books".into(),
                quantity: 1,
                unit_price_minor: 17_478,
            };
            let cart_id = Uuid::from_u128(u128::from(n / 2) << 64);
            let cart = CartLine { cart_id, line };
            event(
                u128::from(n),
                (n.cast_signed() * 233) % 60_000,
                1_000_000 + n / 2,
                Body::CartAdd(cart),
            )
        })
        .collect();
    let bytes = postcard::to_allocvec(&fold(&events)).unwrap().len() / 256 - 16;
    assert!(bytes < 30, "{bytes}");
}
