//! A Kinesis that fails on purpose, and runs against it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_kinesis::config::{Credentials, SharedCredentialsProvider};
use events::{Event, Stream, Timestamp, Uuid};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use kpl::UserRecord;
use loadgen::args::{Cli, Command};
use loadgen::generator::Generator;
use loadgen::plan::Plan;
use loadgen::run::Host;
use loadgen::sink::backoff::Backoff;
use loadgen::sink::preflight::Aws;
use md5::{Digest, Md5};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::watch;

/// What goes wrong, in percent, or always.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// Entries of a call answered with an error code each.
    pub(crate) failed_entries: u64,
    /// Calls whose connection breaks after the entries that didn't fail were stored.
    pub(crate) lost_answers: u64,
    /// Shards of each stream; 0 counts as 1.
    pub(crate) shards: usize,
    /// After so many calls, each shard is split in two.
    pub(crate) split_after: Option<u64>,
    /// The shard of each stream whose entries fail, and how many of them in all; then it is well again.
    pub(crate) throttled_shard: Option<(usize, u64)>,
    /// Every entry for the stream with this ending fails.
    pub(crate) broken_stream: Option<&'static str>,
    /// From this call on, all are refused with this status and code.
    pub(crate) refuse_from_call: Option<(u64, u16, &'static str)>,
    /// No call to put records is answered before the test lets them.
    pub(crate) stalls: bool,
    /// Each connection serves one call, and after so many of them the port is closed.
    pub(crate) connections: Option<usize>,
    /// There are no streams.
    pub(crate) no_streams: bool,
    /// Answers like some other web server.
    pub(crate) not_kinesis: bool,
}

/// What the service has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The stored events of each stream, in order.
    pub(crate) stored: BTreeMap<String, Vec<Stored>>,
    /// Stream records: an aggregate is one.
    pub(crate) records: u64,
    /// Entries in the largest call.
    pub(crate) largest_call: usize,
    /// Entries that were throttled, by stream.
    pub(crate) throttled: BTreeMap<String, u64>,
    /// Events stored for other shards while the throttled one of their stream was refusing.
    pub(crate) stored_beside_throttled: u64,
    /// Calls to put records.
    pub(crate) calls: u64,
    /// How often each event was sent.
    pub(crate) sent: HashMap<Uuid, u32>,
    /// Events whose storing was acknowledged.
    pub(crate) acknowledged: HashMap<Uuid, u32>,
    /// Events sent again after that.
    pub(crate) sent_after_acknowledged: u64,
    /// Entries answered with an error code.
    pub(crate) entries_failed: u64,
    /// Entries that were stored, but whose answer was lost.
    pub(crate) stored_unanswered: u64,
    draws: u64,
}

/// An event as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// Its partition key.
    pub(crate) key: String,
    /// What it is.
    pub(crate) event: Event,
    /// The shard that its stream record is on.
    pub(crate) shard: String,
}

/// A service on a free port of this machine, for as long as it lives.
pub(crate) struct FakeKinesis {
    /// Where it listens.
    pub(crate) endpoint: String,
    seen: Arc<Mutex<Seen>>,
    stall: watch::Sender<bool>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for FakeKinesis {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl FakeKinesis {
    /// Starts to serve.
    pub(crate) async fn start(faults: Faults) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        let (stall, stalled) = watch::channel(faults.stalls);
        let server = tokio::spawn(async move {
            for _ in 0..faults.connections.unwrap_or(usize::MAX) {
                let Ok((connection, _)) = listener.accept().await else {
                    return;
                };
                let (seen, faults, stalled) = (Arc::clone(&shared), faults.clone(), stalled.clone());
                tokio::spawn(
                    http1::Builder::new()
                        .keep_alive(faults.connections.is_none())
                        .serve_connection(
                            TokioIo::new(connection),
                            service_fn(move |request| {
                                answer(request, Arc::clone(&seen), faults.clone(), stalled.clone())
                            }),
                        ),
                );
            }
        });
        Self {
            endpoint,
            seen,
            stall,
            server,
        }
    }

    /// Answers from now on, or no more.
    pub(crate) fn stall(&self, stall: bool) {
        self.stall.send_replace(stall);
    }

    /// What it has seen so far.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// How the SDK would find it.
    pub(crate) fn aws(&self) -> Aws {
        aws(&self.endpoint)
    }
}

/// An SDK configuration for an endpoint.
pub(crate) fn aws(endpoint: &str) -> Aws {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "test", "test", None, None, "tests",
        )))
        .build();
    Aws {
        config,
        endpoint: endpoint.to_owned(),
    }
}

