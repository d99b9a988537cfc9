//! The laws of carts: of the fold, and of the sweep against a plain model.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "carts/fold.rs"]
mod fold;
#[path = "carts/model.rs"]
mod model;

use std::collections::BTreeMap;

use analytics::carts::{
    CartChange, CartFact, CartItem, CartMinute, CartSettings, Fate, MAX_FACTS, OpenCarts, Swept,
};
use events::{MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, Timestamp, Uuid};
use model::Minutes;
use proptest::collection::vec;
use proptest::prelude::*;

type Known = (Uuid, CartFact);

const TIMEOUT: i64 = 30 * MS_PER_MINUTE;

/// Nothing is forgotten.
fn long_memory() -> CartSettings {
    CartSettings {
        memory_ms: 1_000 * MS_PER_DAY,
        abandoned_memory_ms: 1_000 * MS_PER_DAY,
        minutes_memory_ms: 2_000 * MS_PER_DAY,
        ..CartSettings::default()
    }
}

fn time(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms).unwrap()
}

fn change() -> impl Strategy<Value = CartChange> {
    let item =
        (0..3_u64, 1..5_i64, 0..100_i64).prop_map(|(product_id, quantity, unit_price_minor)| CartItem {
            product_id,
            quantity,
            unit_price_minor,
        });
    prop_oneof![
        4 => item.clone().prop_map(CartChange::Add),
        2 => item.clone().prop_map(CartChange::Update),
        2 => item.prop_map(CartChange::Remove),
        1 => (0..100_i64).prop_map(|total_minor| CartChange::Checkout { total_minor }),
        1 => (0..100_i64).prop_map(|goods_minor| CartChange::Purchase { goods_minor }),
    ]
}

/// Facts of a few carts in five hours, at whole fives of minutes give or take a millisecond, so that timeouts are often met exactly.
fn facts() -> impl Strategy<Value = Vec<Known>> {
    let fact = (
        0..4_u128,
        0..60_i64,
        prop_oneof![4 => Just(0_i64), 1 => -1..=1_i64],
        0..2_u64,
        change(),
    );
    vec(fact, 0..40).prop_map(|facts| {
        facts
            .into_iter()
            .zip(0_u128..)
            .map(|((cart, fives, off, user_id, change), n)| {
                let fact = CartFact {
                    cart_id: Uuid::from_u128(cart),
                    occurred_at: time(fives * 5 * MS_PER_MINUTE + off),
                    user_id,
                    change,
                };
                // Ids in another order than the facts.
                (
                    Uuid::from_u128(n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 1_009),
                    fact,
                )
            })
            .collect()
    })
}

fn advance(open: &mut OpenCarts, facts: &[Known], now_ms: i64, settings: &CartSettings) -> Swept {
    open.advance(facts.iter().map(|(id, fact)| (*id, fact)), time(now_ms), settings)
}

/// What is known in the end, without minutes whose carts were all taken off again.
fn figures(open: &OpenCarts) -> Minutes {
    open.minutes()
        .filter(|(_, m)| **m != CartMinute::default())
        .map(|(minute, m)| (minute, *m))
        .collect()
}

