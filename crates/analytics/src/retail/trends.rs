//! Sales by day, ISO week and month, and how they move.
//!
//! y is the net of a day, week or month; the measures of sales are defined in [`super`].
//!
//! | term | definition |
//! |---|---|
//! | the data | the days from the first to the last; a day on which nothing was sold has a row of zeros |
//! | complete day | a day of the data before `incomplete_from` |
//! | week, month | from Monday to Sunday, and of the calendar; its key is its first day, its sums are over the days of the data |
//! | complete week, month | one whose days all lie in the data and are complete |
//! | mean of 7, 28 days | over exactly those days up to and with the day; none if they begin before the data |
//! | week over week | days: y(t) / y(t − 7 days) − 1; weeks: y(w) / y(w − 1) − 1 |
//! | month over month | months: y(m) / y(m − 1) − 1 |
//! | year over year | days: y(t) / y(t − 364 days) − 1, as the day 52 weeks before is the same weekday; months: y(m) / y(m − 12) − 1 |
//! | weekday index | mean of the weekday / mean of all days, over the latest whole weeks of complete days: 4 at least, 52 at most |
//! | forecast | ŷ(T + h) = y(T + h − 7k), T the last complete day, k = ⌈h / 7⌉: what the same weekday had last |
//! | mean absolute error | mean of \|y(t) − y(t − 7 days)\| over the last 28 complete days, or as many as have a week before them |
//! | scaled error | Σ \|y(t) − y(t − 7)\| / Σ \|y(t) − y(t − 1)\| over those days: below 1, better than to forecast yesterday's |
//!
//! A change is none where its base is 0 or outside the data, and where either side is incomplete. It is computed as
//! (now − base) / base; where refunds made the base negative, a rise has a negative sign. The index is none where all
//! days together have no positive net. The forecast takes a week of complete days, its error two.
//!
//! The forecast is the seasonal naive method (Hyndman and Athanasopoulos, "Forecasting: principles and practice", 5.2).
//! Its error is scaled by that of the naive method, as in the MASE (Hyndman and Koehler 2006), but over the same days:
//! the MASE takes its scale from the days before, which a short history does not have.

use std::collections::BTreeMap;

use super::forecast;
pub use super::forecast::{Backtest, ForecastDay};
use super::{Overflow, SalesFigures, SalesSums, calendar, ratio};

/// A day's sales.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DaySales {
    /// Sums over the day's rows.
    pub sales: SalesSums,
    /// Different users who purchased. These don't add up over days, so longer periods have none.
    pub buyers: i64,
}

/// How long a period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grain {
    /// A day, UTC.
    Day,
    /// An ISO week, from Monday to Sunday.
    Week,
    /// A month of the calendar.
    Month,
}

impl Grain {
    /// All of them, the shortest first.
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// The name that tables have.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The first and the last day of the period that a day lies in.
    fn bounds(self, day: i32) -> (i64, i64) {
        match self {
            Self::Day => (day.into(), day.into()),
            Self::Week => {
                let monday = i64::from(day) - calendar::weekday(day);
                (monday, monday + 6)
            }
            Self::Month => {
                let month = calendar::month_of(day);
                (
                    calendar::first_day_of_month(month),
                    calendar::first_day_of_month(month + 1) - 1,
                )
            }
        }
    }
}

/// A period's sales.
#[derive(Clone, Copy, Debug)]
pub(super) struct PeriodSales {
    pub(super) start_day: i32,
    pub(super) is_complete: bool,
    pub(super) sales: SalesFigures,
    pub(super) buyers: Option<i64>,
}

/// A row of the table of trends: a period's sales, and how they compare. Ratios are shares of the base: 0.1 is 10 %
/// more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrendRow {
    /// Of which length.
    pub grain: Grain,
    /// Its first day, in days since 1970-01-01, also where the data begins later.
    pub start_day: i32,
    /// Whether all of its days are in, and complete.
    pub is_complete: bool,
    /// The sums over its days in the data.
    pub sales: SalesFigures,
    /// Different users who purchased; of days only.
    pub buyers: Option<i64>,
    /// Goods less discounts of an order, in minor units.
    pub average_order_value_minor: Option<f64>,
    /// Mean net of the 7 days up to and with this one, in minor units; of days only.
    pub net_mean_7_days_minor: Option<f64>,
    /// Mean net of the 28 days up to and with this one, in minor units; of days only.
    pub net_mean_28_days_minor: Option<f64>,
    /// Change of net against 7 days before; of days and weeks.
    pub week_over_week: Option<f64>,
    /// Change of net against the month before; of months.
    pub month_over_month: Option<f64>,
    /// Change of net against 364 days before, the same weekday, or the same month a year before; of days and months.
    pub year_over_year: Option<f64>,
}

