//! `loadgen run`: the plan is given, the rest follows: preflight, lanes, pacer, report, ledger.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use events::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::account::Account;
use crate::args::{Output, SinkArg};
use crate::control::{Cause, Control};
use crate::failure::Failure;
use crate::files::write_summary;
use crate::flow::Standing;
use crate::ledger::{Books, REPLAY, RunFacts, Totals};
use crate::pacer::{self, Pace};
use crate::plan::{Plan, Work};
use crate::progress::Progress;
use crate::replay::{Recording, Replayed};
use crate::report::{Measured, Report};
use crate::sink::preflight::Aws;
use crate::sink::shards::Shards;
use crate::sink::{Acked, Keep, Lanes, cost, kinesis, local, settled};
use crate::source::Source;
use crate::threshold::{Metric, Outcome, judge};

/// The schedule begins this much later than the threads that keep it: the first record isn't late for want of them.
const LEAD: Duration = Duration::from_millis(20);

/// What a run needs of the world around it.
pub struct Host {
    /// The standard output: events if that is the sink, else the report.
    pub stdout: Box<dyn Write + Send>,
    /// The standard error: the report if events go to the standard output.
    pub stderr: Box<dyn Write + Send>,
    /// Whether the standard error is a terminal.
    pub on_terminal: bool,
    /// What the SDK found; needed by the sink `kinesis` only.
    pub aws: Option<Aws>,
    /// Each message asks to end the run.
    pub interrupts: UnboundedReceiver<()>,
    /// Measures how long transactions take until they can be read.
    pub freshness: Option<Freshness>,
}

/// Somebody who watches for acknowledged transactions to turn up.
pub struct Freshness {
    /// Gets every acknowledged transaction; closed when the run is over.
    pub acked: UnboundedSender<Acked>,
    /// What came of it, soon after the channel is closed.
    pub result: JoinHandle<Measured>,
}

/// Sends what the source gives as the plan says and prints the report. A run that was interrupted or that lost records is
/// a failure, but it has its report and its ledger all the same.
pub async fn run(plan: &Plan, source: impl Source, host: Host) -> Result<Report, Failure> {
    let Host {
        stdout,
        stderr,
        on_terminal,
        aws,
        mut interrupts,
        freshness,
    } = host;
    let began = Instant::now();
    let (acked, measured) = freshness
        .map(|Freshness { acked, result }| (acked, result))
        .unzip();
    let keep = Keep {
        ledger: plan.ledger.is_some(),
        freshness: acked.is_some(),
    };
    let control = Arc::new(Control::default());
    let books = keep.ledger.then(|| Books::new(plan.cart_timeout_ms));
    let standing = Arc::new(Standing::new(Account::new(books)));
    let mut stdout = Some(stdout);
    let target = tokio::select! {
        target = open(plan, aws.as_ref(), &mut stdout) => target?,
        Some(()) = interrupts.recv() => return Err(Failure::Interrupted),
    };

    let started = Instant::now() + LEAD;
    let shards = target.shards().to_vec();
    let lanes = target.lanes(plan, &control, &standing, started, acked);
    let progress = Progress {
        started,
        standing: Arc::clone(&standing),
    };
    let helpers = [
        tokio::spawn(progress.tell(on_terminal)),
        tokio::spawn(stop_when_asked(Arc::clone(&control), async move {
            interrupts.recv().await
        })),
        tokio::spawn(end_the_pacing(Arc::clone(&control), Arc::clone(&standing))),
        tokio::spawn(bound_the_end(Arc::clone(&control), plan.delivery.drain)),
    ];
    let pace = Pace {
        started,
        senders: lanes.senders,
        standing: Arc::clone(&standing),
        control: Arc::clone(&control),
        budget_bytes: plan.delivery.budget_bytes,
        deadline: plan.schedule_end().map(|end| end + plan.delivery.drain),
    };
    let (thread, outcome) = pacer::spawn(source, keep, lanes.route, pace)
        .map_err(|error| Failure::run(format!("cannot start a thread: {error}")))?;
    let outcome = outcome.await;
    settled(lanes.tasks).await;
    let elapsed = started.elapsed();
    let [progress, ..] = &helpers;
    progress.abort();
    let paced = match (outcome, thread.join()) {
        (_, Err(panic)) => std::panic::resume_unwind(panic),
        (outcome, Ok(())) => outcome.expect("a pacer that ends well tells how it went"),
    };

    let flow = *standing.flow();
    let mut account = standing.take_account();
    let mut report = Report::new(plan, elapsed, &flow, &account, &paced, &shards);
    if let Some(recording) = plan.recording() {
        recording.enter(&mut report);
    }
    let ended_at = plan
        .began_at
        .plus_ms(i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX));
    let kept = write_ledger(plan, &report, ended_at, &mut account);
    if let Some(measured) = measured {
        // The ledger is kept by now, and whoever is tired of waiting gets the report.
        report.freshness = tokio::select! {
            measured = measured => measured.ok(),
            () = control.stopped() => None,
        };
    }
    helpers.iter().for_each(JoinHandle::abort);
    report.thresholds = judge(&plan.thresholds, &report.measures());
    tell(plan, &report, control.cause(), stdout, stderr)?;
    kept?;
    plan.recording().map_or(Ok(()), Recording::check_end)?;
    let broken = Outcome::broken(&report.thresholds);
    match (verdict(plan, report, control.cause()), broken) {
        (Ok(_), Some(broken)) => Err(Failure::run(format!("the run broke its thresholds\n{broken}"))),
        (Err(Failure::Run(message)), Some(broken)) => Err(Failure::run(format!("{message}\n{broken}"))),
        (done, _) => done,
    }
}

