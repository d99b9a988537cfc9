//! What a function reads of the catalog.

use arrow::array::Int64Array;
use bytes::Bytes;

use crate::read::{ReadError, required, rows};

/// The initial stock of a catalog's products, by product id, from one of its Parquet files.
pub fn read_initial_stock(file: Bytes) -> Result<Vec<(u64, i64)>, ReadError> {
    let mut stock = Vec::new();
    for batch in rows(file, &["product_id", "initial_stock"])? {
        let batch = batch?;
        let ids: &Int64Array = required(&batch, "product_id")?;
        let units: &Int64Array = required(&batch, "initial_stock")?;
        let products = ids.values().iter().zip(units.values());
        stock.extend(products.filter_map(|(id, units)| Some((u64::try_from(*id).ok()?, *units))));
    }
    Ok(stock)
}
