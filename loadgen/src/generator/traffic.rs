//! What a block of events is made of, in whole numbers: so many visits of each outcome, views, cart events, transactions.

use serde::{Deserialize, Serialize};

use super::mix::Mix;

/// Transactions of a hundred that are refunds, where the mix leaves that open.
const REFUNDS_PERCENT: u32 = 4;
/// Views of a visit that never fills a cart, where the mix leaves that open.
const VIEWS_PER_BROWSER: u32 = 8;

/// How visits end and what they consist of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// By the shares of the streams.
    Mix(Mix),
    /// By how far visits come.
    Funnel(Funnel),
}

/// Of so many visits, how many come how far, and what they do on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Funnel {
    /// Visits that look for something.
    pub sessions: u32,
    /// Those of them that put something into a cart.
    pub carts: u32,
    /// Those of these that buy it.
    pub purchases: u32,
    /// Orders that are given back, of as many purchases; each in a visit of its own.
    pub refunds: u32,
    /// Views, searches, filters and comparisons in all.
    pub views: u32,
    /// Adds, updates, removals and checkouts in all.
    pub cart_events: u32,
}

/// Numbers that no shop can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FunnelError {
    /// More come far than come at all.
    #[error("{what} is {found}: it must be from {low} to {high}, {why}")]
    Range {
        /// The number.
        what: &'static str,
        /// What it is.
        found: u32,
        /// The least that makes sense.
        low: u32,
        /// The most that makes sense.
        high: u32,
        /// Why.
        why: &'static str,
    },
}

/// Visits in a block are numbered in 16 bits, and a block is made at once.
const MAX_SESSIONS: u32 = 2_000;
const MAX_EVENTS: u32 = 20_000;
/// On average; a hundred lines are some ten kilobytes.
const MAX_CART_EVENTS: u32 = 40;

impl Funnel {
    /// Checks that the numbers fit together.
    pub fn check(self) -> Result<Self, FunnelError> {
        let range = |what, found, low, high, why| {
            if (low..=high).contains(&found) {
                Ok(())
            } else {
                Err(FunnelError::Range {
                    what,
                    found,
                    low,
                    high,
                    why,
                })
            }
        };
        range(
            "sessions",
            self.sessions,
            1,
            MAX_SESSIONS,
            "a block of visits is planned at once",
        )?;
        range(
            "carts",
            self.carts,
            0,
            self.sessions,
            "a visit has one cart at most",
        )?;
        range(
            "purchases",
            self.purchases,
            0,
            self.carts,
            "what is bought is in a cart",
        )?;
        range(
            "refunds",
            self.refunds,
            0,
            self.purchases,
            "what is given back was bought",
        )?;
        range(
            "views",
            self.views,
            self.sessions,
            MAX_EVENTS,
            "each visit has one at least",
        )?;
        let needed = self.carts + self.purchases;
        range(
            "cart_events",
            self.cart_events,
            needed,
            MAX_EVENTS.min(self.carts.saturating_mul(MAX_CART_EVENTS)),
            "each cart has an add, and each purchase a checkout; an order must fit into an event",
        )?;
        if self.carts == 0 && self.cart_events > 0 {
            range("cart_events", self.cart_events, 0, 0, "there are no carts")?;
        }
        Ok(self)
    }
}

/// The visits of one block by their outcome, and what they share among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quota {
    pub(super) purchases: u32,
    pub(super) left_carts: u32,
    pub(super) browsers: u32,
    pub(super) refunds: u32,
    pub(super) views: u32,
    /// Cart events beside an add for each cart and a checkout for each purchase.
    pub(super) changes: u32,
}

impl Traffic {
    /// Events in a block.
    pub(super) fn block_events(self) -> u32 {
        match self {
            Self::Mix(_) => 100,
            Self::Funnel(funnel) => funnel.views + funnel.cart_events + funnel.purchases + funnel.refunds,
        }
    }

    /// Purchases in a block, on average.
    pub(super) fn mean_purchases(self) -> f64 {
        match self {
            Self::Mix(mix) => {
                // Over a hundred blocks, each number of refunds has come as often as it is due.
                let sum: u32 = (0..100)
                    .map(|block| mix.transactions() - refunds_of(mix, block))
                    .sum();
                f64::from(sum) / 100.0
            }
            Self::Funnel(funnel) => f64::from(funnel.purchases),
        }
    }

