//! `loadgen sales`: the last minutes' sales, as the metrics table has them.

use analytics::sales::{Sales, Totals};
use comfy_table::{Cell, CellAlignment, Table, presets::UTF8_BORDERS_ONLY};
use events::{Country, Minute, Timestamp};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use crate::args::Output;
use crate::deployment::Deployment;
use crate::failure::Failure;

const SCHEMA_VERSION: u32 = 1;
const CONCURRENT_READS: usize = 8;
/// Countries in the human table; JSON has them all.
const TOP_COUNTRIES: usize = 5;

/// Sales by minute, oldest first; minutes without sales are left out.
#[derive(Debug, Serialize)]
pub struct SalesReport {
    schema_version: u32,
    minutes: Vec<MinuteSales>,
}

#[derive(Debug, Serialize)]
struct MinuteSales {
    minute: Minute,
    #[serde(flatten)]
    all: Figures,
    countries: Vec<CountrySales>,
}

#[derive(Debug, Serialize)]
struct CountrySales {
    country: Country,
    #[serde(flatten)]
    figures: Figures,
}

#[derive(Debug, Serialize)]
struct Figures {
    #[serde(flatten)]
    totals: Totals,
    net_revenue_minor: i64,
    distinct_buyers: u64,
}

impl From<&Sales> for Figures {
    fn from(sales: &Sales) -> Self {
        Self {
            totals: sales.totals,
            net_revenue_minor: sales.totals.net_revenue_minor(),
            distinct_buyers: sales.buyers.count(),
        }
    }
}

impl SalesReport {
    /// The sales of the `minutes` minutes that end with the one of `now`.
    pub async fn read(deployment: &Deployment, now: Timestamp, minutes: i64) -> Result<Self, Failure> {
        let minutes: Vec<MinuteSales> = stream::iter((1 - minutes..=0).map(|n| now.minute().plus(n)))
            .map(|minute| async move {
                deployment
                    .sales(minute)
                    .await
                    .map(|countries| (minute, countries))
            })
            .buffered(CONCURRENT_READS)
            .try_filter_map(|(minute, countries)| async move {
                let mut all = Sales::default();
                countries.values().for_each(|sales| all.merge(sales));
                let mut by_country: Vec<CountrySales> = countries
                    .iter()
                    .map(|(country, sales)| CountrySales {
                        country: *country,
                        figures: sales.into(),
                    })
                    .collect();
                by_country.sort_by_key(|country| std::cmp::Reverse(country.figures.net_revenue_minor));
                Ok((!by_country.is_empty()).then(|| MinuteSales {
                    minute,
                    all: (&all).into(),
                    countries: by_country,
                }))
            })
            .try_collect()
            .await?;
        Ok(Self {
            schema_version: SCHEMA_VERSION,
            minutes,
        })
    }

    /// The report in the form asked for.
    #[must_use]
    pub fn render(&self, output: Output) -> String {
        match output {
            Output::Json => {
                serde_json::to_string_pretty(self).expect("a report has only string keys and finite numbers")
            }
            Output::Human if self.minutes.is_empty() => "no sales in these minutes".to_owned(),
            Output::Human => self.to_table(),
        }
    }

    fn to_table(&self) -> String {
        let mut table = Table::new();
        table.load_style(UTF8_BORDERS_ONLY);
        table.set_header([
            "minute",
            "orders",
            "units",
            "gross",
            "discount",
            "refunds",
            "net revenue",
            "buyers",
            "top countries",
        ]);
        for row in &self.minutes {
            let totals = &row.all.totals;
            let top: Vec<&str> = row
                .countries
                .iter()
                .take(TOP_COUNTRIES)
                .map(|of| of.country.as_str())
                .collect();
            let numbers = [
                totals.orders.to_string(),
                totals.units.to_string(),
                dollars(totals.gross_minor),
                dollars(totals.discount_minor),
                dollars(totals.refunded_minor),
                dollars(row.all.net_revenue_minor),
                format!("~{}", row.all.distinct_buyers),
            ];
            let mut cells = vec![Cell::new(row.minute)];
            cells.extend(numbers.map(|number| Cell::new(number).set_alignment(CellAlignment::Right)));
            cells.push(Cell::new(top.join(" ")));
            table.add_row(cells);
        }
        table.to_string()
    }
}

/// 123456 cents as $1,234.56.
pub(crate) fn dollars(minor: i64) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let minor = minor.unsigned_abs();
    format!(
        "{sign}${}.{:02}",
        crate::report::grouped(minor / 100),
        minor % 100
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_dollars_and_cents() {
        assert_eq!(dollars(123_456), "$1,234.56");
        assert_eq!(dollars(-5), "-$0.05");
        assert_eq!(dollars(0), "$0.00");
    }
}
