//! The command line as it was typed. What it means is `plan`'s business.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use events::Timestamp;

use crate::generator::Mix;

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
    /// Sends the events of a shop at a steady rate and reports what became of each.
    Run(RunArgs),
    /// Compares what runs sent with what the metrics and the archive hold; exits with 1 on any difference.
    Verify(VerifyArgs),
    /// Shows the sales of the last minutes, as the metrics have them.
    Sales(SalesArgs),
}

/// Flags of `run`.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// Events a second; event i is due i/RATE seconds after the start, however slow the sink.
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub rate: u64,

    /// How long to go on, such as 60s, 5m or 1h. Every event due by then is sent. Without it and --events: until Ctrl-C.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,

    /// How many events to send. With --duration, whichever ends first.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub events: Option<u64>,

    /// The same seed, --start, --rate, --users, --products and --mix give the same events, byte for byte.
    #[arg(long, value_name = "N", default_value_t = 42)]
    pub seed: u64,

    /// The time of the first event, such as 2026-11-22T17:30:00Z. Default: now.
    #[arg(long, value_name = "RFC3339", value_parser = Timestamp::parse)]
    pub start: Option<Timestamp>,

    /// Lanes of sending side by side. A shopper's events stay in one lane, in order.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: u16,

    /// How many shoppers there are.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(10_000..=10_000_000))]
    pub users: u64,

    /// How many products there are.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1_000..=250_000))]
    pub products: u64,

    /// Percentages of views/carts/transactions.
    #[arg(long, value_name = "V/C/T", default_value_t = Mix::default())]
    pub mix: Mix,

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

    /// Measure how long it takes until a transaction is readable in the metrics.
    #[arg(long)]
    pub measure_freshness: bool,

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

    /// How long the system may take to catch up.
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

impl FromStr for SinkArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "kinesis" => Ok(Self::Kinesis),
            "null" => Ok(Self::Null),
            "stdout" => Ok(Self::Stdout),
            _ => match text.strip_prefix("file:") {
                Some("") => Err("the folder is missing: write file:DIR".to_owned()),
                Some(folder) => Ok(Self::File(PathBuf::from(folder))),
                None => Err("a sink is one of kinesis, null, stdout, file:DIR".to_owned()),
            },
        }
    }
}

/// A time with units: 90s, 1m30s, 250ms, 1h.
fn duration(text: &str) -> Result<Duration, String> {
    let error = || "a time is a number with a unit, such as 60s, 5m, 1h or 1h30m".to_owned();
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
        let number: u64 = rest[..digits].parse().map_err(|_| error())?;
        let unit = &rest[digits..];
        let unit = &unit[..unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len())];
        let unit_ms: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(error()),
        };
        let part = number
            .checked_mul(unit_ms)
            .map(Duration::from_millis)
            .ok_or_else(error)?;
        total = total.checked_add(part).ok_or_else(error)?;
        rest = &rest[digits + unit.len()..];
    }
    if total.is_zero() { Err(error()) } else { Ok(total) }
}

/// A stage's name is a part of the names of streams, buckets and databases; this is what all of them take.
fn stage(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if (1..=16).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(allowed)
    {
        Ok(text.to_owned())
    } else {
        Err("a stage is 1 to 16 lower-case letters and digits, a letter first".to_owned())
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

    #[test]
    fn times_have_units() {
        let ms = |text| duration(text).map(|time| time.as_millis());
        assert_eq!(ms("60s"), Ok(60_000));
        assert_eq!(ms("5m"), Ok(300_000));
        assert_eq!(ms("1h"), Ok(3_600_000));
        assert_eq!(ms("1h30m"), Ok(5_400_000));
        assert_eq!(ms("250ms"), Ok(250));
        for text in [
            "",
            "60",
            "s",
            "1d",
            "0s",
            "-1s",
            "1.5s",
            "1s ",
            "99999999999999999999s",
            "9999999999999999h",
            "1ß",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sinks_and_stages_are_read_strictly() {
        assert_eq!("file:out".parse(), Ok(SinkArg::File("out".into())));
        for text in ["", "file:", "files", "Kinesis"] {
            assert!(text.parse::<SinkArg>().is_err(), "{text}");
        }
        assert!(stage("pr17").is_ok());
        for text in ["", "Dev", "a b", "x_y", "pr-17", "1a"] {
            assert!(stage(text).is_err(), "{text}");
        }
    }
}
