//! What queries leave: files of rows in any order.

use std::sync::Arc;

use analytics::retail::rfm::Segment;
use arrow::array::{Array, ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray, UInt64Array};
use arrow::compute::{CastOptions, SortColumn, cast_with_options, concat, lexsort_to_indices};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use aws::bucket::{Objects, gone};
use bytes::Bytes;
use warehouse::read::{ReadError, optional, required, rows};
use warehouse::tables::{AnalyticsTable, encode_rows};

use super::AthenaError;
use crate::tables::TableError;

/// What a query left cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{files}: {problem}")]
pub struct UnloadedError {
    /// The file's key, or what the keys of all files of the query begin with. The folder has the table's name.
    pub files: String,
    /// What is wrong.
    #[source]
    pub problem: UnloadedProblem,
}

/// Why it cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UnloadedProblem {
    /// A file is not what it should be.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A column is not there.
    #[error("there is no column `{0}`")]
    Missing(String),
    /// A column has nulls where none may be.
    #[error("column `{0}` has nulls")]
    Null(String),
    /// A column is of a type that its own does not hold.
    #[error("column `{column}` is {found} and should be {expected}")]
    Type {
        /// The column.
        column: String,
        /// Its type.
        found: DataType,
        /// The table's.
        expected: DataType,
    },
    /// A column has values that its type does not hold.
    #[error("column `{column}`: {error}")]
    Range {
        /// The column.
        column: String,
        /// Which value.
        #[source]
        error: ArrowError,
    },
}

/// The columns of [`DAYS`](super::queries::DAYS).
pub(super) fn day_figures() -> Schema {
    let column = |name: &str, data_type| Field::new(name, data_type, false);
    Schema::new(vec![
        column("day", DataType::Date32),
        column("orders", DataType::Int64),
        column("refunds", DataType::Int64),
        column("net_minor", DataType::Int64),
    ])
}

/// What a query answered: rows in the columns of a schema.
pub(super) struct Rows {
    prefix: String,
    batches: Vec<RecordBatch>,
}

impl Rows {
    /// From the files whose keys begin with `prefix`.
    pub(super) async fn read(
        bucket: &impl Objects,
        prefix: &str,
        schema: Schema,
    ) -> Result<Self, AthenaError> {
        let schema = Arc::new(schema);
        let mut batches = Vec::new();
        for key in bucket.list(prefix).await?.into_keys() {
            let (file, _) = bucket.get(&key).await?.ok_or_else(|| gone(&key))?;
            let read = read(file, &schema, &mut batches);
            read.map_err(|problem| UnloadedError { files: key, problem })?;
        }
        let prefix = prefix.to_owned();
        Ok(Self { prefix, batches })
    }

    /// A column of whole numbers without nulls.
    pub(super) fn numbers(&self, column: &'static str) -> Result<impl Iterator<Item = i128>, UnloadedError> {
        let columns: Vec<&Int64Array> = self.columns(column)?;
        Ok(columns
            .into_iter()
            .flat_map(Int64Array::values)
            .map(|number| i128::from(*number)))
    }

    /// A column of days since 1970-01-01 without nulls.
    pub(super) fn dates(&self, column: &'static str) -> Result<impl Iterator<Item = i32>, UnloadedError> {
        let columns: Vec<&Date32Array> = self.columns(column)?;
        Ok(columns.into_iter().flat_map(Date32Array::values).copied())
    }

    /// A column of texts without nulls.
    pub(super) fn texts(&self, column: &'static str) -> Result<impl Iterator<Item = &str>, UnloadedError> {
        let columns: Vec<&StringArray> = self.columns(column)?;
        Ok(columns.into_iter().flatten().flatten())
    }

