//! Batch retail analytics: laws, models written from the definitions, and figures computed on paper.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "retail/forecast.rs"]
mod forecast;
#[path = "retail/products.rs"]
mod products;
#[path = "retail/regions.rs"]
mod regions;
#[path = "retail/rfm.rs"]
mod rfm;
#[path = "retail/segments.rs"]
mod segments;
#[path = "retail/trends.rs"]
mod trends;

use analytics::retail::SalesRow;
use proptest::prelude::*;

/// A purchase's only line, without discount.
fn sold(units: i64, gross_minor: i64) -> SalesRow {
    SalesRow {
        is_refund: false,
        is_first: true,
        units,
        gross_minor,
        discount_minor: 0,
    }
}

/// A refund's only line, without discount.
fn returned(units: i64, gross_minor: i64) -> SalesRow {
    SalesRow {
        is_refund: true,
        is_first: true,
        units: -units,
        gross_minor: -gross_minor,
        discount_minor: 0,
    }
}

/// Lines of orders and of refunds; orders of value 0 as well.
fn any_row() -> impl Strategy<Value = SalesRow> {
    (
        prop::bool::weighted(0.3),
        any::<bool>(),
        1..5_i64,
        0..40_i64,
        0..3_i64,
    )
        .prop_map(|(is_refund, is_first, units, price_minor, discount_minor)| {
            let sign = if is_refund { -1 } else { 1 };
            SalesRow {
                is_refund,
                is_first,
                units: sign * units,
                gross_minor: sign * units * price_minor,
                discount_minor: sign * discount_minor.min(price_minor),
            }
        })
}

/// The net of rows, written anew.
fn net_minor<'a>(rows: impl IntoIterator<Item = &'a SalesRow>) -> i64 {
    rows.into_iter()
        .map(|row| row.gross_minor - row.discount_minor)
        .sum()
}

/// Equal to 1e-9, where both are there.
fn is_close(found: Option<f64>, expected: Option<f64>) -> bool {
    match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() <= 1e-9 * expected.abs().max(1.0),
        (None, None) => true,
        _ => false,
    }
}
