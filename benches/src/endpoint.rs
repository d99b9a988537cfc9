//! An AWS endpoint with nothing behind it: tables are empty and take every write, streams have one shard.
//!
//! What a function costs is measured here, not what a service does.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const SHARDS: &str = r#"{"Shards":[{"ShardId":"shardId-000000000000",
"HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"340282366920938463463374607431768211455"},
"SequenceNumberRange":{"StartingSequenceNumber":"1"}}]}"#;

/// The endpoint. It ends when it is dropped.
pub(crate) struct NullEndpoint {
    pub(crate) address: SocketAddr,
    writes: Arc<AtomicU64>,
    _server: JoinSet<()>,
}

impl NullEndpoint {
    /// Listens on a free port.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .context("cannot listen on 127.0.0.1")?;
        let address = listener.local_addr()?;
        let writes = Arc::new(AtomicU64::new(0));
        let mut server = JoinSet::new();
        server.spawn(serve(listener, Arc::clone(&writes)));
        Ok(Self {
            address,
            writes,
            _server: server,
        })
    }

    /// How many items were written since the last time that this was asked.
    pub(crate) fn take_writes(&self) -> u64 {
        self.writes.swap(0, Ordering::SeqCst)
    }
}

async fn serve(listener: TcpListener, writes: Arc<AtomicU64>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).ok();
        let writes = Arc::clone(&writes);
        connections.spawn(async move {
            let service = service_fn(|request| answer(request, &writes));
            // A client whose connection breaks says so itself.
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await
                .ok();
        });
    }
}

/// Both services speak AWS's JSON protocol, which names the operation in a header.
async fn answer(request: Request<Incoming>, writes: &AtomicU64) -> Result<Response<Full<Bytes>>, Infallible> {
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let operation = header("x-amz-target")
        .rsplit('.')
        .next()
        .unwrap_or_default()
        .to_owned();
    let content_type = request.headers().get("content-type").cloned();
    // A body that breaks off comes with its connection's end, so there is nobody to tell.
    request.into_body().collect().await.ok();
    let (status, body) = match operation.as_str() {
        "Query" => (StatusCode::OK, r#"{"Items":[],"Count":0,"ScannedCount":0}"#),
        "PutItem" => {
            writes.fetch_add(1, Ordering::SeqCst);
            (StatusCode::OK, "{}")
        }
        "ListShards" => (StatusCode::OK, SHARDS),
        _ => (
            StatusCode::BAD_REQUEST,
            r#"{"__type":"UnknownOperationException","message":"not played here"}"#,
        ),
    };
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    if let Some(content_type) = content_type {
        response.headers_mut().insert("content-type", content_type);
    }
    Ok(response)
}
