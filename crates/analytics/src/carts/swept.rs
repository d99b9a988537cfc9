//! What a sweep has found.

use std::collections::BTreeMap;

use events::{Minute, Timestamp};

use super::{CartMinute, CartSession, CartSettings, Fate};
use crate::alerts::{AlertType, Evidence, Severity, Sighting, Signal};

/// From this multiple of the alert's value on, an abandoned cart is a warning.
const WARNING_FROM: i64 = 5;
/// From this one on, it is critical.
const CRITICAL_FROM: i64 = 20;

/// What changed in a sweep.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// The minutes that changed, with their new figures in full.
    pub minutes: BTreeMap<Minute, CartMinute>,
    /// The carts that changed, in no order that means anything.
    pub sessions: Vec<SessionChange>,
}

/// A cart that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionChange {
    /// What was known of it before; `None` if nothing was.
    pub before: Option<CartSession>,
    /// What is known now; `None` if a late purchase showed that nothing was in it when it was bought.
    pub after: Option<CartSession>,
}

impl Swept {
    /// The carts that were not abandoned before and are now.
    pub fn abandoned(&self) -> impl Iterator<Item = &CartSession> {
        self.turned(|fate| matches!(fate, Fate::Abandoned { .. }))
    }

    /// The carts that were not recovered before and are now.
    pub fn recovered(&self) -> impl Iterator<Item = &CartSession> {
        self.turned(|fate| matches!(fate, Fate::Recovered { .. }))
    }

    fn turned(&self, into: fn(Fate) -> bool) -> impl Iterator<Item = &CartSession> {
        let is = move |session: &CartSession| into(session.fate);
        let turned = self
            .sessions
            .iter()
            .filter(move |change| !change.before.as_ref().is_some_and(is));
        turned.filter_map(move |change| change.after.as_ref().filter(|after| is(after)))
    }

    /// Raises an alert for each cart of some value that was left behind, and clears that of each that no longer is: it was
    /// purchased, or a late event showed that it was not left yet. They are seen `now`, when the sweep finds them: late events
    /// move the moment of an abandonment back and forth, and an alert's signals must be in order.
    #[must_use]
    pub fn signals(&self, now: Timestamp, settings: &CartSettings) -> Vec<Signal> {
        self.sessions
            .iter()
            .filter_map(|change| signal(change, now, settings.alert_value_minor))
            .collect()
    }
}

fn signal(change: &SessionChange, now: Timestamp, alert_value_minor: i64) -> Option<Signal> {
    let alert_type = AlertType::AbandonedCart;
    let entity = format!("cart:{}", change.after.or(change.before)?.cart_id);
    let severity_of = |session: CartSession| Some((session, severity(&session, alert_value_minor)?));
    let before = change.before.and_then(severity_of).map(|(_, severity)| severity);
    match (before, change.after.and_then(severity_of)) {
        (before, Some((session, severity))) if before != Some(severity) => Some(Signal::Raise(Sighting {
            id: session.cart_id,
            alert_type,
            entity,
            severity,
            evidence: Evidence {
                value: session.value_minor as f64,
                limit: Some(alert_value_minor as f64),
                score: (alert_value_minor > 0).then(|| session.value_minor as f64 / alert_value_minor as f64),
                ..Evidence::default()
            },
            seen_at: now,
        })),
        (Some(_), None) => Some(Signal::Clear {
            alert_type,
            entity,
            at: now,
        }),
        _ => None,
    }
}

/// How bad it is that a cart is abandoned; `None` if it isn't, or of little value.
fn severity(session: &CartSession, alert_value_minor: i64) -> Option<Severity> {
    let reaches = |multiple: i64| session.value_minor >= alert_value_minor.saturating_mul(multiple);
    if !matches!(session.fate, Fate::Abandoned { .. }) || !reaches(1) {
        return None;
    }
    Some(match (reaches(WARNING_FROM), reaches(CRITICAL_FROM)) {
        (_, true) => Severity::Critical,
        (true, false) => Severity::Warning,
        (false, false) => Severity::Info,
    })
}

#[cfg(test)]
mod tests {
    use events::Uuid;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms).unwrap()
    }

    fn session(fate: Fate, value_minor: i64) -> CartSession {
        CartSession {
            cart_id: Uuid::from_u128(5),
            user_id: 1,
            created_at: at(0),
            checked_out_at: None,
            last_activity_at: at(10),
            fate,
            value_minor,
            units: 1,
            products: 1,
            adds: 1,
            updates: 0,
            removes: 0,
            checkouts: 0,
        }
    }

    fn signal_of(before: Option<CartSession>, session: CartSession) -> Option<Signal> {
        let swept = Swept {
            sessions: vec![SessionChange {
                before,
                after: Some(session),
            }],
            ..Swept::default()
        };
        swept.signals(at(90), &CartSettings::default()).pop()
    }

    #[test]
    fn the_value_left_behind_decides_whether_and_how_bad() {
        let severity = |value_minor| {
            let abandoned = session(Fate::Abandoned { at: at(50) }, value_minor);
            match signal_of(Some(session(Fate::Active, value_minor)), abandoned) {
                Some(Signal::Raise(sighting)) => {
                    assert_eq!(sighting.entity, "cart:00000000-0000-0000-0000-000000000005");
                    assert_eq!((sighting.id, sighting.seen_at), (Uuid::from_u128(5), at(90)));
                    Some(sighting.severity)
                }
                _ => None,
            }
        };
        assert_eq!(severity(99_999), None);
        assert_eq!(severity(100_000), Some(Severity::Info));
        assert_eq!(severity(499_999), Some(Severity::Info));
        assert_eq!(severity(500_000), Some(Severity::Warning));
        assert_eq!(severity(1_999_999), Some(Severity::Warning));
        assert_eq!(severity(2_000_000), Some(Severity::Critical));
    }

    #[test]
    fn an_alert_is_cleared_when_the_cart_is_no_longer_left_behind() {
        let cleared = |value_minor, fate| {
            let before = Some(session(Fate::Abandoned { at: at(50) }, value_minor));
            matches!(
                signal_of(before, session(fate, value_minor)),
                Some(Signal::Clear { .. })
            )
        };
        let recovered = Fate::Recovered {
            at: at(70),
            abandoned_at: at(50),
        };
        assert!(cleared(100_000, recovered));
        assert!(!cleared(99_999, recovered));
        assert!(cleared(100_000, Fate::Converted { at: at(40) }));
        assert!(cleared(100_000, Fate::Active));
    }

    #[test]
    fn what_was_told_before_is_not_told_again() {
        let abandoned = session(Fate::Abandoned { at: at(50) }, 100_000);
        assert_eq!(signal_of(Some(abandoned), abandoned), None);
        let checked_out = CartSession {
            checked_out_at: Some(at(60)),
            ..abandoned
        };
        assert_eq!(signal_of(Some(abandoned), checked_out), None);
    }
}
