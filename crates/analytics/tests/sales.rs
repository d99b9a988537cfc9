//! The laws of the sales fold.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use analytics::sales::{SalesPartial, Totals};
use analytics::{CategoryCounts, Partial};
use events::{
    Body, Country, Device, Envelope, Event, Line, MAX_QUANTITY, PaymentMethod, Refund, Sale, Timestamp, Uuid,
};
use proptest::prelude::*;

prop_compose! {
    fn line()(product_id in 0..50_u64, category in 0..5, quantity in 1..9_i64, unit_price_minor in 0..100_000_i64) -> Line {
        Line { product_id, category: format!("Category {category}").into(), quantity, unit_price_minor }
    }
}

prop_compose! {
    fn event()(
        id in any::<u128>(), user_id in 0..40_u64, country in 0..4_usize, refund in proptest::bool::weighted(0.2),
        lines in proptest::collection::vec(line(), 1..4), discount_minor in 0..1_000_i64, tax_minor in 0..1_000_i64,
    ) -> Event {
        let sale = Sale { discount_minor, tax_minor, ..sale(id, lines) };
        event_of(id, user_id, Country::all().nth(country).unwrap(), if refund { refund_of(sale) } else { Body::Purchase(sale) })
    }
}

fn sale(id: u128, lines: Vec<Line>) -> Sale {
    Sale {
        transaction_id: Uuid::from_u128(id),
        cart_id: Uuid::from_u128(id),
        lines,
        discount_minor: 0,
        shipping_minor: 495,
        tax_minor: 0,
        total_minor: 0,
        currency: "USD".into(),
        payment_method: PaymentMethod::Paypal,
    }
}

fn refund_of(sale: Sale) -> Body {
    Body::Refund(Refund {
        refunded_transaction_id: Uuid::nil(),
        sale,
    })
}

fn event_of(id: u128, user_id: u64, country: Country, body: Body) -> Event {
    let envelope = Envelope {
        event_id: Uuid::from_u128(id),
        occurred_at: Timestamp::from_ms(1_000).unwrap(),
        user_id,
        session_id: Uuid::nil(),
        country,
        device: Device::Mobile,
    };
    Event { envelope, body }
}

fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> SalesPartial {
    let mut partial = SalesPartial::default();
    events.into_iter().for_each(|event| partial.fold(event));
    partial
}

/// What a reader of the aggregate sees.
fn seen(partial: &SalesPartial) -> (Vec<(Country, Totals, u64)>, CategoryCounts) {
    let countries = partial.countries.iter();
    let countries = countries.map(|(country, sales)| (*country, sales.totals, sales.buyers.count()));
    (countries.collect(), partial.purchased.clone())
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
        let stored = postcard::to_allocvec(&partial).unwrap();
        prop_assert_eq!(postcard::from_bytes::<SalesPartial>(&stored).unwrap(), partial);
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
        prop_assert_eq!(i64::try_from(fold(&events).purchased.total()).unwrap(), totals.units);
    }
}

#[test]
fn events_that_are_no_sales_count_nowhere() {
    let search = events::Search {
        query: "x".into(),
        results: 0,
    };
    let view = event_of(0, 1, "US".parse().unwrap(), Body::Search(search));
    assert!(!SalesPartial::counts(&view));
    assert_eq!(fold([&view]), SalesPartial::default());
}

fn line_of(category: impl Into<String>, quantity: i64) -> Line {
    Line {
        product_id: 1,
        category: category.into().into(),
        quantity,
        unit_price_minor: 100,
    }
}

#[test]
fn units_are_counted_by_the_normal_form_of_their_category_and_only_when_purchased() {
    let country = "US".parse().unwrap();
    let bought = sale(
        1,
        vec![line_of(" Toys", 3), line_of("BOOKS", 1), line_of("toys", 2)],
    );
    let returned = refund_of(sale(2, vec![line_of("toys", 4)]));
    let purchased = fold(&[
        event_of(1, 1, country, Body::Purchase(bought)),
        event_of(2, 1, country, returned),
    ])
    .purchased;
    assert!(
        purchased
            .iter()
            .eq([(&"books".to_owned(), 1), (&"toys".to_owned(), 5)])
    );
    assert_eq!((purchased.total(), purchased.error()), (6, 0));
}

/// All of another shopper, of one country after the other, or of a few countries with as many shoppers as a sketch
/// takes to be as large as it gets.
#[test]
fn a_page_is_full_at_256_events_and_stays_below_300_kb_if_one_record_brings_4000_of_the_worst() {
    for countries in [1, 13, 50, 250] {
        let mut partial = SalesPartial::default();
        let all: Vec<Country> = Country::all().take(countries).collect();
        for n in 0..4_255_u32 {
            if n == 255 {
                assert!(!partial.is_full());
            }
            // Neighbours have nothing in common.
            let first = char::from_u32(0x1_0000 + n * 200).unwrap();
            let category = format!("{first}{}", "\u{10FFFF}".repeat(511));
            let country = all[n as usize % all.len()];
            // The first ones are never outweighed.
            let quantity = if n < 256 { MAX_QUANTITY } else { 1 };
            let bought = sale(n.into(), vec![line_of(category, quantity)]);
            partial.fold(&event_of(
                n.into(),
                u64::MAX - u64::from(n),
                country,
                Body::Purchase(bought),
            ));
        }
        assert!(partial.is_full());
        assert_eq!(partial.purchased.iter().count(), 256);
        let bytes = postcard::to_allocvec(&partial).unwrap().len();
        assert!(bytes < 300_000, "{countries} countries: {bytes}");
    }
}
