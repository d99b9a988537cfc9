//! Writing: user records become one aggregated record.

use std::collections::HashMap;

use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

use crate::{DIGEST_BYTES, MAGIC, seal};

/// Every field number of the format is small: its key is one byte.
const KEY_BYTES: usize = 1;
/// More than the numbers and lengths that a record comes with: seven, of ten bytes at most, with their keys.
const MOST_BESIDE_BYTES: usize = 7 * (KEY_BYTES + 10);

/// Collects user records into one aggregated record, and knows its size at any time.
///
/// The protobuf fields are written as records come in; `finish` only puts the tables before them.
#[derive(Debug, Default)]
pub struct Aggregator {
    partition_keys: KeyTable,
    explicit_hash_keys: KeyTable,
    records: Vec<u8>,
    len: usize,
}

impl Aggregator {
    /// Adds a record with its partition key and, if it is to go elsewhere than that key's MD5, a hash key: a decimal number.
    pub fn add(&mut self, partition_key: &str, explicit_hash_key: Option<&str>, data: &[u8]) {
        let partition_key = self.partition_keys.add(1, partition_key);
        let explicit_hash_key = explicit_hash_key.map(|key| self.explicit_hash_keys.add(2, key));
        let out = &mut self.records;
        start_bytes(3, record_bytes(partition_key, explicit_hash_key, data), out);
        encode_key(1, WireType::Varint, out);
        encode_varint(partition_key, out);
        if let Some(index) = explicit_hash_key {
            encode_key(2, WireType::Varint, out);
            encode_varint(index, out);
        }
        start_bytes(3, data.len(), out);
        out.extend_from_slice(data);
        self.len += 1;
    }

    /// How many records were added since the last `finish`.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes that `finish` would return now.
    #[must_use]
    pub const fn size(&self) -> usize {
        MAGIC.len()
            + self.partition_keys.encoded.len()
            + self.explicit_hash_keys.encoded.len()
            + self.records.len()
            + DIGEST_BYTES
    }

    /// The bytes that `finish` would return with this record added.
    #[must_use]
    pub fn size_with(&self, partition_key: &str, explicit_hash_key: Option<&str>, data: &[u8]) -> usize {
        let (partition_key, mut added) = self.partition_keys.with(partition_key);
        let explicit_hash_key = explicit_hash_key.map(|key| {
            let (index, bytes) = self.explicit_hash_keys.with(key);
            added += bytes;
            index
        });
        self.size() + added + field_bytes(record_bytes(partition_key, explicit_hash_key, data))
    }

    /// Whether `finish` would return at most `max_bytes` with this record added.
    #[must_use]
    pub fn fits(
        &self,
        partition_key: &str,
        explicit_hash_key: Option<&str>,
        data: &[u8],
        max_bytes: usize,
    ) -> bool {
        // Most records are far from the limit, which shows without looking up their keys.
        let text_bytes = partition_key.len() + explicit_hash_key.map_or(0, str::len) + data.len();
        self.size() + text_bytes + MOST_BESIDE_BYTES <= max_bytes
            || self.size_with(partition_key, explicit_hash_key, data) <= max_bytes
    }

    /// The record to send. What follows is added to a new one.
    #[must_use]
    pub fn finish(&mut self) -> Vec<u8> {
        let mut record = self.finish_unsealed();
        seal(&mut [&mut record]);
        record
    }

    /// The record without its checksum, which [`seal`] adds, with room for that.
    #[must_use]
    pub fn finish_unsealed(&mut self) -> Vec<u8> {
        let mut record = Vec::with_capacity(self.size());
        record.extend_from_slice(&MAGIC);
        self.partition_keys.move_to(&mut record);
        self.explicit_hash_keys.move_to(&mut record);
        record.append(&mut self.records);
        self.len = 0;
        record
    }
}

/// Keys that records refer to by their place, each of them once.
#[derive(Debug, Default)]
struct KeyTable {
    indices: HashMap<Box<str>, u64>,
    encoded: Vec<u8>,
}

impl KeyTable {
    /// The place of a key, which gets one at the end as field `tag` when it is new.
    fn add(&mut self, tag: u32, key: &str) -> u64 {
        if let Some(index) = self.indices.get(key) {
            return *index;
        }
        let index = self.indices.len() as u64;
        self.indices.insert(key.into(), index);
        start_bytes(tag, key.len(), &mut self.encoded);
        self.encoded.extend_from_slice(key.as_bytes());
        index
    }

    /// The place that a key has or would get, and the bytes that the table would grow by.
    fn with(&self, key: &str) -> (u64, usize) {
        match self.indices.get(key) {
            Some(index) => (*index, 0),
            None => (self.indices.len() as u64, field_bytes(key.len())),
        }
    }

    fn move_to(&mut self, record: &mut Vec<u8>) {
        self.indices.clear();
        record.append(&mut self.encoded);
    }
}

