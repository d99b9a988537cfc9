//! `loadgen verify`: whether what was sent is what is counted and what is stored, event for event and cent for cent.
//!
//! A ledger's minutes are compared whole. Another producer's events in the same minutes show as differences, unless its
//! ledger is given, too.

mod anomalies;
mod archive;
mod carts;
mod inventory;
mod objects;
mod quarantine;
mod report;
mod sales;
mod sent;
mod views;
mod warehouse;
#[cfg(test)]
mod witness;

use std::collections::BTreeMap;
use std::time::Duration;

use analytics::Partial;
use events::{EventType, Minute, Timestamp};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::time::{Instant, sleep};

pub use self::anomalies::Detector;
pub use self::report::{Check, Verdict};

use self::report::{Compared, cells_check, signed};
use self::sent::Sent;
use crate::args::VerifyArgs;
use crate::deployment::Deployment;
use crate::failure::Failure;
use crate::jobs::Job;
use crate::ledger::{Count, Ledger};

const CONCURRENT_READS: usize = 8;
/// The shortest pause before looking again, while the system is catching up.
const MIN_PAUSE: Duration = Duration::from_secs(1);
/// The longest one. Each look reads everything anew, which costs money.
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// Between the two, a pause is a tenth of the time waited so far.
const PAUSES: u32 = 10;

/// Events by minute and type, down to which ones they are.
type EventCells = BTreeMap<(Minute, EventType), Count>;
/// Number of events by minute and type.
type TypeCells = BTreeMap<(Minute, EventType), u64>;

/// Compares until nothing differs or the patience of `args` is over. `now` is the clock that carts are abandoned by.
pub async fn verify(
    deployment: &Deployment,
    ledgers: &[Ledger],
    args: &VerifyArgs,
    now: fn() -> Timestamp,
) -> Result<Verdict, Failure> {
    let sent = Sent::of(ledgers)?;
    let started = Instant::now();
    loop {
        let verdict = compare(deployment, &sent, args, now()).await?;
        let waited = started.elapsed();
        if verdict.ok || waited >= args.wait {
            return Ok(verdict);
        }
        let pause = (waited / PAUSES).clamp(MIN_PAUSE, MAX_PAUSE);
        sleep(pause.min(args.wait.saturating_sub(waited))).await;
    }
}

/// Whoever compares nothing must not read that nothing differs.
pub(crate) fn refuse_nothing(args: &VerifyArgs) -> Result<(), Failure> {
    if args.warehouse || args.running.jobs.iter().any(|job| job != Job::Batch) {
        return Ok(());
    }
    Err(Failure::usage(
        "the job batch alone leaves nothing to compare: add --warehouse, or name another job with --jobs",
    ))
}

async fn compare(
    deployment: &Deployment,
    sent: &Sent,
    args: &VerifyArgs,
    now: Timestamp,
) -> Result<Verdict, Failure> {
    let mut compared = Compared::default();
    for job in args.running.jobs.iter() {
        let checks = match job {
            Job::Sales => sales::compare(deployment, sent).await?,
            Job::Views => views::compare(deployment, sent).await?,
            Job::Carts => carts::compare(deployment, sent, now).await?,
            Job::Anomalies => {
                let checks;
                (checks, compared.detectors) = anomalies::compare(deployment, sent).await?;
                checks
            }
            Job::Inventory => inventory::compare(deployment, sent, args.all_runs).await?,
            Job::Archive => {
                let checks;
                (checks, compared.resent) = archive::compare(deployment, sent).await?;
                checks
            }
            // It runs once a day or when it is asked to, so its tables are compared when that is asked for.
            Job::Batch => Vec::new(),
        };
        compared.checks.extend(checks);
    }
    if args.warehouse {
        let checks;
        (checks, compared.advice) = warehouse::compare(deployment, sent).await?;
        compared.checks.extend(checks);
    }
    Ok(Verdict::new(sent, compared, now))
}

/// What the pages of each of the ledgers' minutes come to. Those of a few minutes are in memory at a time.
async fn read_minutes<P: Partial, T>(
    deployment: &Deployment,
    sent: &Sent,
    comes_to: impl Fn(Minute, &[P]) -> T,
) -> Result<Vec<T>, Failure> {
    let comes_to = &comes_to;
    stream::iter(&sent.minutes)
        .map(|minute| async move {
            let pages = deployment.pages::<P>(*minute).await?;
            Ok(comes_to(*minute, &pages))
        })
        .buffered(CONCURRENT_READS)
        .try_collect()
        .await
}

