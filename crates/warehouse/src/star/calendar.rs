//! Days of the Gregorian calendar, and their dimension.

use std::ops::RangeInclusive;

use arrow::array::{BooleanArray, Date32Array, Int32Array};

use super::{StarError, StarTable};
use crate::table_file::{column, encode};

/// Days since 1970-01-01 of 0000-01-01 and of 9999-12-31.
const YEARS_0_TO_9999: RangeInclusive<i32> = -719_528..=2_932_896;

/// A day and its place in the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalendarDay {
    /// In days since 1970-01-01.
    pub day: i32,
    /// 0 to 9999.
    pub year: i32,
    /// 1 to 12.
    pub month: i32,
    /// 1 to 31.
    pub day_of_month: i32,
}

impl CalendarDay {
    /// Of a day since 1970-01-01; an error outside the years 0 to 9999. After Hinnant, "chrono-compatible low-level
    /// date algorithms", `civil_from_days`: years begin in March, so that the day that comes and goes is their last one.
    pub fn new(day: i32) -> Result<Self, StarError> {
        if !YEARS_0_TO_9999.contains(&day) {
            return Err(StarError::Day(day));
        }
        let since_march_0 = day + 719_468;
        let (era, day_of_era) = (
            since_march_0.div_euclid(146_097),
            since_march_0.rem_euclid(146_097),
        );
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = (month_from_march + 2) % 12 + 1;
        Ok(Self {
            day,
            year: era * 400 + year_of_era + i32::from(month <= 2),
            month,
            day_of_month: day_of_year - (153 * month_from_march + 2) / 5 + 1,
        })
    }

    /// `yyyymmdd` as a number: what facts name the day by.
    #[must_use]
    pub const fn date_key(self) -> i32 {
        self.year * 10_000 + self.month * 100 + self.day_of_month
    }

    /// 1 to 4.
    #[must_use]
    pub const fn quarter(self) -> i32 {
        (self.month + 2) / 3
    }

    /// From 1, Monday, to 7, Sunday.
    #[must_use]
    pub const fn weekday(self) -> i32 {
        // 1970-01-01 was a Thursday.
        (self.day + 3).rem_euclid(7) + 1
    }

    /// Whether it is a Saturday or a Sunday.
    #[must_use]
    pub const fn is_weekend(self) -> bool {
        self.weekday() >= 6
    }

    /// Year and week of ISO 8601: a week begins on Monday and belongs to the year in which its Thursday lies. The year is
    /// −1 on 0000-01-01, a Saturday.
    #[must_use]
    pub const fn iso_year_and_week(self) -> (i32, i32) {
        let thursday = self.day - self.weekday() + 4;
        let year = if thursday < first_day(self.year) {
            self.year - 1
        } else if thursday >= first_day(self.year + 1) {
            self.year + 1
        } else {
            self.year
        };
        (year, (thursday - first_day(year)) / 7 + 1)
    }
}

/// Days from 1970-01-01 to the first of January of a year.
const fn first_day(year: i32) -> i32 {
    let before = year - 1;
    365 * before + before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400) - 719_162
}

/// `dim_date` as a Parquet file: a row for each of the days, which are counted since 1970-01-01, in their order.
pub fn encode_dates(days: RangeInclusive<i32>) -> Result<Vec<u8>, StarError> {
    let days: Vec<CalendarDay> = days.map(CalendarDay::new).collect::<Result<_, _>>()?;
    let file = encode(StarTable::DimDate.schema(), days.into_iter(), |days| {
        let number = |of: fn(CalendarDay) -> i32| column::<Int32Array, _, _>(days, move |day| Some(of(*day)));
        vec![
            number(CalendarDay::date_key),
            column::<Date32Array, _, _>(days, |day| Some(day.day)),
            number(|day| day.year),
            number(CalendarDay::quarter),
            number(|day| day.month),
            number(|day| day.day_of_month),
            number(|day| day.iso_year_and_week().0),
            number(|day| day.iso_year_and_week().1),
            number(CalendarDay::weekday),
            column::<BooleanArray, _, _>(days, |day| Some(day.is_weekend())),
        ]
    });
    Ok(file?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_is_what_the_calendar_has() {
        let mut date = jiff::civil::date(0, 1, 1);
        for day in YEARS_0_TO_9999 {
            let found = CalendarDay::new(day).unwrap();
            let iso = date.iso_week_date();
            let expected = (
                i32::from(date.year()),
                i32::from(date.month()),
                i32::from(date.day()),
                i32::from(date.weekday().to_monday_one_offset()),
                (i32::from(iso.year()), i32::from(iso.week())),
            );
            let found = (
                found.year,
                found.month,
                found.day_of_month,
                found.weekday(),
                found.iso_year_and_week(),
            );
            assert_eq!(found, expected, "{date}");
            date = date.tomorrow().unwrap_or(date);
        }
        assert_eq!(date, jiff::civil::date(9999, 12, 31));
    }

    #[test]
    fn dates_before_1970_and_at_the_ends_of_years_have_keys_quarters_and_weekends() {
        let of = |day| {
            let day = CalendarDay::new(day).unwrap();
            (day.date_key(), day.quarter(), day.is_weekend())
        };
        assert_eq!(of(7_305), (19_900_101, 1, false));
        assert_eq!(of(11_016), (20_000_229, 1, false));
        assert_eq!(of(-1), (19_691_231, 4, false));
        assert_eq!(of(20_818), (20_261_231, 4, false));
        assert_eq!(of(2), (19_700_103, 1, true));
        assert_eq!(of(3), (19_700_104, 1, true));
        assert_eq!(of(89), (19_700_331, 1, false));
        assert_eq!(of(90), (19_700_401, 2, false));
        assert_eq!(of(-719_528), (101, 1, true));
    }

    #[test]
    fn days_outside_the_years_0_to_9999_are_refused() {
        for day in [i32::MIN, -719_529, 2_932_897, i32::MAX] {
            assert!(
                matches!(CalendarDay::new(day), Err(StarError::Day(found)) if found == day),
                "{day}"
            );
        }
        assert!(encode_dates(2_932_896..=2_932_897).is_err());
    }
}
