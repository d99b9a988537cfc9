//! The messages that are due for an alert.

use events::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Alert, AlertType, Evidence, Severity, Status};
use crate::hash;

/// The only version of the body's form so far.
pub const MESSAGE_SCHEMA_VERSION: u16 = 1;
/// What Amazon SNS takes as a subject: ASCII without control characters, shorter than 100.
const MAX_SUBJECT_CHARS: usize = 99;

/// A message about an alert, to be published once.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// `<hash of the fingerprint>#<notification>`: the same message, published again, has the same one.
    pub deduplication_id: String,
    /// The hash of the fingerprint: messages about one alert arrive in order.
    pub group_id: String,
    /// One line of ASCII, such as `[critical] card_testing user:42, 10 sightings`.
    pub subject: String,
    /// The content, to be written as JSON.
    pub body: MessageBody,
}

/// Why a message is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// An episode has begun.
    NewEpisode,
    /// The episode has become more severe.
    Escalated,
}

/// What a receiver learns. The fields that an [`Alert`] has too are the same as there; times are RFC 3339.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MessageBody {
    /// [`MESSAGE_SCHEMA_VERSION`].
    pub schema_version: u16,
    /// Why it is due.
    pub reason: Reason,
    /// Which message about this alert: 1, 2, …; of several at once only the last one is published.
    pub notification: u64,
    /// The alert's key.
    pub fingerprint: String,
    /// Which condition.
    pub alert_type: AlertType,
    /// Of whom or what.
    pub entity: String,
    /// How bad it is by now.
    pub severity: Severity,
    /// Whether it is over by now.
    pub status: Status,
    /// Which episode.
    pub episode: u64,
    /// How many sightings the episode has.
    pub count: u64,
    /// When its earliest sighting was.
    pub first_seen: Timestamp,
    /// When its latest was.
    pub last_seen: Timestamp,
    /// Since when it is over, if it is.
    pub resolved_at: Option<Timestamp>,
    /// That of the most severe sighting.
    pub evidence: Evidence,
}

/// The message that a change of a stored alert makes due: one exactly when its number of notifications grew.
///
/// `old` is the alert before the change, `None` if it wasn't there.
#[must_use]
pub fn message_due(old: Option<&Alert>, new: &Alert) -> Option<Message> {
    if new.notification <= old.map_or(0, |old| old.notification) {
        return None;
    }
    let same_episode = old.is_some_and(|old| old.episode == new.episode);
    let reason = if same_episode {
        Reason::Escalated
    } else {
        Reason::NewEpisode
    };
    let group_id = hash::hex(&new.fingerprint);
    Some(Message {
        deduplication_id: format!("{group_id}#{}#{}", new.origin, new.notification),
        group_id,
        subject: subject(new),
        body: body(new, reason),
    })
}

fn subject(alert: &Alert) -> String {
    let Alert {
        severity,
        alert_type,
        entity,
        count,
        ..
    } = alert;
    let sightings = if *count == 1 { "sighting" } else { "sightings" };
    format!("[{severity}] {alert_type} {entity}, {count} {sightings}")
        .chars()
        .map(|char| if matches!(char, ' '..='~') { char } else { '?' })
        .take(MAX_SUBJECT_CHARS)
        .collect()
}

fn body(alert: &Alert, reason: Reason) -> MessageBody {
    MessageBody {
        schema_version: MESSAGE_SCHEMA_VERSION,
        reason,
        notification: alert.notification,
        fingerprint: alert.fingerprint.clone(),
        alert_type: alert.alert_type,
        entity: alert.entity.clone(),
        severity: alert.severity,
        status: alert.status,
        episode: alert.episode,
        count: alert.count,
        first_seen: alert.first_seen,
        last_seen: alert.last_seen,
        resolved_at: alert.resolved_at,
        evidence: alert.evidence.clone(),
    }
}
