//! What the tables need of `dim_product`.

use analytics::retail::products::CatalogEntry;
use arrow::array::{Array, Int64Array, StringArray};
use foldhash::HashMap;
use parquet::file::reader::ChunkReader;

use crate::{FileError, FileProblem};
use warehouse::read::{optional, required, rows};

/// Category and cost by product, of those that the catalog knows.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    products: HashMap<i64, (String, i64)>,
}

impl Catalog {
    /// From `dim_product`. Members that only facts name have no cost, and are left out.
    pub fn read<R: ChunkReader + 'static>(name: &str, content: R) -> Result<Self, FileError> {
        let mut catalog = Self::default();
        catalog.add(content).map_err(|problem| FileError {
            file: name.to_owned(),
            problem,
        })?;
        Ok(catalog)
    }

    fn add<R: ChunkReader + 'static>(&mut self, content: R) -> Result<(), FileProblem> {
        for batch in rows(content, &["product_id", "category", "cost_minor"])? {
            let batch = batch?;
            let product_id: &Int64Array = required(&batch, "product_id")?;
            let category: &StringArray = required(&batch, "category")?;
            let cost_minor: &Int64Array = optional(&batch, "cost_minor")?;
            let known = (0..batch.num_rows()).filter(|row| cost_minor.is_valid(*row));
            self.products.extend(known.map(|row| {
                let entry = (category.value(row).to_owned(), cost_minor.value(row));
                (product_id.value(row), entry)
            }));
        }
        Ok(())
    }

    /// What is known of a product.
    #[must_use]
    pub fn get(&self, product_id: i64) -> Option<CatalogEntry<'_>> {
        let (category, cost_minor) = self.products.get(&product_id)?;
        Some(CatalogEntry {
            category,
            cost_minor: *cost_minor,
        })
    }
}
