//! What a run is going to do: the flags, checked against each other and against the clock.

use events::{MAX_AHEAD_MS, Stream, Timestamp};
use std::path::{Path, PathBuf};

use crate::args::{Output, RunArgs, SinkArg};
use crate::failure::Failure;
use crate::generator::{Config, Limit};
use crate::profile::Profile;
use crate::sink::Delivery;

/// A run that can be started.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the events depend on.
    pub events: Config,
    /// When the run was started, whatever time its events have.
    pub began_at: Timestamp,
    /// Records a second, on average.
    pub rate: u64,
    /// Where it ends.
    pub limit: Limit,
    /// Percentages of views/carts/transactions, or the funnel's profile.
    pub shape: String,
    /// The deployment.
    pub stage: String,
    /// Where the events go.
    pub sink: SinkArg,
    /// Lanes a stream.
    pub workers: usize,
    /// How the events are delivered.
    pub delivery: Delivery,
    /// Where the ledger goes.
    pub ledger: Option<PathBuf>,
    /// Whether freshness is measured.
    pub measure_freshness: bool,
    /// The form of the report.
    pub output: Output,
}

impl Plan {
    /// Checks flags that were given at `now`.
    pub fn new(args: &RunArgs, now: Timestamp) -> Result<Self, Failure> {
        let start = args.start.unwrap_or(now);
        if start.as_ms() < 0 {
            return Err(Failure::usage(format!(
                "--start {start} is before 1970: event ids hold the time since then; name a later one"
            )));
        }
        if args.sink == SinkArg::Kinesis && start.as_ms().saturating_sub(now.as_ms()) > MAX_AHEAD_MS {
            return Err(Failure::usage(format!(
                "--start {start} is more than 5 minutes ahead of now, {now}: every event would break the contract's rule \
                 occurred_in_future; name an earlier time, or another sink than kinesis"
            )));
        }
        if args.measure_freshness && args.sink != SinkArg::Kinesis {
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
        let events = profile.config(args.seed, start)?;
        let limit = Limit {
            records: args.events,
            duration: args.duration.or_else(|| profile.duration()),
        };
        if let Some(path) = &args.ledger {
            check_ledger_path(path)?;
        }
        Ok(Self {
            began_at: now,
            rate: profile.traffic.rate,
            limit,
            shape: profile
                .traffic
                .mix
                .map_or_else(|| args.profile.clone(), |mix| mix.to_string()),
            events,
            stage: args.stage.clone(),
            sink: args.sink.clone(),
            workers: usize::from(args.workers),
            delivery: Delivery::default(),
            ledger: args.ledger.clone(),
            measure_freshness: args.measure_freshness,
            output: args.output,
        })
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

/// The profile that the flags name, with what other flags say instead.
pub fn effective_profile(args: &RunArgs) -> Result<Profile, Failure> {
    let mut profile = Profile::load(&args.profile)?;
    let set = |to: &mut f64, flag: Option<f64>| *to = flag.unwrap_or(*to);
    profile.traffic.rate = args.rate.unwrap_or(profile.traffic.rate);
    profile.shop.users = args.users.unwrap_or(profile.shop.users);
    profile.shop.products = args.products.unwrap_or(profile.shop.products);
    if let Some(mix) = args.mix {
        (profile.traffic.mix, profile.traffic.funnel) = (Some(mix), None);
    }
    set(&mut profile.anomalies.rate, args.anomaly_rate);
    set(&mut profile.faults.bad, args.bad_event_rate);
    set(&mut profile.faults.duplicate, args.duplicate_rate);
    set(&mut profile.faults.late, args.late_rate);
    Ok(profile)
}

/// A ledger that can't be written is better known before the run than after it.
fn check_ledger_path(path: &Path) -> Result<(), Failure> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if path.is_dir() || path.file_name().is_none() {
        return Err(Failure::usage(format!(
            "--ledger {}: that is a folder, name a file",
            path.display()
        )));
    }
    if !folder.is_dir() {
        return Err(Failure::usage(format!(
            "--ledger {}: there is no folder {}, create it",
            path.display(),
            folder.display()
        )));
    }
    Ok(())
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
        let Plan {
            events, limit, rate, ..
        } = plan(flags).unwrap();
        assert_eq!(events.traffic, Traffic::Mix(Mix::default()));
        assert_eq!((events.users, events.products, rate), (20_000, 50_000, 500));
        assert_eq!((events.faults.bad, events.anomaly_rate), (0.01, 0.02));
        assert_eq!(
            limit,
            Limit {
                records: Some(7),
                duration: None
            }
        );
    }

    #[test]
    fn a_run_is_as_long_as_its_stages_unless_told_otherwise() {
        let duration = |flags| plan(flags).unwrap().limit.duration;
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
            "--anomaly-rate 50%",
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
