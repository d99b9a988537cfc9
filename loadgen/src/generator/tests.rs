//! What holds for every event and every run of them.

use std::collections::{BTreeMap, HashMap, HashSet};

use events::{Body, Line, Sale, Stream};
use md5::{Digest, Md5};
use proptest::prelude::*;

use super::block::tests::any_mix;
use super::*;

fn config() -> Config {
    Config {
        seed: 42,
        start: Timestamp::parse("2026-11-22T17:30:00Z").unwrap(),
        rate: 500,
        users: 100_000,
        products: 10_000,
        mix: Mix::default(),
    }
}

fn run(config: Config, count: u64) -> Vec<Planned> {
    let mut generator = Generator::new(config, None);
    (0..count).map(|index| generator.event(index)).collect()
}

prop_compose! {
    fn any_config()(
        seed: u64,
        start_ms in 0..4_102_444_800_000_i64,
        rate in prop_oneof![1..100_u64, 100..100_000_u64],
        users in 10_000..10_000_000_u64,
        products in 1_000..250_000_u64,
        mix in any_mix(),
    ) -> Config {
        let start = Timestamp::from_ms(start_ms).unwrap();
        Config { seed, start, rate, users, products, mix }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_event_keeps_the_contract(config in any_config()) {
        for planned in run(config, 700) {
            let mut json = Vec::new();
            planned.event.to_json(&mut json);
            let arrived_at = planned.event.envelope.occurred_at;
            let decoded = Event::decode(planned.event.stream(), &json, arrived_at);
            prop_assert_eq!(decoded.as_ref(), Ok(&planned.event));
        }
    }

    #[test]
    fn any_order_of_asking_gives_the_same_events(config in any_config(), order: Vec<u16>) {
        let in_order = run(config, 2_000);
        let mut generator = Generator::new(config, None);
        for index in order.into_iter().map(|n| u64::from(n) % 2_000) {
            prop_assert_eq!(&generator.event(index), &in_order[usize::try_from(index)?]);
        }
    }

    #[test]
    fn orders_are_what_the_cart_held(config in any_config()) {
        check_carts(&run(config, 3_000));
    }

    #[test]
    fn refunds_give_back_what_was_bought(config in any_config()) {
        check_refunds(&run(config, 3_000));
    }

    #[test]
    fn each_index_has_its_place(index: u32, lanes in 0..10_u32) {
        let place = Place::of(index.into(), 1 << lanes);
        prop_assert_eq!(place.index(place.position), u64::from(index));
        prop_assert!(place.position < BLOCK && place.lane < place.lanes);
        for position in 0..BLOCK {
            let same_block = Place::of(place.index(position), 1 << lanes);
            prop_assert_eq!(same_block, Place { position, ..place });
        }
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

fn check_refunds(events: &[Planned]) {
    let mut bought: HashMap<Uuid, (u64, &Sale)> = HashMap::new();
    let mut refunded = HashSet::new();
    for planned in events {
        let user_id = planned.event.envelope.user_id;
        match &planned.event.body {
            Body::Purchase(sale) => {
                assert!(bought.insert(sale.transaction_id, (user_id, sale)).is_none());
            }
            Body::Refund(refund) => {
                let (buyer, sale) = bought[&refund.refunded_transaction_id];
                assert_eq!(buyer, user_id);
                assert!(refunded.insert(refund.refunded_transaction_id), "refunded twice");
                assert!(refund.sale.lines.iter().all(|line| sale.lines.contains(line)));
                assert!(refund.sale.total_minor <= sale.total_minor);
                assert_eq!(refund.sale.cart_id, sale.cart_id);
            }
            _ => {}
        }
    }
}

/// A new version of a dependency, of this code or of the contract must not change the events of a seed unnoticed.
#[test]
fn the_events_of_a_seed_are_pinned() {
    let mut digest = Md5::new();
    let mut json = Vec::new();
    for planned in run(config(), 10_000) {
        json.clear();
        planned.event.to_json(&mut json);
        json.push(b'\n');
        digest.update(&json);
    }
    let digest: [u8; 16] = digest.finalize().into();
    assert_eq!(
        format!("{:032x}", u128::from_be_bytes(digest)),
        "68024e345659484285082d1132ac4fb3"
    );
}

#[test]
fn other_seeds_are_other_events() {
    let other = run(Config { seed: 43, ..config() }, 100);
    for (one, other) in run(config(), 100).iter().zip(&other) {
        assert_ne!(one.event.envelope.event_id, other.event.envelope.event_id);
    }
}

#[test]
fn each_whole_wave_holds_exactly_the_mix() {
    for blocks in [1, 3, 7, 15, 31, 63, 127, 191] {
        let mut streams: BTreeMap<Stream, u64> = BTreeMap::new();
        for planned in run(config(), blocks * 100) {
            *streams.entry(planned.event.stream()).or_default() += 1;
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

#[test]
fn two_percent_of_purchases_are_anomalous_and_stand_out() {
    let (mut purchases, mut anomalous) = (0_u32, 0_u32);
    for planned in run(config(), 1_000_000) {
        let Body::Purchase(sale) = &planned.event.body else {
            assert_eq!(planned.anomaly, None);
            continue;
        };
        purchases += 1;
        anomalous += u32::from(planned.anomaly.is_some());
        if planned.anomaly == Some(Anomaly::HighQuantity) {
            assert!(sale.lines.iter().any(|line| line.quantity >= 200));
        } else {
            assert!(sale.lines.iter().all(|line| line.quantity <= 5));
        }
    }
    let percent = f64::from(anomalous) * 100.0 / f64::from(purchases);
    assert!((1.9..=2.1).contains(&percent), "{percent} %");
}

#[test]
fn shoppers_keep_their_country_and_device_and_are_on_one_visit_at_a_time() {
    let events = run(config(), 100_000);
    let mut traits = HashMap::new();
    let mut last_of_session: HashMap<Uuid, u64> = HashMap::new();
    for planned in &events {
        let envelope = &planned.event.envelope;
        let of = (envelope.country, envelope.device);
        assert_eq!(*traits.entry(envelope.user_id).or_insert(of), of);
        last_of_session.insert(envelope.session_id, planned.index);
    }
    let mut current: HashMap<u64, Uuid> = HashMap::new();
    for planned in &events {
        let envelope = &planned.event.envelope;
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
    for planned in run(config(), 100_000) {
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
        assert_eq!(occurred_at, config().occurred_at(planned.index));
    }
}

#[test]
fn a_carts_steps_are_counted() {
    let mut steps: HashMap<Uuid, (u32, u32)> = HashMap::new();
    for planned in run(config(), 6_300) {
        let cart_id = match &planned.event.body {
            Body::CartAdd(cart) | Body::CartUpdate(cart) | Body::CartRemove(cart) => cart.cart_id,
            Body::CartCheckout(checkout) => checkout.cart_id,
            Body::Purchase(sale) => sale.cart_id,
            _ => {
                assert_eq!(planned.cart_steps, 0);
                continue;
            }
        };
        let (seen, _) = steps.entry(cart_id).or_insert((0, planned.cart_steps));
        *seen += 1;
    }
    assert!(steps.values().all(|(seen, stated)| seen == stated));
}
