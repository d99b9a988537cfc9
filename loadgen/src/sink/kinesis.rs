//! Sends to Kinesis. A lane serves one stream for one worker's shoppers and makes one call at a time, so that a shopper's
//! events stay in order; only around a failed entry of a call the service itself may let a later one of it overtake.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use events::Stream;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::entry::{Entry, seal};
use super::outbox::{Acknowledged, Answer, Call, Failed, Outbox, When};
use super::packer::Packer;
use super::put::{Place, THROTTLED, put};
use super::shards::{Known, Shards};
use super::{Acked, Chunk, Delivery, Lanes, Route};
use crate::account::{Account, ShardCount};
use crate::control::{Cause, Control};
use crate::flow::Standing;
use crate::plan::Plan;
use crate::source::Content;

/// Aggregates have lingered while they were filled; a little more, and several share a call and its checksums' work.
const AGGREGATE_LINGER: Duration = Duration::from_millis(10);

/// What all lanes of a run share.
#[derive(Clone)]
pub struct Shared {
    /// Calls the service.
    pub client: Client,
    /// Where that is, for messages.
    pub endpoint: String,
    /// Ends the run.
    pub control: Arc<Control>,
    /// What became of the records.
    pub standing: Arc<Standing>,
    /// When the run started.
    pub started: Instant,
    /// Who is told of acknowledged transactions.
    pub acked: Option<UnboundedSender<Acked>>,
}

struct Lane {
    shared: Shared,
    stream: Stream,
    stream_name: String,
    delivery: Delivery,
    known: Arc<Known>,
    /// The shards that records are packed for.
    shards: Arc<Shards>,
    outbox: Outbox<Entry>,
    packer: Option<Packer>,
    /// A shard that an answer named and the list does not. What is packed goes out before anything is packed anew.
    news: Option<String>,
}

/// Opens a lane for each worker and stream of the plan, given the shards of each stream.
#[must_use]
pub fn open(shared: &Shared, plan: &Plan, shards: Vec<Arc<Shards>>) -> Lanes {
    let known: Vec<Arc<Known>> = shards
        .iter()
        .map(|of| Arc::new(Known::new(Arc::clone(of))))
        .collect();
    let mut senders = Vec::new();
    let mut tasks = JoinSet::new();
    for _ in 0..plan.workers {
        for (stream, known) in Stream::ALL.iter().zip(&known) {
            let (sender, queue) = unbounded_channel();
            tasks.spawn(Lane::new(shared.clone(), plan, *stream, known).run(queue));
            senders.push(sender);
        }
    }
    Lanes {
        senders,
        route: Route::Workers {
            workers: plan.workers,
            shards,
        },
        tasks,
    }
}

impl Lane {
    fn new(shared: Shared, plan: &Plan, stream: Stream, known: &Arc<Known>) -> Self {
        let (delivery, shards) = (plan.delivery, known.latest());
        let packer = delivery
            .aggregate_bytes
            .map(|bytes| Packer::new(bytes, delivery.linger, shards.len()));
        let linger = if packer.is_some() {
            AGGREGATE_LINGER
        } else {
            delivery.linger
        };
        Self {
            shared,
            stream,
            stream_name: plan.stream_name(stream),
            delivery,
            known: Arc::clone(known),
            outbox: Outbox::new(delivery.limits, linger, delivery.backoff, shards.len()),
            shards,
            packer,
            news: None,
        }
    }

    /// Packs and sends until there is no more to come and every record is settled.
    async fn run(mut self, mut queue: UnboundedReceiver<Chunk>) {
        let control = Arc::clone(&self.shared.control);
        let mut open = true;
        loop {
            if control.is_abandoned() {
                return self.abandon(queue).await;
            }
            while open && self.news.is_none() {
                match queue.try_recv() {
                    Ok(chunk) => self.pack(chunk),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => open = false,
                }
            }
            let finish = !open || self.news.is_some();
            self.close_aggregates(finish);
            let wake_at = match self.outbox.when(self.now(), finish) {
                When::Now => {
                    self.send().await;
                    continue;
                }
                When::At(at) => Some(at),
                When::Empty if self.news.is_some() => {
                    self.relist().await;
                    continue;
                }
                When::Empty => None,
            };
            let wake_at = wake_at
                .into_iter()
                .chain(self.packer.as_ref().and_then(Packer::due))
                .min();
            if wake_at.is_none() && !open {
                return;
            }
            let wake = wake_at.map(|at| self.shared.started + at);
            tokio::select! {
                chunk = queue.recv(), if open && self.news.is_none() => match chunk {
                    Some(chunk) => self.pack(chunk),
                    None => open = false,
                },
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
                () = control.abandoned() => {}
            }
        }
    }

