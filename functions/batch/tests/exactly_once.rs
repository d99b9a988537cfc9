//! From an archive to the star schema: each event once, whatever is killed, late, sent twice, or run twice.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod archive;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use archive::{DAYS, FIRST_DAY, archive, catalog, object};
use arrow::array::{Array, Int64Array};
use aws::StoreError;
use aws::bucket::{Objects, Versions};
use batch::compaction::{self, Compaction, Settings};
use batch::etl::{Ended, Etl, EtlError, Rebuilt};
use bytes::Bytes;
use events::{MS_PER_DAY, MS_PER_HOUR, Timestamp};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use testkit::{Chaos, Guard, MemoryBucket, histories};
use warehouse::compacted_hours_key;

/// What readers see.
fn published(bucket: &MemoryBucket<'_>) -> BTreeMap<String, Bytes> {
    let objects = bucket.objects().into_iter();
    objects.filter(|(key, _)| key.starts_with("warehouse/")).collect()
}

/// Runs until there is nothing left to do.
fn settle(bucket: &MemoryBucket<'_>, chaos: &Chaos) {
    let done = (0..200).any(|_| {
        let ended = chaos.invoke(Etl::new(bucket, FIRST_DAY).run(None, || false));
        matches!(ended, Some(Ok(Ended::Done(rebuilt))) if rebuilt.pending == 0)
    });
    assert!(done, "a run still fails when there is no trouble left");
}

fn run(bucket: &MemoryBucket<'_>, chaos: &Chaos) -> Rebuilt {
    match chaos.invoke(Etl::new(bucket, FIRST_DAY).run(None, || false)) {
        Some(Ok(Ended::Done(rebuilt))) => rebuilt,
        other => panic!("{other:?}"),
    }
}

/// All of an archive at once, and nothing goes wrong.
fn undisturbed(objects: &[(String, Bytes)]) -> BTreeMap<String, Bytes> {
    let chaos = Chaos::calm();
    let bucket = MemoryBucket::new(&chaos, Guard::Whole);
    catalog(&bucket);
    for (key, bytes) in objects {
        bucket.insert(key.clone(), bytes.clone());
    }
    run(&bucket, &chaos);
    published(&bucket)
}

/// Objects arrive between runs, of which some are killed, and two take place at once.
fn disturbed(seed: u64, objects: &[(String, Bytes)], guard: Guard) -> BTreeMap<String, Bytes> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let chaos = Chaos::new(seed);
    let bucket = MemoryBucket::new(&chaos, guard);
    catalog(&bucket);
    let etl = Etl::new(&bucket, FIRST_DAY);
    for (key, bytes) in objects {
        let arrive = || bucket.insert(key.clone(), bytes.clone());
        let run = |asked| etl.run(asked, || false);
        match rng.random_range(0..4) {
            0 => {
                // It arrives when one run has begun, and another one begins.
                let another = async {
                    arrive();
                    run(None).await
                };
                drop(chaos.invoke(async { futures::join!(run(None), another) }));
            }
            1 => {
                arrive();
                drop(chaos.invoke(run(Some(FIRST_DAY..=FIRST_DAY + 1))));
            }
            2 => {
                arrive();
                drop(chaos.invoke(run(None)));
            }
            _ => arrive(),
        }
    }
    settle(&bucket, &chaos);
    chaos.settle();
    settle(&bucket, &chaos);
    published(&bucket)
}

#[test]
fn whatever_is_killed_or_run_twice_ends_in_the_same_bytes() {
    for seed in 0..histories() / 5 {
        let objects = archive(seed);
        let (found, expected) = (disturbed(seed, &objects, Guard::Whole), undisturbed(&objects));
        let keys = |objects: &BTreeMap<String, Bytes>| objects.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&found), keys(&expected), "seed {seed}");
        for (key, bytes) in &found {
            assert!(*bytes == expected[key], "seed {seed}: {key} differs");
        }
    }
}

