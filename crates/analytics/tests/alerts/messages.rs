//! Which messages are due, and what they say.

use std::collections::BTreeSet;

use analytics::alerts::{MessageBody, Policy, Reason, Severity, Signal, apply, message_due};
use proptest::prelude::*;

use super::common::{clear, history, raise, run, sighting, steps};

proptest! {
    #[test]
    fn each_notification_is_told_by_one_message(steps in steps()) {
        let changes = history(&steps);
        let last = changes.last().map_or(0, |(alert, _)| alert.notification);
        let told: Vec<u64> = changes.iter().filter_map(|(_, message)| Some(message.as_ref()?.body.notification)).collect();
        prop_assert_eq!(told, (1..=last).collect::<Vec<_>>());
        let ids: BTreeSet<&str> = changes.iter().filter_map(|(_, message)| Some(message.as_ref()?.deduplication_id.as_str())).collect();
        prop_assert_eq!(ids.len() as u64, last);
    }

    #[test]
    fn a_message_is_due_for_an_escalation_or_an_episode_and_nothing_else(steps in steps()) {
        let changes = history(&steps);
        for (n, (alert, message)) in changes.iter().enumerate() {
            let expected = match n.checked_sub(1).map(|n| &changes[n].0) {
                Some(old) if old.episode == alert.episode => (alert.severity > old.severity).then_some(Reason::Escalated),
                _ => Some(Reason::NewEpisode),
            };
            prop_assert_eq!(message.as_ref().map(|message| message.body.reason), expected);
        }
    }

    #[test]
    fn a_subject_is_one_short_line_of_ascii(entity in any::<String>(), long in "\\PC{0,600}") {
        for entity in [entity, long] {
            let mut sighting = sighting(1, Severity::Info, 0);
            sighting.entity = entity;
            let alert = apply(None, &Signal::Raise(sighting), &Policy::default()).unwrap();
            let message = message_due(None, &alert).unwrap();
            prop_assert!(message.subject.len() < 100, "{}", message.subject);
            prop_assert!(message.subject.chars().all(|char| char == ' ' || char.is_ascii_graphic()), "{}", message.subject);
            prop_assert!(message.deduplication_id.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '#' | '-')));
            prop_assert!(message.deduplication_id.len() <= 128);
        }
    }
}

#[test]
fn a_message_says_all_that_a_receiver_needs() {
    let alert = run(&[raise(7, Severity::Critical, 90)]).unwrap();
    let message = message_due(None, &alert).unwrap();
    assert_eq!(message.subject, "[critical] velocity user:42, 1 sighting");
    assert_eq!(
        message.deduplication_id,
        format!("{}#{}#1", message.group_id, alert.origin)
    );
    let body = serde_json::to_value(&message.body).unwrap();
    let expected = serde_json::json!({
        "schema_version": 1,
        "reason": "new_episode",
        "notification": 1,
        "fingerprint": "velocity#user:42",
        "alert_type": "velocity",
        "entity": "user:42",
        "severity": "critical",
        "status": "open",
        "episode": 1,
        "count": 1,
        "first_seen": "2026-11-22T01:30:00.000Z",
        "last_seen": "2026-11-22T01:30:00.000Z",
        "resolved_at": null,
        "evidence": {
            "value": 7.0,
            "baseline": null,
            "limit": 5.0,
            "score": null,
            "event_ids": ["00000000-0000-0000-0000-000000000007"],
        },
    });
    assert_eq!(body, expected);
    assert_eq!(serde_json::from_value::<MessageBody>(body).unwrap(), message.body);
}

#[test]
fn several_changes_in_one_write_make_one_message_the_last() {
    let changes = history(&[
        raise(1, Severity::Info, 0),
        raise(2, Severity::Warning, 1),
        raise(3, Severity::Critical, 2),
        clear(3),
    ]);
    let (first, last) = (&changes[0].0, &changes[3].0);
    let message = message_due(Some(first), last).unwrap();
    assert_eq!(
        (message.body.notification, message.body.reason),
        (3, Reason::Escalated)
    );
    assert_eq!(message_due(Some(&changes[2].0), last), None);
    assert_eq!(message_due(Some(last), last), None);
    assert_eq!(message_due(None, last).unwrap().body.reason, Reason::NewEpisode);
}
