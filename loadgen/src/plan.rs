//! What a run is going to do: the flags, checked against each other and against the clock.

use std::path::PathBuf;
use std::time::Duration;

use events::{MAX_AHEAD_MS, Stream, Timestamp};

use crate::args::{DeliveryArgs, Output, RunArgs, SinkArg};
use crate::failure::Failure;
use crate::files::check_path;
use crate::generator::{Config, Mix};
use crate::replay::Recording;
use crate::sink::{AGGREGATE_BYTES, Delivery};
use crate::threshold::Threshold;

/// A run that can be started.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the events depend on.
    pub events: Config,
    /// The recording that is replayed, if the events are not generated.
    pub recording: Option<Recording>,
    /// When the run was started, whatever time its events have.
    pub began_at: Timestamp,
    /// How many events there are; `None`: until interrupted.
    pub count: Option<u64>,
    /// The deployment.
    pub stage: String,
    /// Where the events go.
    pub sink: SinkArg,
    /// Lanes for each stream.
    pub workers: usize,
    /// How the events are delivered.
    pub delivery: Delivery,
    /// Whether a run that costs money is meant.
    pub yes: bool,
    /// Where the ledger goes.
    pub ledger: Option<PathBuf>,
    /// Where the JSON report goes as well.
    pub summary_file: Option<PathBuf>,
    /// What the run must keep to.
    pub thresholds: Vec<Threshold>,
    /// Whether freshness is measured.
    pub measure_freshness: bool,
    /// The form of the report.
    pub output: Output,
}

impl Plan {
    /// Checks flags that were given at `now`.
    pub fn new(args: &RunArgs, now: Timestamp) -> Result<Self, Failure> {
        let delivery = &args.delivery;
        let start = args.start.unwrap_or(now);
        if start.as_ms() < 0 {
            return Err(Failure::usage(format!(
                "--start {start} is before 1970: event ids hold the time since then; name a later one"
            )));
        }
        if delivery.sink == SinkArg::Kinesis && start.as_ms().saturating_sub(now.as_ms()) > MAX_AHEAD_MS {
            return Err(Failure::usage(format!(
                "--start {start} is more than 5 minutes ahead of now, {now}: every event would break the contract's rule \
                 occurred_in_future; name an earlier time, or another sink than kinesis"
            )));
        }
        if args.measure_freshness && delivery.sink != SinkArg::Kinesis {
            return Err(Failure::usage(
                "--measure-freshness needs --sink kinesis: nothing else is read from outside",
            ));
        }
        if args.measure_freshness && args.start.is_some() {
            return Err(Failure::usage(
                "--measure-freshness measures from the time of each event: leave --start out",
            ));
        }
        let due = args.duration.map(|duration| due_within(args.rate, duration));
        if due == Some(0) {
            return Err(Failure::usage(
                "--duration is shorter than the time of one event at this --rate: make either larger",
            ));
        }
        let events = Config {
            seed: args.seed,
            start,
            rate: args.rate,
            users: args.users,
            products: args.products,
            mix: args.mix,
        };
        Ok(Self {
            count: match (args.events, due) {
                (Some(events), Some(due)) => Some(events.min(due)),
                (events, due) => events.or(due),
            },
            measure_freshness: args.measure_freshness,
            ..Self::deliver(delivery, events, now)?
        })
    }

    /// Checks the flags of a replay into a stream that were given at `now`.
    pub fn replay(args: &DeliveryArgs, recording: Recording, now: Timestamp) -> Result<Self, Failure> {
        // Nothing is generated: these say so wherever they turn up.
        let nothing = Config {
            seed: 0,
            start: now,
            rate: 0,
            users: 0,
            products: 0,
            mix: Mix::default(),
        };
        Ok(Self {
            recording: Some(recording),
            ..Self::deliver(args, nothing, now)?
        })
    }

