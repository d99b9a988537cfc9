//! Where objects are put: the warehouse bucket of a deployment, or a folder that is laid out like it.

use std::fmt::Display;
use std::fs;
use std::future::ready;
use std::io;
use std::path::{Path, PathBuf};

use aws::bucket::{Bucket, Objects as _};
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};

use crate::failure::{Failure, causes};

/// Objects removed at a time: enough to hide a bucket's latency.
const DELETES: usize = 32;

/// A place for objects. An object of the same key is replaced, whole or not at all.
#[derive(Clone, Debug)]
pub enum Store {
    /// A bucket.
    Bucket {
        /// Retries by itself.
        s3: aws_sdk_s3::Client,
        /// Its name.
        bucket: String,
    },
    /// A folder: a key is a path in it.
    Folder(PathBuf),
}

impl Store {
    /// A folder, which is created if need be.
    pub fn folder(path: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(path).map_err(|error| {
            Failure::run(format!(
                "cannot write to the folder {}: {error}: name another with --dir",
                path.display()
            ))
        })?;
        Ok(Self::Folder(path.to_owned()))
    }

    /// What it is, for people.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Bucket { bucket, .. } => format!("s3://{bucket}"),
            Self::Folder(path) => path.display().to_string(),
        }
    }

    /// Removes the objects whose keys begin with `prefix`, sort after `after` and before `before`, if that is given, and are
    /// `unwanted`; tells how many there were.
    pub async fn remove(
        &self,
        prefix: &str,
        after: &str,
        before: Option<&str>,
        unwanted: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<u64, Failure> {
        match self {
            Self::Bucket { s3, bucket } => {
                let failed = |error: &(dyn std::error::Error + 'static)| {
                    Failure::run(format!(
                        "cannot remove s3://{bucket}/{prefix}*: {}",
                        causes(error)
                    ))
                };
                let list = s3
                    .list_objects_v2()
                    .bucket(bucket)
                    .prefix(prefix)
                    .start_after(after);
                let mut pages = list.into_paginator().send();
                let mut removed = 0;
                while let Some(page) = pages.next().await {
                    let page = page.map_err(|error| failed(&error))?;
                    let keys = page.contents().iter().filter_map(|object| object.key());
                    let reached = |key: &str| before.is_some_and(|before| key >= before);
                    let is_last = keys.clone().any(reached);
                    let doomed: Vec<String> = keys
                        .filter(|key| !reached(key) && unwanted(key))
                        .map(str::to_owned)
                        .collect();
                    removed += doomed.len() as u64;
                    stream::iter(doomed)
                        .map(|key| s3.delete_object().bucket(bucket).key(key).send())
                        .buffer_unordered(DELETES)
                        .try_for_each(|_| ready(Ok(())))
                        .await
                        .map_err(|error| failed(&error))?;
                    if is_last {
                        break;
                    }
                }
                Ok(removed)
            }
            Self::Folder(folder) => {
                let (folder, prefix, after) = (folder.clone(), prefix.to_owned(), after.to_owned());
                let before = before.map(str::to_owned);
                blocking(move || {
                    let unwanted = |key: &str| {
                        key > after.as_str()
                            && before.as_deref().is_none_or(|before| key < before)
                            && unwanted(key)
                    };
                    remove_files(&folder, &prefix, unwanted).map_err(|error| {
                        Failure::run(format!(
                            "cannot remove {}*: {error}",
                            folder.join(&prefix).display()
                        ))
                    })
                })
                .await
            }
        }
    }

    /// Gets an object; `None` if there is none.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, Failure> {
        let failed =
            |error: &dyn Display| Failure::run(format!("cannot read {}/{key}: {error}", self.name()));
        match self {
            Self::Bucket { s3, bucket } => {
                let bucket = Bucket::new(s3.clone(), bucket.clone());
                let got = bucket.get(key).await;
                let object = got.map_err(|error| failed(&causes(&error)))?;
                Ok(object.map(|(bytes, _version)| bytes))
            }
            Self::Folder(folder) => match fs::read(folder.join(key)) {
                Ok(bytes) => Ok(Some(bytes.into())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(failed(&error)),
            },
        }
    }

    /// Puts an object.
    pub async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), Failure> {
        match self {
            Self::Bucket { s3, bucket } => {
                let put = s3.put_object().bucket(bucket).key(key);
                put.body(ByteStream::from(bytes))
                    .send()
                    .await
                    .map(drop)
                    .map_err(|error| {
                        Failure::run(format!("cannot write s3://{bucket}/{key}: {}", causes(&error)))
                    })
            }
            Self::Folder(folder) => {
                let path = folder.join(key);
                blocking(move || {
                    replace(&path, &bytes)
                        .map_err(|error| Failure::run(format!("cannot write {}: {error}", path.display())))
                })
                .await
            }
        }
    }
}

/// Runs what computes or blocks on a thread made for it.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Failure::run(format!("a worker ended unexpectedly: {error}")))?
}

/// A prefix may end within a file's name.
fn remove_files(folder: &Path, prefix: &str, unwanted: impl Fn(&str) -> bool) -> io::Result<u64> {
    let within = prefix.rsplit_once('/').map_or("", |(within, _)| within);
    let mut open = vec![folder.join(within)];
    let mut removed = 0;
    while let Some(next) = open.pop() {
        let entries = match fs::read_dir(next) {
            // Nothing was ever put there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let key = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy();
            if key.starts_with(prefix) && unwanted(&key) {
                fs::remove_file(&path)?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}

/// A reader sees the old file or the new one: it is written beside its place and moved there.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let unfinished = path.with_extension("unfinished");
    let written = fs::write(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        // What is left of a failed attempt helps nobody; that it failed is told by the caller.
        let _ = fs::remove_file(&unfinished);
    }
    written
}
