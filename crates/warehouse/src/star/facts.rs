//! A day of `fact_sales`, from archived transactions to a Parquet file.

use std::mem;
use std::ops::Range;

use arrow::array::{Array, RecordBatch};
use bytes::Bytes;
use events::{MS_PER_DAY, PaymentMethod, Uuid};
use foldhash::{HashSet, HashSetExt as _};
use parquet::basic::Encoding;
use parquet::file::properties::{EnabledStatistics, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use super::allocation::Allocation;
use super::fixed::RegionKeys;
use super::orders::Orders;
use super::rows::{LineFact, OrderFact, Rows};
use super::{CalendarDay, StarError, StarTable, no_key, payment_method_key};
use crate::read::ReadError;
use crate::table_file::{BATCH_ROWS, ThreadedWriter};

/// The surrogate keys of what facts name.
pub trait Keys {
    /// Of a product.
    fn product_key(&self, product_id: i64) -> Option<i64>;
    /// Of a user.
    fn user_key(&self, user_id: i64) -> Option<i64>;
    /// Of a category.
    fn category_key(&self, category: &str) -> Option<i64>;
}

/// What went into a day's file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayTotals {
    /// Purchases.
    pub purchases: u64,
    /// Refunds.
    pub refunds: u64,
    /// Lines of both.
    pub rows: u64,
    /// Σ net of the rows, so refunds count negative.
    pub net_minor: i128,
}

/// A day's part of `fact_sales`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayFile {
    /// The Parquet file; without rows, it has columns only.
    pub bytes: Bytes,
    /// What is in it.
    pub totals: DayTotals,
}

/// Makes a day's file of archived rows. After an error, it is of no more use.
pub struct DayFacts<'a, K> {
    keys: &'a K,
    region_keys: RegionKeys,
    date_key: i32,
    day_ms: Range<i64>,
    event_ids: HashSet<u128>,
    rows: Rows,
    writer: ThreadedWriter,
    totals: DayTotals,
}

impl<'a, K: Keys> DayFacts<'a, K> {
    /// Of a day since 1970-01-01 (UTC).
    pub fn new(day: i32, keys: &'a K) -> Result<Self, StarError> {
        let date_key = CalendarDay::new(day)?.date_key();
        let begins_at_ms = i64::from(day) * MS_PER_DAY;
        Ok(Self {
            keys,
            region_keys: RegionKeys::new(),
            date_key,
            day_ms: begins_at_ms..begins_at_ms + MS_PER_DAY,
            event_ids: HashSet::new(),
            rows: Rows::new(),
            writer: ThreadedWriter::new(StarTable::FactSales.schema(), properties)?,
            totals: DayTotals::default(),
        })
    }

    /// Takes archived rows, with at least [`FACT_COLUMNS`](super::FACT_COLUMNS), in the archive's order. Those of other
    /// days are passed over, and so is an event whose id came before: the first copy counts.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<(), StarError> {
        let orders = Orders::new(batch)?;
        for order in 0..orders.len() {
            if !self.day_ms.contains(&orders.occurred_at_ms[order]) {
                continue;
            }
            let text = orders.event_id.value(order);
            let event_id = Uuid::try_parse(text).map_err(|_| StarError::value("event_id", text))?;
            if self.event_ids.insert(event_id.as_u128()) {
                self.add_order(&orders, order)?;
            }
        }
        Ok(())
    }

    /// The file of all rows.
    pub fn finish(mut self) -> Result<DayFile, StarError> {
        if self.rows.len() > 0 {
            self.write_rows();
        }
        Ok(DayFile {
            bytes: self.writer.finish()?.into(),
            totals: self.totals,
        })
    }

    fn add_order(&mut self, orders: &Orders, order: usize) -> Result<(), StarError> {
        let fact = self.order_fact(orders, order)?;
        if fact.is_refund {
            self.totals.refunds += 1;
        } else {
            self.totals.purchases += 1;
        }
        let lines = orders.lines(order);
        let weights = Weights::new(orders, lines.clone())?;
        let allocation = |column, amount| at_least_0(column, amount).map(Allocation::new);
        let mut discount = allocation("discount_minor", orders.discount_minor[order])?;
        let mut shipping = allocation("shipping_minor", orders.shipping_minor[order])?;
        let mut tax = allocation("tax_minor", orders.tax_minor[order])?;
        let sign = if fact.is_refund { -1 } else { 1 };
        let mut weight_so_far = 0;
        for (line, line_number) in lines.zip(1..) {
            let gross_minor = gross_minor(orders, line)?;
            weight_so_far += weights.of_line(gross_minor);
            let discount_minor = discount.share(weight_so_far, weights.in_all);
            let (product_id, category) = (orders.product_id[line], orders.category.value(line));
            let product_key = self.keys.product_key(product_id);
            let category_key = self.keys.category_key(category);
            let row = LineFact {
                line_number,
                product_id,
                category,
                quantity: sign * orders.quantity[line],
                unit_price_minor: orders.unit_price_minor[line],
                gross_minor: sign * gross_minor,
                discount_minor: sign * discount_minor,
                net_minor: sign * (gross_minor - discount_minor),
                shipping_minor: sign * shipping.share(weight_so_far, weights.in_all),
                tax_minor: sign * tax.share(weight_so_far, weights.in_all),
                product_key: product_key.ok_or_else(|| no_key("product_key", &product_id))?,
                category_key: category_key.ok_or_else(|| no_key("category_key", category))?,
            };
            self.rows.push(&fact, &row);
            self.totals.rows += 1;
            self.totals.net_minor += i128::from(row.net_minor);
            if self.rows.len() == BATCH_ROWS {
                self.write_rows();
            }
        }
        Ok(())
    }

    fn order_fact<'b>(&self, orders: &'b Orders, order: usize) -> Result<OrderFact<'b>, StarError> {
        let is_refund = match orders.event_type.value(order) {
            "purchase" => false,
            "refund" => true,
            other => return Err(StarError::value("event_type", other)),
        };
        let refunded = &orders.refunded_transaction_id;
        if is_refund && refunded.is_null(order) {
            return Err(ReadError::Null("refunded_transaction_id").into());
        }
        let country = orders.country.value(order);
        let region_key = self.region_keys.get(country);
        let payment_method = orders.payment_method.value(order);
        let method = PaymentMethod::from_name(payment_method);
        let user_id = orders.user_id[order];
        let user_key = self.keys.user_key(user_id);
        Ok(OrderFact {
            transaction_id: orders.transaction_id.value(order),
            event_id: orders.event_id.value(order),
            refunded_transaction_id: is_refund.then(|| refunded.value(order)),
            user_id,
            country,
            payment_method,
            device: orders.device.value(order),
            occurred_at_ms: orders.occurred_at_ms[order],
            is_refund,
            user_key: user_key.ok_or_else(|| no_key("user_key", &user_id))?,
            region_key: region_key.ok_or_else(|| StarError::value("country", country))?,
            payment_method_key: method
                .map(payment_method_key)
                .ok_or_else(|| StarError::value("payment_method", payment_method))?,
        })
    }

    fn write_rows(&mut self) {
        let rows = mem::replace(&mut self.rows, Rows::new());
        self.writer.write(rows.into_columns(self.date_key));
    }
}