    fn deliver(args: &DeliveryArgs, events: Config, now: Timestamp) -> Result<Self, Failure> {
        let files = [("--ledger", &args.ledger), ("--summary-file", &args.summary_file)];
        for (flag, path) in files {
            path.as_deref().map_or(Ok(()), |path| check_path(flag, path))?;
        }
        if args.ledger.is_some() && args.ledger == args.summary_file {
            return Err(Failure::usage(
                "--ledger and --summary-file name the same file: name two",
            ));
        }
        Ok(Self {
            began_at: now,
            events,
            recording: None,
            count: None,
            stage: args.stage.clone(),
            sink: args.sink.clone(),
            workers: usize::from(args.workers),
            delivery: Delivery {
                aggregate_bytes: args.aggregate.then_some(AGGREGATE_BYTES),
                ..Delivery::default()
            },
            yes: args.yes,
            ledger: args.ledger.clone(),
            summary_file: args.summary_file.clone(),
            thresholds: args.threshold.clone(),
            measure_freshness: false,
            output: args.output,
        })
    }

    /// When the last record is due, after the start of the run, if the schedule has an end.
    #[must_use]
    pub fn schedule_end(&self) -> Option<Duration> {
        self.count.map(|count| self.events.due(count.saturating_sub(1)))
    }

    /// The name of a stream in this deployment.
    #[must_use]
    pub fn stream_name(&self, stream: Stream) -> String {
        format!("globalmart-{}-{stream}", self.stage)
    }

    /// The sink's name in reports.
    #[must_use]
    pub fn sink_name(&self) -> &'static str {
        match self.sink {
            SinkArg::Kinesis => "kinesis",
            SinkArg::Null => "null",
            SinkArg::Stdout => "stdout",
            SinkArg::File(_) => "file",
        }
    }
}

/// How many events a duration has: the last one is due before its end.
fn due_within(rate: u64, duration: Duration) -> u64 {
    u64::try_from(duration.as_millis() * u128::from(rate) / 1_000).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};

    fn plan(flags: &str) -> Result<Plan, Failure> {
        let now = Timestamp::parse("2026-11-22T17:30:00Z").unwrap();
        let cli = Cli::read(["loadgen", "run"].into_iter().chain(flags.split_whitespace())).unwrap();
        let Command::Run(args) = cli.command else {
            panic!("`{flags}` are flags of run")
        };
        Plan::new(&args, now)
    }

    #[test]
    fn whichever_of_events_and_duration_ends_first() {
        let count = |flags| plan(flags).unwrap().count;
        assert_eq!(count(""), None);
        assert_eq!(count("--duration 60s"), Some(30_000));
        assert_eq!(count("--events 7"), Some(7));
        assert_eq!(count("--events 7 --duration 60s"), Some(7));
        assert_eq!(count("--events 40000 --duration 60s"), Some(30_000));
        assert_eq!(count("--rate 3 --duration 1s500ms"), Some(4));
    }

    #[test]
    fn a_start_too_far_ahead_is_refused_where_the_contract_would() {
        assert!(plan("--start 2026-11-22T17:35:00Z").is_ok());
        let refused = plan("--start 2026-11-22T17:35:00.001Z").unwrap_err();
        assert_eq!(refused.exit_code(), 2);
        assert!(
            refused.to_string().contains("more than 5 minutes ahead"),
            "{refused}"
        );
        assert!(plan("--start 2027-01-01T00:00:00Z --sink null").is_ok());
    }

    #[test]
    fn what_makes_no_run_is_wrong_usage() {
        for flags in [
            "--start 1969-12-31T23:59:59Z",
            "--rate 1 --duration 999ms",
            "--ledger /nowhere/at/all/ledger.json",
            "--ledger /",
            "--sink null --measure-freshness",
        ] {
            assert_eq!(plan(flags).unwrap_err().exit_code(), 2, "{flags}");
        }
    }

    #[test]
    fn streams_are_named_by_stage() {
        assert_eq!(
            plan("--stage local").unwrap().stream_name(Stream::CartEvents),
            "globalmart-local-cart-events"
        );
    }
}
