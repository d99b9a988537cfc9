//! The laws of the views fold, and what windows read from it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use analytics::Partial;
use analytics::views::{SessionFigures, ViewTotals, ViewsPartial, ViewsWindow};
use events::{
    Body, Compare, Country, Device, Envelope, Event, Filter, Minute, ProductView, Search, Timestamp, Uuid,
};
use proptest::prelude::*;

const MINUTE_MS: i64 = 60_000;
/// 2026-11-22T17:30Z
const START_MS: i64 = 1_795_368_600_000;

fn event(id: u128, ms: i64, session: u128, body: Body) -> Event {
    Event {
        envelope: Envelope {
            event_id: Uuid::from_u128(id),
            occurred_at: Timestamp::from_ms(START_MS + ms).unwrap(),
            user_id: u64::try_from(session % 1_000).unwrap(),
            session_id: Uuid::from_u128(session),
            country: Country::all().next().unwrap(),
            device: Device::Mobile,
        },
        body,
    }
}

fn view(product_id: u64, category: &str) -> Body {
    Body::ProductView(ProductView {
        product_id,
        category: category.to_owned().into(),
        price_minor: 499,
    })
}

fn search(query: &str, results: u64) -> Body {
    Body::Search(Search {
        query: query.to_owned().into(),
        results,
    })
}

fn filter<'a>(filters: impl IntoIterator<Item = (&'a str, &'a str)>) -> Body {
    let owned = |(name, value): (&str, &str)| (name.to_owned().into(), value.to_owned().into());
    Body::Filter(Filter {
        filters: filters.into_iter().map(owned).collect(),
    })
}

fn compare(product_ids: &[u64]) -> Body {
    Body::Compare(Compare {
        product_ids: product_ids.to_vec(),
    })
}

fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> ViewsPartial {
    let mut partial = ViewsPartial::default();
    for event in events {
        assert!(ViewsPartial::counts(event));
        partial.fold(event);
    }
    partial
}

/// What a store keeps and gives back.
fn stored(partial: &ViewsPartial) -> ViewsPartial {
    postcard::from_bytes(&postcard::to_allocvec(partial).unwrap()).unwrap()
}

/// The pages of events: by minute and shard, some events a page.
fn pages(events: &[(Event, usize)], page: usize) -> Vec<(Minute, ViewsPartial)> {
    let mut of: BTreeMap<(Minute, usize), Vec<&Event>> = BTreeMap::new();
    for (event, shard) in events {
        let minute = event.envelope.occurred_at.minute();
        of.entry((minute, *shard)).or_default().push(event);
    }
    of.into_iter()
        .flat_map(|((minute, _), events)| {
            let folded: Vec<_> = events
                .chunks(page)
                .map(|page| fold(page.iter().copied()))
                .collect();
            folded.into_iter().map(move |page| (minute, page))
        })
        .collect()
}

fn window<'a>(pages: impl IntoIterator<Item = &'a (Minute, ViewsPartial)>) -> ViewsWindow {
    let mut window = ViewsWindow::default();
    for (minute, page) in pages {
        window.add(*minute, page);
    }
    window
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        4 => (0..40_u64, "[ab]").prop_map(|(id, category)| view(id, &category)),
        2 => ("[aB ]{0,3}", 0..3_u64).prop_map(|(query, results)| search(&query, results)),
        1 => ("[ab]", "[cD]").prop_map(|(name, value)| filter([(name.as_str(), value.as_str()), ("in", "stock")])),
        1 => proptest::collection::vec(0..9_u64, 0..4).prop_map(|ids| compare(&ids)),
    ]
}

/// Events over some minutes, each with the shard that it comes on.
fn events(minutes: i64) -> impl Strategy<Value = Vec<(Event, usize)>> {
    let one = (
        any::<u128>(),
        0..minutes * MINUTE_MS,
        0..30_u128,
        body(),
        0..3_usize,
    )
        .prop_map(|(id, ms, session, body, shard)| (event(id, ms, session, body), shard));
    proptest::collection::vec(one, 0..80)
}

/// A page but for the order of its event ids, which is that of their arrival.
fn seen(partial: &ViewsPartial) -> (ViewsWindow, BTreeSet<Uuid>) {
    let minute = Timestamp::from_ms(START_MS).unwrap().minute();
    (
        window([&(minute, partial.clone())]),
        partial.event_ids().iter().copied().collect(),
    )
}

