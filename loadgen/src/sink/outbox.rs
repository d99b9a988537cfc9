//! What waits to be sent to a stream: a queue a shard, calls that keep to the service's limits, and what to send again. A
//! failed item holds up its own shard and no other. No clock, no I/O: times are counted from the start of the run.
//!
//! Per shard, items are put into calls in their order. Of one call, the service may take a later item and refuse an earlier
//! one; nothing that was not in that call overtakes.

use std::collections::VecDeque;
use std::time::Duration;

use super::backoff::Backoff;

/// What a call can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries in a call.
    pub call_records: usize,
    /// Bytes in a call, partition keys included.
    pub call_bytes: usize,
    /// Bytes of an entry, its partition key included.
    pub record_bytes: usize,
}

impl Default for Limits {
    /// Those of the service. Newer accounts may send more; every one may send this.
    fn default() -> Self {
        Self {
            call_records: 500,
            call_bytes: 5 * 1024 * 1024,
            record_bytes: 1024 * 1024,
        }
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<A> {
    /// The service answered for each item, in their order: with an acknowledgement or with an error code.
    Each(Vec<Result<A, String>>),
    /// The service took none of the items and said so.
    Refused {
        /// The error code.
        code: String,
        /// Whether another attempt may end otherwise.
        again: bool,
    },
    /// No answer came, or half of one: the service may have taken the items or not.
    Lost {
        /// What became of the answer.
        code: String,
    },
}

/// Items that an answer settled.
#[derive(Debug, PartialEq, Eq)]
pub struct Settled<T, A> {
    /// Taken by the service.
    pub acknowledged: Vec<Acknowledged<T, A>>,
    /// Given up.
    pub failed: Vec<Failed<T>>,
}

/// An item taken by the service.
#[derive(Debug, PartialEq, Eq)]
pub struct Acknowledged<T, A> {
    /// The item.
    pub item: T,
    /// Its size.
    pub bytes: usize,
    /// What the service said of it.
    pub answer: A,
    /// An earlier answer for it was lost: the service may hold it twice.
    pub maybe_twice: bool,
}

/// An item given up.
#[derive(Debug, PartialEq, Eq)]
pub struct Failed<T> {
    /// The item.
    pub item: T,
    /// The last error code for it.
    pub code: String,
    /// An answer for it was lost: the service may hold it all the same.
    pub uncertain: bool,
}

/// When to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// A call can go out.
    Now,
    /// One can go out then, if nothing comes in before.
    At(Duration),
    /// There is nothing to send.
    Empty,
}

/// An item and how its sending went so far.
#[derive(Debug)]
pub struct Pending<T> {
    /// The item.
    pub item: T,
    /// The shard that it is meant for, by its number.
    pub shard: usize,
    /// Its size.
    pub bytes: usize,
    /// Attempts that failed.
    pub attempts: u32,
    since: Duration,
    answer_lost: bool,
}

/// The items of one call, in their order.
#[derive(Debug)]
pub struct Call<T> {
    /// What it holds.
    pub items: Vec<Pending<T>>,
    /// How large it is.
    pub bytes: usize,
}

#[derive(Debug)]
struct Queue<T> {
    items: VecDeque<Pending<T>>,
    bytes: usize,
    /// After a failure, nothing is sent before this.
    resume_at: Duration,
}

/// What waits to be sent to a stream.
#[derive(Debug)]
pub struct Outbox<T> {
    limits: Limits,
    linger: Duration,
    backoff: Backoff,
    queues: Vec<Queue<T>>,
    /// The shard whose turn it is first.
    turn: usize,
}

impl<T> Outbox<T> {
    /// An empty one for a number of shards.
    #[must_use]
    pub fn new(limits: Limits, linger: Duration, backoff: Backoff, shards: usize) -> Self {
        let mut outbox = Self {
            limits,
            linger,
            backoff,
            queues: Vec::new(),
            turn: 0,
        };
        outbox.serve(shards);
        outbox
    }

    /// Has queues for this many shards from now on. Only when it is empty: what waits was packed for the shards before.
    pub fn serve(&mut self, shards: usize) {
        debug_assert!(self.is_empty());
        self.queues = (0..shards.max(1)).map(|_| Queue::default()).collect();
        self.turn = 0;
    }

    /// Queues an item for a shard, or gives back what is too large for any call.
    pub fn push(&mut self, shard: usize, item: T, bytes: usize, now: Duration) -> Result<(), T> {
        if bytes > self.limits.record_bytes.min(self.limits.call_bytes) {
            return Err(item);
        }
        self.queues[shard].push_back(Pending {
            item,
            shard,
            bytes,
            attempts: 0,
            since: now,
            answer_lost: false,
        });
        Ok(())
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queues.iter().all(|queue| queue.items.is_empty())
    }

