//! The event types of the three streams.
//!
//! A field's documentation is also its description in the published JSON Schema.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Country, Timestamp};

/// Something that a shopper did: who, when and where, and what.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Who, when and where.
    pub envelope: Envelope,
    /// What.
    pub body: Body,
}

/// The fields that every event has.
#[derive(Clone, Debug, PartialEq, JsonSchema)]
#[cfg_attr(test, derive(Serialize))]
pub struct Envelope {
    /// UUID (version 7) of the event. The same id sent twice is one event.
    pub event_id: Uuid,
    /// When it happened at the shopper's.
    pub occurred_at: Timestamp,
    /// The shopper; also the partition key, so that one shopper's events stay in order. At most 2^63 − 1.
    pub user_id: u64,
    /// The visit that the event belongs to.
    pub session_id: Uuid,
    /// Where the shopper is.
    pub country: Country,
    /// What the shopper uses.
    pub device: Device,
}

/// What happened, by event type.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(test, derive(Serialize), serde(untagged))]
pub enum Body {
    /// A product's page was seen.
    ProductView(ProductView),
    /// The shop was searched.
    Search(Search),
    /// A listing was narrowed.
    Filter(Filter),
    /// Products were put side by side.
    Compare(Compare),
    /// A product was put into the cart.
    CartAdd(CartLine),
    /// The quantity of a product in the cart was set.
    CartUpdate(CartLine),
    /// A product was taken out of the cart.
    CartRemove(CartLine),
    /// The shopper went to the till.
    CartCheckout(Checkout),
    /// An order was paid.
    Purchase(Sale),
    /// An order, or a part of it, was paid back.
    Refund(Refund),
}

/// A product's page was seen.
#[derive(Clone, Debug, PartialEq, JsonSchema)]
#[cfg_attr(test, derive(Serialize))]
pub struct ProductView {
    /// The product seen. At most 2^63 − 1.
    pub product_id: u64,
    /// Its category.
    pub category: Cow<'static, str>,
    /// Its price then, in minor units.
    pub price_minor: i64,
}

/// The shop was searched.
#[derive(Clone, Debug, PartialEq, JsonSchema)]
#[cfg_attr(test, derive(Serialize))]
pub struct Search {
    /// What the shopper typed.
    pub query: Cow<'static, str>,
    /// How many products were found. At most 2^63 − 1.
    pub results: u64,
}

/// A listing was narrowed.
#[derive(Clone, Debug, PartialEq, JsonSchema)]
#[cfg_attr(test, derive(Serialize))]
pub struct Filter {
    /// The filters in force, by name.
    pub filters: BTreeMap<Cow<'static, str>, Cow<'static, str>>,
}

/// Products were put side by side.
#[derive(Clone, Debug, PartialEq, JsonSchema)]
#[cfg_attr(test, derive(Serialize))]
pub struct Compare {
    /// The products compared. Each at most 2^63 − 1.
    pub product_ids: Vec<u64>,
}

/// A quantity of one product at one price.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[cfg_attr(test, derive(Serialize))]
pub struct Line {
    /// The product. At most 2^63 − 1.
    pub product_id: u64,
    /// Its category.
    pub category: Cow<'static, str>,
    /// How many; at least 1.
    pub quantity: i64,
    /// The price of one, in minor units.
    pub unit_price_minor: i64,
}

/// A change of one product in a cart. For `cart_update` the quantity is the new one, else what was added or removed.
#[derive(Clone, Debug, PartialEq, JsonSchema)]
#[cfg_attr(test, derive(Serialize))]
pub struct CartLine {
    /// The cart.
    pub cart_id: Uuid,
    /// What was added, set or removed.
    #[serde(flatten)]
    pub line: Line,
}

/// The shopper went to the till.
#[derive(Clone, Debug, PartialEq, JsonSchema)]
#[cfg_attr(test, derive(Serialize))]
pub struct Checkout {
    /// The cart.
    pub cart_id: Uuid,
    /// What is in it.
    pub items: Vec<Line>,
    /// Σ quantity × unit price, in minor units.
    pub cart_total_minor: i64,
}