fn stored_and_read(open: &OpenCarts) -> OpenCarts {
    let read = postcard::from_bytes(&postcard::to_allocvec(open).unwrap()).unwrap();
    assert_eq!(open, &read);
    read
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_order_repetition_and_split_into_calls_comes_to_what_the_model_says(
        facts in facts(),
        deliveries in vec((any::<prop::sample::Index>(), 0..8_usize), 0..60),
        rest in 0..8_usize,
        mut nows in vec(0..400_i64, 8),
    ) {
        nows.sort_unstable();
        let mut calls: Vec<Vec<Known>> = vec![Vec::new(); 8];
        if !facts.is_empty() {
            deliveries.iter().for_each(|(which, call)| calls[*call].push(*which.get(&facts)));
        }
        calls[rest].extend(&facts);
        let mut open = OpenCarts::default();
        let mut told = Minutes::new();
        let mut known = Vec::new();
        for (call, now) in calls.iter().zip(&nows) {
            let now_ms = now * MS_PER_MINUTE;
            let swept = advance(&mut open, call, now_ms, &long_memory());
            known.extend(call);
            told.extend(swept.minutes);
            prop_assert_eq!(figures(&open), model::minutes(&known, time(now_ms), TIMEOUT));
            open = stored_and_read(&open);
        }
        told.retain(|_, minute| *minute != CartMinute::default());
        prop_assert_eq!(told, figures(&open));
        let mut at_once = OpenCarts::default();
        advance(&mut at_once, &facts, nows[7] * MS_PER_MINUTE, &long_memory());
        prop_assert_eq!(figures(&open), figures(&at_once));
    }

    #[test]
    fn facts_that_are_read_again_change_nothing(facts in facts(), now in 0..400_i64) {
        let mut open = OpenCarts::default();
        advance(&mut open, &facts, now * MS_PER_MINUTE, &long_memory());
        let before = open.clone();
        prop_assert_eq!(advance(&mut open, &facts, now * MS_PER_MINUTE, &long_memory()), Swept::default());
        prop_assert_eq!(open, before);
    }

    #[test]
    fn going_minute_by_minute_is_going_in_one_step(facts in facts(), minutes in 0..400_i64) {
        let mut open = OpenCarts::default();
        advance(&mut open, &facts, 0, &long_memory());
        let mut at_once = open.clone();
        (0..=minutes).for_each(|n| { advance(&mut open, &[], n * MS_PER_MINUTE, &long_memory()); });
        advance(&mut at_once, &[], minutes * MS_PER_MINUTE, &long_memory());
        prop_assert_eq!(figures(&open), figures(&at_once));
    }

    #[test]
    fn each_cart_is_told_to_be_abandoned_once_while_nothing_is_late(facts in facts()) {
        let mut open = OpenCarts::default();
        let mut times: BTreeMap<Uuid, usize> = BTreeMap::new();
        for n in 0..400 {
            let swept = advance(&mut open, &arriving(&facts, n), n * MS_PER_MINUTE, &long_memory());
            swept.abandoned().for_each(|cart| *times.entry(cart.cart_id).or_default() += 1);
        }
        prop_assert!(times.values().all(|times| *times == 1), "{times:?}");
    }

    /// A purchase ends what happens to a cart here: after it, the cart is soon forgotten.
    #[test]
    fn forgetting_changes_no_totals(facts in facts(), memory in 0..90_i64) {
        let bought = |of: &Known| facts.iter().filter(|(_, fact)| {
            fact.cart_id == of.1.cart_id && matches!(fact.change, CartChange::Purchase { .. })
        }).map(|(id, fact)| (fact.occurred_at, *id)).min();
        let facts: Vec<Known> = facts.iter().filter(|fact| {
            bought(fact).is_none_or(|end| (fact.1.occurred_at, fact.0) <= end)
        }).copied().collect();
        let settings = CartSettings { memory_ms: memory * MS_PER_MINUTE, ..CartSettings::default() };
        let mut open = OpenCarts::default();
        for n in 0..400 {
            advance(&mut open, &arriving(&facts, n), n * MS_PER_MINUTE, &settings);
            open = stored_and_read(&open);
        }
        prop_assert_eq!(figures(&open), model::minutes(&facts, time(399 * MS_PER_MINUTE), TIMEOUT));
        advance(&mut open, &[], 399 * MS_PER_MINUTE + 2 * MS_PER_DAY, &settings);
        prop_assert_eq!(open.cart_count(), 0);
    }

    #[test]
    fn bytes_that_are_no_carts_are_refused_without_a_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = postcard::from_bytes::<OpenCarts>(&bytes);
    }

    #[test]
    fn another_timeout_counts_from_the_next_sweep_on(facts in facts(), now in 0..400_i64) {
        let now_ms = now * MS_PER_MINUTE;
        let mut open = OpenCarts::default();
        advance(&mut open, &facts, now_ms, &long_memory());
        let shorter = CartSettings { timeout_ms: 10 * MS_PER_MINUTE, ..long_memory() };
        advance(&mut open, &[], now_ms, &shorter);
        prop_assert_eq!(figures(&open), model::minutes(&facts, time(now_ms), 10 * MS_PER_MINUTE));
    }
}

/// The facts that the sweep of minute `n` finds: those of the minute before.
fn arriving(facts: &[Known], n: i64) -> Vec<Known> {
    let since = (n - 1) * MS_PER_MINUTE;
    let minute = since..since + MS_PER_MINUTE;
    facts
        .iter()
        .filter(|(_, fact)| minute.contains(&fact.occurred_at.as_ms()))
        .copied()
        .collect()
}

fn fact(event: u128, ms: i64, change: CartChange) -> Known {
    let fact = CartFact {
        cart_id: Uuid::from_u128(9),
        occurred_at: time(ms),
        user_id: 4,
        change,
    };
    (Uuid::from_u128(event), fact)
}

