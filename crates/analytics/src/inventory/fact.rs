//! What is kept of a purchase or a refund.

use events::{Event, EventType, Line, Timestamp};
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
        let units_of = |line: &Line| ProductUnits {
            product_id: line.product_id,
            units: line.quantity,
        };
        let mut lines: Vec<ProductUnits> = sale.lines.iter().map(units_of).collect();
        lines.sort_unstable_by_key(|line| line.product_id);
        lines.dedup_by(|line, before| {
            let is_same = line.product_id == before.product_id;
            before.units += if is_same { line.units } else { 0 };
            is_same
        });
        Some(Self {
            occurred_at: event.envelope.occurred_at,
            is_refund: event.event_type() == EventType::Refund,
            lines,
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
