//! The weekday index, the forecast and its error.

use analytics::retail::trends::{Backtest, ForecastDay, SalesTrends};
use proptest::prelude::*;

use super::is_close;
use super::trends::days_with;

/// A Monday in 2026.
const MONDAY: i32 = 20_759;

fn trends_of(first_day: i32, nets_minor: &[i64]) -> SalesTrends {
    let last_day = first_day + i32::try_from(nets_minor.len()).unwrap() - 1;
    SalesTrends::of(&days_with(first_day, nets_minor), first_day, last_day, None).unwrap()
}

proptest! {
    #[test]
    fn forecasts_and_errors_are_what_the_definitions_say(
        first_day in -10_000..12_000_i32,
        nets_minor in prop::collection::vec(-20..100_i64, 0..60),
        incomplete in 0..10_i32,
    ) {
        // Days under way, whose sales must leave no trace.
        let complete = i32::try_from(nets_minor.len()).unwrap();
        let mut days = days_with(first_day, &nets_minor);
        days.extend(days_with(first_day + complete, &vec![1_000_000; usize::try_from(incomplete).unwrap()]));
        let last_day = first_day + complete + incomplete - 1;
        let trends = SalesTrends::of(&days, first_day, last_day, Some(first_day + complete)).unwrap();

        let net_minor = |day: i32| nets_minor.get(usize::try_from(day - first_day).ok()?).copied();
        let last_complete = first_day + complete - 1;
        let forecast: Vec<ForecastDay> = (1..=14)
            .map(|ahead| last_complete + ahead)
            .filter_map(|day| {
                let same_weekday = (1..=2).map(|weeks| day - 7 * weeks).find(|before| *before <= last_complete)?;
                Some(ForecastDay { day, net_minor: net_minor(same_weekday)? })
            })
            .collect();
        prop_assert_eq!(&trends.forecast, if complete < 7 { &[] } else { &forecast[..] });

        let Some(found) = trends.backtest else {
            prop_assert!(complete < 14);
            return Ok(());
        };
        let tested: Vec<i32> = (last_complete - 27..=last_complete).filter(|day| net_minor(day - 7).is_some()).collect();
        let off = |lag: i32| -> i64 {
            tested.iter().map(|day| (net_minor(*day).unwrap() - net_minor(day - lag).unwrap()).abs()).sum()
        };
        let expected = Backtest {
            days: tested.len(),
            mean_absolute_error_minor: off(7) as f64 / tested.len() as f64,
            scaled_error: (off(1) != 0).then(|| off(7) as f64 / off(1) as f64),
        };
        prop_assert!(complete >= 14);
        prop_assert_eq!(found.days, expected.days);
        prop_assert!(is_close(Some(found.mean_absolute_error_minor), Some(expected.mean_absolute_error_minor)));
        prop_assert!(is_close(found.scaled_error, expected.scaled_error));
    }

    #[test]
    fn the_index_is_a_weekdays_mean_over_the_mean_of_whole_weeks(
        offset in 0..7_i32,
        nets_minor in prop::collection::vec(-20..100_i64, 0..450),
    ) {
        let first_day = MONDAY + offset;
        let whole: Vec<(i32, i64)> = (first_day..).zip(nets_minor.iter().copied()).collect();
        let week = |monday: i32| {
            let days = whole.iter().filter(move |(day, _)| (monday..monday + 7).contains(day));
            days.map(|(_, net_minor)| *net_minor).collect::<Vec<i64>>()
        };
        let weeks: Vec<Vec<i64>> = (0..80).map(|n| week(MONDAY + 7 * n)).filter(|week| week.len() == 7).collect();
        let latest: Vec<&Vec<i64>> = weeks.iter().rev().take(52).collect();
        let mean = |nets: Vec<i64>| nets.iter().sum::<i64>() as f64 / nets.len() as f64;
        let overall = mean(latest.iter().flat_map(|week| week.iter().copied()).collect());
        let expected = (latest.len() >= 4 && overall > 0.0)
            .then(|| [0, 1, 2, 3, 4, 5, 6].map(|weekday| mean(latest.iter().map(|week| week[weekday]).collect()) / overall));
        let found = trends_of(first_day, &nets_minor).weekday_index;
        prop_assert_eq!(found.is_some(), expected.is_some());
        for (found, expected) in found.into_iter().flatten().zip(expected.into_iter().flatten()) {
            prop_assert!(is_close(Some(found), Some(expected)), "{} for {}", found, expected);
        }
        if let Some(found) = found {
            prop_assert!(is_close(Some(found.iter().sum()), Some(7.0)));
        }
    }
}