/// An order that was paid, or the part of it that is paid back. All amounts are in minor units and at least 0.
#[derive(Clone, Debug, PartialEq, JsonSchema)]
#[cfg_attr(test, derive(Serialize))]
pub struct Sale {
    /// UUID of this transaction.
    pub transaction_id: Uuid,
    /// The cart that it came from.
    pub cart_id: Uuid,
    /// What was bought, or is given back.
    pub lines: Vec<Line>,
    /// Taken off the goods' price.
    pub discount_minor: i64,
    /// For shipping.
    pub shipping_minor: i64,
    /// Taxes.
    pub tax_minor: i64,
    /// Σ quantity × unit price − discount + shipping + tax.
    pub total_minor: i64,
    /// The reporting currency, `USD`.
    #[schemars(extend("const" = "USD"))]
    pub currency: Cow<'static, str>,
    /// How it was paid.
    pub payment_method: PaymentMethod,
}

/// An order, or a part of it, was paid back.
#[derive(Clone, Debug, PartialEq, JsonSchema)]
#[cfg_attr(test, derive(Serialize))]
pub struct Refund {
    /// The purchase that is refunded.
    pub refunded_transaction_id: Uuid,
    /// What is paid back, as positive amounts.
    #[serde(flatten)]
    pub sale: Sale,
}

/// A closed set of names: an enum, its text on the wire, and the way back.
macro_rules! names {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[schemars(inline)]
        pub enum $name { $($(#[$doc])* #[serde(rename = $text)] $variant,)+ }

        impl $name {
            /// All of them, in the contract's order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// By the name on the wire.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

names! {
    /// What kind of event it is.
    EventType {
        /// A product's page was seen.
        ProductView = "product_view",
        /// The shop was searched.
        Search = "search",
        /// A listing was narrowed.
        Filter = "filter",
        /// Products were put side by side.
        Compare = "compare",
        /// A product was put into the cart.
        CartAdd = "cart_add",
        /// The quantity of a product in the cart was set.
        CartUpdate = "cart_update",
        /// A product was taken out of the cart.
        CartRemove = "cart_remove",
        /// The shopper went to the till.
        CartCheckout = "cart_checkout",
        /// An order was paid.
        Purchase = "purchase",
        /// An order, or a part of it, was paid back.
        Refund = "refund",
    }
}

names! {
    /// The streams, by the last part of their name.
    Stream {
        /// Views, searches, filters and comparisons.
        ProductViews = "product-views",
        /// What happens to carts.
        CartEvents = "cart-events",
        /// Purchases and refunds.
        Transactions = "transactions",
    }
}

names! {
    /// What the shopper uses.
    Device {
        /// A phone.
        Mobile = "mobile",
        /// A computer.
        Desktop = "desktop",
        /// A tablet.
        Tablet = "tablet",
    }
}

names! {
    /// How an order was paid.
    PaymentMethod {
        /// A credit card.
        CreditCard = "credit_card",
        /// A debit card.
        DebitCard = "debit_card",
        /// PayPal.
        Paypal = "paypal",
        /// Apple Pay.
        ApplePay = "apple_pay",
        /// Google Pay.
        GooglePay = "google_pay",
        /// A bank transfer.
        BankTransfer = "bank_transfer",
        /// A gift card.
        GiftCard = "gift_card",
    }
}

impl EventType {
    /// The stream that carries events of this type.
    #[must_use]
    pub const fn stream(self) -> Stream {
        match self {
            Self::ProductView | Self::Search | Self::Filter | Self::Compare => Stream::ProductViews,
            Self::CartAdd | Self::CartUpdate | Self::CartRemove | Self::CartCheckout => Stream::CartEvents,
            Self::Purchase | Self::Refund => Stream::Transactions,
        }
    }
}

impl Body {
    /// The type of the event.
    #[must_use]
    pub const fn event_type(&self) -> EventType {
        match self {
            Self::ProductView(_) => EventType::ProductView,
            Self::Search(_) => EventType::Search,
            Self::Filter(_) => EventType::Filter,
            Self::Compare(_) => EventType::Compare,
            Self::CartAdd(_) => EventType::CartAdd,
            Self::CartUpdate(_) => EventType::CartUpdate,
            Self::CartRemove(_) => EventType::CartRemove,
            Self::CartCheckout(_) => EventType::CartCheckout,
            Self::Purchase(_) => EventType::Purchase,
            Self::Refund(_) => EventType::Refund,
        }
    }
}

impl Event {
    /// The type of the event.
    #[must_use]
    pub const fn event_type(&self) -> EventType {
        self.body.event_type()
    }

    /// The stream that it belongs to.
    #[must_use]
    pub const fn stream(&self) -> Stream {
        self.event_type().stream()
    }
}
