//! Parts of benchmarks in processes of their own, so that each has its own peak of memory: this program's, started again, and
//! scripts that do the same with DuckDB.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use crate::stats::median;
use crate::{build, etl, process, rfm};

/// What this program's arguments begin with when it does a part; its name and a folder follow.
pub(crate) const ALONE: &str = "alone";

/// What a part says when it is done.
#[derive(Deserialize, Serialize)]
struct Done {
    elapsed_s: f64,
}

/// Several runs of the same.
#[derive(Default)]
pub(crate) struct Rounds {
    elapsed_s: Vec<f64>,
    peak_mb: Vec<f64>,
}

/// What they come to.
pub(crate) struct Medians {
    pub(crate) elapsed_s: f64,
    /// In MiB.
    pub(crate) peak_mb: f64,
}

/// Does a part, and says how long it took.
pub(crate) async fn run(part: &str, folder: &Path) -> anyhow::Result<()> {
    let elapsed: Duration = match part {
        rfm::PART => rfm::make_tables(folder)?,
        etl::PART => etl::make_day(folder).await?,
        _ => bail!("there is no part `{part}`"),
    };
    let done = Done {
        elapsed_s: elapsed.as_secs_f64(),
    };
    println!("{}", serde_json::to_string(&done)?);
    Ok(())
}

/// This program, to do a part.
pub(crate) fn part(part: &str, folder: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("cannot tell where this program is")?);
    command.args([ALONE, part]).arg(folder);
    Ok(command)
}

/// A script of the peers', to do something in a folder.
pub(crate) fn script(repository: &Path, name: &str, folder: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(build::python(repository)?);
    command
        .arg(repository.join("benches/peers").join(name))
        .arg(folder);
    Ok(command)
}

impl Rounds {
    /// Runs a command, which is one more round.
    pub(crate) async fn add(&mut self, command: Command, name: &str) -> anyhow::Result<()> {
        let finished = process::finish(command, name).await?;
        let done: Done = serde_json::from_slice(&finished.stdout)
            .with_context(|| format!("cannot read how long {name} took"))?;
        let peak_mb = finished.peak_mb;
        self.elapsed_s.push(done.elapsed_s);
        self.peak_mb
            .push(peak_mb.with_context(|| format!("{name} ended before its memory was seen"))?);
        Ok(())
    }
    /// What they come to.
    pub(crate) fn medians(self) -> Medians {
        let [elapsed_s, peak_mb] = [self.elapsed_s, self.peak_mb].map(median);
        Medians { elapsed_s, peak_mb }
    }
}

/// Fails if two Parquet files do not have the same rows.
pub(crate) async fn same(
    repository: &Path,
    ours: &Path,
    theirs: &Path,
    flags: &[&str],
) -> anyhow::Result<()> {
    let mut command = script(repository, "same.py", ours)?;
    command.arg(theirs).args(flags);
    process::finish(command, "comparing with the peer")
        .await
        .map(drop)
}
