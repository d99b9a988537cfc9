//! What is kept of an event that happened to a cart.

use events::{Body, CartLine, Event, Timestamp, Uuid, lines_total_minor};
use serde::{Deserialize, Serialize};

/// One event of a cart, without its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CartFact {
    /// The cart.
    pub cart_id: Uuid,
    /// When it happened, in event time.
    pub occurred_at: Timestamp,
    /// The shopper.
    pub user_id: u64,
    /// What happened.
    pub change: CartChange,
}

/// What happened to a cart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CartChange {
    /// So many units of a product came in.
    Add(CartItem),
    /// A product's quantity was set.
    Update(CartItem),
    /// So many units of a product went out.
    Remove(CartItem),
    /// The shopper went to the till. What was in the cart follows from the changes.
    Checkout {
        /// What it came to there, in minor units.
        total_minor: i64,
    },
    /// It was paid.
    Purchase {
        /// Σ quantity × unit price of the order's lines, in minor units.
        goods_minor: i64,
    },
}

/// A quantity of a product at a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CartItem {
    /// The product.
    pub product_id: u64,
    /// How many.
    pub quantity: i64,
    /// The price of one, in minor units.
    pub unit_price_minor: i64,
}

impl CartFact {
    /// What is kept of `event`; `None` if it did not happen to a cart.
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        let (cart_id, change) = match &event.body {
            Body::CartAdd(cart) => (cart.cart_id, CartChange::Add(item(cart))),
            Body::CartUpdate(cart) => (cart.cart_id, CartChange::Update(item(cart))),
            Body::CartRemove(cart) => (cart.cart_id, CartChange::Remove(item(cart))),
            Body::CartCheckout(checkout) => {
                let total_minor = checkout.cart_total_minor;
                (checkout.cart_id, CartChange::Checkout { total_minor })
            }
            Body::Purchase(sale) => {
                let goods_minor = i64::try_from(lines_total_minor(&sale.lines))
                    .expect("a valid sale is at most MAX_AMOUNT_MINOR");
                (sale.cart_id, CartChange::Purchase { goods_minor })
            }
            Body::ProductView(_) | Body::Search(_) | Body::Filter(_) | Body::Compare(_) | Body::Refund(_) => {
                return None;
            }
        };
        Some(Self {
            cart_id,
            occurred_at: event.envelope.occurred_at,
            user_id: event.envelope.user_id,
            change,
        })
    }
}

fn item(cart: &CartLine) -> CartItem {
    CartItem {
        product_id: cart.line.product_id,
        quantity: cart.line.quantity,
        unit_price_minor: cart.line.unit_price_minor,
    }
}
