//! What a week usually looks like, what the next days should bring, and how far that was off. All of it from the
//! complete days, in order and without gaps; [`super::trends`] defines it.

use super::trends::PeriodSales;
use super::{calendar, ratio};

/// The season: a week, in days.
const SEASON_DAYS: usize = 7;
/// How far the forecast goes, in days.
const HORIZON_DAYS: i32 = 14;
/// The error is of so many days at most, and needs so many days of data.
const BACKTEST_DAYS: usize = 28;
const LEAST_BACKTEST_DAYS: usize = 14;
/// Fewer weeks say little of a weekday; of more than a year's, the habits may be gone.
const INDEX_WEEKS: std::ops::RangeInclusive<usize> = 4..=52;

/// What a day should bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForecastDay {
    /// In days since 1970-01-01.
    pub day: i32,
    /// Its net, in minor units.
    pub net_minor: i64,
}

/// How far forecasts a week ahead were off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backtest {
    /// How many days were forecast: 28, or as many as have a week before them.
    pub days: usize,
    /// The mean distance of a day's net from its forecast, in minor units.
    pub mean_absolute_error_minor: f64,
    /// That, over the same of forecasts by the day before; `None` where net never changed from a day to the next.
    pub scaled_error: Option<f64>,
}

pub(super) fn weekday_index(complete: &[PeriodSales]) -> Option<[f64; 7]> {
    let monday = complete
        .iter()
        .position(|day| calendar::weekday(day.start_day) == 0)?;
    let (weeks, _) = complete[monday..].as_chunks::<SEASON_DAYS>();
    if weeks.len() < *INDEX_WEEKS.start() {
        return None;
    }
    let latest = &weeks[weeks.len().saturating_sub(*INDEX_WEEKS.end())..];
    let sums_minor: [i128; 7] = std::array::from_fn(|weekday| {
        latest
            .iter()
            .map(|week| i128::from(week[weekday].sales.net_minor))
            .sum()
    });
    let total_minor: i128 = sums_minor.iter().sum();
    // Sum / weeks over total / (7 × weeks).
    (total_minor > 0).then(|| sums_minor.map(|sum_minor| (7 * sum_minor) as f64 / total_minor as f64))
}

pub(super) fn seasonal_naive(complete: &[PeriodSales]) -> Vec<ForecastDay> {
    let Some((_, last_week)) = complete.split_last_chunk::<SEASON_DAYS>() else {
        return Vec::new();
    };
    let last_day = last_week[SEASON_DAYS - 1].start_day;
    // There are no days past the end of the calendar.
    let next = (1..=HORIZON_DAYS).map_while(|ahead| last_day.checked_add(ahead));
    next.zip(last_week.iter().cycle())
        .map(|(day, same_weekday)| ForecastDay {
            day,
            net_minor: same_weekday.sales.net_minor,
        })
        .collect()
}

pub(super) fn backtest(complete: &[PeriodSales]) -> Option<Backtest> {
    if complete.len() < LEAST_BACKTEST_DAYS {
        return None;
    }
    let first = complete.len().saturating_sub(BACKTEST_DAYS).max(SEASON_DAYS);
    let net_minor = |place: usize| i128::from(complete[place].sales.net_minor);
    let off_minor = |lag: usize| -> i128 {
        (first..complete.len())
            .map(|place| (net_minor(place) - net_minor(place - lag)).abs())
            .sum()
    };
    let days = complete.len() - first;
    Some(Backtest {
        days,
        mean_absolute_error_minor: off_minor(SEASON_DAYS) as f64 / days as f64,
        scaled_error: ratio(off_minor(SEASON_DAYS), off_minor(1)),
    })
}
