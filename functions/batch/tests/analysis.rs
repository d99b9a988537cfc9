//! From published facts to tables: the same bytes whatever is killed, nothing of facts that are not those published, and
//! each snapshot against the one before.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod archive;

use std::collections::BTreeMap;

use archive::{DAYS, FIRST_DAY, archive, catalog, object, view};
use arrow::array::{Array as _, Date32Array, Int64Array, RecordBatch, StringArray};
use batch::analysis::{Analysed, Analysis};
use batch::etl::{Ended, Etl};
use bytes::Bytes;
use events::MS_PER_DAY;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use testkit::{Chaos, Guard, MemoryBucket, example, histories};

const TODAY: i32 = FIRST_DAY + 5;

fn filled(chaos: &Chaos, seed: u64) -> MemoryBucket<'_> {
    let bucket = MemoryBucket::new(chaos, Guard::Whole);
    catalog(&bucket);
    for (key, bytes) in archive(seed) {
        bucket.insert(key, bytes);
    }
    bucket
}

/// Facts, then tables; `None` if something goes wrong on the way.
fn both(bucket: &MemoryBucket<'_>, chaos: &Chaos) -> Option<Analysed> {
    let facts = chaos
        .invoke(Etl::new(bucket, FIRST_DAY).run(None, || false))?
        .ok()?;
    if !matches!(facts, Ended::Done(rebuilt) if rebuilt.pending == 0) {
        return None;
    }
    chaos.invoke(Analysis::new(bucket).run(TODAY))?.ok()
}

fn tables(bucket: &MemoryBucket<'_>) -> BTreeMap<String, Bytes> {
    let mut objects = bucket.objects();
    objects
        .retain(|key, _| key.starts_with("warehouse/") && !key.contains("/dim_") && !key.contains("/fact_"));
    objects
}

#[test]
fn whatever_is_killed_the_tables_are_the_same_bytes() {
    for seed in 0..histories() / 20 {
        let (calm, chaos) = (Chaos::calm(), Chaos::new(seed));
        let (undisturbed, disturbed) = (filled(&calm, seed), filled(&chaos, seed));
        assert_eq!(both(&undisturbed, &calm), Some(Analysed::Published));
        let published = || both(&disturbed, &chaos) == Some(Analysed::Published);
        assert!(
            (0..200).any(|_| published()),
            "seed {seed}: it still fails when there is no trouble left"
        );
        chaos.settle();
        assert_eq!(tables(&disturbed), tables(&undisturbed), "seed {seed}");
        // All nine, and once more changes nothing.
        let before = tables(&undisturbed);
        assert_eq!(before.len(), 9);
        assert_eq!(both(&undisturbed, &calm), Some(Analysed::Published));
        assert_eq!(tables(&undisturbed), before);
    }
}

#[test]
fn facts_that_are_not_those_published_change_no_table() {
    let chaos = Chaos::calm();
    let bucket = filled(&chaos, 1);
    both(&bucket, &chaos).unwrap();
    let before = tables(&bucket);
    let facts: Vec<String> = bucket
        .objects()
        .into_keys()
        .filter(|key| key.contains("fact_sales"))
        .collect();
    let of_another_day = bucket.objects()[&facts[1]].clone();
    bucket.insert(facts[0].clone(), of_another_day);
    let Some(Ok(Analysed::HeldBack(why))) = chaos.invoke(Analysis::new(&bucket).run(TODAY)) else {
        panic!("the gate is open");
    };
    assert!(why.contains(&format!("day {FIRST_DAY} should be")), "{why}");
    assert_eq!(tables(&bucket), before);
}

#[test]
fn views_are_counted_by_product_whatever_else_their_stream_holds() {
    for seed in 0..20 {
        let chaos = Chaos::calm();
        let bucket = filled(&chaos, seed);
        let mut archived = BTreeMap::new();
        for (key, bytes) in archive(seed) {
            if key.starts_with("events/product_views/") {
                add_views(&mut archived, bytes);
            }
        }
        assert_eq!(both(&bucket, &chaos), Some(Analysed::Published));
        let mut tables = tables(&bucket);
        tables.retain(|key, _| key.contains("product_performance"));
        let (_, performance) = tables.pop_first().unwrap();
        let found: BTreeMap<i64, i64> = numbers(performance, ["product_id", "views"])
            .filter(|[_, views]| *views > 0)
            .map(|[product_id, views]| (product_id, views))
            .collect();
        assert_eq!(found, archived, "seed {seed}");
    }
}

fn add_views(views: &mut BTreeMap<i64, i64>, object: Bytes) {
    let rows = ParquetRecordBatchReaderBuilder::try_new(object).unwrap();
    for batch in rows.build().unwrap() {
        let batch = batch.unwrap();
        let types: &StringArray = column(&batch, "event_type");
        let products: &Int64Array = column(&batch, "product_id");
        for (_, product) in types
            .iter()
            .zip(products)
            .filter(|(of, _)| *of == Some("product_view"))
        {
            *views.entry(product.unwrap()).or_default() += 1;
        }
    }
}

