//! The archive while it is compacted: readers see each row once at any moment, whatever is killed, late, or run twice.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "compaction/readers.rs"]
mod readers;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use aws::StoreError;
use aws::bucket::{Objects, Versions};
use batch::compaction::{Compacted, Compaction, CompactionError, Ended, Settings};
use bytes::Bytes;
use events::{Body, MS_PER_HOUR, MS_PER_MINUTE, ProductView, Stream, Timestamp};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use readers::Watched;
use testkit::{Chaos, Guard, MemoryBucket, histories, purchase};
use warehouse::compacted::{CompactedHours, PartSize};
use warehouse::{ArchivedEvent, archive_key, archived_hour, compacted_hour, compacted_hours_key, encode};

/// 2026-11-22T00:00:00Z.
const START_MS: i64 = 20_779 * 24 * MS_PER_HOUR;
const CLOSED_AFTER_MS: i64 = 15 * MS_PER_MINUTE;
/// A step of most histories; in others all are taken at once.
const STEP_MS: i64 = 30 * MS_PER_MINUTE;
/// A run acts on the time at which it began.
const MAX_LAG_MS: i64 = 5 * MS_PER_MINUTE;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms).unwrap()
}

/// An archive object of rows, which are numbered.
fn object(stream: Stream, arrived_ms: i64, mark: u32, rows: impl Iterator<Item = u32>) -> (String, Bytes) {
    let names: Vec<String> = rows.map(|row| row.to_string()).collect();
    let mut event = purchase(1, arrived_ms, Vec::new());
    if stream == Stream::ProductViews {
        event.body = Body::ProductView(ProductView {
            product_id: 1,
            category: "books".into(),
            price_minor: 1,
        });
    }
    let rows: Vec<ArchivedEvent<'_>> = names
        .iter()
        .map(|name| ArchivedEvent {
            event: &event,
            arrived_at: at(arrived_ms),
            shard_id: "shard",
            sequence_number: name,
        })
        .collect();
    let key = archive_key(stream, at(arrived_ms), "shard", &format!("{mark:04}"));
    (key, encode(stream, &rows).unwrap().bytes.into())
}

struct History<'a> {
    rng: ChaCha8Rng,
    chaos: &'a Chaos,
    bucket: &'a MemoryBucket<'a>,
    watched: Watched<'a>,
    settings: Settings,
    part_size: PartSize,
    now_ms: i64,
    objects: u32,
    rows: u32,
    was_killed: bool,
    switched: usize,
}

