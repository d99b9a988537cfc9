//! What the stock and the demand of a product come to at a time.

use serde::{Deserialize, Serialize};

use super::conditions::Condition;
use super::demand::{Measure, Velocities};
use super::restock::{Plan, whole_down};
use super::stock::Product;
use super::{Moved, Settings};
use crate::alerts::{Evidence, Severity};

const MINUTES_PER_HOUR: f64 = 60.0;
const MINUTES_PER_DAY: f64 = 1_440.0;
/// One unit a year, in units a minute.
const LEAST_VELOCITY: f64 = 1.0 / (365.0 * MINUTES_PER_DAY);
/// So many times the limit makes high demand a warning.
const WARNING_FROM: f64 = 2.0;

/// How a product stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The catalog doesn't know it.
    Unknown,
    /// There is enough.
    InStock,
    /// Low stock, and none of the others.
    LowStock,
    /// None is left.
    OutOfStock,
}

/// A product's stock as a reader sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProductStock {
    /// The product.
    pub product_id: u64,
    /// Units in stock: initial − sold + returned; negative where it is oversold. `None` without an initial stock.
    pub on_hand: Option<i64>,
    /// Units that the catalog gives it at first.
    pub initial: Option<i64>,
    /// Units purchased.
    pub sold: i64,
    /// Units refunded.
    pub returned: i64,
    /// Units sold an hour.
    pub velocity_per_hour: f64,
    /// For how long the stock lasts; `None` without a stock or a velocity.
    pub days_of_cover: Option<f64>,
    /// How it stands.
    pub status: Status,
    /// Whether it sells much faster than before.
    pub is_high_demand: bool,
    /// At this stock it is time to order.
    pub reorder_point: Option<i64>,
    /// How many units to order now; 0 above the reorder point.
    pub suggested_quantity: Option<i64>,
}

/// Everything that the conditions and views of a product are made from.
pub(super) struct Reading {
    pub(super) product_id: u64,
    initial: Option<i64>,
    moved: Moved,
    on_hand: Option<i64>,
    /// Of which the usual one is 0 below a unit a year.
    velocities: Velocities,
    short_units: f64,
    has_data: bool,
    plan: Option<Plan>,
}

impl Reading {
    pub(super) fn new(product_id: u64, product: &Product, measure: &Measure, settings: &Settings) -> Self {
        let has_data = measure.has_data(settings);
        let units = measure.units(product.demand, settings);
        let mut velocities = measure.velocities(&units);
        if velocities.usual < LEAST_VELOCITY {
            velocities.usual = 0.0;
        }
        let least_units = if product.episodes.is_on(Condition::LowStock) {
            settings.velocity_min_units / settings.low_stock_clear
        } else {
            settings.velocity_min_units
        };
        let is_measured = has_data && units.velocity >= least_units;
        let daily = is_measured.then_some(velocities.usual * MINUTES_PER_DAY);
        Self {
            product_id,
            initial: product.initial,
            moved: product.moved,
            on_hand: product.on_hand(),
            velocities,
            short_units: units.short,
            has_data,
            plan: product.initial.map(|initial| Plan::new(daily, initial, settings)),
        }
    }

    fn daily(&self) -> f64 {
        self.velocities.usual * MINUTES_PER_DAY
    }

    fn days_of_cover(&self) -> Option<f64> {
        let on_hand = self.on_hand?;
        (self.velocities.usual > 0.0).then(|| on_hand.max(0) as f64 / self.daily())
    }

    /// How many times the usual velocity the one now is.
    fn ratio(&self) -> f64 {
        if self.velocities.long > 0.0 {
            self.velocities.short / self.velocities.long
        } else {
            0.0
        }
    }

    /// How bad a condition is, if it holds; it ends later than it begins.
    pub(super) fn severity(
        &self,
        condition: Condition,
        was_on: bool,
        settings: &Settings,
    ) -> Option<Severity> {
        match condition {
            Condition::OutOfStock => (self.on_hand? <= 0).then_some(Severity::Critical),
            Condition::LowStock => {
                let begins = self.plan?.reorder_point;
                let ends = begins.max(whole_down(begins as f64 * settings.low_stock_clear));
                let limit = if was_on { ends } else { begins };
                (self.on_hand? <= limit).then_some(Severity::Warning)
            }
            Condition::HighDemand => self.high_demand(was_on, settings),
        }
    }

    fn high_demand(&self, was_on: bool, settings: &Settings) -> Option<Severity> {
        let ratio = self.ratio();
        let is_surge = self.has_data
            && self.short_units >= settings.high_demand_min_units
            && ratio >= settings.high_demand_ratio;
        if is_surge && ratio >= WARNING_FROM * settings.high_demand_ratio {
            Some(Severity::Warning)
        } else if is_surge || was_on && ratio > 0.0 && ratio >= settings.high_demand_clear_ratio {
            Some(Severity::Info)
        } else {
            None
        }
    }

    /// What a condition is concluded from. Of stock: units on hand, demand a day, the stock at which it begins. Of high
    /// demand: units an hour now, usually, at which it begins, and the ratio of the first two.
    pub(super) fn evidence(&self, condition: Condition, settings: &Settings) -> Evidence {
        let on_hand = self.on_hand.map_or(0.0, |units| units as f64);
        let (value, baseline, limit, score) = match condition {
            Condition::OutOfStock => (on_hand, self.daily(), 0.0, None),
            Condition::LowStock => {
                let reorder_point = self.plan.map_or(0.0, |plan| plan.reorder_point as f64);
                (on_hand, self.daily(), reorder_point, None)
            }
            Condition::HighDemand => {
                let usual = self.velocities.long * MINUTES_PER_HOUR;
                let now = self.velocities.short * MINUTES_PER_HOUR;
                (now, usual, usual * settings.high_demand_ratio, Some(self.ratio()))
            }
        };
        Evidence {
            value,
            baseline: Some(baseline),
            limit: Some(limit),
            score,
            event_ids: Vec::new(),
        }
    }

    /// As a reader sees it, with what `product` remembers of its conditions.
    pub(super) fn view(&self, product: &Product, settings: &Settings) -> ProductStock {
        let holds = |condition| {
            let was_on = product.episodes.is_on(condition);
            self.severity(condition, was_on, settings).is_some()
        };
        let status = if self.on_hand.is_none() {
            Status::Unknown
        } else if holds(Condition::OutOfStock) {
            Status::OutOfStock
        } else if holds(Condition::LowStock) {
            Status::LowStock
        } else {
            Status::InStock
        };
        ProductStock {
            product_id: self.product_id,
            on_hand: self.on_hand,
            initial: self.initial,
            sold: self.moved.sold,
            returned: self.moved.returned,
            velocity_per_hour: self.velocities.usual * MINUTES_PER_HOUR,
            days_of_cover: self.days_of_cover(),
            status,
            is_high_demand: holds(Condition::HighDemand),
            reorder_point: self.plan.map(|plan| plan.reorder_point),
            suggested_quantity: self
                .plan
                .zip(self.on_hand)
                .map(|(plan, on_hand)| plan.suggested_quantity(on_hand)),
        }
    }
}