/// The sessions' figures from their definition.
fn plain_session_figures(events: &[(Event, usize)]) -> Option<SessionFigures> {
    let mut sessions: BTreeMap<Uuid, Vec<&Event>> = BTreeMap::new();
    for (event, _) in events {
        sessions.entry(event.envelope.session_id).or_default().push(event);
    }
    let length_ms = |events: &Vec<&Event>| {
        let times = || events.iter().map(|event| event.envelope.occurred_at.as_ms());
        times().max().unwrap() - times().min().unwrap()
    };
    let is_view = |event: &&&Event| matches!(event.body, Body::ProductView(_));
    let pages = |events: &Vec<&Event>| events.iter().filter(is_view).count();
    let all = sessions.len() as f64;
    (!sessions.is_empty()).then(|| SessionFigures {
        sessions: sessions.len() as u64,
        mean_length_ms: sessions.values().map(length_ms).sum::<i64>() as f64 / all,
        mean_pages: sessions.values().map(pages).sum::<usize>() as f64 / all,
        bounce_rate: sessions.values().filter(|events| events.len() == 1).count() as f64 / all,
    })
}

#[test]
fn a_small_minute_is_counted_exactly() {
    let events = [
        event(1, 0, 1, search(" Red SHOES ", 12)),
        event(2, 2_500, 1, view(7, "Shoes")),
        event(3, 40_000, 1, view(9, "shoes")),
        event(4, 10_000, 2, search("red shoes", 0)),
        event(5, 20_000, 2, search("rde shoes", 0)),
        event(6, 59_999, 3, view(7, "shoes")),
        event(7, 30_000, 4, filter([("Brand", "ACME"), (" size ", " 42")])),
        event(8, 31_000, 4, filter([("brand", "acme")])),
        event(9, 32_000, 4, compare(&[7, 9, 11])),
        event(10, 33_000, 4, view(7, "boots")),
    ];
    let page = stored(&fold(&events));
    assert!(
        page.event_ids()
            .iter()
            .eq(events.iter().map(|event| &event.envelope.event_id))
    );
    let window = window([&(events[0].envelope.occurred_at.minute(), page)]);
    let totals = ViewTotals {
        views: 4,
        searches: 3,
        filters: 2,
        compares: 1,
    };
    assert_eq!(window.totals, totals);
    assert_eq!(window.products.top(9), [(&7, 3), (&9, 1)]);
    assert_eq!(window.compared.top(9), [(&7, 1), (&9, 1), (&11, 1)]);
    let texts = |top: Vec<(&String, u64)>| top.into_iter().map(|(t, n)| (t.clone(), n)).collect::<Vec<_>>();
    let expected = |top: &[(&str, u64)]| {
        top.iter()
            .map(|(text, n)| ((*text).to_owned(), *n))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        texts(window.categories.top(9)),
        expected(&[("shoes", 3), ("boots", 1)])
    );
    assert_eq!(
        texts(window.searches.top(9)),
        expected(&[("red shoes", 2), ("rde shoes", 1)])
    );
    assert_eq!(
        texts(window.without_result.top(9)),
        expected(&[("rde shoes", 1), ("red shoes", 1)])
    );
    assert_eq!(
        texts(window.filters.top(9)),
        expected(&[("brand=acme", 2), ("size=42", 1)])
    );
    assert_eq!(window.visitors.count(), 4);
    let figures = SessionFigures {
        sessions: 4,
        mean_length_ms: f64::from(40_000 + 10_000 + 3_000) / 4.0,
        mean_pages: 1.0,
        bounce_rate: 0.25,
    };
    assert_eq!(window.session_figures(), Some(figures));
}

#[test]
fn a_session_goes_on_over_minutes_and_shards() {
    let events = [
        (event(1, 59_000, 1, view(7, "toys")), 0),
        (event(2, 61_000, 1, view(8, "toys")), 1),
        (event(3, 200_000, 1, search("x", 1)), 0),
    ];
    let figures = window(&pages(&events, 1)).session_figures().unwrap();
    let expected = SessionFigures {
        sessions: 1,
        mean_length_ms: 141_000.0,
        mean_pages: 2.0,
        bounce_rate: 0.0,
    };
    assert_eq!(figures, expected);
}

#[test]
fn an_empty_window_has_no_session_figures() {
    assert_eq!(ViewsWindow::default().session_figures(), None);
}

#[test]
fn other_events_count_nowhere() {
    let line = events::Line {
        product_id: 1,
        category: "toys".into(),
        quantity: 1,
        unit_price_minor: 1,
    };
    let cart_id = Uuid::nil();
    let added = event(1, 0, 1, Body::CartAdd(events::CartLine { cart_id, line }));
    assert!(!ViewsPartial::counts(&added));
    let mut partial = ViewsPartial::default();
    partial.fold(&added);
    assert_eq!(partial, ViewsPartial::default());
}

#[test]
fn a_page_closes_at_512_events() {
    let events: Vec<Event> = (0..512).map(|id| event(id, 0, id, view(1, "toys"))).collect();
    assert!(!fold(&events[1..]).is_full());
    assert!(fold(&events).is_full());
}

/// A text of 512 characters that begins unlike others.
fn long_text(n: u64) -> String {
    format!("{:016x}{}", spread(n), "𐐨".repeat(496))
}