/// Answers a call, or breaks the connection where there is nothing to answer.
async fn answer(
    request: Request<Incoming>,
    seen: Arc<Mutex<Seen>>,
    faults: Faults,
    mut stalled: watch::Receiver<bool>,
) -> Result<Response<Full<Bytes>>, &'static str> {
    let target = request.headers()["x-amz-target"].to_str().unwrap().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    if faults.not_kinesis {
        return Ok(respond(404, "text/html", "<h1>Not Found</h1>".to_owned()));
    }
    match target.as_str() {
        "Kinesis_20131202.DescribeStreamSummary" if faults.no_streams => Ok(respond_json(
            400,
            &json!({ "__type": "ResourceNotFoundException", "message": "not found" }),
        )),
        "Kinesis_20131202.DescribeStreamSummary" => Ok(respond_json(200, &describe(&body))),
        "Kinesis_20131202.ListShards" => Ok(respond_json(
            200,
            &seen.lock().unwrap().list_shards(&body, &faults),
        )),
        "Kinesis_20131202.PutRecords" => {
            seen.lock().unwrap().calls += 1;
            stalled
                .wait_for(|stalled| !stalled)
                .await
                .map_err(|_| "the test is over")?;
            seen.lock().unwrap().put_records(&body, &faults)
        }
        _ => Err("an unexpected call"),
    }
}

fn describe(body: &Value) -> Value {
    json!({ "StreamDescriptionSummary": {
        "StreamName": body["StreamName"],
        "StreamARN": format!("arn:aws:kinesis:us-east-1:000000000000:stream/{}", body["StreamName"].as_str().unwrap()),
        "StreamStatus": "ACTIVE",
        "RetentionPeriodHours": 24,
        "StreamCreationTimestamp": 1.0,
        "EnhancedMonitoring": [],
        "OpenShardCount": 1,
    }})
}

/// The open shards: ids and the ends of their ranges of hash keys.
type Ranges = Vec<(String, u128, u128)>;

impl Faults {
    /// The shards after so many calls: n even ranges, each split in two some time.
    fn ranges(&self, calls: u64) -> Ranges {
        let shards = self.shards.max(1);
        let split = self.split_after.is_some_and(|after| calls > after);
        let (first, count) = if split { (shards, 2 * shards) } else { (0, shards) };
        let width = u128::MAX / count as u128;
        (0..count)
            .map(|n| {
                let start = width * n as u128;
                let end = if n + 1 == count {
                    u128::MAX
                } else {
                    start + width - 1
                };
                (format!("shardId-{:012}", first + n), start, end)
            })
            .collect()
    }
}

impl Seen {
    fn list_shards(&mut self, body: &Value, faults: &Faults) -> Value {
        // A page holds two shards.
        let from: usize = body["NextToken"]
            .as_str()
            .map_or(0, |token| token.parse().unwrap());
        assert!(
            body["StreamName"].is_null() == (from > 0),
            "a token goes without a name"
        );
        let closed = faults.ranges(0);
        let open = faults.ranges(self.calls);
        let mut all: Vec<Value> = open.iter().map(|range| shard(range, None)).collect();
        if open != closed {
            all.extend(closed.iter().map(|range| shard(range, Some("9"))));
        }
        let page: Vec<Value> = all.iter().skip(from).take(2).cloned().collect();
        let next = (from + 2 < all.len()).then(|| (from + 2).to_string());
        json!({ "Shards": page, "NextToken": next })
    }