impl TrendRow {
    fn of(grain: Grain, periods: &[PeriodSales], place: usize) -> Self {
        let period = periods[place];
        let is_day = grain == Grain::Day;
        let change = |lag: Option<usize>| change(periods, place, lag?);
        let mean = |days: usize| is_day.then(|| trailing_mean(periods, place, days)).flatten();
        let (week, month, year) = match grain {
            Grain::Day => (Some(7), None, Some(364)),
            Grain::Week => (Some(1), None, None),
            Grain::Month => (None, Some(1), Some(12)),
        };
        Self {
            grain,
            start_day: period.start_day,
            is_complete: period.is_complete,
            sales: period.sales,
            buyers: period.buyers,
            average_order_value_minor: period.sales.average_order_value_minor(),
            net_mean_7_days_minor: mean(7),
            net_mean_28_days_minor: mean(28),
            week_over_week: change(week),
            month_over_month: change(month),
            year_over_year: change(year),
        }
    }
}

/// The change of net since `lag` periods before.
fn change(periods: &[PeriodSales], place: usize, lag: usize) -> Option<f64> {
    let (now, base) = (periods[place], periods[place.checked_sub(lag)?]);
    if !(now.is_complete && base.is_complete) {
        return None;
    }
    let base_minor = i128::from(base.sales.net_minor);
    ratio(i128::from(now.sales.net_minor) - base_minor, base_minor)
}

/// The mean net of the last `days` periods up to and with that at `place`.
fn trailing_mean(periods: &[PeriodSales], place: usize, days: usize) -> Option<f64> {
    let window = &periods[(place + 1).checked_sub(days)?..=place];
    let sum_minor: i128 = window.iter().map(|day| i128::from(day.sales.net_minor)).sum();
    Some(sum_minor as f64 / days as f64)
}

/// How sales move.
#[derive(Clone, Debug, PartialEq)]
pub struct SalesTrends {
    /// All days, then all weeks, then all months that the data touches, each in order of time and without gaps.
    pub rows: Vec<TrendRow>,
    /// How much of a mean day's net a Monday to a Sunday has; their mean is 1.
    pub weekday_index: Option<[f64; 7]>,
    /// Net of the 14 days after the last complete one; empty with less than a week of complete days.
    pub forecast: Vec<ForecastDay>,
    /// How far such forecasts were off; `None` with less than 14 complete days.
    pub backtest: Option<Backtest>,
}

impl SalesTrends {
    /// From the sales of the days from `first_day` to `last_day`; days outside are passed over. `incomplete_from` is
    /// the first day of which not all sales are in yet. Days are counted from 1970-01-01. Fails if a sum does not fit
    /// its column.
    pub fn of(
        days: &BTreeMap<i32, DaySales>,
        first_day: i32,
        last_day: i32,
        incomplete_from: Option<i32>,
    ) -> Result<Self, Overflow> {
        let data: Vec<i32> = (first_day..=last_day).collect();
        let is_complete = |(start, end): (i64, i64)| {
            let is_in = start >= first_day.into() && end <= last_day.into();
            is_in && incomplete_from.is_none_or(|incomplete| end < incomplete.into())
        };
        let periods = |grain: Grain| -> Result<Vec<PeriodSales>, Overflow> {
            let periods = data.chunk_by(|day, next| grain.bounds(*day) == grain.bounds(*next));
            let period = |of_period: &[i32]| {
                let mut sums = SalesSums::default();
                for day in of_period.iter().filter_map(|day| days.get(day)) {
                    sums.merge(&day.sales);
                }
                let first = of_period[0];
                let buyers = || days.get(&first).map_or(0, |day| day.buyers);
                let bounds = grain.bounds(first);
                let start_day = calendar::key(bounds.0);
                Ok(PeriodSales {
                    start_day,
                    is_complete: is_complete(bounds),
                    sales: sums.figures(format_args!("{} {start_day}", grain.as_str()))?,
                    buyers: (grain == Grain::Day).then(buyers),
                })
            };
            periods.map(period).collect()
        };
        let mut rows = Vec::new();
        let mut of_days = Vec::new();
        for grain in Grain::ALL {
            let periods = periods(grain)?;
            rows.extend((0..periods.len()).map(|place| TrendRow::of(grain, &periods, place)));
            if grain == Grain::Day {
                of_days = periods;
            }
        }
        // What is incomplete comes last.
        of_days.retain(|day| day.is_complete);
        Ok(Self {
            rows,
            weekday_index: forecast::weekday_index(&of_days),
            forecast: forecast::seasonal_naive(&of_days),
            backtest: forecast::backtest(&of_days),
        })
    }
}