/// A bucket on which the first put of an object hangs until its run is long dead.
struct Hanging<'a> {
    bucket: &'a MemoryBucket<'a>,
    key: &'a str,
    put: Mutex<Option<(Bytes, Option<String>)>>,
}

impl Objects for Hanging<'_> {
    async fn list(&self, prefix: &str) -> Result<Versions, StoreError> {
        self.bucket.list(prefix).await
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
        if key != self.key {
            return self.bucket.put(key, bytes, replaces).await;
        }
        *self.put.lock().unwrap() = Some((bytes, replaces.map(str::to_owned)));
        Err(StoreError::new("PutObject", key, "no answer"))
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.bucket.delete(key).await
    }
}

/// A run dies while it puts an object; an order arrives, and another run; then the put lands. What is there before, and after.
fn with_a_late_put(key: &str, guard: Guard) -> [Option<Bytes>; 2] {
    let chaos = Chaos::calm();
    let bucket = MemoryBucket::new(&chaos, guard);
    let sold = |user_id| testkit::example(user_id, MS_PER_DAY);
    let arrive = |number, user_id| {
        let (key, bytes) = object(number, &[sold(user_id)]);
        bucket.insert(key, bytes);
    };
    arrive(0, 1);
    run(&bucket, &chaos);
    arrive(1, 2);
    let hanging = Hanging {
        bucket: &bucket,
        key,
        put: Mutex::default(),
    };
    let died = chaos.invoke(Etl::new(&hanging, FIRST_DAY).run(None, || false));
    assert!(matches!(died, Some(Err(_))), "{died:?}");
    arrive(2, 3);
    run(&bucket, &chaos);
    let before = bucket.objects().remove(key);
    let (bytes, replaces) = hanging.put.into_inner().unwrap().expect("a put that hangs");
    drop(chaos.invoke(bucket.put(key, bytes, replaces.as_deref())));
    [before, bucket.objects().remove(key)]
}

#[test]
fn a_late_put_of_a_dead_run_changes_nothing() {
    for key in [
        "warehouse/fact_sales/dt=1970-01-02/fact_sales.parquet",
        "warehouse/dim_user/dim_user.parquet",
        "state/batch",
    ] {
        let [before, after] = with_a_late_put(key, Guard::Whole);
        assert!(before.is_some() && before == after, "{key}");
        let [before, after] = with_a_late_put(key, Guard::NoConditionalMark);
        assert_ne!(
            before, after,
            "{key}: the test does not notice that the guard is gone"
        );
    }
}

/// A bucket on which other things happen once an object is put.
struct Overtaken<'a, F> {
    bucket: &'a MemoryBucket<'a>,
    key: &'a str,
    meanwhile: Mutex<Option<F>>,
}

impl<F: FnOnce() + Send> Objects for Overtaken<'_, F> {
    async fn list(&self, prefix: &str) -> Result<Versions, StoreError> {
        self.bucket.list(prefix).await
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
        let stored = self.bucket.put(key, bytes, replaces).await;
        if key == self.key
            && let Some(meanwhile) = self.meanwhile.lock().unwrap().take()
        {
            meanwhile();
        }
        stored
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.bucket.delete(key).await
    }
}

#[test]
fn a_run_that_another_overtakes_between_its_save_and_its_first_day_does_not_replace_that_day() {
    let chaos = Chaos::calm();
    let bucket = MemoryBucket::new(&chaos, Guard::Whole);
    let arrive = |number, user_id| {
        let (key, bytes) = object(number, &[testkit::example(user_id, MS_PER_DAY)]);
        bucket.insert(key, bytes);
    };
    arrive(0, 1);
    run(&bucket, &chaos);
    arrive(1, 2);
    let meanwhile = || {
        arrive(2, 3);
        run(&bucket, &chaos);
    };
    let overtaken = Overtaken {
        bucket: &bucket,
        key: "state/batch",
        meanwhile: Mutex::new(Some(meanwhile)),
    };
    let ended = chaos.invoke(Etl::new(&overtaken, FIRST_DAY).run(None, || false));
    assert!(matches!(ended, Some(Ok(Ended::Forestalled))), "{ended:?}");
    let rows: Vec<usize> = paid(&published(&bucket))
        .into_values()
        .map(|(rows, _)| rows)
        .collect();
    assert_eq!(rows, [3]);
}