    fn put_records(&mut self, body: &Value, faults: &Faults) -> Result<Response<Full<Bytes>>, &'static str> {
        if let Some((_, status, code)) = faults.refuse_from_call.filter(|(from, ..)| self.calls >= *from) {
            return Ok(respond_json(status, &json!({ "__type": code, "message": "no" })));
        }
        let name = body["StreamName"].as_str().unwrap().to_owned();
        let stream = *Stream::ALL
            .iter()
            .find(|stream| name.ends_with(stream.as_str()))
            .unwrap();
        let records = body["Records"].as_array().unwrap();
        assert!((1..=500).contains(&records.len()));
        self.largest_call = self.largest_call.max(records.len());
        let ranges = faults.ranges(self.calls);
        let lost = self.draw(faults.lost_answers);
        let (mut results, mut failed) = (Vec::new(), 0);
        for record in records {
            let key = record["PartitionKey"].as_str().unwrap();
            let place = record["ExplicitHashKey"]
                .as_str()
                .map_or_else(|| hash(key), |hash| hash.parse().unwrap());
            let at = shard_at(&ranges, place);
            let users = user_records(key, &from_base64(record["Data"].as_str().unwrap()));
            let events: Vec<(String, Event)> = users
                .iter()
                .map(|of| (of.partition_key.clone(), event(stream, of)))
                .collect();
            if faults.split_after.is_none() {
                assert!(
                    events.iter().all(|(key, _)| shard_at(&ranges, hash(key)) == at),
                    "an aggregate is one shard's"
                );
            }
            for (_, event) in &events {
                let id = event.envelope.event_id;
                *self.sent.entry(id).or_default() += 1;
                self.sent_after_acknowledged += u64::from(self.acknowledged.contains_key(&id));
            }
            let refusing = |throttled: u64| faults.throttled_shard.is_some_and(|(_, most)| throttled < most);
            let throttled = self.throttled.entry(name.clone()).or_default();
            let shard_refuses =
                refusing(*throttled) && faults.throttled_shard.is_some_and(|(shard, _)| shard == at);
            if shard_refuses {
                *throttled += 1;
            } else if refusing(*throttled) {
                self.stored_beside_throttled += 1;
            }
            if shard_refuses
                || faults.broken_stream.is_some_and(|ending| name.ends_with(ending))
                || self.draw(faults.failed_entries)
            {
                failed += 1;
                results.push(json!({ "ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down" }));
                continue;
            }
            self.records += 1;
            let shard = ranges[at].0.clone();
            results.push(json!({ "SequenceNumber": format!("{:030}", self.records), "ShardId": shard }));
            for (key, event) in events {
                if lost {
                    self.stored_unanswered += 1;
                } else {
                    *self.acknowledged.entry(event.envelope.event_id).or_default() += 1;
                }
                self.stored.entry(name.clone()).or_default().push(Stored {
                    key,
                    event,
                    shard: shard.clone(),
                });
            }
        }
        if lost {
            return Err("the connection breaks");
        }
        self.entries_failed += failed;
        Ok(respond_json(
            200,
            &json!({ "FailedRecordCount": failed, "Records": results }),
        ))
    }

    /// The events of each stream, whatever their order.
    pub(crate) fn stored_sets(&self) -> BTreeMap<String, BTreeSet<Vec<u8>>> {
        let json = |stored: &Stored| {
            let mut json = Vec::new();
            stored.event.to_json(&mut json);
            json
        };
        self.stored
            .iter()
            .map(|(name, stored)| (name.clone(), stored.iter().map(json).collect()))
            .collect()
    }

    /// True `percent` times in a hundred, the same times in each run of the same calls.
    fn draw(&mut self, percent: u64) -> bool {
        self.draws = self
            .draws
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.draws >> 33) % 100 < percent
    }

    /// How often each event is stored.
    pub(crate) fn stored_ids(&self) -> HashMap<Uuid, u32> {
        let mut ids = HashMap::new();
        for stored in self.stored.values().flatten() {
            *ids.entry(stored.event.envelope.event_id).or_default() += 1;
        }
        ids
    }
}

