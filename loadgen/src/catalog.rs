//! `loadgen catalog`: the shop's products and users as Parquet tables.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::thread::available_parallelism;

use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use tokio::time::Instant;
use warehouse::{
    CatalogProduct, CatalogTable, CatalogUser, EncodeError, catalog_key, catalog_prefix, encode_products,
    encode_users,
};

use crate::args::Output;
use crate::backfill::name_value_table;
use crate::failure::Failure;
use crate::generator::shop::{Product, Shop, User};
use crate::profile::ShopSize;
use crate::report::{grouped, rounded};
use crate::store::{Store, blocking};

const SCHEMA_VERSION: u32 = 1;
/// Rows in a file: some ten megabytes of users.
const PART_ROWS: u64 = 1_000_000;

/// What was written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The form of this report.
    pub schema_version: u32,
    /// The seed.
    pub seed: u64,
    /// The bucket or the folder.
    pub target: String,
    /// Rows in all.
    pub rows: u64,
    /// Rows by table.
    pub rows_by_table: BTreeMap<String, u64>,
    /// Objects put.
    pub objects: u64,
    /// Parquet.
    pub bytes: u64,
    /// Parts of an earlier, larger catalog that were removed.
    pub removed: u64,
    /// How long it took.
    pub elapsed_s: f64,
    /// Rows written a second.
    pub rows_per_s: f64,
}

/// Writes all products and users of the shop of `seed`. What was in the catalog before is replaced.
pub async fn catalog(seed: u64, size: ShopSize, store: &Store) -> Result<Summary, Failure> {
    write(seed, size.users, size.products, store, PART_ROWS).await
}

async fn write(
    seed: u64,
    users: u64,
    products: u64,
    store: &Store,
    part_rows: u64,
) -> Result<Summary, Failure> {
    let began = Instant::now();
    let shop = Arc::new(Shop::new(seed, users, products));
    let sizes = [(CatalogTable::Products, products), (CatalogTable::Users, users)];
    let parts: Vec<Part> = sizes
        .iter()
        .flat_map(|&(table, rows)| {
            (0..rows.div_ceil(part_rows)).map(move |number| Part {
                table,
                number,
                ids: number * part_rows + 1..=rows.min((number + 1) * part_rows),
            })
        })
        .collect();
    let cores = available_parallelism().map_or(1, usize::from);
    let bytes: Vec<u64> = stream::iter(&parts)
        .map(|part| part.put(&shop, store))
        .buffer_unordered(cores)
        .try_collect()
        .await?;
    let mut removed = 0;
    for (table, rows) in sizes {
        let last = catalog_key(table, rows.div_ceil(part_rows).saturating_sub(1));
        removed += store
            .remove(&catalog_prefix(table), &last, None, |_| true)
            .await?;
    }
    let (elapsed_s, rows) = (began.elapsed().as_secs_f64(), users + products);
    let by_table = sizes.map(|(table, rows)| (format!("catalog_{}", table.as_str()), rows));
    Ok(Summary {
        schema_version: SCHEMA_VERSION,
        seed,
        target: store.name(),
        rows,
        rows_by_table: by_table.into(),
        objects: parts.len() as u64,
        bytes: bytes.iter().sum(),
        removed,
        elapsed_s: rounded(elapsed_s),
        rows_per_s: rounded(rows as f64 / elapsed_s.max(f64::EPSILON)),
    })
}

/// A file of a table.
#[derive(Clone, Debug)]
struct Part {
    table: CatalogTable,
    number: u64,
    ids: RangeInclusive<u64>,
}

impl Part {
    /// Encodes it on a thread of its own, puts it, and tells its size.
    async fn put(&self, shop: &Arc<Shop>, store: &Store) -> Result<u64, Failure> {
        let key = catalog_key(self.table, self.number);
        let (part, shop) = (self.clone(), Arc::clone(shop));
        let bytes = blocking(move || {
            part.encode(&shop)
                .map_err(|error| Failure::run(format!("cannot encode the catalog: {error}")))
        })
        .await?;
        let size = bytes.len() as u64;
        store.put(&key, bytes).await?;
        Ok(size)
    }

