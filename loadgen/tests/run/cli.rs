//! The program as it is typed: outputs, messages, exit codes, signals.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::support::{FakeKinesis, Faults, Folder};
use events::{Event, Stream};
use loadgen::ledger::Ledger;
use serde_json::Value;

/// The program, in an environment where nothing is set but what a test sets.
pub(crate) fn program(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command
        .env_clear()
        .env("RUST_BACKTRACE", "1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null());
    command.args(arguments.split_whitespace());
    command
}

fn loadgen(flags: &str) -> Command {
    program(&format!("run {flags}"))
}

pub(crate) fn output(flags: &str) -> Output {
    loadgen(flags).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Checks that a command ends with `code` and one message that holds all of `parts`.
pub(crate) fn check_refused(command: &mut Command, code: i32, parts: &[&str]) {
    let output = command.output().unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{message}");
    assert_eq!(
        message.lines().filter(|line| line.starts_with("error: ")).count(),
        1,
        "{message}"
    );
    assert!(
        output.stdout.is_empty() && !message.contains("panicked") && !message.contains("backtrace"),
        "{message}"
    );
    for part in parts {
        assert!(message.contains(part), "{part} is not in: {message}");
    }
}

const EVENTS: &str = "--sink stdout --events 2000 --rate 100000 --start 2026-11-22T17:30:00Z";

#[test]
fn the_standard_output_holds_nothing_but_events() {
    let output = output(&format!("{EVENTS} --output json"));
    assert_eq!(output.status.code(), Some(0));
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(lines.len(), 2_000);
    for line in lines {
        Event::parse(line.as_bytes()).unwrap();
    }
    let report: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(report["acknowledged"], 2_000);
}

#[test]
fn the_same_flags_give_the_same_bytes_for_any_number_of_workers() {
    let one = output(&format!("{EVENTS} --workers 1")).stdout;
    assert_eq!(output(&format!("{EVENTS} --workers 4")).stdout, one);
    assert_ne!(output(&format!("{EVENTS} --seed 43")).stdout, one);

    let folder = Folder::new("file-sink");
    let files = format!("--sink file:{}", folder.path("out").display());
    assert_eq!(
        output(&EVENTS.replace("--sink stdout", &files)).status.code(),
        Some(0)
    );
    for stream in Stream::ALL {
        let file = std::fs::read_to_string(folder.path("out").join(format!("{stream}.jsonl"))).unwrap();
        let of_stream = |line: &&str| Event::parse(line.as_bytes()).unwrap().stream() == *stream;
        let expected: Vec<&str> = text(&one).lines().filter(of_stream).collect();
        assert_eq!(file.lines().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn the_json_report_has_its_fields() {
    let output = output("--sink null --events 1000 --rate 100000 --output json");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<BTreeSet<_>>()
    };
    let expected = "schema_version seed stage sink start end offered acknowledged failed dropped uncertain failures_by_code \
                    calls attempts retried possible_duplicates bytes wire_bytes events_by_type duplicates_sent bad_sent \
                    elapsed_s target_rate achieved_rate start_lateness_ms blocked_s largest_backlog_bytes latency_ms \
                    shards hottest_shards";
    assert_eq!(
        keys(&report),
        expected.split_whitespace().map(str::to_owned).collect()
    );
    assert_eq!(
        keys(&report["latency_ms"]),
        ["p50", "p90", "p95", "p99", "p999", "max"]
            .map(str::to_owned)
            .into()
    );
    assert_eq!(
        (&report["schema_version"], &report["seed"], &report["sink"]),
        (&1.into(), &42.into(), &"null".into())
    );
    let by_type = report["events_by_type"].as_object().unwrap();
    assert_eq!(
        by_type.values().map(|count| count.as_u64().unwrap()).sum::<u64>(),
        1_000
    );
}

#[test]
fn the_human_report_names_target_and_achieved_rate() {
    let output = output("--sink null --events 1500 --rate 100000");
    let table = text(&output.stdout);
    for part in [
        "target rate",
        "100,000 events/s",
        "achieved rate",
        "acknowledged",
        "1,500",
        "p95",
        "p99.9",
    ] {
        assert!(table.contains(part), "{table}");
    }
}

#[test]
fn wrong_usage_is_exit_code_2_with_what_is_allowed() {
    for (flags, part) in [
        ("--rate 0", "from 1 to 1000000"),
        ("--rate abc", "from 1 to 1000000"),
        ("--users 9999", "10000..=10000000"),
        ("--products 250001", "1000..=250000"),
        ("--mix 70/15/15", "at most 7 % transactions"),
        ("--mix 60/30/11", "sum to 100"),
        ("--anomaly-rate 21%", "a share of at most 20% is"),
        ("--bad-event-rate 51%", "a share of at most 50% is"),
        ("--duplicate-rate 0.6", "a share of at most 50% is"),
        ("--late-rate 1", "a share of at most 50% is"),
        ("--duration 60", "such as 60s"),
        ("--start yesterday", "2026-11-22T17:30:00.000Z"),
        ("--start 2999-01-01T00:00:00Z", "more than 5 minutes ahead"),
        ("--stage Prod", "lower-case"),
        ("--sink kafka", "kinesis, null, stdout, file:DIR"),
        ("--output xml", "human, json"),
        ("--sink null --ledger /nowhere/ledger.json", "no folder /nowhere"),
        (
            "--sink null --summary-file /nowhere/summary.json",
            "no folder /nowhere",
        ),
        (
            "--sink null --summary-file one.json --ledger one.json",
            "name two",
        ),
        ("--threshold p75<1ms", "p50, p90, p95, p99, p99.9, max"),
        ("--threshold p99<250", "us, ms and s"),
        ("--threshold error_rate<5", "a percentage such as 1%"),
        ("--tempo 5", "--tempo"),
    ] {
        check_refused(&mut loadgen(flags), 2, &[part]);
    }
}

#[test]
fn a_missing_region_credentials_or_endpoint_is_one_message() {
    check_refused(&mut loadgen("--events 1"), 1, &["no AWS region", "AWS_REGION"]);
    let mut command = loadgen("--events 1");
    check_refused(
        command.env("AWS_REGION", "us-east-1"),
        1,
        &["no AWS credentials", "AWS_ACCESS_KEY_ID"],
    );
    command
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    command.env("AWS_ENDPOINT_URL", format!("http://{free}"));
    check_refused(
        &mut command,
        1,
        &["cannot reach Kinesis at", &free.to_string(), "`make up`"],
    );
    command.env(
        "AWS_ENDPOINT_URL_KINESIS",
        format!("http://localhost:{}", free.port()),
    );
    check_refused(&mut command, 1, &["cannot reach Kinesis at http://localhost:"]);
}

#[test]
fn a_folder_that_cannot_be_written_is_one_message() {
    let folder = Folder::new("not-a-folder");
    std::fs::write(folder.path("file"), "").unwrap();
    let sink = format!("--sink file:{} --events 1", folder.path("file").display());
    check_refused(
        &mut loadgen(&sink),
        1,
        &["cannot write to the folder", "--sink file:DIR"],
    );
}

fn spawn(command: &mut Command) -> Child {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

pub(crate) fn interrupt(child: &Child) {
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

fn read_ledger(path: &Path) -> Ledger {
    Ledger::read(path).unwrap()
}

#[test]
fn a_reader_who_leaves_ends_the_run_quietly() {
    let mut child = spawn(&mut loadgen("--sink stdout --rate 100000"));
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    Event::parse(first.trim_end().as_bytes()).unwrap();
}

#[test]
fn ctrl_c_ends_a_run_with_its_report_and_its_ledger() {
    let folder = Folder::new("ctrl-c");
    let path = folder.path("ledger.json");
    let mut child = spawn(&mut loadgen(&format!(
        "--sink stdout --output json --ledger {}",
        path.display()
    )));
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut written = String::new();
    stdout.read_line(&mut written).unwrap();
    interrupt(&child);
    stdout.read_to_string(&mut written).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let (notice, report) = text(&output.stderr).split_once('\n').unwrap();
    assert!(notice.starts_with("interrupted"), "{notice}");
    let report: Value = serde_json::from_str(report).unwrap();
    let lines = written.lines().count() as u64;
    assert_eq!(
        (report["offered"].as_u64(), report["acknowledged"].as_u64()),
        (Some(lines), Some(lines))
    );
    assert_eq!(read_ledger(&path).acknowledged, lines);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_ctrl_c_quits_at_once() {
    let kinesis = FakeKinesis::start(Faults {
        stalls: true,
        ..Faults::default()
    })
    .await;
    let mut command = loadgen("--rate 10000");
    command
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
    let mut child = spawn(command.env("AWS_ENDPOINT_URL", &kinesis.endpoint));
    while kinesis.seen().calls == 0 {
        tokio::task::yield_now().await;
    }
    interrupt(&child);
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("interrupted") {
        line.clear();
        assert!(
            stderr.read_line(&mut line).unwrap() > 0,
            "it ended before it was asked twice"
        );
    }
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(130), 0));
}

#[test]
fn broken_thresholds_end_a_run_with_a_line_each_after_its_report() {
    let flags = "--sink null --events 1000 --rate 100000";
    let kept = "--threshold error_rate<=0% --threshold p95<10000s";
    let broken = "--threshold achieved_rate>=1000000 --threshold freshness_p99<30s";
    let output = output(&format!("{flags} --output json {kept} {broken}"));
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let outcomes = report["thresholds"].as_array().unwrap();
    let ok: Vec<(&str, bool)> = outcomes
        .iter()
        .map(|outcome| {
            (
                outcome["threshold"].as_str().unwrap(),
                outcome["ok"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        ok,
        [
            ("error_rate<=0%", true),
            ("p95<10000s", true),
            ("achieved_rate>=1000000", false),
            ("freshness_p99<30s", false)
        ]
    );
    assert_eq!(
        (&outcomes[0]["value"], &outcomes[3]["value"]),
        (&0.0.into(), &Value::Null)
    );
    let lines: Vec<&str> = text(&output.stderr).lines().collect();
    assert_eq!(lines[0], "error: the run broke its thresholds");
    assert!(
        lines[1].starts_with("achieved_rate>=1000000: broken, achieved_rate is "),
        "{lines:?}"
    );
    assert_eq!(
        lines[2..],
        ["freshness_p99<30s: broken, freshness was not measured"]
    );
}

#[test]
fn thresholds_that_hold_are_ticked_off_in_the_table() {
    let output = output("--sink null --events 1000 --rate 100000 --threshold error_rate<1%");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    let table = text(&output.stdout);
    let row = table
        .lines()
        .find(|line| line.contains("✓ error_rate<1%"))
        .unwrap();
    assert!(row.contains("error_rate is 0 %"), "{row}");
}

#[test]
fn the_summary_file_is_the_json_report_whatever_the_output() {
    let folder = Folder::new("summary");
    let path = folder.path("summary.json");
    let flags = format!(
        "--sink null --events 1000 --rate 100000 --summary-file {}",
        path.display()
    );
    let read = || serde_json::from_slice::<Value>(&std::fs::read(&path).unwrap()).unwrap();
    assert!(text(&output(&flags).stdout).contains("achieved rate"));
    assert_eq!(read()["acknowledged"], 1_000);
    let printed = output(&format!("{flags} --output json")).stdout;
    assert_eq!(read(), serde_json::from_slice::<Value>(&printed).unwrap());
    assert_eq!(
        std::fs::read_dir(folder.path("")).unwrap().count(),
        1,
        "nothing is left over"
    );
}

#[test]
fn a_report_that_cannot_be_printed_is_in_the_summary_file_all_the_same() {
    let folder = Folder::new("summary-full");
    let path = folder.path("summary.json");
    let flags = format!(
        "--sink null --events 10 --rate 100000 --summary-file {}",
        path.display()
    );
    let output = loadgen(&flags)
        .stdout(std::fs::File::create("/dev/full").unwrap())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
        .wait_with_output()
        .unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("cannot write the report"), "{message}");
    let summary: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(summary["acknowledged"], 10);
}

#[test]
fn the_help_says_what_is_allowed_and_what_is_the_runs_own() {
    let help = |arguments: &str| {
        let output = program(arguments).output().unwrap();
        let words: Vec<&str> = text(&output.stdout).split_whitespace().collect();
        words.join(" ")
    };
    let all = help("--help");
    assert!(
        !all.contains("steady rate") && all.contains("as its profile says"),
        "{all}"
    );
    let run = help("run --help");
    for part in [
        "the profile with its flags applied",
        "at most 20%",
        "at most 50%",
        "p50, p90, p95, p99, p99.9, max (latency)",
    ] {
        assert!(run.contains(part), "{part} is not in: {run}");
    }
}

#[test]
fn schemas_completions_and_manual_are_printed() {
    let printed = |arguments: &str| {
        let output = program(arguments).output().unwrap();
        assert_eq!(
            (output.status.code(), text(&output.stderr)),
            (Some(0), ""),
            "{arguments}"
        );
        String::from_utf8(output.stdout).unwrap()
    };
    let published = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../crates/events/schemas/purchase.json"
    );
    assert_eq!(
        printed("schema purchase"),
        std::fs::read_to_string(published).unwrap()
    );
    assert_eq!(printed("schema"), printed("schema --all"));
    let all: Value = serde_json::from_str(&printed("schema --output json")).unwrap();
    assert_eq!(all["schemas"]["purchase"]["title"], "purchase");
    assert!(printed("completions bash").contains("--threshold"));
    assert!(printed("man").contains(".TH loadgen 1"));

    check_refused(&mut program("schema teleport"), 2, &["product_view", "refund"]);
    check_refused(&mut program("schema refund --all"), 2, &["--all"]);
    check_refused(
        &mut program("completions tcsh"),
        2,
        &["bash, elvish, fish, powershell, zsh"],
    );
    let file = Folder::new("schemas");
    std::fs::write(file.path("file"), "").unwrap();
    for command in ["schema", "man"] {
        let to_file = format!("{command} --dir {}", file.path("file").display());
        check_refused(&mut program(&to_file), 1, &["cannot write", "name another --dir"]);
    }
}
