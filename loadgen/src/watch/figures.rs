//! What the watch shows, as data: figures made of what was read. `--output json` prints them.

mod views;

use std::collections::BTreeMap;

use analytics::alerts::{Alert, AlertType, Evidence, Severity, Sighting};
use analytics::carts::{CartActivity, CartMinute, CartsPartial, TopCarts};
use analytics::inventory::{Moved, ProductStock, Status, Stock};
use analytics::sales::{Sales, SalesPartial};
use analytics::{CategoryCounts, Partial};
use events::{Country, Minute, Timestamp};
use serde::Serialize;

use super::minutes::Minutes;

pub(super) use self::views::{
    CategoryFunnel, Funnel, ProductViews, Purchased, Searched, SessionFigures, ViewsFigures, ViewsRead,
};

/// Of lists that have an order, so many.
pub(super) const TOP: usize = 5;
/// So many open alerts are read and counted.
pub(super) const MOST_ALERTS: usize = 250;

/// All panels at a time; those of jobs that do not run are left out.
#[derive(Debug, Serialize)]
pub(super) struct Snapshot {
    pub(super) schema_version: u32,
    pub(super) stage: String,
    pub(super) now: Timestamp,
    /// The window's length, the present minute included.
    pub(super) minutes: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sales: Option<Panel<SalesFigures>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) views: Option<Panel<ViewsFigures>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) carts: Option<Panel<CartsFigures>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) anomalies: Option<Panel<AnomaliesFigures>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inventory: Option<Panel<InventoryFigures>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) alerts: Option<Panel<AlertsFigures>>,
}

/// A job's figures, or why there are none.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Panel<T> {
    Figures(T),
    Unreadable { error: String },
}

impl<T> Panel<T> {
    pub(super) fn error(&self) -> Option<&str> {
        match self {
            Self::Figures(_) => None,
            Self::Unreadable { error } => Some(error),
        }
    }
}

impl Snapshot {
    /// The panels that could not be read, with the reason.
    pub(super) fn unreadable(&self) -> Vec<(&'static str, &str)> {
        let panels = [
            ("sales", self.sales.as_ref().and_then(Panel::error)),
            ("views", self.views.as_ref().and_then(Panel::error)),
            ("carts", self.carts.as_ref().and_then(Panel::error)),
            ("anomalies", self.anomalies.as_ref().and_then(Panel::error)),
            ("inventory", self.inventory.as_ref().and_then(Panel::error)),
            ("alerts", self.alerts.as_ref().and_then(Panel::error)),
        ];
        let failed = panels.into_iter();
        failed.filter_map(|(name, error)| Some((name, error?))).collect()
    }
}

/// The minutes that are looked at: so many, of which the present one is the last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) now: Minute,
    pub(super) minutes: i64,
}

impl Window {
    pub(super) fn first(self) -> Minute {
        self.now.plus(1 - self.minutes)
    }

    pub(super) fn last_complete(self) -> Minute {
        self.now.plus(-1)
    }

    /// The first minute that the figures need: that of the window, or the last complete one.
    pub(super) fn read_from(self) -> Minute {
        self.first().min(self.last_complete())
    }
}

/// A figure of the last complete minute and of the present one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct PerMinute<N = i64> {
    pub(super) last_complete: N,
    pub(super) present: N,
}

impl<N> PerMinute<N> {
    pub(super) fn map<T>(self, to: impl Fn(N) -> T) -> PerMinute<T> {
        PerMinute {
            last_complete: to(self.last_complete),
            present: to(self.present),
        }
    }
}

impl<N: Default> PerMinute<N> {
    pub(super) fn of<T>(minutes: &Minutes<T>, window: Window, figure: impl Fn(&T) -> N) -> Self {
        let of = |minute| minutes.get(minute).map_or_else(N::default, &figure);
        Self {
            last_complete: of(window.last_complete()),
            present: of(window.now),
        }
    }
}