    fn encode(self, shop: &Shop) -> Result<Vec<u8>, EncodeError> {
        match self.table {
            CatalogTable::Products => encode_products(self.ids.map(|id| product_row(shop.product(id)))),
            CatalogTable::Users => encode_users(self.ids.map(|id| user_row(shop.user(id)))),
        }
    }
}

fn product_row(product: Product) -> CatalogProduct<'static> {
    CatalogProduct {
        product_id: product.product_id,
        name: product.name,
        category: product.category,
        brand: product.brand,
        price_minor: product.price_minor,
        cost_minor: product.cost_minor,
        launched_on: product.launched_on,
        initial_stock: product.initial_stock,
    }
}

fn user_row(user: User) -> CatalogUser<'static> {
    CatalogUser {
        user_id: user.user_id,
        country: user.country,
        device: user.device,
        joined_on: user.joined_on,
        activity: user.activity,
        tastes: user.tastes,
    }
}

impl Summary {
    /// The summary in the form asked for.
    #[must_use]
    pub fn render(&self, output: Output) -> String {
        match output {
            Output::Json => {
                serde_json::to_string_pretty(self).expect("a summary has only string keys and finite numbers")
            }
            Output::Human => {
                let mut rows = vec![
                    ("target".to_owned(), self.target.clone()),
                    ("seed".to_owned(), self.seed.to_string()),
                ];
                let by_table = self.rows_by_table.iter();
                rows.extend(by_table.map(|(table, count)| (table.clone(), grouped(*count))));
                rows.extend([
                    ("objects".to_owned(), grouped(self.objects)),
                    ("bytes".to_owned(), grouped(self.bytes)),
                    ("elapsed".to_owned(), format!("{:.2} s", self.elapsed_s)),
                    ("rate".to_owned(), format!("{:.0} rows/s", self.rows_per_s)),
                ]);
                name_value_table(rows)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;
    use bytes::Bytes;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use tempfile::TempDir;

    use super::*;

    fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for table in ["products", "users"] {
            for entry in std::fs::read_dir(folder.join("catalog").join(table)).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap();
                files.insert(format!("{table}/{name}"), std::fs::read(&path).unwrap());
            }
        }
        files
    }

    fn ids(bytes: &[u8]) -> Vec<i64> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(bytes)).unwrap();
        let batches = reader.build().unwrap().map(Result::unwrap);
        let of =
            |batch: arrow::array::RecordBatch| batch.column(0).as_primitive::<Int64Type>().values().to_vec();
        batches.flat_map(of).collect()
    }

    #[tokio::test]
    async fn every_product_and_user_lies_once_in_parts_by_id() {
        let folder = TempDir::new().unwrap();
        let store = Store::folder(folder.path()).unwrap();
        let summary = write(42, 25, 10, &store, 10).await.unwrap();
        let files = files(folder.path());
        let found: Vec<(&str, Vec<i64>)> = files
            .iter()
            .map(|(key, bytes)| (key.as_str(), ids(bytes)))
            .collect();
        assert_eq!(
            found,
            [
                ("products/part-00000.parquet", (1..=10).collect()),
                ("users/part-00000.parquet", (1..=10).collect()),
                ("users/part-00001.parquet", (11..=20).collect()),
                ("users/part-00002.parquet", (21..=25).collect::<Vec<i64>>()),
            ]
        );
        assert_eq!((summary.rows, summary.objects, summary.removed), (35, 4, 0));
        assert_eq!(
            summary.bytes,
            files.values().map(|bytes| bytes.len() as u64).sum::<u64>()
        );
        assert_eq!(summary.rows_by_table["catalog_users"], 25);
    }

    #[tokio::test]
    async fn the_same_again_gives_the_same_bytes_and_a_smaller_one_leaves_nothing_behind() {
        let folder = TempDir::new().unwrap();
        let store = Store::folder(folder.path()).unwrap();
        write(42, 25, 10, &store, 10).await.unwrap();
        let before = files(folder.path());
        write(42, 25, 10, &store, 10).await.unwrap();
        assert!(files(folder.path()) == before);
        let summary = write(42, 5, 10, &store, 10).await.unwrap();
        assert_eq!(summary.removed, 2);
        assert_eq!(
            files(folder.path()).into_keys().collect::<Vec<_>>(),
            ["products/part-00000.parquet", "users/part-00000.parquet"]
        );
    }
}
