//! What a run sends: one record after the other, each with the time that it is due. The generator is one source, a file of
//! recorded events another. A source reads no clock.

use std::task::Poll;
use std::time::Duration;

use events::{Rule, Stream};

use crate::generator::Planned;

/// Where records come from.
pub trait Source: Send + 'static {
    /// The next record, or `None` when there are no more. Due times never decrease.
    fn next_record(&mut self) -> Option<Record>;

    /// The same without waiting for whoever makes them: `Pending` while the next record is still to come.
    fn poll_record(&mut self) -> Poll<Option<Record>> {
        Poll::Ready(self.next_record())
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
    /// What is sent.
    pub json: Vec<u8>,
    /// What it is, for the books.
    pub content: Content,
}

/// What a record is.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// An event, for the first time.
    Event(Planned),
    /// An event that was sent before: a tracker that resends. It counts once.
    Again(Planned),
    /// A record that breaks this rule of the contract, on purpose.
    Bad(Rule),
}