impl<'a> History<'a> {
    fn new(seed: u64, step_ms: i64, chaos: &'a Chaos, bucket: &'a MemoryBucket<'a>) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let small = PartSize {
            bytes: 1,
            row_group_rows: 8,
        };
        Self {
            chaos,
            bucket,
            watched: Watched::new(bucket, seed, step_ms - MAX_LAG_MS),
            settings: Settings {
                closed_after_ms: CLOSED_AFTER_MS,
                step_ms,
            },
            part_size: [small, PartSize::default()][rng.random_range(0..2)],
            rng,
            now_ms: START_MS,
            objects: 0,
            rows: 0,
            was_killed: false,
            switched: 0,
        }
    }

    fn pass(&mut self, ms: i64) {
        self.now_ms += ms;
        self.watched.set_clock(self.now_ms);
    }

    /// Mostly records of this hour, some that have waited, and some of a bulk load of an hour long past.
    fn arrive(&mut self) {
        let stream = [Stream::Transactions, Stream::ProductViews][self.rng.random_range(0..2)];
        let ago_ms = match self.rng.random_range(0..10) {
            0..6 => 0,
            6..8 => self.rng.random_range(0..MS_PER_HOUR),
            _ => self.rng.random_range(0..8 * MS_PER_HOUR),
        };
        let arrived_ms = (self.now_ms - ago_ms).max(START_MS);
        self.arrive_in(stream, arrived_ms);
    }

    fn arrive_in(&mut self, stream: Stream, arrived_ms: i64) {
        let rows = self.rows..self.rows + self.rng.random_range(1..6);
        let (key, bytes) = object(stream, arrived_ms, self.objects, rows.clone());
        self.objects += 1;
        self.rows = rows.end;
        // A switch that a dead run has put may still land, and it knows nothing of this object.
        let end_ms = (arrived_ms / MS_PER_HOUR + 1) * MS_PER_HOUR;
        let is_late = end_ms + CLOSED_AFTER_MS <= self.now_ms;
        self.watched.arrive(&key, bytes, is_late && self.was_killed);
    }

    fn run(&mut self, runs: usize) {
        let compaction = Compaction::new(&self.watched, self.settings).with_part_size(self.part_size);
        let mut one = || {
            let lag_ms = self.rng.random_range(0..2) * self.rng.random_range(0..=MAX_LAG_MS);
            let steps = Cell::new([3, 1_000][self.rng.random_range(0..2)]);
            let is_time_up = move || {
                steps.set(steps.get() - 1);
                steps.get() <= 0
            };
            compaction.run(at(self.now_ms - lag_ms), is_time_up)
        };
        let all: Vec<_> = (0..runs).map(|_| one()).collect();
        match self.chaos.invoke(futures::future::join_all(all)) {
            Some(ended) => ended.iter().for_each(|ended| self.switched += switched(ended)),
            None => self.was_killed = true,
        }
    }

    /// Lets time pass until there is nothing left to do.
    fn settle(&mut self) -> Result<(), String> {
        let mut quiet = 0;
        for _ in 0..200 {
            self.pass(STEP_MS);
            let compaction = Compaction::new(&self.watched, self.settings).with_part_size(self.part_size);
            let ended = self.chaos.invoke(compaction.run(at(self.now_ms), || false));
            let is_quiet = matches!(&ended, Some(Ok(Ended::Done(done))) if *done == Compacted::default());
            quiet = if is_quiet { quiet + 1 } else { 0 };
            self.switched += ended.as_ref().map_or(0, switched);
            if quiet == 3 {
                return Ok(());
            }
        }
        Err("it never ends".into())
    }

    /// All rows are seen, but for those that may be unseen, of few objects.
    fn is_right_in_the_end(&self, may_be_unseen: impl Fn(u32) -> bool) -> Result<(), String> {
        let seen = self.watched.seen()?;
        if (0..self.rows).any(|row| !seen.contains(&row) && !may_be_unseen(row)) {
            return Err("not all rows are seen in the end".into());
        }
        self.is_tidy()
    }

    /// Few objects, and no others.
    fn is_tidy(&self) -> Result<(), String> {
        let objects = self.bucket.objects();
        let counted = objects.get(&compacted_hours_key()).cloned();
        let counted = counted
            .map(|file| CompactedHours::read(file).unwrap())
            .unwrap_or_default();
        for &stream in Stream::ALL {
            let mut archived: BTreeMap<_, usize> = BTreeMap::new();
            for key in objects.keys() {
                if let Some(hour) = archived_hour(stream, key) {
                    *archived.entry(hour).or_default() += 1;
                    if archived[&hour] > 1 || counted.generation(stream, hour) > 0 {
                        return Err(format!("{key} is not compacted"));
                    }
                }
                if let Some((hour, generation)) = compacted_hour(stream, key)
                    && generation != counted.generation(stream, hour)
                {
                    return Err(format!("{key} is left over"));
                }
            }
        }
        Ok(())
    }
}

fn switched(ended: &Result<Ended, CompactionError>) -> usize {
    match ended {
        Ok(Ended::Done(done)) => done.hours_switched,
        _ => 0,
    }
}

