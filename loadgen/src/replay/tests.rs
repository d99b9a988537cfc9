use std::io::{self, Read};
use std::sync::mpsc;

use events::Stream;
use proptest::prelude::*;

use super::*;
use crate::generator::{Config, Generator, Limit};
use crate::profile::Profile;

fn now() -> Timestamp {
    Timestamp::parse("2026-11-22T17:30:00Z").unwrap()
}

/// So many valid events, 10 ms apart.
fn events(count: u64) -> Vec<Event> {
    let config = Profile::load("globalmart")
        .unwrap()
        .config(7, now().plus_ms(-60_000))
        .unwrap();
    let limit = Limit {
        records: Some(count),
        duration: None,
    };
    let mut generator = Generator::new(
        Config {
            rate: 100.0,
            ..config
        },
        limit,
    );
    let event = |record: Record| record.into_event().expect("no faults").event;
    std::iter::from_fn(|| generator.next_record(Keep::ALL))
        .map(event)
        .collect()
}

fn line(event: &Event) -> Vec<u8> {
    let mut json = Vec::new();
    event.to_json(&mut json);
    json
}

fn text<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    lines
        .into_iter()
        .flat_map(|line| [line, b"\n"].concat())
        .collect()
}

/// All records of a file, read with a clock that stands still.
fn replay(file: &[u8], speed: &str) -> (Vec<Record>, Tally) {
    let reader = ReadAhead::start(io::Cursor::new(file.to_vec())).unwrap();
    let mut replay = Replay::new(reader, speed.parse().unwrap(), now(), || Duration::ZERO);
    let tally = replay.tally();
    let records = std::iter::from_fn(|| replay.next_record(Keep::ALL)).collect();
    let tally = tally.lock().clone();
    (records, tally)
}

#[test]
fn good_lines_become_records_and_bad_ones_are_told() {
    let events = events(4);
    let lines: Vec<Vec<u8>> = events.iter().map(line).collect();
    let file = text([
        &lines[0][..],
        b"{",
        b"",
        &lines[1],
        b"{\"event_type\": \"teleport\"}",
        &lines[2],
        &lines[3],
    ]);
    let (records, tally) = replay(&file, "1x");
    assert_eq!(records.len(), 4);
    for ((record, event), number) in records.iter().zip(&events).zip([1, 4, 6, 7]) {
        assert_eq!(
            (record.stream, record.user_id),
            (event.stream(), event.envelope.user_id)
        );
        assert_eq!(record.json, line(event));
        let planned = record.clone().into_event().unwrap();
        assert_eq!((planned.index, &planned.event), (number, event));
    }
    let rejected = &tally.rejected;
    let told: Vec<(u64, &str)> = rejected
        .rejected_lines
        .iter()
        .map(|bad| (bad.line, bad.rule.as_str()))
        .collect();
    assert_eq!(told, [(2, "not_json"), (5, "unknown_event_type")]);
    assert_eq!((rejected.rejected, rejected.rejected_by_rule["not_json"]), (2, 1));
    assert_eq!(tally.earliest, Some(events[0].envelope.occurred_at));
    assert!(
        rejected
            .told("f.jsonl")
            .unwrap()
            .starts_with("f.jsonl:2: not_json: ")
    );
}

#[test]
fn what_another_producer_wrote_is_sent_in_the_form_of_the_contract() {
    let event = &events(1)[0];
    let mut value: serde_json::Value = serde_json::from_slice(&line(event)).unwrap();
    value["extra"] = "dropped".into();
    let (records, _) = replay(&text([format!("  {value} \r").as_bytes()]), "1x");
    assert_eq!(records[0].json, line(event));
}

#[test]
fn bad_lines_past_the_first_twenty_are_counted_by_rule() {
    let file = text(std::iter::repeat_n(&b"no json"[..], 25));
    let (records, tally) = replay(&file, "max");
    assert!(records.is_empty());
    assert_eq!(tally.rejected.rejected_lines.len(), 20);
    let told = tally.rejected.told("-").unwrap();
    assert_eq!(told.lines().count(), 21);
    assert!(told.ends_with("-: and 5 more, 25 in all: not_json 25"), "{told}");
}

#[test]
fn a_detail_stays_on_its_line_and_does_nothing_to_a_terminal() {
    let event = String::from_utf8(line(&events(1)[0])).unwrap();
    let country = event.find("\"country\":\"").unwrap() + 11;
    let bad = format!("{}\\u001b[2J\\n{}", &event[..country], &event[country + 2..]);
    let told = replay(bad.as_bytes(), "max").1.rejected.told("f").unwrap();
    assert!(told.starts_with("f:1: unknown_country: "), "{told}");
    assert!(
        !told.contains(|c: char| c.is_control()) && told.contains("[2J\\n"),
        "{told}"
    );
}

#[test]
fn gaps_follow_the_recording_and_due_times_never_decrease() {
    let mut events = events(5);
    events.swap(2, 3);
    let lines: Vec<Vec<u8>> = events.iter().map(line).collect();
    let file = text(lines.iter().map(Vec::as_slice));
    let due_ms = |speed| -> Vec<u128> {
        let (records, _) = replay(&file, speed);
        records.iter().map(|record| record.due.as_millis()).collect()
    };
    assert_eq!(due_ms("1x"), [0, 10, 30, 30, 40]);
    assert_eq!(due_ms("0.1x"), [0, 100, 300, 300, 400]);
    assert_eq!(due_ms("max"), [0; 5]);
}

