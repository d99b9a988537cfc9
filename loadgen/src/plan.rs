//! What a run is going to do: the flags, checked against each other and against the clock.

use std::path::PathBuf;
use std::time::Duration;

use events::{MAX_AHEAD_MS, Stream, Timestamp};

use crate::args::{DeliveryArgs, Output, RunArgs, SinkArg};
use crate::failure::Failure;
use crate::files::check_path;
use crate::generator::{Config, Curve, Generator, Limit};
use crate::jobs::Jobs;
use crate::profile::Profile;
use crate::replay::Recording;
use crate::sink::{AGGREGATE_BYTES, Delivery};
use crate::threshold::Threshold;

/// Lanes for each stream, unless told otherwise.
const WORKERS: usize = 4;

/// A run that can be started.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where the records come from.
    pub work: Work,
    /// When the run was started, whatever time its events have.
    pub began_at: Timestamp,
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
    /// For the ledger: how long nothing happens to a cart before it is abandoned.
    pub cart_timeout_ms: i64,
    /// Where the JSON report goes as well.
    pub summary_file: Option<PathBuf>,
    /// What the run must keep to.
    pub thresholds: Vec<Threshold>,
    /// The jobs whose freshness is measured.
    pub freshness_of: Option<Jobs>,
    /// The form of the report.
    pub output: Output,
}

/// Where records come from.
#[derive(Clone, Debug)]
pub enum Work {
    /// From the generator.
    Generate(Box<Generation>),
    /// From a recording.
    Replay(Recording),
}

/// What is to be generated.
#[derive(Clone, Debug)]
pub struct Generation {
    /// What the events depend on.
    pub config: Config,
    /// Where they end.
    pub limit: Limit,
    /// Records a second, on average.
    pub rate: u64,
    /// Percentages of views/carts/transactions, or the name of the profile whose funnel it is.
    pub shape: String,
}

impl Generation {
    /// What generates it.
    #[must_use]
    pub fn source(&self) -> Generator {
        Generator::new(self.config.clone(), self.limit)
    }
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
        let profile = effective_profile(args)?;
        let generation = Generation {
            config: profile.config(args.shop.seed, start)?,
            limit: Limit {
                records: args.events,
                duration: args.duration.or_else(|| profile.duration()),
            },
            rate: profile.traffic.rate,
            shape: profile
                .traffic
                .mix
                .map_or_else(|| args.shop.profile.clone(), |mix| mix.to_string()),
        };
        Ok(Self {
            freshness_of: args.measure_freshness.then(|| args.running.jobs.clone()),
            ..Self::deliver(delivery, Work::Generate(Box::new(generation)), now)?
        })
    }

    /// Checks the flags of a replay into a stream that were given at `now`.
    pub fn replay(args: &DeliveryArgs, recording: Recording, now: Timestamp) -> Result<Self, Failure> {
        Self::deliver(args, Work::Replay(recording), now)
    }

    fn deliver(args: &DeliveryArgs, work: Work, now: Timestamp) -> Result<Self, Failure> {
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
            work,
            began_at: now,
            stage: args.stage.clone(),
            sink: args.sink.clone(),
            workers: args.workers.map_or(WORKERS, usize::from),
            delivery: Delivery {
                aggregate_bytes: args.aggregate.then_some(AGGREGATE_BYTES),
                ..Delivery::default()
            },
            yes: args.yes,
            ledger: args.ledger.clone(),
            cart_timeout_ms: i64::try_from(args.cart_timeout.as_millis()).unwrap_or(i64::MAX),
            summary_file: args.summary_file.clone(),
            thresholds: args.threshold.clone(),
            freshness_of: None,
            output: args.output,
        })
    }

    /// What is to be generated, if it is.
    #[must_use]
    pub fn generation(&self) -> Option<&Generation> {
        match &self.work {
            Work::Generate(generation) => Some(generation),
            Work::Replay(_) => None,
        }
    }

    /// What is replayed, if something is.
    #[must_use]
    pub fn recording(&self) -> Option<&Recording> {
        match &self.work {
            Work::Generate(_) => None,
            Work::Replay(recording) => Some(recording),
        }
    }

    /// When the last record is due, after the start of the run, if the schedule has an end.
    #[must_use]
    pub fn schedule_end(&self) -> Option<Duration> {
        let Generation { config, limit, .. } = self.generation()?;
        // By the calendar, a number of records may take any number of years: such a run has its end when they are sent.
        let records = limit.records.filter(|_| config.curve != Curve::Calendar);
        let last = records.map(|records| config.due(records.saturating_sub(1)));
        match (last, limit.duration) {
            (Some(last), Some(duration)) => Some(last.min(duration)),
            (last, duration) => last.or(duration),
        }
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

/// The profile of a run, with what other flags say instead.
pub fn effective_profile(args: &RunArgs) -> Result<Profile, Failure> {
    let mut profile = Profile::of_shop(&args.shop)?;
    let set = |to: &mut f64, flag: Option<f64>| *to = flag.unwrap_or(*to);
    profile.traffic.rate = args.rate.unwrap_or(profile.traffic.rate);
    set(&mut profile.anomalies.rate, args.anomaly_rate);
    set(&mut profile.faults.bad, args.bad_event_rate);
    set(&mut profile.faults.duplicate, args.duplicate_rate);
    set(&mut profile.faults.late, args.late_rate);
    Ok(profile)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::args::{Cli, Command};
    use crate::generator::{Mix, Traffic};

    fn plan(flags: &str) -> Result<Plan, Failure> {
        let now = Timestamp::parse("2026-11-22T17:30:00Z").unwrap();
        let cli = Cli::read(["loadgen", "run"].into_iter().chain(flags.split_whitespace())).unwrap();
        let Command::Run(args) = cli.command else {
            panic!("`{flags}` are flags of run")
        };
        Plan::new(&args, now)
    }

    #[test]
    fn flags_override_the_profile() {
        let flags = "--profile realistic --mix 60/30/10 --users 20000 --bad-event-rate 1% --events 7";
        let plan = plan(flags).unwrap();
        let Generation {
            config: events,
            limit,
            rate,
            ..
        } = plan.generation().unwrap();
        assert_eq!(events.traffic, Traffic::Mix(Mix::default()));
        assert_eq!((events.users, events.products, *rate), (20_000, 50_000, 500));
        assert_eq!((events.faults.bad, events.anomaly_rate), (0.01, 0.02));
        assert_eq!(
            *limit,
            Limit {
                records: Some(7),
                duration: None
            }
        );
    }

    #[test]
    fn a_run_is_as_long_as_its_stages_unless_told_otherwise() {
        let duration = |flags| plan(flags).unwrap().generation().unwrap().limit.duration;
        assert_eq!(duration(""), None);
        assert_eq!(duration("--profile spike"), Some(Duration::from_secs(150)));
        assert_eq!(
            duration("--profile spike --duration 5s"),
            Some(Duration::from_secs(5))
        );
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
            "--profile nowhere.toml",
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
