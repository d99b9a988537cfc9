//! The ledger: what was sent and acknowledged, down to the event and the cent. It is a witness against the system that
//! counts the same events, so it does its sums itself, and shares no code with it beyond the events.

mod books;
mod cart;

use std::collections::BTreeMap;
use std::path::Path;

use events::{Country, EventType, Minute, Stream, Timestamp, Uuid};
use serde::{Deserialize, Serialize};

pub use self::books::Books;

use crate::files::write_whole;
use crate::generator::Anomaly;

/// The form of the file.
pub const SCHEMA_VERSION: u32 = 3;

/// The `mix` of a recording that was replayed.
pub const REPLAY: &str = "replay";

/// What a run sent and saw acknowledged. Only acknowledged events are in the counts and sums.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// The form of this file.
    pub schema_version: u32,
    /// What was run.
    pub run: RunFacts,
    /// Events that were handed to the sink.
    pub offered: u64,
    /// Events that the sink acknowledged.
    pub acknowledged: u64,
    /// Events that were given up.
    pub failed: u64,
    /// Those of the failed that may be in the stream all the same, as an answer was lost.
    pub uncertain: u64,
    /// Acknowledged events that may be in the stream twice, as an earlier answer was lost.
    pub possible_duplicates: u64,
    /// By stream.
    pub streams: BTreeMap<Stream, Count>,
    /// By event type.
    pub events_by_type: BTreeMap<EventType, u64>,
    /// By minute of event time, in order.
    pub minutes: Vec<MinuteFacts>,
    /// Views by product.
    pub product_views: BTreeMap<u64, u64>,
    /// What was sold and given back, by product.
    pub product_units: BTreeMap<u64, UnitsFacts>,
    /// What became of the carts.
    pub carts: Carts,
    /// The same by the minute of event time in which it happened. A cart is abandoned the timeout after its last event, so
    /// minutes may lie beyond the end of the run.
    pub cart_minutes: BTreeMap<Minute, CartFacts>,
    /// The anomalous purchases, by time.
    pub anomalies: Vec<AnomalyFact>,
    /// What went wrong on purpose, and was acknowledged.
    pub faults: FaultFacts,
}

/// What was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFacts {
    /// The seed.
    pub seed: u64,
    /// The time of the first event.
    pub start: Timestamp,
    /// The time of the last event offered.
    pub end: Timestamp,
    /// When sending began, by the producer's clock, whatever time the events have.
    pub sent_from: Timestamp,
    /// When sending was over.
    pub sent_to: Timestamp,
    /// The deployment.
    pub stage: String,
    /// Where the events went.
    pub sink: String,
    /// Events a second.
    pub rate: u64,
    /// Percentages of views/carts/transactions, or the name of a profile with a funnel.
    pub mix: String,
    /// How many shoppers there were.
    pub users: u64,
    /// How many products there were.
    pub products: u64,
    /// How long nothing happens to a cart before it is abandoned.
    pub cart_timeout_ms: i64,
}

/// What became of a run's records, as the sink told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Handed to the sink, or due and never handed to it.
    pub offered: u64,
    /// Given up.
    pub failed: u64,
    /// Those of the failed that may be in the stream all the same.
    pub uncertain: u64,
    /// Acknowledged, and maybe in the stream twice.
    pub possible_duplicates: u64,
}

/// How many events, and which: two sets of events with the same count and sum are the same set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// How many.
    pub events: u64,
    /// The sum of their ids.
    pub event_id_sum: IdSum,
}

/// A sum of ids as 128-bit numbers, mod 2^128. 32 hexadecimal digits in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdSum(pub u128);

/// A minute of event time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MinuteFacts {
    /// Which one.
    pub minute: Minute,
    /// Its events, by type.
    pub events: BTreeMap<EventType, Count>,
    /// Its sales, by country.
    pub countries: BTreeMap<Country, SalesFacts>,
    /// Its product views, by category: in lower case, without space around it, cut to 64 bytes.
    pub categories: BTreeMap<String, u64>,
}