    /// When the next call is to go out. `at_once`: no more will come, so that there is nothing to linger for.
    #[must_use]
    pub fn when(&self, now: Duration, at_once: bool) -> When {
        let (mut records, mut bytes) = (0, 0);
        let mut next: Option<Duration> = None;
        for queue in &self.queues {
            let Some(first) = queue.items.front() else {
                continue;
            };
            let at = if queue.resume_at > now {
                queue.resume_at
            } else {
                records += queue.items.len();
                bytes += queue.bytes;
                // What has failed once lingered long enough.
                if at_once || first.attempts > 0 {
                    now
                } else {
                    first.since + self.linger
                }
            };
            next = Some(next.map_or(at, |next| next.min(at)));
        }
        match next {
            None => When::Empty,
            Some(at)
                if at <= now || records >= self.limits.call_records || bytes >= self.limits.call_bytes =>
            {
                When::Now
            }
            Some(at) => When::At(at),
        }
    }

    /// Fills a call from the shards that need not wait. Another shard begins each time.
    pub fn take(&mut self, now: Duration) -> Call<T> {
        let mut call = Call {
            items: Vec::new(),
            bytes: 0,
        };
        let shards = self.queues.len();
        'call: for shard in (self.turn..shards).chain(0..self.turn) {
            let queue = &mut self.queues[shard];
            if queue.resume_at > now {
                continue;
            }
            while let Some(first) = queue.items.front() {
                if call.items.len() >= self.limits.call_records
                    || call.bytes + first.bytes > self.limits.call_bytes
                {
                    break 'call;
                }
                call.bytes += first.bytes;
                call.items.extend(queue.pop_front());
            }
        }
        self.turn = (self.turn + 1) % shards;
        call
    }

    /// Takes in the answer to a call: what is settled comes back, and the rest goes to the front of its queues, in order.
    /// `chance` is any number.
    #[must_use]
    pub fn answer<A>(
        &mut self,
        call: Call<T>,
        answer: Answer<A>,
        now: Duration,
        chance: u64,
    ) -> Settled<T, A> {
        let mut settled = Settled {
            acknowledged: Vec::with_capacity(call.items.len()),
            failed: Vec::new(),
        };
        let mut again = Vec::new();
        let (code, lost, no_use) = match answer {
            Answer::Each(results) if results.len() == call.items.len() => {
                for (pending, result) in call.items.into_iter().zip(results) {
                    match result {
                        Ok(answer) => settled.acknowledged.push(Acknowledged {
                            item: pending.item,
                            bytes: pending.bytes,
                            answer,
                            maybe_twice: pending.answer_lost,
                        }),
                        Err(code) => {
                            self.retry_or_fail(pending, &code, false, &mut again, &mut settled.failed);
                        }
                    }
                }
                self.put_back(again, now, chance);
                return settled;
            }
            // Results for other items than were sent tell nothing about these.
            Answer::Each(_) => ("MalformedAnswer".to_owned(), true, false),
            Answer::Lost { code } => (code, true, false),
            Answer::Refused { code, again } => (code, false, !again),
        };
        for mut pending in call.items {
            pending.answer_lost |= lost;
            self.retry_or_fail(pending, &code, no_use, &mut again, &mut settled.failed);
        }
        self.put_back(again, now, chance);
        settled
    }

    fn retry_or_fail(
        &self,
        mut pending: Pending<T>,
        code: &str,
        no_use: bool,
        again: &mut Vec<Pending<T>>,
        failed: &mut Vec<Failed<T>>,
    ) {
        pending.attempts += 1;
        if no_use || pending.attempts >= self.backoff.max_attempts {
            failed.push(pending.give_up(code));
        } else {
            again.push(pending);
        }
    }

    fn put_back(&mut self, again: Vec<Pending<T>>, now: Duration, chance: u64) {
        for pending in again.into_iter().rev() {
            let queue = &mut self.queues[pending.shard];
            // Each shard waits for a time of its own.
            let chance = chance.wrapping_add((pending.shard as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let wait = self.backoff.wait(pending.attempts, chance);
            queue.resume_at = queue.resume_at.max(now + wait);
            queue.push_front(pending);
        }
    }

    /// Gives up all that waits.
    pub fn give_up(&mut self, code: &str) -> Vec<Failed<T>> {
        let queues = &mut self.queues;
        let items = queues.iter_mut().flat_map(|queue| {
            queue.bytes = 0;
            queue.items.drain(..)
        });
        items.map(|pending| pending.give_up(code)).collect()
    }
}

impl<T> Call<T> {
    /// Gives up a call that may have got there.
    #[must_use]
    pub fn give_up(self, code: &str) -> Vec<Failed<T>> {
        let unanswered = |mut pending: Pending<T>| {
            pending.answer_lost = true;
            pending.give_up(code)
        };
        self.items.into_iter().map(unanswered).collect()
    }
}

impl<T> Pending<T> {
    fn give_up(self, code: &str) -> Failed<T> {
        Failed {
            item: self.item,
            code: code.to_owned(),
            uncertain: self.answer_lost,
        }
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            items: VecDeque::new(),
            bytes: 0,
            resume_at: Duration::ZERO,
        }
    }
}

impl<T> Queue<T> {
    fn push_back(&mut self, pending: Pending<T>) {
        self.bytes += pending.bytes;
        self.items.push_back(pending);
    }

    fn push_front(&mut self, pending: Pending<T>) {
        self.bytes += pending.bytes;
        self.items.push_front(pending);
    }

    fn pop_front(&mut self) -> Option<Pending<T>> {
        let pending = self.items.pop_front()?;
        self.bytes -= pending.bytes;
        Some(pending)
    }
}

#[cfg(test)]
mod tests;
