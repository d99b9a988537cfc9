//! All jobs together on a real stack, and some of them alone.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use e2e::{Stack, eventually};
use serde_json::{Value, json};

/// A queue that gets what the topic tells.
const SUBSCRIBE: &str = r#"
import boto3
sns, sqs = boto3.client("sns"), boto3.client("sqs")
topic = next(t["TopicArn"] for t in sns.list_topics()["Topics"] if t["TopicArn"].endswith("globalmart-local-alerts.fifo"))
queue = sqs.create_queue(QueueName="told.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
"#;

/// What was told, and what the alerts say should have been: one message for each number of each alert.
const TOLD: &str = r#"
import boto3, json
sqs, dynamodb = boto3.client("sqs"), boto3.client("dynamodb")
queue = sqs.get_queue_url(QueueName="told.fifo")["QueueUrl"]
store = dynamodb.get_paginator("scan").paginate(TableName="globalmart-local-alerts")
due = sum(int(item["notification"]["N"]) for page in store for item in page["Items"])
waiting = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])
print(json.dumps({"due": due, "told": int(waiting["Attributes"]["ApproximateNumberOfMessages"])}))
"#;

/// Forgets where the functions were in the streams, so that everything comes again.
const REPLAY_ALL: &str = r#"
import boto3
aws_lambda = boto3.client("lambda")
for mapping in aws_lambda.list_event_source_mappings()["EventSourceMappings"]:
    aws_lambda.delete_event_source_mapping(UUID=mapping["UUID"])
    aws_lambda.create_event_source_mapping(
        FunctionName=mapping["FunctionArn"], EventSourceArn=mapping["EventSourceArn"],
        StartingPosition="TRIM_HORIZON", BatchSize=501,
    )
"#;

fn told(stack: &Stack) -> (u64, u64) {
    let told: Value = serde_json::from_str(&stack.python(TOLD, &[]).expect_success()).unwrap();
    (told["due"].as_u64().unwrap(), told["told"].as_u64().unwrap())
}

#[tokio::test]
async fn every_job_says_what_was_sent_and_every_alert_is_told_once() {
    let stack = Stack::up();
    let _ = stack.python(SUBSCRIBE, &[]).expect_success();
    let shop = ["--users", "10000", "--products", "1000"];
    let catalog = stack.loadgen(&[&["catalog"], &shop[..]].concat());
    assert_eq!(catalog.code, 0, "{}", catalog.stderr);
    let ledger = stack.file("ledger.json");
    let faults = [
        "--anomaly-rate",
        "20%",
        "--bad-event-rate",
        "1%",
        "--duplicate-rate",
        "2%",
    ];
    let run = ["run", "--rate", "400", "--events", "4000", "--ledger", &ledger];
    let said = stack.loadgen(&[&run[..], &shop, &faults].concat());
    assert_eq!(said.code, 0, "{}", said.stderr);
    let verdict = stack.verified(&ledger, &["--all-runs"]).await;

    // A run that ends cuts groups of orders short, and what is usual is learned while it lasts.
    for detector in verdict["detectors"].as_array().unwrap() {
        let kind = detector["kind"].as_str().unwrap();
        let share = |name: &str| detector[name].as_f64().unwrap_or(1.0);
        assert!(share("precision") > 0.9, "{detector}");
        assert!(kind == "high_value" || share("recall") > 0.5, "{detector}");
    }
    let look = ["watch", "--once", "--last", "5m", "--output", "json"];
    let watched = stack.loadgen(&look);
    assert_eq!(watched.code, 0, "{}", watched.stderr);
    for job in ["sales", "views", "carts", "anomalies", "inventory", "alerts"] {
        assert!(watched.json()[job].is_object(), "{job}: {}", watched.stdout);
    }
    // Every cart has met its end by now, and more than twenty were left behind.
    let top = &watched.json()["carts"]["top"];
    let carts = |fate: &str| top[fate].as_array().map(Vec::len);
    assert_eq!(
        (carts("active"), carts("abandoned")),
        (Some(0), Some(20)),
        "{top}"
    );

    let (due, _) = eventually("a message for each alert", async || {
        let (due, told) = told(&stack);
        (due > 0 && told >= due).then_some((due, told))
    })
    .await;
    // All changes and all records come again; nothing is told again.
    let _ = stack.python(REPLAY_ALL, &[]).expect_success();
    eventually("the alerts to come again", async || {
        let logs = stack
            .make(&["logs", "alerts", "--lines", "5000"])
            .expect_success();
        logs.contains("AlreadyPublished").then_some(())
    })
    .await;
    let _ = stack.verified(&ledger, &["--all-runs"]).await;
    let (due_now, told_now) = told(&stack);
    assert_eq!((due_now, told_now), (due, due));
}

#[tokio::test]
async fn only_the_jobs_that_are_wanted_run() {
    let stack = Stack::with_jobs("views");
    let status = stack.make(&["status"]).expect_success();
    assert!(
        status.contains("globalmart-local-views") && !status.contains("globalmart-local-sales"),
        "{status}"
    );
    let ledger = stack.file("ledger.json");
    let said = stack.loadgen(&["run", "--rate", "400", "--events", "400", "--ledger", &ledger]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let verdict = stack.verified(&ledger, &[]).await;
    let checks = verdict["checks"].as_array().unwrap();
    assert!(
        checks
            .iter()
            .all(|check| check["name"].as_str().unwrap().starts_with("views "))
    );
    assert_eq!(verdict["detectors"], json!([]));
}
