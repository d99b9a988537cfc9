//! Where events go. A sink is a set of lanes; each takes records through a bounded queue and settles every one of them.

pub mod batcher;
pub mod kinesis;
pub mod local;
pub mod parcel;
pub mod preflight;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use events::{Event, Minute, Stream, Timestamp};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::parcel::Backoff;
use crate::account::Account;
use crate::generator::Planned;

/// An event and the time that it is due.
#[derive(Clone, Debug)]
pub struct Record {
    /// The event.
    pub planned: Planned,
    /// When it was to be sent; its latency counts from here.
    pub due: Instant,
}

/// How events are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// How long a call is filled before it goes out half empty.
    pub linger: Duration,
    /// How long to wait for an answer.
    pub call_timeout: Duration,
    /// How often and how soon to send again.
    pub backoff: Backoff,
    /// How long a stopped run may go on sending what is queued.
    pub drain: Duration,
    /// Records that may wait in a lane; beyond that, events are released late, and their latency tells.
    pub queue_records: usize,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            linger: Duration::from_millis(50),
            call_timeout: Duration::from_secs(10),
            backoff: Backoff::default(),
            drain: Duration::from_secs(10),
            queue_records: 1_000,
        }
    }
}

/// A transaction that Kinesis acknowledged: where it is now, and when it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acked {
    /// The stream.
    pub stream: Stream,
    /// The shard that holds it.
    pub shard_id: String,
    /// Its place in the shard.
    pub sequence_number: String,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The minute that it counts in.
    pub minute: Minute,
}

/// An account that the lanes of one worker share.
#[derive(Clone, Debug)]
pub struct SharedAccount(Arc<Mutex<Account>>);

impl SharedAccount {
    fn new(with_books: bool) -> Self {
        Self(Arc::new(Mutex::new(Account::new(with_books))))
    }

    /// The account, for as long as the guard lives; not across an await.
    pub fn lock(&self) -> MutexGuard<'_, Account> {
        // Counts stay true if a holder panicked: the panic itself is reported.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lanes of a sink.
#[derive(Debug)]
pub struct Lanes {
    senders: Vec<mpsc::Sender<Box<Record>>>,
    route: Route,
    /// What became of the events so far, by worker.
    pub accounts: Vec<SharedAccount>,
    /// They end when every record is settled after the senders are gone.
    pub tasks: JoinSet<()>,
}

/// Which lane an event belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    /// All in one, in order.
    Single,
    /// By shopper, so that a shopper's events stay in order, and by stream.
    WorkerAndStream { workers: u64 },
}

impl Route {
    fn lane(self, event: &Event) -> usize {
        match self {
            Self::Single => 0,
            Self::WorkerAndStream { workers } => {
                // Fibonacci hashing: neighbouring ids part.
                let worker = (event.envelope.user_id.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) % workers;
                usize::try_from(worker).unwrap_or(0) * Stream::ALL.len() + event.stream() as usize
            }
        }
    }
}

impl Lanes {
    /// The queue of the lane that an event belongs to.
    #[must_use]
    pub fn queue(&self, event: &Event) -> &mpsc::Sender<Box<Record>> {
        &self.senders[self.route.lane(event)]
    }

    /// Tells the lanes that there is no more to come, and waits until every record is settled.
    pub async fn finish(mut self) -> Account {
        self.senders.clear();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended
                && let Ok(panic) = error.try_into_panic()
            {
                std::panic::resume_unwind(panic);
            }
        }
        let mut accounts = self.accounts.iter().map(|account| account.lock().clone());
        let mut total = accounts.next().unwrap_or_else(|| Account::new(false));
        accounts.for_each(|account| total.merge(account));
        total
    }
}
