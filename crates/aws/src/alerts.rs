//! Telling of conditions: every signal changes its alert once, however often it is told.

use std::collections::BTreeMap;

use analytics::alerts::{Alert, Policy, Sighting, Signal, apply};
use events::Minute;
use futures::{StreamExt, TryStreamExt, stream};

use crate::store::{MAX_CONFLICTS, TooManyConflicts};
use crate::{Saved, Sequence, StoreError};

/// Alerts that are changed at the same time.
const CONCURRENT_ALERTS: usize = 8;

/// Where alerts are kept.
pub trait AlertStore: Sync {
    /// The alert of a fingerprint.
    fn load(&self, fingerprint: &str) -> impl Future<Output = Result<Option<Alert>, StoreError>> + Send;

    /// Stores an alert in place of a version of it, or as the first.
    fn save(
        &self,
        alert: &Alert,
        replaces: Option<u64>,
    ) -> impl Future<Output = Result<Saved, StoreError>> + Send;
}

impl<A: AlertStore> AlertStore for &A {
    fn load(&self, fingerprint: &str) -> impl Future<Output = Result<Option<Alert>, StoreError>> + Send {
        (**self).load(fingerprint)
    }

    fn save(
        &self,
        alert: &Alert,
        replaces: Option<u64>,
    ) -> impl Future<Output = Result<Saved, StoreError>> + Send {
        (**self).save(alert, replaces)
    }
}

/// What a shard's records show up to a place: a finding, or that there is none of its id any more.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The finding.
    pub finding: Sighting,
    /// Whether the records show it.
    pub holds: bool,
    /// Up to which record.
    pub as_of: Sequence,
}

/// Where findings are kept, each under the minute that it was seen in.
pub trait FindingsStore: Sync {
    /// Stores a verdict, unless there is one as of a later record: one that a dead invocation was about to store lands late.
    /// So what does not hold any more is kept as such, not removed.
    fn put_verdict(
        &self,
        family: &str,
        minute: Minute,
        verdict: Verdict,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

impl<S: FindingsStore> FindingsStore for &S {
    fn put_verdict(
        &self,
        family: &str,
        minute: Minute,
        verdict: Verdict,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        (**self).put_verdict(family, minute, verdict)
    }
}

/// Applies signals to their alerts; tells how many alerts changed.
pub async fn tell<A: AlertStore>(
    store: &A,
    signals: &[Signal],
    policy: &Policy,
) -> Result<usize, StoreError> {
    let mut by_fingerprint: BTreeMap<String, Vec<&Signal>> = BTreeMap::new();
    for signal in signals {
        by_fingerprint
            .entry(signal.fingerprint())
            .or_default()
            .push(signal);
    }
    stream::iter(by_fingerprint)
        .map(|(fingerprint, signals)| async move {
            change(store, &fingerprint, |alert| {
                signals.iter().fold(None, |changed: Option<Alert>, signal| {
                    apply(changed.as_ref().or(alert), signal, policy).or(changed)
                })
            })
            .await
        })
        .buffer_unordered(CONCURRENT_ALERTS)
        .try_fold(0, |sum, changed| async move { Ok(sum + usize::from(changed)) })
        .await
}

/// Replaces an alert by what `next` makes of it; tells whether it did.
pub async fn change<A: AlertStore>(
    store: &A,
    fingerprint: &str,
    next: impl Fn(Option<&Alert>) -> Option<Alert> + Send,
) -> Result<bool, StoreError> {
    for _ in 0..MAX_CONFLICTS {
        let stored = store.load(fingerprint).await?;
        let Some(alert) = next(stored.as_ref()) else {
            return Ok(false);
        };
        let replaces = stored.map(|stored| stored.version);
        if store.save(&alert, replaces).await? == Saved::Written {
            return Ok(true);
        }
    }
    Err(StoreError::new(
        "conditional write",
        fingerprint,
        TooManyConflicts,
    ))
}
