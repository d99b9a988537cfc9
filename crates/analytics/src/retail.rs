//! Batch retail analytics: rules over the sales facts, which have a row for each line of an order or of a refund.
//!
//! Rows come in any order and in any number of parts, whose aggregates merge: what comes out follows from the set of
//! rows alone. Memory grows with customers, products, countries and days, never with rows.
//!
//! Days are counted from 1970-01-01, negative before. Sums are 128 bits wide, so none overflows on its way, whatever
//! the order of the rows; a figure that does not fit its column in the end is an [`Overflow`]. Every ratio is one
//! division of whole numbers, so SQL in doubles comes to the same.
//!
//! | measure | definition |
//! |---|---|
//! | orders | number of purchases |
//! | units, gross, discount | Σ over the purchases' rows |
//! | refunds | number of refunds, on the day on which they were made |
//! | refunded units, refunded | −Σ units, and −Σ (gross − discount), over the refunds' rows, which are negative |
//! | net | gross − discount − refunded, which is Σ (gross − discount) over all rows |
//! | average order value | (gross − discount) / orders: refunds are of orders of other days, so they are left out |
//! | buyers | different users who purchased; a caller's count, as sets of users would grow with customers times days |

mod calendar;
mod forecast;
mod measures;
pub mod products;
pub mod regions;
pub mod rfm;
mod segments;
pub mod trends;

use std::fmt;

pub use measures::{SalesFigures, SalesRow, SalesSums};

/// A figure does not fit its column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overflow {
    /// The column.
    pub figure: &'static str,
    /// The row: which customer, product, day or month.
    pub of: String,
}

impl fmt::Display for Overflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} does not fit its column", self.figure, self.of)
    }
}

impl std::error::Error for Overflow {}

/// A sum in 64 bits.
fn narrow(figure: &'static str, of: fmt::Arguments<'_>, sum: i128) -> Result<i64, Overflow> {
    i64::try_from(sum).map_err(|_| Overflow {
        figure,
        of: of.to_string(),
    })
}

/// One division; `None` by 0.
fn ratio(dividend: i128, divisor: i128) -> Option<f64> {
    (divisor != 0).then(|| dividend as f64 / divisor as f64)
}