fn add(event: u128, ms: i64) -> Known {
    let item = CartItem {
        product_id: 1,
        quantity: 2,
        unit_price_minor: 15_000,
    };
    fact(event, ms, CartChange::Add(item))
}

fn purchase(event: u128, ms: i64) -> Known {
    fact(event, ms, CartChange::Purchase { goods_minor: 30_000 })
}

#[test]
fn a_late_fact_moves_the_cart_and_both_minutes_are_told() {
    let settings = CartSettings {
        alert_value_minor: 1,
        ..CartSettings::default()
    };
    let mut open = OpenCarts::default();
    let swept = advance(&mut open, &[add(1, 0)], TIMEOUT, &settings);
    assert_eq!(swept.abandoned().count(), 1);
    let swept = advance(
        &mut open,
        &[purchase(2, 20 * MS_PER_MINUTE)],
        40 * MS_PER_MINUTE,
        &settings,
    );
    let figures: Vec<_> = swept
        .minutes
        .values()
        .map(|m| (m.abandoned, m.converted, m.value_abandoned_minor))
        .collect();
    assert_eq!(figures, [(0, 1, 0), (0, 0, 0)]);
    assert_eq!(
        swept.sessions[0].after.unwrap().fate,
        Fate::Converted {
            at: time(20 * MS_PER_MINUTE)
        }
    );
    assert_eq!(swept.signals(time(MS_PER_DAY), &settings).len(), 1);
}

#[test]
fn an_abandoned_cart_is_recovered_within_its_memory_and_not_after() {
    let settings = CartSettings::default();
    let bought = |ms| {
        let mut open = OpenCarts::default();
        advance(&mut open, &[add(1, 0)], 0, &settings);
        for hour in 1..=ms / MS_PER_HOUR {
            advance(&mut open, &[], hour * MS_PER_HOUR, &settings);
        }
        let swept = advance(&mut open, &[purchase(2, ms)], ms, &settings);
        let minute = swept.minutes.values().last().copied().unwrap();
        (
            swept.recovered().count(),
            minute.recovered,
            minute.value_recovered_minor,
            minute.purchases_without_cart,
        )
    };
    assert_eq!(bought(24 * MS_PER_HOUR), (1, 1, 30_000, 0));
    assert_eq!(bought(25 * MS_PER_HOUR), (0, 0, 0, 1));
}

#[test]
fn a_change_of_an_abandoned_cart_prolongs_its_memory_and_a_known_one_does_not() {
    let settings = CartSettings::default();
    let held_at_30_hours = |known: Known| {
        let mut open = OpenCarts::default();
        advance(&mut open, &[add(1, 0)], 0, &settings);
        advance(&mut open, &[], 2 * MS_PER_HOUR, &settings);
        advance(&mut open, &[known], 20 * MS_PER_HOUR, &settings);
        advance(&mut open, &[], 30 * MS_PER_HOUR, &settings);
        open.cart_count()
    };
    assert_eq!(held_at_30_hours(add(1, 0)), 0);
    assert_eq!(held_at_30_hours(add(2, 20 * MS_PER_HOUR)), 1);
}

#[test]
fn of_several_purchases_after_the_facts_are_gone_the_earliest_counts_in_any_order() {
    let settings = CartSettings::default();
    let fate_after = |hours: [i64; 2]| {
        let mut open = OpenCarts::default();
        advance(&mut open, &[add(1, 0)], 0, &settings);
        advance(&mut open, &[], 2 * MS_PER_HOUR, &settings);
        for hour in hours {
            advance(
                &mut open,
                &[purchase(hour.unsigned_abs().into(), hour * MS_PER_HOUR)],
                5 * MS_PER_HOUR,
                &settings,
            );
        }
        figures(&open)
    };
    assert_eq!(fate_after([3, 4]), fate_after([4, 3]));
    assert_eq!(fate_after([3, 4])[&time(3 * MS_PER_HOUR).minute()].recovered, 1);
}

#[test]
fn a_cart_belongs_to_the_shopper_of_its_earliest_event() {
    let mut later = add(1, MS_PER_MINUTE);
    later.1.user_id = 5;
    let mut open = OpenCarts::default();
    let user_of = |swept: Swept| swept.sessions[0].after.unwrap().user_id;
    assert_eq!(
        user_of(advance(
            &mut open,
            &[later],
            MS_PER_MINUTE,
            &CartSettings::default()
        )),
        5
    );
    assert_eq!(
        user_of(advance(
            &mut open,
            &[add(2, 0)],
            MS_PER_MINUTE,
            &CartSettings::default()
        )),
        4
    );
}

