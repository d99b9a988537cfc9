//! What a function reads of the catalog.

use arrow::array::{AsArray, PrimitiveArray};
use arrow::datatypes::Int64Type;
use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;

/// The initial stock of a catalog's products, by product id, from one of its Parquet files.
pub fn read_initial_stock(file: Bytes) -> Result<Vec<(u64, i64)>, ReadError> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)?;
    let wanted = ProjectionMask::columns(reader.parquet_schema(), ["product_id", "initial_stock"]);
    let mut stock = Vec::new();
    for batch in reader.with_projection(wanted).build()? {
        let batch = batch?;
        let column = |name: &'static str| {
            let column = batch
                .column_by_name(name)
                .and_then(|column| column.as_primitive_opt::<Int64Type>());
            column.map(PrimitiveArray::values).ok_or(ReadError::Column(name))
        };
        let products = column("product_id")?.iter().zip(column("initial_stock")?);
        stock.extend(products.filter_map(|(id, units)| Some((u64::try_from(*id).ok()?, *units))));
    }
    Ok(stock)
}

/// A file is none of the catalog's.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is no Parquet file.
    #[error(transparent)]
    Parquet(#[from] ParquetError),
    /// Its rows cannot be read.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    /// A column is not there, or of another type.
    #[error("there is no column `{0}` of 64-bit integers")]
    Column(&'static str),
}