    /// The time since the start of the run.
    fn now(&self) -> Duration {
        self.shared.started.elapsed()
    }

    fn pack(&mut self, chunk: Chunk) {
        let now = self.now();
        let (outbox, mut too_large) = (&mut self.outbox, Vec::new());
        chunk.take_apart(|mut item, json| {
            let shard = self.shards.of(&mut item);
            let mut queue = |entry: Entry| {
                let bytes = entry.bytes();
                too_large.extend(outbox.push(shard, entry, bytes, now).err());
            };
            match &mut self.packer {
                Some(packer) => packer.push(shard, item, json, now, queue),
                None => queue(Entry::plain(item, json)),
            }
        });
        if !too_large.is_empty() {
            self.shared.standing.settle(|account| {
                for note in too_large.iter().flat_map(Entry::notes) {
                    account.fail(note, "RecordTooLarge", false);
                }
            });
        }
    }

    fn close_aggregates(&mut self, all: bool) {
        let now = self.now();
        if let Some(packer) = &mut self.packer {
            packer.close(now, all, |shard, entry| {
                let bytes = entry.bytes();
                self.outbox
                    .push(shard, entry, bytes, now)
                    .expect("an aggregate is far smaller than a record may be");
            });
        }
    }

    /// Makes one call and takes in its answer.
    async fn send(&mut self) {
        let mut call = self.outbox.take(self.now());
        seal(call.items.iter_mut().map(|pending| &mut pending.item));
        self.count_attempt(&call);
        let answer = tokio::select! {
            answer = put(&self.shared.client, &self.stream_name, &call, self.delivery.call_timeout) => answer,
            () = self.shared.control.abandoned() => return self.fail(call.give_up("Interrupted")),
        };
        self.count_throttled(&call, &answer);
        let whole_call = match &answer {
            Answer::Each(_) => None,
            Answer::Refused { code, .. } | Answer::Lost { code } => Some(code.clone()),
        };
        let attempts = 1 + call
            .items
            .iter()
            .map(|pending| pending.attempts)
            .max()
            .unwrap_or(0);
        let settled = self.outbox.answer(call, answer, self.now(), chance());
        if let Some(code) = whole_call.filter(|_| !settled.failed.is_empty()) {
            self.break_off(&code, attempts);
        }
        self.acknowledge(&settled.acknowledged);
        self.fail(settled.failed);
    }

    fn count_attempt(&self, call: &Call<Entry>) {
        let again = call.items.iter().filter(|pending| pending.attempts > 0);
        let retried: u64 = again.map(|pending| pending.item.records()).sum();
        self.shared.standing.settle(|account| {
            account.calls += 1;
            account.attempts += call.items.len() as u64;
            account.wire_bytes += call.bytes as u64;
            account.retried += retried;
        });
    }

    fn count_throttled(&self, call: &Call<Entry>, answer: &Answer<Place>) {
        let throttled = |shard: usize, account: &mut Account| {
            if let Some(shard_id) = self.shards.ids().nth(shard) {
                account.shard(self.stream, shard_id).throttled += 1;
            }
        };
        match answer {
            Answer::Each(results) if results.iter().any(Result::is_err) => {
                self.shared.standing.settle(|account| {
                    for (pending, result) in call.items.iter().zip(results) {
                        if result.as_ref().is_err_and(|code| code == THROTTLED) {
                            throttled(pending.shard, account);
                        }
                    }
                });
            }
            Answer::Refused { code, .. } if code == THROTTLED => {
                self.shared.standing.settle(|account| {
                    call.items
                        .iter()
                        .for_each(|pending| throttled(pending.shard, account));
                });
            }
            _ => {}
        }
    }