/// Writes the summary file and prints the bad lines of a recording and the report. The report goes to the standard error if
/// the events have taken the standard output; in JSON it goes there alone.
fn tell(
    plan: &Plan,
    report: &Report,
    cause: Option<&Cause>,
    stdout: Option<Box<dyn Write + Send>>,
    mut stderr: Box<dyn Write + Send>,
) -> Result<(), Failure> {
    let text = match plan.output {
        Output::Human => report.to_table(),
        Output::Json => report.to_json(),
    };
    // First the file: it is there even if nobody can be told.
    let summary = plan
        .summary_file
        .as_ref()
        .map_or(Ok(()), |path| write_summary(path, &report.to_json()));
    if let Some(bad_lines) = report.recording.as_ref().and_then(Replayed::told)
        && (stdout.is_some() || plan.output == Output::Human)
    {
        print(&mut stderr, &bad_lines)?;
    }
    if cause != Some(&Cause::PipeClosed) {
        print(&mut stdout.unwrap_or(stderr), &text)?;
    }
    summary
}

/// A sink that can work.
enum Target {
    Kinesis {
        client: Client,
        endpoint: String,
        shards: Vec<Arc<Shards>>,
    },
    Null,
    Files(local::Files),
    Lines(local::Lines),
}

/// Opens the sink, after making sure that it can work.
async fn open(
    plan: &Plan,
    aws: Option<&Aws>,
    stdout: &mut Option<Box<dyn Write + Send>>,
) -> Result<Target, Failure> {
    Ok(match &plan.sink {
        SinkArg::Kinesis => {
            let aws = aws.ok_or_else(|| Failure::run("the sink kinesis needs a region and credentials"))?;
            let aggregate_bytes = plan.delivery.aggregate_bytes;
            match &plan.work {
                Work::Generate(generation) => {
                    let peak = generation.config.peak_rate(generation.limit.duration);
                    cost::check(&aws.endpoint, peak, aggregate_bytes, plan.yes)?;
                }
                Work::Replay(_) => cost::check_unknown(&aws.endpoint, plan.yes)?,
            }
            let client = aws.kinesis();
            Target::Kinesis {
                shards: aws.check(&client, plan).await?,
                endpoint: aws.endpoint.clone(),
                client,
            }
        }
        SinkArg::Null => Target::Null,
        SinkArg::File(folder) => Target::Files(local::Files::create(folder)?),
        SinkArg::Stdout => Target::Lines(local::Lines(
            stdout.take().unwrap_or_else(|| Box::new(io::sink())),
        )),
    })
}

impl Target {
    /// The shards that each stream has at the start.
    fn shards(&self) -> &[Arc<Shards>] {
        match self {
            Self::Kinesis { shards, .. } => shards,
            _ => &[],
        }
    }

