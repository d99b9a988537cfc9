//! Signals of one condition of one entity, and what they make of its alert.

use analytics::alerts::{
    Alert, AlertType, Evidence, Message, Policy, Severity, Sighting, Signal, apply, expire, message_due,
};
use events::{MS_PER_MINUTE, Timestamp, Uuid};
use proptest::prelude::*;

pub(crate) const SHOPPER: &str = "user:42";

/// So many minutes into the day of the tests.
pub(crate) fn minute(n: i64) -> Timestamp {
    Timestamp::parse("2026-11-22T00:00:00Z")
        .unwrap()
        .plus_ms(n * MS_PER_MINUTE)
}

pub(crate) fn sighting(id: u128, severity: Severity, at_minute: i64) -> Sighting {
    Sighting {
        id: Uuid::from_u128(id),
        alert_type: AlertType::Velocity,
        entity: SHOPPER.into(),
        severity,
        evidence: Evidence {
            value: id as f64,
            limit: Some(5.0),
            event_ids: vec![Uuid::from_u128(id)],
            ..Evidence::default()
        },
        seen_at: minute(at_minute),
    }
}

/// What happens to an alert.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Tell(Signal),
    Expire(Timestamp),
}

pub(crate) fn raise(id: u128, severity: Severity, at_minute: i64) -> Step {
    Step::Tell(Signal::Raise(sighting(id, severity, at_minute)))
}

pub(crate) fn clear(at_minute: i64) -> Step {
    Step::Tell(Signal::Clear {
        alert_type: AlertType::Velocity,
        entity: SHOPPER.into(),
        at: minute(at_minute),
    })
}

pub(crate) fn step(current: Option<&Alert>, step: &Step) -> Option<Alert> {
    let policy = Policy::default();
    match step {
        Step::Tell(signal) => apply(current, signal, &policy),
        Step::Expire(now) => expire(current?, *now, &policy),
    }
}

/// The alert after each change, in order, with the message that the change made due.
pub(crate) fn history(steps: &[Step]) -> Vec<(Alert, Option<Message>)> {
    let mut changes: Vec<(Alert, Option<Message>)> = Vec::new();
    for next in steps {
        let current = changes.last().map(|(alert, _)| alert);
        if let Some(changed) = step(current, next) {
            let message = message_due(current, &changed);
            changes.push((changed, message));
        }
    }
    changes
}

/// The alert after all steps.
pub(crate) fn run(steps: &[Step]) -> Option<Alert> {
    history(steps).pop().map(|(alert, _)| alert)
}

pub(crate) fn severity() -> impl Strategy<Value = Severity> {
    proptest::sample::select(&[
        Severity::Info,
        Severity::Info,
        Severity::Warning,
        Severity::Critical,
    ])
}

/// Sightings, each with an id of its own, clearings and expiries, over some hours, most of them in order.
pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec((0..8_u8, severity(), -60..100_i64), 0..60).prop_map(|drawn| {
        let step = |(n, (kind, severity, delay)): (usize, (u8, Severity, i64))| {
            let at = i64::try_from(n).unwrap() * 20 + delay;
            match kind {
                0 => clear(at),
                1 => Step::Expire(minute(at + 60)),
                _ => raise(n as u128, severity, at),
            }
        };
        drawn.into_iter().enumerate().map(step).collect()
    })
}
