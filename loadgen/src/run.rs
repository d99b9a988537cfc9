//! `loadgen run`: the plan is given, the rest follows: preflight, lanes, pacer, report, ledger.

use std::io::{self, Write};
use std::sync::Arc;

use events::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::account::Account;
use crate::args::{Output, SinkArg};
use crate::control::{Cause, Control};
use crate::failure::Failure;
use crate::files::write_summary;
use crate::generator::Generator;
use crate::ledger::RunFacts;
use crate::pacer::{Offered, Schedule, release};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::replay::{Recording, Replayed};
use crate::report::{Measured, Report};
use crate::sink::preflight::Aws;
use crate::sink::{Acked, Lanes, kinesis, local};
use crate::threshold::{Metric, Outcome, judge};

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

/// Does what the plan says and prints the report. A run that was interrupted or that lost events is a failure, but it has
/// its report and its ledger all the same.
pub async fn run(plan: &Plan, host: Host) -> Result<Report, Failure> {
    let Host {
        stdout,
        mut stderr,
        on_terminal,
        aws,
        mut interrupts,
        freshness,
    } = host;
    let began = Instant::now();
    let (acked, measured) = freshness
        .map(|Freshness { acked, result }| (acked, result))
        .unzip();
    let control = Arc::new(Control::default());
    let mut stdout = Some(stdout);
    let lanes = tokio::select! {
        lanes = open(plan, aws.as_ref(), &control, &mut stdout, acked.as_ref()) => lanes?,
        Some(()) = interrupts.recv() => return Err(Failure::Interrupted),
    };
    drop(acked);

    let (started, offered) = (Instant::now(), Offered::default());
    let schedule = Schedule::new(plan.events.rate, plan.count);
    let progress = Progress {
        started,
        schedule,
        offered: offered.clone(),
        accounts: lanes.accounts.clone(),
    };
    let helpers = [
        tokio::spawn(progress.tell(on_terminal)),
        tokio::spawn(stop_when_asked(Arc::clone(&control), async move {
            interrupts.recv().await
        })),
        tokio::spawn(bound_the_end(Arc::clone(&control), plan.delivery.drain)),
    ];
    let mut generator = Generator::new(plan.events, plan.count);
    release(&mut generator, schedule, &lanes, &control, started, &offered).await;
    let mut account = lanes.finish().await;
    let elapsed = started.elapsed();
    let [progress, ..] = &helpers;
    progress.abort();

    let mut report = Report::new(plan, offered.get(), elapsed, &account);
    if let Some(recording) = &plan.recording {
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
    let json_on_stderr = stdout.is_none() && plan.output == Output::Json;
    if let Some(bad_lines) = report.recording.as_ref().and_then(Replayed::told)
        && !json_on_stderr
    {
        print(&mut stderr, &bad_lines)?;
    }
    if control.cause() != Some(&Cause::PipeClosed) {
        let text = match plan.output {
            Output::Human => report.to_table(),
            Output::Json => report.to_json(),
        };
        print(stdout.as_mut().unwrap_or(&mut stderr), &text)?;
    }
    if let Some(path) = &plan.summary_file {
        write_summary(path, &report.to_json())?;
    }
    kept?;
    plan.recording.as_ref().map_or(Ok(()), Recording::check_end)?;
    let errors_allowed = plan
        .thresholds
        .iter()
        .any(|threshold| threshold.metric == Metric::ErrorRate);
    let broken = Outcome::broken(&report.thresholds);
    match (verdict(report, control.cause(), errors_allowed), broken) {
        (Ok(_), Some(broken)) => Err(Failure::run(format!("the run broke its thresholds\n{broken}"))),
        (Err(Failure::Run(message)), Some(broken)) => Err(Failure::run(format!("{message}\n{broken}"))),
        (done, _) => done,
    }
}

/// Opens the sink, after making sure that it can work.
async fn open(
    plan: &Plan,
    aws: Option<&Aws>,
    control: &Arc<Control>,
    stdout: &mut Option<Box<dyn Write + Send>>,
    acked: Option<&UnboundedSender<Acked>>,
) -> Result<Lanes, Failure> {
    let (delivery, with_books, control) = (&plan.delivery, plan.ledger.is_some(), Arc::clone(control));
    Ok(match &plan.sink {
        SinkArg::Kinesis => {
            let aws = aws.ok_or_else(|| Failure::run("the sink kinesis needs a region and credentials"))?;
            let client = aws.kinesis();
            aws.check(&client, plan).await?;
            kinesis::open(&client, &aws.endpoint, plan, &control, acked)
        }
        SinkArg::Null => local::open(local::Null, delivery, with_books, control),
        SinkArg::File(folder) => local::open(local::Files::create(folder)?, delivery, with_books, control),
        SinkArg::Stdout => {
            let lines = stdout.take().unwrap_or_else(|| Box::new(io::sink()));
            local::open(local::Lines(lines), delivery, with_books, control)
        }
    })
}

async fn stop_when_asked(control: Arc<Control>, asked: impl Future<Output = Option<()>>) {
    if asked.await.is_some() {
        control.stop(Cause::Interrupted);
    }
}

/// Gives a stopped run only so long to send what is queued.
async fn bound_the_end(control: Arc<Control>, drain: std::time::Duration) {
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
    let facts = RunFacts {
        seed: plan.events.seed,
        start: report.start,
        end: report.end,
        stage: report.stage.clone(),
        sink: report.sink.clone(),
        rate: plan.events.rate,
        mix: plan.events.mix.to_string(),
        sent_from: plan.began_at,
        sent_to: ended_at,
        users: plan.events.users,
        products: plan.events.products,
    };
    books
        .close(facts, report.offered, report.failed, report.uncertain)
        .write(path)
        .map_err(|error| {
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
fn verdict(report: Report, cause: Option<&Cause>, errors_allowed: bool) -> Result<Report, Failure> {
    match cause {
        Some(Cause::Interrupted) => Err(Failure::Interrupted),
        Some(Cause::Broken(what)) => Err(Failure::run(format!(
            "{what}; the run ended early, {} of {} events failed",
            report.failed, report.offered
        ))),
        None if report.failed > 0 && !errors_allowed => {
            let codes: Vec<String> = report
                .failures_by_code
                .iter()
                .map(|(code, count)| format!("{code} {count}"))
                .collect();
            Err(Failure::run(format!(
                "{} of {} events failed ({}): the sink can't keep up or refuses them; lower --rate or add shards",
                report.failed,
                report.offered,
                codes.join(", "),
            )))
        }
        Some(Cause::PipeClosed) | None => Ok(report),
    }
}
