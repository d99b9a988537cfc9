//! Everything that is read from the process and its environment, and only here: arguments, clock, terminal, signals.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use events::Timestamp;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::archive_writer::ArchiveWriter;
use crate::args::{
    BackfillArgs, CatalogArgs, Cli, Command, Output, ReplayArgs, ReplayTo, RunArgs, SalesArgs, SinkArg,
    TargetArgs, VerifyArgs, WatchArgs,
};
use crate::backfill::{self, backfill};
use crate::catalog::catalog;
use crate::deployment::Deployment;
use crate::failure::Failure;
use crate::files::write_summary;
use crate::freshness;
use crate::ledger::Ledger;
use crate::manual::{completions, man};
use crate::plan::{Generation, Plan, effective_profile};
use crate::profile::Profile;
use crate::replay::archive::{self, ArchiveReport};
use crate::replay::{self, Recording, Replay, SharedTally, Speed};
use crate::run::{Host, print, run};
use crate::sales::SalesReport;
use crate::schema::schema;
use crate::sink::preflight::Aws;
use crate::source::Source;
use crate::store::Store;
use crate::verify::{refuse_nothing, verify};
use crate::watch::{self, watch};

/// Two days of minutes, one read each.
const MAX_MINUTES: i64 = 2 * 24 * 60;
/// What an interrupted run does.
const SENDS_ON: &str = "sending what is queued (once more: quit at once)";
/// What an interrupted replay into the archive does.
const WRITES_ON: &str = "writing what was read (once more: quit at once)";
/// What an interrupted command that replaces what it wrote leaves to do.
const AGAIN: &str = "what is written stays; the same command again replaces it and writes the rest";
/// The exit code of a process that was interrupted.
const INTERRUPTED: i32 = 130;

/// Runs a command line and returns the exit code. Everything there is to say has been said by then.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let cli = match Cli::read(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // A reader who has left has no need of the message.
            let _ = error.print();
            return u8::try_from(error.exit_code()).unwrap_or(2);
        }
    };
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::run(format!("cannot start threads: {error}")))
        .and_then(|runtime| {
            let done = runtime.block_on(command(cli.command));
            // A lookup or a write that hangs must not hold up the end.
            runtime.shutdown_background();
            done
        });
    match done {
        Ok(()) => 0,
        Err(failure) => {
            // Whoever interrupted was told what follows from it then.
            if failure != Failure::Interrupted {
                eprintln!("error: {failure}");
            }
            failure.exit_code()
        }
    }
}

async fn command(command: Command) -> Result<(), Failure> {
    match command {
        Command::Run(args) => start(&args).await,
        Command::Replay(args) => again(&args).await,
        Command::Verify(args) => check(&args).await,
        Command::Sales(args) => show_sales(&args).await,
        Command::Watch(args) => show_all(&args).await,
        Command::Schema(args) => print(&mut io::stdout(), &schema(&args)?),
        Command::Completions(args) => print(&mut io::stdout(), &completions(&args)),
        Command::Man(args) => print(&mut io::stdout(), &man(&args)?),
        Command::Backfill(args) => fill(&args).await,
        Command::Catalog(args) => list(&args).await,
    }
}

async fn start(args: &RunArgs) -> Result<(), Failure> {
    if args.print_config {
        let profile = effective_profile(args)?;
        profile.config(args.shop.seed, now())?;
        return print(&mut io::stdout(), profile.to_toml().trim_end());
    }
    let plan = Plan::new(args, now())?;
    let source = plan.generation().map(Generation::source);
    let source = source.expect("a run's plan is to generate");
    send(&plan, source, interrupts(SENDS_ON)?).await
}

