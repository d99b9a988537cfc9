//! What else the tables are made of, besides the facts.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use bytes::Bytes;
use warehouse::star::StarTable;

use crate::shop::{Shop, parquet};

/// `dim_product`: of three products one is not in the catalog, and the catalog has some that nobody buys.
pub(crate) fn products_file(shop: &Shop) -> Bytes {
    let ids: Vec<i64> = (1..=shop.products + 3).collect();
    let known = |id: i64| id % 3 != 0;
    let schema = StarTable::DimProduct.schema();
    let column = |field: &Arc<Field>| -> ArrayRef {
        match field.name().as_str() {
            "category" => Arc::new(
                ids.iter()
                    .map(|id| Some(format!("c{}", id % 2)))
                    .collect::<StringArray>(),
            ),
            "cost_minor" => Arc::new(
                ids.iter()
                    .map(|id| known(*id).then_some(id * 10))
                    .collect::<Int64Array>(),
            ),
            "is_inferred" => Arc::new(ids.iter().map(|id| Some(!known(*id))).collect::<BooleanArray>()),
            _ => match field.data_type() {
                DataType::Utf8 => Arc::new(StringArray::new_null(ids.len())),
                DataType::Date32 => Arc::new(Date32Array::new_null(ids.len())),
                _ => Arc::new(Int64Array::from(ids.clone())),
            },
        }
    };
    parquet(schema.clone(), schema.fields().iter().map(column).collect())
}

/// How often products were looked at: some that nobody buys, some that nobody knows, and not all.
pub(crate) fn views(shop: &Shop) -> BTreeMap<i64, i64> {
    let some = (1..=shop.products + 5).filter(|id| id % 4 != 1);
    some.map(|id| (id, id % 7 + 1)).collect()
}

/// `fact_product_views`, as far as the queries go: views of a product on two days, as far as there are two.
pub(crate) fn views_file(views: &BTreeMap<i64, i64>) -> Bytes {
    let of_days = |(id, count): (&i64, &i64)| [(*id, count / 2), (*id, count - count / 2)];
    let rows = views.iter().flat_map(of_days).filter(|(_, count)| *count > 0);
    let (products, counts): (Vec<i64>, Vec<i64>) = rows.unzip();
    let number = |name| Field::new(name, DataType::Int64, false);
    let schema = Schema::new(vec![number("product_id"), number("views")]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(products)),
        Arc::new(Int64Array::from(counts)),
    ];
    parquet(schema, columns)
}

/// Writes a file and the folders that it lies in.
pub(crate) fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}
