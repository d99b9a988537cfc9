//! The command line as it was typed. What it means is `plan`'s business.

mod values;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use events::{EventType, Timestamp};

pub(crate) use self::values::duration;
use self::values::{
    anomaly_share, cart_timeout, date_or_time, event_type, fault_share, rate, refresh, stage, watch_window,
};
use crate::generator::Mix;
use crate::jobs::Jobs;
use crate::profile::{NAMED, PRODUCTS, USERS};
use crate::replay::Speed;
use crate::threshold::{Threshold, metrics};

fn threshold_help() -> String {
    format!(
        "Exit with 1 unless this holds, such as 'p99<250ms', 'error_rate<1%' or 'achieved_rate>=490'; repeatable. Metrics: {}. \
         With one for error_rate, failed events are no failure by themselves",
        metrics()
    )
}

/// A load generator for Kinesis that accounts for every event.
#[derive(Debug, Parser)]
#[command(name = "loadgen", version, about, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Sends the events of a shop, as its profile says, and reports what became of each.
    Run(RunArgs),
    /// Sends recorded events again, or writes them into the archive.
    Replay(ReplayArgs),
    /// Compares what runs sent with what the metrics and the archive hold; exits with 1 on any difference.
    Verify(VerifyArgs),
    /// Shows the sales of the last minutes, as the metrics have them.
    Sales(SalesArgs),
    /// Shows what every job says of the last minutes, refreshed in place: sales, views, carts, anomalies, inventory, alerts.
    Watch(WatchArgs),
    /// Writes a shop's history straight into the archive, without streams and functions. The same command again replaces what
    /// it wrote.
    Backfill(BackfillArgs),
    /// Writes the shop's products, with their initial stock, and its users as tables.
    Catalog(CatalogArgs),
    /// Prints the contract's JSON Schemas.
    Schema(SchemaArgs),
    /// Prints a shell's completion script.
    Completions(CompletionsArgs),
    /// Prints the manual page, as roff.
    Man(ManArgs),
}

/// Which shop it is.
#[derive(Args, Clone, Debug)]
pub struct ShopArgs {
    /// What the shop and its traffic are like: globalmart, realistic, flash-sale, spike, ramp, soak, or a TOML file. Other
    /// flags override it.
    #[arg(long, value_name = "NAME|FILE", default_value = NAMED[0].0)]
    pub profile: String,

    /// The same seed and the same other flags give the same shop and the same events, byte for byte.
    #[arg(long, value_name = "N", default_value_t = 42)]
    pub seed: u64,

    /// How many shoppers there are.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(USERS))]
    pub users: Option<u64>,

    /// How many products there are.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(PRODUCTS))]
    pub products: Option<u64>,

    /// Percentages of views/carts/transactions; takes the place of the profile's funnel.
    #[arg(long, value_name = "V/C/T")]
    pub mix: Option<Mix>,
}

/// Flags of `run`.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// Which shop it is.
    #[command(flatten)]
    pub shop: ShopArgs,

    /// Print the profile with its flags applied, as a TOML file that --profile takes, and do nothing else. Seed, start,
    /// duration and number of events are the run's, not the profile's.
    #[arg(long)]
    pub print_config: bool,

    /// Events a second; each is due at its time after the start, however slow the sink.
    #[arg(long, value_name = "N", value_parser = rate)]
    pub rate: Option<u64>,

    /// How long to go on, such as 60s, 5m or 1h. Every event due by then is sent. Without it and --events: as long as the
    /// profile's stages, or until Ctrl-C.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,

    /// How many events to send. With --duration, whichever ends first.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub events: Option<u64>,

    /// The time of the first event, such as 2026-11-22T17:30:00Z. Default: now.
    #[arg(long, value_name = "RFC3339", value_parser = Timestamp::parse)]
    pub start: Option<Timestamp>,

    /// Purchases that are anomalous: high value or quantity, velocity bursts, card testing, country hopping. Which ones
    /// they are stands in the ledger only; at most 20%.
    #[arg(long, value_name = "SHARE", value_parser = anomaly_share)]
    pub anomaly_rate: Option<f64>,

    /// Records that break a rule of the contract; at most 50%.
    #[arg(long, value_name = "SHARE", value_parser = fault_share)]
    pub bad_event_rate: Option<f64>,

    /// Events that are sent twice, as trackers do; at most 50%.
    #[arg(long, value_name = "SHARE", value_parser = fault_share)]
    pub duplicate_rate: Option<f64>,

    /// Visits whose events come 1 to 128 minutes after they happened; at most 50%.
    #[arg(long, value_name = "SHARE", value_parser = fault_share)]
    pub late_rate: Option<f64>,

    /// Where and how the events go.
    #[command(flatten)]
    pub delivery: DeliveryArgs,

    /// Measure how long it takes until an event is readable in the metrics of the jobs that count it.
    #[arg(long)]
    pub measure_freshness: bool,

    /// Whose metrics to measure.
    #[command(flatten)]
    pub running: JobsArgs,
}

