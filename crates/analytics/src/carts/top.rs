//! The carts that matter most, by what became of them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use events::{Timestamp, Uuid};
use serde::{Deserialize, Serialize};

use super::{CartSession, Fate};

/// The remembered carts of the highest value, the highest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopCarts {
    /// When it was so.
    pub as_of: Timestamp,
    /// Of those that nothing became of yet.
    pub active: Vec<CartSession>,
    /// Of those that were left behind, and not purchased since.
    pub abandoned: Vec<CartSession>,
    /// Of those that were purchased after all.
    pub recovered: Vec<CartSession>,
}

impl TopCarts {
    /// So many carts of each fate, so that all of them fit into one small item.
    pub const EACH: usize = 20;

    pub(super) fn of(as_of: Timestamp, carts: impl Iterator<Item = CartSession>) -> Self {
        let (mut active, mut abandoned, mut recovered) =
            (Ranking::default(), Ranking::default(), Ranking::default());
        for cart in carts {
            match cart.fate {
                Fate::Active => active.take(cart),
                Fate::Abandoned { .. } => abandoned.take(cart),
                Fate::Recovered { .. } => recovered.take(cart),
                Fate::Converted { .. } => {}
            }
        }
        Self {
            as_of,
            active: active.carts(),
            abandoned: abandoned.carts(),
            recovered: recovered.carts(),
        }
    }
}

/// The first carts by value; of equal ones, by id.
#[derive(Default)]
struct Ranking(BTreeMap<(Reverse<i64>, Uuid), CartSession>);

impl Ranking {
    fn take(&mut self, cart: CartSession) {
        self.0.insert((Reverse(cart.value_minor), cart.cart_id), cart);
        if self.0.len() > TopCarts::EACH {
            self.0.pop_last();
        }
    }

    fn carts(self) -> Vec<CartSession> {
        self.0.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms).unwrap()
    }

    fn cart(n: u32, fate: Fate) -> CartSession {
        CartSession {
            cart_id: Uuid::from_u128(n.into()),
            user_id: 1,
            created_at: at(0),
            checked_out_at: None,
            last_activity_at: at(10),
            fate,
            // Neither in order nor without ties.
            value_minor: i64::from(n * 7_919 % 50),
            units: 1,
            products: 1,
            adds: 1,
            updates: 0,
            removes: 0,
            checkouts: 0,
        }
    }

    #[test]
    fn of_each_fate_the_carts_of_the_highest_value_stand_in_order() {
        let fates = [
            Fate::Active,
            Fate::Converted { at: at(20) },
            Fate::Abandoned { at: at(20) },
            Fate::Recovered {
                at: at(30),
                abandoned_at: at(20),
            },
        ];
        let carts: Vec<CartSession> = (0..400).map(|n| cart(n, fates[n as usize % 4])).collect();
        let highest = |fate: Fate| {
            let mut carts: Vec<CartSession> =
                carts.iter().filter(|cart| cart.fate == fate).copied().collect();
            carts.sort_by_key(|cart| (Reverse(cart.value_minor), cart.cart_id));
            carts.truncate(TopCarts::EACH);
            carts
        };
        assert_eq!(
            TopCarts::of(at(40), carts.iter().copied()),
            TopCarts {
                as_of: at(40),
                active: highest(fates[0]),
                abandoned: highest(fates[2]),
                recovered: highest(fates[3]),
            }
        );
    }
}