async fn send(
    plan: &Plan,
    source: impl Source,
    mut interrupts: UnboundedReceiver<()>,
) -> Result<(), Failure> {
    let aws = match plan.sink {
        SinkArg::Kinesis => tokio::select! {
            aws = aws() => Some(aws?),
            _ = interrupts.recv() => return Err(Failure::Interrupted),
        },
        _ => None,
    };
    let freshness = match (&aws, &plan.freshness_of) {
        (Some(aws), Some(jobs)) => {
            let deployment = Arc::new(Deployment::open(aws, &plan.stage).await?);
            Some(freshness::watch(deployment, jobs.clone()))
        }
        _ => None,
    };
    let host = Host {
        stdout: Box::new(io::stdout()),
        stderr: Box::new(io::stderr()),
        on_terminal: io::stderr().is_terminal(),
        aws,
        interrupts,
        freshness,
    };
    run(plan, source, host).await.map(drop)
}

async fn again(args: &ReplayArgs) -> Result<(), Failure> {
    replay::check(args)?;
    let interrupts = interrupts(match args.to {
        ReplayTo::Archive => WRITES_ON,
        ReplayTo::Stream => SENDS_ON,
    })?;
    let reader = replay::open(&args.file, io::stdin())?;
    let (began_at, mut started) = (now(), None);
    // The time starts with the first line that is wanted, as the run's own does.
    let elapsed = move || started.get_or_insert_with(Instant::now).elapsed();
    match args.to {
        ReplayTo::Archive => {
            let source = Replay::new(reader, Speed::Max, began_at, elapsed);
            let tally = source.tally();
            let source_name = format!("replay-{}", began_at.as_ms());
            into_archive(args, source, &tally, &source_name, interrupts).await
        }
        ReplayTo::Stream => {
            let speed = args.speed.unwrap_or(Speed::Times(1.0));
            let source = Replay::new(reader, speed, began_at, elapsed);
            let recording = Recording {
                file: replay::file_name(&args.file),
                speed,
                tally: source.tally(),
            };
            let plan = Plan::replay(&args.delivery, recording, began_at)?;
            send(&plan, source, interrupts).await
        }
    }
}

/// Each replay has objects of its own, so that none replaces another's; readers count an event's id once.
async fn into_archive(
    args: &ReplayArgs,
    source: impl Source,
    tally: &SharedTally,
    source_name: &str,
    mut interrupts: UnboundedReceiver<()>,
) -> Result<(), Failure> {
    let target = TargetArgs {
        stage: args.delivery.stage.clone(),
        dir: args.dir.clone(),
    };
    let store = open(&target).await?;
    let (archive, started) = (store.name(), Instant::now());
    let writer = ArchiveWriter::new(store, source_name);
    let done = archive::write(source, writer, &mut interrupts).await?;
    let tally = tally.lock().clone();
    let file = replay::file_name(&args.file);
    let report = ArchiveReport::new(
        &file,
        archive,
        &done.written,
        started.elapsed(),
        tally.rejected.clone(),
    );
    // First the file: it is there even if nobody can be told.
    let summary = match &args.delivery.summary_file {
        Some(path) => write_summary(path, &report.to_json()),
        None => Ok(()),
    };
    if let Some(bad_lines) = tally.rejected.told(&file) {
        print(&mut io::stderr(), &bad_lines)?;
    }
    let text = match args.delivery.output {
        Output::Human => report.to_table(),
        Output::Json => report.to_json(),
    };
    print(&mut io::stdout(), &text)?;
    summary?;
    tally.check_end(&file)?;
    if done.interrupted {
        return Err(Failure::Interrupted);
    }
    Ok(())
}

async fn aws() -> Result<Aws, Failure> {
    Aws::from_environment(std::env::var("AWS_ENDPOINT_URL_KINESIS").ok()).await
}

