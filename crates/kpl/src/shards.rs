//! Which shard a record goes to, as Kinesis decides it.

use md5::{Digest, Md5};

/// Where a partition key lies among the hash keys of a stream: its MD5, read as a big-endian number.
#[must_use]
pub fn hash_key(partition_key: &str) -> u128 {
    u128::from_be_bytes(Md5::digest(partition_key).into())
}

/// The open shards of a stream by their ranges of hash keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardMap {
    shards: Vec<Shard>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Shard {
    id: String,
    starting_hash_key: u128,
    ending_hash_key: u128,
}

impl ShardMap {
    /// From the id, the first and the last hash key of each open shard, in any order. Their ranges do not overlap.
    pub fn new(shards: impl IntoIterator<Item = (String, u128, u128)>) -> Self {
        let shard = |(id, starting_hash_key, ending_hash_key)| Shard {
            id,
            starting_hash_key,
            ending_hash_key,
        };
        let mut shards: Vec<Shard> = shards.into_iter().map(shard).collect();
        shards.sort_unstable_by_key(|shard| shard.starting_hash_key);
        Self { shards }
    }

    /// The number of the shard that takes a hash key; `None` when the key lies in a gap.
    #[must_use]
    pub fn shard_of(&self, hash_key: u128) -> Option<usize> {
        let after = self
            .shards
            .partition_point(|shard| shard.starting_hash_key <= hash_key);
        let index = after.checked_sub(1)?;
        (hash_key <= self.shards[index].ending_hash_key).then_some(index)
    }

    /// The ids of the shards by their number: in the order of their hash keys.
    #[must_use]
    pub fn ids(&self) -> impl ExactSizeIterator<Item = &str> {
        self.shards.iter().map(|shard| shard.id.as_str())
    }

    /// How many shards there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.shards.len()
    }

    /// Whether there is no shard.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HALF: u128 = 1 << 127;

    fn halves() -> ShardMap {
        ShardMap::new([
            ("shardId-000000000001".to_owned(), HALF, u128::MAX),
            ("shardId-000000000000".to_owned(), 0, HALF - 1),
        ])
    }

    /// From the test suite of RFC 1321.
    #[test]
    fn a_hash_key_is_the_md5_of_the_partition_key() {
        let published = [
            ("", 0xd41d_8cd9_8f00_b204_e980_0998_ecf8_427e),
            ("a", 0x0cc1_75b9_c0f1_b6a8_31c3_99e2_6977_2661),
            ("abc", 0x9001_5098_3cd2_4fb0_d696_3f7d_28e1_7f72),
            ("message digest", 0xf96b_697d_7cb7_938d_525a_2f31_aaf1_61d0),
        ];
        for (partition_key, hash) in published {
            assert_eq!(hash_key(partition_key), hash, "{partition_key}");
        }
    }

    #[test]
    fn two_equal_shards_divide_the_keys_by_their_first_bit() {
        let shards = halves();
        assert_eq!(
            shards.ids().collect::<Vec<_>>(),
            ["shardId-000000000000", "shardId-000000000001"]
        );
        assert_eq!(shards.shard_of(hash_key("a")), Some(0));
        assert_eq!(shards.shard_of(hash_key("abc")), Some(1));
        for (hash, shard) in [(0, 0), (HALF - 1, 0), (HALF, 1), (u128::MAX, 1)] {
            assert_eq!(shards.shard_of(hash), Some(shard), "{hash:#x}");
        }
    }

    #[test]
    fn a_key_in_a_gap_has_no_shard() {
        let shards = ShardMap::new([("a".to_owned(), 10, 19), ("b".to_owned(), 30, 39)]);
        for hash in [0, 9, 20, 29, 40, u128::MAX] {
            assert_eq!(shards.shard_of(hash), None, "{hash}");
        }
        assert_eq!(ShardMap::default().shard_of(0), None);
    }

    proptest! {
        #[test]
        fn a_key_goes_to_the_one_shard_whose_range_holds_it(
            cuts in proptest::collection::btree_set(1..u128::MAX, 0..20), hash in any::<u128>(),
        ) {
            let starts: Vec<u128> = std::iter::once(0).chain(cuts.iter().copied()).collect();
            let ends = cuts.iter().map(|cut| cut - 1).chain([u128::MAX]);
            let ranges: Vec<(u128, u128)> = starts.iter().copied().zip(ends).collect();
            let shards = ShardMap::new(ranges.iter().rev().map(|&(start, end)| (start.to_string(), start, end)));
            prop_assert_eq!(shards.len(), ranges.len());
            let (start, end) = ranges[shards.shard_of(hash).unwrap()];
            prop_assert!((start..=end).contains(&hash));
        }
    }
}
