//! Carts against a clock that ticks through their lives.

use std::collections::{BTreeMap, BTreeSet};

use analytics::carts::{CartFact, CartSettings, OpenCarts};
use events::{CartLine, Checkout, Device, Envelope, Event, Line, PaymentMethod, Sale, Timestamp};
use proptest::prelude::*;

use super::super::{Books, Ledger, RunFacts, Totals};
use super::*;
use crate::source::Content;

const TICK_MS: i64 = 20_000;
const TIMEOUT_TICKS: i64 = 4;
const PRICE_MINOR: i64 = 100;

/// Something happens to a cart.
#[derive(Clone, Copy, Debug)]
struct Act {
    cart: u128,
    tick: i64,
    /// `+`, `=`, `-` change a product's quantity, `c` is the till, `p` a purchase.
    kind: char,
    product_id: u64,
    quantity: i64,
}

/// What becomes of its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Acknowledged,
    Twice,
    GivenUp,
    MadeUpFor,
}

impl Outcome {
    fn counts(self) -> bool {
        self != Self::GivenUp
    }
}

fn minute(tick: i64) -> Minute {
    Timestamp::from_ms(tick * TICK_MS).unwrap().minute()
}

fn planned(n: usize, act: Act, cart_steps: Option<u32>) -> Planned {
    let line = Line {
        product_id: act.product_id,
        category: "shoes".into(),
        quantity: act.quantity,
        unit_price_minor: PRICE_MINOR * i64::try_from(act.product_id).unwrap(),
    };
    let cart_id = Uuid::from_u128(act.cart);
    let change = |line| CartLine { cart_id, line };
    let body = match act.kind {
        '+' => Body::CartAdd(change(line)),
        '=' => Body::CartUpdate(change(line)),
        '-' => Body::CartRemove(change(line)),
        'c' => Body::CartCheckout(Checkout {
            cart_id,
            items: vec![line],
            cart_total_minor: 1,
        }),
        _ => Body::Purchase(Sale {
            transaction_id: Uuid::nil(),
            cart_id,
            lines: vec![line],
            discount_minor: 0,
            shipping_minor: 0,
            tax_minor: 0,
            total_minor: 1,
            currency: "USD".into(),
            payment_method: PaymentMethod::Paypal,
        }),
    };
    Planned {
        index: 0,
        event: Event {
            envelope: Envelope {
                event_id: Uuid::from_u128(n as u128),
                occurred_at: Timestamp::from_ms(act.tick * TICK_MS).unwrap(),
                user_id: 1,
                session_id: Uuid::nil(),
                country: "US".parse().unwrap(),
                device: Device::Mobile,
            },
            body,
        },
        anomaly: None,
        late: false,
        cart_steps,
    }
}

fn close(books: Books) -> Ledger {
    let start = Timestamp::from_ms(0).unwrap();
    let run = RunFacts {
        seed: 1,
        start,
        end: start,
        sent_from: start,
        sent_to: start,
        stage: "dev".to_owned(),
        sink: "null".to_owned(),
        rate: 1,
        mix: "globalmart".to_owned(),
        users: 1,
        products: 1,
        cart_timeout_ms: TIMEOUT_TICKS * TICK_MS,
    };
    books.close(run, Totals::default())
}

fn books() -> Books {
    Books::new(TIMEOUT_TICKS * TICK_MS)
}

/// A cart as somebody sees it who looks at it at each tick of the clock.
#[derive(Default)]
struct Watched {
    content: BTreeMap<u64, i64>,
    created: bool,
    checked_out: bool,
    idle_since: Option<i64>,
    abandoned: Option<(i64, i64)>,
    purchased: bool,
}

impl Watched {
    fn value_minor(&self) -> i64 {
        let value = |(product_id, quantity): (&u64, &i64)| {
            quantity * PRICE_MINOR * i64::try_from(*product_id).unwrap()
        };
        self.content.iter().map(value).sum()
    }

    fn happen(&mut self, act: Act, minutes: &mut BTreeMap<Minute, CartFacts>) {
        let facts = minutes.entry(minute(act.tick)).or_default();
        let held = self.content.entry(act.product_id).or_default();
        match act.kind {
            '+' => *held += act.quantity,
            '=' => *held = act.quantity,
            '-' => *held = (*held - act.quantity).max(0),
            'c' => {
                facts.checked_out += i64::from(!self.checked_out);
                self.checked_out = true;
            }
            _ => {
                if !self.purchased {
                    match self.abandoned {
                        Some((_, value_minor)) => {
                            facts.recovered += 1;
                            facts.value_recovered_minor += value_minor;
                        }
                        None => facts.converted += 1,
                    }
                }
                self.purchased = true;
            }
        }
        if act.kind == '+' {
            facts.created += i64::from(!self.created);
            self.created = true;
        }
        self.idle_since = Some(act.tick);
    }
}