/// Objects arrive, time passes, runs are killed, late, or two at once. How often hours were switched.
fn history(seed: u64, guard: Guard) -> Result<usize, String> {
    let chaos = if seed.is_multiple_of(4) {
        Chaos::calm()
    } else {
        Chaos::new(seed)
    };
    let bucket = MemoryBucket::new(&chaos, guard);
    let step_ms = if seed.is_multiple_of(5) { 0 } else { STEP_MS };
    let mut history = History::new(seed, step_ms, &chaos, &bucket);
    for _ in 0..history.rng.random_range(8..20) {
        let ms = history.rng.random_range(0..50 * MS_PER_MINUTE);
        history.pass(ms);
        for _ in 0..history.rng.random_range(0..3) {
            history.arrive();
        }
        let runs = [0, 1, 1, 2][history.rng.random_range(0..4)];
        history.run(runs);
        history.watched.seen()?;
    }
    history.settle()?;
    chaos.settle();
    history.settle()?;
    history.is_right_in_the_end(|_| false)?;
    Ok(history.switched)
}

#[test]
fn readers_see_each_row_once_at_any_moment() {
    let mut switched = 0;
    for seed in 0..histories() / 10 {
        match history(seed, Guard::Whole) {
            Ok(hours) => switched += hours,
            Err(problem) => panic!("seed {seed}: {problem}"),
        }
    }
    assert!(switched > 0);
}

#[test]
fn histories_go_wrong_without_conditional_puts() {
    let broken = (0..histories() / 10).any(|seed| history(seed, Guard::NoConditionalMark).is_err());
    assert!(broken, "no history shows that the condition is gone");
}

/// A bucket on which a call takes so long that other things happen first, and may fail then.
struct Slow<'a, F> {
    watched: &'a Watched<'a>,
    calls_left: AtomicUsize,
    meanwhile: F,
}

impl<F: Fn() -> Result<(), StoreError>> Slow<'_, F> {
    fn call(&self) -> Result<&Watched<'_>, StoreError> {
        // Past zero it goes on from the greatest number.
        if self.calls_left.fetch_sub(1, Relaxed) == 0 {
            (self.meanwhile)()?;
        }
        Ok(self.watched)
    }
}

impl<F: Fn() -> Result<(), StoreError> + Sync> Objects for Slow<'_, F> {
    async fn list(&self, prefix: &str) -> Result<Versions, StoreError> {
        self.call()?.list(prefix).await
    }

    async fn get(&self, key: &str) -> Result<Option<(Bytes, String)>, StoreError> {
        self.call()?.get(key).await
    }

    async fn put(
        &self,
        key: &str,
        bytes: Bytes,
        replaces: Option<&str>,
    ) -> Result<Option<String>, StoreError> {
        self.call()?.put(key, bytes, replaces).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.call()?.delete(key).await
    }
}

/// What happens to a run at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// An object arrives, and so many other runs take place; then it goes on.
    Overtaken(i64),
    /// It dies, and an object that it may have copied is removed.
    DeadBeforeRemoval,
    /// It dies, and an object that it may have copied is replaced.
    DeadBeforeReplacement,
}

