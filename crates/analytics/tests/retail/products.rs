//! Products, against definitions over all pairs.

use std::collections::{BTreeMap, BTreeSet};

use analytics::retail::SalesRow;
use analytics::retail::products::{AbcClass, CatalogEntry, ProductPerformance, ProductRow, ProductSales};
use proptest::prelude::*;

use super::{any_row, is_close, net_minor, returned, sold};

const LAST_DAY: i32 = 9_000;

fn any_sale() -> impl Strategy<Value = ProductRow<'static>> {
    let category = prop::sample::select(vec!["books", "toys", "tea"]);
    (0..9_i64, category, -70..4_i32, any_row()).prop_map(|(product_id, category, ago, sales)| ProductRow {
        product_id,
        category,
        day: LAST_DAY + ago,
        sales,
    })
}

/// The catalog has only some of the products.
fn catalog(product_id: i64) -> Option<CatalogEntry<'static>> {
    let category = if product_id < 2 { "books" } else { "garden" };
    (product_id < 5).then_some(CatalogEntry {
        category,
        cost_minor: 7 * product_id,
    })
}

fn fold<'a>(rows: impl IntoIterator<Item = &'a ProductRow<'static>>) -> ProductSales {
    let mut products = ProductSales::new(LAST_DAY);
    rows.into_iter().for_each(|row| products.add(row));
    products
}

/// The rows, each with a view of its product.
fn viewed<'a>(rows: impl IntoIterator<Item = &'a ProductRow<'static>>) -> ProductSales {
    let mut products = ProductSales::new(LAST_DAY);
    for row in rows {
        products.add(row);
        products.add_views(row.product_id, 1);
    }
    products
}

fn performance(rows: &[ProductRow<'static>]) -> Vec<ProductPerformance> {
    fold(rows).performance(catalog).unwrap()
}

fn row(product_id: i64, sales: SalesRow) -> ProductRow<'static> {
    ProductRow {
        product_id,
        category: "tea",
        day: LAST_DAY,
        sales,
    }
}

fn share(part: i64, whole: i64) -> Option<f64> {
    (whole != 0).then(|| part as f64 / whole as f64)
}

