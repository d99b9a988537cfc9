//! The running sums that a ledger is made of.

use std::collections::{BTreeMap, HashMap, HashSet};

use events::{Body, Country, EventType, Line, Minute, Sale, Stream, Uuid};

use super::{
    AnomalyFact, Carts, Count, FaultFacts, Ledger, MinuteFacts, RunFacts, SCHEMA_VERSION, SalesFacts, Totals,
};
use crate::generator::Planned;
use crate::source::Content;

/// The running sums. Its size depends on the minutes, the anomalies and the carts in flight, not on the events.
#[derive(Clone, Debug, Default)]
pub struct Books {
    streams: BTreeMap<Stream, Count>,
    minutes: BTreeMap<Minute, MinuteBooks>,
    carts: Carts,
    open_carts: HashMap<Uuid, OpenCart>,
    anomalies: Vec<AnomalyFact>,
    faults: FaultFacts,
    /// Events that were given up; a second copy may make up for one.
    given_up: HashSet<Uuid>,
    /// Events of a recording.
    recorded: HashSet<Uuid>,
}

#[derive(Clone, Debug, Default)]
struct MinuteBooks {
    events: BTreeMap<EventType, Count>,
    countries: BTreeMap<Country, SalesFacts>,
}

/// A cart of which not every event is acknowledged. Answers come in any order, so its value is known when all are here.
#[derive(Clone, Debug, Default)]
struct OpenCart {
    settled: u32,
    changes: Vec<(u64, Change)>,
    created: bool,
    checked_out: bool,
    purchased: bool,
}

#[derive(Clone, Copy, Debug)]
struct Change {
    kind: ChangeKind,
    product_id: u64,
    quantity: i64,
    unit_price_minor: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChangeKind {
    Add,
    Set,
    Remove,
}

impl Count {
    /// Counts an event.
    pub fn add(&mut self, event_id: Uuid) {
        self.events += 1;
        self.event_id_sum.0 = self.event_id_sum.0.wrapping_add(event_id.as_u128());
    }

    /// Adds other events.
    pub fn merge(&mut self, other: Self) {
        self.events += other.events;
        self.event_id_sum.0 = self.event_id_sum.0.wrapping_add(other.event_id_sum.0);
    }
}

impl SalesFacts {
    fn add_sale(&mut self, sale: &Sale) {
        self.orders += 1;
        self.units += units(&sale.lines);
        self.gross_minor += goods_minor(&sale.lines);
        self.discount_minor += sale.discount_minor;
        self.shipping_minor += sale.shipping_minor;
        self.tax_minor += sale.tax_minor;
    }

    fn add_refund(&mut self, sale: &Sale) {
        self.refunds += 1;
        self.refunded_units += units(&sale.lines);
        self.refunded_minor += goods_minor(&sale.lines) - sale.discount_minor;
    }

    /// Adds other sales.
    pub fn merge(&mut self, other: &Self) {
        self.orders += other.orders;
        self.units += other.units;
        self.gross_minor += other.gross_minor;
        self.discount_minor += other.discount_minor;
        self.shipping_minor += other.shipping_minor;
        self.tax_minor += other.tax_minor;
        self.refunds += other.refunds;
        self.refunded_units += other.refunded_units;
        self.refunded_minor += other.refunded_minor;
    }
}

impl FaultFacts {
    /// Adds other faults.
    pub fn merge(&mut self, other: &Self) {
        self.late += other.late;
        self.duplicates += other.duplicates;
        for (rule, count) in &other.bad {
            *self.bad.entry(rule.clone()).or_default() += count;
        }
    }
}

fn units(lines: &[Line]) -> i64 {
    lines.iter().map(|line| line.quantity).sum()
}

pub(super) fn goods_minor(lines: &[Line]) -> i64 {
    lines
        .iter()
        .map(|line| line.quantity * line.unit_price_minor)
        .sum()
}

impl Books {
    /// Enters an acknowledged record.
    pub fn acknowledge(&mut self, content: &Content) {
        match content {
            // A recording may hold an event twice.
            Content::Event(planned)
                if planned.cart_steps.is_none() && !self.recorded.insert(id_of(planned)) =>
            {
                self.faults.duplicates += 1;
            }
            Content::Event(planned) => self.enter(planned),
            // Its first copy was given up, so it is the second one that counts.
            Content::Again(planned) if self.given_up.remove(&id_of(planned)) => {
                self.enter(planned);
            }
            Content::Again(_) => self.faults.duplicates += 1,
            Content::Bad(rule) => *self.faults.bad.entry(rule.to_string()).or_default() += 1,
        }
    }

    /// Takes note that a record was given up. Its cart stays open: a second copy may make up for it.
    pub fn fail(&mut self, content: &Content) {
        if let Content::Event(planned) = content {
            self.given_up.insert(id_of(planned));
        }
    }

    fn enter(&mut self, planned: &Planned) {
        let event = &planned.event;
        let id = event.envelope.event_id;
        self.streams.entry(event.stream()).or_default().add(id);
        let minute = self
            .minutes
            .entry(event.envelope.occurred_at.minute())
            .or_default();
        minute.events.entry(event.event_type()).or_default().add(id);
        match &event.body {
            Body::Purchase(sale) => minute
                .countries
                .entry(event.envelope.country)
                .or_default()
                .add_sale(sale),
            Body::Refund(refund) => minute
                .countries
                .entry(event.envelope.country)
                .or_default()
                .add_refund(&refund.sale),
            _ => {}
        }
        self.anomalies.extend(planned.anomaly.map(|injected| AnomalyFact {
            occurred_at: event.envelope.occurred_at,
            event_id: id,
            user_id: event.envelope.user_id,
            kind: injected.kind,
            group: injected.group,
        }));
        self.faults.late += u64::from(planned.late);
        self.settle(planned);
    }

