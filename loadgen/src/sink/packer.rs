//! Packs records into aggregates, one open for each shard. No clock, no I/O.

use std::time::Duration;

use itoa::Buffer;
use kpl::{Aggregator, hash_key};

use super::entry::Entry;
use super::{Item, Note};

/// The open aggregates of a stream.
#[derive(Debug)]
pub struct Packer {
    max_bytes: usize,
    linger: Duration,
    slots: Vec<Slot>,
}

/// The place for a shard's aggregate. Its buffers serve one after the other.
#[derive(Debug, Default)]
struct Slot {
    aggregate: Aggregator,
    open: Option<Open>,
}

/// What an aggregate holds.
#[derive(Debug)]
struct Open {
    user_id: u64,
    first: Note,
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
            slots: Vec::new(),
        };
        packer.serve(shards);
        packer
    }

    /// Packs for this many shards from now on. Only when nothing is open.
    pub fn serve(&mut self, shards: usize) {
        debug_assert!(self.is_empty());
        self.slots.resize_with(shards.max(1), Slot::default);
    }

    /// Whether nothing is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.iter().all(|slot| slot.open.is_none())
    }

    /// Adds a record to the aggregate of its shard, and hands out the one that it doesn't fit into any more. A record that
    /// is too large for any aggregate comes out by itself.
    pub fn push(&mut self, shard: usize, item: Item, json: &[u8], now: Duration, mut out: impl FnMut(Entry)) {
        let mut digits = Buffer::new();
        let key = digits.format(item.user_id);
        let slot = &mut self.slots[shard];
        if slot.aggregate.fits(key, None, json, self.max_bytes) {
            return slot.add(key, item, json, now);
        }
        if let Some(open) = slot.open.take() {
            out(slot.close(open));
        }
        if slot.aggregate.fits(key, None, json, self.max_bytes) {
            slot.add(key, item, json, now);
        } else {
            out(Entry::plain(item, json));
        }
    }

    /// Hands out the aggregates that have been open for long enough, or all. Each comes with its shard.
    pub fn close(&mut self, now: Duration, all: bool, mut out: impl FnMut(usize, Entry)) {
        for (shard, slot) in self.slots.iter_mut().enumerate() {
            if let Some(open) = slot.open.take_if(|open| all || open.since + self.linger <= now) {
                out(shard, slot.close(open));
            }
        }
    }

    /// When the next aggregate has been open for long enough.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        let open = self.slots.iter().filter_map(|slot| slot.open.as_ref());
        open.map(|open| open.since + self.linger).min()
    }

    /// Gives up what is open. Nothing is packed after that.
    pub fn give_up(&mut self) -> Vec<Note> {
        let open = self.slots.iter_mut().filter_map(|slot| slot.open.take());
        open.flat_map(|open| std::iter::once(open.first).chain(open.others))
            .collect()
    }
}

impl Slot {
    fn add(&mut self, key: &str, item: Item, json: &[u8], now: Duration) {
        self.aggregate.add(key, None, json);
        match &mut self.open {
            Some(open) => open.others.push(item.note),
            None => {
                self.open = Some(Open {
                    user_id: item.user_id,
                    first: item.note,
                    others: Vec::new(),
                    since: now,
                });
            }
        }
    }

    fn close(&mut self, open: Open) -> Entry {
        let data = self.aggregate.finish_unsealed();
        // The first record's own place is on the shard that all of them are for.
        let hash_key = hash_key(Buffer::new().format(open.user_id));
        Entry::aggregate(open.user_id, hash_key, data, open.first, open.others)
    }
}

#[cfg(test)]
mod tests {
    use events::Stream;
    use proptest::prelude::*;

    use super::*;
    use crate::sink::Kind;
    use crate::sink::entry::seal;

    fn push(
        packer: &mut Packer,
        shard: usize,
        (n, bytes): (usize, usize),
        now: Duration,
        out: impl FnMut(Entry),
    ) {
        packer.push(shard, item(n, bytes), &vec![b'x'; bytes], now, out);
    }

    fn item(n: usize, bytes: usize) -> Item {
        Item {
            stream: Stream::CartEvents,
            user_id: n as u64 % 7,
            note: Note {
                due: Duration::from_nanos(n as u64),
                kind: Kind::Bad,
                json_bytes: u32::try_from(bytes).unwrap(),
                memory_bytes: 0,
                content: None,
            },
            hash_key: None,
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
                push(&mut packer, *shard, (n, *bytes), Duration::ZERO, |entry| entries[*shard].push(entry));
            }
            packer.close(Duration::ZERO, true, |shard, entry| entries[shard].push(entry));
            prop_assert!(packer.is_empty());
            for (shard, entries) in entries.iter().enumerate() {
                let sent: Vec<u128> =
                    entries.iter().flat_map(Entry::notes).map(|note| note.due.as_nanos()).collect();
                let expected: Vec<u128> = (0..).zip(&records).filter(|(_, (of, _))| *of == shard).map(|(n, _)| n).collect();
                prop_assert_eq!(sent, expected);
                for entry in entries {
                    let (mut entry, bytes) = (entry.clone(), entry.bytes());
                    seal(std::iter::once(&mut entry));
                    prop_assert_eq!(entry.bytes(), bytes);
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
            push(&mut packer, 0, (n, bytes), Duration::ZERO, |entry| {
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
        push(&mut packer, 1, (0, 10), ms(5), |_| panic!("it fits"));
        push(&mut packer, 1, (1, 10), ms(20), |_| panic!("it fits"));
        assert_eq!(packer.due(), Some(ms(55)));
        packer.close(ms(54), false, |_, _| panic!("it is not due"));
        let mut closed = Vec::new();
        packer.close(ms(55), false, |shard, entry| {
            closed.push((shard, entry.records()));
        });
        assert_eq!((closed, packer.due()), (vec![(1, 2)], None));
    }
}
