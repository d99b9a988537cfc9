//! When to order and how much: the (s, S) policy under continuous review.

use super::Settings;

/// When to order, and up to where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// s: at or below this stock it is time to order.
    pub(super) reorder_point: i64,
    /// S: the stock that an order fills up to.
    pub(super) order_up_to: i64,
}

impl Plan {
    /// From the measured demand in units a day, if there is one, and the initial stock.
    pub(super) fn new(daily: Option<f64>, initial: i64, settings: &Settings) -> Self {
        let least = whole_down(settings.low_stock_fraction * initial as f64);
        let Some(daily) = daily else {
            return Self {
                reorder_point: least,
                order_up_to: initial,
            };
        };
        let expected = daily * settings.lead_time_days;
        let safety = settings.service_z * daily.sqrt() * settings.lead_time_days.sqrt();
        let reorder_point = whole_up(expected + safety).max(least);
        Self {
            reorder_point,
            order_up_to: reorder_point.saturating_add(whole_up(daily * settings.review_days)),
        }
    }

    /// How many to order.
    pub(super) fn suggested_quantity(&self, on_hand: i64) -> i64 {
        if on_hand <= self.reorder_point {
            self.order_up_to.saturating_sub(on_hand).max(0)
        } else {
            0
        }
    }
}

/// Rounding errors of this share of a figure do not add or take a unit.
const ROUNDING: f64 = 1e-10;

#[expect(clippy::cast_possible_truncation, reason = "saturates, far beyond any stock")]
fn whole_up(units: f64) -> i64 {
    (units - units.abs() * ROUNDING).ceil() as i64
}

/// The largest whole number that is not above `units`.
#[expect(clippy::cast_possible_truncation, reason = "saturates, far beyond any stock")]
pub(super) fn whole_down(units: f64) -> i64 {
    (units + units.abs() * ROUNDING).floor() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_a_day_are_ordered_at_84_up_to_154() {
        // 10 × 7 = 70; 1.645 × √10 × √7 = 1.645 × 8.3666 = 13.76; 83.76 → 84; 84 + 70 = 154.
        let plan = Plan::new(Some(10.0), 500, &Settings::default());
        assert_eq!((plan.reorder_point, plan.order_up_to), (84, 154));
        assert_eq!(plan.suggested_quantity(85), 0);
        assert_eq!(plan.suggested_quantity(84), 70);
        assert_eq!(plan.suggested_quantity(-6), 160);
    }

    #[test]
    fn the_share_of_the_initial_stock_is_the_least_reorder_point() {
        let settings = Settings::default();
        let measured = Plan::new(Some(10.0), 2_000, &settings);
        assert_eq!((measured.reorder_point, measured.order_up_to), (100, 170));
        let unmeasured = Plan::new(None, 2_019, &settings);
        assert_eq!((unmeasured.reorder_point, unmeasured.order_up_to), (100, 2_019));
        assert_eq!(unmeasured.suggested_quantity(100), 1_919);
        assert_eq!(unmeasured.suggested_quantity(101), 0);
    }

    #[test]
    fn rounding_errors_neither_add_nor_take_a_unit() {
        let settings = Settings {
            service_z: 0.0,
            ..Settings::default()
        };
        for daily in [10.0, 10.0 + 1e-13, 10.0 - 1e-13] {
            assert_eq!(
                Plan::new(Some(daily), 0, &settings).reorder_point,
                70,
                "{daily:e}"
            );
        }
        assert_eq!(Plan::new(Some(10.001), 0, &settings).reorder_point, 71);
        let share = Settings {
            low_stock_fraction: 0.29,
            ..settings
        };
        assert_eq!(
            Plan::new(None, 100, &share).reorder_point,
            29,
            "0.29 × 100 is a bit less in f64"
        );
    }

    #[test]
    fn nothing_is_suggested_for_stock_at_or_above_its_level() {
        let all = Settings {
            low_stock_fraction: 1.0,
            ..Settings::default()
        };
        assert_eq!(Plan::new(None, 10, &all).suggested_quantity(10), 0);
        let below_nothing = Plan::new(None, -10, &Settings::default());
        assert_eq!(below_nothing.suggested_quantity(-5), 0);
    }
}
