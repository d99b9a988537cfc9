//! A day of `fact_product_views`, from archived events to a Parquet file.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array as _, Int32Array, Int64Array, RecordBatch, StringArray};
use bytes::Bytes;
use events::{EventType, MS_PER_DAY};

use super::input::value;
use super::orders::occurred_at_ms;
use super::{CalendarDay, Keys, StarError, StarTable, no_key};
use crate::read::{ReadError, optional, required, rows};
use crate::table_file::{column, encode};

/// The columns of the archive's `product_views` that facts are made of.
const VIEW_COLUMNS: &[&str] = &["event_type", "occurred_at", "product_id", "category"];

/// An archive object of product views, with the columns that facts are made of.
pub fn product_views_reader(
    object: Bytes,
) -> Result<impl Iterator<Item = Result<RecordBatch, ReadError>>, ReadError> {
    rows(object, VIEW_COLUMNS)
}

/// A view of a product, as archived.
pub(super) struct View<'a> {
    day: i32,
    pub(super) product_id: i64,
    pub(super) category: &'a str,
}

/// The views of products among archived rows; searches, filters and comparisons are passed over.
pub(super) fn views(batch: &RecordBatch) -> Result<Vec<View<'_>>, StarError> {
    let event_types: &StringArray = required(batch, "event_type")?;
    let occurred_at_ms = occurred_at_ms(batch)?;
    let product_ids: &Int64Array = optional(batch, "product_id")?;
    let categories: &StringArray = optional(batch, "category")?;
    let is_view = |row: &usize| event_types.value(*row) == EventType::ProductView.as_str();
    let view = |row| {
        Ok(View {
            day: day_of(occurred_at_ms[row])?,
            product_id: value(product_ids, row).ok_or(ReadError::Null("product_id"))?,
            category: value(categories, row).ok_or(ReadError::Null("category"))?,
        })
    };
    (0..event_types.len()).filter(is_view).map(view).collect()
}

/// The days, since 1970-01-01, on which products were looked at.
pub fn view_days(batch: &RecordBatch) -> Result<BTreeSet<i32>, StarError> {
    Ok(views(batch)?.into_iter().map(|view| view.day).collect())
}

fn day_of(ms: i64) -> Result<i32, StarError> {
    let day = ms.div_euclid(MS_PER_DAY);
    i32::try_from(day).map_err(|_| StarError::value("occurred_at", &ms))
}

/// Makes a day's file of archived rows. An event that was sent again counts again: to tell would take all ids of a day.
pub struct DayViews<'a, K> {
    keys: &'a K,
    day: CalendarDay,
    views: BTreeMap<i64, i64>,
}

impl<'a, K: Keys> DayViews<'a, K> {
    /// Of a day since 1970-01-01 (UTC).
    pub fn new(day: i32, keys: &'a K) -> Result<Self, StarError> {
        Ok(Self {
            keys,
            day: CalendarDay::new(day)?,
            views: BTreeMap::new(),
        })
    }

    /// Counts archived rows of that day; those of others are passed over.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<(), StarError> {
        for view in views(batch)? {
            if view.day == self.day.day {
                *self.views.entry(view.product_id).or_default() += 1;
            }
        }
        Ok(())
    }

    /// The Parquet file, by product, and how many views it counts. Fails if a product has no key.
    pub fn finish(self) -> Result<(Vec<u8>, i64), StarError> {
        let row = |(product_id, views): (&i64, &i64)| {
            let key = self.keys.product_key(*product_id);
            let key = key.ok_or_else(|| no_key("product_key", product_id))?;
            Ok((*product_id, *views, key))
        };
        let rows: Vec<(i64, i64, i64)> = self.views.iter().map(row).collect::<Result<_, StarError>>()?;
        let in_all = self.views.values().sum();
        let date_key = self.day.date_key();
        let schema = StarTable::FactProductViews.schema();
        let bytes = encode(schema, rows.into_iter(), |rows| {
            vec![
                column::<Int64Array, _, _>(rows, |(product_id, ..)| Some(*product_id)),
                column::<Int64Array, _, _>(rows, |(_, views, _)| Some(*views)),
                column::<Int32Array, _, _>(rows, |_| Some(date_key)),
                column::<Int64Array, _, _>(rows, |(.., key)| Some(*key)),
            ]
        })?;
        Ok((bytes, in_all))
    }
}
