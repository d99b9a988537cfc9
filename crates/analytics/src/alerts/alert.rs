//! The life of an alert.

use std::fmt;

use events::{Timestamp, Uuid};
use serde::{Deserialize, Serialize};

use super::signal::bounded_entity;
use super::{AlertType, Evidence, Policy, Severity, Sighting, Signal, fingerprint};
use crate::EventIds;

/// So many of an alert's latest sightings are recognised when they are told again; 17 bytes each in the store.
pub const MAX_IDS: usize = 256;

/// Whether a condition is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is, as far as is known.
    Open,
    /// It is over.
    Resolved,
}

impl Status {
    /// The status's name in queries and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved => "resolved",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Everything known of one condition of one entity, stored as one item under its fingerprint. At most about 10 KB.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// `<alert_type>#<entity>`: the key.
    pub fingerprint: String,
    /// Which condition.
    pub alert_type: AlertType,
    /// Of whom or what.
    pub entity: String,
    /// How bad the episode has been so far.
    pub severity: Severity,
    /// Whether it is over.
    pub status: Status,
    /// That of the episode's most severe sighting, the latest of equals.
    pub evidence: Evidence,
    /// When the episode's earliest sighting was, in event time.
    pub first_seen: Timestamp,
    /// When its latest was.
    pub last_seen: Timestamp,
    /// The sighting that began the first episode: an alert that was forgotten and comes back is another one.
    pub origin: Uuid,
    /// How many sightings the episode has.
    pub count: u64,
    /// Which episode: 1, 2, …
    pub episode: u64,
    /// The number of the last message that is due: 1 for a new alert, one more with each escalation and each new episode.
    pub notification: u64,
    /// Since when it is over: the time of clearing, or, where nobody clears it, that of the last sighting.
    pub resolved_at: Option<Timestamp>,
    /// One more with each change, from 1 on: a change is written on the condition that the version is the one it was made from.
    pub version: u64,
    /// The latest sightings in the order of their arrival. Those of earlier episodes stay: they, too, may be told again.
    sighting_ids: EventIds,
    evidence_of: Rank,
}

/// Which of an episode's sightings its evidence is of: the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Rank {
    severity: Severity,
    seen_at: Timestamp,
    sighting_id: Uuid,
}

impl From<&Sighting> for Rank {
    fn from(sighting: &Sighting) -> Self {
        Self {
            severity: sighting.severity,
            seen_at: sighting.seen_at,
            sighting_id: sighting.id,
        }
    }
}

/// What a signal makes of an alert, by the cases of the [module](super)'s first table; `None` if nothing changes.
///
/// `current` is the alert that is stored under the signal's fingerprint.
#[must_use]
pub fn apply(current: Option<&Alert>, signal: &Signal, policy: &Policy) -> Option<Alert> {
    debug_assert!(
        current.is_none_or(|alert| alert.fingerprint == signal.fingerprint()),
        "a signal is about the alert with its fingerprint"
    );
    match (current, signal) {
        (None, Signal::Raise(sighting)) => Some(Alert::begun(None, sighting)),
        (None, Signal::Clear { .. }) => None,
        (Some(alert), Signal::Raise(sighting)) => alert.sighted(sighting, policy),
        (Some(alert), Signal::Clear { at, .. }) => alert.cleared(*at),
    }
}

/// Resolves an open alert of which nothing was seen for longer than `policy.quiet_ms`; `None` if nothing changes.
///
/// Episodes, counts and messages are the same whether and whenever this is called.
#[must_use]
pub fn expire(alert: &Alert, now: Timestamp, policy: &Policy) -> Option<Alert> {
    let quiet = now.as_ms() - alert.last_seen.as_ms() > policy.quiet_ms;
    let expires = alert.status == Status::Open && !alert.alert_type.lasts() && quiet;
    expires.then(|| alert.resolved(alert.last_seen))
}

impl Alert {
    /// The first episode, or the one after `before`.
    fn begun(before: Option<&Self>, sighting: &Sighting) -> Self {
        let after = |number: fn(&Self) -> u64| before.map_or(0, number) + 1;
        let none = EventIds::default();
        Self {
            fingerprint: fingerprint(sighting.alert_type, &sighting.entity),
            alert_type: sighting.alert_type,
            entity: bounded_entity(&sighting.entity),
            severity: sighting.severity,
            status: Status::Open,
            evidence: sighting.evidence.bounded(),
            first_seen: sighting.seen_at,
            last_seen: sighting.seen_at,
            origin: before.map_or(sighting.id, |alert| alert.origin),
            count: 1,
            episode: after(|alert| alert.episode),
            notification: after(|alert| alert.notification),
            resolved_at: None,
            version: after(|alert| alert.version),
            sighting_ids: remember(before.map_or(&none, |alert| &alert.sighting_ids), sighting.id),
            evidence_of: sighting.into(),
        }
    }

    fn sighted(&self, sighting: &Sighting, policy: &Policy) -> Option<Self> {
        let ids = self.sighting_ids.as_slice();
        let of_episode = usize::try_from(self.count).map_or(ids.len(), |count| count.min(ids.len()));
        match ids.iter().rposition(|id| *id == sighting.id) {
            Some(place) if place < ids.len() - of_episode => None,
            Some(_) => {
                let next = self.with(sighting);
                (next != *self).then(|| next.following(self))
            }
            None if sighting.seen_at.as_ms() - self.ended_at().as_ms() > policy.suppression_ms => {
                Some(Self::begun(Some(self), sighting))
            }
            None => {
                let mut next = self.with(sighting);
                next.count += 1;
                next.severity = next.severity.max(policy.by_repetition(next.count));
                next.sighting_ids = remember(&self.sighting_ids, sighting.id);
                Some(next.following(self))
            }
        }
    }

    /// The latest that is known of the episode; a resolution is never before the last sighting.
    fn ended_at(&self) -> Timestamp {
        self.resolved_at.unwrap_or(self.last_seen)
    }

    /// The episode with what a sighting says. Only maxima and minima: order and repetition leave no trace.
    fn with(&self, sighting: &Sighting) -> Self {
        let mut next = self.clone();
        next.first_seen = self.first_seen.min(sighting.seen_at);
        next.last_seen = self.last_seen.max(sighting.seen_at);
        next.severity = self.severity.max(sighting.severity);
        if Rank::from(sighting) > self.evidence_of {
            next.evidence = sighting.evidence.bounded();
            next.evidence_of = sighting.into();
        }
        if sighting.seen_at > self.ended_at() {
            next.status = Status::Open;
            next.resolved_at = None;
        }
        next
    }

    /// Numbers a change of `before`'s episode.
    fn following(mut self, before: &Self) -> Self {
        self.version += 1;
        self.notification += u64::from(self.severity > before.severity);
        self
    }

    fn cleared(&self, at: Timestamp) -> Option<Self> {
        let changes = at > self.ended_at() || (self.status == Status::Open && at == self.last_seen);
        changes.then(|| self.resolved(at))
    }

    fn resolved(&self, at: Timestamp) -> Self {
        Self {
            status: Status::Resolved,
            resolved_at: Some(at),
            version: self.version + 1,
            ..self.clone()
        }
    }
}

/// The ids with one more, without the oldest where they become too many.
fn remember(ids: &EventIds, id: Uuid) -> EventIds {
    let forgotten = (ids.len() + 1).saturating_sub(MAX_IDS);
    let mut kept = EventIds::default();
    ids.as_slice()[forgotten..]
        .iter()
        .chain([&id])
        .for_each(|id| kept.push(*id));
    kept
}