fn numbers(file: Bytes, names: [&'static str; 2]) -> impl Iterator<Item = [i64; 2]> {
    let rows = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    rows.build().unwrap().flat_map(move |batch| {
        let batch = batch.unwrap();
        let [a, b] = names.map(|name| column::<Int64Array>(&batch, name).values().to_vec());
        a.into_iter().zip(b).map(|(a, b)| [a, b]).collect::<Vec<_>>()
    })
}

fn column<'a, A: 'static>(batch: &'a RecordBatch, name: &str) -> &'a A {
    batch
        .column_by_name(name)
        .unwrap()
        .as_any()
        .downcast_ref()
        .unwrap()
}

#[test]
fn views_that_are_not_those_published_change_no_table() {
    let chaos = Chaos::calm();
    let bucket = filled(&chaos, 1);
    let more = [9, 4, 4].map(|product_id| view(product_id, i64::from(FIRST_DAY) * MS_PER_DAY));
    let (key, bytes) = object(1_000, &more);
    bucket.insert(key, bytes);
    both(&bucket, &chaos).unwrap();
    let before = tables(&bucket);
    let of_views = |key: &String| key.contains("fact_product_views");
    let alone = MemoryBucket::new(&chaos, Guard::Whole);
    let (key, bytes) = object(0, &more[1..]);
    alone.insert(key, bytes);
    chaos
        .invoke(Etl::new(&alone, FIRST_DAY).run(None, || false))
        .unwrap()
        .unwrap();
    let file = alone.objects().into_keys().find(of_views).unwrap();
    bucket.insert(file.clone(), alone.objects()[&file].clone());
    let Some(Ok(Analysed::HeldBack(why))) = chaos.invoke(Analysis::new(&bucket).run(TODAY)) else {
        panic!("the gate is open");
    };
    assert!(why.starts_with("views of day"), "{why}");
    assert_eq!(tables(&bucket), before);
}

#[test]
fn tables_wait_for_days_that_are_pending() {
    let chaos = Chaos::calm();
    let bucket = filled(&chaos, 1);
    let days = std::cell::Cell::new(0);
    let objects = archive(1).len();
    let after_a_day = || {
        days.set(days.get() + 1);
        days.get() > objects + 1
    };
    chaos
        .invoke(Etl::new(&bucket, FIRST_DAY).run(None, after_a_day))
        .unwrap()
        .unwrap();
    let analysed = chaos.invoke(Analysis::new(&bucket).run(TODAY)).unwrap().unwrap();
    assert_eq!(analysed, Analysed::Pending);
    assert!(tables(&bucket).is_empty());
}

#[test]
fn a_snapshot_is_compared_with_the_one_before_also_when_it_is_made_again() {
    let chaos = Chaos::calm();
    let bucket = filled(&chaos, 1);
    both(&bucket, &chaos).unwrap();
    let first: Vec<String> = tables(&bucket)
        .into_keys()
        .filter(|key| key.contains("segment_migration"))
        .collect();
    let later_ms = (i64::from(FIRST_DAY) + DAYS + 3) * MS_PER_DAY;
    let (key, bytes) = object(1_000, &[example(1, later_ms)]);
    bucket.insert(key, bytes);
    for _ in 0..2 {
        assert_eq!(both(&bucket, &chaos), Some(Analysed::Published));
        let mut migrations = tables(&bucket);
        migrations.retain(|key, _| key.contains("segment_migration"));
        assert_eq!(migrations.len(), 2);
        let (_, latest) = migrations
            .into_iter()
            .find(|(key, _)| !first.contains(key))
            .unwrap();
        let mut rows = ParquetRecordBatchReaderBuilder::try_new(latest)
            .unwrap()
            .build()
            .unwrap();
        let batch = rows.next().unwrap().unwrap();
        let previous = batch.column_by_name("previous_date").unwrap();
        let previous: &Date32Array = previous.as_any().downcast_ref().unwrap();
        assert!(
            previous
                .iter()
                .all(|day| day.is_some_and(|day| day <= FIRST_DAY + 3))
        );
        let customers = batch.column_by_name("customers").unwrap();
        let customers: &Int64Array = customers.as_any().downcast_ref().unwrap();
        assert!(customers.len() > 1);
    }
}

#[test]
fn without_an_order_there_are_no_tables() {
    let chaos = Chaos::calm();
    let bucket = MemoryBucket::new(&chaos, Guard::Whole);
    assert_eq!(both(&bucket, &chaos), Some(Analysed::Published));
    assert!(tables(&bucket).is_empty());
}
