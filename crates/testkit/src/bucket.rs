//! A bucket in memory.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard};

use aws::StoreError;
use aws::bucket::{Objects, Versions};
use bytes::Bytes;

use crate::{Chaos, Guard};

type Stored = BTreeMap<String, Bytes>;

/// Objects, whose versions follow from their content, as those of S3 do.
pub struct MemoryBucket<'a> {
    chaos: &'a Chaos,
    guard: Guard,
    objects: Arc<Mutex<Stored>>,
}

impl<'a> MemoryBucket<'a> {
    /// An empty bucket.
    #[must_use]
    pub fn new(chaos: &'a Chaos, guard: Guard) -> Self {
        Self {
            chaos,
            guard,
            objects: Arc::default(),
        }
    }

    /// All objects, by key.
    #[must_use]
    pub fn objects(&self) -> BTreeMap<String, Bytes> {
        locked(&self.objects).clone()
    }

    /// Puts an object there, as somebody else does.
    pub fn insert(&self, key: impl Into<String>, bytes: impl Into<Bytes>) {
        locked(&self.objects).insert(key.into(), bytes.into());
    }
}

impl Objects for MemoryBucket<'_> {
    async fn list(&self, prefix: &str) -> Result<Versions, StoreError> {
        let (objects, prefix) = (self.objects.clone(), prefix.to_owned());
        let list = move || {
            let objects = locked(&objects);
            let found = objects.iter().filter(|(key, _)| key.starts_with(&prefix));
            found.map(|(key, bytes)| (key.clone(), version(bytes))).collect()
        };
        self.chaos.call(list).await
    }

    async fn get(&self, key: &str) -> Result<Option<(Bytes, String)>, StoreError> {
        let (objects, key) = (self.objects.clone(), key.to_owned());
        let get = move || {
            let bytes = locked(&objects).get(&key).cloned();
            bytes.map(|bytes| (bytes.clone(), version(&bytes)))
        };
        self.chaos.call(get).await
    }

    async fn put(
        &self,
        key: &str,
        bytes: Bytes,
        replaces: Option<&str>,
    ) -> Result<Option<String>, StoreError> {
        let (objects, key, replaces) = (self.objects.clone(), key.to_owned(), replaces.map(str::to_owned));
        let guard = self.guard;
        let put = move || {
            let mut objects = locked(&objects);
            if guard != Guard::NoConditionalMark && objects.get(&key).map(version) != replaces {
                return None;
            }
            let stored = version(&bytes);
            objects.insert(key, bytes);
            Some(stored)
        };
        self.chaos.call(put).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let (objects, key) = (self.objects.clone(), key.to_owned());
        let delete = move || {
            locked(&objects).remove(&key);
        };
        self.chaos.call(delete).await
    }
}

fn version(bytes: &Bytes) -> String {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn locked(objects: &Mutex<Stored>) -> MutexGuard<'_, Stored> {
    objects.lock().expect("nothing panics while it holds this")
}
