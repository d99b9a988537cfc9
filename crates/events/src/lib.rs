//! The wire contract of GlobalMart: what an event is, how it is written, and when it is valid.
//!
//! Producers and consumers of the three streams share this crate and nothing else. It does no I/O and reads no clock:
//! whoever calls it says what time it is.
//!
//! ```
//! use events::{Event, Rule, Stream, Timestamp};
//!
//! let now = Timestamp::parse("2026-11-22T17:30:00.000Z")?;
//! let rejection = Event::decode(Stream::CartEvents, b"{\"event_type\": \"teleport\"}", now).unwrap_err();
//! assert_eq!(rejection.rule, Rule::UnknownEventType);
//! # Ok::<(), events::TimestampError>(())
//! ```

#[cfg(test)]
mod any;
mod country;
mod event;
mod json;
mod quick;
mod rules;
mod schema;
mod time;
mod wire;

pub use country::{Country, UnknownCountry};
pub use event::{
    Body, CartLine, Checkout, Compare, Device, Envelope, Event, EventType, Filter, Line, PaymentMethod,
    ProductView, Refund, Sale, Search, Stream,
};
pub use json::{EventRef, JsonWriter, SessionJson};
pub use rules::{
    MAX_AHEAD_MS, MAX_AMOUNT_MINOR, MAX_EVENT_BYTES, MAX_QUANTITY, MAX_TEXT_CHARS, Rejection, Rule,
    lines_total_minor,
};
pub use schema::schema_of;
pub use time::{MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, Minute, Timestamp, TimestampError};

pub use uuid::Uuid;

/// The only version of the contract so far; every event names it in `schema_version`.
pub const SCHEMA_VERSION: u16 = 1;

/// The one reporting currency; every amount is in its minor units (cents).
pub const CURRENCY: &str = "USD";
