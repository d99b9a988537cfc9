//! Rows of orders: those of an order, or of a refund, follow each other, and the first has line number 1.

use std::str::FromStr;

use analytics::retail::rfm::{Customers, RfmRow};
use events::Country;
use warehouse::read::ReadError;

use crate::FileProblem;

/// Adds up the rows of an order before they are looked up among the customers: a look-up costs more than all else.
#[derive(Debug, Default)]
pub(crate) struct CustomerRows {
    order: Option<RfmRow>,
}

impl CustomerRows {
    /// Takes a row; `is_first` says whether an order or a refund begins with it.
    pub(crate) fn push(&mut self, customers: &mut Customers, row: RfmRow, is_first: bool) {
        if let Some(order) = &mut self.order
            && !is_first
            && order.user_id == row.user_id
            && let Some(sum_minor) = order.net_minor.checked_add(row.net_minor)
        {
            order.net_minor = sum_minor;
            return;
        }
        if let Some(order) = self.order.replace(row) {
            customers.add(order);
        }
    }

    /// There are no more rows.
    pub(crate) fn finish(self, customers: &mut Customers) {
        if let Some(order) = self.order {
            customers.add(order);
        }
    }
}

/// Which products an order has had lines of so far.
#[derive(Debug, Default)]
pub(crate) struct OrderProducts {
    product_ids: Vec<i64>,
}

impl OrderProducts {
    /// Whether a row is the first of its order and product.
    pub(crate) fn is_first(&mut self, product_id: i64, begins_order: bool) -> bool {
        if begins_order {
            self.product_ids.clear();
        }
        let is_first = !self.product_ids.contains(&product_id);
        if is_first {
            self.product_ids.push(product_id);
        }
        is_first
    }
}

/// The country of the row before, as that of the next one mostly is the same.
#[derive(Debug, Default)]
pub(crate) struct LatestCountry {
    country: Option<Country>,
}

impl LatestCountry {
    pub(crate) fn parse(&mut self, text: &str) -> Result<Country, FileProblem> {
        if let Some(country) = self.country.filter(|country| country.as_str() == text) {
            return Ok(country);
        }
        let country = Country::from_str(text).map_err(|_| ReadError::Value {
            column: "country",
            found: text.chars().take(16).collect(),
        })?;
        self.country = Some(country);
        Ok(country)
    }
}