async fn check(args: &VerifyArgs) -> Result<(), Failure> {
    let read = |path: &PathBuf| {
        Ledger::read(path).map_err(|error| {
            Failure::usage(format!(
                "cannot read the ledger {}: {error}: `loadgen run --ledger` writes one",
                path.display()
            ))
        })
    };
    let ledgers: Vec<Ledger> = args.ledger.iter().map(read).collect::<Result<_, _>>()?;
    let stage = args
        .stage
        .as_ref()
        .or(ledgers.first().map(|ledger| &ledger.run.stage));
    let stage = stage.ok_or_else(|| Failure::usage("verify needs a --ledger"))?;
    refuse_nothing(args)?;
    let deployment = Deployment::open(&aws().await?, stage).await?;
    let verdict = verify(&deployment, &ledgers, args, now).await?;
    print(&mut io::stdout(), &verdict.render(args.output))?;
    verdict.check()
}

async fn show_sales(args: &SalesArgs) -> Result<(), Failure> {
    let deployment = Deployment::open(&aws().await?, &args.stage).await?;
    let minutes = i64::try_from(args.last.as_secs().div_ceil(60))
        .unwrap_or(i64::MAX)
        .min(MAX_MINUTES);
    let report = SalesReport::read(&deployment, now(), minutes).await?;
    print(&mut io::stdout(), &report.render(args.output))
}

/// Ctrl-C is how a watch ends, not how it fails.
async fn show_all(args: &WatchArgs) -> Result<(), Failure> {
    let (mut interrupt, mut terminate) = signals()?;
    let on_terminal = io::stdout().is_terminal();
    let host = watch::Host {
        stdout: Box::new(io::stdout()),
        on_terminal,
        colours: on_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        now,
    };
    let work = async { watch(args, &aws().await?, host).await };
    tokio::select! {
        done = work => done,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

async fn fill(args: &BackfillArgs) -> Result<(), Failure> {
    let plan = backfill::Plan::new(args, now())?;
    let summary = async {
        let store = Box::pin(open(&args.target)).await?;
        backfill(&plan, store, io::stderr().is_terminal()).await
    };
    let summary = unless_interrupted(summary).await?;
    print(&mut io::stdout(), &summary.render(args.output))
}

async fn list(args: &CatalogArgs) -> Result<(), Failure> {
    let size = Profile::of_shop(&args.shop)?.shop;
    let summary = async {
        let store = Box::pin(open(&args.target)).await?;
        catalog(args.shop.seed, size, &store).await
    };
    let summary = unless_interrupted(summary).await?;
    print(&mut io::stdout(), &summary.render(args.output))
}

async fn open(target: &TargetArgs) -> Result<Store, Failure> {
    if let Some(folder) = &target.dir {
        return Store::folder(folder);
    }
    let deployment = Deployment::open(&aws().await?, &target.stage).await?;
    Ok(Store::Bucket {
        s3: deployment.s3,
        bucket: deployment.warehouse,
    })
}

/// Gives up what replaces its own results when somebody asks for the end.
async fn unless_interrupted<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let mut interrupts = interrupts(AGAIN)?;
    tokio::select! {
        done = work => done,
        Some(()) = interrupts.recv() => Err(Failure::Interrupted),
    }
}

fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let ms = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_ms(ms).expect("the clock shows a time before the year 9999")
}

/// Ctrl-C and SIGTERM, from now on.
fn signals() -> Result<(Signal, Signal), Failure> {
    let catch = |kind| signal(kind).map_err(|error| Failure::run(format!("cannot catch signals: {error}")));
    Ok((catch(SignalKind::interrupt())?, catch(SignalKind::terminate())?))
}

/// The first Ctrl-C (or SIGTERM) asks for the end; the second is the end.
#[expect(
    clippy::disallowed_methods,
    reason = "who asks twice wants no more waiting, for flushes either"
)]
fn interrupts(notice: &'static str) -> Result<UnboundedReceiver<()>, Failure> {
    let (mut interrupt, mut terminate) = signals()?;
    let (sender, receiver) = unbounded_channel();
    tokio::spawn(async move {
        for asked in 0.. {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if asked > 0 || sender.send(()).is_err() {
                std::process::exit(INTERRUPTED);
            }
            eprintln!("interrupted: {notice}");
        }
    });
    Ok(receiver)
}
