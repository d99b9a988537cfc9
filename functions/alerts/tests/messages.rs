//! Histories of everything that can go wrong between the table of alerts and the topic.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use alerts::{AlertMessages, OpenAlerts, Topic};
use analytics::alerts::{
    Alert, AlertType, Evidence, Message, Policy, Severity, Sighting, Signal, Status, apply,
};
use aws::StoreError;
use aws::alerts::AlertStore as _;
use aws_lambda_events::event::dynamodb::{Event, EventRecord};
use events::{MS_PER_HOUR, MS_PER_MINUTE, Timestamp, Uuid};
use serde::Serialize;
use testkit::{Chaos, Guard, MemoryAlerts, MemoryLog, histories};

/// A topic that recognises a message that is sent again, as a FIFO topic does.
struct FifoTopic<'a> {
    chaos: &'a Chaos,
    recognises: bool,
    delivered: Arc<Mutex<Vec<String>>>,
}

impl Topic for FifoTopic<'_> {
    async fn publish(&self, message: &Message) -> Result<(), StoreError> {
        let (delivered, id, recognises) = (
            self.delivered.clone(),
            message.deduplication_id.clone(),
            self.recognises,
        );
        let deliver = move || {
            let mut delivered = delivered.lock().unwrap();
            if !(recognises && delivered.contains(&id)) {
                delivered.push(id);
            }
        };
        self.chaos.call(deliver).await
    }
}

/// Alerts of a test, of which some are open.
struct Open<'a>(&'a MemoryAlerts<'a>);

impl aws::alerts::AlertStore for Open<'_> {
    async fn load(&self, fingerprint: &str) -> Result<Option<Alert>, StoreError> {
        self.0.load(fingerprint).await
    }

    async fn save(&self, alert: &Alert, replaces: Option<u64>) -> Result<aws::Saved, StoreError> {
        self.0.save(alert, replaces).await
    }
}

impl OpenAlerts for Open<'_> {
    async fn open_before(&self, time: Timestamp, limit: usize) -> Result<Vec<Alert>, StoreError> {
        let open = self
            .0
            .alerts()
            .into_values()
            .filter(|alert| alert.status == Status::Open);
        Ok(open.filter(|alert| alert.last_seen <= time).take(limit).collect())
    }
}

#[derive(Serialize)]
struct Item<'a> {
    #[serde(flatten)]
    alert: &'a Alert,
    expires_at: i64,
}

fn image(alert: &Alert) -> serde_dynamo::Item {
    serde_dynamo::to_item(Item { alert, expires_at: 1 }).unwrap()
}

fn sighting(user_id: u64, n: u128, at_ms: i64) -> Sighting {
    Sighting {
        id: Uuid::from_u128(n),
        alert_type: AlertType::Velocity,
        entity: format!("user:{user_id}"),
        severity: Severity::Info,
        evidence: Evidence::default(),
        seen_at: Timestamp::from_ms(at_ms).unwrap(),
    }
}

/// A table's changes, in order: alerts of three shoppers, seen again and again, some long after.
fn changes() -> Vec<(Option<Alert>, Alert)> {
    let mut table: BTreeMap<u64, Alert> = BTreeMap::new();
    let mut changes = Vec::new();
    for n in 0..40 {
        let user_id = n % 3;
        let at_ms = i64::try_from(n).unwrap() * 7 * MS_PER_MINUTE + i64::from(n > 30) * 3 * MS_PER_HOUR;
        let signal = Signal::Raise(sighting(user_id, n.into(), at_ms));
        let old = table.get(&user_id).cloned();
        if let Some(new) = apply(old.as_ref(), &signal, &Policy::default()) {
            table.insert(user_id, new.clone());
            changes.push((old, new));
        }
    }
    changes
}

fn batch(changes: &[(Option<Alert>, Alert)]) -> Event {
    let mut event = Event::default();
    for (old, new) in changes {
        let mut record = EventRecord::default();
        record.change.old_image = old.as_ref().map(image).unwrap_or_default();
        record.change.new_image = image(new);
        event.records.push(record);
    }
    event
}

/// What a topic delivers of all changes, handed out in batches that come again.
fn delivered(seed: u64, recognises: bool) -> Vec<String> {
    let chaos = Chaos::new(seed);
    let (marks, alerts) = (
        MemoryLog::new(&chaos, Guard::Whole),
        MemoryAlerts::new(&chaos, Guard::Whole),
    );
    let topic = FifoTopic {
        chaos: &chaos,
        recognises,
        delivered: Arc::default(),
    };
    let changes = changes();
    let mut at = 0;
    let mut again = 0;
    while at < changes.len() {
        let end = (at + 1 + usize::try_from(seed % 5).unwrap()).min(changes.len());
        let function = AlertMessages::new(&topic, &marks, Open(&alerts), Policy::default());
        if matches!(
            chaos.invoke(function.publish(batch(&changes[at..end]))),
            Some(Ok(_))
        ) {
            // Now and then a checkpoint is lost, and what is done comes again.
            let lost = again < 3 && (seed + end as u64).is_multiple_of(3);
            again += i32::from(lost);
            at = if lost { at / 2 } else { end };
        }
    }
    chaos.settle();
    topic.delivered.lock().unwrap().clone()
}

/// One message for each number that an alert's notifications came to.
fn due() -> usize {
    let due: BTreeSet<(String, u64)> = changes()
        .into_iter()
        .map(|(_, new)| (new.fingerprint, new.notification))
        .collect();
    due.len()
}

#[test]
fn every_new_and_escalated_alert_is_told_once() {
    assert!(due() > 6, "too few messages to tell: {}", due());
    for seed in 0..histories() {
        let delivered = delivered(seed, true);
        let distinct: BTreeSet<&String> = delivered.iter().collect();
        assert_eq!((delivered.len(), distinct.len()), (due(), due()), "seed {seed}");
    }
}

#[test]
fn without_a_topic_that_recognises_messages_some_are_told_twice() {
    let twice = (0..histories()).any(|seed| delivered(seed, false).len() > due());
    assert!(twice, "the simulator does not notice that the guard is gone");
}

#[tokio::test]
async fn quiet_alerts_are_resolved_and_others_are_not() {
    let calm = Chaos::calm();
    let table = MemoryAlerts::new(&calm, Guard::Whole);
    let now = Timestamp::from_ms(10 * MS_PER_HOUR).unwrap();
    for (user_id, at_ms) in [(1, 8 * MS_PER_HOUR), (2, 10 * MS_PER_HOUR - MS_PER_MINUTE)] {
        let signal = Signal::Raise(sighting(user_id, user_id.into(), at_ms));
        let alert = apply(None, &signal, &Policy::default()).unwrap();
        let _ = table.save(&alert, None).await.unwrap();
    }
    let marks = MemoryLog::new(&calm, Guard::Whole);
    let topic = FifoTopic {
        chaos: &calm,
        recognises: true,
        delivered: Arc::default(),
    };
    let function = AlertMessages::new(&topic, &marks, Open(&table), Policy::default());
    let counts = function.expire(now).await.unwrap();
    assert_eq!(counts.count("AlertType", &AlertType::Velocity, "Resolved"), 1);
    let statuses: Vec<Status> = table.alerts().into_values().map(|alert| alert.status).collect();
    assert_eq!(statuses, [Status::Resolved, Status::Open]);
}