proptest! {
    #[test]
    fn products_perform_as_the_definitions_say(
        rows in prop::collection::vec(any_sale(), 0..80),
        views in prop::collection::vec((0..12_i64, 0..5_i64), 0..20),
    ) {
        let mut products = fold(&rows);
        views.iter().for_each(|(product_id, views)| products.add_views(*product_id, *views));
        let found = products.performance(catalog).unwrap();

        let ids: BTreeSet<i64> = rows.iter().map(|row| row.product_id).chain(views.iter().map(|(id, _)| *id)).collect();
        prop_assert!(found.iter().map(|product| &product.product_id).eq(&ids));
        let nets_minor: BTreeMap<i64, i64> = ids.iter()
            .map(|id| (*id, net_minor(rows.iter().filter(|row| row.product_id == *id).map(|row| &row.sales))))
            .collect();
        let category = |id: i64| {
            let latest = rows.iter().filter(|row| row.product_id == id).map(|row| (row.day, row.category)).max();
            catalog(id).map(|entry| entry.category).or(latest.map(|(_, category)| category))
        };
        for product in found {
            let id = product.product_id;
            let own: Vec<&ProductRow> = rows.iter().filter(|row| row.product_id == id).collect();
            let sold: Vec<&SalesRow> = own.iter().map(|row| &row.sales).filter(|row| !row.is_refund).collect();
            let units: i64 = sold.iter().map(|row| row.units).sum();
            let net_units: i64 = own.iter().map(|row| row.sales.units).sum();
            let orders = i64::try_from(sold.iter().filter(|row| row.is_first).count()).unwrap();
            let views: i64 = views.iter().filter(|(of, _)| *of == id).map(|(_, views)| views).sum();
            let net = nets_minor[&id];
            prop_assert_eq!((product.sales.units, product.net_units), (units, net_units));
            prop_assert_eq!((product.sales.orders, product.sales.net_minor, product.views), (orders, net, views));
            prop_assert!(is_close(product.conversion, share(orders, views)));
            prop_assert!(is_close(product.refund_rate, share(units - net_units, units)));
            let margin = catalog(id).map(|entry| net - entry.cost_minor * net_units);
            prop_assert_eq!(product.margin_minor, margin);
            prop_assert!(is_close(product.margin_rate, margin.and_then(|margin| share(margin, net))));

            prop_assert_eq!(product.category.as_deref(), category(id));
            let of_category = nets_minor.iter().filter(|(other, _)| category(**other) == category(id));
            prop_assert_eq!(product.rank_in_category, 1 + of_category.filter(|(_, other)| **other > net).count());
            let positive = |is_counted: &dyn Fn(i64) -> bool| -> i64 {
                nets_minor.values().filter(|net| **net > 0 && is_counted(**net)).sum()
            };
            let (better, all) = (positive(&|other| other > net), positive(&|_| true));
            let class = match () {
                () if net <= 0 => AbcClass::C,
                () if 5 * better < 4 * all => AbcClass::A,
                () if 20 * better < 19 * all => AbcClass::B,
                () => AbcClass::C,
            };
            prop_assert_eq!(product.abc, class);

            let of_days = |from: i32, to: i32| {
                net_minor(own.iter().filter(|row| (LAST_DAY - from..=LAST_DAY - to).contains(&row.day)).map(|row| &row.sales))
            };
            let (latest, before) = (of_days(27, 0), of_days(55, 28));
            let trend = (before > 0).then(|| latest as f64 / before as f64 - 1.0);
            prop_assert!(is_close(product.trend, trend), "{:?} for {:?}", product.trend, trend);
        }
    }

    #[test]
    fn order_and_split_of_the_rows_leave_no_trace(
        rows in prop::collection::vec((any_sale(), 0..4_usize, any::<u32>()), 0..80),
    ) {
        let whole = viewed(rows.iter().map(|(row, ..)| row));
        let mut shuffled = rows;
        shuffled.sort_by_key(|(.., order)| *order);
        let mut merged = ProductSales::new(LAST_DAY);
        for part in (0..4).rev() {
            merged.merge(viewed(shuffled.iter().filter(|(_, of, _)| *of == part).map(|(row, ..)| row)));
        }
        prop_assert_eq!(&merged, &whole);
        prop_assert_eq!(merged.performance(catalog), whole.performance(catalog));
    }

    #[test]
    fn merging_is_commutative_associative_and_has_a_neutral_element(
        a in prop::collection::vec(any_sale(), 0..30),
        b in prop::collection::vec(any_sale(), 0..30),
        c in prop::collection::vec(any_sale(), 0..30),
    ) {
        let merge = |left: &ProductSales, right: &ProductSales| { let mut sum = left.clone(); sum.merge(right.clone()); sum };
        let (a, b, c) = (viewed(&a), viewed(&b), viewed(&c));
        prop_assert_eq!(merge(&a, &b), merge(&b, &a));
        prop_assert_eq!(merge(&merge(&a, &b), &c), merge(&a, &merge(&b, &c)));
        prop_assert_eq!(merge(&a, &ProductSales::new(LAST_DAY)), a);
    }
}

#[test]
fn the_product_that_crosses_a_border_is_still_in_the_better_class() {
    let classes = |nets_minor: &[i64]| -> String {
        let rows: Vec<ProductRow> = (0..)
            .zip(nets_minor)
            .map(|(id, net)| row(id, sold(1, *net)))
            .collect();
        performance(&rows)
            .iter()
            .map(|product| product.abc.as_str())
            .collect()
    };
    // Of 100, there are 0, 80, 95 and 98 before the first four; the other two earn nothing.
    assert_eq!(classes(&[80, 15, 3, 2, 0, -50]), "ABCCCC");
    // 0, 79 and 94 before them.
    assert_eq!(classes(&[79, 15, 6]), "AAB");
    // Of 120, there are 60 before each of the equal ones, not 60, 80 and 100.
    assert_eq!(classes(&[20, 60, 20, 20]), "AAAA");
    assert_eq!(classes(&[500]), "A");
    assert_eq!(classes(&[0, -1]), "CC");
}

