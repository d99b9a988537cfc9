//! Faults on demand: records that break a rule, events that come twice. Each is told to the books and to nobody else.

use std::collections::VecDeque;
use std::time::Duration;

use events::{EventType, Rule};
use serde::{Deserialize, Serialize};

use super::dice::{Dice, Key, Purpose};
use super::visit::event_id;
use crate::source::{Content, Kind, Record};

/// How much goes wrong, each as a share from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultRates {
    /// Records that break a rule of the contract.
    pub bad: f64,
    /// Events that are sent once more, a little later.
    pub duplicate: f64,
    /// Visits of a device that was offline: their events come 1 to 128 minutes after they happened.
    pub late: f64,
}

impl FaultRates {
    /// Whether nothing goes wrong.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Records between an event and its duplicate, at most.
const MAX_DISTANCE: u64 = 64;

/// What is to be sent beside the events, each from a record on.
#[derive(Debug, Default)]
pub(super) struct Pending {
    again: VecDeque<(u64, Record)>,
}

impl Pending {
    /// Notes that a record comes again.
    pub(super) fn repeat(&mut self, at: u64, record: &Record, dice: &mut Dice) {
        let Some(Content::Event(planned)) = record.content.as_deref() else {
            return;
        };
        let mut again = record.clone();
        again.kind = Kind::Again;
        again.content = Some(Box::new(Content::Again(planned.clone())));
        let due_at = at + 1 + dice.below(MAX_DISTANCE);
        let place = self.again.partition_point(|(other, _)| *other <= due_at);
        self.again.insert(place, (due_at, again));
    }

    /// What is due by record number `at`.
    pub(super) fn take(&mut self, at: u64) -> Option<Record> {
        let due = self.again.front().is_some_and(|(due_at, _)| *due_at <= at);
        due.then(|| self.again.pop_front())
            .flatten()
            .map(|(_, record)| record)
    }
}

/// What to do to an event's JSON.
#[derive(Clone, Copy)]
enum How {
    /// Cut it in half.
    Cut,
    /// Give a field another name.
    Rename(&'static str, &'static str),
    /// Give a field another text for its value.
    Text(&'static str, &'static str),
    /// Put something before a field's value.
    Before(&'static str, &'static str),
}

/// Ways to break a rule, and the types of event that it is about.
const BREAKS: &[(Rule, &[EventType], How)] = &[
    (Rule::NotJson, ANY, How::Cut),
    (Rule::MissingField, ANY, How::Rename("session_id", "session")),
    (Rule::InvalidField, ANY, How::Before("user_id", "-")),
    (Rule::UnknownEventType, ANY, How::Text("event_type", "teleport")),
    (
        Rule::UnsupportedSchemaVersion,
        ANY,
        How::Before("schema_version", "99"),
    ),
    (Rule::UnknownCountry, ANY, How::Text("country", "XX")),
    (Rule::UnknownDevice, ANY, How::Text("device", "fridge")),
    (Rule::QuantityOutOfRange, CART_LINES, How::Before("quantity", "-")),
    (Rule::UnknownCurrency, SALES, How::Text("currency", "XXX")),
    (Rule::TotalMismatch, SALES, How::Before("total_minor", "1")),
];

const ANY: &[EventType] = EventType::ALL;
const CART_LINES: &[EventType] = &[EventType::CartAdd, EventType::CartUpdate, EventType::CartRemove];
const SALES: &[EventType] = &[EventType::Purchase, EventType::Refund];

impl How {
    fn apply(self, json: &mut String) {
        let key = |name: &str| format!("\"{name}\":");
        match self {
            Self::Cut => json.truncate(json.len() / 2),
            Self::Rename(name, other) => *json = json.replacen(&key(name), &key(other), 1),
            Self::Before(name, text) => *json = json.replacen(&key(name), &(key(name) + text), 1),
            Self::Text(name, text) => {
                let opening = key(name) + "\"";
                if let Some((before, after)) = json.split_once(&opening)
                    && let Some((_, rest)) = after.split_once('"')
                {
                    *json = [before, &opening, text, "\"", rest].concat();
                }
            }
        }
    }
}

/// A record that looks like `event` and breaks a rule. Its event id is one of its own.
pub(super) fn bad_record(
    seed: u64,
    at: u64,
    due: Duration,
    like: &Record,
    dice: &mut Dice,
) -> Option<Record> {
    let Some(Content::Event(planned)) = like.content.as_deref() else {
        return None;
    };
    let mut event = planned.event.clone();
    // Counted from the other end, the numbers of bad records never meet those of events.
    event.envelope.event_id = event_id(Key::new(seed, Purpose::EventId), !at, event.envelope.occurred_at);
    let choices: Vec<_> = BREAKS
        .iter()
        .filter(|(_, of, _)| of.contains(&event.event_type()))
        .collect();
    let (rule, _, how) = dice.pick(&choices);
    let mut json = Vec::new();
    event.to_json(&mut json);
    let mut json = String::from_utf8(json).ok()?;
    how.apply(&mut json);
    Some(Record {
        stream: like.stream,
        user_id: like.user_id,
        due,
        kind: Kind::Bad,
        occurred_at: like.occurred_at,
        json: json.into_bytes(),
        content: Some(Box::new(Content::Bad(*rule))),
    })
}