#[derive(Debug, Default, Serialize)]
pub(super) struct SalesFigures {
    pub(super) orders: i64,
    pub(super) units: i64,
    pub(super) net_revenue_minor: i64,
    /// Estimated.
    pub(super) buyers: u64,
    pub(super) orders_per_minute: PerMinute,
    /// Those with the most net revenue, all of them.
    pub(super) countries: Vec<CountryFigures>,
}

#[derive(Debug, Serialize)]
pub(super) struct CountryFigures {
    pub(super) country: Country,
    pub(super) orders: i64,
    pub(super) net_revenue_minor: i64,
}

/// What is kept of a minute's sales.
#[derive(Debug, Default, PartialEq)]
pub(super) struct MinuteSales {
    pub(super) countries: BTreeMap<Country, Sales>,
    /// Units by category.
    pub(super) purchased: CategoryCounts,
}

impl From<SalesPartial> for MinuteSales {
    fn from(page: SalesPartial) -> Self {
        Self {
            countries: page.countries,
            purchased: page.purchased,
        }
    }
}

impl SalesFigures {
    pub(super) fn of(minutes: &Minutes<MinuteSales>, window: Window) -> Self {
        let (mut all, mut by_country) = (Sales::default(), BTreeMap::<Country, Sales>::new());
        for (_, sales) in minutes.between(window.first(), window.now) {
            for (country, sales) in &sales.countries {
                all.merge(sales);
                by_country.entry(*country).or_default().merge(sales);
            }
        }
        let of_country = |(country, sales): (Country, Sales)| CountryFigures {
            country,
            orders: sales.totals.orders,
            net_revenue_minor: sales.totals.net_revenue_minor(),
        };
        let mut countries: Vec<CountryFigures> = by_country.into_iter().map(of_country).collect();
        countries.sort_by_key(|of| std::cmp::Reverse(of.net_revenue_minor));
        let orders = |sales: &MinuteSales| sales.countries.values().map(|sales| sales.totals.orders).sum();
        Self {
            orders: all.totals.orders,
            units: all.totals.units,
            net_revenue_minor: all.totals.net_revenue_minor(),
            buyers: all.buyers.count(),
            orders_per_minute: PerMinute::of(minutes, window, orders),
            countries,
        }
    }
}

#[derive(Debug, Default, Serialize)]
pub(super) struct CartsFigures {
    /// Different carts that something happened to.
    pub(super) active: i64,
    /// What the sweep found out.
    pub(super) created: i64,
    pub(super) checked_out: i64,
    pub(super) converted: i64,
    pub(super) recovered: i64,
    pub(super) abandoned: i64,
    /// Of the carts that ended.
    pub(super) abandonment_rate: Option<f64>,
    pub(super) value_abandoned_minor: i64,
    pub(super) value_recovered_minor: i64,
    pub(super) activity: PerMinute<CartActivity>,
    /// The carts of the highest value, whatever the window; `None` before the first sweep.
    pub(super) top: Option<TopCarts>,
}

impl CartsFigures {
    pub(super) fn of(
        minutes: &Minutes<CartsPartial>,
        swept: &BTreeMap<Minute, CartMinute>,
        top: Option<TopCarts>,
        window: Window,
    ) -> Self {
        let (mut all, mut figures) = (CartsPartial::default(), CartMinute::default());
        minutes
            .between(window.first(), window.now)
            .for_each(|(_, page)| all.merge(page));
        swept.values().for_each(|minute| figures.merge(minute));
        Self {
            active: all.activity().carts,
            created: figures.created,
            checked_out: figures.checked_out,
            converted: figures.converted,
            recovered: figures.recovered,
            abandoned: figures.abandoned,
            abandonment_rate: figures.abandonment_rate(),
            value_abandoned_minor: figures.value_abandoned_minor,
            value_recovered_minor: figures.value_recovered_minor,
            activity: PerMinute::of(minutes, window, CartsPartial::activity),
            top,
        }
    }
}

