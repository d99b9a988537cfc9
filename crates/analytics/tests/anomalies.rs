//! The laws of the purchases that are kept for detection, and the limits of each rule.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use analytics::alerts::{AlertType, Severity, Sighting};
use analytics::anomalies::{
    AnomaliesPartial, Baselines, CategoryKey, Finding, PurchaseFact, Scope, Settings, by_user, detect, judge,
};
use analytics::{Facts, Partial};
use events::{
    Body, Country, Device, Envelope, Event, Line, PaymentMethod, Refund, Sale, Search, Timestamp, Uuid,
};
use proptest::prelude::*;

const NOW_MS: i64 = 1_780_000_000_000;

fn country(code: &str) -> Country {
    code.parse().unwrap()
}

fn event(id: u128, user_id: u64, at_ms: i64, country: Country, lines: Vec<Line>) -> Event {
    let goods: i64 = lines
        .iter()
        .map(|line| line.quantity * line.unit_price_minor)
        .sum();
    Event {
        envelope: Envelope {
            event_id: Uuid::from_u128(id),
            occurred_at: Timestamp::from_ms(at_ms).unwrap(),
            user_id,
            session_id: Uuid::nil(),
            country,
            device: Device::Mobile,
        },
        body: Body::Purchase(Sale {
            transaction_id: Uuid::from_u128(id),
            cart_id: Uuid::nil(),
            lines,
            discount_minor: 0,
            shipping_minor: 495,
            tax_minor: 0,
            total_minor: goods + 495,
            currency: "USD".into(),
            payment_method: PaymentMethod::Paypal,
        }),
    }
}

fn line(category: &str, quantity: i64, unit_price_minor: i64) -> Line {
    Line {
        product_id: 7,
        category: category.to_owned().into(),
        quantity,
        unit_price_minor,
    }
}

fn found(orders: &[PurchaseFact]) -> Vec<Finding> {
    let users = by_user(orders);
    users
        .values()
        .flat_map(|history| detect(history, &Settings::default()))
        .collect()
}

fn judged(purchase: &Event, baselines: &Baselines) -> Option<Finding> {
    judge(
        &PurchaseFact::of(purchase).unwrap(),
        baselines,
        &Settings::default(),
    )
}

prop_compose! {
    fn any_event()(
        id in any::<u128>(), user_id in 0..6_u64, at_ms in 0..900_000_i64, land in 0..4_usize, refund in proptest::bool::weighted(0.1),
        category in "[a-c]", quantity in 1..150_i64, unit_price_minor in 0..20_000_i64, tiny in any::<bool>(),
    ) -> Event {
        let unit_price_minor = if tiny { unit_price_minor % 200 } else { unit_price_minor };
        let lines = vec![line(&category, if tiny { 1 } else { quantity }, unit_price_minor)];
        let event = event(id, user_id, NOW_MS + at_ms, Country::all().nth(land).unwrap(), lines);
        match event.body {
            Body::Purchase(sale) if refund => {
                Event { body: Body::Refund(Refund { refunded_transaction_id: Uuid::nil(), sale }), ..event }
            }
            _ => event,
        }
    }
}

fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> AnomaliesPartial {
    let mut partial = AnomaliesPartial::default();
    events
        .into_iter()
        .filter(|event| AnomaliesPartial::counts(event))
        .for_each(|event| partial.fold(event));
    partial
}

fn learned<'a>(purchases: impl IntoIterator<Item = &'a PurchaseFact>) -> Baselines {
    let mut baselines = Baselines::default();
    purchases
        .into_iter()
        .for_each(|purchase| baselines.learn(purchase));
    baselines
}