    /// Keeps a cart open until all of its events are acknowledged.
    fn settle(&mut self, planned: &Planned) {
        let Some(cart_id) = cart_of(&planned.event.body) else {
            return;
        };
        let cart = self.open_carts.entry(cart_id).or_default();
        cart.settled += 1;
        cart.enter(planned.index, &planned.event.body);
        if planned.cart_steps.is_some_and(|steps| cart.settled >= steps)
            && let Some(cart) = self.open_carts.remove(&cart_id)
        {
            cart.close(&mut self.carts);
        }
    }

    /// Carts in memory: those of which some event is not settled yet.
    #[must_use]
    pub fn open_carts(&self) -> usize {
        self.open_carts.len()
    }

    /// Adds the books of another worker. Each cart is in one worker's only.
    pub fn merge(&mut self, other: Self) {
        for (stream, count) in other.streams {
            self.streams.entry(stream).or_default().merge(count);
        }
        for (minute, facts) in other.minutes {
            let own = self.minutes.entry(minute).or_default();
            for (event_type, count) in facts.events {
                own.events.entry(event_type).or_default().merge(count);
            }
            for (country, sales) in facts.countries {
                own.countries.entry(country).or_default().merge(&sales);
            }
        }
        self.carts.merge(&other.carts);
        self.open_carts.extend(other.open_carts);
        self.anomalies.extend(other.anomalies);
        self.faults.merge(&other.faults);
        self.given_up.extend(other.given_up);
        self.recorded.extend(other.recorded);
    }

    /// The ledger of a run that is over. A cart that the run's end cut short is left behind.
    #[must_use]
    pub fn close(mut self, run: RunFacts, totals: Totals) -> Ledger {
        for (_, cart) in std::mem::take(&mut self.open_carts) {
            cart.close(&mut self.carts);
        }
        self.anomalies.sort_unstable();
        let mut events_by_type: BTreeMap<EventType, u64> = BTreeMap::new();
        for (event_type, count) in self.minutes.values().flat_map(|minute| &minute.events) {
            *events_by_type.entry(*event_type).or_default() += count.events;
        }
        Ledger {
            schema_version: SCHEMA_VERSION,
            run,
            offered: totals.offered,
            acknowledged: events_by_type.values().sum(),
            failed: totals.failed,
            uncertain: totals.uncertain,
            possible_duplicates: totals.possible_duplicates,
            streams: self.streams,
            events_by_type,
            minutes: self
                .minutes
                .into_iter()
                .map(|(minute, MinuteBooks { events, countries })| MinuteFacts {
                    minute,
                    events,
                    countries,
                })
                .collect(),
            carts: self.carts,
            anomalies: self.anomalies,
            faults: self.faults,
        }
    }
}

fn id_of(planned: &Planned) -> Uuid {
    planned.event.envelope.event_id
}

/// The cart whose life an event is part of.
fn cart_of(body: &Body) -> Option<Uuid> {
    match body {
        Body::CartAdd(cart) | Body::CartUpdate(cart) | Body::CartRemove(cart) => Some(cart.cart_id),
        Body::CartCheckout(checkout) => Some(checkout.cart_id),
        Body::Purchase(sale) => Some(sale.cart_id),
        _ => None,
    }
}

impl OpenCart {
    fn enter(&mut self, index: u64, body: &Body) {
        let (kind, line) = match body {
            Body::CartAdd(cart) => (ChangeKind::Add, &cart.line),
            Body::CartUpdate(cart) => (ChangeKind::Set, &cart.line),
            Body::CartRemove(cart) => (ChangeKind::Remove, &cart.line),
            Body::CartCheckout(_) => return self.checked_out = true,
            Body::Purchase(_) => return self.purchased = true,
            _ => return,
        };
        self.created |= kind == ChangeKind::Add;
        let &Line {
            product_id,
            quantity,
            unit_price_minor,
            ..
        } = line;
        self.changes.push((
            index,
            Change {
                kind,
                product_id,
                quantity,
                unit_price_minor,
            },
        ));
    }

    fn close(self, carts: &mut Carts) {
        if !self.created {
            return;
        }
        carts.created += 1;
        carts.checked_out += u64::from(self.checked_out);
        if self.purchased {
            carts.purchased += 1;
        } else {
            carts.left_behind += 1;
            carts.left_behind_value_minor += self.value_minor();
        }
    }

    /// What is in the cart after all changes, in the order in which they happened.
    fn value_minor(mut self) -> i64 {
        self.changes.sort_unstable_by_key(|(index, _)| *index);
        let mut content: HashMap<u64, (i64, i64)> = HashMap::new();
        for (_, change) in self.changes {
            let (quantity, unit_price_minor) = content.entry(change.product_id).or_default();
            *unit_price_minor = change.unit_price_minor;
            match change.kind {
                ChangeKind::Add => *quantity += change.quantity,
                ChangeKind::Set => *quantity = change.quantity,
                ChangeKind::Remove => *quantity = (*quantity - change.quantity).max(0),
            }
        }
        content
            .values()
            .map(|(quantity, unit_price_minor)| quantity * unit_price_minor)
            .sum()
    }
}
