//! The aggregated record format of the Kinesis Producer Library: many user records in one stream record.
//!
//! Four magic bytes, a protobuf message (a table of partition keys, a table of explicit hash keys, the records), and the
//! MD5 of that message. Consumers tell an aggregate from a plain record by the magic bytes.
//!
//! ```
//! let mut aggregate = kpl::Aggregator::default();
//! aggregate.add("42", b"{}".to_vec());
//! let record = aggregate.finish();
//! assert_eq!(kpl::decode(&record)?, Some(vec![kpl::UserRecord { partition_key: "42".into(), data: b"{}".to_vec() }]));
//! assert_eq!(kpl::decode(b"a plain record")?, None);
//! # Ok::<(), kpl::Corrupt>(())
//! ```

use std::collections::HashMap;

use md5::{Digest, Md5};
use prost::Message;

/// The first bytes of every aggregated record.
pub const MAGIC: [u8; 4] = [0xF3, 0x89, 0x9A, 0xC2];

const DIGEST_BYTES: usize = 16;

#[derive(Clone, PartialEq, Message)]
struct AggregatedRecord {
    #[prost(string, repeated, tag = "1")]
    partition_key_table: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    explicit_hash_key_table: Vec<String>,
    #[prost(message, repeated, tag = "3")]
    records: Vec<Record>,
}

#[derive(Clone, PartialEq, Message)]
struct Record {
    #[prost(uint64, required, tag = "1")]
    partition_key_index: u64,
    #[prost(uint64, optional, tag = "2")]
    explicit_hash_key_index: Option<u64>,
    #[prost(bytes = "vec", required, tag = "3")]
    data: Vec<u8>,
}

/// One of the records in an aggregate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    /// The key that it was sent with.
    pub partition_key: String,
    /// What was sent.
    pub data: Vec<u8>,
}

/// A record starts like an aggregate and is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Corrupt {
    /// It ends before its checksum.
    #[error("an aggregated record of {0} bytes ends before its checksum")]
    Truncated(usize),
    /// The MD5 of the message is another than the one behind it.
    #[error("the checksum of an aggregated record does not match")]
    Checksum,
    /// The checksum is right and the message is none.
    #[error("an aggregated record does not hold its protobuf message: {0}")]
    Message(#[from] prost::DecodeError),
    /// A record refers to a partition key that is not in the table.
    #[error("an aggregated record's table of {keys} partition keys has no number {index}")]
    PartitionKey {
        /// The number that the record names.
        index: u64,
        /// The length of the table.
        keys: usize,
    },
}

/// Takes an aggregate apart; `None` when the record is a plain one.
pub fn decode(record: &[u8]) -> Result<Option<Vec<UserRecord>>, Corrupt> {
    let Some(framed) = record.strip_prefix(&MAGIC) else {
        return Ok(None);
    };
    let Some((message, digest)) = framed.split_last_chunk::<DIGEST_BYTES>() else {
        return Err(Corrupt::Truncated(record.len()));
    };
    if Md5::digest(message).as_slice() != digest {
        return Err(Corrupt::Checksum);
    }
    let AggregatedRecord {
        partition_key_table: keys,
        records,
        ..
    } = AggregatedRecord::decode(message)?;
    let user_record = |record: Record| {
        let index = record.partition_key_index;
        let key = usize::try_from(index).ok().and_then(|index| keys.get(index));
        let partition_key = key
            .ok_or(Corrupt::PartitionKey {
                index,
                keys: keys.len(),
            })?
            .clone();
        Ok(UserRecord {
            partition_key,
            data: record.data,
        })
    };
    records
        .into_iter()
        .map(user_record)
        .collect::<Result<_, _>>()
        .map(Some)
}

/// Collects user records into one aggregated record.
#[derive(Debug, Default)]
pub struct Aggregator {
    message: AggregatedRecord,
    key_indices: HashMap<String, u64>,
}

impl Aggregator {
    /// Adds a record with its partition key.
    pub fn add(&mut self, partition_key: &str, data: Vec<u8>) {
        let keys = &mut self.message.partition_key_table;
        let index = *self
            .key_indices
            .entry(partition_key.to_owned())
            .or_insert_with(|| {
                keys.push(partition_key.to_owned());
                keys.len() as u64 - 1
            });
        self.message.records.push(Record {
            partition_key_index: index,
            explicit_hash_key_index: None,
            data,
        });
    }

    /// The record to send.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        let message = self.message.encode_to_vec();
        [MAGIC.as_slice(), &message, Md5::digest(&message).as_slice()].concat()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An aggregate of `("k", "hello")` as Amazon's libraries write it, byte for byte.
    const PUBLISHED: &[u8] = b"\xf3\x89\x9a\xc2\x0a\x01k\x1a\x09\x08\x00\x1a\x05hello";

    fn framed(message: &[u8]) -> Vec<u8> {
        [&MAGIC, message, Md5::digest(message).as_slice()].concat()
    }

    #[test]
    fn the_frame_is_the_published_one() {
        let mut aggregate = Aggregator::default();
        aggregate.add("k", b"hello".to_vec());
        let record = aggregate.finish();
        assert_eq!(&record[..record.len() - DIGEST_BYTES], PUBLISHED);
        assert_eq!(record, framed(&PUBLISHED[4..]));
    }

    #[test]
    fn damage_is_told_apart() {
        assert_eq!(decode(&MAGIC), Err(Corrupt::Truncated(4)));
        assert_eq!(decode(&[&MAGIC[..], &[0; 20]].concat()), Err(Corrupt::Checksum));
        assert!(matches!(decode(&framed(b"\xff\xff")), Err(Corrupt::Message(_))));
        let dangling = AggregatedRecord {
            records: vec![Record {
                partition_key_index: 3,
                ..Record::default()
            }],
            ..AggregatedRecord::default()
        };
        assert_eq!(
            decode(&framed(&dangling.encode_to_vec())),
            Err(Corrupt::PartitionKey { index: 3, keys: 0 })
        );
    }

    proptest! {
        #[test]
        fn what_is_aggregated_comes_back_in_order(
            records in proptest::collection::vec(("[a-c]{1,2}", proptest::collection::vec(any::<u8>(), 0..40)), 0..40),
        ) {
            let mut aggregate = Aggregator::default();
            records.iter().for_each(|(key, data)| aggregate.add(key, data.clone()));
            let expected: Vec<UserRecord> =
                records.into_iter().map(|(partition_key, data)| UserRecord { partition_key, data }).collect();
            prop_assert_eq!(decode(&aggregate.finish()), Ok(Some(expected)));
        }

        #[test]
        fn decoding_any_bytes_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
            let _ = decode(&framed(&bytes));
        }

        #[test]
        fn a_flipped_bit_is_noticed(at in any::<proptest::sample::Index>(), bit in 0..8_u8) {
            let mut aggregate = Aggregator::default();
            aggregate.add("key", b"some data".to_vec());
            let whole = aggregate.finish();
            let mut damaged = whole.clone();
            damaged[at.index(whole.len())] ^= 1 << bit;
            prop_assert!(matches!(decode(&damaged), Ok(None) | Err(_)));
        }
    }
}