fn spread(n: u64) -> u64 {
    n.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn stored_bytes(partial: &ViewsPartial) -> usize {
    postcard::to_allocvec(partial).unwrap().len()
}

/// 511 events and a last record of 4,000, of the longest texts and numbers, no two alike.
#[test]
fn a_page_stays_below_300_kb_whatever_comes() {
    let hostile = |n: u64, kind: u64| match kind {
        0 => view(spread(n) / 2, &long_text(n)),
        1 => search(&long_text(n), 0),
        2 => filter([(long_text(n).as_str(), "x"), (long_text(n + 4_511).as_str(), "x")]),
        _ => compare(&[spread(n) / 2, spread(n + 4_511) / 2]),
    };
    // Any one type of event alone, and all of them together.
    for kinds in [vec![0], vec![1], vec![2], vec![3], vec![0, 1, 2, 3]] {
        let mut partial = ViewsPartial::default();
        for (n, kind) in (0..4_511_u64).zip(kinds.iter().cycle()) {
            let (offset_ms, session) = ((n % 2 * 59_999).cast_signed(), u128::from(n / 2));
            partial.fold(&event(n.into(), offset_ms, session, hostile(n, *kind)));
        }
        let bytes = stored_bytes(&partial);
        assert!(bytes < 300_000, "{kinds:?}: {bytes} bytes");
        assert_eq!(stored(&partial), partial);
    }
}

/// Whether or not events can bring it about.
#[test]
fn even_all_parts_at_their_largest_come_to_less_than_300_kb() {
    let mut views = ViewsPartial::default();
    for n in 0..4_511_u64 {
        // A summary with one key too many would lose all that came once.
        let product_id = spread(n % 2_048) / 2;
        views.fold(&event(n.into(), 0, n.into(), view(product_id, "x")));
    }
    let mut rest = ViewsPartial::default();
    for n in 0..256_u64 {
        let (one, other) = (long_text(n), long_text(n + 256));
        let results = n / 64;
        let bodies = [
            view(1, &one),
            search(&one, results),
            search(&other, results),
            filter([(one.as_str(), "x")]),
            compare(&[spread(n) / 2, spread(n + 256) / 2]),
        ];
        for body in bodies {
            rest.fold(&event(n.into(), 0, 1, body));
        }
    }
    assert_eq!(
        (
            rest.categories.error(),
            rest.searches.error(),
            rest.without_result.error()
        ),
        (0, 0, 0)
    );
    assert_eq!(
        (
            views.products.error(),
            rest.compared.error(),
            rest.filters.error()
        ),
        (0, 0, 0)
    );
    let (views, rest) = (stored_bytes(&views), stored_bytes(&rest));
    assert!(views + rest < 300_000, "{views} + {rest} bytes");
}

proptest! {
    #[test]
    fn folding_apart_and_merging_is_folding_in_one_go(events in events(1)) {
        let whole = fold(events.iter().map(|(event, _)| event));
        let mut merged = ViewsPartial::default();
        for shard in (0..3).rev() {
            let of_shard = events.iter().filter(|(_, of)| *of == shard).map(|(event, _)| event);
            merged.merge(&stored(&fold(of_shard)));
        }
        prop_assert_eq!(seen(&merged), seen(&whole));
    }

    #[test]
    fn merging_is_commutative_associative_and_has_a_neutral_element(
        a in events(1), b in events(1), c in events(1),
    ) {
        let merge = |left: &ViewsPartial, right: &ViewsPartial| {
            let mut sum = left.clone();
            sum.merge(right);
            sum
        };
        let [a, b, c] = [a, b, c].map(|events| fold(events.iter().map(|(event, _)| event)));
        prop_assert_eq!(seen(&merge(&a, &b)), seen(&merge(&b, &a)));
        prop_assert_eq!(seen(&merge(&merge(&a, &b), &c)), seen(&merge(&a, &merge(&b, &c))));
        prop_assert_eq!(merge(&a, &ViewsPartial::default()), a.clone());
        prop_assert_eq!(merge(&ViewsPartial::default(), &a), a);
    }

    #[test]
    fn a_page_survives_storage(events in events(1)) {
        let partial = fold(events.iter().map(|(event, _)| event));
        prop_assert_eq!(stored(&partial), partial);
    }

    #[test]
    fn a_window_is_the_same_for_any_pages_in_any_order(
        (events, shuffled) in events(5).prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())),
        page in 1..20_usize,
    ) {
        let (mut small, large) = (pages(&shuffled, page), pages(&events, 1_024));
        let whole = window(&large);
        prop_assert_eq!(&window(&small), &whole);
        small.reverse();
        prop_assert_eq!(&window(&small), &whole);
        prop_assert_eq!(whole.session_figures(), plain_session_figures(&events));
    }
}