/// Which jobs there are to look at.
#[derive(Args, Clone, Debug)]
pub struct JobsArgs {
    /// The jobs that are deployed, with commas between them.
    #[arg(
        long,
        value_name = "JOBS",
        env = "GLOBALMART_JOBS",
        default_value = "sales,views,carts,anomalies,inventory,archive,batch"
    )]
    pub jobs: Jobs,
}

/// Flags of `replay`.
#[derive(Args, Clone, Debug)]
pub struct ReplayArgs {
    /// Events of the contract, one JSON object a line, from any producer; - for the standard input. Bad lines are told and
    /// counted, the good ones go on: they alone decide about the exit code.
    pub file: PathBuf,

    /// 1x keeps the recorded gaps, 60x is sixty times as fast (any number does), max is as fast as the sink takes it. Default: 1x.
    #[arg(long, value_name = "SPEED")]
    pub speed: Option<Speed>,

    /// Into the streams of the stage, or straight into the archive, by the hour that each event happened in.
    #[arg(long, value_name = "PLACE", default_value = "stream")]
    pub to: ReplayTo,

    /// With --to archive: a local folder, laid out like the bucket, instead of the bucket of the stage.
    #[arg(long, value_name = "DIR", conflicts_with = "stage")]
    pub dir: Option<PathBuf>,

    /// Where and how the events go.
    #[command(flatten)]
    pub delivery: DeliveryArgs,
}

/// Where a recording goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReplayTo {
    /// Into the streams, or the sink.
    Stream,
    /// Into the archive.
    Archive,
}

/// Flags of whatever delivers events.
#[derive(Args, Clone, Debug)]
pub struct DeliveryArgs {
    /// Lanes of sending side by side. A shopper's events stay in one lane, in order. Default: 4.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: Option<u16>,

    /// Which deployment to send to: the streams are globalmart-STAGE-product-views, -cart-events and -transactions.
    #[arg(long, value_name = "NAME", default_value = "dev", value_parser = stage)]
    pub stage: String,

    /// Where the events go: kinesis, null (nowhere), stdout (JSON lines) or `file:DIR` (a file of JSON lines a stream).
    #[arg(long, value_name = "SINK", default_value = "kinesis")]
    pub sink: SinkArg,

    /// Pack records into the KPL's aggregates, one shard's at a time: many events in one stream record.
    #[arg(long)]
    pub aggregate: bool,

    /// Send more than 5,000 events a second to an endpoint that is not on this machine, which costs money.
    #[arg(long)]
    pub yes: bool,

    /// Write what was acknowledged, down to the cent, to this JSON file.
    #[arg(long, value_name = "PATH")]
    pub ledger: Option<PathBuf>,

    /// For the ledger: a cart is abandoned when nothing happens to it for so long. The same as in the deployment.
    #[arg(long, value_name = "TIME", env = "GLOBALMART_CART_TIMEOUT", default_value = "30m", value_parser = cart_timeout)]
    pub cart_timeout: Duration,

    /// Write the JSON report to this file as well, whatever --output says.
    #[arg(long, value_name = "PATH")]
    pub summary_file: Option<PathBuf>,

    /// What the run must keep to.
    #[arg(long, value_name = "BOUND", help = threshold_help())]
    pub threshold: Vec<Threshold>,

    /// The form of the report.
    #[arg(long, value_name = "FORM", default_value = "human")]
    pub output: Output,
}

/// Flags of `verify`.
#[derive(Args, Clone, Debug)]
pub struct VerifyArgs {
    /// The ledger of a run; several runs in the same minutes need all of theirs.
    #[arg(long, value_name = "PATH", required = true)]
    pub ledger: Vec<PathBuf>,

    /// The deployment to look into. Default: the one that the ledger names.
    #[arg(long, value_name = "NAME", value_parser = stage)]
    pub stage: Option<String>,

    /// What to compare.
    #[command(flatten)]
    pub running: JobsArgs,

    /// The ledgers are those of all runs since the deployment: compare what is in stock, too.
    #[arg(long)]
    pub all_runs: bool,

    /// Compare the star schema and the analytical tables, too: what `make batch` or the function batch has made of the archive.
    #[arg(long)]
    pub warehouse: bool,

    /// How long the system may take to catch up. A cart counts as abandoned when its timeout is over, not before.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub wait: Duration,

    /// The form of the report.
    #[arg(long, value_name = "FORM", default_value = "human")]
    pub output: Output,
}

