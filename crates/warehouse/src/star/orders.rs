//! Archived transactions, column by column.

use std::collections::BTreeSet;
use std::ops::Range;

use arrow::array::{
    Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray, TimestampMillisecondArray,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::ArrowNativeType;
use events::MS_PER_DAY;

use super::StarError;
use crate::read::{ReadError, optional, required};

/// The columns of the archive's `transactions` that facts are made of.
pub const FACT_COLUMNS: &[&str] = &[
    "event_id",
    "event_type",
    "occurred_at",
    "user_id",
    "country",
    "device",
    "transaction_id",
    "refunded_transaction_id",
    "lines",
    "discount_minor",
    "shipping_minor",
    "tax_minor",
    "payment_method",
];

/// Some rows of the archive: orders by their place in the batch, lines by theirs in all lines of the batch.
pub(super) struct Orders {
    pub(super) event_id: StringArray,
    pub(super) event_type: StringArray,
    pub(super) occurred_at_ms: ScalarBuffer<i64>,
    pub(super) user_id: ScalarBuffer<i64>,
    pub(super) country: StringArray,
    pub(super) device: StringArray,
    pub(super) transaction_id: StringArray,
    pub(super) refunded_transaction_id: StringArray,
    pub(super) discount_minor: ScalarBuffer<i64>,
    pub(super) shipping_minor: ScalarBuffer<i64>,
    pub(super) tax_minor: ScalarBuffer<i64>,
    pub(super) payment_method: StringArray,
    line_offsets: OffsetBuffer<i32>,
    pub(super) product_id: ScalarBuffer<i64>,
    pub(super) category: StringArray,
    pub(super) quantity: ScalarBuffer<i64>,
    pub(super) unit_price_minor: ScalarBuffer<i64>,
}

impl Orders {
    /// Of a batch with at least [`FACT_COLUMNS`].
    pub(super) fn new(batch: &RecordBatch) -> Result<Self, StarError> {
        let texts = |name| required::<StringArray>(batch, name).cloned();
        let numbers = |name| numbers(batch, name);
        let lists: &ListArray = required(batch, "lines")?;
        let lines: Option<&StructArray> = lists.values().as_any().downcast_ref();
        let lines = lines.ok_or(ReadError::Column("lines"))?;
        if lines.null_count() > 0 {
            return Err(ReadError::Null("lines").into());
        }
        let lines = RecordBatch::from(lines);
        Ok(Self {
            event_id: texts("event_id")?,
            event_type: texts("event_type")?,
            occurred_at_ms: occurred_at_ms(batch)?,
            user_id: numbers("user_id")?,
            country: texts("country")?,
            device: texts("device")?,
            transaction_id: texts("transaction_id")?,
            refunded_transaction_id: optional::<StringArray>(batch, "refunded_transaction_id")?.clone(),
            discount_minor: numbers("discount_minor")?,
            shipping_minor: numbers("shipping_minor")?,
            tax_minor: numbers("tax_minor")?,
            payment_method: texts("payment_method")?,
            line_offsets: lists.offsets().clone(),
            product_id: self::numbers(&lines, "product_id")?,
            category: required::<StringArray>(&lines, "category")?.clone(),
            quantity: self::numbers(&lines, "quantity")?,
            unit_price_minor: self::numbers(&lines, "unit_price_minor")?,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.event_id.len()
    }

    /// An order's lines.
    pub(super) fn lines(&self, order: usize) -> Range<usize> {
        self.line_offsets[order].as_usize()..self.line_offsets[order + 1].as_usize()
    }
}

/// On which days, counted since 1970-01-01, events of a batch of any archived table happened.
pub fn event_days(batch: &RecordBatch) -> Result<BTreeSet<i32>, StarError> {
    let mut days = BTreeSet::new();
    let mut latest = None;
    for ms in &occurred_at_ms(batch)? {
        let day = ms.div_euclid(MS_PER_DAY);
        // Most events happen on the day of the one before.
        if latest != Some(day) {
            latest = Some(day);
            days.insert(i32::try_from(day).map_err(|_| StarError::value("occurred_at", ms))?);
        }
    }
    Ok(days)
}

pub(super) fn occurred_at_ms(batch: &RecordBatch) -> Result<ScalarBuffer<i64>, StarError> {
    let column: &TimestampMillisecondArray = required(batch, "occurred_at")?;
    Ok(column.values().clone())
}

fn numbers(batch: &RecordBatch, name: &'static str) -> Result<ScalarBuffer<i64>, StarError> {
    let column: &Int64Array = required(batch, name)?;
    Ok(column.values().clone())
}
