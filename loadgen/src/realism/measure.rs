//! What the generator's records come to, counted from the records alone, as anybody could who reads the streams. Only which
//! purchases are anomalous is told by the generator.

use std::collections::{BTreeMap, HashMap, HashSet};

use events::{Body, Device, MS_PER_DAY, MS_PER_HOUR, Sale, Stream, Timestamp, Uuid};

use crate::generator::{Anomaly, Config, Generator, Limit, Planned};
use crate::source::{Keep, Source as _};

/// Over how many events the mix is taken, one part of the run after the other.
pub const PART_EVENTS: u64 = 10_000;
/// Customers with more earlier orders than this are counted as having this many.
const MAX_EARLIER_ORDERS: usize = 10;
const HOURS_PER_DAY: usize = 24;

/// Counts over the visits of a run, each of them whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// When the run began.
    pub start: Timestamp,
    /// Visits that look for something; visits that only give something back are not shopping sessions.
    pub sessions: u64,
    /// Those in which something was put into a cart.
    pub sessions_with_cart: u64,
    /// Those in which something was bought.
    pub sessions_with_purchase: u64,
    /// How many sessions have so many events.
    pub session_events: BTreeMap<u32, u64>,
    /// Sessions by what the shopper uses.
    pub devices: BTreeMap<Device, u64>,
    /// Events by stream, refunds included.
    pub streams: BTreeMap<Stream, u64>,
    /// The same, [`PART_EVENTS`] after [`PART_EVENTS`]; whole ones only.
    pub parts: Vec<BTreeMap<Stream, u64>>,
    /// Events by hour since the start; of whole days only.
    pub hours: Vec<u64>,
    /// Carts that something was put into.
    pub carts: u64,
    /// Carts that no purchase came from.
    pub abandoned: u64,
    /// Purchases, anomalous ones included.
    pub purchases: u64,
    /// Anomalous purchases by kind.
    pub anomalies: BTreeMap<Anomaly, u64>,
    /// All other purchases.
    pub orders: Orders,
    /// Refunds.
    pub refunds: u64,
    /// What they paid back, in minor units: the goods' price less discounts, without shipping and taxes.
    pub refunded_minor: i64,
    /// How often each product was seen, the most often seen first.
    pub views: Vec<u64>,
    /// Lines of orders, and those of a product that the customer has ordered before: by the number of the customer's earlier
    /// orders.
    pub reorders: Vec<Reorders>,
}

/// Purchases that are not anomalous.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Orders {
    /// How many orders have so many units.
    pub units: BTreeMap<i64, u64>,
    /// How many lines have such a unit price, in minor units.
    pub prices: BTreeMap<i64, u64>,
    /// Their goods' price less discounts, in minor units; without shipping and taxes.
    pub net_minor: i64,
    /// How many units of each product were sold, the best seller first.
    pub sold: Vec<u64>,
}

/// Lines of orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reorders {
    /// All.
    pub lines: u64,
    /// Those of a product that the customer has ordered before.
    pub again: u64,
}

impl Orders {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.units.values().sum()
    }
}

/// Runs the generator until `sessions` shopping sessions have begun, and then on until all of them are over. Memory holds a
/// few words for each session, order and product.
#[must_use]
pub fn measure(config: Config, sessions: u64) -> Measured {
    let mut tally = Tally::new(config.start, sessions);
    let mut left = config.longest_visit();
    let mut generator = Generator::new(config, Limit::default());
    while left > 0
        && let Some(record) = generator.next_record(Keep::ALL)
    {
        if let Some(planned) = record.into_event() {
            left -= u64::from(tally.cut.is_some());
            tally.count(&planned);
        }
    }
    tally.finish()
}

/// A session under way.
#[derive(Clone, Copy, Default)]
struct Session {
    events: u32,
    cart: bool,
    purchase: bool,
}

/// A customer so far.
#[derive(Default)]
struct Customer {
    orders: usize,
    products: HashSet<u64>,
}

struct Tally {
    measured: Measured,
    wanted: u64,
    /// When the first session began that doesn't count. What comes later is only the rest of those that do.
    cut: Option<Timestamp>,
    sessions: HashMap<Uuid, Session>,
    /// Carts that have not been bought.
    open: HashSet<Uuid>,
    views: HashMap<u64, u64>,
    sold: HashMap<u64, u64>,
    customers: HashMap<u64, Customer>,
    /// Events before the cut.
    events: u64,
}

impl Tally {
    fn new(start: Timestamp, wanted: u64) -> Self {
        Self {
            measured: Measured {
                start,
                sessions: 0,
                sessions_with_cart: 0,
                sessions_with_purchase: 0,
                session_events: BTreeMap::new(),
                devices: BTreeMap::new(),
                streams: BTreeMap::new(),
                parts: Vec::new(),
                hours: Vec::new(),
                carts: 0,
                abandoned: 0,
                purchases: 0,
                anomalies: BTreeMap::new(),
                orders: Orders::default(),
                refunds: 0,
                refunded_minor: 0,
                views: Vec::new(),
                reorders: vec![Reorders::default(); MAX_EARLIER_ORDERS + 1],
            },
            wanted,
            cut: None,
            sessions: HashMap::new(),
            open: HashSet::new(),
            views: HashMap::new(),
            sold: HashMap::new(),
            customers: HashMap::new(),
            events: 0,
        }
    }

