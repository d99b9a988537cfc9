//! Releases records when they are due, however the sink is doing: an open loop.
//!
//! What to release is decided by `Pacer`, which reads no clock; the thread around it waits and hands over. The next record
//! is made before it is due. When the sink has no room, records wait, and keep the time that they were due.

use std::sync::Arc;
use std::task::Poll;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use events::Timestamp;
use hdrhistogram::Histogram;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::account::{as_us, latencies_us};
use crate::control::Control;
use crate::flow::{Room, Standing};
use crate::sink::{Chunk, Item, Keep, Route};
use crate::source::{Kind, Record, Source};

/// Records that come due within this are released together: waking for each would cost more than making it.
const TICK: Duration = Duration::from_micros(250);
/// Records released at a time when the pacer is behind.
const MAX_RELEASED: usize = 1_024;

/// What to do after a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Go on: more is due.
    More,
    /// Wait until this, when the next record is due.
    At(Duration),
    /// Wait for room: a record that was due then doesn't fit.
    Room(Duration),
    /// Ask again: the next record is still to come.
    Later,
    /// There are no more records.
    Over,
}

/// Records released together.
#[derive(Debug)]
pub struct Released {
    /// What to do next.
    pub next: Next,
    /// How many records were released.
    pub records: u64,
    /// What they take in memory.
    pub bytes: u64,
}

/// Decides which records to release.
#[derive(Debug)]
pub struct Pacer<S> {
    source: S,
    keep: Keep,
    route: Route,
    /// Made, and not yet released; with its JSON.
    head: Option<(Item, Vec<u8>)>,
    /// The source has none yet.
    awaited: bool,
    /// What is being released, by lane.
    pub chunks: Vec<Chunk>,
    /// When that was due.
    pub dues: Vec<Duration>,
    /// The latest time of the events that were made.
    latest_event: Option<Timestamp>,
    /// The same without the head: of the events that were due.
    latest_due_event: Option<Timestamp>,
    last_due: Duration,
}

impl<S: Source> Pacer<S> {
    /// A pacer for a number of lanes. Makes the first record.
    pub fn new(source: S, keep: Keep, route: Route, lanes: usize) -> Self {
        let mut pacer = Self {
            source,
            keep,
            route,
            head: None,
            awaited: false,
            chunks: vec![Chunk::default(); lanes],
            dues: Vec::with_capacity(MAX_RELEASED),
            latest_event: None,
            latest_due_event: None,
            last_due: Duration::ZERO,
        };
        pacer.make_next();
        pacer
    }

    fn make_next(&mut self) {
        self.latest_due_event = self.latest_event;
        let polled = self.source.poll_record(self.keep);
        self.awaited = polled.is_pending();
        let Poll::Ready(record) = polled else {
            return;
        };
        if let Some(Record {
            kind: Kind::Event(_),
            occurred_at,
            ..
        }) = &record
        {
            self.latest_event = self.latest_event.max(Some(*occurred_at));
        }
        self.head = record.map(Item::new);
    }

    /// Puts what is due at `now`, and fits, into the chunks of its lanes.
    pub fn release(&mut self, now: Duration, room: Room) -> Released {
        let mut released = Released {
            next: Next::More,
            records: 0,
            bytes: 0,
        };
        self.dues.clear();
        while self.dues.len() < MAX_RELEASED {
            if self.awaited {
                self.make_next();
            }
            let Some((mut head, json)) = self.head.take_if(|(head, _)| head.note.due <= now) else {
                released.next = match &self.head {
                    Some((head, _)) => Next::At(head.note.due),
                    None if self.awaited => Next::Later,
                    None => Next::Over,
                };
                break;
            };
            let bytes = u64::from(head.note.memory_bytes);
            let fits = released.bytes + bytes <= room.bytes || room.empty && released.records == 0;
            if !fits {
                released.next = Next::Room(head.note.due);
                self.head = Some((head, json));
                break;
            }
            released.records += 1;
            released.bytes += bytes;
            self.dues.push(head.note.due);
            self.last_due = head.note.due;
            self.chunks[self.route.lane(&mut head)].push(head, &json);
            self.source.recycle(json);
            self.make_next();
        }
        released
    }

    /// Counts what is left and due by a time, and lets go of it.
    pub fn drop_due(&mut self, by: Duration) -> u64 {
        let mut dropped = 0;
        while let Some((head, json)) = self.head.take_if(|(head, _)| head.note.due <= by) {
            dropped += 1;
            self.last_due = head.note.due;
            self.source.recycle(json);
            self.make_next();
        }
        dropped
    }
}

/// What the thread works with.
#[derive(Debug)]
pub struct Pace {
    /// When the run starts.
    pub started: Instant,
    /// The way into each lane.
    pub senders: Vec<UnboundedSender<Chunk>>,
    /// Takes note of what is released.
    pub standing: Arc<Standing>,
    /// Tells when to stop.
    pub control: Arc<Control>,
    /// What may be in flight.
    pub budget_bytes: u64,
    /// When what the sink has not taken is dropped, if ever.
    pub deadline: Option<Duration>,
}

