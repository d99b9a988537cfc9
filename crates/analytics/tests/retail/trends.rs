//! Trends, against sums over rows by the calendar's texts.

use std::collections::{BTreeMap, BTreeSet};

use analytics::retail::trends::{DaySales, Grain, SalesTrends, TrendRow};
use analytics::retail::{SalesFigures, SalesRow};
use events::Timestamp;
use proptest::prelude::*;

use super::{any_row, is_close, net_minor, returned, sold};

/// 1970-01-05, in days since 1970-01-01.
const A_MONDAY: i32 = 4;

/// Days with their rows.
pub(crate) fn days_of(rows: &[(i32, SalesRow)]) -> BTreeMap<i32, DaySales> {
    let mut days: BTreeMap<i32, DaySales> = BTreeMap::new();
    for (day, row) in rows {
        days.entry(*day).or_default().sales.add(row);
    }
    days
}

/// Days with one sale each, of so much net.
pub(crate) fn days_with(first_day: i32, nets_minor: &[i64]) -> BTreeMap<i32, DaySales> {
    let rows: Vec<(i32, SalesRow)> = (first_day..)
        .zip(nets_minor)
        .map(|(day, net_minor)| (day, sold(1, *net_minor)))
        .collect();
    days_of(&rows)
}

fn rows_of(trends: &SalesTrends, grain: Grain) -> Vec<&TrendRow> {
    trends.rows.iter().filter(|row| row.grain == grain).collect()
}

/// `YYYY-MM-DD` of a day.
fn date(day: i32) -> String {
    Timestamp::of_day(day).unwrap().date()
}

/// All days of the period that a day lies in.
fn period_of(grain: Grain, day: i32) -> Vec<i32> {
    match grain {
        Grain::Day => vec![day],
        Grain::Week => (day - 6..=day + 6)
            .filter(|other| (other - A_MONDAY).div_euclid(7) == (day - A_MONDAY).div_euclid(7))
            .collect(),
        Grain::Month => {
            let of_month: i32 = date(day)[8..].parse().unwrap();
            let start_day = day - of_month + 1;
            let next = (start_day + 28..=start_day + 31)
                .find(|next| date(*next).ends_with("-01"))
                .unwrap();
            (start_day..next).collect()
        }
    }
}

/// The first day of the period so many periods before.
fn before(grain: Grain, start_day: i32, lag: i32) -> i32 {
    (0..lag).fold(start_day, |start_day, _| period_of(grain, start_day - 1)[0])
}

/// The rows of days from `from` to `to`.
fn between(rows: &[(i32, SalesRow)], from: i32, to: i32) -> impl Iterator<Item = &SalesRow> {
    rows.iter()
        .filter(move |(day, _)| (from..=to).contains(day))
        .map(|(_, row)| row)
}

