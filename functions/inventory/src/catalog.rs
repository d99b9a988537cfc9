//! The catalog in the warehouse bucket, as far as stock goes.

use aws::StoreError;
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
pub struct BucketCatalog {
    client: Client,
    bucket: String,
}

impl BucketCatalog {
    /// The catalog in `bucket`.
    #[must_use]
    pub fn new(client: Client, bucket: String) -> Self {
        Self { client, bucket }
    }
}

impl Catalog for BucketCatalog {
    async fn parts(&self) -> Result<Vec<Part>, StoreError> {
        let prefix = catalog_prefix(CatalogTable::Products);
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(&prefix);
        let mut pages = list.into_paginator().send();
        let mut parts = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| StoreError::new("ListObjectsV2", prefix.as_str(), error))?;
            parts.extend(page.contents().iter().filter_map(|object| {
                Some(Part {
                    key: object.key()?.to_owned(),
                    version: object.e_tag()?.to_owned(),
                })
            }));
        }
        Ok(parts)
    }

    async fn initial_stock(&self, part: &Part) -> Result<Vec<(u64, i64)>, StoreError> {
        let subject = || format!("s3://{}/{}", self.bucket, part.key);
        let get = self.client.get_object().bucket(&self.bucket).key(&part.key);
        let object = get.send().await;
        let object = object.map_err(|error| StoreError::new("GetObject", subject(), error))?;
        let bytes = object.body.collect().await;
        let bytes = bytes.map_err(|error| StoreError::new("GetObject", subject(), error))?;
        read_initial_stock(bytes.into_bytes()).map_err(|error| StoreError::new("reading", subject(), error))
    }
}