    fn columns<A: Array + 'static>(&self, column: &'static str) -> Result<Vec<&A>, UnloadedError> {
        let columns = self.batches.iter().map(|batch| required(batch, column));
        let columns = columns.collect::<Result<_, _>>();
        columns.map_err(|error| self.failed(error))
    }

    /// As a table's file, in the order of its key.
    pub(super) fn encode(self, table: AnalyticsTable) -> Result<Vec<u8>, AthenaError> {
        let order = self.order(table).map_err(|error| self.failed(error))?;
        let mut begin = 0;
        let mut begins = Vec::with_capacity(self.batches.len());
        for batch in &self.batches {
            begins.push(begin);
            begin += batch.num_rows();
        }
        let rows = order.into_iter().map(|row| {
            let batch = begins.partition_point(|begin| *begin <= row) - 1;
            (batch, row - begins[batch])
        });
        let encoded = encode_rows(table, &self.batches, rows);
        Ok(encoded.map_err(|error| TableError::Encode { table, error })?)
    }

    /// The rows by the table's key; counted through all batches.
    fn order(&self, table: AnalyticsTable) -> Result<Vec<usize>, ReadError> {
        let key = key_of(table);
        if key.is_empty() || self.batches.is_empty() {
            return Ok((0..self.batches.iter().map(RecordBatch::num_rows).sum()).collect());
        }
        let columns = key.iter().map(|(column, order)| {
            let values = match order {
                Order::Value => self.values(column)?,
                Order::Place(place) => self.places(column, *place)?,
            };
            Ok(SortColumn {
                values,
                options: None,
            })
        });
        let columns = columns.collect::<Result<Vec<_>, ReadError>>()?;
        let order = lexsort_to_indices(&columns, None)?;
        Ok(order.values().iter().map(|row| *row as usize).collect())
    }

    fn values(&self, column: &'static str) -> Result<ArrayRef, ReadError> {
        let columns = self.batches.iter().map(|batch| batch.column_by_name(column));
        let columns: Option<Vec<&dyn Array>> = columns.map(|column| Some(column?.as_ref())).collect();
        Ok(concat(&columns.ok_or(ReadError::Column(column))?)?)
    }

    /// The places of names; null comes last.
    fn places(&self, column: &'static str, place: Place) -> Result<ArrayRef, ReadError> {
        let mut places = Vec::new();
        for batch in &self.batches {
            let names: &StringArray = optional(batch, column)?;
            for name in names {
                let unknown = |name: &str| ReadError::Value {
                    column,
                    found: name.chars().take(32).collect(),
                };
                let place = name.map(|name| place(name).ok_or_else(|| unknown(name)));
                places.push(place.transpose()?.unwrap_or(u64::MAX));
            }
        }
        Ok(Arc::new(UInt64Array::from(places)))
    }

    fn failed(&self, error: ReadError) -> UnloadedError {
        UnloadedError {
            files: self.prefix.clone(),
            problem: error.into(),
        }
    }
}

fn read(file: Bytes, schema: &SchemaRef, batches: &mut Vec<RecordBatch>) -> Result<(), UnloadedProblem> {
    let columns: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    for batch in rows(file, &columns)? {
        let batch = batch?;
        let columns = schema.fields().iter().map(|field| column_of(&batch, field));
        let columns = columns.collect::<Result<_, _>>()?;
        batches.push(RecordBatch::try_new(Arc::clone(schema), columns).map_err(ReadError::from)?);
    }
    Ok(())
}

/// A column in the type of its field. Integers of one width become those of another if all of them fit.
fn column_of(batch: &RecordBatch, field: &Field) -> Result<ArrayRef, UnloadedProblem> {
    let column = || field.name().clone();
    let values = batch
        .column_by_name(field.name())
        .ok_or_else(|| UnloadedProblem::Missing(column()))?;
    if !field.is_nullable() && values.null_count() > 0 {
        return Err(UnloadedProblem::Null(column()));
    }
    let (found, expected) = (values.data_type(), field.data_type());
    if found == expected {
        return Ok(Arc::clone(values));
    }
    if !(found.is_integer() && expected.is_integer()) {
        return Err(UnloadedProblem::Type {
            column: column(),
            found: found.clone(),
            expected: expected.clone(),
        });
    }
    let all = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(values, expected, &all).map_err(|error| UnloadedProblem::Range {
        column: column(),
        error,
    })
}

/// Where a name comes among its kind.
type Place = fn(&str) -> Option<u64>;

/// What a column of a key sorts by.
#[derive(Clone, Copy)]
enum Order {
    Value,
    Place(Place),
}

/// The order of the rows that the table's own writer makes.
fn key_of(table: AnalyticsTable) -> &'static [(&'static str, Order)] {
    const GRAIN: Order = Order::Place(|name| place(["day", "week", "month"], name));
    const MEASURE: Order = Order::Place(|name| place(["recency", "frequency", "monetary"], name));
    const SEGMENT: Order = Order::Place(|name| place(Segment::ALL.map(Segment::as_str), name));
    match table {
        AnalyticsTable::CustomerSegments => &[("user_id", Order::Value)],
        AnalyticsTable::RfmCutPoints => &[("measure", MEASURE), ("score", Order::Value)],
        AnalyticsTable::SegmentMigration => &[("from_segment", SEGMENT), ("to_segment", SEGMENT)],
        AnalyticsTable::ProductPerformance => &[("product_id", Order::Value)],
        AnalyticsTable::SalesTrends => &[("grain", GRAIN), ("period_start", Order::Value)],
        AnalyticsTable::SalesWeekdayIndex => &[("weekday", Order::Value)],
        AnalyticsTable::SalesForecast => &[("date", Order::Value)],
        // It has one row.
        AnalyticsTable::SalesForecastError => &[],
        AnalyticsTable::SalesByRegion => &[("month", Order::Value), ("country", Order::Value)],
    }
}

fn place<const N: usize>(names: [&str; N], name: &str) -> Option<u64> {
    (0..)
        .zip(names)
        .find(|(_, known)| *known == name)
        .map(|(place, _)| place)
}