proptest! {
    #[test]
    fn shards_pages_and_order_leave_no_trace(
        events in proptest::collection::vec((any_event(), 0..3_usize), 0..120),
    ) {
        let whole = fold(events.iter().map(|(event, _)| event));
        let mut merged = AnomaliesPartial::default();
        for shard in (0..3).rev() {
            merged.merge(&fold(events.iter().rev().filter(|(_, of)| *of == shard).map(|(event, _)| event)));
        }
        let ids = |partial: &AnomaliesPartial| partial.event_ids().iter().copied().collect::<BTreeSet<_>>();
        prop_assert_eq!(ids(&merged), ids(&whole));
        prop_assert_eq!(found(merged.facts()), found(whole.facts()));
        prop_assert_eq!(learned(merged.facts()), learned(whole.facts()));
    }

    #[test]
    fn a_page_survives_storage_and_only_grows_at_its_end(events in proptest::collection::vec(any_event(), 0..60)) {
        let partial = fold(&events);
        let stored = postcard::to_allocvec(&partial).unwrap();
        prop_assert_eq!(&postcard::from_bytes::<AnomaliesPartial>(&stored).unwrap(), &partial);
        for (id, purchase) in partial.event_ids().iter().zip(partial.facts()) {
            prop_assert_eq!(*id, purchase.event_id);
        }
        let before = fold(&events[..events.len() / 2]);
        prop_assert!(partial.facts().starts_with(before.facts()));
    }

    #[test]
    fn findings_name_purchases_of_their_shopper_by_time_and_none_twice(events in proptest::collection::vec(any_event(), 0..150)) {
        let partial = fold(&events);
        let mut named = BTreeSet::new();
        for finding in found(partial.facts()) {
            let of_run: Vec<&PurchaseFact> = finding.evidence.event_ids.iter()
                .map(|id| partial.facts().iter().find(|purchase| purchase.event_id == *id).unwrap())
                .collect();
            let user_id = of_run[0].user_id;
            prop_assert!(of_run.iter().all(|purchase| purchase.user_id == user_id));
            prop_assert!(of_run.is_sorted_by_key(|purchase| (purchase.occurred_at_ms, purchase.event_id)));
            prop_assert!(finding.evidence.event_ids.iter().all(|id| named.insert(*id)), "{finding:?}");
            prop_assert!(finding.evidence.value > finding.evidence.limit.unwrap());
            prop_assert_eq!(Sighting::from(finding).entity, format!("user:{user_id}"));
        }
    }

    #[test]
    fn baselines_merge_exactly(
        a in proptest::collection::vec(any_event(), 0..60), b in proptest::collection::vec(any_event(), 0..60),
    ) {
        let (a, b) = (fold(&a), fold(&b));
        let mut merged = learned(b.facts());
        merged.merge(&learned(a.facts()));
        prop_assert_eq!(&merged, &learned(a.facts().iter().chain(b.facts())));
        let stored = postcard::to_allocvec(&merged).unwrap();
        prop_assert_eq!(postcard::from_bytes::<Baselines>(&stored).unwrap(), merged);
    }
}

#[test]
fn purchases_count_and_nothing_else() {
    let purchase = event(1, 1, NOW_MS, country("US"), vec![line("books", 1, 100)]);
    let search = Event {
        body: Body::Search(Search {
            query: "x".into(),
            results: 0,
        }),
        ..purchase.clone()
    };
    assert!(AnomaliesPartial::counts(&purchase) && !AnomaliesPartial::counts(&search));
    assert_eq!(PurchaseFact::of(&search), None);
}

#[test]
fn the_main_line_is_the_one_that_comes_to_most() {
    let lines = vec![
        line("books", 1, 900),
        line("toys", 4, 300),
        line("home", 1, 1_000),
    ];
    let fact = PurchaseFact::of(&event(1, 1, NOW_MS, country("US"), lines)).unwrap();
    assert_eq!(
        (fact.goods_minor, fact.total_minor, fact.units),
        (3_100, 3_595, 6)
    );
    assert_eq!((fact.category, fact.price_minor), (CategoryKey::of("toys"), 300));
}

#[test]
fn a_page_is_small_and_stays_below_an_item_whatever_comes() {
    let text = "\u{1F6D2}".repeat(512);
    let lines = vec![line(&text, 1_000_000, 999_999)];
    let events: Vec<Event> = (0..4_255_u64)
        .map(|n| {
            event(
                u128::from(n),
                i64::MAX.unsigned_abs() - n,
                NOW_MS,
                country("ZW"),
                lines.clone(),
            )
        })
        .collect();
    let size = |events: &[Event]| postcard::to_allocvec(&fold(events)).unwrap().len();
    assert!(!fold(&events[..255]).is_full() && fold(&events[..256]).is_full());
    assert!(size(&events) < 300_000, "{}", size(&events));
    let usual: Vec<Event> = (0..128_u64)
        .map(|n| {
            event(
                u128::from(n),
                50_000 + n,
                NOW_MS,
                country("US"),
                vec![line("books", 2, 4_999)],
            )
        })
        .collect();
    assert!(size(&usual) <= 128 * (16 + 28), "{}", size(&usual));
}

