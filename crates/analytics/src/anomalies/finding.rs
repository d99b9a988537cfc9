//! What a rule has found.

use std::fmt;

use events::{Timestamp, Uuid};

use crate::alerts::{AlertType, Evidence, Severity, Sighting};
use crate::hash;

/// Beyond the limit by less than a quarter is good to know.
const WARNING_FROM: f64 = 1.25;
/// Twice the limit is to be acted on.
const CRITICAL_FROM: f64 = 2.0;

/// Whom or what a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A shopper.
    User(u64),
    /// The shop's orders a minute.
    Orders,
    /// The shop's value of orders a minute.
    Revenue,
}

impl fmt::Display for Subject {
    /// `user:42`, `shop:orders`, `shop:revenue`: the entity of the alert.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user_id) => write!(f, "user:{user_id}"),
            Self::Orders => f.write_str("shop:orders"),
            Self::Revenue => f.write_str("shop:revenue"),
        }
    }
}

/// What a rule has found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The purchase's event id; for several purchases or a minute, derived from the rule, the subject and the first of them, so
    /// the same finding has the same id whenever it is made.
    pub id: Uuid,
    /// Which rule.
    pub rule: AlertType,
    /// About whom or what.
    pub subject: Subject,
    /// How bad it is.
    pub severity: Severity,
    /// From what: the value, the limit, the score and the purchases, by time: the earliest of a long run.
    pub evidence: Evidence,
    /// When the last of them occurred.
    pub seen_at: Timestamp,
}

impl From<Finding> for Sighting {
    fn from(finding: Finding) -> Self {
        Self {
            id: finding.id,
            alert_type: finding.rule,
            entity: finding.subject.to_string(),
            severity: finding.severity,
            evidence: finding.evidence,
            seen_at: finding.seen_at,
        }
    }
}

/// By how many times the limit was reached: info below 1.25, warning below 2, critical from there.
pub(super) fn severity(times_limit: f64) -> Severity {
    if times_limit >= CRITICAL_FROM {
        Severity::Critical
    } else if times_limit >= WARNING_FROM {
        Severity::Warning
    } else {
        Severity::Info
    }
}

/// An id that follows from its parts; `first` is what the finding begins with.
pub(super) fn derived_id(rule: AlertType, subject: Subject, first: &str) -> Uuid {
    hash::uuid(&format!("{rule} {subject} {first}"))
}
