//! Weeks and months of the proleptic Gregorian calendar, by days and months since 1970.

/// Days from 0000-03-01 to 1970-01-01.
const DAYS_TO_1970: i64 = 719_468;
/// Months from March of the year 0 to January 1970.
const MONTHS_TO_1970: i64 = 1_969 * 12 + 10;
const YEARS_PER_ERA: i64 = 400;
const DAYS_PER_ERA: i64 = 146_097;

/// 0 for Monday to 6 for Sunday.
pub(super) fn weekday(day: i32) -> i64 {
    // 1970-01-01 was a Thursday.
    (i64::from(day) + 3).rem_euclid(7)
}

/// The month that a day lies in, 0 for January 1970. After Hinnant, "chrono-compatible low-level date algorithms",
/// `civil_from_days`: years begin in March, so that the day that comes and goes is their last one.
pub(super) fn month_of(day: i32) -> i32 {
    let day = i64::from(day) + DAYS_TO_1970;
    let (era, day_of_era) = (day.div_euclid(DAYS_PER_ERA), day.rem_euclid(DAYS_PER_ERA));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_of_year = (5 * day_of_year + 2) / 153;
    let month = (era * YEARS_PER_ERA + year_of_era) * 12 + month_of_year - MONTHS_TO_1970;
    i32::try_from(month).expect("there are fewer months than days")
}

/// The first day of a month. 64 bits wide: the month of the earliest day begins before it.
pub(super) fn first_day_of_month(month: i32) -> i64 {
    let month = i64::from(month) + MONTHS_TO_1970;
    let (year, month_of_year) = (month.div_euclid(12), month.rem_euclid(12));
    let (era, year_of_era) = (year.div_euclid(YEARS_PER_ERA), year.rem_euclid(YEARS_PER_ERA));
    let day_of_year = (153 * month_of_year + 2) / 5;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970
}

/// The day as a key; stays put at the ends of the calendar.
pub(super) fn key(day: i64) -> i32 {
    let day = day.clamp(i32::MIN.into(), i32::MAX.into());
    i32::try_from(day).expect("it was clamped")
}

#[cfg(test)]
mod tests {
    use events::Timestamp;

    use super::*;

    /// `YYYY-MM-DD`, by another calendar.
    fn date(day: i32) -> String {
        Timestamp::of_day(day).unwrap().date()
    }

    #[test]
    fn months_are_those_of_the_calendar_from_the_year_1_to_9999() {
        let mut day = -719_162;
        assert_eq!(date(day), "0001-01-01");
        for year in 1..=9_999 {
            let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            for (month, days) in (0..).zip([
                31,
                28 + i32::from(is_leap),
                31,
                30,
                31,
                30,
                31,
                31,
                30,
                31,
                30,
                31,
            ]) {
                let number = (year - 1_970) * 12 + month;
                assert_eq!(first_day_of_month(number), i64::from(day), "{year}, {month}");
                assert!(
                    (day..day + days).all(|day| month_of(day) == number),
                    "{year}, {month}"
                );
                day += days;
            }
        }
        // The last day of all is not in the other calendar.
        assert_eq!(date(day - 2), "9999-12-30");
    }

    #[test]
    fn months_follow_each_other_without_gap_over_every_day_there_is() {
        for day in [i32::MIN, -719_469, -1, 0, 11_015, i32::MAX] {
            let month = month_of(day);
            let (begins, ends) = (first_day_of_month(month), first_day_of_month(month + 1));
            assert!((28..=31).contains(&(ends - begins)), "{day}");
            assert!((begins..ends).contains(&i64::from(day)), "{day}");
        }
    }

    #[test]
    fn weekdays_count_from_monday() {
        assert_eq!(weekday(0), 3, "Thursday, 1970-01-01");
        assert_eq!(weekday(-1), 2);
        assert_eq!(weekday(-3), 0, "Monday, 1969-12-29");
        assert_eq!((date(20_782).as_str(), weekday(20_782)), ("2026-11-25", 2));
        assert_eq!(weekday(i32::MIN), (i64::from(i32::MIN) + 7_000_000_000 + 3) % 7);
    }

    #[test]
    fn keys_stay_put_at_the_ends_of_the_calendar() {
        assert_eq!(key(i64::MIN), i32::MIN);
        assert_eq!(key(-5), -5);
        assert_eq!(key(i64::MAX), i32::MAX);
    }
}