/// Rows, and Σ net + shipping + tax, by key of the file.
fn paid(objects: &BTreeMap<String, Bytes>) -> BTreeMap<String, (usize, i64)> {
    let facts = objects.iter().filter(|(key, _)| key.contains("fact_sales"));
    facts
        .map(|(key, bytes)| {
            let reader = ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).unwrap();
            let (mut rows, mut paid_minor) = (0, 0);
            for batch in reader.build().unwrap() {
                let batch = batch.unwrap();
                rows += batch.num_rows();
                for name in ["net_minor", "shipping_minor", "tax_minor"] {
                    let column = batch.column_by_name(name).unwrap();
                    let column: &Int64Array = column.as_any().downcast_ref().unwrap();
                    paid_minor += column.values().iter().sum::<i64>();
                }
            }
            (key.clone(), (rows, paid_minor))
        })
        .collect()
}

#[test]
fn a_late_event_rebuilds_the_days_that_it_touches_and_no_other() {
    let chaos = Chaos::calm();
    let bucket = MemoryBucket::new(&chaos, Guard::Whole);
    let at = |day: i32| i64::from(day) * MS_PER_DAY + 1;
    let event = |user_id: u64, day: i32| testkit::example(user_id, at(day));
    let (key, bytes) = object(0, &[event(1, 10), event(2, 11), event(3, 12)]);
    bucket.insert(key, bytes);
    assert_eq!(run(&bucket, &chaos).days, [10, 11, 12].into());
    let before = published(&bucket);
    let (key, bytes) = object(1, &[event(4, 11), event(1, 10)]);
    bucket.insert(key, bytes);
    let rebuilt = run(&bucket, &chaos);
    // Day 10 only got a copy of what it had.
    assert_eq!((rebuilt.objects, rebuilt.days), (1, BTreeSet::from([10, 11])));
    let after = published(&bucket);
    let changed: BTreeSet<&str> = after
        .iter()
        .filter(|(key, bytes)| before.get(*key) != Some(bytes) && key.contains("fact_sales"))
        .map(|(key, _)| key.as_str())
        .collect();
    assert_eq!(
        changed,
        BTreeSet::from(["warehouse/fact_sales/dt=1970-01-12/fact_sales.parquet"])
    );
    let sums: Vec<_> = paid(&after).into_values().collect();
    let one = testkit::example(1, 0).sale().unwrap().total_minor;
    assert_eq!(sums, [(1, one), (2, 2 * one), (1, one)]);
    assert_eq!(run(&bucket, &chaos), Rebuilt::default());
}

#[test]
fn what_is_replaced_in_the_archive_or_gone_from_it_is_in_the_facts_as_well() {
    let chaos = Chaos::calm();
    let bucket = MemoryBucket::new(&chaos, Guard::Whole);
    let of_days = |days: &[i32]| {
        let events: Vec<_> = days
            .iter()
            .map(|day| testkit::example(1, i64::from(*day) * MS_PER_DAY))
            .collect();
        object(0, &events)
    };
    let sums = || {
        let files = paid(&published(&bucket)).into_values();
        files.map(|(rows, _)| rows).collect::<Vec<_>>()
    };
    let (key, bytes) = of_days(&[10, 11]);
    bucket.insert(key.clone(), bytes);
    assert_eq!(run(&bucket, &chaos).days, [10, 11].into());
    assert_eq!(sums(), [1, 1]);
    let (_, bytes) = of_days(&[11, 12]);
    bucket.insert(key.clone(), bytes);
    assert_eq!(run(&bucket, &chaos).days, [10, 11, 12].into());
    assert_eq!(sums(), [0, 1, 1]);
    chaos.invoke(bucket.delete(&key)).unwrap().unwrap();
    assert_eq!(run(&bucket, &chaos).days, [11, 12].into());
    assert_eq!(sums(), [0, 0, 0]);
    assert_eq!(run(&bucket, &chaos), Rebuilt::default());
}