/// Flags of `sales`.
#[derive(Args, Clone, Debug)]
pub struct SalesArgs {
    /// Which deployment to read.
    #[arg(long, value_name = "NAME", default_value = "dev", value_parser = stage)]
    pub stage: String,

    /// How far back to look; whole minutes of event time, the present one included.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub last: Duration,

    /// The form of the report.
    #[arg(long, value_name = "FORM", default_value = "human")]
    pub output: Output,
}

/// Flags of `watch`.
#[derive(Args, Clone, Debug)]
pub struct WatchArgs {
    /// Which deployment to read.
    #[arg(long, value_name = "NAME", default_value = "dev", value_parser = stage)]
    pub stage: String,

    /// What to show: a panel a job that has one.
    #[command(flatten)]
    pub running: JobsArgs,

    /// How often to look; each look costs some tens of reads.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = refresh)]
    pub every: Duration,

    /// The window: 1m to 60m, such as 5m, 15m or 60m; whole minutes of event time, the present one included.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = watch_window)]
    pub last: Duration,

    /// Print once and end; exits with 1 if a panel could not be read. So it is without a terminal, and with --output json.
    #[arg(long)]
    pub once: bool,

    /// The form: panels, or one JSON object.
    #[arg(long, value_name = "FORM", default_value = "human")]
    pub output: Output,
}

/// Flags of `backfill`.
#[derive(Args, Clone, Debug)]
pub struct BackfillArgs {
    /// When the history begins: a date, or a time such as 2026-11-22T17:30:00Z; from 1990 on.
    #[arg(long, value_name = "DATE", value_parser = date_or_time)]
    pub from: Timestamp,

    /// When it ends, exclusive; at least an hour later, now at the latest.
    #[arg(long, value_name = "DATE", value_parser = date_or_time)]
    pub to: Timestamp,

    /// How many orders there are in all, about. Default: a million a year.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub orders: Option<u64>,

    /// Which shop it is. Its calendar says when there is much to do, whatever the profile's rate and stages.
    #[command(flatten)]
    pub shop: ShopArgs,

    /// Where it goes.
    #[command(flatten)]
    pub target: TargetArgs,

    /// The form of the summary.
    #[arg(long, value_name = "FORM", default_value = "human")]
    pub output: Output,
}

/// Flags of `catalog`.
#[derive(Args, Clone, Debug)]
pub struct CatalogArgs {
    /// Which shop it is: that of the runs and backfills that the catalog is for.
    #[command(flatten)]
    pub shop: ShopArgs,

    /// Where it goes.
    #[command(flatten)]
    pub target: TargetArgs,

    /// The form of the summary.
    #[arg(long, value_name = "FORM", default_value = "human")]
    pub output: Output,
}

/// Where Parquet files go.
#[derive(Args, Clone, Debug)]
pub struct TargetArgs {
    /// The deployment whose warehouse bucket gets them.
    #[arg(long, value_name = "NAME", default_value = "dev", value_parser = stage)]
    pub stage: String,

    /// A folder that gets them instead, laid out like the bucket; it is created if need be.
    #[arg(long, value_name = "DIR", conflicts_with = "stage")]
    pub dir: Option<PathBuf>,
}

/// Flags of `schema`.
#[derive(Args, Clone, Debug)]
pub struct SchemaArgs {
    /// One type's schema. Default: all, as one object by type.
    #[arg(value_parser = event_type())]
    pub event_type: Option<EventType>,

    /// All types' schemas.
    #[arg(long, conflicts_with = "event_type")]
    pub all: bool,

    /// Write a file a type, TYPE.json, into this folder instead.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,

    /// human: the bare schemas; json: one object with `schema_version`, and the schemas in it.
    #[arg(long, value_name = "FORM", default_value = "human")]
    pub output: Output,
}

/// Flags of `completions`.
#[derive(Args, Clone, Debug)]
pub struct CompletionsArgs {
    /// The shell.
    pub shell: Shell,
}

/// Flags of `man`.
#[derive(Args, Clone, Debug)]
pub struct ManArgs {
    /// Write loadgen.1 and a page a subcommand into this folder instead.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Where the events go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkArg {
    /// To the streams of the stage.
    Kinesis,
    /// Nowhere.
    Null,
    /// To the standard output, one JSON object a line.
    Stdout,
    /// Into a folder, one file a stream, one JSON object a line.
    File(PathBuf),
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// A table.
    Human,
    /// One JSON object.
    Json,
}

impl Cli {
    /// Reads a command line. The error prints itself, and knows whether it is one: `--help` comes this way, too.
    pub fn read<I, T>(arguments: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator<Item = T>,
        T: Into<OsString> + Clone,
    {
        Self::try_parse_from(arguments)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_are_consistent() {
        Cli::command().debug_assert();
    }
}
