//! Carts by the minute in which they began and ended.

use std::collections::BTreeMap;

use events::{MS_PER_MINUTE, Minute, Timestamp};
use serde::{Deserialize, Serialize};

use super::life::Life;
use super::{CartSession, Fate};

/// A minute's carts; amounts in minor units. The last six are sums over the carts that ended in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartMinute {
    /// Carts whose first add it was.
    pub created: i64,
    /// Carts whose first checkout it was.
    pub checked_out: i64,
    /// Carts that were purchased without having been abandoned.
    pub converted: i64,
    /// Carts that were purchased after having been abandoned, whenever that had been.
    pub recovered: i64,
    /// Carts that were left behind then, and not purchased since.
    pub abandoned: i64,
    /// Value of the abandoned ones.
    pub value_abandoned_minor: i64,
    /// Value of the recovered ones when they were left behind.
    pub value_recovered_minor: i64,
    /// Purchases whose cart nothing was ever added to, as far as is known.
    pub purchases_without_cart: i64,
    /// Units in the ended carts.
    pub units: i64,
    /// Time from first add to last activity, in ms.
    pub duration_ms: i64,
    /// Number of adds.
    pub adds: i64,
    /// Number of updates.
    pub updates: i64,
    /// Number of removes.
    pub removes: i64,
    /// Number of checkouts.
    pub checkouts: i64,
}

impl CartMinute {
    /// Number of carts that ended: converted, recovered and abandoned.
    #[must_use]
    pub const fn ended(&self) -> i64 {
        self.converted + self.recovered + self.abandoned
    }

    /// The abandoned share of the carts that ended; `None` if none did.
    #[must_use]
    pub fn abandonment_rate(&self) -> Option<f64> {
        (self.ended() != 0).then(|| self.abandoned as f64 / self.ended() as f64)
    }

    /// Adds another minute's carts.
    pub fn merge(&mut self, other: &Self) {
        self.created += other.created;
        self.checked_out += other.checked_out;
        self.converted += other.converted;
        self.recovered += other.recovered;
        self.abandoned += other.abandoned;
        self.value_abandoned_minor += other.value_abandoned_minor;
        self.value_recovered_minor += other.value_recovered_minor;
        self.purchases_without_cart += other.purchases_without_cart;
        self.units += other.units;
        self.duration_ms += other.duration_ms;
        self.adds += other.adds;
        self.updates += other.updates;
        self.removes += other.removes;
        self.checkouts += other.checkouts;
    }

    /// Counts a cart that ended, `times` = 1, or takes it off, −1.
    fn count_ended(&mut self, cart: &CartSession, times: i64) {
        match cart.fate {
            Fate::Active => return,
            Fate::Converted { .. } => self.converted += times,
            Fate::Abandoned { .. } => {
                self.abandoned += times;
                self.value_abandoned_minor += times * cart.value_minor;
            }
            Fate::Recovered { .. } => {
                self.recovered += times;
                self.value_recovered_minor += times * cart.value_minor;
            }
        }
        self.units += times * cart.units;
        self.duration_ms += times * cart.duration_ms();
        self.adds += times * cart.adds;
        self.updates += times * cart.updates;
        self.removes += times * cart.removes;
        self.checkouts += times * cart.checkouts;
    }
}

/// What is to be added to the minutes, by their number since 1970.
#[derive(Default)]
pub(super) struct Tally(BTreeMap<i64, CartMinute>);

impl Tally {
    /// Takes a cart's old contribution off and adds its new one.
    pub(super) fn replace(&mut self, old: &Life, new: &Life) {
        self.count(old, -1);
        self.count(new, 1);
    }

    /// The minutes that change, and by how much.
    pub(super) fn changes(self) -> impl Iterator<Item = (i64, CartMinute)> {
        self.0
            .into_iter()
            .filter(|(_, change)| *change != CartMinute::default())
    }

    fn count(&mut self, life: &Life, times: i64) {
        for at in &life.purchases_without_cart {
            self.minute(*at).purchases_without_cart += times;
        }
        let Some(cart) = &life.session else { return };
        self.minute(cart.created_at).created += times;
        if let Some(at) = cart.checked_out_at {
            self.minute(at).checked_out += times;
        }
        if let Some(at) = cart.fate.ended_at() {
            self.minute(at).count_ended(cart, times);
        }
    }

    fn minute(&mut self, at: Timestamp) -> &mut CartMinute {
        self.0.entry(at.as_ms().div_euclid(MS_PER_MINUTE)).or_default()
    }
}

/// The minute with this number since 1970.
pub(super) fn numbered(number: i64) -> Minute {
    Timestamp::from_ms(0)
        .expect("1970 is in the calendar")
        .minute()
        .plus(number)
}
