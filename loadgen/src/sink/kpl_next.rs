//! Stand-in until crates/kpl has these.
use std::fmt::Debug;

use md5::{Digest, Md5};

pub(super) fn hash_key(key: &str) -> u128 {
    u128::from_be_bytes(Md5::digest(key.as_bytes()).into())
}

#[derive(Debug, Default)]
pub(super) struct Aggregator {
    inner: kpl::Aggregator,
    bytes: usize,
}

impl Aggregator {
    pub(super) fn add(&mut self, key: &str, _: Option<&str>, data: &[u8]) {
        self.bytes = self.size_with(key, None, data);
        self.inner.add(key, data.to_vec());
    }
    pub(super) fn size_with(&self, key: &str, _: Option<&str>, data: &[u8]) -> usize {
        self.bytes.max(20) + key.len() + data.len() + 16
    }
    pub(super) fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.inner).finish()
    }
}

#[derive(Clone, Debug)]
pub(super) struct ShardMap(Vec<(u128, u128)>);

impl ShardMap {
    pub(super) fn new(ranges: Vec<(String, u128, u128)>) -> Self {
        Self(ranges.into_iter().map(|(_, a, b)| (a, b)).collect())
    }
    pub(super) fn shard_of(&self, hash: u128) -> Option<usize> {
        self.0.iter().position(|(a, b)| (*a..=*b).contains(&hash))
    }
}