/// The minutes and totals of carts that all of this happened to, in the order of their times and ids.
fn watched(acts: &[(usize, Act)]) -> (BTreeMap<Minute, CartFacts>, Carts) {
    let mut minutes: BTreeMap<Minute, CartFacts> = BTreeMap::new();
    let mut totals = Carts::default();
    let last = acts.iter().map(|(_, act)| act.tick).max().unwrap_or(0) + TIMEOUT_TICKS;
    let carts: BTreeSet<u128> = acts.iter().map(|(_, act)| act.cart).collect();
    for cart in carts {
        let (mut seen, mut of_cart) = (Watched::default(), BTreeMap::new());
        for tick in 0..=last {
            if seen.idle_since == Some(tick - TIMEOUT_TICKS) && !seen.purchased && seen.abandoned.is_none() {
                seen.abandoned = Some((tick, seen.value_minor()));
            }
            let mut now: Vec<_> = acts
                .iter()
                .filter(|(_, act)| (act.cart, act.tick) == (cart, tick))
                .collect();
            now.sort_by_key(|(n, _)| *n);
            now.iter().for_each(|(_, act)| seen.happen(*act, &mut of_cart));
        }
        if !seen.created {
            continue;
        }
        if let Some((tick, value_minor)) = seen.abandoned.filter(|_| !seen.purchased) {
            let facts = of_cart.entry(minute(tick)).or_default();
            facts.abandoned += 1;
            facts.value_abandoned_minor += value_minor;
        }
        for (minute, facts) in of_cart
            .into_iter()
            .filter(|(_, facts)| *facts != CartFacts::default())
        {
            minutes.entry(minute).or_default().merge(&facts);
        }
        totals.created += 1;
        totals.checked_out += u64::from(seen.checked_out);
        totals.purchased += u64::from(seen.purchased);
        if !seen.purchased {
            totals.left_behind += 1;
            totals.left_behind_value_minor += seen.value_minor();
        }
    }
    (minutes, totals)
}

fn any_act() -> impl Strategy<Value = Act> {
    let kind = prop_oneof![4 => Just('+'), 2 => Just('='), 2 => Just('-'), 2 => Just('c'), 1 => Just('p')];
    (1..6_u128, 0..20_i64, kind, 1..4_u64, 1..5_i64).prop_map(|(cart, tick, kind, product_id, quantity)| {
        Act {
            cart,
            tick,
            kind,
            product_id,
            quantity,
        }
    })
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        6 => Just(Outcome::Acknowledged),
        1 => Just(Outcome::Twice),
        1 => Just(Outcome::GivenUp),
        1 => Just(Outcome::MadeUpFor),
    ]
}

/// The acts with what becomes of their events, in the order in which that is known.
fn any_run() -> impl Strategy<Value = Vec<(usize, (Act, Outcome))>> {
    proptest::collection::vec((any_act(), any_outcome()), 0..40)
        .prop_map(|acts| acts.into_iter().enumerate().collect::<Vec<_>>())
        .prop_shuffle()
}

fn counted(run: &[(usize, (Act, Outcome))]) -> Vec<(usize, Act)> {
    let counts = run.iter().filter(|(_, (_, outcome))| outcome.counts());
    counts.map(|(n, (act, _))| (*n, *act)).collect()
}

