//! What holds for every record and every run of them.

use std::collections::{BTreeMap, HashMap, HashSet};

use events::{Body, Envelope, Line, Rule, Sale, Stream, Uuid};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;
use crate::source::{Content, Kind};

fn config() -> Config {
    Config {
        seed: 42,
        start: Timestamp::parse("2026-11-22T17:30:00Z").unwrap(),
        rate: 500.0,
        curve: Curve::Steady,
        users: 100_000,
        products: 10_000,
        traffic: Traffic::Mix(Mix::default()),
        visit: Duration::from_secs(5),
        anomaly_rate: 0.02,
        sale: None,
        faults: FaultRates::default(),
    }
}

fn records(config: Config, count: u64) -> Vec<Record> {
    let mut generator = Generator::new(
        config,
        Limit {
            records: Some(count),
            duration: None,
        },
    );
    std::iter::from_fn(|| generator.next_record(Keep::ALL)).collect()
}

/// The events of a run without faults.
fn events(config: Config, count: u64) -> Vec<Planned> {
    let planned = |record: Record| record.into_event().expect("a run without faults");
    records(config, count).into_iter().map(planned).collect()
}

prop_compose! {
    pub(super) fn any_mix()(transactions in 0..=33_u32)
        (carts in 2 * transactions..=100 - transactions, transactions in Just(transactions)) -> Mix {
        Mix::new(100 - carts - transactions, carts, transactions).unwrap()
    }
}

fn any_funnel() -> impl Strategy<Value = Funnel> {
    (
        1..200_u32,
        0..1_000_u32,
        0..1_000_u32,
        0..1_000_u32,
        0..500_u32,
        0..100_u32,
    )
        .prop_map(|(sessions, carts, purchases, refunds, more_views, changes)| {
            let carts = carts % (sessions + 1);
            let purchases = purchases % (carts + 1);
            let refunds = refunds % (purchases + 1);
            let changes = changes.min(38 * carts);
            let (views, cart_events) = (sessions + more_views, carts + purchases + changes);
            Funnel {
                sessions,
                carts,
                purchases,
                refunds,
                views,
                cart_events,
            }
            .check()
            .unwrap()
        })
}

pub(super) fn any_traffic() -> impl Strategy<Value = Traffic> {
    prop_oneof![
        any_mix().prop_map(Traffic::Mix),
        any_funnel().prop_map(Traffic::Funnel)
    ]
}

