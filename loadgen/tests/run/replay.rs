//! Recordings, as they are replayed by the program.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use crate::cli::{check_refused, interrupt, output, program, text};
use crate::support::Folder;
use events::Event;
use loadgen::ledger::Ledger;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::Value;

const EVENTS: &str = "--sink stdout --events 500 --rate 100 --start 2020-01-02T03:59:57Z";

/// A recording of 500 events on both sides of a full hour, with three bad lines and two blank ones; and the good lines.
fn recording(folder: &Folder) -> (PathBuf, Vec<String>) {
    let good: Vec<String> = text(&output(EVENTS).stdout).lines().map(str::to_owned).collect();
    assert_eq!(good.len(), 500);
    let mut lines = good.clone();
    lines.insert(0, "no json".to_owned());
    lines.insert(100, String::new());
    lines.insert(200, "{\"event_type\":\"teleport\"}".to_owned());
    lines.insert(300, "   ".to_owned());
    lines.push(good[7].replace("\"schema_version\":1", "\"schema_version\":9"));
    let path = folder.path("recording.jsonl");
    std::fs::write(&path, lines.join("\n")).unwrap();
    (path, good)
}

const BAD_LINES: [(u64, &str); 3] = [
    (1, "not_json"),
    (201, "unknown_event_type"),
    (505, "unsupported_schema_version"),
];

fn check_rejected(report: &Value) {
    assert_eq!(report["rejected"], 3);
    let lines = report["rejected_lines"].as_array().unwrap();
    for ((line, rule), told) in BAD_LINES.iter().zip(lines) {
        assert_eq!((&told["line"], &told["rule"]), (&(*line).into(), &(*rule).into()));
        assert_eq!(report["rejected_by_rule"][rule], 1);
    }
    assert_eq!(lines.len(), 3);
}

fn check_told(output: &Output, file: &str) {
    let told: Vec<&str> = text(&output.stderr).lines().collect();
    assert_eq!(told.len(), 3, "{told:?}");
    for ((line, rule), told) in BAD_LINES.iter().zip(told) {
        assert!(told.starts_with(&format!("{file}:{line}: {rule}: ")), "{told}");
    }
}

/// Rows of Parquet by folder, below `root`.
fn rows(root: &Path) -> BTreeMap<String, i64> {
    let mut rows = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let file = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
                let folder = folder.strip_prefix(root).unwrap().display().to_string();
                *rows.entry(folder).or_default() += file.metadata().file_metadata().num_rows();
            }
        }
    }
    rows
}

#[test]
fn a_recording_goes_into_the_archive_by_the_hour_it_happened_in() {
    let folder = Folder::new("replay-archive");
    let (path, good) = recording(&folder);
    let (archive, summary) = (folder.path("archive"), folder.path("summary.json"));
    let output = program(&format!(
        "replay {} --to archive --dir {} --summary-file {}",
        path.display(),
        archive.display(),
        summary.display()
    ))
    .output()
    .unwrap();
    assert_eq!(output.status.code(), Some(0), "bad lines are data, no failure");
    check_told(&output, &path.display().to_string());
    assert!(text(&output.stdout).contains("rejected lines"));

    let report: Value = serde_json::from_slice(&std::fs::read(&summary).unwrap()).unwrap();
    check_rejected(&report);
    assert_eq!(
        (&report["schema_version"], &report["written"]),
        (&1.into(), &500.into())
    );
    let rows = rows(&archive);
    let mut expected: BTreeMap<String, i64> = BTreeMap::new();
    for line in good {
        let event = Event::parse(line.as_bytes()).unwrap();
        let table = event.stream().as_str().replace('-', "_");
        let hour = event.envelope.occurred_at.hour();
        *expected
            .entry(format!("events/{table}/dt=2020-01-02/hour={hour}"))
            .or_default() += 1;
    }
    assert_eq!(expected.len(), 6, "two hours of three streams");
    assert_eq!(rows, expected);
}