/// An hour is on its way by some runs, with a late object after one of them; then a run meets its fate at a call. Whether it
/// made so many calls.
fn interrupted(
    step_ms: i64,
    (runs_before, late_after): (usize, usize),
    fate: Fate,
    at_call: usize,
) -> Result<bool, String> {
    let chaos = Chaos::calm();
    let bucket = MemoryBucket::new(&chaos, Guard::Whole);
    let mut history = History::new(0, step_ms, &chaos, &bucket);
    let is_dead = !matches!(fate, Fate::Overtaken(_));
    let (first_key, first) = object(Stream::Transactions, START_MS, 98, 0..=0);
    history.rows = 1;
    history.watched.arrive(&first_key, first, is_dead);
    let arrive = |history: &mut History<'_>| history.arrive_in(Stream::Transactions, START_MS);
    (0..2).for_each(|_| arrive(&mut history));
    history.pass(MS_PER_HOUR + CLOSED_AFTER_MS);
    for run in 0..runs_before {
        history.run(1);
        history.pass(STEP_MS + MAX_LAG_MS);
        if run == late_after {
            arrive(&mut history);
        }
    }
    let (key, late) = object(Stream::Transactions, START_MS, 99, history.rows..=history.rows);
    history.rows += u32::from(fate != Fate::DeadBeforeRemoval);
    let (now_ms, settings, watched) = (history.now_ms, history.settings, &history.watched);
    let meanwhile = || {
        let Fate::Overtaken(others) = fate else {
            return Err(StoreError::new("call", "simulated service", "killed"));
        };
        watched.arrive(&key, late.clone(), true);
        for n in 1..=others {
            watched.set_clock(now_ms + n * STEP_MS);
            let other = Compaction::new(watched, settings);
            drop(chaos.invoke(other.run(at(now_ms + n * STEP_MS), || false)));
        }
        Ok(())
    };
    let slow = Slow {
        watched,
        calls_left: AtomicUsize::new(at_call),
        meanwhile,
    };
    drop(chaos.invoke(Compaction::new(&slow, settings).run(at(now_ms), || false)));
    let was_interrupted = slow.calls_left.load(Relaxed) > at_call;
    if !was_interrupted {
        return Ok(false);
    }
    match fate {
        Fate::Overtaken(_) => {}
        Fate::DeadBeforeRemoval => drop(chaos.invoke(bucket.delete(&first_key))),
        Fate::DeadBeforeReplacement => watched.arrive(&first_key, late, true),
    }
    history.pass(8 * STEP_MS);
    history.settle()?;
    // What is removed or replaced is seen in the end if it was copied before.
    history.is_right_in_the_end(|row| is_dead && row == 0)?;
    Ok(true)
}

/// An hour's runs are interrupted one after the other, each at every call.
fn each_call_interrupted(late_after: usize, fate: Fate) {
    for step_ms in [0, STEP_MS] {
        for runs_before in 0..8 {
            let is_there =
                |at_call: &usize| match interrupted(step_ms, (runs_before, late_after), fate, *at_call) {
                    Ok(was_interrupted) => was_interrupted,
                    Err(problem) => {
                        panic!("{fate:?}, step {step_ms} ms, run {runs_before}, call {at_call}: {problem}")
                    }
                };
            let calls = (0..100).take_while(is_there).count();
            assert!((8..100).contains(&calls), "{calls}");
        }
    }
}

#[test]
fn a_run_that_others_overtake_does_no_harm() {
    for others in [1, 2, 7] {
        each_call_interrupted(2, Fate::Overtaken(others));
    }
}

#[test]
fn a_run_that_others_overtake_does_no_harm_to_an_hour_that_was_given_up_before() {
    for others in [1, 2, 7] {
        each_call_interrupted(0, Fate::Overtaken(others));
    }
}

#[test]
fn a_run_that_dies_before_an_object_is_removed_or_replaced_does_no_harm() {
    for fate in [Fate::DeadBeforeRemoval, Fate::DeadBeforeReplacement] {
        each_call_interrupted(2, fate);
    }
}

const SETTINGS: Settings = Settings {
    closed_after_ms: CLOSED_AFTER_MS,
    step_ms: STEP_MS,
};

/// When the first hour is closed.
const CLOSED_MS: i64 = START_MS + MS_PER_HOUR + CLOSED_AFTER_MS;

/// A bucket to which nothing happens, with objects of one row each in the first hour.
struct Calm<'a> {
    chaos: &'a Chaos,
    bucket: MemoryBucket<'a>,
    objects: u32,
}

impl<'a> Calm<'a> {
    fn new(chaos: &'a Chaos, objects: u32) -> Self {
        let mut calm = Self {
            chaos,
            bucket: MemoryBucket::new(chaos, Guard::Whole),
            objects: 0,
        };
        (0..objects).for_each(|_| calm.arrive());
        calm
    }

    fn arrive(&mut self) {
        let row = self.objects;
        let (key, bytes) = object(Stream::Transactions, START_MS, row, row..=row);
        self.bucket.insert(key, bytes);
        self.objects += 1;
    }

