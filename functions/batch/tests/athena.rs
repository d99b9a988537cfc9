//! The tables of Athena's engine against those of the embedded one, byte for byte, and what a run does when something is
//! not as it should be. In place of Athena, DuckDB answers the queries.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod archive;
#[path = "athena/duckdb.rs"]
mod duckdb;
#[path = "athena/service.rs"]
mod service;
#[expect(dead_code, reason = "the facts are made of events here")]
mod shop;

use std::collections::BTreeMap;

use archive::{FIRST_DAY, archive, catalog, object, view};
use aws::StoreError;
use batch::analysis::{Analysed, Analysis};
use batch::athena::{AthenaAnalysis, AthenaError, Queries};
use batch::etl::{Ended, Etl};
use bytes::Bytes;
use duckdb::DuckDb;
use events::{Event, Line, MS_PER_DAY, Uuid};
use shop::{Row, Shop};
use testkit::{Chaos, Guard, MemoryBucket, example, purchase, refund};

const TODAY: i32 = FIRST_DAY + 5;

type Archive = Vec<(String, Bytes)>;

fn fill(bucket: &MemoryBucket<'_>, archive: &[(String, Bytes)]) {
    for (key, bytes) in archive {
        bucket.insert(key.clone(), bytes.clone());
    }
}

fn make_facts(bucket: &MemoryBucket<'_>, chaos: &Chaos, until: i32) {
    let ended = chaos.invoke(Etl::new(bucket, until).run(None, || false));
    assert!(matches!(ended, Some(Ok(Ended::Done(rebuilt))) if rebuilt.pending == 0));
}

fn run<Q: Queries>(bucket: &MemoryBucket<'_>, queries: Q, chaos: &Chaos) -> Result<Analysed, AthenaError> {
    run_as_of(bucket, queries, chaos, TODAY)
}

fn run_as_of<Q: Queries>(
    bucket: &MemoryBucket<'_>,
    queries: Q,
    chaos: &Chaos,
    as_of_day: i32,
) -> Result<Analysed, AthenaError> {
    let analysis = AthenaAnalysis::new(bucket, queries);
    chaos.invoke(analysis.run(as_of_day)).unwrap()
}

/// The analytical tables.
fn tables(bucket: &MemoryBucket<'_>) -> BTreeMap<String, Bytes> {
    let mut objects = bucket.objects();
    objects
        .retain(|key, _| key.starts_with("warehouse/") && !key.contains("/dim_") && !key.contains("/fact_"));
    objects
}

/// Archives that come one after the other: after each, both engines make their tables, which must be the same. How many
/// there are in the end.
fn compare(name: &str, archives: &[Archive], as_of_day: i32) -> usize {
    let chaos = Chaos::calm();
    let (ours, theirs) = (
        MemoryBucket::new(&chaos, Guard::Whole),
        MemoryBucket::new(&chaos, Guard::Whole),
    );
    let duckdb = DuckDb::new(&theirs);
    for bucket in [&ours, &theirs] {
        catalog(bucket);
    }
    for archive in archives {
        for bucket in [&ours, &theirs] {
            fill(bucket, archive);
            make_facts(bucket, &chaos, as_of_day);
        }
        let embedded = chaos
            .invoke(Analysis::new(&ours).run(as_of_day))
            .unwrap()
            .unwrap();
        assert_eq!(embedded, Analysed::Published, "{name}");
        assert_eq!(
            run_as_of(&theirs, &duckdb, &chaos, as_of_day).unwrap(),
            Analysed::Published,
            "{name}"
        );
        let (ours, theirs) = (tables(&ours), tables(&theirs));
        assert!(
            ours.keys().eq(theirs.keys()),
            "{name}: {:?}, {:?}",
            ours.keys(),
            theirs.keys()
        );
        for (key, table) in &ours {
            assert!(*table == theirs[key], "{name}: {key} differs");
        }
    }
    tables(&theirs).len()
}

/// An order that arrives later, by a user who was there or not.
fn later(user_id: u64, day: i32) -> Archive {
    let number = 900 + u32::try_from(user_id).unwrap();
    vec![object(number, &[example(user_id, i64::from(day) * MS_PER_DAY)])]
}

#[test]
fn both_engines_make_the_same_tables_of_archives() {
    for seed in 0..3 {
        // After the last one, the facts are as they were.
        let archives = [archive(seed), later(seed, FIRST_DAY + 4), Vec::new()];
        assert_eq!(compare(&format!("archive {seed}"), &archives, TODAY), 12);
    }
}

/// What a shop sells, as events.
fn events(shop: &Shop) -> Vec<Event> {
    let mut events = Vec::new();
    for (day, lines) in shop.lines() {
        for lines in lines.chunk_by(|line, next| line.transaction == next.transaction) {
            events.push(event(day, lines));
        }
        let product_id = u64::try_from(day % 7).unwrap();
        events.push(view(product_id, i64::from(day) * MS_PER_DAY));
    }
    events
}