#[derive(Debug, Default, Serialize)]
pub(super) struct AnomaliesFigures {
    /// Number of findings by rule.
    pub(super) by_rule: BTreeMap<AlertType, u64>,
    /// The latest, the last one first.
    pub(super) latest: Vec<Sighting>,
}

impl AnomaliesFigures {
    pub(super) fn of(minutes: &Minutes<Vec<Sighting>>, window: Window) -> Self {
        let within = minutes.between(window.first(), window.now);
        let mut all: Vec<&Sighting> = within.flat_map(|(_, found)| found).collect();
        let mut by_rule = BTreeMap::new();
        all.iter()
            .for_each(|finding| *by_rule.entry(finding.alert_type).or_default() += 1);
        all.sort_by_key(|finding| (std::cmp::Reverse(finding.seen_at), finding.id));
        Self {
            by_rule,
            latest: all.into_iter().take(TOP).cloned().collect(),
        }
    }
}

#[derive(Debug, Default, Serialize)]
pub(super) struct InventoryFigures {
    /// All that the sweep knows of; 0 before the first sweep.
    pub(super) products: usize,
    pub(super) out_of_stock: usize,
    pub(super) low_stock: usize,
    pub(super) high_demand: usize,
    /// Products that the catalog doesn't know.
    pub(super) unknown: usize,
    /// In the window.
    pub(super) units_sold: i64,
    pub(super) units_returned: i64,
    /// What to order first.
    pub(super) restock: Vec<ProductStock>,
}

/// A minute's units by product.
pub(super) type MovedUnits = BTreeMap<u64, Moved>;

impl InventoryFigures {
    /// `stock` is that of the last sweep, if there was one.
    pub(super) fn of(stock: Option<&Stock>, minutes: &Minutes<MovedUnits>, window: Window) -> Self {
        let mut figures = Self::default();
        for moved in minutes
            .between(window.first(), window.now)
            .flat_map(|(_, moved)| moved.values())
        {
            figures.units_sold += moved.sold;
            figures.units_returned += moved.returned;
        }
        let Some(stock) = stock else { return figures };
        for product in stock.products() {
            figures.products += 1;
            figures.out_of_stock += usize::from(product.status == Status::OutOfStock);
            figures.low_stock += usize::from(product.status == Status::LowStock);
            figures.unknown += usize::from(product.status == Status::Unknown);
            figures.high_demand += usize::from(product.is_high_demand);
        }
        figures.restock = stock.needing_restock(TOP);
        figures
    }
}

#[derive(Debug, Default, Serialize)]
pub(super) struct AlertsFigures {
    /// Number of open alerts by severity.
    pub(super) open: BTreeMap<Severity, u64>,
    /// Whether there are more than were counted.
    pub(super) has_more: bool,
    /// Those that were seen last, the last one first.
    pub(super) latest: Vec<OpenAlert>,
}

#[derive(Debug, Serialize)]
pub(super) struct OpenAlert {
    pub(super) alert_type: AlertType,
    pub(super) entity: String,
    pub(super) severity: Severity,
    pub(super) count: u64,
    pub(super) first_seen: Timestamp,
    pub(super) last_seen: Timestamp,
    pub(super) evidence: Evidence,
}

impl From<&Alert> for OpenAlert {
    fn from(alert: &Alert) -> Self {
        Self {
            alert_type: alert.alert_type,
            entity: alert.entity.clone(),
            severity: alert.severity,
            count: alert.count,
            first_seen: alert.first_seen,
            last_seen: alert.last_seen,
            evidence: alert.evidence.clone(),
        }
    }
}

impl AlertsFigures {
    /// `alerts` are the open ones, the latest first, at most [`MOST_ALERTS`].
    pub(super) fn of(alerts: &[Alert]) -> Self {
        let mut open = BTreeMap::new();
        alerts
            .iter()
            .for_each(|alert| *open.entry(alert.severity).or_default() += 1);
        Self {
            open,
            has_more: alerts.len() >= MOST_ALERTS,
            latest: alerts.iter().take(TOP).map(OpenAlert::from).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
