//! Lambda's runtime API, played for one function: it tells of every call that the function makes, and when.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

const VERSION: &str = "/2018-06-01/runtime";
const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:bench";

/// A call of the function's.
#[derive(Debug)]
pub(crate) enum Call {
    /// It asks for an invocation, and waits until it is sent one.
    Next(oneshot::Sender<Bytes>),
    /// It answered the invocation.
    Response,
    /// The invocation, or its start, failed, for the reason in the body.
    Failure(String),
}

/// The runtime API of one function, on an address of its own. It ends when it is dropped.
pub(crate) struct RuntimeApi {
    pub(crate) address: SocketAddr,
    calls: mpsc::UnboundedReceiver<(Instant, Call)>,
    _server: JoinSet<()>,
}

impl RuntimeApi {
    /// Listens on a free port.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .context("cannot listen on 127.0.0.1")?;
        let address = listener.local_addr()?;
        let (sender, calls) = mpsc::unbounded_channel();
        let mut server = JoinSet::new();
        server.spawn(serve(listener, sender));
        Ok(Self {
            address,
            calls,
            _server: server,
        })
    }

    /// The function's next call, and when it came.
    pub(crate) async fn call(&mut self) -> anyhow::Result<(Instant, Call)> {
        self.calls.recv().await.context("the runtime API has ended")
    }
}

async fn serve(listener: TcpListener, calls: mpsc::UnboundedSender<(Instant, Call)>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        // Answers are small and follow each other: none waits for an acknowledgement of the one before.
        stream.set_nodelay(true).ok();
        let calls = calls.clone();
        connections.spawn(async move {
            let service = service_fn(|request| answer(request, &calls));
            // What breaks a connection ends a function, and that is noticed where its calls are waited for.
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await
                .ok();
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    calls: &mpsc::UnboundedSender<(Instant, Call)>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let at = Instant::now();
    let path = request
        .uri()
        .path()
        .strip_prefix(VERSION)
        .unwrap_or_default()
        .to_owned();
    let tell = |call| calls.send((Instant::now(), call)).ok();
    if request.method() == Method::GET && path == "/invocation/next" {
        let (sender, invocation) = oneshot::channel();
        calls.send((at, Call::Next(sender))).ok();
        return Ok(match invocation.await {
            Ok(payload) => invoke(payload),
            Err(_) => status(StatusCode::SERVICE_UNAVAILABLE),
        });
    }
    let body = request
        .into_body()
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    if path.starts_with("/invocation/") && path.ends_with("/response") {
        tell(Call::Response);
    } else if path.ends_with("/error") {
        tell(Call::Failure(String::from_utf8_lossy(&body).into_owned()));
    } else {
        return Ok(status(StatusCode::NOT_FOUND));
    }
    Ok(status(StatusCode::ACCEPTED))
}

fn invoke(payload: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(payload));
    let headers = [
        ("content-type", "application/json"),
        (
            "lambda-runtime-aws-request-id",
            "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
        ),
        ("lambda-runtime-invoked-function-arn", FUNCTION_ARN),
        // 2100-01-01
        ("lambda-runtime-deadline-ms", "4102444800000"),
    ];
    for (name, value) in headers {
        response
            .headers_mut()
            .insert(name, hyper::header::HeaderValue::from_static(value));
    }
    response
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