#[test]
fn the_standard_input_is_a_recording_too() {
    let folder = Folder::new("replay-stdin");
    let (path, _) = recording(&folder);
    let arguments = format!(
        "replay - --to archive --output json --dir {}",
        folder.path("archive").display()
    );
    let mut child = program(&arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let recorded = std::fs::read(&path).unwrap();
    child.stdin.take().unwrap().write_all(&recorded).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    check_told(&output, "standard input");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    check_rejected(&report);
    assert_eq!(
        (&report["file"], &report["written"]),
        (&"standard input".into(), &500.into())
    );
}

#[test]
fn wrong_usage_is_told_before_anything_is_read() {
    let to_archive = "--to archive --dir out";
    for (flags, part) in [
        ("/nowhere.jsonl".to_owned(), "cannot read /nowhere.jsonl"),
        ("/".to_owned(), "that is a folder"),
        ("- --speed fast".to_owned(), "1x, 60x, 0.5x"),
        ("- --to bucket".to_owned(), "stream, archive"),
        ("- --dir out".to_owned(), "--to archive"),
        (
            "- --summary-file /nowhere/summary.json".to_owned(),
            "no folder /nowhere",
        ),
        (format!("- {to_archive} --speed 1x"), "--speed is for --to stream"),
        (format!("- {to_archive} --sink null"), "--sink is for --to stream"),
        (
            format!("- {to_archive} --ledger l.json"),
            "--ledger is for --to stream",
        ),
        (
            format!("- {to_archive} --threshold p99<1s"),
            "--threshold is for --to stream",
        ),
        (
            format!("- {to_archive} --aggregate"),
            "--aggregate is for --to stream",
        ),
        (
            format!("- {to_archive} --workers 4"),
            "--workers is for --to stream",
        ),
        (format!("- {to_archive} --yes"), "--yes is for --to stream"),
        (format!("- {to_archive} --stage dev"), "cannot be used with"),
    ] {
        check_refused(&mut program(&format!("replay {flags}")), 2, &[part]);
    }
    assert!(!Path::new("out").exists());
}

#[test]
fn a_recording_is_sent_in_its_order_and_its_form_and_bad_lines_are_told() {
    let folder = Folder::new("replay-stream");
    let (path, good) = recording(&folder);
    let flags = format!("replay {} --speed max --sink stdout", path.display());
    let output = program(&flags).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "bad lines are data, no failure");
    assert_eq!(text(&output.stdout).lines().collect::<Vec<_>>(), good);
    let (told, table) = text(&output.stderr).split_at(text(&output.stderr).find('┌').unwrap());
    assert_eq!(told.lines().count(), 3);
    assert!(
        table.contains("rejected lines") && !table.contains("target rate"),
        "{table}"
    );

    let output = program(&format!("{flags} --output json")).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stderr).unwrap();
    check_rejected(&report);
    assert_eq!(
        (&report["acknowledged"], &report["speed"]),
        (&500.into(), &"max".into())
    );
    assert_eq!(report["start"], "2020-01-02T03:59:57.000Z");
    assert_eq!(
        (&report["seed"], &report["target_rate"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn a_live_pipe_is_sent_as_its_lines_come_and_ctrl_c_ends_it() {
    let folder = Folder::new("replay-live");
    let (_, good) = recording(&folder);
    let ledger = folder.path("ledger.json");
    let flags = format!(
        "replay - --speed max --sink stdout --output json --ledger {}",
        ledger.display()
    );
    let mut child = program(&flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for line in &good[..3] {
        writeln!(stdin, "{line}").unwrap();
        let mut sent = String::new();
        stdout.read_line(&mut sent).unwrap();
        assert_eq!(sent.trim_end(), line);
    }
    // Nobody closes the pipe.
    interrupt(&child);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), rest.as_str()), (Some(130), ""));
    let (notice, report) = text(&output.stderr).split_once('\n').unwrap();
    assert!(notice.starts_with("interrupted"), "{notice}");
    let report: Value = serde_json::from_str(report).unwrap();
    assert_eq!(
        (&report["offered"], &report["acknowledged"]),
        (&3.into(), &3.into())
    );
    assert_eq!(Ledger::read(&ledger).unwrap().acknowledged, 3);
    drop(stdin);
}

#[test]
fn a_sink_that_would_replace_the_recording_is_refused() {
    let folder = Folder::new("replay-onto-itself");
    let (recording, _) = recording(&folder);
    let own = folder.path("cart-events.jsonl");
    std::fs::rename(recording, &own).unwrap();
    let other_name = folder.path("other-name.jsonl");
    std::fs::hard_link(&own, &other_name).unwrap();
    let before = std::fs::read(&own).unwrap();
    let sink = format!("--speed max --sink file:{}", folder.path(".").display());
    let told = &["is the recording itself", "name another folder"];
    for name in [&own, &other_name] {
        check_refused(
            &mut program(&format!("replay {} {sink}", name.display())),
            2,
            told,
        );
    }
    let mut redirected = program(&format!("replay - {sink}"));
    check_refused(redirected.stdin(std::fs::File::open(&own).unwrap()), 2, told);
    assert_eq!(std::fs::read(&own).unwrap(), before);
}

#[test]
fn a_replay_keeps_the_gaps_divided_by_its_speed() {
    let folder = Folder::new("replay-speed");
    let (path, _) = recording(&folder);
    let flags = "--speed 10x --sink null --output json --threshold error_rate<=0%";
    let ledger = folder.path("ledger.json");
    let arguments = format!("replay {} {flags} --ledger {}", path.display(), ledger.display());
    let output = program(&arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    check_told(&output, &path.display().to_string());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    // The last event came 4.99 s after the first: it can't have been sent sooner than a tenth of that.
    assert!(report["elapsed_s"].as_f64().unwrap() >= 0.499, "{report}");
    assert_eq!(report["thresholds"][0]["ok"], true);
    assert_eq!(Ledger::read(&ledger).unwrap().acknowledged, 500);
}