    /// Hours that a run writes, switches and cleans.
    fn run(&self, now_ms: i64) -> [usize; 3] {
        let compaction = Compaction::new(&self.bucket, SETTINGS);
        match self.chaos.invoke(compaction.run(at(now_ms), || false)) {
            Some(Ok(Ended::Done(done))) => [done.hours_written, done.hours_switched, done.hours_cleaned],
            other => panic!("{other:?}"),
        }
    }

    fn keys(&self) -> Vec<String> {
        let keys = self.bucket.objects().into_keys();
        keys.filter_map(|key| Some(key.split_once("/dt=2026-11-22/hour=00/")?.1.to_owned()))
            .collect()
    }
}

#[test]
fn steps_are_a_step_of_time_apart() {
    let chaos = Chaos::calm();
    let calm = Calm::new(&chaos, 3);
    assert_eq!(calm.run(CLOSED_MS - 1), [0, 0, 0]);
    assert_eq!(calm.run(CLOSED_MS), [1, 0, 0]);
    assert_eq!(calm.run(CLOSED_MS + STEP_MS - 1), [0, 0, 0]);
    assert_eq!(calm.run(CLOSED_MS + STEP_MS), [0, 1, 0]);
    assert_eq!(calm.run(CLOSED_MS + 2 * STEP_MS - 1), [0, 0, 0]);
    assert_eq!(calm.keys().len(), 4);
    assert_eq!(calm.run(CLOSED_MS + 2 * STEP_MS), [0, 0, 1]);
    assert_eq!(calm.keys(), ["g0001-0000.parquet"]);
    assert_eq!(calm.run(CLOSED_MS + 9 * STEP_MS), [0, 0, 0]);
}

#[test]
fn without_a_step_of_time_one_run_takes_all() {
    let chaos = Chaos::calm();
    let calm = Calm::new(&chaos, 3);
    let settings = Settings {
        step_ms: 0,
        ..SETTINGS
    };
    let ended = chaos.invoke(Compaction::new(&calm.bucket, settings).run(at(CLOSED_MS), || false));
    let Some(Ok(Ended::Done(done))) = ended else {
        panic!("{ended:?}")
    };
    let expected = Compacted {
        hours_written: 1,
        hours_switched: 1,
        hours_cleaned: 1,
        objects_in: 3,
        objects_out: 1,
        ..Compacted::default()
    };
    assert_eq!(done, expected);
    assert_eq!(calm.keys(), ["g0001-0000.parquet"]);
}

#[test]
fn what_comes_late_is_of_the_next_generation() {
    let chaos = Chaos::calm();
    let mut calm = Calm::new(&chaos, 2);
    let mut now_ms = CLOSED_MS;
    for (n, generation) in ["g0001-0000.parquet", "g0002-0000.parquet", "g0003-0000.parquet"]
        .iter()
        .enumerate()
    {
        for step in [[1, 0, 0], [0, 1, 0], [0, 0, 1]] {
            assert_eq!(calm.run(now_ms), step, "generation {n}");
            let keys = calm.keys();
            assert_eq!(calm.run(now_ms), [0, 0, 0], "generation {n}");
            assert_eq!(calm.keys(), keys);
            now_ms += STEP_MS;
        }
        assert_eq!(calm.keys(), [*generation]);
        calm.arrive();
    }
}

#[test]
fn an_hour_of_one_object_is_left_alone() {
    let chaos = Chaos::calm();
    let mut calm = Calm::new(&chaos, 1);
    assert_eq!(calm.run(CLOSED_MS), [0, 0, 0]);
    calm.arrive();
    assert_eq!(calm.run(CLOSED_MS), [1, 0, 0]);
}