/// By what an order's amounts are allocated: the gross of its lines; their number, if that is 0 in all.
#[derive(Clone, Copy)]
struct Weights {
    in_all: i64,
    is_gross: bool,
}

impl Weights {
    fn new(orders: &Orders, lines: Range<usize>) -> Result<Self, StarError> {
        let (mut gross_in_all, mut count) = (0_i64, 0);
        for line in lines {
            gross_in_all = gross_in_all
                .checked_add(gross_minor(orders, line)?)
                .ok_or_else(|| StarError::value("lines", "more than 64 bits of money"))?;
            count += 1;
        }
        match (gross_in_all, count) {
            (0, 0) => Err(StarError::value("lines", "no line")),
            (0, in_all) => Ok(Self {
                in_all,
                is_gross: false,
            }),
            (in_all, _) => Ok(Self {
                in_all,
                is_gross: true,
            }),
        }
    }

    const fn of_line(self, gross_minor: i64) -> i64 {
        if self.is_gross { gross_minor } else { 1 }
    }
}

fn gross_minor(orders: &Orders, line: usize) -> Result<i64, StarError> {
    let quantity = at_least_0("quantity", orders.quantity[line])?;
    let unit_price_minor = at_least_0("unit_price_minor", orders.unit_price_minor[line])?;
    quantity
        .checked_mul(unit_price_minor)
        .ok_or_else(|| StarError::value("unit_price_minor", &unit_price_minor))
}

fn at_least_0(column: &'static str, amount: i64) -> Result<i64, StarError> {
    if amount < 0 {
        return Err(StarError::value(column, &amount));
    }
    Ok(amount)
}

/// Rows whose encoded columns are held until they go into the file together; a multiple of `BATCH_ROWS`.
const ROW_GROUP_ROWS: usize = 262_144;

/// A dictionary, the usual encoding, pays where values repeat within a row group. Ids hardly do, so they are stored as
/// they are; other numbers of many values are quicker to write as deltas, in about as many bytes.
fn properties(usual: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
    let ids = ["transaction_id", "event_id", "refunded_transaction_id"];
    let plain = ["user_id", "user_key"];
    let deltas = [
        "product_id",
        "occurred_at",
        "unit_price_minor",
        "gross_minor",
        "net_minor",
        "tax_minor",
        "product_key",
    ];
    let mut properties = usual
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for column in ids {
        // Random, so the least and the greatest of a row group tell nothing.
        properties =
            properties.set_column_statistics_enabled(ColumnPath::from(column), EnabledStatistics::None);
    }
    for column in ids.into_iter().chain(plain).chain(deltas) {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(column), false);
    }
    for column in deltas {
        properties = properties.set_column_encoding(ColumnPath::from(column), Encoding::DELTA_BINARY_PACKED);
    }
    properties
}
