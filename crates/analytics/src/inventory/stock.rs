//! The stock of all products, as the sweep keeps it.

use std::collections::BTreeMap;

use events::{MS_PER_MINUTE, Timestamp};
use serde::{Deserialize, Serialize};

use super::conditions::Episodes;
use super::demand::{DataMinutes, Demand, Measure};
use super::reading::Reading;
use super::{InventoryFact, Moved, ProductStock, Settings, stored_products};
use crate::alerts::Signal;

/// What is known of a product.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Product {
    pub(super) initial: Option<i64>,
    pub(super) moved: Moved,
    /// Of its sales in closed minutes; `None` until there is one.
    pub(super) demand: Option<Demand>,
    pub(super) episodes: Episodes,
}

impl Product {
    pub(super) fn on_hand(&self) -> Option<i64> {
        let gone = self.moved.sold - self.moved.returned;
        self.initial.map(|initial| initial.saturating_sub(gone))
    }
}

/// The stock of all products, what sells how fast, and which conditions hold: all that the sweep keeps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stock {
    #[serde(with = "stored_products")]
    products: BTreeMap<u64, Product>,
    /// The latest `now`: the minutes before its own are closed.
    now: Option<Timestamp>,
    /// Units sold in minutes that are not closed yet, by minute and product.
    open: BTreeMap<i64, BTreeMap<u64, i64>>,
    data_minutes: DataMinutes,
    /// Those of the last advance: whoever reads the stock judges it as the sweep did.
    settings: Settings,
}

/// What an advance changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Advanced {
    /// The products whose stock moved, and by how much.
    pub moved: BTreeMap<u64, Moved>,
    /// The conditions that began, got worse or ended, by product.
    pub signals: Vec<Signal>,
}

impl Stock {
    /// Sets the initial stock of products, in units: (product id, initial stock). The same catalog again changes nothing,
    /// another figure is a correction, or goods that came in. What it comes to is told by the next `advance`.
    pub fn take_catalog(&mut self, catalog: impl IntoIterator<Item = (u64, i64)>) {
        for (product_id, initial) in catalog {
            self.products.entry(product_id).or_default().initial = Some(initial);
        }
    }

    /// Goes on to `now` over facts, each of which the caller hands in exactly once, in whatever order and calls.
    ///
    /// The signals are those of the time since the last call. An advance that is done again from the same state gives the
    /// same ones, so the state and the signals belong in one write.
    pub fn advance<'a>(
        &mut self,
        facts: impl IntoIterator<Item = &'a InventoryFact>,
        now: Timestamp,
        settings: &Settings,
    ) -> Advanced {
        let now = self.now.map_or(now, |latest| latest.max(now));
        self.now = Some(now);
        self.settings = settings.clone();
        let mut moved: BTreeMap<u64, Moved> = BTreeMap::new();
        for fact in facts {
            let minute = minute_of(fact.occurred_at);
            for line in &fact.lines {
                let of_product = moved.entry(line.product_id).or_default();
                of_product.add(fact.is_refund, line.units);
                if !fact.is_refund {
                    let open = self.open.entry(minute).or_default();
                    *open.entry(line.product_id).or_default() += line.units;
                }
            }
        }
        for (product_id, units) in &moved {
            let product = self.products.entry(*product_id).or_default();
            product.moved.sold += units.sold;
            product.moved.returned += units.returned;
        }
        self.close_minutes(minute_of(now), settings);
        Advanced {
            moved,
            signals: self.turn_conditions(now, settings),
        }
    }

    /// Brings the sales of the minutes before `open_from` into the demand.
    fn close_minutes(&mut self, open_from: i64, settings: &Settings) {
        let still_open = self.open.split_off(&open_from);
        for (minute, sales) in std::mem::replace(&mut self.open, still_open) {
            self.data_minutes.insert(minute);
            for (product_id, units) in sales {
                let product = self.products.entry(product_id).or_default();
                let demand = product.demand.get_or_insert(Demand::none(minute));
                demand.add(minute, units, settings);
            }
        }
    }

    /// Looks at every product: time alone ends conditions, too.
    fn turn_conditions(&mut self, now: Timestamp, settings: &Settings) -> Vec<Signal> {
        let measure = self.measure(settings);
        let mut signals = Vec::new();
        for (product_id, product) in &mut self.products {
            let reading = Reading::new(*product_id, product, &measure, settings);
            signals.extend(product.episodes.advance(&reading, now, settings));
        }
        signals
    }

    fn measure(&self, settings: &Settings) -> Measure {
        let last_closed = self.now.map_or(0, |now| minute_of(now) - 1);
        Measure::new(last_closed, self.data_minutes.count(), settings)
    }

    /// All products by id, as of the last advance.
    pub fn products(&self) -> impl Iterator<Item = ProductStock> {
        let settings = &self.settings;
        let measure = self.measure(settings);
        self.products.iter().map(move |(product_id, product)| {
            Reading::new(*product_id, product, &measure, settings).view(product, settings)
        })
    }

    /// One product, as of the last advance.
    #[must_use]
    pub fn get(&self, product_id: u64) -> Option<ProductStock> {
        let product = self.products.get(&product_id)?;
        let reading = Reading::new(product_id, product, &self.measure(&self.settings), &self.settings);
        Some(reading.view(product, &self.settings))
    }

    /// The `k` products to order first: those with the fewest days of cover; of equals, what sells faster, then the lower stock.
    #[must_use]
    pub fn needing_restock(&self, k: usize) -> Vec<ProductStock> {
        let mut needing: Vec<ProductStock> = self
            .products()
            .filter(|product| product.suggested_quantity.is_some_and(|units| units > 0))
            .collect();
        // Stable, so equals stay in the order of their ids.
        needing.sort_by(|a, b| {
            (cover(a).total_cmp(&cover(b)))
                .then(b.velocity_per_hour.total_cmp(&a.velocity_per_hour))
                .then(a.on_hand.cmp(&b.on_hand))
        });
        needing.truncate(k);
        needing
    }

    /// Number of products.
    #[must_use]
    pub fn len(&self) -> usize {
        self.products.len()
    }

    /// Whether there is no product.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.products.is_empty()
    }
}

/// Days of cover: none once the goods are gone, endless as long as nobody buys them.
fn cover(product: &ProductStock) -> f64 {
    if product.status == super::Status::OutOfStock {
        0.0
    } else {
        product.days_of_cover.unwrap_or(f64::INFINITY)
    }
}

/// Minutes since the epoch.
fn minute_of(time: Timestamp) -> i64 {
    time.as_ms().div_euclid(MS_PER_MINUTE)
}