/// Sales and refunds, each in the minute that it happened in. Amounts are in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SalesFacts {
    /// Purchases.
    pub orders: i64,
    /// Σ quantity of purchases.
    pub units: i64,
    /// Σ quantity × unit price of purchases.
    pub gross_minor: i64,
    /// Σ discount of purchases.
    pub discount_minor: i64,
    /// Σ shipping of purchases.
    pub shipping_minor: i64,
    /// Σ tax of purchases.
    pub tax_minor: i64,
    /// Refunds.
    pub refunds: i64,
    /// Σ quantity of refunds.
    pub refunded_units: i64,
    /// Σ quantity × unit price − discount of refunds: the goods, without shipping and tax.
    pub refunded_minor: i64,
}

/// Units of a product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitsFacts {
    /// Σ quantity of purchases.
    pub sold: i64,
    /// Σ quantity of refunds.
    pub returned: i64,
}

/// What became of carts that something was put into, in the minute in which it did. Values are in minor units: Σ quantity ×
/// latest unit price of what was in the cart when it was abandoned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartFacts {
    /// Carts whose first add it was.
    pub created: i64,
    /// Carts whose first checkout it was.
    pub checked_out: i64,
    /// Carts that were bought, and had not been abandoned before.
    pub converted: i64,
    /// Carts that were bought, and had been abandoned before.
    pub recovered: i64,
    /// Carts that nothing had happened to for the timeout then, for the first time, and that were never bought.
    pub abandoned: i64,
    /// Value of the abandoned ones.
    pub value_abandoned_minor: i64,
    /// Value of the recovered ones.
    pub value_recovered_minor: i64,
}

/// What became of the carts whose first add was acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carts {
    /// Carts that something was put into.
    pub created: u64,
    /// Those of them that got to the till.
    pub checked_out: u64,
    /// Those that were bought.
    pub purchased: u64,
    /// Those that were not bought by the end of the run.
    pub left_behind: u64,
    /// Σ quantity × unit price of what is in the carts left behind, in minor units.
    pub left_behind_value_minor: i64,
}

/// A purchase that is anomalous.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AnomalyFact {
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The purchase's event.
    pub event_id: Uuid,
    /// Who bought.
    pub user_id: u64,
    /// In which way.
    pub kind: Anomaly,
    /// Purchases that belong together have the same number.
    pub group: u64,
}

/// What went wrong on purpose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultFacts {
    /// Events that came long after they happened. They count as any other.
    pub late: u64,
    /// Second copies of events. They count for nothing.
    pub duplicates: u64,
    /// Records that break a rule, by its name. They count for nothing, and belong into quarantine.
    pub bad: BTreeMap<String, u64>,
}

impl Ledger {
    /// Reads a ledger.
    pub fn read(path: &Path) -> Result<Self, std::io::Error> {
        let ledger: Self = serde_json::from_slice(&std::fs::read(path)?)?;
        if ledger.schema_version == SCHEMA_VERSION {
            Ok(ledger)
        } else {
            Err(std::io::Error::other(format!(
                "it is of version {}, this program reads version {SCHEMA_VERSION}",
                ledger.schema_version
            )))
        }
    }

    /// Writes the ledger whole or not at all: whoever finds the file finds all of it.
    pub fn write(&self, path: &Path) -> Result<(), std::io::Error> {
        write_whole(path, |file| Ok(serde_json::to_writer(file, self)?))
    }
}

impl Carts {
    /// Adds other carts.
    pub fn merge(&mut self, other: &Self) {
        self.created += other.created;
        self.checked_out += other.checked_out;
        self.purchased += other.purchased;
        self.left_behind += other.left_behind;
        self.left_behind_value_minor += other.left_behind_value_minor;
    }
}

impl Serialize for IdSum {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:032x}", self.0))
    }
}

impl<'de> Deserialize<'de> for IdSum {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        u128::from_str_radix(&text, 16)
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
