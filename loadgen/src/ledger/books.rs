//! The running sums that a ledger is made of.

mod settled;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use events::{Body, Country, EventType, Line, Minute, Sale, Stream, Uuid};

use self::settled::SettledEvents;
use super::cart::{OpenCart, cart_of};
use super::{
    AnomalyFact, CartFacts, Carts, Count, FaultFacts, Ledger, MinuteFacts, RunFacts, SCHEMA_VERSION,
    SalesFacts, Totals, UnitsFacts,
};
use crate::generator::Planned;
use crate::source::Content;

/// A category's name is counted whole up to here, in bytes.
const MAX_CATEGORY_BYTES: usize = 64;

/// The running sums. Its size depends on the minutes, products, anomalies, and on carts and events in flight, not on all events.
#[derive(Clone, Debug)]
pub struct Books {
    cart_timeout_ms: i64,
    streams: BTreeMap<Stream, Count>,
    minutes: BTreeMap<Minute, MinuteBooks>,
    product_views: HashMap<u64, u64>,
    product_units: HashMap<u64, UnitsFacts>,
    carts: Carts,
    cart_minutes: BTreeMap<Minute, CartFacts>,
    open_carts: HashMap<Uuid, OpenCart>,
    anomalies: Vec<AnomalyFact>,
    faults: FaultFacts,
    /// Events that were given up; a second copy may make up for one.
    given_up: HashSet<Uuid>,
    /// Events in flight of which the second copy was acknowledged before the first.
    overtaken: HashSet<Uuid>,
    /// The generator's events that are acknowledged or given up.
    settled: SettledEvents,
    /// Events of a recording.
    recorded: HashSet<Uuid>,
}

#[derive(Clone, Debug, Default)]
struct MinuteBooks {
    events: BTreeMap<EventType, Count>,
    countries: BTreeMap<Country, SalesFacts>,
    categories: BTreeMap<String, u64>,
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

impl CartFacts {
    /// Adds other carts.
    pub fn merge(&mut self, other: &Self) {
        self.created += other.created;
        self.checked_out += other.checked_out;
        self.converted += other.converted;
        self.recovered += other.recovered;
        self.abandoned += other.abandoned;
        self.value_abandoned_minor += other.value_abandoned_minor;
        self.value_recovered_minor += other.value_recovered_minor;
    }
}

impl UnitsFacts {
    /// Adds other units.
    pub fn merge(&mut self, other: Self) {
        self.sold += other.sold;
        self.returned += other.returned;
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

/// A category's name as it is counted: in lower case, without space around it, and not too long.
fn category_name(category: &str) -> Cow<'_, str> {
    let trimmed = category.trim();
    let is_plain = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    if trimmed.len() <= MAX_CATEGORY_BYTES && trimmed.bytes().all(is_plain) {
        return Cow::Borrowed(trimmed);
    }
    let mut name = trimmed.to_lowercase();
    name.truncate(name.floor_char_boundary(MAX_CATEGORY_BYTES));
    name.truncate(name.trim_end().len());
    Cow::Owned(name)
}

impl MinuteBooks {
    fn add_view(&mut self, category: &str) {
        let name = category_name(category);
        match self.categories.get_mut(&*name) {
            Some(views) => *views += 1,
            None => drop(self.categories.insert(name.into_owned(), 1)),
        }
    }

    fn merge(&mut self, other: Self) {
        for (event_type, count) in other.events {
            self.events.entry(event_type).or_default().merge(count);
        }
        for (country, sales) in other.countries {
            self.countries.entry(country).or_default().merge(&sales);
        }
        for (category, views) in other.categories {
            *self.categories.entry(category).or_default() += views;
        }
    }
}

impl Books {
    /// Nothing yet. A cart is abandoned when nothing happens to it for `cart_timeout_ms`.
    #[must_use]
    pub fn new(cart_timeout_ms: i64) -> Self {
        Self {
            cart_timeout_ms,
            streams: BTreeMap::new(),
            minutes: BTreeMap::new(),
            product_views: HashMap::new(),
            product_units: HashMap::new(),
            carts: Carts::default(),
            cart_minutes: BTreeMap::new(),
            open_carts: HashMap::new(),
            anomalies: Vec::new(),
            faults: FaultFacts::default(),
            given_up: HashSet::new(),
            overtaken: HashSet::new(),
            settled: SettledEvents::default(),
            recorded: HashSet::new(),
        }
    }

