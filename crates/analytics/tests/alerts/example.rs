//! The example in the module's documentation happens as it is written there.

use analytics::alerts::{Alert, Severity, message_due};

use super::common::{Step, clear, minute, raise, step};

const SOURCE: &str = include_str!("../../src/alerts.rs");
const HEADER: &str = "//! | what comes |";

fn minutes(clock: &str) -> i64 {
    let (hours, minutes) = clock.split_once(':').unwrap();
    hours.parse::<i64>().unwrap() * 60 + minutes.parse::<i64>().unwrap()
}

fn read_step(text: &str) -> Step {
    match text.split(' ').collect::<Vec<_>>()[..] {
        ["raise", name, severity, at] => {
            let severity = Severity::ALL
                .into_iter()
                .find(|s| s.as_str() == severity)
                .unwrap();
            raise(name.chars().next().unwrap().into(), severity, minutes(at))
        }
        ["clear", at] => clear(minutes(at)),
        ["expire", at] => Step::Expire(minute(minutes(at))),
        _ => panic!("no step: {text}"),
    }
}

fn cells(alert: &Alert, message: bool) -> Vec<String> {
    let clock = |time: events::Timestamp| time.to_string()[11..16].to_owned();
    vec![
        alert.status.to_string(),
        alert.severity.to_string(),
        alert.count.to_string(),
        clock(alert.first_seen),
        clock(alert.last_seen),
        alert.resolved_at.map(clock).unwrap_or_default(),
        alert.episode.to_string(),
        alert.notification.to_string(),
        if message { "yes" } else { "" }.to_owned(),
    ]
}

#[test]
fn the_documented_example_is_what_happens() {
    let rows = SOURCE
        .lines()
        .skip_while(|line| !line.starts_with(HEADER))
        .skip(2);
    let mut current: Option<Alert> = None;
    let mut seen = 0;
    for row in rows.map_while(|line| line.strip_prefix("//! |")?.strip_suffix('|')) {
        let mut written = row.split('|').map(|cell| cell.trim().to_owned());
        let what = written.next().unwrap();
        let changed = step(current.as_ref(), &read_step(&what));
        let message = changed
            .as_ref()
            .and_then(|changed| message_due(current.as_ref(), changed));
        current = changed.or(current);
        assert_eq!(
            cells(current.as_ref().unwrap(), message.is_some()),
            written.collect::<Vec<_>>(),
            "{what}"
        );
        seen += 1;
    }
    assert_eq!(seen, 14);
}
