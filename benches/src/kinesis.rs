//! A Kinesis with nothing behind it: every record is taken, counted and forgotten.
//!
//! It shares the machine with whom it serves, so it does next to nothing: bodies are searched, not parsed, and answers are
//! made once for each number of records.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The most records in one call.
const MAX_CALL_RECORDS: usize = 500;
/// A call of plain events is read in one go.
const READ_BUFFER_BYTES: usize = 1 << 20;
/// What each entry of a call holds once; in a string its quotes would be escaped.
const ENTRY: &[u8] = br#""PartitionKey":"#;

/// The service. It ends when it is dropped.
pub(crate) struct NullKinesis {
    pub(crate) address: SocketAddr,
    service: Arc<Service>,
    _server: JoinSet<()>,
}

/// What all connections share.
struct Service {
    entries: Finder<'static>,
    shards: u32,
    /// To a call with so many records; made when it is first needed.
    answers: Vec<OnceLock<Bytes>>,
    records: AtomicU64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stream {
    stream_name: Option<String>,
}

impl NullKinesis {
    /// Listens on a free port. Every stream has so many shards.
    pub(crate) async fn start(shards: u32) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .context("cannot listen on 127.0.0.1")?;
        let address = listener.local_addr()?;
        let service = Arc::new(Service::new(shards));
        let mut server = JoinSet::new();
        server.spawn(serve(listener, Arc::clone(&service)));
        Ok(Self {
            address,
            service,
            _server: server,
        })
    }

    /// How many records were taken since the last time that this was asked. An aggregate is one.
    pub(crate) fn take_records(&self) -> u64 {
        self.service.records.swap(0, Ordering::SeqCst)
    }
}

async fn serve(listener: TcpListener, service: Arc<Service>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).ok();
        let service = Arc::clone(&service);
        connections.spawn(async move {
            let answer = service_fn(|request| service.answer(request));
            // A client whose connection breaks says so itself.
            hyper::server::conn::http1::Builder::new()
                .max_buf_size(READ_BUFFER_BYTES)
                .serve_connection(TokioIo::new(stream), answer)
                .await
                .ok();
        });
    }
}

impl Service {
    fn new(shards: u32) -> Self {
        Self {
            entries: Finder::new(ENTRY),
            shards,
            answers: (0..=MAX_CALL_RECORDS).map(|_| OnceLock::new()).collect(),
            records: AtomicU64::new(0),
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let header = request.headers().get("x-amz-target");
        let operation = header
            .map_or(&b""[..], HeaderValue::as_bytes)
            .rsplit(|byte| *byte == b'.')
            .next();
        let body = match operation {
            Some(b"PutRecords") => self.put_records(request.into_body()).await?,
            Some(b"ListShards") => Some(Bytes::from(list_shards(self.shards))),
            Some(b"DescribeStreamSummary") => self.describe(request.into_body()).await?,
            _ => None,
        };
        let (status, body) = match body {
            Some(body) => (StatusCode::OK, body),
            None => (
                StatusCode::BAD_REQUEST,
                Bytes::from_static(br#"{"__type":"InvalidArgumentException","message":"not played here"}"#),
            ),
        };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        let content_type = HeaderValue::from_static("application/x-amz-json-1.1");
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        Ok(response)
    }

    /// The body is counted as it comes, so it need not be held.
    async fn put_records(&self, mut body: Incoming) -> Result<Option<Bytes>, hyper::Error> {
        let mut counted = Counted::default();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                counted.read(&self.entries, &data);
            }
        }
        let answer = self.answers.get(counted.entries).filter(|_| counted.entries > 0);
        Ok(answer.map(|answer| {
            self.records.fetch_add(counted.entries as u64, Ordering::SeqCst);
            answer
                .get_or_init(|| taken(counted.entries, self.shards).into())
                .clone()
        }))
    }

    async fn describe(&self, body: Incoming) -> Result<Option<Bytes>, hyper::Error> {
        let body = body.collect().await?.to_bytes();
        let name = serde_json::from_slice::<Stream>(&body)
            .ok()
            .and_then(|stream| stream.stream_name);
        Ok(name.map(|name| {
            let summary = json!({ "StreamDescriptionSummary": {
                "StreamName": name,
                "StreamARN": format!("arn:aws:kinesis:us-east-1:000000000000:stream/{name}"),
                "StreamStatus": "ACTIVE",
                "RetentionPeriodHours": 24,
                "StreamCreationTimestamp": 1_795_369_200,
                "EnhancedMonitoring": [],
                "OpenShardCount": self.shards,
            }});
            summary.to_string().into()
        }))
    }
}