#[test]
fn equal_products_share_a_rank_and_the_next_one_leaves_a_gap() {
    let rows: Vec<ProductRow> = [(10, 50), (11, 90), (12, 50), (13, 20), (14, 90)]
        .map(|(id, net)| row(id, sold(1, net)))
        .into();
    let ranks: Vec<usize> = performance(&rows)
        .iter()
        .map(|product| product.rank_in_category)
        .collect();
    assert_eq!(ranks, [3, 1, 3, 5, 1]);
}

#[test]
fn what_cannot_be_divided_is_none() {
    let rows = [
        row(20, sold(2, 500)),
        row(20, returned(2, 500)),
        row(21, returned(1, 10)),
        row(3, sold(1, 0)),
    ];
    let mut products = fold(&rows);
    products.add_views(22, 6);
    let found = products.performance(catalog).unwrap();
    let of = |id: i64| found.iter().find(|product| product.product_id == id).unwrap();
    assert_eq!(
        (
            of(20).refund_rate,
            of(20).conversion,
            of(20).margin_minor,
            of(20).trend
        ),
        (Some(1.0), None, None, None)
    );
    assert_eq!(
        (of(21).refund_rate, of(21).net_units, of(21).sales.net_minor),
        (None, -1, -10)
    );
    // Given away, at a cost of 21.
    assert_eq!((of(3).margin_minor, of(3).margin_rate), (Some(-21), None));
    assert_eq!(
        (of(22).conversion, of(22).refund_rate, of(22).category.as_deref()),
        (Some(0.0), None, None)
    );
}

#[test]
fn more_orders_than_views_are_a_conversion_above_1() {
    let mut products = fold(&[row(1, sold(1, 5)), row(1, sold(1, 5)), row(1, sold(1, 5))]);
    products.add_views(1, 2);
    assert_eq!(products.performance(catalog).unwrap()[0].conversion, Some(1.5));
}

#[test]
fn the_trend_compares_28_days_with_the_28_before_and_nothing_else() {
    let at = |day: i32, net: i64| ProductRow {
        day,
        ..row(1, sold(1, net))
    };
    let rows = [
        at(LAST_DAY, 20),
        at(LAST_DAY - 27, 10),
        at(LAST_DAY - 28, 15),
        at(LAST_DAY - 55, 5),
    ];
    assert_eq!(performance(&rows)[0].trend, Some(0.5));
    let others = [
        at(LAST_DAY - 56, 1_000),
        at(LAST_DAY + 1, 1_000),
        at(i32::MIN, 1_000),
        at(i32::MAX, 1_000),
    ];
    let all = performance(&[rows.as_slice(), &others].concat());
    assert_eq!((all[0].trend, all[0].sales.net_minor), (Some(0.5), 4_050));
}

#[test]
fn extremes_are_exact_where_they_fit_and_named_where_not() {
    let fits = [
        row(1, sold(1, i64::MAX)),
        row(1, sold(1, i64::MAX)),
        row(1, sold(1, -i64::MAX)),
    ];
    // Three units at 7 each.
    assert_eq!(performance(&fits)[0].margin_minor, Some(i64::MAX - 21));
    let error = |rows: &[ProductRow<'static>], cost_minor: i64| {
        let dear = |_| {
            Some(CatalogEntry {
                category: "tea",
                cost_minor,
            })
        };
        fold(rows).performance(dear).unwrap_err().to_string()
    };
    assert_eq!(
        error(&fits[..2], 0),
        "gross_minor of product 1 does not fit its column"
    );
    assert_eq!(
        error(&[row(4, sold(i64::MAX, 0))], i64::MIN),
        "margin_minor of product 4 does not fit its column"
    );
    assert_eq!(
        error(&[row(4, returned(i64::MAX, 0)), row(4, sold(-2, 0))], 0),
        "net_units of product 4 does not fit its column"
    );
    let mut products = fold(&[]);
    (0..2).for_each(|_| products.add_views(6, i64::MAX));
    assert_eq!(
        products.performance(catalog).unwrap_err().to_string(),
        "views of product 6 does not fit its column"
    );
}