proptest! {
    #[test]
    fn carts_fare_as_a_clock_would_see_it(run in any_run(), workers in 1..4_u128) {
        let steps = |cart| u32::try_from(run.iter().filter(|(_, (act, _))| act.cart == cart).count()).unwrap();
        let mut of_worker = vec![books(); usize::try_from(workers)?];
        for (n, (act, outcome)) in &run {
            let books = &mut of_worker[usize::try_from(act.cart % workers)?];
            let planned = planned(*n, *act, Some(steps(act.cart)));
            let (first, again) = (Content::Event(planned.clone()), Content::Again(planned));
            match outcome {
                Outcome::Acknowledged => books.acknowledge(&first),
                Outcome::Twice => [first, again].iter().for_each(|content| books.acknowledge(content)),
                Outcome::GivenUp => books.fail(&first),
                Outcome::MadeUpFor => {
                    books.fail(&first);
                    books.acknowledge(&again);
                }
            }
        }
        let mut total = books();
        of_worker.into_iter().for_each(|books| total.merge(books));
        let ledger = close(total);
        let (minutes, totals) = watched(&counted(&run));
        prop_assert_eq!(ledger.cart_minutes, minutes);
        prop_assert_eq!(ledger.carts, totals);
        let twice = run.iter().filter(|(_, (_, outcome))| *outcome == Outcome::Twice).count();
        prop_assert_eq!(ledger.faults.duplicates, twice as u64);
    }

    #[test]
    fn carts_of_a_recording_are_closed_at_its_end(run in any_run()) {
        let mut books = books();
        for (n, (act, outcome)) in &run {
            let content = Content::Event(planned(*n, *act, None));
            if outcome.counts() {
                books.acknowledge(&content);
            }
            if *outcome == Outcome::Twice {
                books.acknowledge(&content);
            }
        }
        let ledger = close(books);
        let (minutes, totals) = watched(&counted(&run));
        prop_assert_eq!((ledger.cart_minutes, ledger.carts), (minutes, totals));
    }

    #[test]
    fn what_is_counted_is_what_the_sweep_counts(run in any_run()) {
        let mut books = books();
        let mut facts = Vec::new();
        for (n, act) in counted(&run) {
            let planned = planned(n, act, None);
            facts.extend(CartFact::of(&planned.event).map(|fact| (planned.event.envelope.event_id, fact)));
            books.acknowledge(&Content::Event(planned));
        }
        let settings = CartSettings { timeout_ms: TIMEOUT_TICKS * TICK_MS, ..CartSettings::default() };
        let mut swept = OpenCarts::default();
        let long_after = Timestamp::from_ms(1_000 * TICK_MS).unwrap();
        swept.advance(facts.iter().map(|(id, fact)| (*id, fact)), long_after, &settings);
        let of_sweep: BTreeMap<Minute, CartFacts> = swept
            .minutes()
            .map(|(minute, figures)| (minute, CartFacts {
                created: figures.created,
                checked_out: figures.checked_out,
                converted: figures.converted,
                recovered: figures.recovered,
                abandoned: figures.abandoned,
                value_abandoned_minor: figures.value_abandoned_minor,
                value_recovered_minor: figures.value_recovered_minor,
            }))
            // Purchases of carts that nothing was put into count there, not here.
            .filter(|(_, facts)| *facts != CartFacts::default())
            .collect();
        prop_assert_eq!(close(books).cart_minutes, of_sweep);
    }
}

/// The minutes of one cart of (tick, kind, quantity).
fn minutes_of(acts: &[(i64, char, i64)]) -> BTreeMap<Minute, CartFacts> {
    let mut books = books();
    for (n, (tick, kind, quantity)) in acts.iter().enumerate() {
        let act = Act {
            cart: 1,
            tick: *tick,
            kind: *kind,
            product_id: 1,
            quantity: *quantity,
        };
        books.acknowledge(&Content::Event(planned(n, act, None)));
    }
    close(books).cart_minutes
}

fn total(acts: &[(i64, char, i64)]) -> CartFacts {
    minutes_of(acts)
        .values()
        .fold(CartFacts::default(), |mut total, facts| {
            total.merge(facts);
            total
        })
}

#[test]
fn a_purchase_at_the_timeout_recovers_and_one_before_it_converts() {
    let recovered = total(&[(0, '+', 3), (TIMEOUT_TICKS, 'p', 3)]);
    assert_eq!(
        (recovered.recovered, recovered.converted, recovered.abandoned),
        (1, 0, 0)
    );
    assert_eq!(recovered.value_recovered_minor, 3 * PRICE_MINOR);
    let converted = total(&[(0, '+', 3), (TIMEOUT_TICKS - 1, 'p', 3)]);
    assert_eq!((converted.recovered, converted.converted), (0, 1));
}

#[test]
fn an_abandoned_cart_is_worth_what_was_in_it_when_its_timeout_was_over() {
    let later = TIMEOUT_TICKS + 1;
    let minutes = minutes_of(&[(0, '+', 3), (1, 'c', 1), (1 + later, '+', 5)]);
    let expected = CartFacts {
        abandoned: 1,
        value_abandoned_minor: 3 * PRICE_MINOR,
        ..CartFacts::default()
    };
    assert_eq!(minutes[&minute(1 + TIMEOUT_TICKS)], expected);
    assert_eq!(minutes.len(), 2);
    assert!(minute(1 + TIMEOUT_TICKS) > minute(1));
}

#[test]
fn a_cart_that_nothing_was_put_into_is_none() {
    assert!(minutes_of(&[(0, '=', 3), (1, 'c', 1), (2, 'p', 1)]).is_empty());
}