    /// Purchases in a block, at least.
    pub(super) fn least_purchases(self) -> u32 {
        match self {
            Self::Mix(mix) => {
                let refunds = (0..100).map(|block| refunds_of(mix, block)).max();
                mix.transactions() - refunds.unwrap_or(0)
            }
            Self::Funnel(funnel) => funnel.purchases,
        }
    }

    /// Visits in a block, about.
    pub(super) fn visits(self) -> u32 {
        match self {
            Self::Mix(_) => {
                let Quota {
                    purchases,
                    left_carts,
                    browsers,
                    refunds,
                    ..
                } = self.quota(0, 5);
                purchases + left_carts + browsers + refunds
            }
            Self::Funnel(funnel) => funnel.sessions + funnel.refunds,
        }
    }

    /// What block number `block` is made of. `left_tenths` of the cart events to spare begin carts that are left behind,
    /// where the mix leaves that open: 3 to 6 of ten.
    pub(super) fn quota(self, block: i64, left_tenths: u32) -> Quota {
        match self {
            Self::Mix(mix) => {
                let refunds = refunds_of(mix, block);
                let purchases = mix.transactions() - refunds;
                let spare = mix.carts() - 2 * purchases;
                let left_carts = (spare * left_tenths).div_ceil(10);
                let carts = purchases + left_carts;
                let browsers = if carts == 0 {
                    mix.views().div_ceil(VIEWS_PER_BROWSER)
                } else {
                    mix.views() / VIEWS_PER_BROWSER
                };
                Quota {
                    purchases,
                    left_carts,
                    browsers,
                    refunds,
                    views: mix.views(),
                    changes: spare - left_carts,
                }
            }
            Self::Funnel(funnel) => Quota {
                purchases: funnel.purchases,
                left_carts: funnel.carts - funnel.purchases,
                browsers: funnel.sessions - funnel.carts,
                refunds: funnel.refunds,
                views: funnel.views,
                changes: funnel.cart_events - funnel.carts - funnel.purchases,
            },
        }
    }
}

/// Spread over a hundred blocks so that their sum is exact. At most half of the transactions: what is refunded was bought.
fn refunds_of(mix: Mix, block: i64) -> u32 {
    let spread = u32::try_from(block.rem_euclid(100)).unwrap_or(0) * 61 % 100;
    ((mix.transactions() * REFUNDS_PERCENT + spread) / 100).min(mix.transactions() / 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::generator::tests::any_mix;

    proptest! {
        #[test]
        fn a_block_holds_exactly_the_mix(mix in any_mix(), block: i64, left_tenths in 3..=6_u32) {
            let quota = Traffic::Mix(mix).quota(block, left_tenths);
            let carts = quota.purchases + quota.left_carts;
            prop_assert_eq!(quota.views, mix.views());
            prop_assert_eq!(carts + quota.purchases + quota.changes, mix.carts());
            prop_assert_eq!(quota.purchases + quota.refunds, mix.transactions());
            prop_assert!(quota.changes == 0 || carts > 0);
        }
    }

    #[test]
    fn refunds_are_four_of_a_hundred_transactions() {
        let mix = Mix::default();
        let refunds: u32 = (-50..50).map(|block| refunds_of(mix, block)).sum();
        assert_eq!(refunds, 40);
    }

    #[test]
    fn a_funnel_narrows() {
        let funnel = Funnel {
            sessions: 10,
            carts: 4,
            purchases: 2,
            refunds: 1,
            views: 30,
            cart_events: 9,
        };
        assert_eq!(funnel.check(), Ok(funnel));
        assert_eq!(Traffic::Funnel(funnel).block_events(), 42);
        let message = |funnel: Funnel| funnel.check().unwrap_err().to_string();
        assert!(message(Funnel { carts: 11, ..funnel }).contains("carts is 11: it must be from 0 to 10"));
        assert!(
            message(Funnel {
                purchases: 5,
                ..funnel
            })
            .contains("what is bought is in a cart")
        );
        assert!(message(Funnel { refunds: 3, ..funnel }).contains("refunds"));
        assert!(message(Funnel { views: 9, ..funnel }).contains("views"));
        assert!(
            message(Funnel {
                cart_events: 5,
                ..funnel
            })
            .contains("cart_events is 5: it must be from 6")
        );
    }
}
