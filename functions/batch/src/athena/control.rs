//! What tables must come to, before any of them is published.

use std::collections::BTreeMap;

use analytics::retail::rfm;
use warehouse::tables::AnalyticsTable;

use super::unloaded::{Rows, UnloadedError};
use crate::etl::Progress;

/// What a day holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Day {
    /// Purchases and refunds.
    orders: i128,
    net_minor: i128,
}

/// What was published of the facts.
pub(super) struct Control {
    /// Days with facts.
    days: BTreeMap<i32, Day>,
    as_of_day: i32,
    views: i128,
    /// Known once the facts were looked at.
    purchases: i128,
    last_purchase: Option<i32>,
}

impl Control {
    /// Of the published days; `None` if none of them has facts.
    pub(super) fn new(progress: &Progress, as_of_day: i32) -> Option<Self> {
        let published = &progress.sales.days;
        let days: BTreeMap<i32, Day> = published
            .iter()
            .filter(|(_, published)| published.rows > 0)
            .map(|(day, published)| {
                let (orders, net_minor) = (i128::from(published.events), published.net_minor);
                (*day, Day { orders, net_minor })
            })
            .collect();
        if days.is_empty() {
            return None;
        }
        let views = progress.views.days.values();
        Some(Self {
            days,
            as_of_day,
            views: views.map(|published| i128::from(published.events)).sum(),
            purchases: 0,
            last_purchase: None,
        })
    }

    /// The day of the snapshot of all purchases.
    pub(super) fn snapshot_day(&self) -> Option<i32> {
        rfm::snapshot_day(self.last_purchase?)
    }

    /// Why no table may be made of the facts, if none may: each day must be what was published.
    pub(super) fn objection_to_facts(&mut self, facts: &Rows) -> Result<Option<String>, UnloadedError> {
        let (days, purchases) = (facts.dates("day")?, facts.numbers("orders")?);
        let (refunds, net_minor) = (facts.numbers("refunds")?, facts.numbers("net_minor")?);
        let mut found = BTreeMap::new();
        for (((day, purchases), refunds), net_minor) in days.zip(purchases).zip(refunds).zip(net_minor) {
            let orders = purchases + refunds;
            found.insert(day, Day { orders, net_minor });
            self.purchases += purchases;
            if purchases > 0 {
                self.last_purchase = self.last_purchase.max(Some(day));
            }
        }
        Ok(difference("fact_sales", &self.days, &found))
    }

    /// Why a table may not be published, if it may not.
    pub(super) fn objection(
        &self,
        table: AnalyticsTable,
        rows: &Rows,
    ) -> Result<Option<String>, UnloadedError> {
        let net_minor = self.days.values().map(|day| day.net_minor).sum();
        let sums: &[(&'static str, i128)] = match table {
            AnalyticsTable::SalesTrends => return self.objection_to_trends(rows),
            AnalyticsTable::SalesByRegion => &[("net_revenue_minor", net_minor)],
            AnalyticsTable::CustomerSegments => &[("frequency", self.purchases)],
            AnalyticsTable::ProductPerformance => &[("net_revenue_minor", net_minor), ("views", self.views)],
            _ => &[],
        };
        for (column, expected) in sums {
            let found: i128 = rows.numbers(column)?.sum();
            if found != *expected {
                let table = table.as_str();
                return Ok(Some(format!(
                    "{column} in {table} should be {expected} and is {found}"
                )));
            }
        }
        Ok(None)
    }

    /// All days must be there, those without facts, too.
    fn objection_to_trends(&self, rows: &Rows) -> Result<Option<String>, UnloadedError> {
        let (Some((first, _)), Some((last, _))) = (self.days.first_key_value(), self.days.last_key_value())
        else {
            return Ok(None);
        };
        let expected = (*first..=self.as_of_day.max(*last))
            .map(|day| (day, self.days.get(&day).copied().unwrap_or_default()))
            .collect();
        let (grains, starts) = (rows.texts("grain")?, rows.dates("period_start")?);
        let (orders, refunds) = (rows.numbers("orders")?, rows.numbers("refunds")?);
        let net_minor = rows.numbers("net_revenue_minor")?;
        let figures = orders.zip(refunds).zip(net_minor);
        let days = grains
            .zip(starts)
            .zip(figures)
            .filter(|((grain, _), _)| *grain == "day");
        let found = days
            .map(|((_, day), ((orders, refunds), net_minor))| {
                let orders = orders + refunds;
                (day, Day { orders, net_minor })
            })
            .collect();
        Ok(difference("sales_trends", &expected, &found))
    }
}

/// A day that is not as it should be.
fn difference(table: &str, expected: &BTreeMap<i32, Day>, found: &BTreeMap<i32, Day>) -> Option<String> {
    let mut days = expected.keys().chain(found.keys());
    let day = days.find(|day| expected.get(day) != found.get(day))?;
    let told = |days: &BTreeMap<i32, Day>| {
        days.get(day).map_or_else(
            || "nothing".to_owned(),
            |Day { orders, net_minor }| format!("{orders} orders, {net_minor} net"),
        )
    };
    let (expected, found) = (told(expected), told(found));
    Some(format!(
        "day {day} in {table} should be {expected} and is {found}"
    ))
}
