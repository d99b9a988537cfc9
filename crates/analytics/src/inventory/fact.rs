//! What is kept of a purchase or a refund.

use std::collections::BTreeMap;

use events::{Event, EventType, Timestamp};
use serde::{Deserialize, Serialize};

/// Which goods one purchase or refund moved, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InventoryFact {
    /// When, in event time.
    pub occurred_at: Timestamp,
    /// Whether the goods came back.
    pub is_refund: bool,
    /// The goods, by product; each product once.
    pub lines: Vec<ProductUnits>,
}

/// A quantity of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductUnits {
    /// The product.
    pub product_id: u64,
    /// How many; at least 1.
    pub units: i64,
}

impl InventoryFact {
    /// What is kept of `event`; `None` if it is no purchase or refund.
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        let sale = event.sale()?;
        let mut units_of: BTreeMap<u64, i64> = BTreeMap::new();
        for line in &sale.lines {
            *units_of.entry(line.product_id).or_default() += line.quantity;
        }
        Some(Self {
            occurred_at: event.envelope.occurred_at,
            is_refund: event.event_type() == EventType::Refund,
            lines: units_of
                .into_iter()
                .map(|(product_id, units)| ProductUnits { product_id, units })
                .collect(),
        })
    }
}

/// Units of a product that went out and came back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Units purchased.
    pub sold: i64,
    /// Units refunded.
    pub returned: i64,
}

impl Moved {
    /// Counts units that were purchased or, for a refund, came back.
    pub fn add(&mut self, is_refund: bool, units: i64) {
        if is_refund {
            self.returned += units;
        } else {
            self.sold += units;
        }
    }
}
