//! What was sold and refunded, as sums over rows.

use std::fmt;

use super::{Overflow, narrow, ratio};

/// A line of an order, or of a refund with all its amounts negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SalesRow {
    /// Whether the goods came back.
    pub is_refund: bool,
    /// True on exactly one line of each order and of each refund.
    pub is_first: bool,
    /// How many; negative in a refund.
    pub units: i64,
    /// Units × unit price, in minor units; negative in a refund.
    pub gross_minor: i64,
    /// The line's share of the discount, in minor units; negative in a refund.
    pub discount_minor: i64,
}

impl SalesRow {
    /// Gross less discount, in minor units.
    #[must_use]
    pub fn net_minor(&self) -> i128 {
        i128::from(self.gross_minor) - i128::from(self.discount_minor)
    }
}

/// Sums over rows, as wide as it takes; [`super`] defines them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SalesSums {
    /// Number of orders.
    pub orders: i64,
    /// Units ordered.
    pub units: i128,
    /// Price of the goods ordered, in minor units.
    pub gross_minor: i128,
    /// Taken off their price, in minor units.
    pub discount_minor: i128,
    /// Number of refunds.
    pub refunds: i64,
    /// Units given back.
    pub refunded_units: i128,
    /// Price of the goods given back, net of their discount, in minor units.
    pub refunded_minor: i128,
}

impl SalesSums {
    /// Counts a row.
    pub fn add(&mut self, row: &SalesRow) {
        if row.is_refund {
            self.refunds += i64::from(row.is_first);
            self.refunded_units -= i128::from(row.units);
            self.refunded_minor -= row.net_minor();
        } else {
            self.orders += i64::from(row.is_first);
            self.units += i128::from(row.units);
            self.gross_minor += i128::from(row.gross_minor);
            self.discount_minor += i128::from(row.discount_minor);
        }
    }

    /// Adds other sums.
    pub fn merge(&mut self, other: &Self) {
        self.orders += other.orders;
        self.units += other.units;
        self.gross_minor += other.gross_minor;
        self.discount_minor += other.discount_minor;
        self.refunds += other.refunds;
        self.refunded_units += other.refunded_units;
        self.refunded_minor += other.refunded_minor;
    }

    /// Gross less discount and refunds, in minor units; negative where more came back than was sold.
    #[must_use]
    pub const fn net_minor(&self) -> i128 {
        self.gross_minor - self.discount_minor - self.refunded_minor
    }

    /// The sums in 64 bits; `of` names the row that they are for.
    pub(super) fn figures(&self, of: fmt::Arguments<'_>) -> Result<SalesFigures, Overflow> {
        Ok(SalesFigures {
            orders: self.orders,
            units: narrow("units", of, self.units)?,
            gross_minor: narrow("gross_minor", of, self.gross_minor)?,
            discount_minor: narrow("discount_minor", of, self.discount_minor)?,
            refunds: self.refunds,
            refunded_units: narrow("refunded_units", of, self.refunded_units)?,
            refunded_minor: narrow("refunded_minor", of, self.refunded_minor)?,
            net_minor: narrow("net_minor", of, self.net_minor())?,
        })
    }
}

/// Sums as a table has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SalesFigures {
    /// Number of orders.
    pub orders: i64,
    /// Units ordered.
    pub units: i64,
    /// Price of the goods ordered, in minor units.
    pub gross_minor: i64,
    /// Taken off their price, in minor units.
    pub discount_minor: i64,
    /// Number of refunds.
    pub refunds: i64,
    /// Units given back.
    pub refunded_units: i64,
    /// Price of the goods given back, net of their discount, in minor units.
    pub refunded_minor: i64,
    /// Gross less discount and refunds, in minor units; negative where more came back than was sold.
    pub net_minor: i64,
}

impl SalesFigures {
    /// (Gross − discount) / orders, in minor units; `None` without orders.
    #[must_use]
    pub fn average_order_value_minor(&self) -> Option<f64> {
        let ordered_minor = i128::from(self.gross_minor) - i128::from(self.discount_minor);
        ratio(ordered_minor, self.orders.into())
    }
}
