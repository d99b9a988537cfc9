//! How much is going on in a shop at an hour, against the mean: hours of the day, days of the week, months, sales days.

use events::{MS_PER_HOUR, Timestamp};

/// Of a hundred visits of a day, how many come in each hour: most at 20:00, hardly any at 2 and 3.
pub(super) const HOURS: [f64; 24] = [
    1.2, 0.5, 0.15, 0.15, 0.4, 0.9, 1.8, 2.8, 3.6, 4.3, 4.8, 5.0, 5.2, 5.0, 4.8, 4.7, 4.9, 5.6, 7.2, 10.2,
    15.9, 7.0, 2.6, 1.3,
];
/// Monday to Sunday, against their mean.
const WEEKDAYS: [f64; 7] = [1.04, 0.99, 0.97, 0.96, 0.93, 0.99, 1.12];
/// January to December, against their mean: the year's peak is in November.
const MONTHS: [f64; 12] = [
    0.92, 0.88, 0.94, 0.94, 0.97, 0.94, 0.95, 0.94, 0.96, 1.02, 1.32, 1.22,
];
const BLACK_FRIDAY: f64 = 2.5;
const CYBER_MONDAY: f64 = 2.0;

const FRIDAY: usize = 4;
const MONDAY: usize = 0;

/// The weight of the hour that a time lies in; 1 on average.
pub(super) fn weight(time: Timestamp) -> f64 {
    let hour = index(time.as_ms().div_euclid(MS_PER_HOUR).rem_euclid(24));
    // 1970-01-01 was a Thursday.
    let weekday = index(i64::from((time.day() + 3).rem_euclid(7)));
    let date = time.date();
    let part = |range| {
        date.get(range)
            .and_then(|digits: &str| digits.parse::<usize>().ok())
    };
    let (month, day) = (
        part(date.len() - 5..date.len() - 3).unwrap_or(1),
        part(date.len() - 2..date.len()).unwrap_or(1),
    );
    HOURS[hour] * 24.0 / 100.0 * WEEKDAYS[weekday] * MONTHS[month - 1] * sales_day(month, day, weekday)
}

/// The hours from one time to another, each as far as it lies in between: its beginning there, and how long it is, in ms.
fn hours(from: Timestamp, to: Timestamp) -> impl Iterator<Item = (Timestamp, i64)> {
    let mut now = from;
    std::iter::from_fn(move || {
        let rest_ms = MS_PER_HOUR - now.as_ms().rem_euclid(MS_PER_HOUR);
        let ms = rest_ms.min(to.as_ms() - now.as_ms());
        let hour = (ms > 0).then_some((now, ms));
        now = now.plus_ms(ms);
        hour
    })
}

/// The seconds from one time to another, each with its weight.
pub(super) fn weighted_seconds(from: Timestamp, to: Timestamp) -> f64 {
    hours(from, to)
        .map(|(hour, ms)| weight(hour) * ms as f64 / 1_000.0)
        .sum()
}

/// The weight of the busiest hour from one time to another.
pub(super) fn peak(from: Timestamp, to: Timestamp) -> f64 {
    hours(from, to).map(|(hour, _)| weight(hour)).fold(0.0, f64::max)
}

/// The Friday after the fourth Thursday of November, and the Monday after that.
fn sales_day(month: usize, day: usize, weekday: usize) -> f64 {
    match (month, day, weekday) {
        (11, 23..=29, FRIDAY) => BLACK_FRIDAY,
        (11, 26..=30, MONDAY) | (12, 1..=2, MONDAY) => CYBER_MONDAY,
        _ => 1.0,
    }
}

fn index(n: i64) -> usize {
    usize::try_from(n).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> f64 {
        weight(Timestamp::parse(text).unwrap())
    }

    #[test]
    fn the_weights_average_to_one() {
        assert!((HOURS.iter().sum::<f64>() - 100.0).abs() < 1e-9);
        assert!((WEEKDAYS.iter().sum::<f64>() - 7.0).abs() < 1e-9);
        assert!((MONTHS.iter().sum::<f64>() - 12.0).abs() < 1e-9);
        let year = Timestamp::parse("2025-01-01T00:00:00Z").unwrap();
        let sum: f64 = (0..365 * 24)
            .map(|hour| weight(year.plus_ms(hour * MS_PER_HOUR)))
            .sum();
        assert!((sum / (365.0 * 24.0) - 1.0).abs() < 0.02, "{sum}");
    }

    #[test]
    fn the_peaks_are_where_they_belong() {
        assert!(at("2026-11-22T20:00:00Z") / at("2026-11-22T02:59:59Z") > 100.0);
        assert!(at("2026-11-24T12:00:00Z") > 1.3 * at("2026-02-24T12:00:00Z"));
        let time = |text| Timestamp::parse(text).unwrap();
        let year = peak(time("2026-01-01T00:00:00Z"), time("2027-01-01T00:00:00Z"));
        assert!((year - at("2026-11-27T20:00:00Z")).abs() < 1e-9);
        // Thanksgiving of 2026 is November 26th.
        assert!(at("2026-11-27T12:00:00Z") > 2.4 * at("2026-11-20T12:00:00Z"));
        assert!(at("2026-11-30T12:00:00Z") > 1.9 * at("2026-11-23T12:00:00Z"));
    }
}
