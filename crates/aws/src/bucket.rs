//! Objects under keys, each with a version that changes with its content: a port, and S3 as that port.
//!
//! A write states which version it replaces, so that of two writers that build on the same one, one wins. An object is
//! replaced whole: a reader has the old one or the new one.

use std::collections::BTreeMap;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use crate::StoreError;

/// Versions of objects, by key.
pub type Versions = BTreeMap<String, String>;

/// An object that was listed, or that a state names, is not there any more.
#[must_use]
pub fn gone(key: &str) -> StoreError {
    StoreError::new("GetObject", key, "it was there when the run began")
}

/// Where objects are kept.
pub trait Objects: Sync {
    /// The objects whose keys begin with `prefix`.
    fn list(&self, prefix: &str) -> impl Future<Output = Result<Versions, StoreError>> + Send;

    /// An object and its version; `None` if there is none.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<(Bytes, String)>, StoreError>> + Send;

    /// Stores an object in place of a version of it, or as the first of its key; tells its version, or `None` if something
    /// else was there and nothing is stored.
    fn put(
        &self,
        key: &str,
        bytes: Bytes,
        replaces: Option<&str>,
    ) -> impl Future<Output = Result<Option<String>, StoreError>> + Send;

    /// Removes an object, whatever its version; there may be none.
    fn delete(&self, key: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
}

impl<O: Objects> Objects for &O {
    fn list(&self, prefix: &str) -> impl Future<Output = Result<Versions, StoreError>> + Send {
        (**self).list(prefix)
    }

    fn get(&self, key: &str) -> impl Future<Output = Result<Option<(Bytes, String)>, StoreError>> + Send {
        (**self).get(key)
    }

    fn put(
        &self,
        key: &str,
        bytes: Bytes,
        replaces: Option<&str>,
    ) -> impl Future<Output = Result<Option<String>, StoreError>> + Send {
        (**self).put(key, bytes, replaces)
    }

    fn delete(&self, key: &str) -> impl Future<Output = Result<(), StoreError>> + Send {
        (**self).delete(key)
    }
}

/// A bucket of S3. Versions are `ETag`s.
#[derive(Clone, Debug)]
pub struct Bucket {
    client: Client,
    name: String,
}

impl Bucket {
    /// The bucket of a name.
    #[must_use]
    pub fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// Stores an object, whatever was there.
    pub async fn replace(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        let put = self.client.put_object().bucket(&self.name).key(key);
        let put = put.body(ByteStream::from(bytes)).send().await;
        put.map(drop)
            .map_err(|error| self.failed("PutObject", key, error))
    }

    fn failed(
        &self,
        operation: &'static str,
        key: &str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> StoreError {
        StoreError::new(operation, format!("s3://{}/{key}", self.name), source)
    }
}

impl Objects for Bucket {
    async fn list(&self, prefix: &str) -> Result<Versions, StoreError> {
        let list = self.client.list_objects_v2().bucket(&self.name).prefix(prefix);
        let mut pages = list.into_paginator().send();
        let mut listed = Versions::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.failed("ListObjectsV2", prefix, error))?;
            let objects = page.contents().iter();
            listed.extend(
                objects.filter_map(|object| Some((object.key()?.to_owned(), object.e_tag()?.to_owned()))),
            );
        }
        Ok(listed)
    }

    async fn get(&self, key: &str) -> Result<Option<(Bytes, String)>, StoreError> {
        let got = self.client.get_object().bucket(&self.name).key(key).send().await;
        let object = match got {
            Ok(object) => object,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetObjectError::is_no_such_key) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(self.failed("GetObject", key, error)),
        };
        let version = version_of(object.e_tag()).map_err(|error| self.failed("GetObject", key, error))?;
        let bytes = object.body.collect().await;
        let bytes = bytes.map_err(|error| self.failed("GetObject", key, error))?;
        Ok(Some((bytes.into_bytes(), version)))
    }

    async fn put(
        &self,
        key: &str,
        bytes: Bytes,
        replaces: Option<&str>,
    ) -> Result<Option<String>, StoreError> {
        let put = self.client.put_object().bucket(&self.name).key(key);
        let put = match replaces {
            None => put.if_none_match("*"),
            Some(version) => put.if_match(version),
        };
        match put.body(ByteStream::from(bytes)).send().await {
            Ok(stored) => version_of(stored.e_tag())
                .map(Some)
                .map_err(|error| self.failed("PutObject", key, error)),
            Err(error) if matches!(status(&error), Some(PRECONDITION_FAILED | CONFLICT)) => Ok(None),
            Err(error) => Err(self.failed("PutObject", key, error)),
        }
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let delete = self.client.delete_object().bucket(&self.name).key(key);
        let deleted = delete.send().await;
        deleted
            .map(drop)
            .map_err(|error| self.failed("DeleteObject", key, error))
    }
}

fn version_of(e_tag: Option<&str>) -> Result<String, &'static str> {
    e_tag.map(str::to_owned).ok_or("the answer has no ETag")
}

/// Somebody else's object is there.
pub(crate) const PRECONDITION_FAILED: u16 = 412;
/// Somebody else is writing the object just now.
const CONFLICT: u16 = 409;

pub(crate) fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}
