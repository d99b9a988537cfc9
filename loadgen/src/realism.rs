//! How real the generator's shops are: what their records come to, next to what is known of real shops. No clock, no I/O.

mod figures;
mod measure;

use events::{Timestamp, TimestampError};

pub use self::figures::{Figure, HEAD_RANKS, by_hour_of_day, days, line, log_price};
pub use self::measure::{Measured, Orders, PART_EVENTS, Reorders, measure};

use crate::failure::Failure;
use crate::generator::Config;
use crate::profile::Profile;

/// A run that is measured, and the figures that it is measured for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Study {
    /// `globalmart` as it is: the mix, the anomalies, what sells.
    Mix,
    /// `realistic`, a week and a bit from a Monday on: the funnel, orders, hours, devices.
    Week,
    /// `realistic`, a year: months and sales days.
    Year,
    /// `globalmart` with as few users as there may be, so that they come back soon: what they buy again.
    Regulars,
}

impl Study {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Mix, Self::Week, Self::Year, Self::Regulars];

    /// The profile that is run.
    #[must_use]
    pub const fn profile(self) -> &'static str {
        match self {
            Self::Mix | Self::Regulars => "globalmart",
            Self::Week | Self::Year => "realistic",
        }
    }

    /// How many shopping sessions are measured. What the year shows is in the schedule, and needs fewer.
    #[must_use]
    pub const fn sessions(self) -> u64 {
        match self {
            Self::Mix | Self::Week | Self::Regulars => 100_000,
            Self::Year => 40_000,
        }
    }

    /// The run. At a slow rate, so many sessions span a week or a year.
    pub fn config(self, seed: u64) -> Result<Config, Failure> {
        let profile = Profile::load(self.profile())?;
        let from = |start| profile.config(seed, time(start)?);
        Ok(match self {
            Self::Mix => from("2026-03-02T00:00:00Z")?,
            Self::Regulars => Config {
                users: 10_000,
                ..from("2026-03-02T00:00:00Z")?
            },
            Self::Week => Config {
                rate: 0.92,
                ..from("2026-03-02T00:00:00Z")?
            },
            Self::Year => Config {
                rate: 0.0067,
                ..from("2026-01-01T00:00:00Z")?
            },
        })
    }

    /// What a run comes to, next to the targets.
    #[must_use]
    pub fn figures(self, measured: &Measured) -> Vec<Figure> {
        match self {
            Self::Mix => figures::of_mix(measured),
            Self::Week => figures::of_week(measured),
            Self::Year => figures::of_year(measured),
            Self::Regulars => figures::of_regulars(measured),
        }
    }
}

fn time(text: &str) -> Result<Timestamp, Failure> {
    Timestamp::parse(text).map_err(|error: TimestampError| Failure::usage(error.to_string()))
}

#[cfg(test)]
mod tests;