#[test]
fn what_comes_before_the_first_switch_puts_it_off() {
    let chaos = Chaos::calm();
    let mut calm = Calm::new(&chaos, 2);
    assert_eq!(calm.run(CLOSED_MS), [1, 0, 0]);
    calm.arrive();
    assert_eq!(calm.run(CLOSED_MS + STEP_MS), [0, 0, 0]);
    assert_eq!(calm.run(CLOSED_MS + 2 * STEP_MS), [0, 0, 1]);
    assert_eq!(calm.keys().len(), 3, "what was written in vain stays");
    assert_eq!(calm.run(CLOSED_MS + 3 * STEP_MS), [1, 0, 0]);
    assert_eq!(calm.run(CLOSED_MS + 4 * STEP_MS), [0, 1, 0]);
    assert_eq!(calm.run(CLOSED_MS + 5 * STEP_MS), [0, 0, 1]);
    assert_eq!(calm.keys(), ["g0003-0000.parquet"]);
}

#[test]
fn a_run_that_is_out_of_time_leaves_the_rest_to_the_next() {
    let chaos = Chaos::calm();
    let bucket = MemoryBucket::new(&chaos, Guard::Whole);
    let hours: BTreeSet<i64> = (0..40).collect();
    for hour in &hours {
        for mark in 0..2 {
            let (key, bytes) = object(
                Stream::Transactions,
                START_MS + hour * MS_PER_HOUR,
                mark,
                mark..=mark,
            );
            bucket.insert(key, bytes);
        }
    }
    let mut written = Vec::new();
    while written.iter().sum::<usize>() < hours.len() {
        let steps = Cell::new(0);
        let is_time_up = || {
            steps.set(steps.get() + 1);
            steps.get() > 5
        };
        let now = at(CLOSED_MS + 40 * MS_PER_HOUR);
        let ended = chaos.invoke(Compaction::new(&bucket, SETTINGS).run(now, is_time_up));
        let Some(Ok(Ended::Done(done))) = ended else {
            panic!("{ended:?}")
        };
        assert!(done.hours_written > 0);
        written.push(done.hours_written);
    }
    assert!(written.len() > 5, "{written:?}");
}

#[test]
fn an_object_that_is_no_parquet_is_named_and_keeps_nothing_but_its_hour() {
    let chaos = Chaos::calm();
    let calm = Calm::new(&chaos, 2);
    let key = "events/transactions/dt=2026-11-22/hour=00/x.parquet";
    calm.bucket.insert(key, "no Parquet");
    for mark in 0..2 {
        let (key, bytes) = object(Stream::Transactions, START_MS + MS_PER_HOUR, mark, mark..=mark);
        calm.bucket.insert(key, bytes);
    }
    let later = CLOSED_MS + MS_PER_HOUR;
    for run in 0..4 {
        let ended =
            chaos.invoke(Compaction::new(&calm.bucket, SETTINGS).run(at(later + run * STEP_MS), || false));
        let Some(Ok(Ended::Done(done))) = ended else {
            panic!("{ended:?}")
        };
        let [problem] = &done.unusable[..] else {
            panic!("{done:?}")
        };
        assert!(problem.contains(key), "{problem}");
        assert_eq!(done.hours_written, usize::from(run == 0));
        let of_bad_hour = calm.keys().into_iter().filter(|name| name.starts_with('g'));
        assert!(of_bad_hour.count() <= 1, "what was copied in vain stays");
    }
    calm.bucket
        .insert(key, object(Stream::Transactions, START_MS, 9, 9..=9).1);
    assert_eq!(calm.run(later + 4 * STEP_MS), [1, 0, 0]);
}

