//! Sales by country and month.

use std::collections::BTreeSet;

use analytics::retail::SalesRow;
use analytics::retail::regions::Regions;
use events::{Country, Timestamp};
use proptest::prelude::*;

use super::{any_row, is_close, net_minor, returned, sold};

type Row = (Country, i32, SalesRow);

fn country(code: &str) -> Country {
    code.parse().unwrap()
}

fn any_sale() -> impl Strategy<Value = Row> {
    let country = prop::sample::select(vec!["DE", "US", "FR"]).prop_map(country);
    let day = prop_oneof![-40..40_i32, 9_800..9_900_i32];
    (country, day, any_row())
}

fn fold<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Regions {
    let mut regions = Regions::default();
    rows.into_iter()
        .for_each(|(country, day, row)| regions.add(*country, *day, row));
    regions
}

fn date(day: i32) -> String {
    Timestamp::of_day(day).unwrap().date()
}

proptest! {
    #[test]
    fn each_country_has_the_sums_and_the_share_of_its_months(rows in prop::collection::vec(any_sale(), 0..80)) {
        let found = fold(&rows).months().unwrap();
        let month_start = |day: i32| date(day)[..7].to_owned() + "-01";
        let keys: BTreeSet<(String, Country)> = rows.iter().map(|(country, day, _)| (month_start(*day), *country)).collect();
        prop_assert!(found.iter().map(|row| (date(row.month_start_day), row.country)).eq(keys));
        for row in found {
            let month = &date(row.month_start_day)[..7];
            let of_month: Vec<&Row> = rows.iter().filter(|(_, day, _)| &date(*day)[..7] == month).collect();
            let own = of_month.iter().filter(|(country, ..)| *country == row.country);
            let own: Vec<&SalesRow> = own.map(|(.., row)| row).collect();
            let own_minor = net_minor(own.iter().copied());
            let month_minor = net_minor(of_month.iter().map(|(.., row)| row));
            prop_assert_eq!(row.sales.net_minor, own_minor);
            let orders = own.iter().filter(|row| row.is_first && !row.is_refund).count();
            prop_assert_eq!(row.sales.orders, i64::try_from(orders).unwrap());
            let share = (month_minor > 0).then(|| own_minor as f64 / month_minor as f64);
            prop_assert!(is_close(row.share_of_net, share), "{:?} for {:?}", row.share_of_net, share);
        }
    }

    #[test]
    fn order_and_split_of_the_rows_leave_no_trace(
        rows in prop::collection::vec((any_sale(), 0..4_usize, any::<u32>()), 0..80),
    ) {
        let whole = fold(rows.iter().map(|(row, ..)| row));
        let mut shuffled = rows;
        shuffled.sort_by_key(|(.., order)| *order);
        let mut merged = Regions::default();
        for part in (0..4).rev() {
            merged.merge(&fold(shuffled.iter().filter(|(_, of, _)| *of == part).map(|(row, ..)| row)));
        }
        prop_assert_eq!(merged.months(), whole.months());
    }
}

#[test]
fn refunds_make_shares_negative_or_larger_than_all() {
    let rows = [
        (country("DE"), 0, sold(1, 300)),
        (country("US"), 30, returned(1, 100)),
    ];
    let shares: Vec<Option<f64>> = fold(&rows)
        .months()
        .unwrap()
        .iter()
        .map(|row| row.share_of_net)
        .collect();
    assert_eq!(shares, [Some(1.5), Some(-0.5)]);
    // In February there are refunds only.
    let months = fold(&[rows[0], (country("DE"), 31, returned(1, 100))])
        .months()
        .unwrap();
    let seen: Vec<(i32, Option<f64>)> = months
        .iter()
        .map(|row| (row.month_start_day, row.share_of_net))
        .collect();
    assert_eq!(seen, [(0, Some(1.0)), (31, None)]);
}

#[test]
fn sums_that_do_not_fit_are_named_with_their_country_and_month() {
    let rows = [
        (country("DE"), 5, sold(1, i64::MAX)),
        (country("DE"), 6, sold(1, 1)),
    ];
    assert_eq!(
        fold(&rows).months().unwrap_err().to_string(),
        "gross_minor of DE, month 0 does not fit its column"
    );
    // Together they would not fit; each by itself does.
    let apart = [rows[0], (country("US"), 6, sold(1, i64::MAX))];
    let shares: Vec<Option<f64>> = fold(&apart)
        .months()
        .unwrap()
        .iter()
        .map(|row| row.share_of_net)
        .collect();
    assert_eq!(shares, [Some(0.5), Some(0.5)]);
}

#[test]
fn the_first_month_of_all_is_keyed_by_its_first_day_that_exists() {
    let months = fold(&[
        (country("DE"), i32::MIN, sold(1, 1)),
        (country("DE"), i32::MAX, sold(1, 1)),
    ])
    .months()
    .unwrap();
    assert_eq!((months.len(), months[0].month_start_day), (2, i32::MIN));
}
