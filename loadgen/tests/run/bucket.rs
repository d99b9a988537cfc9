//! History and catalog into a bucket that is slow at times: the same objects as in a folder.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use aws_config::retry::RetryConfig;
use events::Timestamp;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use loadgen::args::{Cli, Command};
use loadgen::backfill::{Plan, backfill};
use loadgen::catalog::catalog;
use loadgen::profile::ShopSize;
use loadgen::store::Store;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::history::files;
use crate::support::aws;

/// Of so many puts, one is told to slow down.
const SLOW_EVERY: u64 = 40;

/// An S3 of one bucket.
#[derive(Default)]
struct FakeS3 {
    objects: BTreeMap<String, Vec<u8>>,
    puts: u64,
    told_to_slow_down: u64,
}

/// Starts it on a free port; it ends with the test's runtime.
async fn start() -> (Store, Arc<Mutex<FakeS3>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let state = Arc::new(Mutex::new(FakeS3::default()));
    let shared = Arc::clone(&state);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let state = Arc::clone(&shared);
            let serve = service_fn(move |request| answer(request, Arc::clone(&state)));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(connection), serve));
        }
    });
    let config = aws_sdk_s3::config::Builder::from(&aws(&endpoint).config)
        .retry_config(RetryConfig::standard())
        .force_path_style(true)
        .build();
    let store = Store::Bucket {
        s3: aws_sdk_s3::Client::from_conf(config),
        bucket: "warehouse".to_owned(),
    };
    (store, state)
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<Mutex<FakeS3>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let key = uri
        .path()
        .trim_start_matches("/warehouse")
        .trim_start_matches('/')
        .to_owned();
    // The keys' `=` comes encoded.
    let key = key.replace("%3D", "=");
    let mut state = state.lock().unwrap();
    let (status, answer) = match method {
        Method::PUT => {
            state.puts += 1;
            if state.puts.is_multiple_of(SLOW_EVERY) {
                state.told_to_slow_down += 1;
                (
                    503,
                    "<Error><Code>SlowDown</Code><Message>slow down</Message></Error>".to_owned(),
                )
            } else {
                state.objects.insert(key, body.to_vec());
                (200, String::new())
            }
        }
        Method::DELETE => {
            state.objects.remove(&key).expect("what is removed is there");
            (204, String::new())
        }
        _ if !key.is_empty() => (404, "<Error><Code>NoSuchKey</Code></Error>".to_owned()),
        _ => (200, state.list(uri.query().unwrap())),
    };
    let response = Response::builder()
        .status(status)
        .header("content-type", "application/xml");
    Ok(response.body(Full::new(answer.into())).unwrap())
}

impl FakeS3 {
    /// What `ListObjectsV2` answers.
    fn list(&self, query: &str) -> String {
        let value = |name: &str| {
            let found = query
                .split('&')
                .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            found.unwrap().replace("%2F", "/").replace("%3D", "=")
        };
        let (prefix, after) = (value("prefix"), value("start-after"));
        let keys = self
            .objects
            .keys()
            .filter(|key| key.starts_with(&prefix) && **key > after);
        let contents = keys.fold(String::new(), |contents, key| {
            contents + &format!("<Contents><Key>{key}</Key></Contents>")
        });
        format!("<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_gets_what_a_folder_gets_though_it_is_slow_and_held_a_larger_history() {
    let (bucket, state) = start().await;
    let folder = TempDir::new().unwrap();
    let flags =
        "loadgen backfill --from 2026-11-20 --to 2026-11-21 --orders 100 --users 10000 --products 1000";
    let Ok(Cli {
        command: Command::Backfill(args),
    }) = Cli::read(flags.split(' '))
    else {
        panic!("{flags}")
    };
    let plan = Plan::new(&args, Timestamp::parse("2026-11-22T00:00:00Z").unwrap()).unwrap();
    let into_folder = Store::folder(folder.path()).unwrap();
    let expected = backfill(&plan, into_folder, false).await.unwrap();
    let larger = Plan {
        orders: 3_000,
        ..plan.clone()
    };
    backfill(&larger, bucket.clone(), false).await.unwrap();
    for again in [false, true] {
        let summary = backfill(&plan, bucket.clone(), false).await.unwrap();
        assert_eq!(
            (summary.rows_by_table, summary.objects, summary.bytes),
            (expected.rows_by_table.clone(), expected.objects, expected.bytes)
        );
        assert_eq!(summary.removed == 0, again);
        let state = state.lock().unwrap();
        assert!(state.objects == files(folder.path()) && state.told_to_slow_down > 0);
    }
}

const fn size(users: u64) -> ShopSize {
    ShopSize {
        users,
        products: 1_000,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_smaller_catalog_leaves_nothing_of_a_larger_one() {
    let (bucket, state) = start().await;
    let parts = || state.lock().unwrap().objects.keys().cloned().collect::<Vec<_>>();
    let summary = catalog(42, size(1_000_001), &bucket).await.unwrap();
    assert_eq!((summary.objects, summary.removed), (3, 0));
    assert_eq!(
        parts(),
        [
            "catalog/products/part-00000.parquet",
            "catalog/users/part-00000.parquet",
            "catalog/users/part-00001.parquet"
        ]
    );
    let summary = catalog(42, size(10_000), &bucket).await.unwrap();
    assert_eq!((summary.objects, summary.removed), (2, 1));
    assert_eq!(parts().len(), 2);
}
