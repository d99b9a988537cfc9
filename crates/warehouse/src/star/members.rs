//! Members of a dimension and their surrogate keys.

use std::borrow::Borrow;
use std::hash::Hash;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use bytes::Bytes;
use foldhash::{HashMap, HashMapExt as _};

use super::{StarError, StarTable};
use crate::read::{required, rows};
use crate::table_file::{BATCH_ROWS, TableWriter};

/// A member: its natural key and what is known of it.
pub(super) struct Member<I, A> {
    pub(super) id: I,
    pub(super) attributes: A,
}

/// Members in the order of their keys: the one with key k is at place k − 1. New ones have none until
/// [`assign_keys`](Self::assign_keys), and stand behind the others in the order in which they turned up.
pub(super) struct Members<I, A> {
    rows: Vec<Member<I, A>>,
    places: HashMap<I, usize>,
    with_key: usize,
}

impl<I: Clone + Hash + Ord, A> Members<I, A> {
    /// Of the table's file, if there is one. `key` is the column of the surrogate key; `members` makes members of the
    /// rows of a batch.
    pub(super) fn read(
        table: StarTable,
        key: &'static str,
        file: Option<Bytes>,
        members: impl Fn(&RecordBatch) -> Result<Vec<Member<I, A>>, StarError>,
    ) -> Result<Self, StarError> {
        let mut found = Self {
            rows: Vec::new(),
            places: HashMap::new(),
            with_key: 0,
        };
        let Some(file) = file else {
            return Ok(found);
        };
        let schema = table.schema();
        let columns: Vec<&str> = schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        for batch in rows(file, &columns)? {
            let batch = batch?;
            let keys: &Int64Array = required(&batch, key)?;
            if !keys.values().iter().copied().eq(found.next_keys(keys.len())) {
                return Err(StarError::KeyOrder(key));
            }
            for member in members(&batch)? {
                found.push(member);
            }
        }
        if found.places.len() < found.rows.len() {
            return Err(StarError::value(key, "two keys of one member"));
        }
        found.with_key = found.rows.len();
        Ok(found)
    }

    /// A member's key; `None` if there is no such member, or it is new.
    pub(super) fn key<Q: Hash + Eq + ?Sized>(&self, id: &Q) -> Option<i64>
    where
        I: Borrow<Q>,
    {
        let place = self.places.get(id).filter(|place| **place < self.with_key)?;
        Some(key_at(*place))
    }

    /// Whether there is such a member, with a key or without.
    pub(super) fn contains<Q: Hash + Eq + ?Sized>(&self, id: &Q) -> bool
    where
        I: Borrow<Q>,
    {
        self.places.contains_key(id)
    }

    /// Takes in a member, or what is known of it now.
    pub(super) fn put(&mut self, id: I, attributes: A) {
        match self.places.get(&id) {
            Some(place) => self.rows[*place].attributes = attributes,
            None => self.push(Member { id, attributes }),
        }
    }

    /// Gives new members the next keys, in ascending order of their natural keys.
    pub(super) fn assign_keys(&mut self) {
        let new = &mut self.rows[self.with_key..];
        new.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        for (member, place) in new.iter().zip(self.with_key..) {
            if let Some(found) = self.places.get_mut(&member.id) {
                *found = place;
            }
        }
        self.with_key = self.rows.len();
    }

    /// The table's file: rows by key, new members included. `columns` makes those behind the key's.
    pub(super) fn encode(
        &mut self,
        table: StarTable,
        columns: impl Fn(&[Member<I, A>]) -> Vec<ArrayRef>,
    ) -> Result<Vec<u8>, StarError> {
        self.assign_keys();
        let mut writer = TableWriter::new(table.schema(), |usual| usual)?;
        let mut before = 0;
        for rows in self.rows.chunks(BATCH_ROWS) {
            let keys = (before..before + rows.len()).map(key_at);
            let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(keys));
            writer.write([vec![keys], columns(rows)].concat())?;
            before += rows.len();
        }
        Ok(writer.finish()?)
    }

    fn push(&mut self, member: Member<I, A>) {
        self.places.insert(member.id.clone(), self.rows.len());
        self.rows.push(member);
    }

    fn next_keys(&self, count: usize) -> impl Iterator<Item = i64> {
        let before = self.rows.len();
        (before..before + count).map(key_at)
    }
}

fn key_at(place: usize) -> i64 {
    i64::try_from(place + 1).expect("no memory holds 2^63 members")
}