#[test]
fn at_full_speed_events_are_due_when_they_are_asked_for() {
    let lines: Vec<Vec<u8>> = events(600).iter().map(line).collect();
    let file = io::Cursor::new(text(lines.iter().map(Vec::as_slice)));
    let reader = ReadAhead::start(file).unwrap();
    // The first is when the run begins, the others are a chunk each.
    let mut seconds = [0, 5, 3]
        .into_iter()
        .chain(std::iter::repeat(9))
        .map(Duration::from_secs);
    let mut replay = Replay::new(reader, Speed::Max, now(), move || seconds.next().unwrap());
    let due: Vec<u64> = std::iter::from_fn(|| replay.next_record(Keep::ALL))
        .map(|record| record.due.as_secs())
        .collect();
    assert_eq!((due.len(), due[0], due[599]), (600, 5, 9));
    assert!(due.is_sorted());
}

#[test]
fn an_event_from_the_future_is_judged_by_the_time_that_it_is_sent() {
    let mut events = events(2);
    events[0].envelope.occurred_at = now();
    events[1].envelope.occurred_at = now().plus_ms(6 * 60_000);
    let lines: Vec<Vec<u8>> = events.iter().map(line).collect();
    let file = text(lines.iter().map(Vec::as_slice));
    assert_eq!(replay(&file, "1x").0.len(), 2, "it is sent six minutes later");
    let (records, tally) = replay(&file, "60x");
    assert_eq!(records.len(), 1);
    assert_eq!(tally.rejected.rejected_lines[0].rule, "occurred_in_future");
}

#[test]
fn a_line_longer_than_an_event_is_rejected_and_the_next_one_goes_on() {
    let event = line(&events(1)[0]);
    let long = vec![b' '; 5 * MAX_EVENT_BYTES];
    let (records, tally) = replay(&text([&long[..], &event]), "1x");
    assert_eq!(records.len(), 1);
    let bad = &tally.rejected.rejected_lines[0];
    assert_eq!((bad.line, bad.rule.as_str()), (1, "event_too_large"));
    assert!(bad.detail.starts_with("1310720 bytes"), "{}", bad.detail);
}

#[test]
fn a_file_that_cannot_be_read_to_its_end_says_where() {
    struct Torn;
    impl Read for Torn {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("disk on fire"))
        }
    }
    let good = text([&line(&events(1)[0])[..]]);
    let reader = ReadAhead::start(io::Cursor::new(good).chain(Torn)).unwrap();
    let mut replay = Replay::new(reader, Speed::Max, now(), || Duration::ZERO);
    assert!(replay.next_record(Keep::ALL).is_some() && replay.next_record(Keep::ALL).is_none());
    let broken_off = replay.tally().lock().broken_off.clone();
    assert_eq!(broken_off, Some((2, "disk on fire".to_owned())));
}

/// A pipe whose other end is a channel.
struct Pipe(mpsc::Receiver<Vec<u8>>);

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.0.recv().unwrap_or_default();
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

#[test]
fn a_line_of_a_live_pipe_does_not_wait_for_the_next_one_and_is_due_when_it_comes() {
    let lines: Vec<Vec<u8>> = events(3).iter().map(line).collect();
    let (sender, pipe) = mpsc::channel();
    let ahead = ReadAhead::start(Pipe(pipe)).unwrap();
    let mut seconds = [0, 7, 8, 9].into_iter().map(Duration::from_secs);
    let mut replay = Replay::new(ahead, Speed::Times(1.0), now(), move || seconds.next().unwrap());
    assert_eq!(replay.poll_record(Keep::ALL), Poll::Pending);
    sender.send([&lines[0][..], b"\nno json\n"].concat()).unwrap();
    let due = |record: Option<Record>| record.unwrap().due;
    assert_eq!(due(replay.next_record(Keep::ALL)), Duration::from_secs(7));
    assert_eq!(
        replay.poll_record(Keep::ALL),
        Poll::Pending,
        "a bad line is no record"
    );
    let (begin, end) = lines[1].split_at(20);
    sender.send(begin.to_vec()).unwrap();
    sender.send(end.to_vec()).unwrap();
    drop(sender);
    assert_eq!(due(replay.next_record(Keep::ALL)), Duration::from_millis(7_010));
    assert!(replay.next_record(Keep::ALL).is_none());
}

proptest! {
    #[test]
    fn every_line_is_sent_or_told(kinds in prop::collection::vec(0..4_usize, 0..60)) {
        let event = line(&events(1)[0]);
        let choices = [&event[..], b"{\"event_type\":1}", b"\xff\xfe", b"   "];
        let file = text(kinds.iter().map(|kind| choices[*kind]));
        let (records, tally) = replay(&file, "max");
        let count = |wanted: &[usize]| kinds.iter().filter(|kind| wanted.contains(kind)).count();
        prop_assert_eq!(records.len(), count(&[0]));
        prop_assert_eq!(tally.rejected.rejected, count(&[1, 2]) as u64);
        prop_assert_eq!(tally.rejected.rejected_by_rule.values().sum::<u64>(), tally.rejected.rejected);
        prop_assert!(records.iter().all(|record| Stream::ALL.contains(&record.stream)));
    }
}
