//! A run as it is invoked: what it reports, and what it tells of gates.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod archive;

use analytics::alerts::{Policy, Severity, Status};
use archive::{DAYS, FIRST_DAY, archive, catalog, object};
use aws::StoreError;
use aws::bucket::{Objects, Versions};
use batch::athena::Queries;
use batch::{Batch, Engine, Outcome, Report, Request, RunError, Settings, compaction};
use bytes::Bytes;
use events::{MS_PER_DAY, MS_PER_HOUR, Timestamp};
use testkit::{Chaos, Guard, MemoryAlerts, MemoryBucket, example};

const FACTS: &str = "gate_closed#warehouse:facts";
const TABLES: &str = "gate_closed#warehouse:tables";

/// Nobody is asked where the function makes the tables itself.
enum Nobody {}

impl Queries for Nobody {
    async fn unload(&self, _: &str, _: &str) -> Result<(), StoreError> {
        match *self {}
    }
}

/// The warehouse of an archive, and its alerts.
struct Shop<'a> {
    bucket: MemoryBucket<'a>,
    alerts: MemoryAlerts<'a>,
    chaos: &'a Chaos,
}

impl<'a> Shop<'a> {
    fn new(chaos: &'a Chaos) -> Self {
        let bucket = MemoryBucket::new(chaos, Guard::Whole);
        catalog(&bucket);
        for (key, bytes) in archive(1) {
            bucket.insert(key, bytes);
        }
        Self {
            bucket,
            alerts: MemoryAlerts::new(chaos, Guard::Whole),
            chaos,
        }
    }

    fn run(&self, hour: i64, time_used: impl Fn() -> f64) -> Result<Report, RunError> {
        run(&self.bucket, &self.alerts, self.chaos, hour, time_used)
    }

    /// The first key that contains a text.
    fn key(&self, part: &str) -> String {
        let keys = self.bucket.objects().into_keys();
        keys.into_iter().find(|key| key.contains(part)).unwrap()
    }

    fn alert(&self, fingerprint: &str) -> Option<(Status, Severity)> {
        let alerts = self.alerts.alerts();
        alerts
            .get(fingerprint)
            .map(|alert| (alert.status, alert.severity))
    }
}

/// A run in an hour of the day after the archive's last one.
fn run<B: Objects>(
    bucket: &B,
    alerts: &MemoryAlerts<'_>,
    chaos: &Chaos,
    hour: i64,
    time_used: impl Fn() -> f64,
) -> Result<Report, RunError> {
    let day = i64::from(FIRST_DAY) + DAYS;
    let now = Timestamp::from_ms(day * MS_PER_DAY + hour * MS_PER_HOUR).unwrap();
    let settings = Settings {
        policy: Policy::default(),
        compaction: compaction::Settings {
            closed_after_ms: 2 * MS_PER_HOUR,
            step_ms: 0,
        },
    };
    let batch = Batch::new(bucket, alerts, Engine::<Nobody>::Embedded, settings);
    let request = Request::default();
    let run = batch.run(&request, now, time_used);
    chaos.invoke(run).unwrap()
}

#[test]
fn a_run_publishes_and_tells_what_it_did() {
    let chaos = Chaos::calm();
    let shop = Shop::new(&chaos);
    let report = shop.run(1, || 0.0).unwrap();
    assert_eq!(report.outcome, Outcome::Published);
    assert_eq!(report.published_days, ["2026-11-22", "2026-11-23", "2026-11-24"]);
    assert_eq!((report.pending_days, report.objections.len()), (0, 0));
    assert_eq!(report.new_objects, archive(1).len());
    let again = shop.run(2, || 0.0).unwrap();
    assert_eq!(again.outcome, Outcome::Published);
    assert_eq!((again.new_objects, again.published_days.len()), (0, 0));
    assert!(shop.alerts.alerts().is_empty());
    let published = again.counts().count("Outcome", &"published", "Runs");
    assert_eq!(published, 1);
}

#[test]
fn a_run_out_of_time_makes_no_tables_and_is_no_alert() {
    let chaos = Chaos::calm();
    let shop = Shop::new(&chaos);
    let calls = std::cell::Cell::new(0);
    let objects = archive(1).len();
    let after_a_day = || {
        calls.set(calls.get() + 1);
        if calls.get() > objects + 1 { 0.7 } else { 0.0 }
    };
    let nothing = shop.run(1, || 0.7).unwrap();
    assert_eq!(
        (nothing.outcome, nothing.unseen_objects),
        (Outcome::Unfinished, objects)
    );
    let report = shop.run(1, after_a_day).unwrap();
    assert_eq!(report.outcome, Outcome::Unfinished);
    assert!(
        report.pending_days > 0 && report.published_days.len() == 1,
        "{report:?}"
    );
    assert!(
        !shop
            .bucket
            .objects()
            .keys()
            .any(|key| key.contains("sales_trends"))
    );
    assert!(shop.alerts.alerts().is_empty());
    assert_eq!(shop.run(2, || 0.0).unwrap().outcome, Outcome::Published);
}

