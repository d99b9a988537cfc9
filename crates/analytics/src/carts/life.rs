//! What became of a cart, from what happened to it.

use std::collections::BTreeMap;

use events::{MAX_AMOUNT_MINOR, Timestamp, Uuid};
use serde::{Deserialize, Serialize};

use super::{CartChange, CartItem};

/// What became of a cart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Nothing yet.
    Active,
    /// It was purchased without having been abandoned.
    Converted {
        /// When.
        at: Timestamp,
    },
    /// It was left behind.
    Abandoned {
        /// The timeout after its last activity.
        at: Timestamp,
    },
    /// It was left behind and purchased all the same.
    Recovered {
        /// When it was purchased.
        at: Timestamp,
        /// When it had been left behind.
        abandoned_at: Timestamp,
    },
}

impl Fate {
    /// When the cart was converted, abandoned or recovered.
    #[must_use]
    pub const fn ended_at(self) -> Option<Timestamp> {
        match self {
            Self::Active => None,
            Self::Converted { at } | Self::Abandoned { at } | Self::Recovered { at, .. } => Some(at),
        }
    }

    /// When the cart was left behind, if it ever was.
    #[must_use]
    pub const fn abandoned_at(self) -> Option<Timestamp> {
        match self {
            Self::Abandoned { at } | Self::Recovered { abandoned_at: at, .. } => Some(at),
            Self::Active | Self::Converted { .. } => None,
        }
    }

    const fn purchased_at(self) -> Option<Timestamp> {
        match self {
            Self::Converted { at } | Self::Recovered { at, .. } => Some(at),
            Self::Active | Self::Abandoned { .. } => None,
        }
    }

    /// The fate once a purchase is known, too. One from before the abandonment shows that there was none.
    pub(super) fn purchased(self, at: Timestamp) -> Self {
        let at = self.purchased_at().map_or(at, |known| known.min(at));
        match self.abandoned_at() {
            Some(abandoned_at) if at >= abandoned_at => Self::Recovered { at, abandoned_at },
            _ => Self::Converted { at },
        }
    }
}

/// A cart: its fate, and its figures at its abandonment if there was one, else at its purchase, else now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartSession {
    /// The cart.
    pub cart_id: Uuid,
    /// The shopper of its earliest event.
    pub user_id: u64,
    /// When the first product was added.
    pub created_at: Timestamp,
    /// When the shopper first went to the till.
    pub checked_out_at: Option<Timestamp>,
    /// When the last activity was that the figures take in.
    pub last_activity_at: Timestamp,
    /// What became of it.
    pub fate: Fate,
    /// What is in it, in minor units.
    pub value_minor: i64,
    /// How many units.
    pub units: i64,
    /// How many different products.
    pub products: i64,
    /// Number of adds.
    pub adds: i64,
    /// Number of updates.
    pub updates: i64,
    /// Number of removes.
    pub removes: i64,
    /// Number of checkouts.
    pub checkouts: i64,
}

impl CartSession {
    /// From the first add to the last activity, in ms.
    #[must_use]
    pub fn duration_ms(&self) -> i64 {
        (self.last_activity_at.as_ms() - self.created_at.as_ms()).max(0)
    }

    /// From the first add to the end, in ms; `None` while it is active.
    #[must_use]
    pub fn age_ms(&self) -> Option<i64> {
        let ended_at = self.fate.ended_at()?;
        Some((ended_at.as_ms() - self.created_at.as_ms()).max(0))
    }
}

/// A fact as a cart keeps it. Facts are ordered by time, then by event id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kept {
    pub(super) occurred_at: Timestamp,
    pub(super) event_id: Uuid,
    pub(super) user_id: u64,
    pub(super) change: CartChange,
}

/// What a fate depends on beside the facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AsOf {
    pub(super) now: Timestamp,
    pub(super) timeout_ms: i64,
}

/// What a cart contributes to the figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) session: Option<CartSession>,
    /// The purchases, if no add is known.
    pub(super) purchases_without_cart: Vec<Timestamp>,
}

impl Life {
    /// Of a cart with these facts, in order.
    pub(super) fn of(cart_id: Uuid, facts: &[Kept], as_of: AsOf) -> Self {
        let session = session(cart_id, facts, as_of);
        let purchases_without_cart = match session {
            Some(_) => Vec::new(),
            None => facts
                .iter()
                .filter(|fact| fact.is_purchase())
                .map(|fact| fact.occurred_at)
                .collect(),
        };
        Self {
            session,
            purchases_without_cart,
        }
    }
}

