//! Demand: exponentially decayed sums of units over closed minutes of event time.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Settings;

/// Data minutes are counted up to a week: seven times the longest half-life, so more would change a velocity by less than 1 %.
const DATA_MINUTES: usize = 7 * 24 * 60;

/// The units of a product that were sold, each halved once per half-life, as of a minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Demand {
    /// A minute since the epoch.
    pub(super) as_of: i64,
    /// Over the short half-life of high demand.
    pub(super) short: f64,
    /// Over the half-life of the velocity.
    pub(super) velocity: f64,
    /// Over the long half-life of high demand.
    pub(super) long: f64,
}

impl Demand {
    /// Nothing yet.
    pub(super) fn none(as_of: i64) -> Self {
        Self {
            as_of,
            short: 0.0,
            velocity: 0.0,
            long: 0.0,
        }
    }

    /// Adds units that were sold in `minute`; an earlier one gets the weight that is left of it by now.
    pub(super) fn add(&mut self, minute: i64, units: i64, settings: &Settings) {
        if minute > self.as_of {
            *self = self.at(minute, settings);
        }
        let mut sale = Self::none(minute);
        sale.short = units as f64;
        sale.velocity = units as f64;
        sale.long = units as f64;
        let sale = sale.at(self.as_of, settings);
        self.short += sale.short;
        self.velocity += sale.velocity;
        self.long += sale.long;
    }

    /// As of a minute that is not before its own.
    pub(super) fn at(&self, minute: i64, settings: &Settings) -> Self {
        let age = minute - self.as_of;
        if age == 0 {
            return *self;
        }
        Self {
            as_of: minute,
            short: self.short * weight(age, settings.high_demand_short_minutes),
            velocity: self.velocity * weight(age, settings.velocity_half_life_minutes),
            long: self.long * weight(age, settings.high_demand_long_minutes),
        }
    }
}

/// What is left of a unit after so many minutes.
fn weight(age_minutes: i64, half_life_minutes: f64) -> f64 {
    (-(age_minutes as f64) / half_life_minutes).exp2()
}

/// Velocities in units a minute.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Velocities {
    pub(super) short: f64,
    pub(super) usual: f64,
    pub(super) long: f64,
}

/// What turns decayed units into velocities at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure {
    /// A minute since the epoch.
    last_closed: i64,
    data_minutes: u32,
    /// λ / (1 − w^n) of each half-life.
    per_unit: Velocities,
}

impl Measure {
    pub(super) fn new(last_closed: i64, data_minutes: u32, settings: &Settings) -> Self {
        let per_unit = |half_life_minutes| {
            let gone = |minutes: u32| 1.0 - weight(i64::from(minutes), half_life_minutes);
            // Without any data there are no units either.
            gone(1) / gone(data_minutes.max(1))
        };
        Self {
            last_closed,
            data_minutes,
            per_unit: Velocities {
                short: per_unit(settings.high_demand_short_minutes),
                usual: per_unit(settings.velocity_half_life_minutes),
                long: per_unit(settings.high_demand_long_minutes),
            },
        }
    }

    /// Whether there is enough data to go by.
    pub(super) fn has_data(&self, settings: &Settings) -> bool {
        self.data_minutes >= settings.min_minutes
    }

    /// The decayed units by now.
    pub(super) fn units(&self, demand: Option<Demand>, settings: &Settings) -> Demand {
        demand.map_or(Demand::none(self.last_closed), |demand| {
            demand.at(self.last_closed, settings)
        })
    }

    /// The velocities that decayed units of now stand for.
    pub(super) fn velocities(&self, units: &Demand) -> Velocities {
        Velocities {
            short: units.short * self.per_unit.short,
            usual: units.velocity * self.per_unit.usual,
            long: units.long * self.per_unit.long,
        }
    }
}

/// The closed minutes in which the shop sold anything, since the epoch; as many as matter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct DataMinutes(BTreeSet<i64>);

impl DataMinutes {
    pub(super) fn insert(&mut self, minute: i64) {
        if self.0.len() < DATA_MINUTES {
            self.0.insert(minute);
        }
    }

    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.0.len()).expect("no more than a week of minutes is kept")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With a half-life of 30 minutes.
    fn settings() -> Settings {
        Settings {
            velocity_half_life_minutes: 30.0,
            ..Settings::default()
        }
    }

    fn demand(sales: &[(i64, i64)]) -> Demand {
        let settings = settings();
        let mut demand = Demand::none(sales[0].0);
        for (minute, units) in sales {
            demand.add(*minute, *units, &settings);
        }
        demand
    }

    #[test]
    fn a_unit_counts_half_after_each_half_life() {
        let demand = demand(&[(100, 8)]).at(130, &settings());
        assert!((demand.velocity - 4.0).abs() < 1e-12);
        assert!((demand.short - 0.125).abs() < 1e-12, "six half-lives");
        assert!(
            (demand.long - 8.0 / 2.0_f64.sqrt()).abs() < 1e-12,
            "half a half-life"
        );
    }

    #[test]
    fn a_late_sale_weighs_what_it_would_have_weighed_in_time() {
        let (in_time, late) = (demand(&[(100, 8), (130, 3)]), demand(&[(130, 3), (100, 8)]));
        assert!((in_time.velocity - 7.0).abs() < 1e-12);
        assert_eq!(late.as_of, 130);
        assert!((late.velocity - in_time.velocity).abs() < 1e-12);
    }

    #[test]
    fn a_steady_rate_is_read_without_bias_from_the_first_minute_on() {
        let settings = settings();
        for minutes in [1, 2, 30, 600] {
            let sales: Vec<(i64, i64)> = (0..i64::from(minutes)).map(|minute| (minute, 3)).collect();
            let measure = Measure::new(i64::from(minutes) - 1, minutes, &settings);
            let velocities = measure.velocities(&measure.units(Some(demand(&sales)), &settings));
            for velocity in [velocities.short, velocities.usual, velocities.long] {
                assert!((velocity - 3.0).abs() < 1e-9, "after {minutes} minutes");
            }
        }
    }

    #[test]
    fn without_data_there_is_no_velocity() {
        let settings = settings();
        let measure = Measure::new(7, 0, &settings);
        let velocities = measure.velocities(&measure.units(None, &settings));
        for velocity in [velocities.short, velocities.usual, velocities.long] {
            assert_eq!(velocity.to_bits(), 0.0_f64.to_bits());
        }
    }

    #[test]
    fn no_more_than_a_week_of_data_minutes_is_kept() {
        let mut minutes = DataMinutes::default();
        (0..20_000).for_each(|minute| minutes.insert(minute % 15_000));
        assert_eq!(minutes.count(), 10_080);
    }
}