#[test]
fn a_run_that_is_out_of_time_leaves_the_rest_to_the_next() {
    let objects = archive(1);
    let chaos = Chaos::calm();
    let bucket = MemoryBucket::new(&chaos, Guard::Whole);
    catalog(&bucket);
    for (key, bytes) in &objects {
        bucket.insert(key.clone(), bytes.clone());
    }
    let steps = std::cell::Cell::new(0);
    let mut runs = 0;
    loop {
        steps.set(0);
        let is_time_up = || {
            steps.set(steps.get() + 1);
            steps.get() > 1
        };
        let ended = chaos.invoke(Etl::new(&bucket, FIRST_DAY).run(None, is_time_up));
        let Some(Ok(Ended::Done(rebuilt))) = ended else {
            panic!("{ended:?}")
        };
        runs += 1;
        if rebuilt.pending == 0 && rebuilt.objects == 0 {
            break;
        }
    }
    assert!(runs > 3);
    assert_eq!(published(&bucket), undisturbed(&objects));
}

#[test]
fn an_object_that_is_no_parquet_is_named() {
    let chaos = Chaos::calm();
    let bucket = MemoryBucket::new(&chaos, Guard::Whole);
    bucket.insert(
        "events/transactions/dt=2026-11-22/hour=00/x.parquet",
        "no Parquet",
    );
    let error = chaos
        .invoke(Etl::new(&bucket, FIRST_DAY).run(None, || false))
        .unwrap()
        .unwrap_err();
    assert!(error.to_string().contains("hour=00/x.parquet"), "{error}");
}

#[test]
fn what_is_no_parquet_by_its_name_is_no_archive_object() {
    let chaos = Chaos::calm();
    let bucket = MemoryBucket::new(&chaos, Guard::Whole);
    for name in ["", "dt=2026-11-22/", "dt=2026-11-22/hour=00/_SUCCESS"] {
        bucket.insert(format!("events/transactions/{name}"), "");
    }
    assert_eq!(run(&bucket, &chaos), Rebuilt::default());
}

#[test]
fn without_the_table_of_hours_what_is_compacted_is_missed_before_anything_is_saved() {
    let chaos = Chaos::calm();
    let bucket = MemoryBucket::new(&chaos, Guard::Whole);
    for number in 0..2 {
        let (key, bytes) = object(number, &[testkit::example(1, MS_PER_DAY)]);
        bucket.insert(key, bytes);
    }
    run(&bucket, &chaos);
    let settings = Settings {
        closed_after_ms: 0,
        step_ms: MS_PER_HOUR,
    };
    let compact = |run: i64| {
        let now = Timestamp::from_ms((i64::from(FIRST_DAY) + DAYS + run) * MS_PER_DAY).unwrap();
        let ended = chaos.invoke(Compaction::new(&bucket, settings).run(now, || false));
        assert!(matches!(ended, Some(Ok(compaction::Ended::Done(_)))), "{ended:?}");
    };
    compact(1);
    // Parts are there, and there is no table yet.
    assert!(!bucket.objects().contains_key(&compacted_hours_key()));
    assert_eq!(run(&bucket, &chaos), Rebuilt::default());
    compact(2);
    compact(3);
    run(&bucket, &chaos);
    let lost = chaos.invoke(bucket.delete(&compacted_hours_key()));
    lost.unwrap().unwrap();
    let (key, bytes) = object(90_000, &[testkit::example(2, MS_PER_DAY)]);
    bucket.insert(key, bytes);
    let before = bucket.objects();
    let ended = chaos.invoke(Etl::new(&bucket, FIRST_DAY).run(None, || false));
    let Some(Err(EtlError::Object { object, problem })) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(object, compacted_hours_key());
    assert!(problem.to_string().contains("g0001-0000.parquet"), "{problem}");
    assert_eq!(bucket.objects(), before);
}