fn event(day: i32, rows: &[Row]) -> Event {
    let row = &rows[0];
    let at = i64::from(day) * MS_PER_DAY + i64::try_from(row.transaction).unwrap();
    let line = |row: &Row| Line {
        product_id: u64::try_from(row.product_id).unwrap(),
        category: row.category.clone().into(),
        quantity: row.quantity.abs(),
        unit_price_minor: row.gross_minor / row.quantity,
    };
    let user_id = u64::try_from(row.user_id).unwrap();
    let mut event = purchase(user_id, at, rows.iter().map(line).collect());
    event.envelope.event_id = Uuid::from_u128(u128::try_from(row.transaction).unwrap());
    event.envelope.country = row.country.parse().unwrap();
    if row.is_refund {
        event.body = refund(event.sale().unwrap().clone());
    }
    event
}

/// An object of each stream that the events are of.
fn archive_of(shop: &Shop) -> Archive {
    let (views, sales): (Vec<Event>, Vec<Event>) =
        events(shop).into_iter().partition(|event| event.sale().is_none());
    let of_both = [(0, views), (1, sales)];
    let there = of_both.iter().filter(|(_, events)| !events.is_empty());
    there.map(|(number, events)| object(*number, events)).collect()
}

const USUAL: Shop = Shop::usual(FIRST_DAY);

/// Shops, how many days after their last one the last complete day is, and how many tables there are of them.
fn shops() -> [(Shop, i32, usize); 7] {
    let long = Shop {
        seed: 2,
        days: 400,
        closed_percent: 70,
        orders_a_day: 2,
        ..USUAL
    };
    let free = Shop { prices: 1, ..USUAL };
    let short = Shop {
        days: 16,
        closed_percent: 50,
        ..USUAL
    };
    let only_refunds = Shop {
        refund_percent: 100,
        ..USUAL
    };
    [
        (USUAL, -2, 9),
        (long, 0, 9),
        (free, 1, 9),
        (short, 0, 9),
        (only_refunds, 0, 0),
        // Nothing is complete yet; long closed.
        (USUAL, -200, 9),
        (USUAL, 90, 9),
    ]
}

#[test]
fn both_engines_make_the_same_tables_of_shops() {
    for (shop, as_of, count) in shops() {
        let as_of_day = shop.first_day + shop.days - 1 + as_of;
        let name = format!("{shop:?}, {as_of}");
        assert_eq!(compare(&name, &[archive_of(&shop)], as_of_day), count, "{name}");
    }
}

#[test]
fn snapshot_after_snapshot_is_compared_with_the_one_before() {
    let second = Shop {
        seed: 3,
        first_day: FIRST_DAY + 100,
        days: 20,
        users: 60,
        ..USUAL
    };
    let mut events = events(&second);
    // Of another time, so that they are other transactions.
    events.iter_mut().for_each(|event| {
        event.envelope.event_id = Uuid::from_u128(event.envelope.event_id.as_u128() + (1 << 100));
    });
    events.retain(|event| event.sale().is_some());
    let archives = [
        archive_of(&USUAL),
        vec![object(2, &events)],
        later(3, FIRST_DAY + 121),
    ];
    assert_eq!(compare("snapshots", &archives, FIRST_DAY + 121), 6 + 3 * 3);
}

/// Tables of an archive, and the facts of one object more, of which there are no tables yet.
fn prepared(chaos: &Chaos) -> MemoryBucket<'_> {
    let bucket = MemoryBucket::new(chaos, Guard::Whole);
    catalog(&bucket);
    fill(&bucket, &archive(1));
    make_facts(&bucket, chaos, TODAY);
    chaos.invoke(Analysis::new(&bucket).run(TODAY)).unwrap().unwrap();
    fill(&bucket, &later(1, FIRST_DAY + 3));
    make_facts(&bucket, chaos, TODAY);
    bucket
}

/// Somebody who sees a query before it is asked, and may ask another one.
struct Between<'a, F> {
    duckdb: DuckDb<'a>,
    table: &'static str,
    change: F,
}

impl<F: Fn(&str) -> Result<String, StoreError> + Sync> Queries for Between<'_, F> {
    async fn unload(&self, select: &str, prefix: &str) -> Result<(), StoreError> {
        if !prefix.ends_with(&format!("/{}/", self.table)) {
            return self.duckdb.unload(select, prefix).await;
        }
        self.duckdb.unload(&(self.change)(select)?, prefix).await
    }
}

