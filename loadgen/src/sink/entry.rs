//! What one entry of a call holds: a record by itself, or an aggregate of records.

use kpl::DIGEST_BYTES;

use super::{Item, Note};

/// An entry of a call. What is sent again is the whole of it, and all of its records are settled together.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The shopper who is the partition key: of an aggregate, the first record's.
    pub user_id: u64,
    /// The place in the hash-key space, where it is said expressly.
    pub hash_key: Option<u128>,
    /// What is sent.
    pub data: Vec<u8>,
    /// An aggregate that its checksum is not yet added to.
    unsealed: bool,
    first: Note,
    others: Vec<Note>,
}

impl Entry {
    /// A record by itself.
    #[must_use]
    pub fn plain(item: Item, json: &[u8]) -> Self {
        Self {
            user_id: item.user_id,
            hash_key: None,
            data: json.to_vec(),
            unsealed: false,
            first: item.note,
            others: Vec::new(),
        }
    }

    /// An aggregate of records, as yet unsealed.
    #[must_use]
    pub fn aggregate(user_id: u64, hash_key: u128, data: Vec<u8>, first: Note, others: Vec<Note>) -> Self {
        Self {
            user_id,
            hash_key: Some(hash_key),
            data,
            unsealed: true,
            first,
            others,
        }
    }

    /// Its records, in their order.
    pub fn notes(&self) -> impl Iterator<Item = &Note> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// How many records it holds.
    #[must_use]
    pub fn records(&self) -> u64 {
        1 + self.others.len() as u64
    }

    /// Its size as the service counts it: data and partition key.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let digits = self.user_id.checked_ilog10().map_or(1, |log| log + 1);
        let digest = if self.unsealed { DIGEST_BYTES } else { 0 };
        self.data.len() + digest + digits as usize
    }
}

/// Seals the aggregates among the entries of a call, which is quicker than one by one. Those of an earlier attempt are.
pub fn seal<'a>(entries: impl Iterator<Item = &'a mut Entry>) {
    let unsealed = entries.filter_map(|entry| std::mem::take(&mut entry.unsealed).then_some(&mut entry.data));
    kpl::seal(&mut unsealed.collect::<Vec<_>>());
}
