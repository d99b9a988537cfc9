//! What readers of the archive see, by the rule that SQL joins by, and what they must see at any moment.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use arrow::array::{Array as _, AsArray};
use arrow::datatypes::Int32Type;
use aws::StoreError;
use aws::bucket::{Objects, Versions};
use bytes::Bytes;
use events::Stream;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use testkit::MemoryBucket;
use warehouse::compacted::{CompactedHours, readable};
use warehouse::{archive_prefix, compacted_hours_key, compacted_prefix, read, table_name};

/// Slow readers at a time.
const MAX_SLOW: usize = 2;

type Stored = BTreeMap<String, Bytes>;
type Problem = Result<(), String>;

/// Rows, by their sequence numbers.
pub(crate) type Rows = BTreeSet<u32>;

/// What there is of a file: its rows, each with its generation, which archive objects don't tell.
type File = Arc<Vec<(u32, Option<i32>)>>;

/// The table of hours, by what a join compares and as it is read in Rust.
type Table = Arc<(BTreeMap<String, i32>, CompactedHours)>;

/// Looks at a bucket after each call to it, as readers do.
pub(crate) struct Watched<'a> {
    bucket: &'a MemoryBucket<'a>,
    readers: Mutex<Readers>,
}

struct Readers {
    rng: ChaCha8Rng,
    /// By where the bytes are; kept, so that no others come to be there.
    files: HashMap<usize, (Bytes, File)>,
    tables: HashMap<usize, (Bytes, Table)>,
    /// What was there at the last look.
    last: Stored,
    clock_ms: i64,
    /// How long slow readers read.
    patience_ms: i64,
    /// What was seen and must be seen for ever.
    seen: Rows,
    /// What comes so late that it may be unseen again.
    exempt: Rows,
    slow: Vec<Slow>,
    problem: Problem,
}

/// A reader that looks at the table of hours and lists the objects, and is not done for a while.
struct Slow {
    until_ms: i64,
    hours: Option<Bytes>,
    keys: BTreeSet<String>,
    seen: Rows,
}

impl<'a> Watched<'a> {
    /// With slow readers that take `patience_ms`.
    pub(crate) fn new(bucket: &'a MemoryBucket<'a>, seed: u64, patience_ms: i64) -> Self {
        let readers = Readers {
            rng: ChaCha8Rng::seed_from_u64(seed),
            files: HashMap::new(),
            tables: HashMap::new(),
            last: Stored::new(),
            clock_ms: 0,
            patience_ms,
            seen: Rows::new(),
            exempt: Rows::new(),
            slow: Vec::new(),
            problem: Ok(()),
        };
        Self {
            bucket,
            readers: Mutex::new(readers),
        }
    }

    /// Time goes on.
    pub(crate) fn set_clock(&self, clock_ms: i64) {
        self.readers().clock_ms = clock_ms;
    }

    /// An object of the archive arrives.
    pub(crate) fn arrive(&self, key: &str, bytes: Bytes, is_exempt: bool) {
        if is_exempt {
            let rows = rows_of(&bytes);
            let mut readers = self.readers();
            readers.exempt.extend(rows.iter().map(|(row, _)| *row));
        }
        self.bucket.insert(key, bytes);
        self.look();
    }

    /// What a reader sees now, and whether all was well up to now.
    pub(crate) fn seen(&self) -> Result<Rows, String> {
        self.look();
        let mut readers = self.readers();
        readers.problem.clone()?;
        let objects = self.bucket.objects();
        let hours = objects.get(&compacted_hours_key()).cloned();
        readers.see(&objects, hours.as_ref(), |_| true)
    }

    fn look(&self) {
        let objects = self.bucket.objects();
        let mut readers = self.readers();
        if readers.problem.is_ok() {
            readers.problem = readers.look(&objects);
        }
    }

    fn readers(&self) -> MutexGuard<'_, Readers> {
        self.readers.lock().unwrap()
    }
}

impl Readers {
    fn look(&mut self, objects: &Stored) -> Problem {
        let places = |objects: &Stored| -> Vec<_> { objects.values().map(address).collect() };
        if objects.keys().eq(self.last.keys()) && places(objects) == places(&self.last) {
            return Ok(());
        }
        self.last = objects.clone();
        let hours = objects.get(&compacted_hours_key()).cloned();
        let seen = self.see(objects, hours.as_ref(), |_| true)?;
        demand(&self.seen, &seen, "what was seen is seen no more")?;
        self.seen = seen.difference(&self.exempt).copied().collect();
        let now_ms = self.clock_ms;
        self.slow.retain(|slow| now_ms < slow.until_ms);
        let slow = std::mem::take(&mut self.slow);
        for reader in &slow {
            let begun_with = |key: &str| reader.keys.contains(key);
            for (hours, which) in [(reader.hours.as_ref(), "table"), (hours.as_ref(), "listing")] {
                let found = self.see(objects, hours, begun_with)?;
                demand(
                    &reader.seen,
                    &found,
                    &format!("gone while it is read by an old {which}"),
                )?;
            }
            let found = self.see(objects, reader.hours.as_ref(), |_| true)?;
            demand(
                &reader.seen,
                &found,
                "not there yet or gone, by an old table and a new listing",
            )?;
        }
        self.slow = slow;
        if self.slow.len() < MAX_SLOW && self.rng.random_bool(0.3) {
            self.slow.push(Slow {
                until_ms: now_ms + self.patience_ms,
                hours,
                keys: objects.keys().cloned().collect(),
                seen: self.seen.clone(),
            });
        }
        Ok(())
    }