fn between<'a, F: Fn(&str) -> Result<String, StoreError> + Sync>(
    bucket: &'a MemoryBucket<'a>,
    table: &'static str,
    change: F,
) -> Between<'a, F> {
    Between {
        duckdb: DuckDb::new(bucket),
        table,
        change,
    }
}

#[test]
fn a_query_that_fails_is_named_and_changes_no_table() {
    let chaos = Chaos::calm();
    let bucket = prepared(&chaos);
    let before = tables(&bucket);
    for table in ["fact_sales", "sales_by_region", "product_performance"] {
        let fails = |_: &str| Ok("select nothing from nowhere".to_owned());
        let Err(AthenaError::Store(error)) = run(&bucket, between(&bucket, table, fails), &chaos) else {
            panic!("{table} was unloaded");
        };
        assert!(error.subject.ends_with(&format!("/{table}/")), "{error}");
        assert!(error.source.to_string().contains("nowhere"), "{}", error.source);
        assert!(tables(&bucket) == before, "{table}");
    }
}

/// What is read by other queries is published by then, and no other table.
#[test]
fn a_query_that_fails_late_leaves_the_rest_to_the_next_run() {
    let chaos = Chaos::calm();
    let bucket = prepared(&chaos);
    let before = tables(&bucket);
    let fails = |_: &str| Err(StoreError::new("UNLOAD", "forecast", "no"));
    run(&bucket, between(&bucket, "sales_forecast", fails), &chaos).unwrap_err();
    assert_eq!(changed(&before, &bucket), ["customer_segments", "sales_trends"]);
    assert_eq!(
        run(&bucket, DuckDb::new(&bucket), &chaos).unwrap(),
        Analysed::Published
    );
    assert_eq!(tables(&bucket).len(), 12);
}