/// The events that a job counts in its metrics: a sum of each type, and how many cells agree.
fn type_checks(job: Job, expected: &EventCells, found: &TypeCells) -> Vec<Check> {
    let expected: TypeCells = expected
        .iter()
        .filter(|((_, event_type), _)| job.counts(*event_type))
        .map(|(cell, count)| (*cell, count.events))
        .collect();
    let types = EventType::ALL
        .iter()
        .filter(|event_type| job.counts(**event_type));
    let mut checks: Vec<Check> = types
        .map(|event_type| {
            let sum = |cells: &TypeCells| {
                let of_type = cells.iter().filter(|((_, of), _)| of == event_type);
                signed(of_type.map(|(_, events)| events).sum::<u64>())
            };
            let name = format!("{} {event_type} events", job.as_str());
            Check::new(name, sum(&expected), sum(found))
        })
        .collect();
    let name = format!("{} minutes × types equal", job.as_str());
    checks.push(cells_check(name, &expected, found));
    checks
}

/// Sums by a key, where there are any.
fn add_up<K: Ord>(sums: &mut BTreeMap<K, u64>, more: impl IntoIterator<Item = (K, u64)>) {
    for (key, n) in more.into_iter().filter(|(_, n)| *n > 0) {
        *sums.entry(key).or_default() += n;
    }
}

#[cfg(test)]
mod tests {
    use events::{Device, Envelope, Uuid};

    use super::*;
    use crate::args::{Cli, Command};

    pub(super) fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms).unwrap()
    }

    pub(super) fn envelope(n: u128, ms: i64) -> Envelope {
        Envelope {
            event_id: Uuid::from_u128(n),
            occurred_at: at(ms),
            user_id: 1,
            session_id: Uuid::nil(),
            country: "US".parse().unwrap(),
            device: Device::Mobile,
        }
    }

    /// The names of the checks that fail, and by how much.
    pub(super) fn differing(checks: Vec<Check>) -> Vec<(String, i64)> {
        let differing = checks.into_iter().filter(|check| check.difference != 0);
        differing.map(|check| (check.name, check.difference)).collect()
    }

    #[test]
    fn comparing_nothing_is_wrong_usage() {
        let refusal = |flags: &str| {
            let words = ["loadgen", "verify", "--ledger", "ledger.json", "--jobs"];
            match Cli::read(words.into_iter().chain(flags.split(' ')))
                .unwrap()
                .command
            {
                Command::Verify(args) => refuse_nothing(&args).err(),
                other => panic!("{other:?}"),
            }
        };
        let refused = refusal("batch").unwrap();
        assert_eq!(refused.exit_code(), 2);
        let says = refused.to_string();
        assert!(says.contains("add --warehouse"), "{says}");
        for flags in ["batch --warehouse", "archive,batch", "sales"] {
            assert_eq!(refusal(flags), None, "{flags}");
        }
    }

    #[test]
    fn a_job_is_held_against_the_types_that_it_counts() {
        let cell = |minute: i64, event_type| (at(60_000 * minute).minute(), event_type);
        let count = |events| Count {
            events,
            ..Count::default()
        };
        let expected = EventCells::from([
            (cell(0, EventType::Purchase), count(2)),
            (cell(1, EventType::Purchase), count(3)),
            (cell(1, EventType::CartAdd), count(9)),
        ]);
        let check = |found: TypeCells| differing(type_checks(Job::Anomalies, &expected, &found));
        let right = [
            (cell(0, EventType::Purchase), 2),
            (cell(1, EventType::Purchase), 3),
        ];
        assert_eq!(check(right.into()), []);
        let moved = [
            (cell(0, EventType::Purchase), 3),
            (cell(1, EventType::Purchase), 2),
        ];
        assert_eq!(
            check(moved.into()),
            [("anomalies minutes × types equal".to_owned(), -2)]
        );
        let lost = [(cell(0, EventType::Purchase), 2)];
        assert_eq!(
            check(lost.into()),
            [
                ("anomalies purchase events".to_owned(), -3),
                ("anomalies minutes × types equal".to_owned(), -1)
            ]
        );
    }
}
