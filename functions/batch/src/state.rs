//! What a run leaves to the next one: objects that are replaced with `If-Match`.

use aws::StoreError;
use aws::bucket::Objects;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A state, stored in postcard behind a byte that tells how it is to be read.
pub(crate) trait State: Default + Serialize + DeserializeOwned {
    /// Where it is kept.
    const KEY: &'static str;
    /// The first byte.
    const ENCODING: u8;
}

/// What the last run left, and which version of it; nothing before the first.
pub(crate) async fn load<S: State>(bucket: &impl Objects) -> Result<(S, Option<String>), StoreError> {
    let Some((bytes, version)) = bucket.get(S::KEY).await? else {
        return Ok((S::default(), None));
    };
    let failed =
        |reason: Box<dyn std::error::Error + Send + Sync>| StoreError::new("reading", S::KEY, reason);
    let state = match bytes.split_first() {
        Some((encoding, bytes)) if *encoding == S::ENCODING => {
            postcard::from_bytes(bytes).map_err(|error| failed(error.into()))?
        }
        _ => {
            let expected = S::ENCODING;
            return Err(failed(
                format!("its encoding is not {expected}, which this program reads").into(),
            ));
        }
    };
    Ok((state, Some(version)))
}

/// Replaces a version by this, and tells the new version; `None` if another run did so before.
pub(crate) async fn save<S: State>(
    state: &S,
    bucket: &impl Objects,
    replaces: Option<&str>,
) -> Result<Option<String>, StoreError> {
    let bytes = postcard::to_extend(state, vec![S::ENCODING])
        .map_err(|error| StoreError::new("encoding", S::KEY, error))?;
    bucket.put(S::KEY, bytes.into(), replaces).await
}
