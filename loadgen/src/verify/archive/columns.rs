//! Values of archived rows, by the names of their columns.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMillisecondType};
use events::Timestamp;

/// What a damaged object or one of another version gives.
pub(super) type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Columns of a batch by name, checked: the archive may be of another version than this reader.
pub(super) struct Columns<'a>(pub(super) &'a RecordBatch);

impl Columns<'_> {
    fn column(&self, name: &str) -> Result<&dyn Array, AnyError> {
        self.0
            .column_by_name(name)
            .map(AsRef::as_ref)
            .ok_or_else(|| format!("no column `{name}`").into())
    }

    pub(super) fn text(&self, name: &str, row: usize) -> Result<&str, AnyError> {
        let column = self.column(name)?.as_string_opt::<i32>();
        Ok(column
            .ok_or_else(|| format!("column `{name}` is not text"))?
            .value(row))
    }

    pub(super) fn number(&self, name: &str, row: usize) -> Result<i64, AnyError> {
        let column = self.column(name)?.as_primitive_opt::<Int64Type>();
        Ok(column
            .ok_or_else(|| format!("column `{name}` is not a 64-bit integer"))?
            .value(row))
    }

    pub(super) fn time(&self, name: &str, row: usize) -> Result<Timestamp, AnyError> {
        let column = self.column(name)?.as_primitive_opt::<TimestampMillisecondType>();
        let ms = column
            .ok_or_else(|| format!("column `{name}` is not a time in milliseconds"))?
            .value(row);
        Timestamp::from_ms(ms).ok_or_else(|| format!("column `{name}`: {ms} is outside the calendar").into())
    }

    /// Σ quantity and Σ quantity × unit price of a row's lines.
    pub(super) fn lines(&self, row: usize) -> Result<(i64, i64), AnyError> {
        let lists = self
            .column("lines")?
            .as_list_opt::<i32>()
            .ok_or("column `lines` is not a list")?;
        let lines = lists.value(row);
        let lines = lines
            .as_struct_opt()
            .ok_or("the elements of `lines` are not structs")?;
        let field = |name: &str| {
            let column = lines
                .column_by_name(name)
                .and_then(|column| column.as_primitive_opt::<Int64Type>());
            column.ok_or_else(|| format!("`lines.{name}` is not a 64-bit integer"))
        };
        let (quantities, prices) = (field("quantity")?.values(), field("unit_price_minor")?.values());
        let goods_minor = quantities
            .iter()
            .zip(prices)
            .map(|(quantity, price)| quantity * price)
            .sum();
        Ok((quantities.iter().sum(), goods_minor))
    }
}
