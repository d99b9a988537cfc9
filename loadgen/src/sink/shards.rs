//! Which shard a key belongs to: what `ListShards` says, and again when an answer names a shard that it didn't.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_kinesis::types::Shard;
use kpl::ShardMap;
use tokio::time::timeout;

use super::Item;

/// How long listing may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The open shards of a stream. Each has a number, by its place in the list.
#[derive(Clone, Debug)]
pub struct Shards(ShardMap);

impl Shards {
    /// From ids and ranges of hash keys, both ends in the range.
    #[must_use]
    pub fn new(ranges: impl IntoIterator<Item = (String, u128, u128)>) -> Self {
        Self(ShardMap::new(ranges))
    }

    /// How many there are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a stream has at least one shard")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Their ids, by number.
    #[must_use]
    pub fn ids(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.ids()
    }

    fn has(&self, shard_id: &str) -> bool {
        self.ids().any(|id| id == shard_id)
    }

    /// The number of the shard that a record comes to.
    #[must_use]
    pub fn of(&self, item: &mut Item) -> usize {
        if self.len() < 2 {
            return 0;
        }
        // A list with a gap is one that was read in the middle of a resharding.
        self.0.shard_of(item.hash_key()).unwrap_or(0)
    }

    /// Asks the service.
    pub async fn list(client: &Client, stream_name: &str) -> Result<Self, String> {
        let mut ranges = Vec::new();
        let mut next_token = None;
        loop {
            // A further page is asked for by the token alone.
            let page = match next_token.take() {
                None => client.list_shards().stream_name(stream_name),
                Some(token) => client.list_shards().next_token(token),
            };
            let page = timeout(PATIENCE, page.send())
                .await
                .map_err(|_| "no answer within 5 seconds".to_owned())?
                .map_err(|error| match error.as_service_error() {
                    Some(error) => format!(
                        "{}: {}",
                        error.code().unwrap_or("unknown error"),
                        error.message().unwrap_or("no message")
                    ),
                    None => DisplayErrorContext(&error).to_string(),
                })?;
            ranges.extend(page.shards().iter().filter_map(open_range));
            match page.next_token {
                Some(token) => next_token = Some(token),
                None if ranges.is_empty() => return Err("it lists no open shard".to_owned()),
                None => return Ok(Self::new(ranges)),
            }
        }
    }
}

/// The range of a shard that takes records. One that ends somewhere takes none any more.
fn open_range(shard: &Shard) -> Option<(String, u128, u128)> {
    let closed = shard
        .sequence_number_range()
        .is_some_and(|range| range.ending_sequence_number().is_some());
    let range = shard.hash_key_range().filter(|_| !closed)?;
    Some((
        shard.shard_id().to_owned(),
        range.starting_hash_key().parse().ok()?,
        range.ending_hash_key().parse().ok()?,
    ))
}

/// The shards of a stream as all of its lanes know them.
#[derive(Debug)]
pub struct Known {
    latest: Mutex<(Arc<Shards>, BTreeSet<String>)>,
    listing: tokio::sync::Mutex<()>,
}

impl Known {
    /// What was listed before the run.
    #[must_use]
    pub fn new(shards: Arc<Shards>) -> Self {
        Self {
            latest: Mutex::new((shards, BTreeSet::new())),
            listing: tokio::sync::Mutex::new(()),
        }
    }

    /// The latest list.
    pub fn latest(&self) -> Arc<Shards> {
        Arc::clone(&self.lock().0)
    }

    /// Whether a shard that an answer names is a reason to ask for the list: `own` lacks it, and it is in a later one or
    /// was not asked about before.
    pub fn is_news(&self, own: &Arc<Shards>, shard_id: &str) -> bool {
        !own.has(shard_id) && (!Arc::ptr_eq(own, &self.latest()) || self.is_unknown(shard_id))
    }

    fn is_unknown(&self, shard_id: &str) -> bool {
        let latest = self.lock();
        !latest.1.contains(shard_id) && !latest.0.has(shard_id)
    }

    /// The list that follows from the news of a shard, whichever lane is the first to hear of it. If listing fails, the next
    /// answer that names the shard is another occasion.
    pub async fn relist(&self, client: &Client, stream_name: &str, shard_id: &str) -> Arc<Shards> {
        let _one_at_a_time = self.listing.lock().await;
        if self.is_unknown(shard_id)
            && let Ok(shards) = Shards::list(client, stream_name).await
        {
            let mut latest = self.lock();
            latest.0 = Arc::new(shards);
            // A shard that answers and is not listed would have every call list again.
            latest.1.insert(shard_id.to_owned());
        }
        self.latest()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Arc<Shards>, BTreeSet<String>)> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