/// How the releasing went.
#[derive(Debug)]
pub struct Paced {
    /// From due to released, in microseconds.
    pub lateness_us: Histogram<u64>,
    /// When the last record was due.
    pub last_due: Duration,
    /// The latest time of the events that were due.
    pub latest_event: Option<Timestamp>,
}

/// Waits for points in time. Sleeps end late: by a tenth of a millisecond, and on a virtual machine one in a thousand by
/// several milliseconds. So it sleeps until as long before the time as a sleep was late lately, and then gives way to whoever
/// needs the processor until the time has come.
struct Alarm {
    started: Instant,
    early: Duration,
}

impl Alarm {
    /// No sleep that ends later than this is reckoned with.
    const EARLIEST: Duration = Duration::from_millis(5);
    /// A late sleep is forgotten over about as many waits.
    const MEMORY: u32 = 32_768;

    fn new(started: Instant) -> Self {
        let early = Duration::ZERO;
        Self { started, early }
    }

    /// Returns at a time after the start, or before it, awake: then there may be something else to do.
    fn wait_until(&mut self, time: Duration) {
        let wake_at = time.saturating_sub(self.early);
        let sleep = wake_at.saturating_sub(self.started.elapsed());
        if !sleep.is_zero() {
            thread::park_timeout(sleep);
            let late = self.started.elapsed().saturating_sub(wake_at);
            self.early = self.early.max(late).min(Self::EARLIEST);
            return;
        }
        self.early -= self.early / Self::MEMORY;
        while self.started.elapsed() < time {
            thread::yield_now();
        }
    }
}

/// Starts the thread. It ends, and lets go of the lanes, when the source does or when the run is stopped.
pub fn spawn<S: Source>(
    source: S,
    keep: Keep,
    route: Route,
    pace: Pace,
) -> std::io::Result<(JoinHandle<()>, oneshot::Receiver<Paced>)> {
    let (sender, receiver) = oneshot::channel();
    let handle = thread::Builder::new().name("pacer".to_owned()).spawn(move || {
        pace.standing.paced_by(thread::current());
        let pacer = Pacer::new(source, keep, route, pace.senders.len());
        // Whoever waited for it may have gone.
        let _ = sender.send(pace.run(pacer));
    })?;
    Ok((handle, receiver))
}

impl Pace {
    fn run(&self, mut pacer: Pacer<impl Source>) -> Paced {
        let mut lateness_us = latencies_us();
        let mut blocked_from: Option<Duration> = None;
        let mut alarm = Alarm::new(self.started);
        thread::park_timeout(self.started.saturating_duration_since(Instant::now()));
        let by = loop {
            let stopped = self.control.is_stopped();
            let now = self.started.elapsed();
            let room = self.standing.flow().room(self.budget_bytes);
            let released = pacer.release(now, room);
            let held = match released.next {
                Next::Room(due) => Some(due),
                _ => None,
            };
            {
                let mut flow = self.standing.flow();
                flow.hand_over(released.records, released.bytes);
                held.into_iter().for_each(|due| flow.hold(due));
                if held.is_none()
                    && let Some(from) = blocked_from.take()
                {
                    flow.blocked += now.saturating_sub(from);
                } else if held.is_some() {
                    let from = blocked_from.replace(now).unwrap_or(now);
                    flow.blocked += now.saturating_sub(from);
                }
            }
            self.send(&mut pacer);
            let sent = self.started.elapsed();
            for due in &pacer.dues {
                lateness_us.saturating_record(as_us(sent.saturating_sub(*due)));
            }
            match released.next {
                Next::Over => break now,
                _ if stopped || self.deadline.is_some_and(|deadline| deadline <= sent) => break now,
                Next::More => {}
                Next::At(due) => alarm.wait_until(due.max(now + TICK)),
                // Whoever settles a record wakes this thread. It might have done so just before.
                Next::Later | Next::Room(_) => thread::park_timeout(TICK * 4),
            }
        };
        let dropped = pacer.drop_due(by);
        self.standing.flow().drop_rest(dropped);
        Paced {
            lateness_us,
            last_due: pacer.last_due,
            latest_event: pacer.latest_due_event,
        }
    }

    fn send(&self, pacer: &mut Pacer<impl Source>) {
        for (sender, chunk) in self.senders.iter().zip(&mut pacer.chunks) {
            if !chunk.is_empty() {
                let next = Chunk::as_large_as(chunk);
                // A lane ends before its senders only by a panic, which is reported at the end of the run.
                let _ = sender.send(std::mem::replace(chunk, next));
            }
        }
    }
}

#[cfg(test)]
mod tests;