#[test]
fn an_archive_object_that_cannot_be_read_is_an_alert_until_it_is_gone() {
    let chaos = Chaos::calm();
    let shop = Shop::new(&chaos);
    let bad = "events/transactions/dt=2026-11-25/hour=00/shardId-000000000000-9999.parquet";
    shop.bucket.insert(bad, "no Parquet");
    let error = shop.run(1, || 0.0).unwrap_err();
    assert!(error.to_string().contains(bad), "{error}");
    assert_eq!(shop.alert(FACTS), Some((Status::Open, Severity::Critical)));
    let of_the_archive = archive(1).pop().unwrap().1;
    shop.bucket.insert(bad, of_the_archive);
    assert_eq!(shop.run(2, || 0.0).unwrap().outcome, Outcome::Published);
    assert_eq!(shop.alert(FACTS), Some((Status::Resolved, Severity::Critical)));
}

#[test]
fn facts_that_are_not_those_published_are_an_alert_until_their_days_are_made_again() {
    let chaos = Chaos::calm();
    let shop = Shop::new(&chaos);
    shop.run(1, || 0.0).unwrap();
    let (first, second) = (
        shop.key("fact_sales/dt=2026-11-22"),
        shop.key("fact_sales/dt=2026-11-23"),
    );
    let right = shop.bucket.objects()[&first].clone();
    shop.bucket
        .insert(first.clone(), shop.bucket.objects()[&second].clone());
    let report = shop.run(2, || 0.0).unwrap();
    assert_eq!(report.outcome, Outcome::HeldBack);
    let [objection] = &report.objections[..] else {
        panic!("{report:?}")
    };
    assert_eq!(objection.of, "tables");
    assert!(objection.why.contains("should be"), "{objection:?}");
    assert_eq!(shop.alert(TABLES), Some((Status::Open, Severity::Critical)));
    assert_eq!(shop.alert(FACTS), None);
    shop.bucket.insert(first, right);
    assert_eq!(shop.run(3, || 0.0).unwrap().outcome, Outcome::Published);
    assert_eq!(shop.alert(TABLES), Some((Status::Resolved, Severity::Critical)));
}

/// A bucket in which another run publishes a day while the tables are being made.
struct Overtaken<'a> {
    bucket: &'a MemoryBucket<'a>,
    published: Vec<(String, Bytes)>,
}

impl Objects for Overtaken<'_> {
    async fn list(&self, prefix: &str) -> Result<Versions, StoreError> {
        let listed = self.bucket.list(prefix).await;
        if prefix == "warehouse/" {
            for (key, bytes) in &self.published {
                self.bucket.insert(key.clone(), bytes.clone());
            }
        }
        listed
    }

    async fn get(&self, key: &str) -> Result<Option<(Bytes, String)>, StoreError> {
        self.bucket.get(key).await
    }

    async fn put(
        &self,
        key: &str,
        bytes: Bytes,
        replaces: Option<&str>,
    ) -> Result<Option<String>, StoreError> {
        self.bucket.put(key, bytes, replaces).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.bucket.delete(key).await
    }
}

#[test]
fn a_run_that_another_one_overtakes_is_no_alert() {
    let chaos = Chaos::calm();
    let (shop, later) = (Shop::new(&chaos), Shop::new(&chaos));
    shop.run(1, || 0.0).unwrap();
    let (key, bytes) = object(900, &[example(1, i64::from(FIRST_DAY) * MS_PER_DAY)]);
    later.bucket.insert(key, bytes);
    later.run(1, || 0.0).unwrap();
    let of_another = |key: &String| key == "state/batch" || key.contains("fact_sales/dt=2026-11-22");
    let published = later
        .bucket
        .objects()
        .into_iter()
        .filter(|(key, _)| of_another(key));
    let overtaken = Overtaken {
        bucket: &shop.bucket,
        published: published.collect(),
    };
    let report = run(&overtaken, &shop.alerts, &chaos, 2, || 0.0).unwrap();
    assert_eq!(report.outcome, Outcome::Forestalled);
    assert!(shop.alerts.alerts().is_empty());
}

#[test]
fn what_is_published_is_compacted_once_its_hour_is_closed_and_facts_are_the_same() {
    let chaos = Chaos::calm();
    let shop = Shop::new(&chaos);
    let archived = || {
        let objects = shop.bucket.objects().into_keys();
        let archived = objects.filter(|key| key.starts_with("events/") || key.starts_with("compacted/"));
        archived.count()
    };
    let of = |table: &str| archive(1).iter().filter(|(key, _)| key.contains(table)).count();
    // An object alone is left alone.
    let hours = [of("transactions"), of("product_views")];
    let hours = hours.into_iter().filter(|objects| *objects > 1);
    let (hours, before) = (hours.count(), archived());
    // All arrived in the hour from 0:00 on, which is closed two hours after 1:00.
    let none = compaction::Compacted::default();
    assert_eq!(shop.run(2, || 0.0).unwrap().compacted, none);
    assert_eq!(archived(), before);
    let done = shop.run(3, || 0.0).unwrap().compacted;
    assert_eq!(
        (done.hours_written, done.hours_cleaned, done.objects_out),
        (hours, hours, hours)
    );
    assert_eq!(archived(), before - done.objects_in + hours);
    assert!(done.objects_in > 2, "{done:?}");
    let report = shop.run(4, || 0.0).unwrap();
    assert_eq!((report.outcome, report.new_objects), (Outcome::Published, hours));
    assert_eq!(report.published_days.len(), 3);
}
