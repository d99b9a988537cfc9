//! Faults on demand: records that break a rule, events that come twice. Each is told to the books and to nobody else.

use std::collections::VecDeque;
use std::time::Duration;

use events::{Event, EventType, Rule};
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

/// A way to break a rule: which one, and what to put in the place of what.
struct Break {
    rule: Rule,
    of: &'static [EventType],
    apply: fn(&Event, &mut String),
}

const ANY: &[EventType] = EventType::ALL;
const CART_LINES: &[EventType] = &[EventType::CartAdd, EventType::CartUpdate, EventType::CartRemove];
const SALES: &[EventType] = &[EventType::Purchase, EventType::Refund];

const BREAKS: &[Break] = &[
    Break {
        rule: Rule::NotJson,
        of: ANY,
        apply: |_, json| json.truncate(json.len() / 2),
    },
    Break {
        rule: Rule::MissingField,
        of: ANY,
        apply: |_, json| replace(json, "\"session_id\":", "\"session\":"),
    },
    Break {
        rule: Rule::InvalidField,
        of: ANY,
        apply: |_, json| replace(json, "\"user_id\":", "\"user_id\":-"),
    },
    Break {
        rule: Rule::UnknownEventType,
        of: ANY,
        apply: |event, json| {
            replace(
                json,
                &format!("\"event_type\":\"{}\"", event.event_type()),
                "\"event_type\":\"teleport\"",
            );
        },
    },
    Break {
        rule: Rule::UnsupportedSchemaVersion,
        of: ANY,
        apply: |_, json| replace(json, "\"schema_version\":1", "\"schema_version\":99"),
    },
    Break {
        rule: Rule::UnknownCountry,
        of: ANY,
        apply: |event, json| {
            replace(
                json,
                &format!("\"country\":\"{}\"", event.envelope.country),
                "\"country\":\"XX\"",
            );
        },
    },
    Break {
        rule: Rule::UnknownDevice,
        of: ANY,
        apply: |event, json| {
            replace(
                json,
                &format!("\"device\":\"{}\"", event.envelope.device),
                "\"device\":\"fridge\"",
            );
        },
    },
    Break {
        rule: Rule::QuantityOutOfRange,
        of: CART_LINES,
        apply: |_, json| replace(json, "\"quantity\":", "\"quantity\":-"),
    },
    Break {
        rule: Rule::UnknownCurrency,
        of: SALES,
        apply: |_, json| replace(json, "\"USD\"", "\"XXX\""),
    },
    Break {
        rule: Rule::TotalMismatch,
        of: SALES,
        apply: |_, json| replace(json, "\"total_minor\":", "\"total_minor\":1"),
    },
];

fn replace(json: &mut String, what: &str, with: &str) {
    *json = json.replacen(what, with, 1);
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
    let choices: Vec<&Break> = BREAKS
        .iter()
        .filter(|way| way.of.contains(&event.event_type()))
        .collect();
    let way = dice.pick(&choices);
    let mut json = Vec::new();
    event.to_json(&mut json);
    let mut json = String::from_utf8(json).ok()?;
    (way.apply)(&event, &mut json);
    Some(Record {
        stream: like.stream,
        user_id: like.user_id,
        due,
        kind: Kind::Bad,
        occurred_at: like.occurred_at,
        json: json.into_bytes(),
        content: Some(Box::new(Content::Bad(way.rule))),
    })
}
