//! DuckDB in place of Athena, over the objects of a bucket in memory.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use arrow::array::new_empty_array;
use arrow::datatypes::Schema;
use aws::StoreError;
use batch::athena::Queries;
use bytes::Bytes;
use serde_json::json;
use tempfile::TempDir;
use testkit::MemoryBucket;
use warehouse::star::StarTable;
use warehouse::tables::AnalyticsTable;

use crate::shop::parquet;

/// A database of the tables in a bucket.
pub(crate) struct DuckDb<'a> {
    bucket: &'a MemoryBucket<'a>,
    folder: TempDir,
    python: Mutex<Python>,
}

struct Python {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
    laid_out: BTreeMap<String, Bytes>,
    unloaded: usize,
}

impl<'a> DuckDb<'a> {
    /// Of the tables in `bucket`, and into it.
    pub(crate) fn new(bucket: &'a MemoryBucket<'a>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = here.join("../../.local/venv/bin/python");
        let mut child = Command::new(&python)
            .arg(here.join("tests/athena/unload.py"))
            .arg(folder.path().join("warehouse"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}: run `make setup`", python.display()));
        let asks = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self {
            bucket,
            folder,
            python: Mutex::new(Python {
                child,
                asks,
                answers,
                laid_out: BTreeMap::new(),
                unloaded: 0,
            }),
        }
    }

    /// Lays out the tables, if they are not those that `laid_out` has; those without objects are there, too.
    fn lay_out(&self, laid_out: &mut BTreeMap<String, Bytes>) {
        let mut objects = self.bucket.objects();
        objects.retain(|key, _| key.starts_with("warehouse/"));
        if objects == *laid_out {
            return;
        }
        let warehouse = self.folder.path().join("warehouse");
        if warehouse.exists() {
            fs::remove_dir_all(&warehouse).unwrap();
        }
        for (key, bytes) in &objects {
            let path = self.folder.path().join(key);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        *laid_out = objects;
        let star = StarTable::ALL
            .iter()
            .map(|table| (table.as_str(), table.schema()));
        let analytics = AnalyticsTable::ALL
            .iter()
            .map(|table| (table.as_str(), table.schema()));
        for (table, schema) in star.chain(analytics) {
            let folder = warehouse.join(table);
            if !folder.exists() {
                fs::create_dir_all(&folder).unwrap();
                fs::write(folder.join("none.parquet"), empty(schema)).unwrap();
            }
        }
    }

    fn ask(&self, select: &str, prefix: &str) -> Result<(), String> {
        let mut python = self.python.lock().unwrap();
        self.lay_out(&mut python.laid_out);
        python.unloaded += 1;
        let to = self.folder.path().join(format!("unloaded-{}", python.unloaded));
        fs::create_dir(&to).unwrap();
        writeln!(python.asks, "{}", json!({"select": select, "to": to})).unwrap();
        let mut answer = String::new();
        python.answers.read_line(&mut answer).unwrap();
        let problem: String = serde_json::from_str(&answer).expect("unload.py goes on");
        if !problem.is_empty() {
            return Err(problem);
        }
        for file in fs::read_dir(to).unwrap() {
            let file = file.unwrap();
            let key = format!("{prefix}{}", file.file_name().to_str().unwrap());
            self.bucket.insert(key, fs::read(file.path()).unwrap());
        }
        Ok(())
    }
}

impl Queries for DuckDb<'_> {
    async fn unload(&self, select: &str, prefix: &str) -> Result<(), StoreError> {
        let is_new = !self.bucket.objects().keys().any(|key| key.starts_with(prefix));
        assert!(is_new, "{prefix} was used before");
        assert!(!select.contains(';'), "{select}");
        let asked = self.ask(select, prefix);
        asked.map_err(|problem| StoreError::new("UNLOAD", prefix, problem))
    }
}

impl Drop for DuckDb<'_> {
    fn drop(&mut self) {
        let Ok(python) = self.python.get_mut() else { return };
        // Nothing is left to do if it has ended already.
        let _ = python.child.kill();
        let _ = python.child.wait();
    }
}

fn empty(schema: Schema) -> Bytes {
    let columns = schema
        .fields()
        .iter()
        .map(|field| new_empty_array(field.data_type()));
    let columns = columns.collect();
    parquet(schema, columns)
}
