//! The main job on a real stack: loadgen to Kinesis to Lambda to DynamoDB and Parquet to Athena.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use e2e::{STAGE, Stack, eventually, repository};
use serde_json::{Value, json};

/// Forgets where the functions were in the streams, so that everything comes again.
const REPLAY_ALL: &str = r#"
import boto3
aws_lambda = boto3.client("lambda")
for mapping in aws_lambda.list_event_source_mappings()["EventSourceMappings"]:
    aws_lambda.delete_event_source_mapping(UUID=mapping["UUID"])
    aws_lambda.create_event_source_mapping(
        FunctionName=mapping["FunctionArn"], EventSourceArn=mapping["EventSourceArn"],
        StartingPosition="TRIM_HORIZON", BatchSize=777,
    )
"#;

/// The metrics' net revenue, from the archive.
const NET_REVENUE: &str = "
    select sum(case when event_type = 'purchase' then goods_minor else -goods_minor end) as net_revenue_minor
    from (select event_id, arbitrary(event_type) as event_type,
                 arbitrary(total_minor - shipping_minor - tax_minor) as goods_minor
          from transactions group by event_id) as once";

fn run(stack: &Stack, ledger: &str) -> Value {
    let flags = [
        "--rate",
        "400",
        "--events",
        "2000",
        "--measure-freshness",
        "--ledger",
        ledger,
        "--output",
        "json",
    ];
    let said = stack.loadgen(&[&["run"], &flags[..]].concat());
    assert_eq!(said.code, 0, "{}", said.stderr);
    said.json()
}

/// How many objects the warehouse holds, and of which size.
fn warehouse(stack: &Stack) -> String {
    let said = stack.make(&["status"]).expect_success();
    said.lines()
        .skip_while(|line| !line.starts_with("Warehouse"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn what_is_sent_is_counted_and_stored_once_whatever_comes_again() {
    let stack = Stack::up();
    let ledger = stack.file("ledger.json");
    let report = run(&stack, &ledger);
    assert_eq!(
        (&report["offered"], &report["acknowledged"], &report["failed"]),
        (&json!(2000), &json!(2000), &json!(0))
    );
    assert!(
        report["freshness_ms"]["p99"].as_f64().unwrap() > 0.0,
        "{report:#}"
    );
    let _ = stack.verified(&ledger, &["--all-runs"]).await;

    // A second `up` keeps what is there.
    let _ = stack.make(&["up", "--no-build"]).expect_success();
    let _ = stack.verified(&ledger, &["--all-runs"]).await;

    // All records come again, in other batches.
    let before = warehouse(&stack);
    let _ = stack.python(REPLAY_ALL, &[]).expect_success();
    let transactions = ["purchase", "refund"].map(|of| report["events_by_type"][of].as_u64().unwrap());
    wait_for_logged(&stack, "sales", "Replayed", transactions.iter().sum()).await;
    wait_for_logged(&stack, "archive", "Events", 2 * 2000).await;
    let _ = stack.verified(&ledger, &["--all-runs"]).await;
    assert_eq!(warehouse(&stack), before);

    // A ledger that says otherwise is contradicted.
    let mut tampered: Value = serde_json::from_slice(&std::fs::read(&ledger).unwrap()).unwrap();
    let countries = tampered["minutes"][0]["countries"].as_object_mut().unwrap();
    let gross = &mut countries.values_mut().next().unwrap()["gross_minor"];
    *gross = json!(gross.as_i64().unwrap() + 1);
    std::fs::write(&ledger, tampered.to_string()).unwrap();
    let said = stack.loadgen(&["verify", "--ledger", &ledger, "--wait", "1ms", "--output", "json"]);
    assert_eq!((said.code, &said.json()["ok"]), (1, &json!(false)));
    let checks = said.json()["checks"].clone();
    let differing: Vec<&Value> = checks
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["difference"] != 0)
        .collect();
    assert_eq!(
        differing.len(),
        4,
        "gross and cells, of sales and archive: {differing:#?}"
    );

    let sales = stack.loadgen(&["sales", "--last", "1h", "--output", "json"]);
    let minutes = sales.json()["minutes"].as_array().unwrap().clone();
    let orders: i64 = minutes
        .iter()
        .map(|minute| minute["orders"].as_i64().unwrap())
        .sum();
    assert_eq!(json!(orders), report["events_by_type"]["purchase"]);

    let net_minor: i64 = minutes
        .iter()
        .map(|minute| minute["net_revenue_minor"].as_i64().unwrap())
        .sum();
    let said = stack.make(&["query", "--sql", NET_REVENUE]).expect_success();
    assert!(
        said.split_whitespace().any(|word| word == net_minor.to_string()),
        "SQL says {said}, the metrics say {net_minor}"
    );

    for query in std::fs::read_dir(repository().join("infra/athena")).unwrap() {
        let query = query.unwrap().path();
        if query.is_dir() {
            continue;
        }
        let said = stack.make(&["query", "--file", query.to_str().unwrap()]);
        assert_eq!(said.code, 0, "{}: {}", query.display(), said.stderr);
    }
    let wrong = stack.make(&["query", "--sql", "select nothing from nowhere"]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.stderr.contains("nowhere"), "{}", wrong.stderr);
}

/// Waits until a function's metrics of one name come to a sum.
async fn wait_for_logged(stack: &Stack, function: &str, metric: &str, at_least: u64) {
    eventually(
        &format!("{at_least} {metric} in the log of {function}"),
        async || {
            let logs = stack
                .make(&["logs", function, "--lines", "5000"])
                .expect_success();
            let sum: u64 = logs.lines().filter_map(|line| logged(line, metric)).sum();
            (sum >= at_least).then_some(())
        },
    )
    .await;
}

/// A metric in a line of them, behind whatever the log puts before it.
fn logged(line: &str, metric: &str) -> Option<u64> {
    let json: Value = serde_json::from_str(&line[line.find('{')?..]).ok()?;
    json[metric].as_u64()
}

#[test]
fn commands_say_what_is_missing() {
    let stack = Stack::up();
    let said = stack.loadgen(&["verify", "--ledger", "no-such-ledger.json"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("no-such-ledger.json"), "{}", said.stderr);
    let _ = stack.make(&["down"]).expect_success();
    for command in [&["run", "--events", "10"][..], &["sales"]] {
        let said = stack.loadgen(command);
        assert_eq!(said.code, 1, "{}", said.stderr);
        assert!(
            said.stderr.contains("make up") && said.stderr.lines().count() == 1,
            "{STAGE}: {}",
            said.stderr
        );
    }
    assert_eq!(stack.make(&["status"]).code, 1);
}
