//! What the rules tolerate.

use events::{MS_PER_DAY, MS_PER_MINUTE};
use serde::{Deserialize, Serialize};

use crate::range::{self, OutOfRange};

/// What the rules tolerate. The defaults find anomalies in a shop whose shoppers order at most a few times an hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// High value: goods for more than this, in minor units; 1,000,000.
    pub high_value_minor: i64,
    /// High quantity: more units in an order than this; 100.
    pub high_quantity_units: i64,
    /// Velocity: more orders of a shopper than this; 5.
    pub velocity_orders: u32,
    /// Velocity: within so long, in milliseconds; 4 minutes.
    pub velocity_within_ms: i64,
    /// Card testing: at least so many orders of a shopper; 4.
    pub card_testing_orders: u32,
    /// Card testing: each with goods for at most this, in minor units; 200.
    pub card_testing_max_minor: i64,
    /// Card testing: within so long, in milliseconds; 10 minutes.
    pub card_testing_within_ms: i64,
    /// Country hopping: orders of a shopper from at least so many countries; 3.
    pub country_hopping_countries: u32,
    /// Country hopping: within so long, in milliseconds; 10 minutes.
    pub country_hopping_within_ms: i64,
    /// A shopper's run of orders goes on while the next comes within so many times the longest gap of the run's tightest part; 4.
    pub run_pace: f64,
    /// Unusual value: a robust score above this; 3.3. The textbook's 3.5 (Iglewicz and Hoaglin 1993) is for deviations to both sides.
    pub unusual_value_score: f64,
    /// Unusual value: the median absolute deviation of the logarithms counts as this at least, as some shops sell one product of a
    /// category most of the time; 0.5, which makes the limit 11 times the median at least. Twice that while a category is new and judged by all.
    pub unusual_value_mad_floor: f64,
    /// Unusual value: so many purchases make a baseline; 30.
    pub unusual_value_min_samples: u64,
    /// Unusual rate: the weight of the newest minute in the moving average, above 0, at most 1; 0.25.
    pub rate_lambda: f64,
    /// Unusual rate: the limits are so many standard deviations of the moving average from the mean; 4.
    pub rate_limit: f64,
    /// Unusual rate: so many minutes of an hour of the week make its baseline; 15.
    pub rate_min_minutes: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            high_value_minor: 1_000_000,
            high_quantity_units: 100,
            velocity_orders: 5,
            velocity_within_ms: 4 * MS_PER_MINUTE,
            card_testing_orders: 4,
            card_testing_max_minor: 200,
            card_testing_within_ms: 10 * MS_PER_MINUTE,
            country_hopping_countries: 3,
            country_hopping_within_ms: 10 * MS_PER_MINUTE,
            run_pace: 4.0,
            unusual_value_score: 3.3,
            unusual_value_mad_floor: 0.5,
            unusual_value_min_samples: 30,
            rate_lambda: 0.25,
            rate_limit: 4.0,
            rate_min_minutes: 15,
        }
    }
}

impl Settings {
    /// Checks that each setting makes sense by itself; the first that doesn't is named.
    pub fn check(&self) -> Result<(), OutOfRange> {
        const MOST_MINOR: f64 = events::MAX_AMOUNT_MINOR as f64;
        const DAY_MS: f64 = MS_PER_DAY as f64;
        range::check([
            ("high_value_minor", self.high_value_minor as f64, 1.0, MOST_MINOR),
            (
                "high_quantity_units",
                self.high_quantity_units as f64,
                1.0,
                MOST_MINOR,
            ),
            ("velocity_orders", f64::from(self.velocity_orders), 1.0, 1e6),
            ("velocity_within_ms", self.velocity_within_ms as f64, 1.0, DAY_MS),
            (
                "card_testing_orders",
                f64::from(self.card_testing_orders),
                2.0,
                1e6,
            ),
            (
                "card_testing_max_minor",
                self.card_testing_max_minor as f64,
                0.0,
                MOST_MINOR,
            ),
            (
                "card_testing_within_ms",
                self.card_testing_within_ms as f64,
                1.0,
                DAY_MS,
            ),
            (
                "country_hopping_countries",
                f64::from(self.country_hopping_countries),
                2.0,
                300.0,
            ),
            (
                "country_hopping_within_ms",
                self.country_hopping_within_ms as f64,
                1.0,
                DAY_MS,
            ),
            ("run_pace", self.run_pace, 1.0, 1e6),
            ("unusual_value_score", self.unusual_value_score, 0.1, 100.0),
            (
                "unusual_value_mad_floor",
                self.unusual_value_mad_floor,
                0.01,
                10.0,
            ),
            (
                "unusual_value_min_samples",
                self.unusual_value_min_samples as f64,
                1.0,
                1e9,
            ),
            ("rate_lambda", self.rate_lambda, 0.01, 1.0),
            ("rate_limit", self.rate_limit, 0.1, 100.0),
            (
                "rate_min_minutes",
                f64::from(self.rate_min_minutes),
                2.0,
                100_000.0,
            ),
        ])
    }

    /// The longest time that a rule on a shopper's orders looks back, in milliseconds: a history that reaches twice as far to both
    /// sides of a purchase holds its run, unless that run is longer.
    #[must_use]
    pub fn longest_within_ms(&self) -> i64 {
        self.velocity_within_ms
            .max(self.card_testing_within_ms)
            .max(self.country_hopping_within_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_out_of_range_is_named() {
        assert_eq!(Settings::default().check(), Ok(()));
        let settings: Settings = serde_json::from_str(r#"{"velocity_within_ms": 0}"#).unwrap();
        let error = settings.check().unwrap_err();
        assert_eq!(
            error.to_string(),
            "velocity_within_ms is 0: it must be from 1 to 86400000"
        );
        let not_a_number = Settings {
            run_pace: f64::NAN,
            ..Settings::default()
        };
        assert_eq!(not_a_number.check().unwrap_err().field, "run_pace");
        assert!(serde_json::from_str::<Settings>(r#"{"velocity_within": 1}"#).is_err());
    }
}
