//! The catalog in the warehouse bucket, as far as stock goes.

use aws::StoreError;
use aws::bucket::{Bucket, Objects as _, gone};
use aws_sdk_s3::Client;
use warehouse::{CatalogTable, catalog_prefix, read_initial_stock};

/// One of the catalog's files, and which version of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its key.
    pub key: String,
    /// Changes with its content.
    pub version: String,
}

/// Where the catalog is.
pub trait Catalog: Sync {
    /// The files of the products, in order.
    fn parts(&self) -> impl Future<Output = Result<Vec<Part>, StoreError>> + Send;

    /// The initial stock of a file's products, by product id.
    fn initial_stock(&self, part: &Part) -> impl Future<Output = Result<Vec<(u64, i64)>, StoreError>> + Send;
}

/// The catalog in a bucket.
#[derive(Clone, Debug)]
pub struct BucketCatalog(Bucket);

impl BucketCatalog {
    /// The catalog in `bucket`.
    #[must_use]
    pub fn new(client: Client, bucket: String) -> Self {
        Self(Bucket::new(client, bucket))
    }
}

impl Catalog for BucketCatalog {
    async fn parts(&self) -> Result<Vec<Part>, StoreError> {
        let listed = self.0.list(&catalog_prefix(CatalogTable::Products)).await?;
        let part = |(key, version)| Part { key, version };
        Ok(listed.into_iter().map(part).collect())
    }

    async fn initial_stock(&self, part: &Part) -> Result<Vec<(u64, i64)>, StoreError> {
        let (bytes, _) = self.0.get(&part.key).await?.ok_or_else(|| gone(&part.key))?;
        read_initial_stock(bytes).map_err(|error| StoreError::new("reading", part.key.as_str(), error))
    }
}