    /// The rows that a reader sees with a table of hours and a listing.
    fn see(
        &mut self,
        objects: &Stored,
        hours: Option<&Bytes>,
        is_listed: impl Fn(&str) -> bool,
    ) -> Result<Rows, String> {
        let table = hours.map(|file| self.table(file)).unwrap_or_default();
        let (counted, typed) = &*table;
        let mut seen = Rows::new();
        for &stream in Stream::ALL {
            let under = |prefix: String| {
                let keys = objects.keys().map(String::as_str);
                keys.filter(move |key| key.starts_with(&prefix))
                    .filter(|key| is_listed(key))
            };
            let archived: Vec<&str> = under(archive_prefix(stream)).collect();
            let parts: Vec<&str> = under(compacted_prefix(stream)).collect();
            let mut by_rule = Vec::new();
            for key in archived.iter().chain(&parts) {
                let hour = format!("{}/{}", table_name(stream), partition_of(key));
                let counts = counted.get(&hour).copied().unwrap_or(0);
                let rows = self.file(&objects[*key]);
                let of_generation = rows.iter().filter(|(_, of)| of.unwrap_or(0) == counts);
                let mut is_read = false;
                for (row, _) in of_generation {
                    is_read = true;
                    if !seen.insert(*row) {
                        return Err(format!("{key}: row {row} is seen twice"));
                    }
                }
                by_rule.extend(is_read.then_some(*key));
            }
            if readable(stream, archived, parts, typed) != by_rule {
                return Err(format!("the two rules differ: {by_rule:?}"));
            }
        }
        Ok(seen)
    }

    fn table(&mut self, bytes: &Bytes) -> Table {
        let table = self.tables.entry(address(bytes));
        let (_, table) = table.or_insert_with(|| {
            let typed = CompactedHours::read(bytes.clone()).unwrap();
            (bytes.clone(), Arc::new((counted(bytes), typed)))
        });
        table.clone()
    }

    fn file(&mut self, bytes: &Bytes) -> File {
        let file = self.files.entry(address(bytes));
        let (_, rows) = file.or_insert_with(|| (bytes.clone(), rows_of(bytes)));
        rows.clone()
    }
}

fn address(bytes: &Bytes) -> usize {
    bytes.as_ptr() as usize
}

fn demand(expected: &Rows, found: &Rows, problem: &str) -> Problem {
    match expected.difference(found).next() {
        Some(row) => Err(format!("row {row}: {problem}")),
        None => Ok(()),
    }
}

/// `dt=…/hour=…` of a key.
fn partition_of(key: &str) -> &str {
    let begin = key.find("dt=").unwrap();
    &key[begin..key.rfind('/').unwrap()]
}

fn rows_of(file: &Bytes) -> File {
    let mut rows = Vec::new();
    for batch in read::rows(file.clone(), &["sequence_number", "generation"]).unwrap() {
        let batch = batch.unwrap();
        let names = batch
            .column_by_name("sequence_number")
            .unwrap()
            .as_string::<i32>();
        let generations = batch.column_by_name("generation");
        let generations = generations.map(AsArray::as_primitive::<Int32Type>);
        for row in 0..names.len() {
            let generation = generations.map(|generations| generations.value(row));
            rows.push((names.value(row).parse().unwrap(), generation));
        }
    }
    Arc::new(rows)
}

/// The table of hours, by what a join compares.
fn counted(file: &Bytes) -> BTreeMap<String, i32> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap();
    let mut counted = BTreeMap::new();
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        let text = |name, row| batch.column_by_name(name).unwrap().as_string::<i32>().value(row);
        for row in 0..batch.num_rows() {
            let (table, date, hour) = (text("table_name", row), text("dt", row), text("hour", row));
            let generation = batch.column(3).as_primitive::<Int32Type>().value(row);
            counted.insert(format!("{table}/dt={date}/hour={hour}"), generation);
        }
    }
    counted
}

impl Objects for Watched<'_> {
    async fn list(&self, prefix: &str) -> Result<Versions, StoreError> {
        let listed = self.bucket.list(prefix).await;
        self.look();
        listed
    }

    async fn get(&self, key: &str) -> Result<Option<(Bytes, String)>, StoreError> {
        let got = self.bucket.get(key).await;
        self.look();
        got
    }

    async fn put(
        &self,
        key: &str,
        bytes: Bytes,
        replaces: Option<&str>,
    ) -> Result<Option<String>, StoreError> {
        let stored = self.bucket.put(key, bytes, replaces).await;
        self.look();
        stored
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let deleted = self.bucket.delete(key).await;
        self.look();
        deleted
    }
}
