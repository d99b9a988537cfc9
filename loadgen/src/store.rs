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
