//! The aggregated record format of the Kinesis Producer Library: many user records in one stream record.
//!
//! Four magic bytes, a protobuf message (a table of partition keys, a table of explicit hash keys, the records), and the
//! MD5 of that message. Consumers tell an aggregate from a plain record by the magic bytes.
//!
//! ```
//! let mut aggregate = kpl::Aggregator::default();
//! aggregate.add("42", None, b"{}");
//! let record = aggregate.finish();
//! let user_record =
//!     kpl::UserRecord { partition_key: "42".into(), explicit_hash_key: None, data: b"{}".to_vec() };
//! assert_eq!(kpl::decode(&record)?, Some(vec![user_record]));
//! assert_eq!(kpl::decode(b"a plain record")?, None);
//! # Ok::<(), kpl::Corrupt>(())
//! ```

mod aggregator;
mod seal;
mod shards;

use md5::{Digest, Md5};
use prost::Message;

pub use aggregator::Aggregator;
pub use seal::seal;
pub use shards::{ShardMap, hash_key};

/// The first bytes of every aggregated record.
pub const MAGIC: [u8; 4] = [0xF3, 0x89, 0x9A, 0xC2];

/// What [`seal`] adds to an aggregate.
pub const DIGEST_BYTES: usize = 16;

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
    /// The hash key that was set instead of the partition key's MD5: a decimal number.
    pub explicit_hash_key: Option<String>,
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
    /// A record refers to a key that is not in its table.
    #[error("an aggregated record's table of {keys} {table} has no number {index}")]
    DanglingKey {
        /// The table: `partition keys` or `explicit hash keys`.
        table: &'static str,
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
        partition_key_table,
        explicit_hash_key_table,
        records,
    } = AggregatedRecord::decode(message)?;
    let user_record = |record: Record| {
        let hash_key = record.explicit_hash_key_index;
        Ok(UserRecord {
            partition_key: key(&partition_key_table, record.partition_key_index, "partition keys")?,
            explicit_hash_key: hash_key
                .map(|index| key(&explicit_hash_key_table, index, "explicit hash keys"))
                .transpose()?,
            data: record.data,
        })
    };
    records
        .into_iter()
        .map(user_record)
        .collect::<Result<_, _>>()
        .map(Some)
}

fn key(keys: &[String], index: u64, table: &'static str) -> Result<String, Corrupt> {
    let key = usize::try_from(index).ok().and_then(|index| keys.get(index));
    key.cloned().ok_or(Corrupt::DanglingKey {
        table,
        index,
        keys: keys.len(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(message: &[u8]) -> Vec<u8> {
        [&MAGIC, message, Md5::digest(message).as_slice()].concat()
    }

    #[test]
    fn damage_is_told_apart() {
        assert_eq!(decode(&MAGIC), Err(Corrupt::Truncated(4)));
        assert_eq!(decode(&[&MAGIC[..], &[0; 20]].concat()), Err(Corrupt::Checksum));
        assert!(matches!(decode(&framed(b"\xff\xff")), Err(Corrupt::Message(_))));
    }

    #[test]
    fn a_key_that_is_in_no_table_is_named() {
        let decoded = |record: Record| {
            let message = AggregatedRecord {
                partition_key_table: vec!["k".to_owned()],
                explicit_hash_key_table: Vec::new(),
                records: vec![record],
            };
            decode(&framed(&message.encode_to_vec())).map_err(|corrupt| corrupt.to_string())
        };
        let dangling = |table: &str, index: u64| {
            Err(format!(
                "an aggregated record's table of {table} has no number {index}"
            ))
        };
        let record = Record {
            partition_key_index: 3,
            ..Record::default()
        };
        assert_eq!(decoded(record), dangling("1 partition keys", 3));
        let record = Record {
            explicit_hash_key_index: Some(0),
            ..Record::default()
        };
        assert_eq!(decoded(record), dangling("0 explicit hash keys", 0));
    }

    proptest! {
        #[test]
        fn decoding_any_bytes_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
            let _ = decode(&framed(&bytes));
        }

        #[test]
        fn a_flipped_bit_is_noticed(at in any::<proptest::sample::Index>(), bit in 0..8_u8) {
            let mut aggregate = Aggregator::default();
            aggregate.add("key", None, b"some data");
            let whole = aggregate.finish();
            let mut damaged = whole.clone();
            damaged[at.index(whole.len())] ^= 1 << bit;
            prop_assert!(matches!(decode(&damaged), Ok(None) | Err(_)));
        }
    }
}