#[test]
fn of_an_event_id_with_two_contents_the_same_one_counts_in_any_order() {
    let copies = [add(1, 0), purchase(1, MS_PER_MINUTE)];
    let swept_in_order = |order: [usize; 2]| {
        let mut open = OpenCarts::default();
        for n in order {
            advance(&mut open, &copies[n..=n], TIMEOUT, &CartSettings::default());
        }
        figures(&open)
    };
    assert_eq!(swept_in_order([0, 1]), swept_in_order([1, 0]));
    assert_eq!(swept_in_order([0, 1]).len(), 2);
}

#[test]
fn minutes_that_did_not_change_for_long_are_forgotten() {
    let settings = CartSettings::default();
    let mut open = OpenCarts::default();
    advance(&mut open, &[add(1, 0)], 0, &settings);
    advance(&mut open, &[], TIMEOUT, &settings);
    advance(&mut open, &[], 90 * MS_PER_DAY, &settings);
    assert_eq!(open.minutes().count(), 2);
    advance(&mut open, &[], 90 * MS_PER_DAY + 1, &settings);
    assert_eq!(open.minutes().count(), 1);
    let mut other = add(2, 0);
    other.1.cart_id = Uuid::from_u128(8);
    let mut renewed = OpenCarts::default();
    advance(&mut renewed, &[add(1, 0)], 0, &settings);
    advance(&mut renewed, &[other], MS_PER_HOUR, &settings);
    advance(&mut renewed, &[], 90 * MS_PER_DAY + 1, &settings);
    assert_eq!(renewed.minutes().count(), 2);
}

#[test]
fn a_clock_that_goes_back_brings_no_cart_back() {
    let settings = CartSettings::default();
    let mut open = OpenCarts::default();
    advance(&mut open, &[add(1, 0)], TIMEOUT, &settings);
    assert_eq!(advance(&mut open, &[], 0, &settings), Swept::default());
}

#[test]
fn the_abandonment_rate_is_the_share_of_the_carts_that_ended() {
    let mut minute = CartMinute::default();
    assert_eq!(minute.abandonment_rate(), None);
    (minute.abandoned, minute.converted, minute.recovered) = (6, 1, 1);
    assert_eq!(minute.abandonment_rate(), Some(0.75));
}

#[test]
fn an_open_cart_of_five_events_takes_less_than_200_bytes_in_storage_and_what_is_left_of_it_less_than_80() {
    let now_ms = 1_795_000_000_000;
    let bytes = |later_ms: i64| {
        let mut facts = Vec::new();
        for n in 0..5_000_u128 {
            let (event_id, mut fact) = add(n << 64, now_ms - i64::try_from(n).unwrap() * 13);
            fact.cart_id = Uuid::from_u128((n % 1_000) << 64);
            fact.user_id = 1_000_000 + u64::try_from(n % 1_000).unwrap();
            facts.push((event_id, fact));
        }
        let mut open = OpenCarts::default();
        advance(&mut open, &facts, now_ms, &CartSettings::default());
        advance(&mut open, &[], now_ms + later_ms, &CartSettings::default());
        assert_eq!(open.cart_count(), 1_000);
        postcard::to_allocvec(&open).unwrap().len() / 1_000
    };
    let (open, left) = (bytes(MS_PER_MINUTE), bytes(2 * MS_PER_HOUR));
    assert!(open < 200 && left < 80, "{open} and {left}");
}

#[test]
fn of_a_cart_that_never_ends_the_earliest_facts_count_whatever_came_first() {
    let add = |n: i64| {
        let item = CartItem {
            product_id: 1,
            quantity: 1,
            unit_price_minor: 100,
        };
        let fact = CartFact {
            cart_id: Uuid::nil(),
            occurred_at: time(n),
            user_id: 1,
            change: CartChange::Add(item),
        };
        (Uuid::from_u128(n.unsigned_abs().into()), fact)
    };
    let most = i64::try_from(MAX_FACTS).unwrap();
    let facts: Vec<Known> = (0..2 * most).map(add).collect();
    let swept = |calls: [&[Known]; 3]| {
        let mut open = OpenCarts::default();
        for call in calls {
            advance(&mut open, call, 2 * most, &CartSettings::default());
        }
        open.top().unwrap().active
    };
    let (early, late) = facts.split_at(MAX_FACTS);
    let carts = swept([late, early, &[]]);
    assert_eq!((carts.len(), carts[0].units), (1, most));
    assert_eq!(carts, swept([&[], &facts, early]));
}