#[test]
fn pages_that_make_no_sense_are_refused() {
    let purchase = event(1, 1, NOW_MS, country("US"), vec![line("books", 1, 100)]);
    let stored = postcard::to_allocvec(&fold([&purchase])).unwrap();
    // No ids, where a run of bytes held one.
    let without_ids = [&[2, 0, 0], &stored[20..]].concat();
    assert!(postcard::from_bytes::<AnomaliesPartial>(&without_ids).is_err());
    // The end of time, where the six bytes of an ordinary one were.
    let end_of_time = postcard::to_allocvec(&i64::MAX).unwrap();
    let outside = [&stored[..21], &end_of_time, &stored[27..]].concat();
    let error = postcard::from_bytes::<AnomaliesPartial>(&outside);
    assert!(error.is_err(), "{error:?}");
    let same_time = postcard::to_allocvec(&NOW_MS).unwrap();
    assert_eq!([&stored[..21], &same_time, &stored[27..]].concat(), stored);
}

#[test]
fn quantity_and_value_are_tolerated_up_to_their_limits() {
    let judge_line = |quantity, price| {
        let purchase = event(1, 1, NOW_MS, country("US"), vec![line("books", quantity, price)]);
        judged(&purchase, &Baselines::default()).map(|finding| (finding.rule, finding.severity))
    };
    assert_eq!(judge_line(100, 50), None);
    assert_eq!(
        judge_line(101, 50),
        Some((AlertType::HighQuantity, Severity::Info))
    );
    assert_eq!(
        judge_line(200, 50),
        Some((AlertType::HighQuantity, Severity::Critical))
    );
    assert_eq!(judge_line(1, 1_000_000), None);
    assert_eq!(
        judge_line(1, 1_000_001),
        Some((AlertType::HighValue, Severity::Info))
    );
    assert_eq!(
        judge_line(1, 1_250_000),
        Some((AlertType::HighValue, Severity::Warning))
    );
    // What is explained by its quantity is told once.
    assert_eq!(
        judge_line(101, 20_000),
        Some((AlertType::HighQuantity, Severity::Info))
    );
}

#[test]
fn a_price_far_above_the_usual_is_unusual_once_there_are_samples() {
    let purchase = |id, price| event(id, 1, NOW_MS, country("US"), vec![line("books", 1, price)]);
    let samples: Vec<PurchaseFact> = (0..30)
        .map(|n| PurchaseFact::of(&purchase(n, 2_000)).unwrap())
        .collect();
    assert_eq!(judged(&purchase(99, 500_000), &learned(&samples[..29])), None);
    let baselines = learned(&samples);
    let finding = judged(&purchase(99, 500_000), &baselines).unwrap();
    assert_eq!(
        (finding.rule, finding.id),
        (AlertType::UnusualValue, Uuid::from_u128(99))
    );
    assert_eq!(finding.evidence.event_ids, [finding.id]);
    // The MAD is 0 here: its floor sets the limit.
    let limit = finding.evidence.limit.unwrap();
    let floor = (3.3_f64 * 0.5 / 0.6745).exp() * finding.evidence.baseline.unwrap();
    assert!((limit / floor - 1.0).abs() < 1e-12);
    #[expect(clippy::cast_possible_truncation, reason = "a price")]
    let limit = limit as i64;
    assert_eq!(judged(&purchase(99, limit), &baselines), None);
    assert!(judged(&purchase(99, limit + 1), &baselines).is_some());
    assert_eq!(judged(&purchase(99, 0), &baselines), None);
}

#[test]
fn too_few_samples_fall_back_from_the_country_to_the_category_to_all() {
    let of = |code: &str, category: &str, n: u128| {
        PurchaseFact::of(&event(
            n,
            1,
            NOW_MS,
            country(code),
            vec![line(category, 1, 2_000)],
        ))
        .unwrap()
    };
    let purchases: Vec<PurchaseFact> = (0..30)
        .map(|n| of("US", "books", n))
        .chain((0..29).map(|n| of("DE", "books", n)))
        .chain((0..29).map(|n| of("DE", "toys", n)))
        .collect();
    let baselines = learned(&purchases);
    let scope = |code, category: &str| {
        let usual = baselines
            .usual(country(code), CategoryKey::of(category), 30)
            .unwrap();
        (usual.scope, usual.samples)
    };
    assert_eq!(scope("US", "books"), (Scope::CountryAndCategory, 30));
    assert_eq!(scope("DE", "books"), (Scope::Category, 59));
    assert_eq!(scope("DE", "toys"), (Scope::All, 88));
    assert_eq!(baselines.usual(country("US"), CategoryKey::of("books"), 89), None);
}
