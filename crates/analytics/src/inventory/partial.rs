//! The stream's fold: what each purchase and refund moved, once.

use std::collections::BTreeMap;

use events::{Event, Uuid};
use serde::{Deserialize, Serialize};

use super::{InventoryFact, Moved, stored_facts};
use crate::{EventIds, Facts, Partial};

/// A page of this many orders takes about 6 KB.
const EVENTS_PER_PAGE: usize = 256;

/// Orders of very many lines close a page earlier: at 13 bytes a line at most, it stays far from an item's 400 KB.
const LINES_PER_PAGE: usize = 4_096;

/// A page of what was sold and given back in a minute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryPartial {
    #[serde(with = "stored_facts")]
    facts: Vec<InventoryFact>,
    event_ids: EventIds,
}

impl InventoryPartial {
    /// Units sold and returned by product.
    #[must_use]
    pub fn products(&self) -> BTreeMap<u64, Moved> {
        let mut moved: BTreeMap<u64, Moved> = BTreeMap::new();
        for fact in &self.facts {
            for line in &fact.lines {
                let of_product = moved.entry(line.product_id).or_default();
                of_product.add(fact.is_refund, line.units);
            }
        }
        moved
    }
}

impl Partial for InventoryPartial {
    const FAMILY: &'static str = "inventory";

    fn counts(event: &Event) -> bool {
        event.sale().is_some()
    }

    fn fold(&mut self, event: &Event) {
        let Some(fact) = InventoryFact::of(event) else {
            return;
        };
        self.facts.push(fact);
        self.event_ids.push(event.envelope.event_id);
    }

    fn event_ids(&self) -> &[Uuid] {
        self.event_ids.as_slice()
    }

    fn is_full(&self) -> bool {
        let lines: usize = self.facts.iter().map(|fact| fact.lines.len()).sum();
        self.facts.len() >= EVENTS_PER_PAGE || lines >= LINES_PER_PAGE
    }

    fn merge(&mut self, other: &Self) {
        self.facts.extend_from_slice(&other.facts);
        self.event_ids.extend(&other.event_ids);
    }
}

impl Facts for InventoryPartial {
    type Fact = InventoryFact;

    fn facts(&self) -> &[InventoryFact] {
        &self.facts
    }
}
