//! Making events and their JSON on one core, against a generator in Rust and one in Python.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use events::Event;
use loadgen::source::{Keep, Source};
use nexmark::EventGenerator;
use serde::Deserialize;
use tokio::process::Command;
use tokio::task::spawn_blocking;

use crate::report::{Measurement, Report, Target};
use crate::stats::median;
use crate::{build, loadgen::generator, process};

/// Odd, so that the median is a measurement.
const ROUNDS: usize = 5;
const EVENTS: u64 = 1_000_000;
/// Python takes as long for these.
const PYTHON_EVENTS: u64 = 100_000;
/// Events of the peer's that are checked.
const CHECKED: usize = 1_000;
const PYTHON: &str = "Python 3, random, json";
const NEXMARK: &str = "nexmark 0.2, serde_json";

/// How fast a generator is.
#[derive(Deserialize)]
struct Made {
    events: u64,
    bytes: u64,
    elapsed_s: f64,
}

/// A generator's rounds.
#[derive(Default)]
struct Rounds {
    events_per_s: Vec<f64>,
    mb_per_s: Vec<f64>,
    bytes_per_event: f64,
}

/// Measures it.
pub(crate) async fn run(repository: &Path, report: &mut Report) -> anyhow::Result<()> {
    let python = build::python(repository)?;
    let script = repository.join("benches/peers/generate.py");
    check(&python, &script).await?;
    eprintln!("Making {EVENTS} events, and {PYTHON_EVENTS} in Python, {ROUNDS} times in turn ...");
    let (mut ours, mut nexmark, mut pythons) = (Rounds::default(), Rounds::default(), Rounds::default());
    for _ in 0..ROUNDS {
        ours.add(&spawn_blocking(make_ours).await??);
        nexmark.add(&spawn_blocking(make_nexmark).await??);
        pythons.add(&make_in_python(&python, &script).await?);
    }
    eprintln!(
        "Bytes an event: loadgen {:.0}, nexmark {:.0}, Python {:.0}",
        ours.bytes_per_event, nexmark.bytes_per_event, pythons.bytes_per_event
    );
    let [ours_mb, nexmark_mb] = [ours.mb_per_s, nexmark.mb_per_s].map(median);
    let [ours, nexmark, python] = [ours.events_per_s, nexmark.events_per_s, pythons.events_per_s].map(median);
    let against_nexmark = Measurement {
        name: "generate_vs_nexmark",
        value: ours,
        unit: "events/s",
        higher_is_better: true,
        peer: NEXMARK,
        peer_value: nexmark,
        target: Some(Target::Ratio(4.0)),
    };
    report.add(&against_nexmark);
    report.add(&Measurement {
        name: "generate_mb_vs_nexmark",
        value: ours_mb,
        unit: "MB/s",
        peer_value: nexmark_mb,
        target: None,
        ..against_nexmark.clone()
    });
    report.add(&Measurement {
        name: "generate_vs_python",
        peer: PYTHON,
        peer_value: python,
        target: Some(Target::Ratio(80.0)),
        ..against_nexmark
    });
    Ok(())
}

impl Rounds {
    fn add(&mut self, made: &Made) {
        self.events_per_s.push(made.events as f64 / made.elapsed_s);
        self.mb_per_s.push(made.bytes as f64 / 1e6 / made.elapsed_s);
        self.bytes_per_event = made.bytes as f64 / made.events as f64;
    }
}

/// Counts and times what makes one event's JSON after the other: `next` gives its length, or `None` when there are no more.
/// Whoever made it has its memory back for the next one, as in `loadgen run`.
fn timed(mut next: impl FnMut() -> Option<usize>) -> Made {
    let (mut events, mut bytes) = (0, 0);
    let began = Instant::now();
    while let Some(len) = next() {
        events += 1;
        bytes += len as u64;
    }
    Made {
        events,
        bytes,
        elapsed_s: began.elapsed().as_secs_f64(),
    }
}

fn make_ours() -> anyhow::Result<Made> {
    let mut generator = generator(EVENTS)?;
    let made = timed(|| {
        let json = generator.next_record(Keep::default())?.json;
        let len = black_box(&json).len();
        generator.recycle(json);
        Some(len)
    });
    ensure!(
        made.events == EVENTS,
        "{} of {EVENTS} events were made",
        made.events
    );
    Ok(made)
}

fn make_nexmark() -> anyhow::Result<Made> {
    let mut events = EventGenerator::default().take(usize::try_from(EVENTS)?);
    let mut json = Vec::new();
    Ok(timed(|| {
        let event = events.next()?;
        json.clear();
        serde_json::to_writer(&mut json, &event).expect("an event of nexmark's has only string keys");
        Some(black_box(&json).len())
    }))
}

async fn make_in_python(python: &Path, script: &Path) -> anyhow::Result<Made> {
    let mut command = Command::new(python);
    command.arg(script).args(["--events", &PYTHON_EVENTS.to_string()]);
    let finished = process::finish(command, "the Python generator").await?;
    serde_json::from_slice(&finished.stdout).context("cannot read what the Python generator measured")
}

/// The peer's events are valid, and written with the fields and the order that ours have.
async fn check(python: &Path, script: &Path) -> anyhow::Result<()> {
    let mut command = Command::new(python);
    command
        .arg(script)
        .args(["--print", "--events", &CHECKED.to_string()]);
    let finished = process::finish(command, "the Python generator").await?;
    let lines = finished
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    let mut checked = 0;
    for line in lines {
        same_as_ours(line)
            .with_context(|| format!("an event of the Python generator: {}", line.escape_ascii()))?;
        checked += 1;
    }
    ensure!(
        checked == CHECKED,
        "the Python generator made {checked} of {CHECKED} events"
    );
    Ok(())
}

fn same_as_ours(line: &[u8]) -> anyhow::Result<()> {
    let parsed = Event::parse(line)?;
    let event = Event::decode(parsed.stream(), line, parsed.envelope.occurred_at)?;
    let mut json = Vec::new();
    event.to_json(&mut json);
    ensure!(json == line, "ours is written otherwise: {}", json.escape_ascii());
    Ok(())
}