#[test]
fn a_weekly_pattern_is_found_and_forecast_without_error() {
    let week = [70, 70, 70, 70, 140, 210, 70];
    let trends = trends_of(MONDAY, &week.repeat(4));
    assert_eq!(trends.weekday_index, Some([0.7, 0.7, 0.7, 0.7, 1.4, 2.1, 0.7]));
    let forecast: Vec<i64> = trends.forecast.iter().map(|day| day.net_minor).collect();
    assert_eq!(forecast, week.repeat(2));
    assert_eq!(
        (trends.forecast[0].day, trends.forecast[13].day),
        (MONDAY + 28, MONDAY + 41)
    );
    let backtest = trends.backtest.unwrap();
    assert_eq!(
        (
            backtest.days,
            backtest.mean_absolute_error_minor,
            backtest.scaled_error
        ),
        (21, 0.0, Some(0.0))
    );
}

#[test]
fn a_steady_rise_is_seven_times_as_far_off_after_a_week_as_after_a_day() {
    let rising: Vec<i64> = (0..40).map(|day| 100 * day).collect();
    let backtest = trends_of(MONDAY, &rising).backtest.unwrap();
    assert_eq!(
        (
            backtest.days,
            backtest.mean_absolute_error_minor,
            backtest.scaled_error
        ),
        (28, 700.0, Some(7.0))
    );
}

#[test]
fn too_few_days_have_no_forecast_no_error_and_no_index() {
    assert!(trends_of(MONDAY, &[100; 6]).forecast.is_empty());
    assert_eq!(trends_of(MONDAY, &[100; 7]).forecast.len(), 14);
    assert_eq!(trends_of(MONDAY, &[100; 13]).backtest, None);
    // Nothing ever changed, so there is nothing to scale by.
    let steady = Backtest {
        days: 7,
        mean_absolute_error_minor: 0.0,
        scaled_error: None,
    };
    assert_eq!(trends_of(MONDAY, &[100; 14]).backtest, Some(steady));
    assert_eq!(trends_of(MONDAY, &[100; 27]).weekday_index, None);
    assert_eq!(trends_of(MONDAY, &[100; 28]).weekday_index, Some([1.0; 7]));
    assert_eq!(
        trends_of(MONDAY + 1, &[100; 33]).weekday_index,
        None,
        "three whole weeks"
    );
    assert_eq!(trends_of(MONDAY, &[0; 28]).weekday_index, None);
    assert_eq!(trends_of(MONDAY, &[-5; 28]).weekday_index, None);
}

#[test]
fn distances_between_extremes_do_not_overflow() {
    let extremes: Vec<i64> = (0..14)
        .map(|day| if day < 7 { i64::MIN } else { i64::MAX })
        .collect();
    // The weeks' sums would not fit, so the days are taken one by one.
    let error = SalesTrends::of(&days_with(MONDAY, &extremes), MONDAY, MONDAY + 13, None).unwrap_err();
    assert_eq!(error.of, format!("week {MONDAY}"));

    let alternating: Vec<i64> = (0..14)
        .map(|day| if day % 2 == 0 { i64::MAX } else { -i64::MAX })
        .collect();
    let backtest = trends_of(MONDAY, &alternating).backtest.unwrap();
    assert!(is_close(
        Some(backtest.mean_absolute_error_minor / 2_f64.powi(64)),
        Some(1.0)
    ));
    assert_eq!(backtest.scaled_error, Some(1.0));
}

#[test]
fn the_forecast_ends_with_the_calendar() {
    let nets = [1, 2, 3, 4, 5, 6, 7];
    let days = days_with(i32::MAX - 9, &nets);
    let forecast = SalesTrends::of(&days, i32::MAX - 9, i32::MAX - 3, None)
        .unwrap()
        .forecast;
    let found: Vec<(i32, i64)> = forecast.iter().map(|day| (day.day, day.net_minor)).collect();
    assert_eq!(found, [(i32::MAX - 2, 1), (i32::MAX - 1, 2), (i32::MAX, 3)]);
}
