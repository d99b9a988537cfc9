//! What a run sends: one record after the other, each with the time that it is due. The generator is one source, a file of
//! recorded events another. A source reads no clock.

use std::task::Poll;
use std::time::Duration;

use events::{EventType, Rule, Stream, Timestamp};

use crate::generator::Planned;

/// Where records come from.
pub trait Source: Send + 'static {
    /// The next record, with what is to be kept of it, or `None` when there are no more. Due times never decrease.
    fn next_record(&mut self, keep: Keep) -> Option<Record>;

    /// The same without waiting for whoever makes them: `Pending` while the next record is still to come.
    fn poll_record(&mut self, keep: Keep) -> Poll<Option<Record>> {
        Poll::Ready(self.next_record(keep))
    }

    /// Takes back the JSON of a record that is done with: its memory serves for the next one.
    fn recycle(&mut self, _json: Vec<u8>) {}
}

/// Who asks for events later. Where nobody does, an event is never more than its JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// The ledger: for every record.
    pub ledger: bool,
    /// Freshness: where each event is.
    pub freshness: bool,
}

impl Keep {
    /// Every record's content.
    pub const ALL: Self = Self {
        ledger: true,
        freshness: true,
    };

    /// Whether somebody will ask.
    #[must_use]
    pub const fn any(self) -> bool {
        self.ledger || self.freshness
    }
}

/// A record to send.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The stream that it goes to.
    pub stream: Stream,
    /// The shopper: the partition key.
    pub user_id: u64,
    /// When it is due, after the start of the run.
    pub due: Duration,
    /// What it is.
    pub kind: Kind,
    /// When the event happened; for a bad record, the one that it looks like.
    pub occurred_at: Timestamp,
    /// What is sent.
    pub json: Vec<u8>,
    /// The whole of it, for the books; where it is to be kept.
    pub content: Option<Box<Content>>,
}

impl Record {
    /// Its event, where it is one for the first time and was to be kept.
    #[must_use]
    pub fn into_event(self) -> Option<Planned> {
        match *self.content? {
            Content::Event(planned) => Some(planned),
            Content::Again(_) | Content::Bad(_) => None,
        }
    }
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An event, for the first time.
    Event(EventType),
    /// An event that was sent before.
    Again,
    /// A record that breaks the contract.
    Bad,
}

/// What a record is, with all that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// An event, for the first time.
    Event(Planned),
    /// An event that was sent before: a tracker that resends. It counts once.
    Again(Planned),
    /// A record that breaks this rule of the contract, on purpose.
    Bad(Rule),
}
