//! `loadgen replay`: recorded events, one JSON object a line, as a source of records. A line is read when it is wanted, so a
//! file of any size takes the memory of one line.

pub mod archive;
mod input;
mod lines;
mod recording;
mod speed;
mod tally;

use std::io::BufRead;
use std::time::Duration;

use events::{Event, MAX_EVENT_BYTES, Rejection, Rule, Timestamp};

pub use self::input::{check, file_name, open};
pub use self::recording::{Recording, Replayed};
pub use self::speed::Speed;
pub use self::tally::{BadLine, Rejected, SharedTally, Tally};

use self::lines::{Line, Lines};
use crate::generator::Planned;
use crate::source::{Content, Keep, Kind, Record, Source};

/// Lines between two looks at the clock. At full speed these are due together, so that they can be sent together.
const LINES_A_LOOK: u32 = 256;

/// The events of a file. Lines that are no valid event are passed over, and told in the tally.
pub struct Replay<R, C> {
    lines: Lines<R>,
    speed: Speed,
    /// When the run began; with `elapsed`, the time that an event arrives.
    began_at: Timestamp,
    /// How long the run has been going on.
    elapsed: C,
    /// What it was at the last look, and how many lines ago that was.
    looked: (Duration, u32),
    /// The time of the first event, and the latest due time so far.
    first: Option<Timestamp>,
    due: Duration,
    tally: SharedTally,
}

impl<R: BufRead, C: FnMut() -> Duration> Replay<R, C> {
    /// The events that `reader` has. `elapsed` tells how much time has passed since `began_at`.
    pub fn new(reader: R, speed: Speed, began_at: Timestamp, elapsed: C) -> Self {
        Self {
            lines: Lines::new(reader),
            speed,
            began_at,
            elapsed,
            looked: (Duration::ZERO, LINES_A_LOOK),
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

    /// About how long the run has been going on.
    fn look(&mut self) -> Duration {
        let (elapsed, lines) = &mut self.looked;
        if *lines >= LINES_A_LOOK {
            (*elapsed, *lines) = ((self.elapsed)(), 0);
        }
        *lines += 1;
        *elapsed
    }

    /// The event of a line, its JSON, and when it is due.
    fn read(&mut self, line: &[u8]) -> Result<(Event, Vec<u8>, Duration), Rejection> {
        let event = Event::parse(line)?;
        let occurred_at = event.envelope.occurred_at;
        let elapsed = self.look();
        let due = match self.speed.due(occurred_at, self.first.unwrap_or(occurred_at)) {
            Some(due) => due.max(self.due),
            None => elapsed.max(self.due),
        };
        // It is sent when it is due, and that is when it arrives.
        let arrives_ms = i64::try_from(due.max(elapsed).as_millis()).unwrap_or(i64::MAX);
        event.check(self.began_at.plus_ms(arrives_ms))?;
        let mut json = Vec::with_capacity(line.len());
        event.to_json(&mut json);
        if json.len() > MAX_EVENT_BYTES {
            return Err(too_large(json.len() as u64));
        }
        Ok((event, json, due))
    }
}

impl<R, C> Source for Replay<R, C>
where
    R: BufRead + Send + 'static,
    C: FnMut() -> Duration + Send + 'static,
{
    fn next_record(&mut self, keep: Keep) -> Option<Record> {
        loop {
            let (number, read) = match self.lines.next() {
                Ok(None) => return None,
                Ok(Some((number, Line::Whole(line)))) => (number, self.read(&line)),
                Ok(Some((number, Line::TooLong(bytes)))) => (number, Err(too_large(bytes))),
                Err((number, error)) => {
                    self.tally.lock().break_off(number, &error);
                    return None;
                }
            };
            match read {
                Ok((event, json, due)) => {
                    self.first.get_or_insert(event.envelope.occurred_at);
                    self.due = due;
                    self.tally.lock().accept(event.envelope.occurred_at);
                    let stream = event.stream();
                    return Some(Record {
                        stream,
                        user_id: event.envelope.user_id,
                        due,
                        kind: Kind::Event(event.event_type()),
                        occurred_at: event.envelope.occurred_at,
                        json,
                        content: keep
                            .wants(stream)
                            .then(|| Box::new(Content::Event(planned(number, event)))),
                    });
                }
                Err(rejection) => self.tally.lock().reject(number, &rejection),
            }
        }
    }
}

/// What the books know of a recorded event. The line's number is its place.
fn planned(line: u64, event: Event) -> Planned {
    Planned {
        index: line,
        event,
        anomaly: None,
        late: false,
        // Nobody knows how many more events a cart will have: it is open until the end.
        cart_steps: u32::MAX,
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
