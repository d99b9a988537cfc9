//! Sales by country and month.
//!
//! Measures of sales are defined in [`super`]; a month is one of the calendar.
//!
//! | term | definition |
//! |---|---|
//! | share of net | net / net of all countries in the month; none where the latter is ≤ 0; refunds can make shares negative or exceed 1 |
//!
//! Buyers are left to the caller. Counting them here takes a set of users for each country and month: as many entries
//! as there are pairs of a customer and a month with an order, which grows with the orders, and a second look-up for
//! each order, in the loop over rows. A caller that goes through the facts month by month needs one month's users at a
//! time.

use events::Country;
use foldhash::HashMap;

use super::{Overflow, SalesFigures, SalesRow, SalesSums, calendar, ratio};

/// Sales by country and month. Merging is associative and commutative.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Regions {
    /// By month since January 1970, and country.
    sums: HashMap<(i32, Country), SalesSums>,
}

/// A country's month.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RegionMonth {
    /// The month's first day, in days since 1970-01-01.
    pub month_start_day: i32,
    /// The country.
    pub country: Country,
    /// What was sold and refunded there.
    pub sales: SalesFigures,
    /// Its share of the month's net revenue.
    pub share_of_net: Option<f64>,
}

impl Regions {
    /// Counts a row of a day, in days since 1970-01-01.
    pub fn add(&mut self, country: Country, day: i32, row: &SalesRow) {
        self.sums
            .entry((calendar::month_of(day), country))
            .or_default()
            .add(row);
    }

    /// Adds what others have counted.
    pub fn merge(&mut self, other: &Self) {
        for (key, sums) in &other.sums {
            self.sums.entry(*key).or_default().merge(sums);
        }
    }

    /// The months of all countries that have rows in them, by month and country. Fails if a sum does not fit its
    /// column.
    pub fn months(&self) -> Result<Vec<RegionMonth>, Overflow> {
        let mut sorted: Vec<((i32, Country), SalesSums)> =
            self.sums.iter().map(|(key, sums)| (*key, *sums)).collect();
        sorted.sort_unstable_by_key(|(key, _)| *key);
        let mut rows = Vec::with_capacity(sorted.len());
        for countries in sorted.chunk_by(|((month, _), _), ((next, _), _)| month == next) {
            let of_month_minor: i128 = countries.iter().map(|(_, sums)| sums.net_minor()).sum();
            for ((month, country), sums) in countries {
                let month_start_day = calendar::key(calendar::first_day_of_month(*month));
                rows.push(RegionMonth {
                    month_start_day,
                    country: *country,
                    sales: sums.figures(format_args!("{country}, month {month_start_day}"))?,
                    share_of_net: ratio(sums.net_minor(), of_month_minor.max(0)),
                });
            }
        }
        Ok(rows)
    }
}