    fn count(&mut self, planned: &Planned) {
        let envelope = &planned.event.envelope;
        let is_refund = matches!(planned.event.body, Body::Refund(_));
        if !self.sessions.contains_key(&envelope.session_id) {
            if !is_refund && self.measured.sessions == self.wanted && self.cut.is_none() {
                self.cut = Some(envelope.occurred_at);
            }
            if self.cut.is_some() {
                return;
            }
            if !is_refund {
                self.measured.sessions += 1;
                *self.measured.devices.entry(envelope.device).or_default() += 1;
                self.sessions.insert(envelope.session_id, Session::default());
            }
        }
        *self.measured.streams.entry(planned.event.stream()).or_default() += 1;
        if self.cut.is_none() {
            self.count_time(planned);
        }
        self.count_body(planned);
    }

    fn count_time(&mut self, planned: &Planned) {
        let Measured {
            start, parts, hours, ..
        } = &mut self.measured;
        if self.events.is_multiple_of(PART_EVENTS) {
            parts.push(BTreeMap::new());
        }
        self.events += 1;
        if let Some(part) = parts.last_mut() {
            *part.entry(planned.event.stream()).or_default() += 1;
        }
        let since_ms = planned.event.envelope.occurred_at.as_ms() - start.as_ms();
        let hour = usize::try_from(since_ms / MS_PER_HOUR).unwrap_or(0);
        if hours.len() <= hour {
            hours.resize(hour + 1, 0);
        }
        hours[hour] += 1;
    }

    fn count_body(&mut self, planned: &Planned) {
        let envelope = &planned.event.envelope;
        let mut unused = Session::default();
        let session = self.sessions.get_mut(&envelope.session_id).unwrap_or(&mut unused);
        session.events += 1;
        match &planned.event.body {
            Body::ProductView(view) => *self.views.entry(view.product_id).or_default() += 1,
            Body::CartAdd(cart) => {
                session.cart = true;
                self.measured.carts += u64::from(self.open.insert(cart.cart_id));
            }
            Body::Purchase(sale) => {
                session.purchase = true;
                self.open.remove(&sale.cart_id);
                self.measured.purchases += 1;
                match planned.anomaly {
                    Some(injected) => *self.measured.anomalies.entry(injected.kind).or_default() += 1,
                    None => self.count_order(envelope.user_id, sale),
                }
            }
            Body::Refund(refund) => {
                self.measured.refunds += 1;
                self.measured.refunded_minor += net_minor(&refund.sale);
            }
            _ => {}
        }
    }

    fn count_order(&mut self, user_id: u64, sale: &Sale) {
        let orders = &mut self.measured.orders;
        let customer = self.customers.entry(user_id).or_default();
        let reorders = &mut self.measured.reorders[customer.orders.min(MAX_EARLIER_ORDERS)];
        for line in &sale.lines {
            *orders.prices.entry(line.unit_price_minor).or_default() += 1;
            *self.sold.entry(line.product_id).or_default() += line.quantity.unsigned_abs();
            reorders.lines += 1;
            reorders.again += u64::from(customer.products.contains(&line.product_id));
        }
        let units = sale.lines.iter().map(|line| line.quantity).sum();
        *orders.units.entry(units).or_default() += 1;
        orders.net_minor += net_minor(sale);
        customer.orders += 1;
        customer
            .products
            .extend(sale.lines.iter().map(|line| line.product_id));
    }

    fn finish(self) -> Measured {
        let mut measured = self.measured;
        for session in self.sessions.values() {
            *measured.session_events.entry(session.events).or_default() += 1;
            measured.sessions_with_cart += u64::from(session.cart);
            measured.sessions_with_purchase += u64::from(session.purchase);
        }
        measured.abandoned = self.open.len() as u64;
        measured.views = ranked(&self.views);
        measured.orders.sold = ranked(&self.sold);
        // Neither the part nor the day that the cut lies in is whole.
        measured
            .parts
            .truncate(usize::try_from(self.events / PART_EVENTS).unwrap_or(0));
        if let Some(cut) = self.cut {
            let days = (cut.as_ms() - measured.start.as_ms()) / MS_PER_DAY;
            measured
                .hours
                .truncate(usize::try_from(days).unwrap_or(0) * HOURS_PER_DAY);
        }
        measured
    }
}

fn net_minor(sale: &Sale) -> i64 {
    sale.total_minor - sale.shipping_minor - sale.tax_minor
}

/// The counts alone, the largest first.
fn ranked(counts: &HashMap<u64, u64>) -> Vec<u64> {
    let mut counts: Vec<u64> = counts.values().copied().collect();
    counts.sort_unstable_by(|one, other| other.cmp(one));
    counts
}
