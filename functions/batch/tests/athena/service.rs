//! Athena's API, as far as it is used: what it is asked, and what is made of its answers.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use aws_sdk_athena::config::{BehaviorVersion, Credentials, Region};
use batch::athena::{Athena, Queries as _};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

const PREFIX: &str = "athena-results/batch/2026-11-26-0123456789abcdef/sales_trends/";

/// Answers calls in turn, and keeps what they said: operation and body.
async fn start(answers: Vec<Value>) -> (Athena, Arc<Mutex<Vec<(String, Value)>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (calls, answers) = (Arc::clone(&seen), Arc::new(Mutex::new(answers.into_iter())));
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let (calls, answers) = (Arc::clone(&calls), Arc::clone(&answers));
            let serve = service_fn(move |request: Request<Incoming>| {
                let (calls, answers) = (Arc::clone(&calls), Arc::clone(&answers));
                async move {
                    let target = request.headers()["x-amz-target"].to_str().unwrap().to_owned();
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    calls
                        .lock()
                        .unwrap()
                        .push((target, serde_json::from_slice(&body).unwrap()));
                    let answer = answers
                        .lock()
                        .unwrap()
                        .next()
                        .expect("no more calls than answers");
                    let status = if answer.get("__type").is_some() { 400 } else { 200 };
                    let response = Response::builder().status(status);
                    let response = response.header("content-type", "application/x-amz-json-1.1");
                    Ok::<_, Infallible>(response.body(Full::new(Bytes::from(answer.to_string()))).unwrap())
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(connection), serve));
        }
    });
    let config = aws_sdk_athena::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(endpoint)
        .build();
    let client = aws_sdk_athena::Client::from_conf(config);
    let [workgroup, database, bucket] = ["globalmart-dev", "globalmart_dev", "warehouse"].map(str::to_owned);
    (Athena::new(client, workgroup, database, bucket), seen)
}

fn started() -> Value {
    json!({"QueryExecutionId": "q-1"})
}

fn status(status: &Value) -> Value {
    json!({"QueryExecution": {"QueryExecutionId": "q-1", "Status": status}})
}

#[tokio::test]
async fn a_query_is_unloaded_to_its_prefix_and_waited_for() {
    let states = ["QUEUED", "RUNNING", "SUCCEEDED"].map(|state| status(&json!({"State": state})));
    let (athena, seen) = start([started()].into_iter().chain(states).collect()).await;
    athena.unload("select 1 as one\n", PREFIX).await.unwrap();
    let seen = seen.lock().unwrap();
    let (operation, asked) = &seen[0];
    assert_eq!(operation, "AmazonAthena.StartQueryExecution");
    let to = format!("s3://warehouse/{PREFIX}");
    assert_eq!(
        *asked,
        json!({
            "QueryString": format!(
                "UNLOAD (\nselect 1 as one\n) TO '{to}' WITH (format = 'PARQUET', compression = 'ZSTD')"
            ),
            "ClientRequestToken": PREFIX,
            "QueryExecutionContext": {"Database": "globalmart_dev"},
            "WorkGroup": "globalmart-dev",
        })
    );
    assert_eq!(seen.len(), 4);
    for (operation, asked) in &seen[1..] {
        assert_eq!(operation, "AmazonAthena.GetQueryExecution");
        assert_eq!(*asked, json!({"QueryExecutionId": "q-1"}));
    }
}

#[tokio::test]
async fn what_fails_tells_the_table_and_why() {
    for state in ["FAILED", "CANCELLED"] {
        let ended = status(&json!({"State": state, "StateChangeReason": "SYNTAX_ERROR: line 1:8"}));
        let (athena, _) = start(vec![started(), ended]).await;
        let error = athena.unload("select", PREFIX).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("UNLOAD of s3://warehouse/{PREFIX} failed")
        );
        assert_eq!(
            error.source.to_string(),
            format!("{state}: SYNTAX_ERROR: line 1:8")
        );
    }
}

#[tokio::test]
async fn calls_that_are_refused_and_answers_that_say_nothing_are_errors() {
    let refused = json!({"__type": "InvalidRequestException", "Message": "WorkGroup is not found"});
    for (answers, operation) in [
        (vec![refused.clone()], "StartQueryExecution"),
        (vec![json!({})], "StartQueryExecution"),
        (vec![started(), refused], "GetQueryExecution"),
        (vec![started(), status(&json!({}))], "GetQueryExecution"),
    ] {
        let (athena, seen) = start(answers.clone()).await;
        let error = athena.unload("select", PREFIX).await.unwrap_err();
        assert_eq!(error.operation, operation);
        assert!(error.subject.contains("sales_trends"), "{error}");
        assert_eq!(seen.lock().unwrap().len(), answers.len());
    }
}