/// Entries of a body that comes in pieces.
#[derive(Default)]
struct Counted {
    entries: usize,
    /// The end of what was read: too short to hold an entry's mark, it may hold the beginning of one.
    end: Vec<u8>,
}

impl Counted {
    fn read(&mut self, entries: &Finder<'_>, piece: &[u8]) {
        const KEPT: usize = ENTRY.len() - 1;
        self.end.extend_from_slice(&piece[..piece.len().min(KEPT)]);
        self.entries += entries.find_iter(&self.end).count() + entries.find_iter(piece).count();
        if piece.len() > KEPT {
            self.end.clear();
            self.end.extend_from_slice(&piece[piece.len() - KEPT..]);
        } else {
            self.end.drain(..self.end.len().saturating_sub(KEPT));
        }
    }
}

/// The answer to a call with `entries` records, all of which were taken.
fn taken(entries: usize, shards: u32) -> String {
    let mut answer = String::from(r#"{"FailedRecordCount":0,"Records":["#);
    for n in 0..entries {
        let separator = if n == 0 { "" } else { "," };
        let shard = n % shards as usize;
        // As long as those of AWS.
        write!(
            answer,
            r#"{separator}{{"SequenceNumber":"49590338271490256608559692538361571095921{n:015}","ShardId":"shardId-{shard:012}"}}"#
        )
        .expect("a String takes every write");
    }
    answer + r#"],"EncryptionType":"NONE"}"#
}

/// Shards that share the hash keys evenly.
fn list_shards(shards: u32) -> String {
    let width = u128::MAX / u128::from(shards);
    let shard = |n: u32| {
        let first = u128::from(n) * width;
        let last = if n + 1 == shards {
            u128::MAX
        } else {
            first + (width - 1)
        };
        json!({
            "ShardId": format!("shardId-{n:012}"),
            "HashKeyRange": { "StartingHashKey": first.to_string(), "EndingHashKey": last.to_string() },
            "SequenceNumberRange": { "StartingSequenceNumber": "1" },
        })
    };
    json!({ "Shards": (0..shards).map(shard).collect::<Vec<_>>() }).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn entries_are_counted_however_the_body_is_cut() {
        let body = br#"{"StreamName":"s","Records":[{"Data":"eA==","PartitionKey":"1"},{"PartitionKey":"PartitionKey","Data":""},
            {"Data":"eA==","PartitionKey":"\"PartitionKey\""}]}"#;
        let entries = Finder::new(ENTRY);
        for length in 1..=body.len() {
            let mut counted = Counted::default();
            body.chunks(length)
                .for_each(|piece| counted.read(&entries, piece));
            assert_eq!(counted.entries, 3, "in pieces of {length}");
        }
    }

    #[test]
    fn an_answer_has_a_result_for_each_entry() {
        for entries in [1, 2, 500] {
            let answer: Value = serde_json::from_str(&taken(entries, 4)).unwrap();
            let records = answer["Records"].as_array().unwrap();
            assert_eq!(
                (records.len(), answer["FailedRecordCount"].as_u64()),
                (entries, Some(0))
            );
            assert_eq!(records[entries - 1]["SequenceNumber"].as_str().unwrap().len(), 56);
        }
    }

    #[test]
    fn the_shards_share_all_hash_keys() {
        for shards in [1, 3, 8] {
            let answer: Value = serde_json::from_str(&list_shards(shards)).unwrap();
            let bound = |n: u32, which: &str| -> u128 {
                let bound = &answer["Shards"][n as usize]["HashKeyRange"][which];
                bound.as_str().unwrap().parse().unwrap()
            };
            assert_eq!(bound(0, "StartingHashKey"), 0);
            assert_eq!(bound(shards - 1, "EndingHashKey"), u128::MAX);
            for n in 1..shards {
                assert_eq!(bound(n - 1, "EndingHashKey") + 1, bound(n, "StartingHashKey"));
            }
        }
    }
}