impl Kept {
    fn is_purchase(&self) -> bool {
        matches!(self.change, CartChange::Purchase { .. })
    }
}

/// The first activity that nothing followed within the timeout: its place, and when the timeout was over, be it past or
/// to come.
pub(super) fn first_gap(facts: &[Kept], timeout_ms: i64) -> Option<(usize, Timestamp)> {
    facts
        .iter()
        .enumerate()
        .take_while(|(_, fact)| !fact.is_purchase())
        .map(|(place, activity)| (place, activity.occurred_at.plus_ms(timeout_ms)))
        .find(|(place, over)| facts.get(place + 1).is_none_or(|next| next.occurred_at >= *over))
}

fn session(cart_id: Uuid, facts: &[Kept], as_of: AsOf) -> Option<CartSession> {
    let first = |is: fn(&CartChange) -> bool| {
        facts
            .iter()
            .find(|fact| is(&fact.change))
            .map(|fact| fact.occurred_at)
    };
    let created_at = first(|change| matches!(change, CartChange::Add(_)))?;
    let purchase = facts.iter().position(Kept::is_purchase);
    let gap = first_gap(facts, as_of.timeout_ms).filter(|(_, over)| *over <= as_of.now);
    let end = gap.map_or(purchase.unwrap_or(facts.len()), |(place, _)| place + 1);
    let left = gap.map_or(Fate::Active, |(_, at)| Fate::Abandoned { at });
    let figures = Figures::of(&facts[..end]);
    let count = |is: fn(&CartChange) -> bool| {
        i64::try_from(facts[..end].iter().filter(|fact| is(&fact.change)).count())
            .expect("a cart's facts fit in memory")
    };
    Some(CartSession {
        cart_id,
        user_id: facts[0].user_id,
        created_at,
        checked_out_at: first(|change| matches!(change, CartChange::Checkout { .. })),
        last_activity_at: facts[..end].last().map_or(created_at, |fact| fact.occurred_at),
        fate: purchase.map_or(left, |place| left.purchased(facts[place].occurred_at)),
        value_minor: figures.value_minor,
        units: figures.units,
        products: figures.products,
        adds: count(|change| matches!(change, CartChange::Add(_))),
        updates: count(|change| matches!(change, CartChange::Update(_))),
        removes: count(|change| matches!(change, CartChange::Remove(_))),
        checkouts: count(|change| matches!(change, CartChange::Checkout { .. })),
    })
}

/// What is in a cart.
#[derive(Default)]
struct Figures {
    value_minor: i64,
    units: i64,
    products: i64,
}

impl Figures {
    fn of(activities: &[Kept]) -> Self {
        let mut value_minor = 0;
        let mut figures = Self::default();
        for (quantity, unit_price_minor) in content(activities).into_values() {
            // A shopper may heap up a million of one thing again and again: more than 64 bits hold.
            value_minor += i128::from(quantity) * i128::from(unit_price_minor);
            figures.units += quantity;
            figures.products += i64::from(quantity > 0);
        }
        figures.value_minor =
            i64::try_from(value_minor).map_or(MAX_AMOUNT_MINOR, |v| v.min(MAX_AMOUNT_MINOR));
        figures
    }
}

