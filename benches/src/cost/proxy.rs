//! A proxy that sees every request of a job to AWS, and its answer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HeaderValue, TRANSFER_ENCODING};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::meter::{Exchange, Meter};

/// The streams as the template has them: a shard each. The local stack has two.
const SHARDS: &str = r#"{"Shards":[{"ShardId":"shardId-000000000000",
"HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"340282366920938463463374607431768211455"},
"SequenceNumberRange":{"StartingSequenceNumber":"1"}}]}"#;

/// The proxy of one job. It ends when it is dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    _server: JoinSet<()>,
}

/// A connection of a job's, and the one that goes on from it.
struct Connection {
    job: &'static str,
    meter: Arc<Mutex<Meter>>,
    services: SocketAddr,
    onward: tokio::sync::Mutex<Option<SendRequest<Full<Bytes>>>>,
}

impl Proxy {
    /// Passes a job's requests on to where the services are.
    pub(crate) async fn start(
        job: &'static str,
        services: SocketAddr,
        meter: Arc<Mutex<Meter>>,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .context("cannot listen on 127.0.0.1")?;
        let address = listener.local_addr()?;
        let mut server = JoinSet::new();
        server.spawn(serve(listener, job, services, meter));
        Ok(Self {
            address,
            _server: server,
        })
    }
}

async fn serve(listener: TcpListener, job: &'static str, services: SocketAddr, meter: Arc<Mutex<Meter>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).ok();
        let connection = Connection {
            job,
            meter: Arc::clone(&meter),
            services,
            onward: tokio::sync::Mutex::new(None),
        };
        connections.spawn(async move {
            let service = service_fn(|request| connection.pass(request));
            // A client whose connection breaks says so itself.
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await
                .ok();
        });
    }
}

impl Connection {
    async fn pass(&self, request: Request<Incoming>) -> anyhow::Result<Response<Full<Bytes>>> {
        let (mut parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        parts.headers.remove(TRANSFER_ENCODING);
        let target = parts.headers.get("x-amz-target").cloned();
        let target = target
            .as_ref()
            .and_then(|target| target.to_str().ok())
            .unwrap_or_default();
        if target.ends_with(".ListShards") {
            let mut answer = Response::new(Full::new(Bytes::from_static(SHARDS.as_bytes())));
            let content_type = HeaderValue::from_static("application/x-amz-json-1.1");
            answer.headers_mut().insert("content-type", content_type);
            return Ok(answer);
        }
        let method = parts.method.as_str().to_owned();
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let answer = self
            .send(Request::from_parts(parts, Full::new(body.clone())))
            .await?;
        let (mut parts, answer) = answer.into_parts();
        let answer = answer.collect().await?.to_bytes();
        parts.headers.remove(TRANSFER_ENCODING);
        let mut meter = self.meter.lock().expect("nothing panics while it holds this");
        meter.read(
            self.job,
            &Exchange {
                method: &method,
                query: &query,
                target,
                body: &body,
                status: parts.status.as_u16(),
                answer: &answer,
            },
        )?;
        Ok(Response::from_parts(parts, Full::new(answer)))
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Response<Incoming>> {
        let mut onward = self.onward.lock().await;
        let open = onward.take().filter(|open| !open.is_closed());
        let mut sender = match open {
            Some(open) => open,
            None => self.connect().await?,
        };
        sender.ready().await?;
        let answer = sender.send_request(request).await?;
        *onward = Some(sender);
        Ok(answer)
    }

    async fn connect(&self) -> anyhow::Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.services).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // It ends with either of its ends.
        tokio::spawn(connection);
        Ok(sender)
    }
}
