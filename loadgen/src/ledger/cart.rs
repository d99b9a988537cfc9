//! A cart's life, from those of its events that were acknowledged.

use std::collections::{BTreeMap, HashMap};

use events::{Body, Line, MAX_AMOUNT_MINOR, Minute, Timestamp, Uuid};

use super::{CartFacts, Carts};
use crate::generator::Planned;

/// A cart of which not every event is settled. Answers come in any order, so its life is known when all are here.
#[derive(Clone, Debug, Default)]
pub(super) struct OpenCart {
    steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    occurred_at: Timestamp,
    event_id: Uuid,
    kind: StepKind,
}

#[derive(Clone, Copy, Debug)]
enum StepKind {
    Add(Item),
    Set(Item),
    Remove(Item),
    Checkout,
    Purchase,
}

#[derive(Clone, Copy, Debug)]
struct Item {
    product_id: u64,
    quantity: i64,
    unit_price_minor: i64,
}

/// A cart was left behind.
struct Abandonment {
    at: Timestamp,
    /// How many steps it had had by then.
    after: usize,
}

/// The cart whose life an event is part of.
pub(super) fn cart_of(body: &Body) -> Option<Uuid> {
    match body {
        Body::CartAdd(cart) | Body::CartUpdate(cart) | Body::CartRemove(cart) => Some(cart.cart_id),
        Body::CartCheckout(checkout) => Some(checkout.cart_id),
        Body::Purchase(sale) => Some(sale.cart_id),
        _ => None,
    }
}

impl StepKind {
    fn of(body: &Body) -> Option<Self> {
        match body {
            Body::CartAdd(cart) => Some(Self::Add(Item::of(&cart.line))),
            Body::CartUpdate(cart) => Some(Self::Set(Item::of(&cart.line))),
            Body::CartRemove(cart) => Some(Self::Remove(Item::of(&cart.line))),
            Body::CartCheckout(_) => Some(Self::Checkout),
            Body::Purchase(_) => Some(Self::Purchase),
            _ => None,
        }
    }
}

impl Item {
    const fn of(line: &Line) -> Self {
        Self {
            product_id: line.product_id,
            quantity: line.quantity,
            unit_price_minor: line.unit_price_minor,
        }
    }
}

impl OpenCart {
    /// Takes an acknowledged event in; the number of those so far.
    pub(super) fn enter(&mut self, planned: &Planned) -> usize {
        let envelope = &planned.event.envelope;
        self.steps
            .extend(StepKind::of(&planned.event.body).map(|kind| Step {
                occurred_at: envelope.occurred_at,
                event_id: envelope.event_id,
                kind,
            }));
        self.steps.len()
    }

    /// Adds what became of the cart to the totals and to the minutes. One that nothing was put into is none.
    pub(super) fn close(
        mut self,
        timeout_ms: i64,
        totals: &mut Carts,
        minutes: &mut BTreeMap<Minute, CartFacts>,
    ) {
        self.steps
            .sort_unstable_by_key(|step| (step.occurred_at, step.event_id));
        let Some(created_at) = self.first(|kind| matches!(kind, StepKind::Add(_))) else {
            return;
        };
        let checked_out_at = self.first(|kind| matches!(kind, StepKind::Checkout));
        let purchased_at = self.first(|kind| matches!(kind, StepKind::Purchase));
        let mut minute = |at: Timestamp, enter: &dyn Fn(&mut CartFacts)| {
            enter(minutes.entry(at.minute()).or_default());
        };
        totals.created += 1;
        minute(created_at, &|facts| facts.created += 1);
        if let Some(at) = checked_out_at {
            totals.checked_out += 1;
            minute(at, &|facts| facts.checked_out += 1);
        }
        if purchased_at.is_some() {
            totals.purchased += 1;
        } else {
            totals.left_behind += 1;
            totals.left_behind_value_minor += value_minor(&self.steps);
        }
        match (self.abandonment(timeout_ms), purchased_at) {
            (None, None) => {}
            (None, Some(at)) => minute(at, &|facts| facts.converted += 1),
            (Some(left), Some(at)) => minute(at, &|facts| {
                facts.recovered += 1;
                facts.value_recovered_minor += value_minor(&self.steps[..left.after]);
            }),
            (Some(left), None) => minute(left.at, &|facts| {
                facts.abandoned += 1;
                facts.value_abandoned_minor += value_minor(&self.steps[..left.after]);
            }),
        }
    }

    fn first(&self, is: impl Fn(&StepKind) -> bool) -> Option<Timestamp> {
        self.steps
            .iter()
            .find(|step| is(&step.kind))
            .map(|step| step.occurred_at)
    }

    /// When the timeout was over for the first time, before any purchase. A step at that very instant comes too late.
    fn abandonment(&self, timeout_ms: i64) -> Option<Abandonment> {
        let mut due: Option<Timestamp> = None;
        for (after, step) in self.steps.iter().enumerate() {
            if let Some(at) = due.filter(|at| step.occurred_at >= *at) {
                return Some(Abandonment { at, after });
            }
            if matches!(step.kind, StepKind::Purchase) {
                return None;
            }
            due = Some(step.occurred_at.plus_ms(timeout_ms));
        }
        due.map(|at| Abandonment {
            at,
            after: self.steps.len(),
        })
    }
}

/// What is in a cart after these steps: Σ quantity × latest price, as far as an amount may go.
fn value_minor(steps: &[Step]) -> i64 {
    let mut content: HashMap<u64, (i64, i64)> = HashMap::new();
    for step in steps {
        let (StepKind::Add(item) | StepKind::Set(item) | StepKind::Remove(item)) = step.kind else {
            continue;
        };
        let (quantity, unit_price_minor) = content.entry(item.product_id).or_default();
        *unit_price_minor = item.unit_price_minor;
        *quantity = match step.kind {
            StepKind::Add(_) => *quantity + item.quantity,
            StepKind::Remove(_) => (*quantity - item.quantity).max(0),
            _ => item.quantity,
        };
    }
    let value: i128 = content
        .values()
        .map(|(quantity, unit_price_minor)| i128::from(*quantity) * i128::from(*unit_price_minor))
        .sum();
    i64::try_from(value).map_or(MAX_AMOUNT_MINOR, |value| value.min(MAX_AMOUNT_MINOR))
}

#[cfg(test)]
mod tests;
