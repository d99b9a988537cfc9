//! Carts: what happens to them by the minute, and what becomes of them.
//!
//! Two tiers. [`CartsPartial`] keeps every event of a cart once, in the minute in which it occurred. [`OpenCarts`] is
//! advanced, every minute or so, over what is new there, and finds out what no event says: that a cart was left behind.
//!
//! A cart's facts are a set, ordered by time and event id. Of the sweep, these are the terms:
//!
//! | term | definition |
//! |---|---|
//! | cart | a `cart_id` of which an add is known; purchases of others count as `purchases_without_cart` |
//! | content | an add adds to a product's quantity, an update sets it, a remove takes off, not below 0 |
//! | value | Σ quantity × latest unit price of the product, at most `MAX_AMOUNT_MINOR` |
//! | activity | an add, update, remove or checkout before the cart's earliest purchase |
//! | abandoned | at the timeout after the first activity that nothing followed before that instant, once it has come |
//! | recovered | purchased after it was abandoned: it counts as recovered and no longer as abandoned |
//! | converted | purchased without |
//! | figures of a cart | those at its abandonment, if there is one, else those at its purchase |
//!
//! All of it is a function of the facts, the time and the timeout: the order of arrival, repetitions and the split into
//! calls leave no trace. A late fact takes the cart's old contribution off the minutes and adds the new one.
//!
//! The limits: what is forgotten (see [`CartSettings`]) can't be corrected. A fact of a forgotten cart counts as that of
//! a new one, an abandoned cart of which only the figures are left takes note of checkouts and purchases only, and of
//! more than [`MAX_FACTS`] facts of a cart the earliest count.

mod activity;
mod fact;
mod life;
mod minutes;
mod open;
mod partial;
mod stored_facts;
mod stored_open;
mod swept;
mod top;

use events::{MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE};

pub use activity::CartActivity;
pub use fact::{CartChange, CartFact, CartItem};
pub use life::{CartSession, Fate};
pub use minutes::CartMinute;
pub use open::{MAX_FACTS, OpenCarts};
pub use partial::CartsPartial;
pub use swept::{SessionChange, Swept};
pub use top::TopCarts;

/// When a cart is abandoned, when that is an alert, and what is remembered for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CartSettings {
    /// How long nothing happens to a cart before it is abandoned: 30 minutes.
    pub timeout_ms: i64,
    /// How long after its last fact arrived a cart is kept whole, once it is purchased or abandoned: 60 minutes.
    pub memory_ms: i64,
    /// How long after that arrival the figures of an abandoned cart are kept, for a purchase that may follow, and
    /// whatever came of a cart whose add did not: 24 hours.
    pub abandoned_memory_ms: i64,
    /// How long a minute's figures are kept after they last changed: 90 days. More than the others, or figures that a
    /// late fact corrects may be gone.
    pub minutes_memory_ms: i64,
    /// From which value on an abandoned cart is an alert, in minor units: 100,000.
    pub alert_value_minor: i64,
}

impl Default for CartSettings {
    fn default() -> Self {
        Self {
            timeout_ms: 30 * MS_PER_MINUTE,
            memory_ms: MS_PER_HOUR,
            abandoned_memory_ms: MS_PER_DAY,
            minutes_memory_ms: 90 * MS_PER_DAY,
            alert_value_minor: 100_000,
        }
    }
}
