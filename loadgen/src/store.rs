//! Where objects are put: the warehouse bucket of a deployment, or a folder that is laid out like it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use aws_sdk_s3::primitives::ByteStream;

use crate::failure::{Failure, causes};

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

    /// Removes the objects whose keys begin with `prefix` and sort after `kept`; tells how many there were.
    pub async fn remove_after(&self, prefix: &str, kept: &str) -> Result<u64, Failure> {
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
                    .start_after(kept);
                let mut pages = list.into_paginator().send();
                let mut removed = 0;
                while let Some(page) = pages.next().await {
                    let page = page.map_err(|error| failed(&error))?;
                    for key in page.contents().iter().filter_map(|object| object.key()) {
                        let delete = s3.delete_object().bucket(bucket).key(key).send();
                        delete.await.map_err(|error| failed(&error))?;
                        removed += 1;
                    }
                }
                Ok(removed)
            }
            Self::Folder(folder) => {
                let (folder, prefix, kept) = (folder.clone(), prefix.to_owned(), kept.to_owned());
                blocking(move || {
                    remove_files(&folder, &prefix, &kept).map_err(|error| {
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

/// A prefix ends within a file's name.
fn remove_files(folder: &Path, prefix: &str, kept: &str) -> io::Result<u64> {
    let within = prefix.rsplit_once('/').map_or("", |(within, _)| within);
    let mut removed = 0;
    for entry in fs::read_dir(folder.join(within))? {
        let entry = entry?;
        let key = format!("{within}/{}", entry.file_name().to_string_lossy());
        if key.starts_with(prefix) && key.as_str() > kept {
            fs::remove_file(entry.path())?;
            removed += 1;
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
