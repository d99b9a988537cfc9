//! A bucket that is a folder: what it holds takes no memory of the program that is measured.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use aws::StoreError;
use aws::bucket::{Objects, Versions};
use bytes::Bytes;

/// Objects as files. For one writer: between the look at a version and the write, nobody keeps others away.
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// What lies at a path.
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// Adds the files in and below a folder; none if it is not there.
    fn add_files(&self, folder: &Path, prefix: &str, listed: &mut Versions) -> io::Result<()> {
        let Some(entries) = found(fs::read_dir(folder))? else {
            return Ok(());
        };
        for entry in entries {
            let entry = entry?;
            let (path, metadata) = (entry.path(), entry.metadata()?);
            if metadata.is_dir() {
                self.add_files(&path, prefix, listed)?;
                continue;
            }
            let key = path.strip_prefix(&self.path).ok().and_then(Path::to_str);
            let key = key.filter(|key| key.starts_with(prefix));
            listed.extend(key.map(|key| (key.to_owned(), version(&metadata))));
        }
        Ok(())
    }

    fn version_of(&self, key: &str) -> io::Result<Option<String>> {
        Ok(found(fs::metadata(self.path.join(key)))?.map(|metadata| version(&metadata)))
    }

    fn put_file(&self, key: &str, bytes: &[u8], replaces: Option<&str>) -> io::Result<Option<String>> {
        if self.version_of(key)?.as_deref() != replaces {
            return Ok(None);
        }
        let path = self.path.join(key);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, bytes)?;
        self.version_of(key)
    }
}

impl Objects for Folder {
    async fn list(&self, prefix: &str) -> Result<Versions, StoreError> {
        let mut listed = Versions::new();
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        self.add_files(&self.path.join(folder), prefix, &mut listed)
            .map_err(|error| StoreError::new("list", prefix, error))?;
        Ok(listed)
    }

    async fn get(&self, key: &str) -> Result<Option<(Bytes, String)>, StoreError> {
        let get = || -> io::Result<_> {
            let version = self.version_of(key)?;
            let bytes = found(fs::read(self.path.join(key)))?;
            Ok(bytes.map(Bytes::from).zip(version))
        };
        get().map_err(|error| StoreError::new("get", key, error))
    }

    async fn put(
        &self,
        key: &str,
        bytes: Bytes,
        replaces: Option<&str>,
    ) -> Result<Option<String>, StoreError> {
        self.put_file(key, &bytes, replaces)
            .map_err(|error| StoreError::new("put", key, error))
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let removed = found(fs::remove_file(self.path.join(key)));
        removed
            .map(drop)
            .map_err(|error| StoreError::new("delete", key, error))
    }
}

/// `None` for what is not there.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Changes with each write.
fn version(metadata: &Metadata) -> String {
    let modified = metadata.modified().ok();
    let since = modified.and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
    format!("{}-{}", since.unwrap_or_default().as_nanos(), metadata.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn objects_are_listed_by_key_and_replaced_by_version() {
        let folder = tempfile::tempdir().unwrap();
        let bucket = Folder::new(folder.path());
        assert!(bucket.list("a/").await.unwrap().is_empty());
        assert_eq!(bucket.get("a/b/1").await.unwrap(), None);
        for key in ["a/b/2", "a/b/1", "a/c", "ab"] {
            assert!(bucket.put(key, key.into(), None).await.unwrap().is_some());
        }
        let keys = async |prefix| -> Vec<String> { bucket.list(prefix).await.unwrap().into_keys().collect() };
        assert_eq!(keys("a/").await, ["a/b/1", "a/b/2", "a/c"]);
        assert_eq!(keys("a/b").await, ["a/b/1", "a/b/2"]);

        let (bytes, version) = bucket.get("ab").await.unwrap().unwrap();
        assert_eq!(bytes, "ab");
        assert_eq!(bucket.put("ab", "new".into(), None).await.unwrap(), None);
        assert_eq!(bucket.put("ab", "new".into(), Some("other")).await.unwrap(), None);
        assert_eq!(bucket.get("ab").await.unwrap().unwrap().0, "ab");
        let newer = bucket.put("ab", "newer".into(), Some(&version)).await.unwrap();
        assert_ne!(newer, Some(version));
        assert_eq!(bucket.get("ab").await.unwrap().unwrap().0, "newer");
    }
}