#[test]
fn what_is_replaced_is_copied_anew_before_the_switch_and_kept_after_it() {
    let replaced = |calm: &Calm<'_>| {
        let (key, bytes) = object(Stream::Transactions, START_MS, 0, 7..=7);
        assert!(calm.bucket.objects().contains_key(&key));
        calm.bucket.insert(key, bytes);
    };
    let chaos = Chaos::calm();
    let before = Calm::new(&chaos, 2);
    assert_eq!(before.run(CLOSED_MS), [1, 0, 0]);
    replaced(&before);
    assert_eq!(before.run(CLOSED_MS + STEP_MS), [0, 0, 0]);
    assert_eq!(before.run(CLOSED_MS + 2 * STEP_MS), [0, 0, 1]);
    assert_eq!(before.run(CLOSED_MS + 3 * STEP_MS), [1, 0, 0]);
    assert_eq!(before.run(CLOSED_MS + 4 * STEP_MS), [0, 1, 0]);
    assert_eq!(before.run(CLOSED_MS + 5 * STEP_MS), [0, 0, 1]);

    let after = Calm::new(&chaos, 2);
    assert_eq!(after.run(CLOSED_MS), [1, 0, 0]);
    assert_eq!(after.run(CLOSED_MS + STEP_MS), [0, 1, 0]);
    replaced(&after);
    assert_eq!(after.run(CLOSED_MS + 2 * STEP_MS), [0, 0, 1]);
    assert_eq!(after.keys(), ["g0001-0000.parquet", "shard-0000.parquet"]);
}

#[test]
fn without_its_progress_it_does_not_go_on() {
    let chaos = Chaos::calm();
    let mut calm = Calm::new(&chaos, 2);
    calm.run(CLOSED_MS);
    calm.run(CLOSED_MS + STEP_MS);
    chaos
        .invoke(aws::bucket::Objects::delete(
            &calm.bucket,
            "state/batch-compaction",
        ))
        .unwrap()
        .unwrap();
    calm.arrive();
    let before = calm.bucket.objects();
    let ended = chaos.invoke(Compaction::new(&calm.bucket, SETTINGS).run(at(CLOSED_MS), || false));
    assert!(matches!(ended, Some(Err(CompactionError::Store(_)))), "{ended:?}");
    assert_eq!(calm.bucket.objects(), before);
}

#[test]
fn a_lost_table_is_put_back() {
    let chaos = Chaos::calm();
    let mut calm = Calm::new(&chaos, 2);
    let lose = |calm: &Calm<'_>| {
        let table = calm.bucket.objects().remove(&compacted_hours_key()).unwrap();
        let lost = chaos.invoke(calm.bucket.delete(&compacted_hours_key()));
        lost.unwrap().unwrap();
        table
    };
    let put_back = |calm: &Calm<'_>| calm.bucket.objects().remove(&compacted_hours_key());
    calm.run(CLOSED_MS);
    assert_eq!(calm.run(CLOSED_MS + STEP_MS), [0, 1, 0]);
    let table = lose(&calm);
    assert_eq!(calm.run(CLOSED_MS + 2 * STEP_MS), [0, 0, 0]);
    assert_eq!(put_back(&calm), Some(table));
    assert_eq!(calm.run(CLOSED_MS + 3 * STEP_MS), [0, 0, 1]);
    assert_eq!(calm.keys(), ["g0001-0000.parquet"]);

    let table = lose(&calm);
    calm.arrive();
    assert_eq!(calm.run(CLOSED_MS + 4 * STEP_MS), [0, 0, 0]);
    let counted = |table| {
        CompactedHours::read(table)
            .unwrap()
            .generation(Stream::Transactions, at(START_MS))
    };
    assert_eq!(put_back(&calm).map(counted), Some(counted(table)));
    assert_eq!(calm.keys().len(), 2);
}

#[test]
fn what_is_no_parquet_by_its_name_is_no_archive_object() {
    let chaos = Chaos::calm();
    let calm = Calm::new(&chaos, 2);
    for name in ["", "_SUCCESS"] {
        let key = format!("events/transactions/dt=2026-11-22/hour=00/{name}");
        calm.bucket.insert(key, "");
    }
    assert_eq!(calm.run(CLOSED_MS), [1, 0, 0]);
    assert_eq!(calm.run(CLOSED_MS + STEP_MS), [0, 1, 0]);
    assert_eq!(calm.run(CLOSED_MS + 2 * STEP_MS), [0, 0, 1]);
    assert_eq!(calm.keys(), ["g0001-0000.parquet", "", "_SUCCESS"]);
    assert_eq!(calm.run(CLOSED_MS + 3 * STEP_MS), [0, 0, 0]);
}
