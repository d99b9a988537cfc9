//! The dimensions as they are stored, and what is new to them.

use std::ops::RangeInclusive;

use aws::StoreError;
use aws::bucket::Objects;
use bytes::Bytes;
use warehouse::star::{
    CategoryDimension, Dimensions, ProductDimension, StarError, StarTable, UserDimension, encode_dates,
    encode_payment_methods, encode_regions,
};
use warehouse::star_key;

use super::EtlError;

/// The dimensions with the versions of their files.
pub(super) struct StoredDimensions {
    pub(super) all: Dimensions,
    versions: [Option<String>; 3],
}

const ASSIGNED: [StarTable; 3] = [StarTable::DimProduct, StarTable::DimUser, StarTable::DimCategory];

impl StoredDimensions {
    /// As they are; empty before the first run.
    pub(super) async fn load(bucket: &impl Objects) -> Result<Self, EtlError> {
        let (products, product_version) = file(bucket, StarTable::DimProduct).await?;
        let (users, user_version) = file(bucket, StarTable::DimUser).await?;
        let (categories, category_version) = file(bucket, StarTable::DimCategory).await?;
        let named = |table: StarTable| move |error| EtlError::star(star_key(table, None), error);
        Ok(Self {
            all: Dimensions {
                products: ProductDimension::read(products).map_err(named(StarTable::DimProduct))?,
                users: UserDimension::read(users).map_err(named(StarTable::DimUser))?,
                categories: CategoryDimension::read(categories).map_err(named(StarTable::DimCategory))?,
            },
            versions: [product_version, user_version, category_version],
        })
    }

    /// Gives new members their keys and stores all; false if another run was faster.
    pub(super) async fn store(&mut self, bucket: &impl Objects) -> Result<bool, EtlError> {
        self.all.assign_keys();
        for (table, version) in ASSIGNED.into_iter().zip(&mut self.versions) {
            let bytes = match table {
                StarTable::DimProduct => self.all.products.encode(),
                StarTable::DimUser => self.all.users.encode(),
                _ => self.all.categories.encode(),
            };
            let key = star_key(table, None);
            let bytes = bytes.map_err(|error| EtlError::star(key.clone(), error))?;
            let Some(stored) = bucket.put(&key, bytes.into(), version.as_deref()).await? else {
                return Ok(false);
            };
            *version = Some(stored);
        }
        Ok(true)
    }
}

async fn file(
    bucket: &impl Objects,
    table: StarTable,
) -> Result<(Option<Bytes>, Option<String>), StoreError> {
    Ok(bucket.get(&star_key(table, None)).await?.unzip())
}

/// Stores the dimensions that nothing is to be learnt for: all countries, ways to pay, and some days. False if another run
/// was faster.
pub(super) async fn store_fixed(bucket: &impl Objects, days: RangeInclusive<i32>) -> Result<bool, EtlError> {
    for (table, bytes) in [
        (StarTable::DimRegion, encode_regions().map_err(StarError::from)),
        (
            StarTable::DimPaymentMethod,
            encode_payment_methods().map_err(StarError::from),
        ),
        (StarTable::DimDate, encode_dates(days)),
    ] {
        let key = star_key(table, None);
        let bytes: Bytes = bytes.map_err(|error| EtlError::star(key.clone(), error))?.into();
        let (stored, version) = bucket.get(&key).await?.unzip();
        if stored.is_some_and(|stored: Bytes| stored == bytes) {
            continue;
        }
        if bucket.put(&key, bytes, version.as_deref()).await?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}
