//! `loadgen replay`: recorded events, one JSON object a line, as a source of records. A bounded part is read ahead, so a
//! file of any size takes the same memory, and a pipe is sent as its lines come.

mod ahead;
pub mod archive;
mod input;
mod lines;
mod recording;
mod speed;
mod tally;

use std::task::Poll;
use std::time::Duration;

use events::{Event, JsonWriter, MAX_EVENT_BYTES, Rejection, Rule, Timestamp};

pub use self::ahead::ReadAhead;
pub use self::input::{check, file_name, open};
pub use self::recording::{Recording, Replayed};
pub use self::speed::Speed;
pub use self::tally::{BadLine, Rejected, SharedTally, Tally};

use self::lines::{Line, Lines};
use crate::generator::Planned;
use crate::source::{Content, Keep, Kind, Record, Source};

/// The events of a file. Lines that are no valid event are passed over, and told in the tally.
pub struct Replay<C> {
    ahead: ReadAhead,
    /// Whether all of it was taken.
    at_end: bool,
    lines: Lines,
    writer: JsonWriter,
    speed: Speed,
    /// When the run began; with `elapsed`, the time that an event arrives.
    began_at: Timestamp,
    /// How long the run has been going on.
    elapsed: C,
    /// What it was when the bytes at hand were taken. At full speed their events are due together, so that they can be sent
    /// together.
    looked: Option<Duration>,
    /// The time of the first event, and when it was read.
    first: Option<(Timestamp, Duration)>,
    /// The latest due time so far.
    due: Duration,
    tally: SharedTally,
}

impl<C: FnMut() -> Duration> Replay<C> {
    /// The events that `ahead` reads. `elapsed` tells how much time has passed since `began_at`.
    pub fn new(ahead: ReadAhead, speed: Speed, began_at: Timestamp, elapsed: C) -> Self {
        Self {
            ahead,
            at_end: false,
            lines: Lines::default(),
            writer: JsonWriter::default(),
            speed,
            began_at,
            elapsed,
            looked: None,
            first: None,
            due: Duration::ZERO,
            tally: SharedTally::default(),
        }
    }

    /// What became of the lines, while they are read and after.
    #[must_use]
    pub fn tally(&self) -> SharedTally {
        self.tally.clone()
    }

    /// The next event; `Pending`, if it is not to `wait` for one.
    fn advance(&mut self, wait: bool, keep: Keep) -> Poll<Option<Record>> {
        if self.looked.is_none() {
            // A clock that starts when it is first read starts now, not with the first bytes.
            self.looked = Some((self.elapsed)());
        }
        loop {
            let line = match self.lines.next() {
                None if self.at_end => return Poll::Ready(None),
                None => match self.ahead.next(wait) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(Some(chunk))) => {
                        self.lines.feed(chunk);
                        self.looked = Some((self.elapsed)());
                        None
                    }
                    Poll::Ready(Ok(None)) => {
                        self.at_end = true;
                        self.lines.last()
                    }
                    Poll::Ready(Err(error)) => {
                        self.at_end = true;
                        self.tally.lock().break_off(self.lines.open_line(), &error);
                        None
                    }
                },
                line => line,
            };
            if let Some((number, line)) = line
                && let Some(record) = self.record(number, &line, keep)
            {
                return Poll::Ready(Some(record));
            }
        }
    }

    /// The record of a line; a bad line is told in the tally.
    fn record(&mut self, number: u64, line: &Line, keep: Keep) -> Option<Record> {
        let read = match line {
            Line::Whole(line) => self.read(line),
            Line::TooLong(bytes) => Err(too_large(*bytes)),
        };
        match read {
            Ok((event, json, due)) => {
                let occurred_at = event.envelope.occurred_at;
                self.first
                    .get_or_insert((occurred_at, self.looked.unwrap_or_default()));
                self.due = due;
                self.tally.lock().accept(occurred_at);
                let stream = event.stream();
                Some(Record {
                    stream,
                    user_id: event.envelope.user_id,
                    due,
                    kind: Kind::Event(event.event_type()),
                    occurred_at,
                    json,
                    content: keep
                        .any()
                        .then(|| Box::new(Content::Event(planned(number, event)))),
                })
            }
            Err(rejection) => {
                self.tally.lock().reject(number, &rejection);
                None
            }
        }
    }

    /// The event of a line, its JSON, and when it is due.
    fn read(&mut self, line: &[u8]) -> Result<(Event, Vec<u8>, Duration), Rejection> {
        let event = Event::parse(line)?;
        let occurred_at = event.envelope.occurred_at;
        let elapsed = self.looked.unwrap_or_default();
        let (first, first_read) = self.first.unwrap_or((occurred_at, elapsed));
        let due = match self.speed.due(occurred_at, first) {
            Some(gap) => (first_read + gap).max(self.due),
            None => elapsed.max(self.due),
        };
        // It is sent when it is due, and that is when it arrives.
        let arrives_ms = i64::try_from(due.max(elapsed).as_millis()).unwrap_or(i64::MAX);
        event.check(self.began_at.plus_ms(arrives_ms))?;
        let json = self.writer.write_event(&event);
        if json.len() > MAX_EVENT_BYTES {
            return Err(too_large(json.len() as u64));
        }
        Ok((event, json, due))
    }
}

impl<C> Source for Replay<C>
where
    C: FnMut() -> Duration + Send + 'static,
{
    fn next_record(&mut self, keep: Keep) -> Option<Record> {
        match self.advance(true, keep) {
            Poll::Ready(record) => record,
            Poll::Pending => None,
        }
    }

    fn poll_record(&mut self, keep: Keep) -> Poll<Option<Record>> {
        self.advance(false, keep)
    }

    fn recycle(&mut self, json: Vec<u8>) {
        self.writer.recycle(json);
    }
}

/// What the books know of a recorded event. The line's number is its place.
fn planned(line: u64, event: Event) -> Planned {
    Planned {
        index: line,
        event,
        anomaly: None,
        late: false,
        cart_steps: None,
    }
}

fn too_large(bytes: u64) -> Rejection {
    Rejection::new(
        Rule::EventTooLarge,
        format!("{bytes} bytes, at most {MAX_EVENT_BYTES} are allowed"),
    )
}

#[cfg(test)]
mod tests;
