//! What the sweep must come to, as a walk through each cart's history that starts from nothing every time.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use analytics::carts::{CartChange, CartFact, CartMinute};
use events::{Minute, Timestamp, Uuid};

pub(crate) type Minutes = BTreeMap<Minute, CartMinute>;

/// The figures of all minutes, without those in which nothing happened.
pub(crate) fn minutes(facts: &[(Uuid, CartFact)], now: Timestamp, timeout_ms: i64) -> Minutes {
    let mut minutes = Minutes::new();
    let carts: BTreeSet<Uuid> = facts.iter().map(|(_, fact)| fact.cart_id).collect();
    for cart in carts {
        let once: BTreeMap<Uuid, CartFact> = facts
            .iter()
            .filter(|(_, fact)| fact.cart_id == cart)
            .copied()
            .collect();
        let mut history: Vec<_> = once.into_iter().collect();
        history.sort_by_key(|(event_id, fact)| (fact.occurred_at, *event_id));
        let history: Vec<CartFact> = history.into_iter().map(|(_, fact)| fact).collect();
        walk(&history, now.as_ms(), timeout_ms, &mut minutes);
    }
    minutes.retain(|_, minute| *minute != CartMinute::default());
    minutes
}

fn walk(history: &[CartFact], now_ms: i64, timeout_ms: i64, minutes: &mut Minutes) {
    let Some(created) = history
        .iter()
        .find(|fact| matches!(fact.change, CartChange::Add(_)))
    else {
        for fact in history
            .iter()
            .filter(|fact| matches!(fact.change, CartChange::Purchase { .. }))
        {
            at(minutes, fact.occurred_at.as_ms()).purchases_without_cart += 1;
        }
        return;
    };
    let created_ms = created.occurred_at.as_ms();
    at(minutes, created_ms).created += 1;
    if let Some(fact) = history
        .iter()
        .find(|fact| matches!(fact.change, CartChange::Checkout { .. }))
    {
        at(minutes, fact.occurred_at.as_ms()).checked_out += 1;
    }

    let mut walk = Walk::default();
    for fact in history {
        walk.pass_time(fact.occurred_at.as_ms(), now_ms, timeout_ms);
        walk.meet(fact);
    }
    walk.pass_time(i64::MAX / 2, now_ms, timeout_ms);
    walk.count(created_ms, minutes);
}

/// Where a walk has got to, and what it has seen of the cart while that was open.
#[derive(Default)]
struct Walk {
    last_ms: Option<i64>,
    left_ms: Option<i64>,
    bought_ms: Option<i64>,
    quantities: HashMap<u64, i64>,
    prices: HashMap<u64, i64>,
    seen: CartMinute,
}

impl Walk {
    fn is_open(&self) -> bool {
        self.left_ms.is_none() && self.bought_ms.is_none()
    }

    fn pass_time(&mut self, until_ms: i64, now_ms: i64, timeout_ms: i64) {
        let Some(last_ms) = self.last_ms else { return };
        if self.is_open() && until_ms - last_ms >= timeout_ms && last_ms + timeout_ms <= now_ms {
            self.left_ms = Some(last_ms + timeout_ms);
        }
    }

    fn meet(&mut self, fact: &CartFact) {
        let ms = fact.occurred_at.as_ms();
        match fact.change {
            CartChange::Purchase { .. } => {
                self.bought_ms.get_or_insert(ms);
            }
            change if self.is_open() => {
                self.last_ms = Some(ms);
                self.apply(change);
            }
            _ => {}
        }
    }

    fn apply(&mut self, change: CartChange) {
        let (item, quantity) = match change {
            CartChange::Add(item) => {
                self.seen.adds += 1;
                (
                    item,
                    self.quantities.get(&item.product_id).unwrap_or(&0) + item.quantity,
                )
            }
            CartChange::Update(item) => {
                self.seen.updates += 1;
                (item, item.quantity)
            }
            CartChange::Remove(item) => {
                self.seen.removes += 1;
                let held = *self.quantities.get(&item.product_id).unwrap_or(&0);
                (
                    item,
                    if held > item.quantity {
                        held - item.quantity
                    } else {
                        0
                    },
                )
            }
            CartChange::Checkout { .. } | CartChange::Purchase { .. } => {
                self.seen.checkouts += 1;
                return;
            }
        };
        self.quantities.insert(item.product_id, quantity);
        self.prices.insert(item.product_id, item.unit_price_minor);
    }

    fn count(&self, created_ms: i64, minutes: &mut Minutes) {
        let Some(ended_ms) = self.bought_ms.or(self.left_ms) else {
            return;
        };
        let value_minor: i64 = self
            .quantities
            .iter()
            .map(|(product, n)| n * self.prices[product])
            .sum();
        let minute = at(minutes, ended_ms);
        match (self.left_ms, self.bought_ms) {
            (Some(_), None) => {
                minute.abandoned += 1;
                minute.value_abandoned_minor += value_minor;
            }
            (Some(_), Some(_)) => {
                minute.recovered += 1;
                minute.value_recovered_minor += value_minor;
            }
            (None, _) => minute.converted += 1,
        }
        minute.units += self.quantities.values().sum::<i64>();
        minute.duration_ms += (self.last_ms.unwrap_or(created_ms) - created_ms).max(0);
        minute.adds += self.seen.adds;
        minute.updates += self.seen.updates;
        minute.removes += self.seen.removes;
        minute.checkouts += self.seen.checkouts;
    }
}

fn at(minutes: &mut Minutes, ms: i64) -> &mut CartMinute {
    minutes
        .entry(Timestamp::from_ms(ms).unwrap().minute())
        .or_default()
}