    /// Enters an acknowledged record.
    pub fn acknowledge(&mut self, content: &Content) {
        match content {
            // A recording may hold an event twice.
            Content::Event(planned) if planned.cart_steps.is_none() => {
                if self.recorded.insert(id_of(planned)) {
                    self.enter(planned);
                } else {
                    self.faults.duplicates += 1;
                }
            }
            Content::Event(planned) => {
                self.settled.insert(planned.index);
                if self.overtaken.remove(&id_of(planned)) {
                    self.faults.duplicates += 1;
                } else {
                    self.enter(planned);
                }
            }
            // Its first copy was given up, so it is the second one that counts.
            Content::Again(planned) if self.given_up.remove(&id_of(planned)) => {
                self.enter(planned);
            }
            Content::Again(planned) if self.settled.has(planned.index) => self.faults.duplicates += 1,
            // What becomes of its first copy is not known yet, so it is this one that counts.
            Content::Again(planned) => {
                self.overtaken.insert(id_of(planned));
                self.enter(planned);
            }
            Content::Bad(rule) => *self.faults.bad.entry(rule.to_string()).or_default() += 1,
        }
    }

    /// Takes note that a record was given up. Its cart stays open: a second copy may make up for it.
    pub fn fail(&mut self, content: &Content) {
        // Of a recording, no second copies are made.
        if let Content::Event(planned) = content
            && planned.cart_steps.is_some()
        {
            self.settled.insert(planned.index);
            if !self.overtaken.remove(&id_of(planned)) {
                self.given_up.insert(id_of(planned));
            }
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
        let country = event.envelope.country;
        match &event.body {
            Body::ProductView(view) => {
                minute.add_view(&view.category);
                *self.product_views.entry(view.product_id).or_default() += 1;
            }
            Body::Purchase(sale) => {
                minute.countries.entry(country).or_default().add_sale(sale);
                for line in &sale.lines {
                    self.product_units.entry(line.product_id).or_default().sold += line.quantity;
                }
            }
            Body::Refund(refund) => {
                let sale = &refund.sale;
                minute.countries.entry(country).or_default().add_refund(sale);
                for line in &sale.lines {
                    self.product_units.entry(line.product_id).or_default().returned += line.quantity;
                }
            }
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
        let entered = self.open_carts.entry(cart_id).or_default().enter(planned);
        if planned.cart_steps.is_some_and(|steps| entered >= steps as usize)
            && let Some(cart) = self.open_carts.remove(&cart_id)
        {
            cart.close(self.cart_timeout_ms, &mut self.carts, &mut self.cart_minutes);
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
            self.minutes.entry(minute).or_default().merge(facts);
        }
        for (product_id, views) in other.product_views {
            *self.product_views.entry(product_id).or_default() += views;
        }
        for (product_id, units) in other.product_units {
            self.product_units.entry(product_id).or_default().merge(units);
        }
        self.carts.merge(&other.carts);
        for (minute, facts) in other.cart_minutes {
            self.cart_minutes.entry(minute).or_default().merge(&facts);
        }
        self.open_carts.extend(other.open_carts);
        self.anomalies.extend(other.anomalies);
        self.faults.merge(&other.faults);
        self.given_up.extend(other.given_up);
        self.overtaken.extend(other.overtaken);
        self.settled.merge(&other.settled);
        self.recorded.extend(other.recorded);
    }

    /// The ledger of a run that is over. A cart that the run's end cut short is left behind.
    #[must_use]
    pub fn close(mut self, run: RunFacts, totals: Totals) -> Ledger {
        for (_, cart) in std::mem::take(&mut self.open_carts) {
            cart.close(self.cart_timeout_ms, &mut self.carts, &mut self.cart_minutes);
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
                .map(|(minute, books)| MinuteFacts {
                    minute,
                    events: books.events,
                    countries: books.countries,
                    categories: books.categories,
                })
                .collect(),
            product_views: self.product_views.into_iter().collect(),
            product_units: self.product_units.into_iter().collect(),
            carts: self.carts,
            cart_minutes: self.cart_minutes,
            anomalies: self.anomalies,
            faults: self.faults,
        }
    }
}

fn id_of(planned: &Planned) -> Uuid {
    planned.event.envelope.event_id
}