prop_compose! {
    fn any_config()(
        seed: u64,
        start_ms in 0..4_102_444_800_000_i64,
        rate in prop_oneof![0.01..100.0_f64, 100.0..100_000.0_f64],
        users in 10_000..10_000_000_u64,
        products in 1_000..250_000_u64,
        traffic in any_traffic(),
        visit_s in 1..1_000_u64,
        (anomaly_rate, late) in (0.0..0.2_f64, 0.0..0.5_f64),
    ) -> Config {
        Config {
            seed,
            start: Timestamp::from_ms(start_ms).unwrap(),
            rate,
            users,
            products,
            traffic,
            visit: Duration::from_secs(visit_s),
            anomaly_rate,
            faults: FaultRates { late, ..FaultRates::default() },
            ..config()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_event_keeps_the_contract(config in any_config()) {
        for record in records(config.clone(), 700) {
            let arrived_at = config.start.plus_ms(i64::try_from(record.due.as_millis())?);
            let decoded = Event::decode(record.stream, &record.json, arrived_at);
            let (kind, user_id, occurred_at) = (record.kind, record.user_id, record.occurred_at);
            let event = record.into_event().expect("no faults").event;
            prop_assert_eq!(decoded.as_ref(), Ok(&event));
            prop_assert_eq!(kind, Kind::Event(event.event_type()));
            prop_assert_eq!((user_id, occurred_at), (event.envelope.user_id, event.envelope.occurred_at));
        }
    }

    #[test]
    fn orders_are_what_the_cart_held(config in any_config()) {
        check_carts(&events(config, 3_000));
    }
}

/// Replays the carts: a checkout holds what adds, updates and removes have made, and so does the purchase.
fn check_carts(events: &[Planned]) {
    let mut carts: HashMap<Uuid, (u64, Vec<Line>, bool)> = HashMap::new();
    for planned in events {
        let user_id = planned.event.envelope.user_id;
        match &planned.event.body {
            Body::CartAdd(cart) => {
                let (owner, lines, at_till) =
                    carts.entry(cart.cart_id).or_insert((user_id, Vec::new(), false));
                assert!(*owner == user_id && !*at_till);
                assert!(lines.iter().all(|line| line.product_id != cart.line.product_id));
                lines.push(cart.line.clone());
            }
            Body::CartUpdate(cart) => {
                let (_, lines, at_till) = carts.get_mut(&cart.cart_id).expect("updated before filled");
                let same = |line: &&mut Line| line.product_id == cart.line.product_id;
                let line = lines.iter_mut().find(same).expect("updated what isn't there");
                assert!(!*at_till && line.quantity != cart.line.quantity);
                *line = cart.line.clone();
            }
            Body::CartRemove(cart) => {
                let (_, lines, at_till) = carts.get_mut(&cart.cart_id).expect("removed before filled");
                let n = lines
                    .iter()
                    .position(|line| *line == cart.line)
                    .expect("removed what isn't there");
                lines.remove(n);
                assert!(!*at_till && !lines.is_empty());
            }
            Body::CartCheckout(checkout) => {
                let (_, lines, at_till) = carts
                    .get_mut(&checkout.cart_id)
                    .expect("checked out before filled");
                assert_eq!(checkout.items, *lines);
                *at_till = true;
            }
            Body::Purchase(sale) => {
                let (owner, lines, at_till) = carts.remove(&sale.cart_id).expect("bought before filled");
                assert!(owner == user_id && at_till);
                assert_eq!(sale.lines, lines);
            }
            _ => {}
        }
    }
}

/// At a slow rate, a run is long enough for orders to come back in it.
#[test]
fn refunds_give_back_once_what_was_bought_days_ago() {
    let config = Config {
        rate: 0.05,
        ..config()
    };
    let mut bought: HashMap<Uuid, (Envelope, Sale)> = HashMap::new();
    let (mut refunded, mut found) = (HashSet::new(), 0);
    let events = events(config, 150_000);
    for planned in &events {
        let envelope = &planned.event.envelope;
        match &planned.event.body {
            Body::Purchase(sale) => {
                let before = bought.insert(sale.transaction_id, (envelope.clone(), sale.clone()));
                assert_eq!(before, None);
            }
            Body::Refund(refund) => {
                assert!(refunded.insert(refund.refunded_transaction_id), "refunded twice");
                let Some((purchase, sale)) = bought.get(&refund.refunded_transaction_id) else {
                    continue;
                };
                found += 1;
                assert_eq!(purchase.user_id, envelope.user_id);
                let days = (envelope.occurred_at.as_ms() - purchase.occurred_at.as_ms()) / events::MS_PER_DAY;
                assert!((0..=22).contains(&days), "{days} days");
                assert!(refund.sale.lines.iter().all(|line| sale.lines.contains(line)));
                assert!(refund.sale.total_minor <= sale.total_minor);
                assert_eq!(refund.sale.cart_id, sale.cart_id);
            }
            _ => {}
        }
    }
    // 600 refunds; those of the first three weeks are of orders made before the run.
    assert!(
        refunded.len() > 550 && found > 400,
        "{found} of {}",
        refunded.len()
    );
}

/// A new version of a dependency, of this code or of the contract must not change the events of a seed unnoticed.
#[test]
fn the_records_of_a_seed_are_pinned() {
    let digest = |config| {
        let mut digest = Sha256::new();
        for record in records(config, 10_000) {
            digest.update(&record.json);
            digest.update(b"\n");
        }
        let hex = |out: String, byte: &u8| out + &format!("{byte:02x}");
        digest.finalize().iter().fold(String::new(), hex)
    };
    assert_eq!(
        digest(config()),
        "dfb21fb405711df24b8a4c0d395bd8126d084b2c371e26aa4f88517c9924ee60"
    );
    let faults = FaultRates {
        bad: 0.01,
        duplicate: 0.01,
        late: 0.01,
    };
    assert_eq!(
        digest(Config { faults, ..config() }),
        "4b56b3a5f21b2cfddb057ad054dc154a2fb34595ae768fb3c405aa1bb07231a0"
    );
}

#[test]
fn other_seeds_are_other_events() {
    let other = events(Config { seed: 43, ..config() }, 100);
    for (one, other) in events(config(), 100).iter().zip(&other) {
        assert_ne!(one.event.envelope.event_id, other.event.envelope.event_id);
    }
}

#[test]
fn each_whole_wave_holds_exactly_the_mix() {
    for blocks in [1, 3, 7, 15, 31, 63, 127] {
        let mut streams: BTreeMap<Stream, u64> = BTreeMap::new();
        for record in records(config(), blocks * 100) {
            *streams.entry(record.stream).or_default() += 1;
        }
        let of = |stream| streams[&stream];
        assert_eq!(
            (
                of(Stream::ProductViews),
                of(Stream::CartEvents),
                of(Stream::Transactions)
            ),
            (60 * blocks, 30 * blocks, 10 * blocks),
            "{blocks} blocks"
        );
    }
}

/// An injected purchase, with whom it is of.
type Member<'a> = (Injected, &'a Envelope, &'a Sale);

#[test]
fn anomalous_purchases_stand_out_as_their_kind_does() {
    let events = events(config(), 300_000);
    let mut groups: BTreeMap<u64, Vec<Member<'_>>> = BTreeMap::new();
    for planned in &events {
        match (&planned.event.body, planned.anomaly) {
            (Body::Purchase(sale), Some(injected)) => {
                groups
                    .entry(injected.group)
                    .or_default()
                    .push((injected, &planned.event.envelope, sale));
            }
            (Body::Purchase(sale), None) => assert!(sale.lines.iter().all(|line| line.quantity <= 5)),
            (_, anomaly) => assert_eq!(anomaly, None),
        }
    }
    let mut kinds = HashSet::new();
    for members in groups.values() {
        let (injected, envelope, sale) = members[0];
        kinds.insert(injected.kind);
        assert!(
            members
                .iter()
                .all(|(other, of, _)| other.kind == injected.kind && of.user_id == envelope.user_id)
        );
        let numbers: Vec<u32> = members.iter().map(|(injected, ..)| injected.member).collect();
        assert!(
            numbers.iter().copied().eq((0..).take(numbers.len())),
            "in order: {numbers:?}"
        );
        let whole = members.len() == injected.kind.purchases() as usize;
        let (first, last) = (envelope.occurred_at, members[members.len() - 1].1.occurred_at);
        assert!(
            last.as_ms() - first.as_ms() < 10_000,
            "{} takes a visit's time",
            injected.kind
        );
        match injected.kind {
            Anomaly::HighQuantity => assert!(sale.lines.iter().any(|line| line.quantity >= 200)),
            Anomaly::HighValue => assert!(sale.lines.iter().any(|line| line.unit_price_minor >= 50 * 99)),
            Anomaly::Velocity => assert!(whole || last.as_ms() - config().start.as_ms() > 500_000),
            Anomaly::CardTesting => assert!(
                members
                    .iter()
                    .all(|(.., sale)| (50..200).contains(&sale.total_minor))
            ),
            Anomaly::CountryHopping => {
                let countries: HashSet<_> = members.iter().map(|(_, of, _)| of.country).collect();
                assert_eq!(countries.len(), members.len());
            }
        }
    }
    assert_eq!(kinds.len(), Anomaly::ALL.len());
}

#[test]
fn shoppers_keep_their_country_and_device_and_are_on_one_visit_at_a_time() {
    let events = events(config(), 100_000);
    let mut abroad: HashSet<Uuid> = HashSet::new();
    let mut last_of_session: HashMap<Uuid, u64> = HashMap::new();
    for planned in &events {
        let session_id = planned.event.envelope.session_id;
        if planned
            .anomaly
            .is_some_and(|injected| injected.kind == Anomaly::CountryHopping)
        {
            abroad.insert(session_id);
        }
        last_of_session.insert(session_id, planned.index);
    }
    let mut traits = HashMap::new();
    let mut current: HashMap<u64, Uuid> = HashMap::new();
    for planned in &events {
        let envelope = &planned.event.envelope;
        if abroad.contains(&envelope.session_id) || matches!(planned.event.body, Body::Refund(_)) {
            continue;
        }
        let of = (envelope.country, envelope.device);
        assert_eq!(*traits.entry(envelope.user_id).or_insert(of), of);
        if let Some(before) = current.insert(envelope.user_id, envelope.session_id)
            && before != envelope.session_id
        {
            assert!(
                last_of_session[&before] < planned.index,
                "{} is in two places",
                envelope.user_id
            );
        }
    }
}

#[test]
fn event_ids_are_unique_and_hold_the_time() {
    let mut ids = HashSet::new();
    let faults = FaultRates {
        late: 0.1,
        ..FaultRates::default()
    };
    for planned in events(Config { faults, ..config() }, 100_000) {
        let Envelope {
            event_id,
            occurred_at,
            ..
        } = planned.event.envelope;
        assert!(ids.insert(event_id));
        assert_eq!(event_id.get_version_num(), 7);
        assert_eq!(
            (event_id.as_u128() >> 80) as u64,
            occurred_at.as_ms().unsigned_abs()
        );
        let sent_at = config().start.as_ms() + i64::try_from(planned.index * 2).unwrap();
        let late_ms = sent_at - occurred_at.as_ms();
        assert!(if planned.late {
            (60_000..=129 * 60_000).contains(&late_ms)
        } else {
            late_ms == 0
        });
    }
}

#[test]
fn a_carts_steps_are_counted() {
    let mut steps: HashMap<Uuid, (u32, u32)> = HashMap::new();
    for planned in events(config(), 6_300) {
        let cart_id = match &planned.event.body {
            Body::CartAdd(cart) | Body::CartUpdate(cart) | Body::CartRemove(cart) => cart.cart_id,
            Body::CartCheckout(checkout) => checkout.cart_id,
            Body::Purchase(sale) => sale.cart_id,
            _ => {
                assert_eq!(planned.cart_steps, Some(0));
                continue;
            }
        };
        let (seen, _) = steps.entry(cart_id).or_insert((0, planned.cart_steps.unwrap()));
        *seen += 1;
    }
    assert!(steps.values().all(|(seen, stated)| seen == stated));
}

#[test]
fn faults_come_as_often_as_asked_for_and_are_what_they_are_said_to_be() {
    let faults = FaultRates {
        bad: 0.02,
        duplicate: 0.03,
        late: 0.04,
    };
    let (mut bad, mut again, mut late, mut ids) = (BTreeMap::new(), 0_u32, 0_u32, HashMap::new());
    let records = records(Config { faults, ..config() }, 100_000);
    for record in &records {
        let arrived_at = config()
            .start
            .plus_ms(i64::try_from(record.due.as_millis()).unwrap());
        let decoded = Event::decode(record.stream, &record.json, arrived_at);
        match record.content.as_deref().unwrap() {
            Content::Event(planned) => {
                late += u32::from(planned.late);
                assert_eq!(decoded.as_ref(), Ok(&planned.event));
                assert!(
                    ids.insert(planned.event.envelope.event_id, &record.json)
                        .is_none()
                );
            }
            Content::Again(planned) => {
                again += 1;
                assert_eq!(ids[&planned.event.envelope.event_id], &record.json);
            }
            Content::Bad(rule) => {
                assert_eq!(decoded.unwrap_err().rule, *rule);
                *bad.entry(*rule).or_insert(0_u32) += 1;
            }
        }
    }
    let all_bad: u32 = bad.values().sum();
    assert!(
        all_bad.abs_diff(2_000) < 200 && again.abs_diff(2_850) < 250 && late.abs_diff(3_800) < 400,
        "{all_bad} {again} {late}"
    );
    assert!(
        bad.len() >= 9 && bad.contains_key(&Rule::TotalMismatch),
        "{bad:?}"
    );
}

#[test]
fn a_run_ends_where_it_is_told_to() {
    let count = |limit| {
        let mut generator = Generator::new(config(), limit);
        std::iter::from_fn(|| generator.next_record(Keep::ALL)).count()
    };
    let duration = Some(Duration::from_secs(2));
    assert_eq!(
        count(Limit {
            records: None,
            duration
        }),
        1_000
    );
    assert_eq!(
        count(Limit {
            records: Some(7),
            duration
        }),
        7
    );
    assert_eq!(
        count(Limit {
            records: Some(7_000),
            duration
        }),
        1_000
    );
}

#[test]
fn the_same_shop_at_another_time_gives_other_ids() {
    let ids = |start| {
        let start = Timestamp::parse(start).unwrap();
        let events = events(Config { start, ..config() }, 2_000);
        let mut ids = HashSet::new();
        for planned in events {
            ids.insert(planned.event.envelope.session_id);
            match planned.event.body {
                Body::CartAdd(cart) => drop(ids.insert(cart.cart_id)),
                Body::Purchase(sale) => drop(ids.insert(sale.transaction_id)),
                Body::Refund(refund) => {
                    ids.extend([refund.refunded_transaction_id, refund.sale.transaction_id]);
                }
                _ => {}
            }
        }
        ids
    };
    let (one, other) = (ids("2026-11-22T17:30:00Z"), ids("2026-11-22T17:30:00.001Z"));
    assert!(one.is_disjoint(&other));
}

#[test]
fn a_cart_may_hold_more_than_its_shopper_wants() {
    let sale = Some(FlashSale {
        products: 1,
        share: 1.0,
    });
    let funnel = Funnel {
        sessions: 1,
        carts: 1,
        purchases: 1,
        refunds: 0,
        views: 1,
        cart_events: 40,
    };
    let config = Config {
        sale,
        products: 1_000,
        traffic: Traffic::Funnel(funnel.check().unwrap()),
        ..config()
    };
    check_carts(&events(config, 5_000));
}

#[test]
fn anomalies_are_as_many_as_asked_for_where_only_some_kinds_fit() {
    for mix in ["90/8/2", "97/2/1"] {
        let traffic = Traffic::Mix(mix.parse().unwrap());
        let (mut purchases, mut anomalous) = (0_u32, 0_u32);
        for planned in events(
            Config {
                traffic,
                anomaly_rate: 0.1,
                ..config()
            },
            50_000,
        ) {
            purchases += u32::from(matches!(planned.event.body, Body::Purchase(_)));
            anomalous += u32::from(planned.anomaly.is_some());
        }
        let percent = f64::from(anomalous) * 100.0 / f64::from(purchases);
        assert!((9.0..=10.5).contains(&percent), "{mix}: {percent} %");
    }
}