fn figures(rows: &[&SalesRow]) -> SalesFigures {
    let (refunds, purchases): (Vec<&SalesRow>, Vec<&SalesRow>) = rows.iter().partition(|row| row.is_refund);
    let first = |rows: &[&SalesRow]| i64::try_from(rows.iter().filter(|row| row.is_first).count()).unwrap();
    let sum = |rows: &[&SalesRow], of: fn(&SalesRow) -> i64| rows.iter().map(|row| of(row)).sum::<i64>();
    SalesFigures {
        orders: first(&purchases),
        units: sum(&purchases, |row| row.units),
        gross_minor: sum(&purchases, |row| row.gross_minor),
        discount_minor: sum(&purchases, |row| row.discount_minor),
        refunds: first(&refunds),
        refunded_units: -sum(&refunds, |row| row.units),
        refunded_minor: -net_minor(refunds),
        net_minor: net_minor(rows.iter().copied()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rows_are_what_the_definitions_say(
        // 1994, before 1970, a leap year's February, and a year that is none though it is a fourth one.
        first_day in prop::sample::select(vec![8_800_i32, -3_000, 11_000, -25_600]).prop_flat_map(|day| day..day + 40),
        length in prop_oneof![0..90_i32, 300..800_i32],
        places in prop::collection::vec((0..820_i32, any_row()), 0..500),
        incomplete in prop::option::of(-5..820_i32),
    ) {
        let last_day = first_day + length;
        // Some lie outside.
        let day = |place: i32| first_day - 5 + place % (length + 10);
        let rows: Vec<(i32, SalesRow)> = places.into_iter().map(|(place, row)| (day(place), row)).collect();
        let incomplete_from = incomplete.map(|place| first_day + place);
        let trends = SalesTrends::of(&days_of(&rows), first_day, last_day, incomplete_from).unwrap();

        let inside = |from: i32, to: i32| between(&rows, from.max(first_day), to.min(last_day));
        for grain in Grain::ALL {
            let found = rows_of(&trends, grain);
            let starts: BTreeSet<i32> = (first_day..=last_day).map(|day| period_of(grain, day)[0]).collect();
            prop_assert!(starts.iter().eq(found.iter().map(|row| &row.start_day)), "{:?}", starts);
            let by_start: BTreeMap<i32, &TrendRow> = found.iter().map(|row| (row.start_day, *row)).collect();
            for row in found {
                let days = period_of(grain, row.start_day);
                let is_complete = days.iter().all(|day| {
                    (first_day..=last_day).contains(day) && incomplete_from.is_none_or(|incomplete| *day < incomplete)
                });
                prop_assert_eq!(row.is_complete, is_complete);
                let own: Vec<&SalesRow> = inside(days[0], days[days.len() - 1]).collect();
                prop_assert_eq!(row.sales, figures(&own));
                let change = |lag: i32| {
                    let base = by_start.get(&before(grain, row.start_day, lag))?;
                    let base_minor = base.sales.net_minor;
                    let is_there = row.is_complete && base.is_complete && base_minor != 0;
                    is_there.then(|| row.sales.net_minor as f64 / base_minor as f64 - 1.0)
                };
                let mean = |days: i32| {
                    let from = row.start_day - days + 1;
                    (grain == Grain::Day && from >= first_day)
                        .then(|| net_minor(inside(from, row.start_day)) as f64 / f64::from(days))
                };
                let (week, month, year) = match grain {
                    Grain::Day => (change(7), None, change(364)),
                    Grain::Week => (change(1), None, None),
                    Grain::Month => (None, change(1), change(12)),
                };
                prop_assert!(is_close(row.week_over_week, week), "{:?}, {:?}", row, week);
                prop_assert!(is_close(row.month_over_month, month), "{:?}, {:?}", row, month);
                prop_assert!(is_close(row.year_over_year, year), "{:?}, {:?}", row, year);
                prop_assert!(is_close(row.net_mean_7_days_minor, mean(7)), "{:?}, {:?}", row, mean(7));
                prop_assert!(is_close(row.net_mean_28_days_minor, mean(28)), "{:?}, {:?}", row, mean(28));
                let ordered_minor = row.sales.gross_minor - row.sales.discount_minor;
                let average = (row.sales.orders > 0).then(|| ordered_minor as f64 / row.sales.orders as f64);
                prop_assert!(is_close(row.average_order_value_minor, average), "{:?}, {:?}", row, average);
            }
        }
    }

    #[test]
    fn sums_do_not_depend_on_order_or_split(
        rows in prop::collection::vec((any_row(), 0..3_usize, any::<u32>()), 0..60),
    ) {
        let whole: Vec<(i32, SalesRow)> = rows.iter().map(|(row, ..)| (0, *row)).collect();
        let mut shuffled = rows;
        shuffled.sort_by_key(|(.., order)| *order);
        let mut merged = DaySales::default();
        for part in (0..3).rev() {
            let of_part = shuffled.iter().filter(|(_, of, _)| *of == part);
            let rows: Vec<(i32, SalesRow)> = of_part.map(|(row, ..)| (0, *row)).collect();
            merged.sales.merge(&days_of(&rows).remove(&0).unwrap_or_default().sales);
        }
        prop_assert_eq!(merged, days_of(&whole).remove(&0).unwrap_or_default());
    }
}

#[test]
fn a_day_without_sales_is_a_row_of_zeros_and_one_of_refunds_only_is_negative() {
    let days = days_of(&[(0, sold(2, 900)), (2, returned(1, 450))]);
    let trends = SalesTrends::of(&days, 0, 2, None).unwrap();
    let found = rows_of(&trends, Grain::Day);
    let nets: Vec<i64> = found.iter().map(|row| row.sales.net_minor).collect();
    assert_eq!(nets, [900, 0, -450]);
    assert_eq!(found[1].sales, SalesFigures::default());
    assert_eq!((found[2].sales.refunds, found[2].sales.refunded_units), (1, 1));
    assert!(found.iter().all(|row| row.is_complete));
    let averages: Vec<Option<f64>> = found.iter().map(|row| row.average_order_value_minor).collect();
    assert_eq!(averages, [Some(900.0), None, None]);
}

#[test]
fn orders_of_value_0_have_an_average_of_0() {
    let trends = SalesTrends::of(&days_of(&[(0, sold(1, 0))]), 0, 0, None).unwrap();
    assert_eq!(trends.rows[0].average_order_value_minor, Some(0.0));
}

#[test]
fn changes_compare_with_the_same_weekday_week_and_month() {
    // From Monday 1995-12-25 on; 800 days of 100 and from 364 days on 150.
    let monday = 9_489;
    assert_eq!((date(monday), (monday - A_MONDAY) % 7), ("1995-12-25".into(), 0));
    let nets: Vec<i64> = (0..800).map(|n| if n < 364 { 100 } else { 150 }).collect();
    let trends = SalesTrends::of(&days_with(monday, &nets), monday, monday + 799, None).unwrap();
    let days = rows_of(&trends, Grain::Day);
    assert_eq!(
        (
            days[6].week_over_week,
            days[7].week_over_week,
            days[370].week_over_week
        ),
        (None, Some(0.0), Some(0.5))
    );
    assert_eq!(
        (days[371].week_over_week, days[363].year_over_year),
        (Some(0.0), None)
    );
    assert_eq!(
        (days[364].year_over_year, days[728].year_over_year),
        (Some(0.5), Some(0.0))
    );
    assert_eq!(
        (days[5].net_mean_7_days_minor, days[6].net_mean_7_days_minor),
        (None, Some(100.0))
    );
    assert_eq!(
        (days[26].net_mean_28_days_minor, days[377].net_mean_28_days_minor),
        (None, Some(125.0))
    );

    let weeks = rows_of(&trends, Grain::Week);
    assert_eq!((weeks[0].start_day, weeks[0].week_over_week), (monday, None));
    assert_eq!(
        (weeks[51].week_over_week, weeks[52].week_over_week),
        (Some(0.0), Some(0.5))
    );

    // December 1995 is cut off, January 1996 is whole.
    let months = rows_of(&trends, Grain::Month);
    assert_eq!((months[0].start_day, months[0].is_complete), (monday - 24, false));
    assert_eq!((months[1].start_day, months[1].is_complete), (monday + 7, true));
    assert_eq!(
        (months[1].month_over_month, months[1].year_over_year),
        (None, None)
    );
    assert_eq!(
        months[2].month_over_month,
        Some(-2.0 / 31.0),
        "February 1996 has 29 days"
    );
    assert_eq!(months[13].year_over_year, Some(0.5), "January 1997");
    assert_eq!(
        months[12].year_over_year, None,
        "December 1996, against one that was cut off"
    );
}

#[test]
fn what_is_incomplete_is_said_and_not_compared() {
    // Monday 2026-11-02; the last day is still under way.
    let monday = 20_759;
    let trends = SalesTrends::of(
        &days_with(monday, &[100; 28]),
        monday,
        monday + 27,
        Some(monday + 27),
    )
    .unwrap();
    let days = rows_of(&trends, Grain::Day);
    assert_eq!((days[26].is_complete, days[26].week_over_week), (true, Some(0.0)));
    assert_eq!((days[27].is_complete, days[27].week_over_week), (false, None));
    assert_eq!(days[27].net_mean_28_days_minor, Some(100.0));
    let weeks = rows_of(&trends, Grain::Week);
    let complete: Vec<bool> = weeks.iter().map(|week| week.is_complete).collect();
    assert_eq!(complete, [true, true, true, false]);
    assert_eq!(
        (weeks[2].week_over_week, weeks[3].week_over_week),
        (Some(0.0), None)
    );
    assert!(
        rows_of(&trends, Grain::Month)
            .iter()
            .all(|month| !month.is_complete)
    );

    let all = SalesTrends::of(
        &days_with(monday, &[100; 28]),
        monday,
        monday + 27,
        Some(i32::MIN),
    )
    .unwrap();
    assert!(all.rows.iter().all(|row| !row.is_complete));
}

#[test]
fn buyers_are_of_days_only() {
    let mut days = days_with(0, &[100; 7]);
    days.values_mut().for_each(|day| day.buyers = i64::MAX);
    let trends = SalesTrends::of(&days, 0, 7, None).unwrap();
    let of_days: Vec<Option<i64>> = rows_of(&trends, Grain::Day)
        .iter()
        .map(|row| row.buyers)
        .collect();
    assert_eq!(
        of_days,
        [[i64::MAX; 7].as_slice(), &[0]]
            .concat()
            .into_iter()
            .map(Some)
            .collect::<Vec<_>>()
    );
    for grain in [Grain::Week, Grain::Month] {
        assert!(rows_of(&trends, grain).iter().all(|row| row.buyers.is_none()));
    }
}

#[test]
fn no_days_are_no_rows() {
    let trends = SalesTrends::of(&days_with(0, &[100]), 1, 0, None).unwrap();
    assert_eq!((trends.rows, trends.forecast), (vec![], vec![]));
    assert_eq!((trends.weekday_index, trends.backtest), (None, None));
}

#[test]
fn sums_that_do_not_fit_are_named_with_their_period() {
    let of = |rows: &[(i32, SalesRow)]| {
        SalesTrends::of(&days_of(rows), 0, 1, None)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        of(&[(1, sold(1, i64::MAX)), (1, sold(1, 1))]),
        "gross_minor of day 1 does not fit its column"
    );
    assert_eq!(
        of(&[(0, sold(1, i64::MAX)), (1, sold(1, 1))]),
        "gross_minor of week -3 does not fit its column"
    );
    assert_eq!(
        of(&[(0, returned(i64::MAX, 1)), (0, returned(1, 1))]),
        "refunded_units of day 0 does not fit its column"
    );
    let discounted = SalesRow {
        discount_minor: i64::MAX,
        ..sold(1, -2)
    };
    assert_eq!(
        of(&[(0, discounted)]),
        "net_minor of day 0 does not fit its column"
    );
    // A sum that leaves the range only on its way does fit.
    let back = [
        (0, sold(1, i64::MAX)),
        (0, sold(1, i64::MAX)),
        (0, sold(1, -i64::MAX)),
    ];
    assert!(SalesTrends::of(&days_of(&back), 0, 1, None).is_ok());
}

#[test]
fn the_ends_of_the_calendar_have_rows_and_nothing_beyond() {
    let early = SalesTrends::of(&BTreeMap::new(), i32::MIN, i32::MIN + 40, None).unwrap();
    assert_eq!(rows_of(&early, Grain::Day).len(), 41);
    assert_eq!(rows_of(&early, Grain::Month)[0].start_day, i32::MIN);
    let late = SalesTrends::of(&BTreeMap::new(), i32::MAX - 40, i32::MAX, None).unwrap();
    assert_eq!(rows_of(&late, Grain::Day).len(), 41);
    assert!(late.forecast.is_empty());
}
