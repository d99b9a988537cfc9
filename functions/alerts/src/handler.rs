//! Publishing what is due, once; and resolving what went quiet.
//!
//! A message goes out and then its alert's mark moves to its number. Who dies in between publishes again with the same id,
//! which the topic recognises; who comes again later finds the mark.

use std::pin::pin;

use analytics::alerts::{Alert, Policy, expire, message_due};
use aws::alerts::{AlertStore, change};
use aws::dynamo::{AlertsTable, Item, alert_of};
use aws::marks::Marks;
use aws::telemetry::Counts;
use aws::{Saved, Sequence, StoreError};
use aws_lambda_events::event::dynamodb::{Event, EventRecord};
use events::Timestamp;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::topic::Topic;

/// Alerts that are resolved in one sweep at most; the next one goes on.
const MAX_EXPIRED: usize = 10_000;
/// Alerts that are resolved at the same time.
const CONCURRENT_ALERTS: usize = 8;

/// Which alerts are open.
pub trait OpenAlerts: Sync {
    /// Open alerts that expire, were they last seen before a time: the ones unseen for longest, at most `limit` of them.
    fn open_before(
        &self,
        time: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Alert>, StoreError>> + Send;
}

impl<O: OpenAlerts> OpenAlerts for &O {
    fn open_before(
        &self,
        time: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Alert>, StoreError>> + Send {
        (**self).open_before(time, limit)
    }
}

impl OpenAlerts for AlertsTable {
    async fn open_before(&self, time: Timestamp, limit: usize) -> Result<Vec<Alert>, StoreError> {
        self.unseen_since(time, limit).await
    }
}

/// The function.
#[derive(Debug)]
pub struct AlertMessages<T, M, A> {
    topic: T,
    marks: M,
    alerts: A,
    policy: Policy,
}

impl<T: Topic, M: Marks, A: AlertStore + OpenAlerts> AlertMessages<T, M, A> {
    /// Publishes to `topic`, remembers in `marks` what is published, and resolves alerts in `alerts`.
    pub fn new(topic: T, marks: M, alerts: A, policy: Policy) -> Self {
        Self {
            topic,
            marks,
            alerts,
            policy,
        }
    }

    /// Publishes what a batch of changes makes due.
    pub async fn publish(&self, event: Event) -> Result<Counts, StoreError> {
        let mut counts = Counts::default();
        for record in event.records {
            let (old, new) = images(record)?;
            // Removed, by its expiry.
            let Some(new) = new else { continue };
            let Some(message) = message_due(old.as_ref(), &new) else {
                continue;
            };
            let name = format!("alerts#{}#{}", new.fingerprint, new.origin);
            let number = Sequence::parse(&new.notification.to_string())
                .map_err(|error| StoreError::new("numbering", name.as_str(), error))?;
            let published = self.marks.mark(&name).await?;
            if published.as_ref().is_some_and(|published| *published >= number) {
                counts.add("AlertType", &new.alert_type, "AlreadyPublished", 1);
                continue;
            }
            self.topic.publish(&message).await?;
            if self.marks.advance(&name, published.as_ref(), &number).await? == Saved::Written {
                counts.add("AlertType", &new.alert_type, "Published", 1);
            }
        }
        Ok(counts)
    }

    /// Resolves the alerts of which nothing was seen for long.
    pub async fn expire(&self, now: Timestamp) -> Result<Counts, StoreError> {
        let mut counts = Counts::default();
        let quiet_since = now.plus_ms(-self.policy.quiet_ms);
        let quiet = self.alerts.open_before(quiet_since, MAX_EXPIRED).await?;
        let resolve = async |alert: Alert| {
            let resolved = |stored: Option<&Alert>| expire(stored?, now, &self.policy);
            let is_resolved = change(&self.alerts, &alert.fingerprint, resolved).await?;
            Ok::<_, StoreError>((alert.alert_type, is_resolved))
        };
        let mut looked_at = pin!(
            stream::iter(quiet)
                .map(resolve)
                .buffer_unordered(CONCURRENT_ALERTS)
        );
        while let Some((alert_type, is_resolved)) = looked_at.try_next().await? {
            counts.add("AlertType", &alert_type, "Resolved", usize::from(is_resolved));
        }
        Ok(counts)
    }
}

/// The alert before and after a change.
fn images(record: EventRecord) -> Result<(Option<Alert>, Option<Alert>), StoreError> {
    let id = record.event_id;
    let alert = |image: serde_dynamo::Item| -> Result<Option<Alert>, StoreError> {
        let item: Item = image.into();
        if item.is_empty() {
            return Ok(None);
        }
        let alert = alert_of(item);
        alert
            .map(Some)
            .map_err(|error| StoreError::new("reading", format!("change {id}"), error))
    };
    Ok((alert(record.change.old_image)?, alert(record.change.new_image)?))
}
