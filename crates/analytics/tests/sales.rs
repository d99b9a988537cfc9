//! The laws of the sales fold.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use analytics::Partial;
use analytics::sales::{SalesPartial, Totals};
use events::{Body, Country, Device, Envelope, Event, Line, PaymentMethod, Refund, Sale, Timestamp, Uuid};
use proptest::prelude::*;

prop_compose! {
    fn line()(product_id in 0..50_u64, quantity in 1..9_i64, unit_price_minor in 0..100_000_i64) -> Line {
        Line { product_id, category: "books".into(), quantity, unit_price_minor }
    }
}

prop_compose! {
    fn event()(
        id in any::<u128>(), user_id in 0..40_u64, country in 0..4_usize, refund in proptest::bool::weighted(0.2),
        lines in proptest::collection::vec(line(), 1..4), discount_minor in 0..1_000_i64, tax_minor in 0..1_000_i64,
    ) -> Event {
        let sale = Sale {
            transaction_id: Uuid::from_u128(id), cart_id: Uuid::from_u128(id), lines, discount_minor, shipping_minor: 495,
            tax_minor, total_minor: 0, currency: "USD".into(), payment_method: PaymentMethod::Paypal,
        };
        Event {
            envelope: Envelope {
                event_id: Uuid::from_u128(id), occurred_at: Timestamp::from_ms(1_000).unwrap(), user_id,
                session_id: Uuid::nil(), country: Country::all().nth(country).unwrap(), device: Device::Mobile,
            },
            body: if refund { Body::Refund(Refund { refunded_transaction_id: Uuid::nil(), sale }) } else { Body::Purchase(sale) },
        }
    }
}

fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> SalesPartial {
    let mut partial = SalesPartial::default();
    events.into_iter().for_each(|event| partial.fold(event));
    partial
}

/// What a reader of the aggregate sees.
fn seen(partial: &SalesPartial) -> Vec<(Country, Totals, u64)> {
    partial
        .countries
        .iter()
        .map(|(country, sales)| (*country, sales.totals, sales.buyers.count()))
        .collect()
}

proptest! {
    #[test]
    fn folding_apart_and_merging_is_folding_in_one_go(
        events in proptest::collection::vec((event(), 0..4_usize), 0..200),
    ) {
        let whole = fold(events.iter().map(|(event, _)| event));
        let mut merged = SalesPartial::default();
        for shard in (0..4).rev() {
            merged.merge(&fold(events.iter().filter(|(_, of)| *of == shard).map(|(event, _)| event)));
        }
        prop_assert_eq!(seen(&merged), seen(&whole));
        prop_assert_eq!(merged.all_countries().totals, whole.all_countries().totals);
        prop_assert_eq!(merged.all_countries().buyers.count(), whole.all_countries().buyers.count());
    }

    #[test]
    fn merging_is_commutative_associative_and_has_a_neutral_element(
        a in proptest::collection::vec(event(), 0..40),
        b in proptest::collection::vec(event(), 0..40),
        c in proptest::collection::vec(event(), 0..40),
    ) {
        let merge = |left: &SalesPartial, right: &SalesPartial| { let mut sum = left.clone(); sum.merge(right); sum };
        let (a, b, c) = (fold(&a), fold(&b), fold(&c));
        prop_assert_eq!(seen(&merge(&a, &b)), seen(&merge(&b, &a)));
        prop_assert_eq!(seen(&merge(&merge(&a, &b), &c)), seen(&merge(&a, &merge(&b, &c))));
        prop_assert_eq!(seen(&merge(&a, &SalesPartial::default())), seen(&a));
    }

    #[test]
    fn a_partial_survives_storage(events in proptest::collection::vec(event(), 0..40)) {
        let partial = fold(&events);
        let stored = serde_json::to_vec(&partial).unwrap();
        prop_assert_eq!(serde_json::from_slice::<SalesPartial>(&stored).unwrap(), partial);
    }

    #[test]
    fn sums_equal_those_of_a_plain_loop(events in proptest::collection::vec(event(), 0..100)) {
        let totals = fold(&events).all_countries().totals;
        let mut net_minor = 0;
        for event in &events {
            let sale = event.sale().unwrap();
            let goods: i64 = sale.lines.iter().map(|line| line.quantity * line.unit_price_minor).sum();
            let sign = if matches!(event.body, Body::Purchase(_)) { 1 } else { -1 };
            net_minor += sign * (goods - sale.discount_minor);
        }
        prop_assert_eq!(totals.net_revenue_minor(), net_minor);
        prop_assert_eq!(totals.orders + totals.refunds, i64::try_from(events.len()).unwrap());
    }
}

#[test]
fn events_that_are_no_sales_count_nowhere() {
    let view = Event {
        envelope: Envelope {
            event_id: Uuid::nil(),
            occurred_at: Timestamp::from_ms(0).unwrap(),
            user_id: 1,
            session_id: Uuid::nil(),
            country: "US".parse().unwrap(),
            device: Device::Mobile,
        },
        body: Body::Search(events::Search {
            query: "x".into(),
            results: 0,
        }),
    };
    assert_eq!(SalesPartial::window_of(&view), None);
    assert_eq!(fold([&view]), SalesPartial::default());
}