fn held_back<Q: Queries>(bucket: &MemoryBucket<'_>, queries: Q, chaos: &Chaos) -> String {
    let before = tables(bucket);
    let analysed = run(bucket, queries, chaos).unwrap();
    assert!(tables(bucket) == before, "{analysed:?}");
    match analysed {
        Analysed::HeldBack(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn facts_that_are_not_those_published_change_no_table() {
    let chaos = Chaos::calm();
    let bucket = prepared(&chaos);
    let key = |day: &str| format!("warehouse/fact_sales/dt={day}/fact_sales.parquet");
    let [first, second] = ["2026-11-22", "2026-11-23"].map(|day| bucket.objects()[&key(day)].clone());
    bucket.insert(key("2026-11-22"), second);
    let why = held_back(&bucket, DuckDb::new(&bucket), &chaos);
    assert!(
        why.contains(&format!("day {FIRST_DAY} in fact_sales should be")),
        "{why}"
    );

    // A day that nobody published.
    bucket.insert(key("2026-11-22"), first.clone());
    bucket.insert(key("2026-10-01"), first);
    let why = held_back(&bucket, DuckDb::new(&bucket), &chaos);
    assert!(why.contains("in fact_sales should be nothing"), "{why}");
}

#[test]
fn tables_that_do_not_come_to_the_facts_are_not_published() {
    let chaos = Chaos::calm();
    let bucket = prepared(&chaos);
    for (table, cut, objection) in [
        (
            "sales_by_region",
            "where month < date '1970-01-01'",
            "net_revenue_minor in sales_by_region",
        ),
        (
            "customer_segments",
            "where user_id > 1",
            "frequency in customer_segments",
        ),
        (
            "product_performance",
            "where net_revenue_minor <= 0",
            "net_revenue_minor in product_performance",
        ),
        // A day without sales.
        (
            "sales_trends",
            "where orders > 0",
            "in sales_trends should be 0 orders, 0 net and is nothing",
        ),
        (
            "sales_trends",
            "where period_start <> date '2026-11-22'",
            "day 20779 in sales_trends should be",
        ),
    ] {
        let ask = |select: &str| Ok(format!("select * from ({select}) as whole {cut}"));
        let why = held_back(&bucket, between(&bucket, table, ask), &chaos);
        assert!(why.contains(objection), "{table}: {why}");
    }
    let views = |select: &str| {
        let others = "product_id, category, as_of_date, orders, units, net_units, gross_minor, discount_minor, \
                      refunded_minor, net_revenue_minor, margin_minor, margin_rate, conversion, refund_rate, \
                      rank_in_category, abc_class, trend";
        Ok(format!(
            "select {others}, views + 1 as views from ({select}) as whole"
        ))
    };
    let why = held_back(&bucket, between(&bucket, "product_performance", views), &chaos);
    assert!(why.contains("views in product_performance"), "{why}");
}

#[test]
fn columns_that_are_not_those_of_the_table_are_named() {
    let chaos = Chaos::calm();
    let bucket = prepared(&chaos);
    let before = tables(&bucket);
    for (column, problem) in [
        ("1 as other", "there is no column `m`"),
        ("nullif(m, m) as m", "column `m` has nulls"),
        (
            "cast(m as double) as m",
            "column `m` is Float64 and should be Int32",
        ),
        ("m + 3000000000 as m", "column `m`: Cast error"),
    ] {
        let change = |select: &str| {
            let others = "user_id, snapshot_date, recency_days, frequency, monetary_minor, r, f, segment";
            Ok(format!("select {others}, {column} from ({select}) as whole"))
        };
        let error = run(&bucket, between(&bucket, "customer_segments", change), &chaos).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("/customer_segments/") && error.contains(problem),
            "{error}"
        );
        assert!(tables(&bucket) == before, "{problem}");
    }
    // It has no place in the order of the key.
    let change = |select: &str| {
        let others = "snapshot_date, previous_date, from_segment, customers";
        Ok(format!(
            "select {others}, 'VIP' as to_segment from ({select}) as whole"
        ))
    };
    let error = run(&bucket, between(&bucket, "segment_migration", change), &chaos).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("/segment_migration/: column `to_segment` cannot hold `VIP`"),
        "{error}"
    );
}

#[test]
fn who_is_slower_stops() {
    let chaos = Chaos::calm();
    let bucket = prepared(&chaos);
    // A table of another run's while this one asks.
    for (asked, table) in [
        ("sales_by_region", "sales_trends"),
        ("sales_forecast", "sales_by_region"),
    ] {
        let key = format!("warehouse/{table}/{table}.parquet");
        let other = bucket.objects()["warehouse/dim_region/dim_region.parquet"].clone();
        let put = |select: &str| {
            bucket.insert(key.clone(), other.clone());
            Ok(select.to_owned())
        };
        assert_eq!(
            run(&bucket, between(&bucket, asked, put), &chaos).unwrap(),
            Analysed::Forestalled
        );
        assert!(bucket.objects()[&key] == other);
    }
}

/// The tables that are not what they were.
fn changed(before: &BTreeMap<String, Bytes>, bucket: &MemoryBucket<'_>) -> Vec<String> {
    let mut after = tables(bucket);
    after.retain(|key, table| before.get(key) != Some(table));
    let table = |key: String| key.split('/').nth(1).unwrap().to_owned();
    after.into_keys().map(table).collect()
}

#[test]
fn facts_that_change_meanwhile_are_left_to_the_next_run() {
    let chaos = Chaos::calm();
    let bucket = prepared(&chaos);
    let before = tables(&bucket);
    // Another run has just noted what it is about to do.
    let arrive = |select: &str| {
        fill(&bucket, &later(5, FIRST_DAY));
        let steps = std::cell::Cell::new(0);
        let is_time_up = || steps.replace(steps.get() + 1) > 0;
        Chaos::calm()
            .invoke(Etl::new(&bucket, TODAY).run(None, is_time_up))
            .unwrap()
            .unwrap();
        Ok(select.to_owned())
    };
    let queries = between(&bucket, "product_performance", arrive);
    assert_eq!(run(&bucket, queries, &chaos).unwrap(), Analysed::Forestalled);
    assert!(changed(&before, &bucket).is_empty());

    let bucket = prepared(&chaos);
    let arrive = |select: &str| {
        fill(&bucket, &later(5, FIRST_DAY));
        make_facts(&bucket, &Chaos::calm(), TODAY);
        Ok(select.to_owned())
    };
    let queries = between(&bucket, "sales_forecast", arrive);
    assert_eq!(run(&bucket, queries, &chaos).unwrap(), Analysed::Forestalled);
    assert_eq!(changed(&before, &bucket), ["customer_segments", "sales_trends"]);
}

#[test]
fn tables_wait_for_days_that_are_pending_and_without_a_day_there_is_nothing_to_ask() {
    let chaos = Chaos::calm();
    let bucket = MemoryBucket::new(&chaos, Guard::Whole);
    let nobody = |_: &str| -> Result<String, StoreError> { panic!("a query was asked") };
    assert_eq!(
        run(&bucket, between(&bucket, "fact_sales", nobody), &chaos).unwrap(),
        Analysed::Published
    );
    let objects = archive(1);
    fill(&bucket, &objects);
    let steps = std::cell::Cell::new(0);
    let is_time_up = || {
        steps.set(steps.get() + 1);
        steps.get() > objects.len() + 1
    };
    chaos
        .invoke(Etl::new(&bucket, TODAY).run(None, is_time_up))
        .unwrap()
        .unwrap();
    assert_eq!(
        run(&bucket, between(&bucket, "fact_sales", nobody), &chaos).unwrap(),
        Analysed::Pending
    );
    assert!(tables(&bucket).is_empty());
}
