//! Which shards a shard descends from.

use std::collections::HashMap;

use tokio::sync::Mutex;

use crate::StoreError;

/// Tells a shard's ancestors: the shards whose partition keys it took over when the stream was resharded.
pub trait Lineage: Sync {
    /// The ancestors that the stream still keeps or its shards name, nearest first.
    fn ancestors(
        &self,
        stream_name: &str,
        shard_id: &str,
    ) -> impl Future<Output = Result<Vec<String>, StoreError>> + Send;

    /// All shards that the stream still keeps.
    fn shards(&self, stream_name: &str) -> impl Future<Output = Result<Vec<String>, StoreError>> + Send;
}

/// The lineage that Kinesis tells. Ancestors are asked for once a shard: they never change.
#[derive(Debug)]
pub struct ShardLineage {
    kinesis: aws_sdk_kinesis::Client,
    known: Mutex<HashMap<(String, String), Vec<String>>>,
}

impl ShardLineage {
    /// Asks through `kinesis`.
    #[must_use]
    pub fn new(kinesis: aws_sdk_kinesis::Client) -> Self {
        Self {
            kinesis,
            known: Mutex::default(),
        }
    }

    async fn parents(&self, stream_name: &str) -> Result<Parents, StoreError> {
        let failed = |error: aws_sdk_kinesis::Error| StoreError::new("ListShards", stream_name, error);
        let mut parents = Parents::new();
        let mut page = self
            .kinesis
            .list_shards()
            .stream_name(stream_name)
            .send()
            .await
            .map_err(|e| failed(e.into()))?;
        loop {
            for shard in page.shards() {
                let of = [shard.parent_shard_id(), shard.adjacent_parent_shard_id()];
                parents.insert(
                    shard.shard_id().to_owned(),
                    of.into_iter().flatten().map(str::to_owned).collect(),
                );
            }
            let Some(token) = page.next_token() else {
                return Ok(parents);
            };
            page = self
                .kinesis
                .list_shards()
                .next_token(token)
                .send()
                .await
                .map_err(|e| failed(e.into()))?;
        }
    }
}

impl Lineage for ShardLineage {
    async fn ancestors(&self, stream_name: &str, shard_id: &str) -> Result<Vec<String>, StoreError> {
        let mut known = self.known.lock().await;
        let key = (stream_name.to_owned(), shard_id.to_owned());
        if let Some(ancestors) = known.get(&key) {
            return Ok(ancestors.clone());
        }
        let ancestors = ancestors_in(&self.parents(stream_name).await?, shard_id);
        known.insert(key, ancestors.clone());
        Ok(ancestors)
    }

    async fn shards(&self, stream_name: &str) -> Result<Vec<String>, StoreError> {
        let mut shards: Vec<String> = self.parents(stream_name).await?.into_keys().collect();
        shards.sort_unstable();
        Ok(shards)
    }
}

/// Each shard's parents: none, one after a split, two after a merge.
type Parents = HashMap<String, Vec<String>>;

fn ancestors_in(parents: &Parents, shard_id: &str) -> Vec<String> {
    let mut ancestors: Vec<String> = Vec::new();
    let mut unvisited = vec![shard_id];
    while let Some(shard) = unvisited.pop() {
        for parent in parents.get(shard).into_iter().flatten() {
            // One that the stream has forgotten may have left pages all the same.
            if !ancestors.contains(parent) {
                ancestors.push(parent.clone());
                unvisited.push(parent);
            }
        }
    }
    ancestors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Parents {
        let shard =
            |id: &str, parents: &[&str]| (id.to_owned(), parents.iter().map(|&id| id.to_owned()).collect());
        Parents::from([
            shard("0", &["gone"]),
            shard("1", &[]),
            shard("2", &["0"]),
            shard("3", &["0"]),
            shard("4", &["3", "1"]),
        ])
    }

    #[test]
    fn splits_and_merges_are_followed_back_to_what_the_stream_knows() {
        let sorted = |shard| {
            let mut ancestors = ancestors_in(&stream(), shard);
            ancestors.sort();
            ancestors
        };
        assert_eq!(sorted("0"), ["gone"]);
        assert_eq!(sorted("2"), ["0", "gone"]);
        assert_eq!(sorted("4"), ["0", "1", "3", "gone"]);
        assert!(sorted("unknown").is_empty());
    }
}