    /// Where a whole call was given up, the next ones would be, too.
    fn break_off(&self, code: &str, attempts: u32) {
        let times = if attempts == 1 {
            "1 attempt".to_owned()
        } else {
            format!("{attempts} attempts")
        };
        self.shared.control.stop(Cause::Broken(format!(
            "sending to {} at {} was given up after {times}: {code}",
            self.stream_name, self.shared.endpoint
        )));
    }

    fn acknowledge(&mut self, acknowledged: &[Acknowledged<Entry, Place>]) {
        let now = self.now();
        // A call holds its entries shard by shard.
        let by_shard = || acknowledged.chunk_by(|a, b| a.answer.shard_id == b.answer.shard_id);
        self.shared.standing.settle(|account| {
            for of_shard in by_shard() {
                let mut count = ShardCount::default();
                for Acknowledged {
                    item,
                    bytes,
                    maybe_twice,
                    ..
                } in of_shard
                {
                    count.records += 1;
                    count.events += item.records();
                    count.bytes += *bytes as u64;
                    account.possible_duplicates += if *maybe_twice { item.records() } else { 0 };
                    item.notes().for_each(|note| account.acknowledge(note, now));
                }
                account
                    .shard(self.stream, &of_shard[0].answer.shard_id)
                    .add(count);
            }
        });
        let ids = by_shard().map(|of_shard| &of_shard[0].answer.shard_id);
        if let Some(news) = ids.into_iter().find(|id| self.known.is_news(&self.shards, id)) {
            self.news = Some(news.clone());
        }
        if let Some(acked) = &self.shared.acked {
            acknowledged
                .iter()
                .for_each(|of| tell(acked, &of.item, &of.answer));
        }
    }

    fn fail(&self, failed: Vec<Failed<Entry>>) {
        if failed.is_empty() {
            return;
        }
        self.shared.standing.settle(|account| {
            for failed in failed {
                let notes = failed.item.notes();
                notes.for_each(|note| account.fail(note, &failed.code, failed.uncertain));
            }
        });
    }

    /// All that was packed for the old shards is settled: packs for the new ones from now on.
    async fn relist(&mut self) {
        if let Some(shard_id) = self.news.take() {
            let relisted = self
                .known
                .relist(&self.shared.client, &self.stream_name, &shard_id);
            self.shards = tokio::select! {
                shards = relisted => shards,
                () = self.shared.control.abandoned() => return,
            };
            self.outbox.serve(self.shards.len());
            if let Some(packer) = &mut self.packer {
                packer.serve(self.shards.len());
            }
        }
    }

    /// Gives up what is queued, and what still comes.
    async fn abandon(mut self, mut queue: UnboundedReceiver<Chunk>) {
        let queued = self.outbox.give_up("NotSent");
        self.fail(queued);
        let open = self.packer.as_mut().map(Packer::give_up).unwrap_or_default();
        self.shared.standing.settle(|account| {
            open.iter().for_each(|note| account.fail(note, "NotSent", false));
        });
        while let Some(chunk) = queue.recv().await {
            self.shared.standing.settle(|account| {
                chunk
                    .items()
                    .iter()
                    .for_each(|item| account.fail(&item.note, "NotSent", false));
            });
        }
    }
}

/// Tells whoever measures freshness where events are.
fn tell(acked: &UnboundedSender<Acked>, entry: &Entry, place: &Place) {
    for content in entry.notes().filter_map(|note| note.content.as_deref()) {
        let Content::Event(planned) = content else {
            continue;
        };
        if planned.late {
            // It was old when it was sent, which is no fault of whoever reads it.
            continue;
        }
        let occurred_at = planned.event.envelope.occurred_at;
        // Whoever measures may have stopped before the run did.
        let _ = acked.send(Acked {
            event_type: planned.event.event_type(),
            shard_id: place.shard_id.clone(),
            sequence_number: place.sequence_number.clone(),
            occurred_at,
            minute: occurred_at.minute(),
        });
    }
}

/// Any number. It spreads waits and touches no event, so it needn't be the same each time.
fn chance() -> u64 {
    RandomState::new().build_hasher().finish()
}
