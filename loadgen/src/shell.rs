//! Everything that is read from the process and its environment, and only here: arguments, clock, terminal, signals.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use events::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::args::{Cli, Command, RunArgs, SalesArgs, SinkArg, VerifyArgs};
use crate::deployment::Deployment;
use crate::failure::Failure;
use crate::freshness;
use crate::generator::Generator;
use crate::ledger::Ledger;
use crate::plan::Plan;
use crate::run::{Host, print, run};
use crate::sales::SalesReport;
use crate::sink::preflight::Aws;
use crate::verify::verify;

/// Two days of minutes, one read each.
const MAX_MINUTES: i64 = 2 * 24 * 60;
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
        Command::Verify(args) => check(&args).await,
        Command::Sales(args) => show_sales(&args).await,
    }
}

async fn start(args: &RunArgs) -> Result<(), Failure> {
    let mut interrupts = interrupts()?;
    let plan = Plan::new(args, now())?;
    let aws = match plan.sink {
        SinkArg::Kinesis => tokio::select! {
            aws = aws() => Some(aws?),
            _ = interrupts.recv() => return Err(Failure::Interrupted),
        },
        _ => None,
    };
    let freshness = match &aws {
        Some(aws) if plan.measure_freshness => Some(freshness::watch(Arc::new(
            Deployment::open(aws, &plan.stage).await?,
        ))),
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
    let source = Generator::new(plan.events, plan.count);
    run(&plan, source, host).await.map(drop)
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
    let deployment = Deployment::open(&aws().await?, stage).await?;
    let verdict = verify(&deployment, &ledgers, args.wait).await?;
    print(&mut io::stdout(), &verdict.render(args.output))?;
    if verdict.ok {
        Ok(())
    } else {
        Err(Failure::run("what was sent is not what the deployment holds"))
    }
}

async fn show_sales(args: &SalesArgs) -> Result<(), Failure> {
    let deployment = Deployment::open(&aws().await?, &args.stage).await?;
    let minutes = i64::try_from(args.last.as_secs().div_ceil(60))
        .unwrap_or(i64::MAX)
        .min(MAX_MINUTES);
    let report = SalesReport::read(&deployment, now(), minutes).await?;
    print(&mut io::stdout(), &report.render(args.output))
}

fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let ms = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_ms(ms).expect("the clock shows a time before the year 9999")
}

/// The first Ctrl-C (or SIGTERM) asks for the end; the second is the end.
#[expect(
    clippy::disallowed_methods,
    reason = "who asks twice wants no more waiting, for flushes either"
)]
fn interrupts() -> Result<UnboundedReceiver<()>, Failure> {
    let catch = |kind| signal(kind).map_err(|error| Failure::run(format!("cannot catch signals: {error}")));
    let (mut interrupt, mut terminate) = (catch(SignalKind::interrupt())?, catch(SignalKind::terminate())?);
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
            eprintln!("interrupted: sending what is queued (once more: quit at once)");
        }
    });
    Ok(receiver)
}