fn shard((id, start, end): &(String, u128, u128), ended_at: Option<&str>) -> Value {
    let mut shard = json!({
        "ShardId": id,
        "HashKeyRange": { "StartingHashKey": start.to_string(), "EndingHashKey": end.to_string() },
        "SequenceNumberRange": { "StartingSequenceNumber": "0" },
    });
    if let Some(end) = ended_at {
        shard["SequenceNumberRange"]["EndingSequenceNumber"] = end.into();
    }
    shard
}

/// Where a partition key lies, as the service has it.
fn hash(key: &str) -> u128 {
    u128::from_be_bytes(Md5::digest(key).into())
}

fn shard_at(ranges: &Ranges, hash: u128) -> usize {
    ranges
        .iter()
        .position(|(_, start, end)| (*start..=*end).contains(&hash))
        .unwrap()
}

/// What a stream record holds: itself, or the records of an aggregate.
fn user_records(key: &str, data: &[u8]) -> Vec<UserRecord> {
    kpl::decode(data).unwrap().unwrap_or_else(|| {
        vec![UserRecord {
            partition_key: key.to_owned(),
            explicit_hash_key: None,
            data: data.to_vec(),
        }]
    })
}

fn event(stream: Stream, record: &UserRecord) -> Event {
    let arrived = Timestamp::parse("2026-11-22T17:30:00Z").unwrap();
    Event::decode(stream, &record.data, arrived).unwrap()
}

fn respond(status: u16, content_type: &str, body: String) -> Response<Full<Bytes>> {
    Response::builder()
        .status(status)
        .header("content-type", content_type)
        .body(Full::new(body.into()))
        .unwrap()
}

fn respond_json(status: u16, body: &Value) -> Response<Full<Bytes>> {
    respond(status, "application/x-amz-json-1.1", body.to_string())
}

fn from_base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for digit in text.bytes().filter(|digit| *digit != b'=') {
        bits = bits << 6 | u32::try_from(DIGITS.iter().position(|known| *known == digit).unwrap()).unwrap();
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xFF).unwrap());
        }
    }
    bytes
}

/// A writer that can be read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    /// What was written so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A world for a run, and the ends of it that a test holds.
pub(crate) fn host(aws: Option<Aws>) -> (Host, Written, UnboundedSender<()>) {
    let (interrupt, interrupts) = unbounded_channel();
    let stdout = Written::default();
    let host = Host {
        stdout: Box::new(stdout.clone()),
        stderr: Box::new(Written::default()),
        on_terminal: false,
        aws,
        interrupts,
        freshness: None,
    };
    (host, stdout, interrupt)
}

/// The plan of a command line, with short waits between attempts.
pub(crate) fn plan(flags: &str) -> Plan {
    let arguments = ["loadgen", "run", "--start", "2026-11-22T17:30:00Z"]
        .into_iter()
        .chain(flags.split_whitespace());
    let Ok(Cli {
        command: Command::Run(args),
    }) = Cli::read(arguments)
    else {
        panic!("{flags}")
    };
    let mut plan = Plan::new(&args, Timestamp::parse("2026-11-22T17:30:00Z").unwrap()).unwrap();
    plan.delivery.linger = Duration::from_millis(5);
    plan.delivery.backoff = Backoff {
        base: Duration::from_millis(1),
        cap: Duration::from_millis(4),
        ..Backoff::default()
    };
    plan
}

/// The source of a plan.
pub(crate) fn shop(plan: &Plan) -> Generator {
    Generator::new(plan.events, plan.count)
}

/// A folder of a test's own, gone when it ends.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Creates it.
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("loadgen-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder left behind in the scratch space fails no test.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