    fn lanes(
        self,
        plan: &Plan,
        control: &Arc<Control>,
        standing: &Arc<Standing>,
        started: Instant,
        acked: Option<UnboundedSender<Acked>>,
    ) -> Lanes {
        let (control, standing) = (Arc::clone(control), Arc::clone(standing));
        match self {
            Self::Kinesis {
                client,
                endpoint,
                shards,
            } => {
                let shared = kinesis::Shared {
                    client,
                    endpoint,
                    control,
                    standing,
                    started,
                    acked,
                };
                kinesis::open(&shared, plan, shards)
            }
            Self::Null => local::open(local::Null, standing, control, started),
            Self::Files(files) => local::open(files, standing, control, started),
            Self::Lines(lines) => local::open(lines, standing, control, started),
        }
    }
}

async fn stop_when_asked(control: Arc<Control>, asked: impl Future<Output = Option<()>>) {
    if asked.await.is_some() {
        control.stop(Cause::Interrupted);
    }
}

/// The pacer may be waiting for its next record.
async fn end_the_pacing(control: Arc<Control>, standing: Arc<Standing>) {
    control.stopped().await;
    standing.wake_pacer();
}

/// Gives a stopped run only so long to send what is queued.
async fn bound_the_end(control: Arc<Control>, drain: Duration) {
    control.stopped().await;
    sleep(drain).await;
    control.abandon();
}

fn write_ledger(
    plan: &Plan,
    report: &Report,
    ended_at: Timestamp,
    account: &mut Account,
) -> Result<(), Failure> {
    let (Some(path), Some(books)) = (&plan.ledger, account.books.take()) else {
        return Ok(());
    };
    let totals = Totals {
        offered: report.offered,
        failed: report.failed,
        uncertain: report.uncertain,
        possible_duplicates: report.possible_duplicates,
    };
    let generation = plan.generation();
    let facts = RunFacts {
        seed: report.seed.unwrap_or_default(),
        start: report.start,
        end: report.end,
        stage: report.stage.clone(),
        sink: report.sink.clone(),
        rate: report.target_rate.unwrap_or_default(),
        mix: generation.map_or_else(|| REPLAY.to_owned(), |generation| generation.shape.clone()),
        sent_from: plan.began_at,
        sent_to: ended_at,
        users: generation.map_or(0, |generation| generation.config.users),
        products: generation.map_or(0, |generation| generation.config.products),
        cart_timeout_ms: plan.cart_timeout_ms,
    };
    books.close(facts, totals).write(path).map_err(|error| {
        Failure::run(format!(
            "cannot write the ledger {}: {error}: name another --ledger",
            path.display()
        ))
    })
}

/// Prints a text and a line break. A reader who has left has no need of it.
pub fn print(to: &mut dyn Write, text: &str) -> Result<(), Failure> {
    match writeln!(to, "{text}").and_then(|()| to.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::run(format!("cannot write the report: {error}")))
        }
        _ => Ok(()),
    }
}

/// Whether the run did what it was asked for. A threshold for the error rate says itself how many events may fail.
fn verdict(plan: &Plan, report: Report, cause: Option<&Cause>) -> Result<Report, Failure> {
    let errors_allowed = plan
        .thresholds
        .iter()
        .any(|threshold| threshold.metric == Metric::ErrorRate);
    let Report {
        offered,
        failed,
        dropped,
        ..
    } = report;
    match cause {
        Some(Cause::Interrupted) => Err(Failure::Interrupted),
        Some(Cause::Broken(what)) => Err(Failure::run(format!(
            "{what}; the run ended early, {failed} of {offered} events failed, {dropped} were never sent"
        ))),
        None if errors_allowed => Ok(report),
        None if failed > 0 => {
            let codes: Vec<String> = report
                .failures_by_code
                .iter()
                .map(|(code, count)| format!("{code} {count}"))
                .collect();
            Err(Failure::run(format!(
                "{failed} of {offered} events failed ({}), {dropped} were never sent: the sink can't keep up or refuses them; \
                 lower --rate or add shards",
                codes.join(", "),
            )))
        }
        None if dropped > 0 => Err(Failure::run(format!(
            "{dropped} of {offered} events were never sent: the sink had not taken them well after the schedule's end; lower \
             --rate, add shards, or try --aggregate or more --workers"
        ))),
        Some(Cause::PipeClosed) | None => Ok(report),
    }
}
