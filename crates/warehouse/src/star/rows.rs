//! Rows of `fact_sales` on their way into the file, column by column.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Int32Array, Int64Array, StringBuilder, TimestampMillisecondArray,
};

use crate::table_file::BATCH_ROWS;

/// What the lines of an order have in common.
pub(super) struct OrderFact<'a> {
    pub(super) transaction_id: &'a str,
    pub(super) event_id: &'a str,
    pub(super) refunded_transaction_id: Option<&'a str>,
    pub(super) user_id: i64,
    pub(super) country: &'a str,
    pub(super) payment_method: &'a str,
    pub(super) device: &'a str,
    pub(super) occurred_at_ms: i64,
    pub(super) is_refund: bool,
    pub(super) user_key: i64,
    pub(super) region_key: i32,
    pub(super) payment_method_key: i32,
}

/// What is a line's own. Quantity and amounts of a refund are negative, the unit price is not.
pub(super) struct LineFact<'a> {
    pub(super) line_number: i32,
    pub(super) product_id: i64,
    pub(super) category: &'a str,
    pub(super) quantity: i64,
    pub(super) unit_price_minor: i64,
    pub(super) gross_minor: i64,
    pub(super) discount_minor: i64,
    pub(super) net_minor: i64,
    pub(super) shipping_minor: i64,
    pub(super) tax_minor: i64,
    pub(super) product_key: i64,
    pub(super) category_key: i64,
}

/// At most `BATCH_ROWS` rows of one day.
pub(super) struct Rows {
    transaction_id: StringBuilder,
    line_number: Vec<i32>,
    event_id: StringBuilder,
    refunded_transaction_id: StringBuilder,
    user_id: Vec<i64>,
    product_id: Vec<i64>,
    category: StringBuilder,
    country: StringBuilder,
    payment_method: StringBuilder,
    device: StringBuilder,
    occurred_at_ms: Vec<i64>,
    quantity: Vec<i64>,
    unit_price_minor: Vec<i64>,
    gross_minor: Vec<i64>,
    discount_minor: Vec<i64>,
    net_minor: Vec<i64>,
    shipping_minor: Vec<i64>,
    tax_minor: Vec<i64>,
    is_refund: Vec<bool>,
    product_key: Vec<i64>,
    user_key: Vec<i64>,
    region_key: Vec<i32>,
    payment_method_key: Vec<i32>,
    category_key: Vec<i64>,
}

impl Rows {
    pub(super) fn new() -> Self {
        let text = |bytes_a_row| StringBuilder::with_capacity(BATCH_ROWS, BATCH_ROWS * bytes_a_row);
        let number = || Vec::with_capacity(BATCH_ROWS);
        let small = || Vec::with_capacity(BATCH_ROWS);
        Self {
            transaction_id: text(36),
            line_number: small(),
            event_id: text(36),
            refunded_transaction_id: text(4),
            user_id: number(),
            product_id: number(),
            category: text(12),
            country: text(2),
            payment_method: text(12),
            device: text(8),
            occurred_at_ms: number(),
            quantity: number(),
            unit_price_minor: number(),
            gross_minor: number(),
            discount_minor: number(),
            net_minor: number(),
            shipping_minor: number(),
            tax_minor: number(),
            is_refund: Vec::with_capacity(BATCH_ROWS),
            product_key: number(),
            user_key: number(),
            region_key: small(),
            payment_method_key: small(),
            category_key: number(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.line_number.len()
    }

    pub(super) fn push(&mut self, order: &OrderFact<'_>, line: &LineFact<'_>) {
        self.transaction_id.append_value(order.transaction_id);
        self.line_number.push(line.line_number);
        self.event_id.append_value(order.event_id);
        self.refunded_transaction_id
            .append_option(order.refunded_transaction_id);
        self.user_id.push(order.user_id);
        self.product_id.push(line.product_id);
        self.category.append_value(line.category);
        self.country.append_value(order.country);
        self.payment_method.append_value(order.payment_method);
        self.device.append_value(order.device);
        self.occurred_at_ms.push(order.occurred_at_ms);
        self.quantity.push(line.quantity);
        self.unit_price_minor.push(line.unit_price_minor);
        self.gross_minor.push(line.gross_minor);
        self.discount_minor.push(line.discount_minor);
        self.net_minor.push(line.net_minor);
        self.shipping_minor.push(line.shipping_minor);
        self.tax_minor.push(line.tax_minor);
        self.is_refund.push(order.is_refund);
        self.product_key.push(line.product_key);
        self.user_key.push(order.user_key);
        self.region_key.push(order.region_key);
        self.payment_method_key.push(order.payment_method_key);
        self.category_key.push(line.category_key);
    }

    /// The columns in the order of the schema; `date_key` is that of each row.
    pub(super) fn into_columns(self, date_key: i32) -> Vec<ArrayRef> {
        let text = |mut column: StringBuilder| -> ArrayRef { Arc::new(column.finish()) };
        let number = |column: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(column)) };
        let small = |column: Vec<i32>| -> ArrayRef { Arc::new(Int32Array::from(column)) };
        let date_keys = vec![date_key; self.len()];
        vec![
            text(self.transaction_id),
            small(self.line_number),
            text(self.event_id),
            text(self.refunded_transaction_id),
            number(self.user_id),
            number(self.product_id),
            text(self.category),
            text(self.country),
            text(self.payment_method),
            text(self.device),
            Arc::new(TimestampMillisecondArray::from(self.occurred_at_ms)),
            number(self.quantity),
            number(self.unit_price_minor),
            number(self.gross_minor),
            number(self.discount_minor),
            number(self.net_minor),
            number(self.shipping_minor),
            number(self.tax_minor),
            Arc::new(BooleanArray::from(self.is_refund)),
            small(date_keys),
            number(self.product_key),
            number(self.user_key),
            small(self.region_key),
            small(self.payment_method_key),
            number(self.category_key),
        ]
    }
}
