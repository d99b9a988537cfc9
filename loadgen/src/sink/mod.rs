//! Where records go. A sink is a set of lanes; each takes chunks of records and settles every one of them.

pub mod backoff;
pub mod body;
pub mod cost;
pub mod entry;
pub mod kinesis;
pub mod local;
pub mod outbox;
pub mod packer;
pub mod preflight;
pub mod put;
pub mod shards;

use std::sync::Arc;
use std::time::Duration;

use events::{EventType, Minute, Stream, Timestamp};
use itoa::Buffer;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

use self::backoff::Backoff;
use self::entry::Entry;
use self::outbox::{Limits, Pending};
use self::shards::Shards;
use crate::source::{Content, Record};
pub use crate::source::{Keep, Kind};

/// A record on its way, but for its JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The stream that it goes to.
    pub stream: Stream,
    /// The shopper: the partition key.
    pub user_id: u64,
    /// What the books need of it.
    pub note: Note,
    /// The hash of the partition key, once somebody needed it.
    pub hash_key: Option<u128>,
}

/// What is kept of a record until it is settled.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// When it was to be sent, after the start of the run; its latency counts from here.
    pub due: Duration,
    /// What it is.
    pub kind: Kind,
    /// Bytes of its JSON.
    pub json_bytes: u32,
    /// What it takes in memory, as the budget counts it.
    pub memory_bytes: u32,
    /// The whole of it, if somebody asks for it later.
    pub content: Option<Box<Content>>,
}

/// Records that are released to a lane together. One run of bytes holds the JSON of all of them: memory that is
/// taken and let go of for each record by itself costs a tenth of making it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chunk {
    items: Vec<Item>,
    /// A line a record.
    lines: Vec<u8>,
}

impl Chunk {
    /// An empty one with room for as much as another one holds.
    #[must_use]
    pub fn as_large_as(other: &Self) -> Self {
        Self {
            items: Vec::with_capacity(other.items.len()),
            lines: Vec::with_capacity(other.lines.len()),
        }
    }

    /// Adds a record.
    pub fn push(&mut self, item: Item, json: &[u8]) {
        debug_assert_eq!(item.note.json_bytes as usize, json.len());
        self.items.push(item);
        self.lines.extend_from_slice(json);
        self.lines.push(b'\n');
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Its records, in order.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Its records with their lines of JSON, line breaks included.
    pub fn lines(&self) -> impl Iterator<Item = (&Item, &[u8])> {
        let mut rest = &self.lines[..];
        self.items
            .iter()
            .map(move |item| (item, next_line(&mut rest, item)))
    }

    /// Hands out each record with its JSON.
    pub fn take_apart(self, mut take: impl FnMut(Item, &[u8])) {
        let mut rest = &self.lines[..];
        for item in self.items {
            let line = next_line(&mut rest, &item);
            take(item, &line[..line.len() - 1]);
        }
    }
}

fn next_line<'a>(rest: &mut &'a [u8], item: &Item) -> &'a [u8] {
    let (line, others) = rest.split_at(item.note.json_bytes as usize + 1);
    *rest = others;
    line
}

impl Item {
    /// A record, with as much of it as was kept, and its JSON.
    #[must_use]
    pub fn new(record: Record) -> (Self, Vec<u8>) {
        // What is kept of an event has its texts and lines, which are about as long as its JSON.
        let kept = record
            .content
            .as_ref()
            .map_or(0, |_| size_of::<Content>() + record.json.len());
        let beside = size_of::<Pending<Entry>>() + kept;
        let bytes = |of: usize| u32::try_from(of).unwrap_or(u32::MAX);
        let item = Self {
            stream: record.stream,
            user_id: record.user_id,
            note: Note {
                due: record.due,
                kind: record.kind,
                json_bytes: bytes(record.json.len()),
                memory_bytes: bytes(record.json.len() + beside),
                content: record.content,
            },
            hash_key: None,
        };
        (item, record.json)
    }

    /// Its place among the hash keys of its stream.
    pub fn hash_key(&mut self) -> u128 {
        let user_id = self.user_id;
        *self
            .hash_key
            .get_or_insert_with(|| kpl::hash_key(Buffer::new().format(user_id)))
    }
}

/// How records are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// How long a call is filled before it goes out half empty.
    pub linger: Duration,
    /// How long to wait for an answer.
    pub call_timeout: Duration,
    /// How often and how soon to send again.
    pub backoff: Backoff,
    /// How long a stopped run may go on sending what is queued, and how long after its schedule's end a run waits for the
    /// sink to take what is left.
    pub drain: Duration,
    /// What the records handed to the sink and not settled may take in memory, JSON and all. Beyond that, records are
    /// released late, and their latency tells.
    pub budget_bytes: u64,
    /// What a call may hold.
    pub limits: Limits,
    /// The most bytes of an aggregated record; `None`: each record is sent by itself.
    pub aggregate_bytes: Option<usize>,
}

/// The KPL's own default: two payload units.
pub const AGGREGATE_BYTES: usize = 51_200;

impl Default for Delivery {
    fn default() -> Self {
        Self {
            linger: Duration::from_millis(50),
            call_timeout: Duration::from_secs(10),
            backoff: Backoff::default(),
            drain: Duration::from_secs(10),
            // With the bodies of calls and what allocating wastes, the process stays below 64 MB.
            budget_bytes: 8 * 1024 * 1024,
            limits: Limits::default(),
            aggregate_bytes: None,
        }
    }
}

/// An event that Kinesis acknowledged: where it is now, and when it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acked {
    /// Its type.
    pub event_type: EventType,
    /// The shard that holds it.
    pub shard_id: String,
    /// Its place in the shard.
    pub sequence_number: String,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The minute that it counts in.
    pub minute: Minute,
}

/// The lanes of a sink. They end when every record is settled after the senders are gone.
#[derive(Debug)]
pub struct Lanes {
    /// The way into each lane.
    pub senders: Vec<UnboundedSender<Chunk>>,
    /// Which lane a record belongs to.
    pub route: Route,
    /// What works in them.
    pub tasks: JoinSet<()>,
}

/// Which lane a record belongs to. It stays the same for the whole run, so that a shopper's events stay in order.
#[derive(Clone, Debug)]
pub enum Route {
    /// All in one, in order.
    Single,
    /// By stream and worker. A stream with fewer shards than workers has its shoppers spread over all of them; else each
    /// shard has its worker.
    Workers {
        /// How many there are.
        workers: usize,
        /// The shards at the start of the run, by stream.
        shards: Vec<Arc<Shards>>,
    },
}

impl Route {
    /// The lane of a record: that of its shopper and stream.
    #[must_use]
    pub fn lane(&self, item: &mut Item) -> usize {
        match self {
            Self::Single => 0,
            Self::Workers { workers, shards } => {
                let shards = &shards[item.stream as usize];
                let worker = if shards.len() >= *workers {
                    shards.of(item)
                } else {
                    // Fibonacci hashing: neighbouring ids part.
                    usize::try_from(item.user_id.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32).unwrap_or(0)
                } % workers;
                worker * Stream::ALL.len() + item.stream as usize
            }
        }
    }
}

/// Waits until every record is settled.
pub async fn settled(mut tasks: JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended
            && let Ok(panic) = error.try_into_panic()
        {
            std::panic::resume_unwind(panic);
        }
    }
}
