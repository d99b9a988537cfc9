//! loadgen, as a library and as the program that people run.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use events::Timestamp;
use loadgen::args::{Cli, Command as Subcommand};
use loadgen::generator::Generator;
use loadgen::plan::Plan;
use serde::Deserialize;
use tokio::process::Command;

use crate::lateness::Paced;
use crate::process::{self, use_endpoint};
use crate::stack::{STAGE, Stack};

/// The highest that there is: the sink decides how fast it goes.
const RATE: &str = "1000000";
/// 2026-11-22T17:40:00Z
pub(crate) const START_MS: i64 = 1_795_369_200_000;

/// The release build of the program.
pub(crate) struct Loadgen {
    executable: PathBuf,
}

/// What a run came to.
pub(crate) struct Run {
    /// Events that the sink took, a second, from the first one's making to the last one's answer.
    pub(crate) events_per_s: f64,
    /// In MiB.
    pub(crate) peak_mb: f64,
}

/// How soon events could be read.
pub(crate) struct Freshness {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Events that could not be read by half a minute after the end.
    pub(crate) unseen: u64,
    pub(crate) events_per_s: f64,
}

/// A report of loadgen's, as far as it matters here.
#[derive(Deserialize)]
struct Report {
    offered: u64,
    acknowledged: u64,
    failed: u64,
    elapsed_s: f64,
    start_lateness_ms: Lateness,
    freshness_ms: Option<Quantiles>,
    unseen: Option<u64>,
}

#[derive(Deserialize)]
struct Quantiles {
    p50: f64,
    p99: f64,
}

#[derive(Deserialize)]
struct Lateness {
    p999: f64,
}

impl Loadgen {
    /// Builds it.
    pub(crate) async fn build(repository: &Path) -> anyhow::Result<Self> {
        // With this program, which links loadgen's library, most of it is built already.
        let executable = crate::build::release(repository, "loadgen", Some("benches")).await?;
        Ok(Self { executable })
    }

    /// Sends `events` events to the sink `null`, or to Kinesis if that is given, as fast as it can.
    pub(crate) async fn run(
        &self,
        events: u64,
        kinesis: Option<SocketAddr>,
        flags: &[&str],
    ) -> anyhow::Result<Run> {
        let sink = if kinesis.is_some() { "kinesis" } else { "null" };
        let mut command = self.reporting(RATE, sink);
        command.args(["--events", &events.to_string()]).args(flags);
        if let Some(endpoint) = kinesis {
            use_endpoint(&mut command, endpoint);
        }
        let (report, peak_mb) = finish(command, &flags.join(" ")).await?;
        ensure!(
            report.acknowledged == events && report.failed == 0,
            "of {events} events loadgen sent {}, and {} failed",
            report.acknowledged,
            report.failed
        );
        Ok(Run {
            events_per_s: events as f64 / report.elapsed_s,
            peak_mb: peak_mb.context("loadgen ended before its memory was seen")?,
        })
    }

    /// Releases `rate` events a second to the sink `null`.
    pub(crate) async fn pace(&self, rate: u64, seconds: u64) -> anyhow::Result<Paced> {
        let mut command = self.reporting(&rate.to_string(), "null");
        command.args(["--duration", &format!("{seconds}s")]);
        let (report, _) = finish(command, &format!("at {rate} events/s")).await?;
        Ok(Paced {
            offered: report.offered,
            p999_ms: report.start_lateness_ms.p999,
        })
    }

    /// Sends `rate` events a second to a local stack, and looks when each can be read in the metrics.
    pub(crate) async fn freshness(
        &self,
        stack: &Stack,
        rate: u64,
        flags: &[&str],
        seconds: u64,
    ) -> anyhow::Result<Freshness> {
        let mut command = self.reporting(&rate.to_string(), "kinesis");
        command
            .args(flags)
            .args([
                "--duration",
                &format!("{seconds}s"),
                "--stage",
                STAGE,
                "--measure-freshness",
            ])
            .envs(&stack.environment);
        let (report, _) = finish(command, &format!("at {rate} events/s, measuring freshness")).await?;
        let quantiles = report.freshness_ms.context("loadgen measured no freshness")?;
        Ok(Freshness {
            p50_ms: quantiles.p50,
            p99_ms: quantiles.p99,
            unseen: report.unseen.unwrap_or(0),
            events_per_s: report.acknowledged as f64 / report.elapsed_s,
        })
    }

    /// Puts the shop's products and users into a local stack's warehouse.
    pub(crate) async fn catalog(&self, stack: &Stack) -> anyhow::Result<()> {
        let mut command = Command::new(&self.executable);
        command
            .args(["catalog", "--output", "json", "--stage", STAGE])
            .envs(&stack.environment);
        process::finish(command, "loadgen catalog").await.map(drop)
    }

    /// A run whose report is read.
    fn reporting(&self, rate: &str, sink: &str) -> Command {
        let mut command = Command::new(&self.executable);
        command.args(["run", "--output", "json", "--rate", rate, "--sink", sink]);
        command
    }
}

async fn finish(command: Command, how: &str) -> anyhow::Result<(Report, Option<f64>)> {
    let finished = process::finish(command, &format!("loadgen run {how}")).await?;
    let report = serde_json::from_slice(&finished.stdout).context("cannot read the report of loadgen")?;
    Ok((report, finished.peak_mb))
}

/// The generator as `loadgen run` has it by default, but for its start, which is always the same.
pub(crate) fn generator(events: u64) -> anyhow::Result<Generator> {
    generator_with(&["--events", &events.to_string()])
}

/// The same with other flags.
pub(crate) fn generator_with(flags: &[&str]) -> anyhow::Result<Generator> {
    let start = Timestamp::from_ms(START_MS).context("the start is outside the calendar")?;
    let start_text = start.to_string();
    let mut command_line = vec!["loadgen", "run", "--sink", "null", "--start", start_text.as_str()];
    command_line.extend_from_slice(flags);
    let Subcommand::Run(args) = Cli::read(command_line)?.command else {
        bail!("`loadgen run` is no longer a run");
    };
    let plan = Plan::new(&args, start)?;
    Ok(plan.generation().context("a run generates")?.source())
}
