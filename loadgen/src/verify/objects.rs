//! Objects of the warehouse bucket.

use std::fmt::Display;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use warehouse::compacted::CompactedHours;
use warehouse::compacted_hours_key;

use crate::deployment::Deployment;
use crate::failure::{Failure, causes};

/// The keys that begin with `prefix`, in order: those that sort after `after`, if that is given, and up to `last`.
pub(super) async fn list(
    deployment: &Deployment,
    prefix: &str,
    after: Option<String>,
    last: Option<&str>,
) -> Result<Vec<String>, Failure> {
    let mut pages = deployment
        .s3
        .list_objects_v2()
        .bucket(&deployment.warehouse)
        .prefix(prefix)
        .set_start_after(after)
        .into_paginator()
        .send();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| {
            Failure::run(format!(
                "cannot list {prefix} in {}: {}",
                deployment.warehouse,
                causes(&error)
            ))
        })?;
        for key in page.contents().iter().filter_map(|object| object.key()) {
            if last.is_some_and(|last| key > last) {
                return Ok(keys);
            }
            keys.push(key.to_owned());
        }
    }
    Ok(keys)
}

/// Reads objects one after the other, by their keys and what they are; `at_once` of them are fetched at a time.
pub(super) async fn read_each<T, E: Display>(
    deployment: &Deployment,
    objects: impl IntoIterator<Item = (String, T)>,
    at_once: usize,
    mut read: impl FnMut(T, Bytes) -> Result<(), E>,
) -> Result<(), Failure> {
    let mut fetched = stream::iter(objects)
        .map(|(key, what)| async move { get(deployment, &key).await.map(|bytes| (key, what, bytes)) })
        .buffered(at_once);
    while let Some((key, what, bytes)) = fetched.try_next().await? {
        read(what, bytes).map_err(|error| unread(deployment, &key, &error))?;
    }
    Ok(())
}

/// Which generation of each of the archive's hours counts.
pub(super) async fn compacted_hours(deployment: &Deployment) -> Result<CompactedHours, Failure> {
    let key = compacted_hours_key();
    if list(deployment, &key, None, None).await?.is_empty() {
        return Ok(CompactedHours::default());
    }
    let file = get(deployment, &key).await?;
    CompactedHours::read(file).map_err(|error| unread(deployment, &key, &error))
}

async fn get(deployment: &Deployment, key: &str) -> Result<Bytes, Failure> {
    let failed = |error: &(dyn std::error::Error + 'static)| unread(deployment, key, &causes(error));
    let object = deployment
        .s3
        .get_object()
        .bucket(&deployment.warehouse)
        .key(key)
        .send()
        .await
        .map_err(|e| failed(&e))?;
    Ok(object.body.collect().await.map_err(|e| failed(&e))?.into_bytes())
}

fn unread(deployment: &Deployment, key: &str, why: &dyn Display) -> Failure {
    Failure::run(format!("cannot read s3://{}/{key}: {why}", deployment.warehouse))
}
