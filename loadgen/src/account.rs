//! What became of the records: each is acknowledged or failed once.

use std::collections::BTreeMap;
use std::time::Duration;

use events::{EventType, Stream};
use hdrhistogram::Histogram;

use crate::ledger::Books;
use crate::sink::{Kind, Note};

/// The longest latency told apart from longer ones.
const MAX_LATENCY: Duration = Duration::from_hours(4);

/// A histogram of times in microseconds. What is longer than its longest counts as that.
#[must_use]
pub fn latencies_us() -> Histogram<u64> {
    let max_us = u64::try_from(MAX_LATENCY.as_micros()).unwrap_or(u64::MAX);
    Histogram::new_with_bounds(1, max_us, 3).expect("the bounds and digits are ones that it takes")
}

/// A time in microseconds.
#[must_use]
pub fn as_us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Counts, latencies and, if wanted, the books of the records settled so far.
#[derive(Clone, Debug)]
pub struct Account {
    /// Events acknowledged for the first time, by type.
    pub events_by_type: BTreeMap<EventType, u64>,
    /// Acknowledged events that had been sent before, on purpose.
    pub duplicates: u64,
    /// Acknowledged records that break the contract, on purpose.
    pub bad: u64,
    /// Records given up, by error code.
    pub failed: BTreeMap<String, u64>,
    /// Those of the failed that may be in the stream all the same.
    pub uncertain: u64,
    /// Records sent again, each time counted.
    pub retried: u64,
    /// Records acknowledged after an answer for them was lost: they may be in the stream twice.
    pub possible_duplicates: u64,
    /// JSON of acknowledged records, in bytes.
    pub bytes: u64,
    /// Calls made.
    pub calls: u64,
    /// Entries of those calls: records or aggregates, each attempt counted.
    pub attempts: u64,
    /// Data and keys of those entries, in bytes.
    pub wire_bytes: u64,
    /// What each shard took.
    pub shards: BTreeMap<Stream, BTreeMap<String, ShardCount>>,
    /// From due to acknowledged, in microseconds.
    pub latency_us: Histogram<u64>,
    /// All that is settled.
    pub settled: Settled,
    /// For the ledger.
    pub books: Option<Books>,
}

/// Records that are settled, and what they took in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// How many.
    pub records: u64,
    /// What they took.
    pub bytes: u64,
}

/// What a shard took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardCount {
    /// Stream records: an aggregate is one.
    pub records: u64,
    /// Events in them.
    pub events: u64,
    /// Data and keys, in bytes.
    pub bytes: u64,
    /// Entries refused because the shard's throughput was used up.
    pub throttled: u64,
}

impl ShardCount {
    /// Adds what came later.
    pub fn add(&mut self, more: Self) {
        self.records += more.records;
        self.events += more.events;
        self.bytes += more.bytes;
        self.throttled += more.throttled;
    }
}

impl Account {
    /// Nothing yet; with the books if there is to be a ledger.
    #[must_use]
    pub fn new(books: Option<Books>) -> Self {
        Self {
            events_by_type: BTreeMap::new(),
            duplicates: 0,
            bad: 0,
            failed: BTreeMap::new(),
            uncertain: 0,
            retried: 0,
            possible_duplicates: 0,
            bytes: 0,
            calls: 0,
            attempts: 0,
            wire_bytes: 0,
            shards: BTreeMap::new(),
            latency_us: latencies_us(),
            settled: Settled::default(),
            books,
        }
    }

    /// Settles a record as acknowledged at `now`, on the clock that it was due on.
    pub fn acknowledge(&mut self, note: &Note, now: Duration) {
        match note.kind {
            Kind::Event(event_type) => *self.events_by_type.entry(event_type).or_default() += 1,
            Kind::Again => self.duplicates += 1,
            Kind::Bad => self.bad += 1,
        }
        self.bytes += u64::from(note.json_bytes);
        self.latency_us
            .saturating_record(as_us(now.saturating_sub(note.due)));
        self.settle(note);
        if let (Some(books), Some(content)) = (&mut self.books, &note.content) {
            books.acknowledge(content);
        }
    }

    /// Settles a record as given up.
    pub fn fail(&mut self, note: &Note, code: &str, uncertain: bool) {
        match self.failed.get_mut(code) {
            Some(count) => *count += 1,
            None => drop(self.failed.insert(code.to_owned(), 1)),
        }
        self.uncertain += u64::from(uncertain);
        self.settle(note);
        if let (Some(books), Some(content)) = (&mut self.books, &note.content) {
            books.fail(content);
        }
    }

    fn settle(&mut self, note: &Note) {
        self.settled.records += 1;
        self.settled.bytes += u64::from(note.memory_bytes);
    }

    /// The count of a shard.
    pub fn shard(&mut self, stream: Stream, shard_id: &str) -> &mut ShardCount {
        let shards = self.shards.entry(stream).or_default();
        if !shards.contains_key(shard_id) {
            shards.insert(shard_id.to_owned(), ShardCount::default());
        }
        shards.get_mut(shard_id).expect("it was just put in")
    }

    /// Records acknowledged.
    #[must_use]
    pub fn acknowledged_total(&self) -> u64 {
        self.events_by_type.values().sum::<u64>() + self.duplicates + self.bad
    }

    /// Records given up.
    #[must_use]
    pub fn failed_total(&self) -> u64 {
        self.failed.values().sum()
    }
}
