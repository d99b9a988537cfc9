//! Sends to Kinesis. A lane serves one stream for one worker's shoppers and makes one call at a time, so that a shopper's
//! events stay in order; only around a failed entry of a call the service itself may let a later one of it overtake.

use std::error::Error;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::ErrorKind;
use std::sync::Arc;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::http::HttpResponse;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::operation::put_records::{PutRecordsError, PutRecordsOutput};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use events::Stream;
use tokio::sync::mpsc::{Receiver, UnboundedSender, channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::batcher::{Batcher, Limits, Pushed};
use super::parcel::{Answer, Failed, Parcel, Settled};
use super::{Acked, Delivery, Lanes, Record, Route, SharedAccount};
use crate::control::{Cause, Control};
use crate::plan::Plan;

/// Error codes that say "not now": the same call may work later. Any other refusal would be repeated word for word.
const RETRYABLE_CODES: &[&str] = &[
    "KMSThrottlingException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "RequestTimeoutException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// A record as it is sent.
struct Parted {
    record: Box<Record>,
    key: String,
    json: Vec<u8>,
}

/// Where a lane's records go.
struct Destination {
    client: Client,
    stream: Stream,
    name: String,
    endpoint: String,
}

struct Lane {
    to: Destination,
    delivery: Delivery,
    account: SharedAccount,
    control: Arc<Control>,
    acked: Option<UnboundedSender<Acked>>,
}

/// Opens a lane for each worker and stream of the plan.
pub fn open(
    client: &Client,
    endpoint: &str,
    plan: &Plan,
    control: &Arc<Control>,
    acked: Option<&UnboundedSender<Acked>>,
) -> Lanes {
    let mut senders = Vec::new();
    let mut accounts = Vec::new();
    let mut tasks = JoinSet::new();
    for _ in 0..plan.workers {
        let account = SharedAccount::new(plan.ledger.is_some());
        for stream in Stream::ALL {
            let (sender, queue) = channel(plan.delivery.queue_records);
            let lane = Lane {
                to: Destination {
                    client: client.clone(),
                    stream: *stream,
                    name: plan.stream_name(*stream),
                    endpoint: endpoint.to_owned(),
                },
                delivery: plan.delivery,
                account: account.clone(),
                control: Arc::clone(control),
                acked: acked.filter(|_| *stream == Stream::Transactions).cloned(),
            };
            tasks.spawn(lane.run(queue));
            senders.push(sender);
        }
        accounts.push(account);
    }
    Lanes {
        senders,
        route: Route::WorkerAndStream {
            workers: plan.workers as u64,
        },
        accounts,
        tasks,
    }
}

impl Lane {
    /// Fills calls and delivers them until there is no more to come.
    async fn run(self, mut queue: Receiver<Box<Record>>) {
        let mut batcher = Batcher::new(Limits::default());
        let mut send_by = Instant::now();
        loop {
            let next = if batcher.is_empty() {
                Ok(queue.recv().await)
            } else {
                timeout_at(send_by, queue.recv()).await
            };
            match next {
                Ok(Some(record)) => {
                    if batcher.is_empty() {
                        send_by = Instant::now() + self.delivery.linger;
                    }
                    let parted = Parted::new(record);
                    let bytes = parted.bytes();
                    match batcher.push(parted, bytes) {
                        Pushed::Waiting => {}
                        Pushed::Full(batch) => self.deliver(batch).await,
                        Pushed::TooLarge(parted) => {
                            self.account
                                .lock()
                                .fail(&parted.record.planned, "RecordTooLarge", false);
                        }
                    }
                }
                Ok(None) => return self.deliver(batcher.take()).await,
                Err(_) => self.deliver(batcher.take()).await,
            }
        }
    }

    /// Sends a batch until each of its records is settled.
    async fn deliver(&self, batch: Vec<Parted>) {
        let mut parcel = Parcel::new(batch, self.delivery.backoff.max_attempts);
        while !parcel.is_done() {
            if self.control.is_abandoned() {
                return self.fail(parcel.give_up("NotSent"));
            }
            if parcel.attempts() > 0 {
                self.account.lock().retried += parcel.pending().len() as u64;
            }
            let answer = tokio::select! {
                answer = self.to.put(&parcel, &self.delivery) => answer,
                () = self.control.abandoned() => {
                    parcel.answer_was_lost();
                    return self.fail(parcel.give_up("Interrupted"));
                }
            };
            let whole_call = match &answer {
                Answer::Each(_) => None,
                Answer::Refused { code, .. } | Answer::Lost { code } => Some(code.clone()),
            };
            let settled = parcel.answer(answer);
            if let Some(code) = whole_call.filter(|_| !settled.failed.is_empty()) {
                self.break_off(&code, parcel.attempts());
            }
            self.settle(settled);
            if !parcel.is_done() {
                let wait = self.delivery.backoff.wait(parcel.attempts(), chance());
                tokio::select! {
                    () = sleep(wait) => {}
                    () = self.control.abandoned() => {}
                }
            }
        }
    }

    /// Where a whole call was given up, the next ones would be, too.
    fn break_off(&self, code: &str, attempts: u32) {
        let Destination { name, endpoint, .. } = &self.to;
        let times = if attempts == 1 {
            "1 attempt".to_owned()
        } else {
            format!("{attempts} attempts")
        };
        self.control.stop(Cause::Broken(format!(
            "sending to {name} at {endpoint} was given up after {times}: {code}"
        )));
    }

    fn settle(&self, settled: Settled<Parted, Place>) {
        let now = Instant::now();
        let mut account = self.account.lock();
        for acknowledged in settled.acknowledged {
            let Parted { record, json, .. } = acknowledged.item;
            account.possible_duplicates += u64::from(acknowledged.maybe_twice);
            account.acknowledge(
                &record.planned,
                json.len(),
                now.saturating_duration_since(record.due),
            );
            if let Some(acked) = &self.acked {
                let occurred_at = record.planned.event.envelope.occurred_at;
                let Place {
                    shard_id,
                    sequence_number,
                } = acknowledged.answer;
                let stream = self.to.stream;
                // Whoever measures may have stopped before the run did.
                let _ = acked.send(Acked {
                    stream,
                    shard_id,
                    sequence_number,
                    occurred_at,
                    minute: occurred_at.minute(),
                });
            }
        }
        drop(account);
        self.fail(settled.failed);
    }

    fn fail(&self, failed: Vec<Failed<Parted>>) {
        let mut account = self.account.lock();
        for failed in failed {
            account.fail(&failed.item.record.planned, &failed.code, failed.uncertain);
        }
    }
}

impl Parted {
    fn new(record: Box<Record>) -> Self {
        let mut json = Vec::with_capacity(512);
        record.planned.event.to_json(&mut json);
        Self {
            key: record.planned.event.envelope.user_id.to_string(),
            json,
            record,
        }
    }

    fn bytes(&self) -> usize {
        self.key.len() + self.json.len()
    }

    fn entry(&self) -> PutRecordsRequestEntry {
        PutRecordsRequestEntry::builder()
            .partition_key(self.key.clone())
            .data(Blob::new(self.json.clone()))
            .build()
            .expect("both required fields are set")
    }
}

/// Where a record is.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    shard_id: String,
    sequence_number: String,
}

impl Destination {
    /// One attempt with all that is pending.
    async fn put(&self, parcel: &Parcel<Parted>, delivery: &Delivery) -> Answer<Place> {
        let records = parcel.pending().map(Parted::entry).collect();
        let call = self
            .client
            .put_records()
            .stream_name(&self.name)
            .set_records(Some(records))
            .send();
        match timeout(delivery.call_timeout, call).await {
            Err(_) => Answer::Lost {
                code: "NoAnswerInTime".to_owned(),
            },
            Ok(Ok(output)) => Answer::Each(results(output)),
            Ok(Err(error)) => refusal(&error),
        }
    }
}

/// A 200 is not success: each entry has its own result.
fn results(output: PutRecordsOutput) -> Vec<Result<Place, String>> {
    output
        .records
        .into_iter()
        .map(
            |entry| match (entry.error_code, entry.sequence_number, entry.shard_id) {
                (None, Some(sequence_number), Some(shard_id)) => Ok(Place {
                    shard_id,
                    sequence_number,
                }),
                (code, ..) => Err(code.unwrap_or_else(|| "MalformedAnswer".to_owned())),
            },
        )
        .collect()
}

/// What an error says about the records: the one place that decides whether they may have been taken, and whether to try
/// again.
fn refusal(error: &SdkError<PutRecordsError, HttpResponse>) -> Answer<Place> {
    match error {
        SdkError::ServiceError(answer) => {
            let code = answer.err().code().unwrap_or("UnknownError").to_owned();
            if answer.raw().status().is_server_error() {
                // A service that failed inside may have failed after it took the records.
                return Answer::Lost { code };
            }
            let again = RETRYABLE_CODES.contains(&code.as_str());
            Answer::Refused { code, again }
        }
        SdkError::ConstructionFailure(_) => Answer::Refused {
            code: "InvalidRequest".to_owned(),
            again: false,
        },
        _ if never_sent(error) => Answer::Refused {
            code: "Unreachable".to_owned(),
            again: true,
        },
        _ => Answer::Lost {
            code: "NoAnswer".to_owned(),
        },
    }
}

/// Whether an error came before a connection.
fn never_sent(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<std::io::Error>()
            && matches!(
                io.kind(),
                ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable
            )
        {
            return true;
        }
        next = error.source();
    }
    false
}

/// Any number. It spreads waits and touches no event, so it needn't be the same each time.
fn chance() -> u64 {
    RandomState::new().build_hasher().finish()
}
