//! What happened to carts, in sums.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{CartChange, CartFact, CartItem, CartsPartial};
use crate::Facts;

/// What happened to carts in a minute; amounts in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartActivity {
    /// Number of adds.
    pub adds: i64,
    /// Number of updates.
    pub updates: i64,
    /// Number of removes.
    pub removes: i64,
    /// Number of checkouts.
    pub checkouts: i64,
    /// Number of purchases.
    pub purchases: i64,
    /// Σ quantity of the adds.
    pub units_added: i64,
    /// Σ quantity × unit price of the adds.
    pub value_added_minor: i64,
    /// Σ quantity of the removes.
    pub units_removed: i64,
    /// Σ quantity × unit price of the removes.
    pub value_removed_minor: i64,
    /// What the carts came to at the till.
    pub checkouts_minor: i64,
    /// Price of the goods purchased.
    pub purchases_minor: i64,
    /// Number of different carts that any of this happened to.
    pub carts: i64,
    /// Number of different shoppers.
    pub users: i64,
}

impl CartActivity {
    fn count(&mut self, change: &CartChange) {
        match change {
            CartChange::Add(item) => {
                self.adds += 1;
                self.units_added += item.quantity;
                self.value_added_minor += value_minor(item);
            }
            CartChange::Update(_) => self.updates += 1,
            CartChange::Remove(item) => {
                self.removes += 1;
                self.units_removed += item.quantity;
                self.value_removed_minor += value_minor(item);
            }
            CartChange::Checkout { total_minor } => {
                self.checkouts += 1;
                self.checkouts_minor += total_minor;
            }
            CartChange::Purchase { goods_minor } => {
                self.purchases += 1;
                self.purchases_minor += goods_minor;
            }
        }
    }
}

impl CartsPartial {
    /// The sums over the facts of a minute's merged partials.
    #[must_use]
    pub fn activity(&self) -> CartActivity {
        let mut activity = CartActivity::default();
        self.facts().iter().for_each(|fact| activity.count(&fact.change));
        activity.carts = different(self.facts(), |fact| fact.cart_id);
        activity.users = different(self.facts(), |fact| fact.user_id);
        activity
    }
}

/// In 64 bits, as the value of a valid event's line is at most `MAX_AMOUNT_MINOR`.
fn value_minor(item: &CartItem) -> i64 {
    item.quantity * item.unit_price_minor
}

fn different<K: Ord>(facts: &[CartFact], key: impl Fn(&CartFact) -> K) -> i64 {
    let keys: BTreeSet<K> = facts.iter().map(key).collect();
    i64::try_from(keys.len()).expect("a minute's facts fit in memory")
}
