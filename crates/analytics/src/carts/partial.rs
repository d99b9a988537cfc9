//! The stream's fold: every event of a cart, once.

use events::{Body, Event, Uuid};
use serde::{Deserialize, Serialize};

use super::{CartFact, stored_facts};
use crate::{CategoryCounts, EventIds, Facts, Partial};

/// A page of this many facts takes about 9 KB.
const FACTS_PER_PAGE: usize = 256;

/// A page of what happened to carts in a minute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartsPartial {
    /// Units added by category.
    pub added: CategoryCounts,
    #[serde(with = "stored_facts")]
    facts: Vec<CartFact>,
    event_ids: EventIds,
}

impl CartsPartial {
    /// The facts with the ids of their events, in the order in which they were folded.
    pub fn identified_facts(&self) -> impl Iterator<Item = (Uuid, &CartFact)> {
        self.event_ids.as_slice().iter().copied().zip(&self.facts)
    }
}

impl Partial for CartsPartial {
    const FAMILY: &'static str = "carts";

    fn counts(event: &Event) -> bool {
        matches!(
            event.body,
            Body::CartAdd(_)
                | Body::CartUpdate(_)
                | Body::CartRemove(_)
                | Body::CartCheckout(_)
                | Body::Purchase(_)
        )
    }

    fn fold(&mut self, event: &Event) {
        let Some(fact) = CartFact::of(event) else { return };
        if let Body::CartAdd(cart) = &event.body {
            self.added.add_units(&cart.line);
        }
        self.facts.push(fact);
        self.event_ids.push(event.envelope.event_id);
    }

    fn event_ids(&self) -> &[Uuid] {
        self.event_ids.as_slice()
    }

    fn is_full(&self) -> bool {
        self.facts.len() >= FACTS_PER_PAGE
    }

    fn merge(&mut self, other: &Self) {
        self.added.merge(&other.added);
        self.facts.extend_from_slice(&other.facts);
        self.event_ids.extend(&other.event_ids);
    }
}

impl Facts for CartsPartial {
    type Fact = CartFact;

    fn facts(&self) -> &[CartFact] {
        &self.facts
    }
}
