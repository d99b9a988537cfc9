//! The star schema: facts of sales and views, and their dimensions, made from the archive and the catalog day by day.
//!
//! | table | a row is | key |
//! |---|---|---|
//! | `fact_sales` | a line of a purchase or of a refund; a refund's amounts are negative | transaction, line number |
//! | `fact_product_views` | a product and how often it was looked at on a day | product, day |
//! | `dim_date` | a day | `yyyymmdd` |
//! | `dim_region` | a country | its place in the order of codes, from 1 |
//! | `dim_payment_method` | a way to pay | its place in the contract, from 1 |
//! | `dim_category`, `dim_product`, `dim_user` | a member | assigned, see [`Dimensions`] |
//!
//! Of a fact:
//!
//! | measure | definition |
//! |---|---|
//! | gross | quantity × unit price |
//! | discount, shipping, tax | the order's, allocated to its lines in proportion to their gross, see below |
//! | net | gross − discount |
//!
//! Allocation is by cumulative rounding: with C(i) the gross of lines 1 to i and G that of all, line i gets
//! ⌊amount · C(i) / G⌋ − ⌊amount · C(i − 1) / G⌋; by the number of lines instead, if G is 0. Shares add up to the amount,
//! each lies within 1 of its proportion, and SQL can say the same with a window sum. So net + shipping + tax of a
//! purchase's lines add up to its total.
//!
//! The terms are Kimball's (The Data Warehouse Toolkit, 3rd edition): surrogate keys, inferred members, attributes of
//! type 1. The same archived rows in the same order, and the same keys, give the same bytes.

mod allocation;
mod calendar;
mod dimensions;
mod facts;
mod fixed;
mod input;
mod members;
mod orders;
mod rows;
mod tables;
mod views;

pub use calendar::{CalendarDay, encode_dates};
pub use dimensions::{CategoryDimension, Dimensions, ProductDimension, UserDimension};
pub use facts::{DayFacts, DayFile, DayTotals, Keys};
pub use fixed::{encode_payment_methods, encode_regions, payment_method_key, region_key};
pub use input::{catalog_reader, transactions_reader};
pub use orders::{FACT_COLUMNS, event_days};
pub use tables::StarTable;
pub use views::{DayViews, product_views_reader, view_days};

use crate::EncodeError;
use crate::read::ReadError;

/// A table of the star schema cannot be made of what was given.
#[derive(Debug, thiserror::Error)]
pub enum StarError {
    /// What is read is not what it should be.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A table cannot be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A fact names a member that its dimension doesn't have.
    #[error("`{found}` has no `{column}`")]
    NoKey {
        /// The column of the key.
        column: &'static str,
        /// The member.
        found: String,
    },
    /// A dimension's file is not in the order of its keys, from 1 without a gap.
    #[error("column `{0}` is not 1, 2, 3 and so on")]
    KeyOrder(&'static str),
    /// A day is outside the years 0 to 9999, in which alone dates have four digits.
    #[error("day {0} since 1970-01-01 is outside the years 0 to 9999")]
    Day(i32),
}

impl StarError {
    fn value(column: &'static str, found: &(impl ToString + ?Sized)) -> Self {
        Self::Read(ReadError::Value {
            column,
            found: found.to_string(),
        })
    }
}

fn no_key(column: &'static str, found: &(impl ToString + ?Sized)) -> StarError {
    StarError::NoKey {
        column,
        found: found.to_string(),
    }
}
