//! What stock is held against.

use serde::{Deserialize, Serialize};

use crate::range::{self, OutOfRange};

/// How demand is measured, when to order, and what is an alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Velocity: a sale so many minutes ago counts half; 1,440, so that the hour of day hardly shows in what is ordered for
    /// weeks.
    pub velocity_half_life_minutes: f64,
    /// Demand is measured from so many minutes with sales on; 30.
    pub min_minutes: u32,
    /// Demand is measured from so many decayed units of the product on; 5, of which a rate is known to ±45 %.
    pub velocity_min_units: f64,
    /// From order to delivery, in days; 7.
    pub lead_time_days: f64,
    /// An order lasts so many days beyond the lead time; 7.
    pub review_days: f64,
    /// Safety stock, in standard deviations of demand over the lead time; 1.645, which suffices in 95 % of the cases.
    pub service_z: f64,
    /// Low stock: at most this share of the initial stock, whatever the demand; 0.05.
    pub low_stock_fraction: f64,
    /// Low stock ends above so many times the reorder point, so that noise in demand does not make it come and go; 1.5.
    /// By as much the least units may fall short until then.
    pub low_stock_clear: f64,
    /// High demand: half-life of the velocity now, in minutes; 5.
    pub high_demand_short_minutes: f64,
    /// High demand: half-life of the usual velocity, in minutes; 60.
    pub high_demand_long_minutes: f64,
    /// High demand: now at least so many times the usual; 3. The half-lives bound it: with a day of data, a product that
    /// never sold before reaches 11.3, one whose sales grow tenfold at once 3.9.
    pub high_demand_ratio: f64,
    /// High demand ends below so many times the usual; 2.
    pub high_demand_clear_ratio: f64,
    /// High demand: at least so many decayed units in the short half-life; 30.
    pub high_demand_min_units: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            velocity_half_life_minutes: 1_440.0,
            min_minutes: 30,
            velocity_min_units: 5.0,
            lead_time_days: 7.0,
            review_days: 7.0,
            service_z: 1.645,
            low_stock_fraction: 0.05,
            low_stock_clear: 1.5,
            high_demand_short_minutes: 5.0,
            high_demand_long_minutes: 60.0,
            high_demand_ratio: 3.0,
            high_demand_clear_ratio: 2.0,
            high_demand_min_units: 30.0,
        }
    }
}

impl Settings {
    /// Checks that each setting makes sense; the first that doesn't is named.
    pub fn check(&self) -> Result<(), OutOfRange> {
        // A longest half-life of a day: data minutes are counted up to a week.
        const DAY: f64 = 1_440.0;
        const WEEK: f64 = 7.0 * DAY;
        let short = self.high_demand_short_minutes;
        let ratio = self.high_demand_ratio;
        range::check([
            (
                "velocity_half_life_minutes",
                self.velocity_half_life_minutes,
                1.0,
                DAY,
            ),
            ("min_minutes", f64::from(self.min_minutes), 1.0, WEEK),
            ("velocity_min_units", self.velocity_min_units, 0.0, 1e9),
            ("lead_time_days", self.lead_time_days, 0.0, 365.0),
            ("review_days", self.review_days, 0.0, 365.0),
            ("service_z", self.service_z, 0.0, 6.0),
            ("low_stock_fraction", self.low_stock_fraction, 0.0, 1.0),
            ("low_stock_clear", self.low_stock_clear, 1.0, 10.0),
            ("high_demand_short_minutes", short, 1.0, DAY),
            (
                "high_demand_long_minutes",
                self.high_demand_long_minutes,
                short,
                DAY,
            ),
            ("high_demand_ratio", ratio, 1.0, 1e6),
            (
                "high_demand_clear_ratio",
                self.high_demand_clear_ratio,
                0.0,
                ratio,
            ),
            ("high_demand_min_units", self.high_demand_min_units, 0.0, 1e9),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl Fn(&mut Settings)) -> &'static str {
        let mut settings = Settings::default();
        change(&mut settings);
        settings.check().unwrap_err().field
    }

    #[test]
    fn the_first_setting_that_makes_no_sense_is_named() {
        assert_eq!(Settings::default().check(), Ok(()));
        assert_eq!(
            refused(|s| s.velocity_half_life_minutes = 0.0),
            "velocity_half_life_minutes"
        );
        assert_eq!(refused(|s| s.service_z = f64::NAN), "service_z");
        assert_eq!(
            refused(|s| s.high_demand_long_minutes = 4.0),
            "high_demand_long_minutes"
        );
        assert_eq!(
            refused(|s| s.high_demand_clear_ratio = 3.1),
            "high_demand_clear_ratio"
        );
        let error = Settings {
            low_stock_fraction: 5.0,
            ..Settings::default()
        }
        .check();
        assert_eq!(
            error.unwrap_err().to_string(),
            "low_stock_fraction is 5: it must be from 0 to 1"
        );
    }
}