/// The length of a record's message.
fn record_bytes(partition_key: u64, explicit_hash_key: Option<u64>, data: &[u8]) -> usize {
    let number_bytes = |number| KEY_BYTES + encoded_len_varint(number);
    number_bytes(partition_key) + explicit_hash_key.map_or(0, number_bytes) + field_bytes(data.len())
}

/// The length of a field that holds `len` bytes.
fn field_bytes(len: usize) -> usize {
    KEY_BYTES + encoded_len_varint(len as u64) + len
}

/// What stands before the `len` bytes of a field.
fn start_bytes(tag: u32, len: usize, out: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(len as u64, out);
}

#[cfg(test)]
mod tests {
    use md5::{Digest, Md5};
    use proptest::collection::vec;
    use proptest::prelude::*;
    use prost::Message;

    use super::*;
    use crate::{AggregatedRecord, Record, UserRecord, decode};

    /// An aggregate of `("k", "hello")` as Amazon's libraries write it, byte for byte.
    const PUBLISHED: &[u8] = b"\xf3\x89\x9a\xc2\x0a\x01k\x1a\x09\x08\x00\x1a\x05hello";

    #[test]
    fn the_frame_is_the_published_one() {
        let mut aggregate = Aggregator::default();
        aggregate.add("k", None, b"hello");
        let record = aggregate.finish();
        let (message, digest) = record.split_last_chunk::<DIGEST_BYTES>().unwrap();
        assert_eq!(message, PUBLISHED);
        assert_eq!(digest, Md5::digest(&PUBLISHED[MAGIC.len()..]).as_slice());
    }

    #[test]
    fn an_aggregator_starts_anew_after_each_record() {
        let mut aggregate = Aggregator::default();
        let empty = aggregate.size();
        aggregate.add("a", Some("1"), b"one");
        aggregate.add("b", None, b"two");
        assert_eq!((aggregate.len(), aggregate.is_empty()), (2, false));
        let first = aggregate.finish();
        assert_eq!(
            (aggregate.len(), aggregate.is_empty(), aggregate.size()),
            (0, true, empty)
        );
        aggregate.add("a", Some("1"), b"one");
        aggregate.add("b", None, b"two");
        assert_eq!(aggregate.finish(), first);
        assert_eq!(aggregate.finish().len(), empty);
    }

    /// What prost writes for the same records, with each key in its table once.
    fn by_prost(records: &[UserRecord]) -> Vec<u8> {
        fn place(table: &mut Vec<String>, key: &str) -> u64 {
            let found = table.iter().position(|known| known == key);
            found.unwrap_or_else(|| {
                table.push(key.to_owned());
                table.len() - 1
            }) as u64
        }
        let mut message = AggregatedRecord::default();
        for record in records {
            let hash_key = record.explicit_hash_key.as_deref();
            let record = Record {
                partition_key_index: place(&mut message.partition_key_table, &record.partition_key),
                explicit_hash_key_index: hash_key.map(|key| place(&mut message.explicit_hash_key_table, key)),
                data: record.data.clone(),
            };
            message.records.push(record);
        }
        let message = message.encode_to_vec();
        [&MAGIC, &message[..], Md5::digest(&message).as_slice()].concat()
    }

    /// Few keys, so that they repeat, or so many that their places need two bytes; data on both sides of 128 bytes.
    fn any_records() -> impl Strategy<Value = Vec<UserRecord>> {
        let key = prop_oneof![
            "[a-c]{0,2}",
            "\\PC{1,40}",
            "[0-9]{130}",
            (0..400_u32).prop_map(|n| n.to_string())
        ];
        let hash_key = prop::option::of(prop_oneof![
            "[0-9]{1,2}",
            any::<u128>().prop_map(|n| n.to_string())
        ]);
        let data = prop_oneof![vec(any::<u8>(), 0..40), vec(any::<u8>(), 100..300)];
        let record = (key, hash_key, data).prop_map(|(partition_key, explicit_hash_key, data)| UserRecord {
            partition_key,
            explicit_hash_key,
            data,
        });
        prop_oneof![3 => vec(record.clone(), 0..20), 1 => vec(record, 200..400)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_aggregated_is_what_prost_writes_has_the_foretold_size_and_comes_back_in_order(
            records in any_records(),
        ) {
            let mut aggregate = Aggregator::default();
            for record in &records {
                let hash_key = record.explicit_hash_key.as_deref();
                let foretold = aggregate.size_with(&record.partition_key, hash_key, &record.data);
                for (max_bytes, fits) in [(foretold - 1, false), (foretold, true), (foretold + 1_000, true)] {
                    let answer = aggregate.fits(&record.partition_key, hash_key, &record.data, max_bytes);
                    prop_assert_eq!(answer, fits);
                }
                aggregate.add(&record.partition_key, hash_key, &record.data);
                prop_assert_eq!(aggregate.size(), foretold);
            }
            let size = aggregate.size();
            let record = aggregate.finish();
            prop_assert_eq!(record.len(), size);
            prop_assert_eq!(&record, &by_prost(&records));
            prop_assert_eq!(decode(&record), Ok(Some(records)));
        }
    }
}
