//! Packs records into aggregates, one open for each shard. No clock, no I/O.

use std::fmt::Write;
use std::time::Duration;

use kpl::{Aggregator, hash_key};

use super::entry::Entry;
use super::{Item, Note};

/// The open aggregates of a stream.
#[derive(Debug)]
pub struct Packer {
    max_bytes: usize,
    linger: Duration,
    open: Vec<Option<Open>>,
    /// The partition key of the record at hand.
    key: String,
}

#[derive(Debug, Default)]
struct Open {
    aggregate: Aggregator,
    user_id: u64,
    first: Option<Note>,
    others: Vec<Note>,
    since: Duration,
}

impl Packer {
    /// Nothing open yet, for a number of shards.
    #[must_use]
    pub fn new(max_bytes: usize, linger: Duration, shards: usize) -> Self {
        let mut packer = Self {
            max_bytes,
            linger,
            open: Vec::new(),
            key: String::new(),
        };
        packer.serve(shards);
        packer
    }

    /// Packs for this many shards from now on. Only when nothing is open.
    pub fn serve(&mut self, shards: usize) {
        debug_assert!(self.is_empty());
        self.open = (0..shards.max(1)).map(|_| None).collect();
    }

    /// Whether nothing is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.iter().all(Option::is_none)
    }

    /// Adds a record to the aggregate of its shard, and hands out the one that it doesn't fit into any more. A record that
    /// is too large for any aggregate comes out by itself.
    pub fn push(&mut self, shard: usize, item: Item, now: Duration, mut out: impl FnMut(Entry)) {
        self.key.clear();
        // Writing to a String can't fail.
        let _ = write!(self.key, "{}", item.user_id);
        let slot = &mut self.open[shard];
        if let Some(open) = slot
            && open.aggregate.size_with(&self.key, None, &item.json) > self.max_bytes
        {
            out(slot.take().unwrap_or_default().close());
        }
        let open = slot.get_or_insert_with(|| Open {
            user_id: item.user_id,
            since: now,
            ..Open::default()
        });
        if open.first.is_none() && open.aggregate.size_with(&self.key, None, &item.json) > self.max_bytes {
            *slot = None;
            return out(Entry::plain(item));
        }
        open.aggregate.add(&self.key, None, &item.json);
        match open.first {
            None => open.first = Some(item.note),
            Some(_) => open.others.push(item.note),
        }
    }

    /// Hands out the aggregates that have been open for long enough, or all. Each comes with its shard.
    pub fn close(&mut self, now: Duration, all: bool, mut out: impl FnMut(usize, Entry)) {
        for (shard, slot) in self.open.iter_mut().enumerate() {
            if let Some(open) = slot.take_if(|open| all || open.since + self.linger <= now) {
                out(shard, open.close());
            }
        }
    }

    /// When the next aggregate has been open for long enough.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        let open = self.open.iter().flatten();
        open.map(|open| open.since + self.linger).min()
    }

    /// Gives up what is open.
    pub fn give_up(&mut self) -> Vec<Note> {
        let open = self.open.iter_mut().filter_map(Option::take);
        open.flat_map(|open| open.first.into_iter().chain(open.others))
            .collect()
    }
}

impl Open {
    fn close(mut self) -> Entry {
        let first = self.first.take().expect("an open aggregate holds a record");
        let data = self.aggregate.finish();
        // The first record's own place is on the shard that all of them are for.
        let hash_key = hash_key(&self.user_id.to_string());
        Entry::aggregate(self.user_id, hash_key, data, first, self.others)
    }
}

#[cfg(test)]
mod tests {
    use events::Stream;
    use proptest::prelude::*;

    use super::*;
    use crate::sink::Kind;

    fn item(n: usize, bytes: usize) -> Item {
        Item {
            stream: Stream::CartEvents,
            user_id: n as u64 % 7,
            json: vec![b'x'; bytes],
            note: Note {
                due: Duration::from_nanos(n as u64),
                kind: Kind::Bad,
                json_bytes: u32::try_from(bytes).unwrap(),
                memory_bytes: 0,
                planned: None,
            },
        }
    }

    proptest! {
        #[test]
        fn every_record_comes_out_once_in_its_order_within_the_limit(
            records in prop::collection::vec((0..3_usize, 0..300_usize), 0..60),
        ) {
            let mut packer = Packer::new(400, Duration::from_millis(50), 3);
            let mut entries: Vec<Vec<Entry>> = vec![Vec::new(); 3];
            for (n, (shard, bytes)) in records.iter().enumerate() {
                packer.push(*shard, item(n, *bytes), Duration::ZERO, |entry| entries[*shard].push(entry));
            }
            packer.close(Duration::ZERO, true, |shard, entry| entries[shard].push(entry));
            prop_assert!(packer.is_empty());
            for (shard, entries) in entries.iter().enumerate() {
                let sent: Vec<u128> =
                    entries.iter().flat_map(Entry::notes).map(|note| note.due.as_nanos()).collect();
                let expected: Vec<u128> = (0..).zip(&records).filter(|(_, (of, _))| *of == shard).map(|(n, _)| n).collect();
                prop_assert_eq!(sent, expected);
                for entry in entries {
                    let held = kpl::decode(&entry.data).unwrap().unwrap();
                    prop_assert!(entry.data.len() <= 400);
                    prop_assert_eq!(held.len() as u64, entry.records());
                    prop_assert_eq!(held[0].partition_key.clone(), entry.user_id.to_string());
                }
            }
        }
    }

    #[test]
    fn what_fits_no_aggregate_goes_by_itself_after_what_came_before() {
        let mut packer = Packer::new(400, Duration::from_millis(50), 1);
        let mut sizes = Vec::new();
        for (n, bytes) in [100, 1_000, 100].into_iter().enumerate() {
            packer.push(0, item(n, bytes), Duration::ZERO, |entry| {
                sizes.push((entry.records(), entry.data.len() == 1_000));
            });
        }
        assert_eq!(sizes, [(1, false), (1, true)]);
        assert!(!packer.is_empty());
    }

    #[test]
    fn an_aggregate_is_closed_when_it_has_been_open_for_the_linger() {
        let ms = Duration::from_millis;
        let mut packer = Packer::new(400, ms(50), 2);
        packer.push(1, item(0, 10), ms(5), |_| panic!("it fits"));
        packer.push(1, item(1, 10), ms(20), |_| panic!("it fits"));
        assert_eq!(packer.due(), Some(ms(55)));
        packer.close(ms(54), false, |_, _| panic!("it is not due"));
        let mut closed = Vec::new();
        packer.close(ms(55), false, |shard, entry| {
            closed.push((shard, entry.records()));
        });
        assert_eq!((closed, packer.due()), (vec![(1, 2)], None));
    }
}
