//! What became of the events of one worker: each is acknowledged or failed once, and until then in flight.

use std::collections::BTreeMap;
use std::time::Duration;

use events::EventType;
use hdrhistogram::Histogram;

use crate::generator::Planned;
use crate::ledger::Books;
use crate::source::Content;

/// The longest latency told apart from longer ones.
const MAX_LATENCY: Duration = Duration::from_hours(4);

/// A histogram of times in microseconds. What is longer than its longest counts as that.
#[must_use]
pub fn latencies_us() -> Histogram<u64> {
    let max_us = u64::try_from(MAX_LATENCY.as_micros()).unwrap_or(u64::MAX);
    Histogram::new_with_bounds(1, max_us, 3).expect("the bounds and digits are ones that it takes")
}

/// Counts, latencies and, if wanted, the books of the events settled so far.
#[derive(Clone, Debug)]
pub struct Account {
    /// Events acknowledged, by type.
    pub acknowledged: BTreeMap<EventType, u64>,
    /// Events given up, by error code.
    pub failed: BTreeMap<String, u64>,
    /// Those of the failed that may be in the stream all the same.
    pub uncertain: u64,
    /// Events sent again, each time counted.
    pub retried: u64,
    /// Events acknowledged after an answer for them was lost: they may be in the stream twice.
    pub possible_duplicates: u64,
    /// JSON of acknowledged events, in bytes.
    pub bytes: u64,
    /// From due to acknowledged, in microseconds.
    pub latency_us: Histogram<u64>,
    /// For the ledger.
    pub books: Option<Books>,
}

impl Account {
    /// Nothing yet.
    #[must_use]
    pub fn new(with_books: bool) -> Self {
        Self {
            acknowledged: BTreeMap::new(),
            failed: BTreeMap::new(),
            uncertain: 0,
            retried: 0,
            possible_duplicates: 0,
            bytes: 0,
            latency_us: latencies_us(),
            books: with_books.then(Books::default),
        }
    }

    /// Settles an event as acknowledged, `latency` after it was due.
    pub fn acknowledge(&mut self, planned: &Planned, bytes: usize, latency: Duration) {
        *self.acknowledged.entry(planned.event.event_type()).or_default() += 1;
        self.bytes += bytes as u64;
        self.latency_us
            .saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
        if let Some(books) = &mut self.books {
            books.acknowledge(&Content::Event(planned.clone()));
        }
    }

    /// Settles an event as given up.
    pub fn fail(&mut self, planned: &Planned, code: &str, uncertain: bool) {
        match self.failed.get_mut(code) {
            Some(count) => *count += 1,
            None => drop(self.failed.insert(code.to_owned(), 1)),
        }
        self.uncertain += u64::from(uncertain);
        if let Some(books) = &mut self.books {
            books.fail(&Content::Event(planned.clone()));
        }
    }

    /// Events acknowledged.
    #[must_use]
    pub fn acknowledged_total(&self) -> u64 {
        self.acknowledged.values().sum()
    }

    /// Events given up.
    #[must_use]
    pub fn failed_total(&self) -> u64 {
        self.failed.values().sum()
    }

    /// Adds another worker's account.
    pub fn merge(&mut self, other: Self) {
        for (event_type, count) in other.acknowledged {
            *self.acknowledged.entry(event_type).or_default() += count;
        }
        for (code, count) in other.failed {
            *self.failed.entry(code).or_default() += count;
        }
        self.uncertain += other.uncertain;
        self.retried += other.retried;
        self.possible_duplicates += other.possible_duplicates;
        self.bytes += other.bytes;
        self.latency_us
            .add(other.latency_us)
            .expect("all have the same bounds");
        match (&mut self.books, other.books) {
            (Some(own), Some(other)) => own.merge(other),
            (own, other) => *own = own.take().or(other),
        }
    }
}