/// Quantity and latest unit price by product.
fn content(activities: &[Kept]) -> BTreeMap<u64, (i64, i64)> {
    let mut content = BTreeMap::new();
    for activity in activities {
        let (item, quantity): (&CartItem, fn(i64, i64) -> i64) = match &activity.change {
            CartChange::Add(item) => (item, |held, more| held + more),
            CartChange::Update(item) => (item, |_, set| set),
            CartChange::Remove(item) => (item, |held, less| (held - less).max(0)),
            CartChange::Checkout { .. } | CartChange::Purchase { .. } => continue,
        };
        let held = content.entry(item.product_id).or_insert((0, 0));
        *held = (quantity(held.0, item.quantity), item.unit_price_minor);
    }
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms).unwrap()
    }

    /// `+`, `=` and `-` change the quantity of product 7 at 100 cents.
    fn change(kind: char, quantity: i64) -> CartChange {
        let item = CartItem {
            product_id: 7,
            quantity,
            unit_price_minor: 100,
        };
        match kind {
            '+' => CartChange::Add(item),
            '=' => CartChange::Update(item),
            '-' => CartChange::Remove(item),
            'c' => CartChange::Checkout { total_minor: 0 },
            _ => CartChange::Purchase { goods_minor: 0 },
        }
    }

    /// The life of a cart, of (ms, kind, quantity), as of `now_ms` with a timeout of 30 minutes.
    fn life(facts: &[(i64, char, i64)], now_ms: i64) -> Life {
        let kept: Vec<Kept> = facts
            .iter()
            .enumerate()
            .map(|(n, (ms, kind, quantity))| Kept {
                occurred_at: at(*ms),
                event_id: Uuid::from_u128(n as u128),
                user_id: 1,
                change: change(*kind, *quantity),
            })
            .collect();
        let as_of = AsOf {
            now: at(now_ms),
            timeout_ms: 30 * MINUTE,
        };
        Life::of(Uuid::nil(), &kept, as_of)
    }

    #[track_caller]
    fn check(facts: &[(i64, char, i64)], now_ms: i64, fate: Fate, units: i64) {
        let session = life(facts, now_ms).session.unwrap();
        assert_eq!((session.fate, session.units), (fate, units));
        assert_eq!(session.value_minor, units * 100);
    }

    #[test]
    fn a_cart_is_abandoned_at_the_timeout_and_not_a_millisecond_before() {
        let facts = [(0, '+', 1), (MINUTE, '+', 2)];
        let end = 31 * MINUTE;
        check(&facts, end - 1, Fate::Active, 3);
        check(&facts, end, Fate::Abandoned { at: at(end) }, 3);
    }

    #[test]
    fn an_activity_at_the_timeout_comes_too_late_and_one_before_it_does_not() {
        let end = 30 * MINUTE;
        let late = [(0, '+', 1), (end, '+', 2)];
        check(&late, end, Fate::Abandoned { at: at(end) }, 1);
        let timely = [(0, '+', 1), (end - 1, '+', 2)];
        check(&timely, end, Fate::Active, 3);
        let till = [(0, '+', 1), (end - 1, 'c', 0)];
        check(&till, end, Fate::Active, 1);
    }

    #[test]
    fn a_purchase_at_the_timeout_recovers_and_one_before_it_converts() {
        let end = 30 * MINUTE;
        let recovered = Fate::Recovered {
            at: at(end),
            abandoned_at: at(end),
        };
        check(&[(0, '+', 1), (end, 'p', 0)], end, recovered, 1);
        let converted = Fate::Converted { at: at(end - 1) };
        check(&[(0, '+', 1), (end - 1, 'p', 0)], end, converted, 1);
    }

    #[test]
    fn an_abandoned_cart_stays_so_with_what_was_in_it_then() {
        let end = 40 * MINUTE;
        let facts = [
            (0, '+', 1),
            (10 * MINUTE, '-', 5),
            (10 * MINUTE, '=', 4),
            (50 * MINUTE, '+', 3),
        ];
        check(&facts, 60 * MINUTE, Fate::Abandoned { at: at(end) }, 4);
        let session = life(&facts, 60 * MINUTE).session.unwrap();
        assert_eq!((session.adds, session.updates, session.removes), (1, 1, 1));
        assert_eq!(
            (session.duration_ms(), session.age_ms()),
            (10 * MINUTE, Some(end))
        );
    }

    #[test]
    fn what_comes_after_the_earliest_purchase_does_not_matter() {
        let facts = [
            (0, '+', 1),
            (MINUTE, 'p', 0),
            (2 * MINUTE, '+', 5),
            (90 * MINUTE, 'p', 0),
        ];
        check(&facts, 200 * MINUTE, Fate::Converted { at: at(MINUTE) }, 1);
    }

    #[test]
    fn a_cart_without_an_add_is_none_and_its_purchases_are_counted() {
        let facts = [(0, '=', 1), (MINUTE, 'p', 0), (2 * MINUTE, 'p', 0)];
        let life = life(&facts, 200 * MINUTE);
        assert_eq!(life.session, None);
        assert_eq!(life.purchases_without_cart, [at(MINUTE), at(2 * MINUTE)]);
    }

    #[test]
    fn a_purchase_before_the_only_add_converts_an_empty_cart() {
        check(
            &[(0, 'p', 0), (MINUTE, '+', 5)],
            200 * MINUTE,
            Fate::Converted { at: at(0) },
            0,
        );
    }

    #[test]
    fn a_heaped_up_cart_is_worth_no_more_than_an_event_may_be() {
        let mut facts = vec![(0, '+', 1_000_000); 40_000];
        facts.push((1, '=', 4));
        assert_eq!(life(&facts, 0).session.unwrap().value_minor, 400);
        facts.pop();
        assert_eq!(life(&facts, 0).session.unwrap().value_minor, MAX_AMOUNT_MINOR);
    }
}
