//! A Lambda function as a process of this machine, with the environment that Lambda gives it and no other.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use crate::limit::within;
use crate::process::peak_mb;
use crate::runtime_api::{Call, RuntimeApi};

const START_LIMIT: Duration = Duration::from_secs(30);
const INVOCATION_LIMIT: Duration = Duration::from_mins(2);
const END_LIMIT: Duration = Duration::from_secs(10);

/// What to run as a function.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) executable: PathBuf,
    /// Of an interpreter: what it runs.
    pub(crate) script: Option<PathBuf>,
    /// Its own settings beside Lambda's.
    pub(crate) settings: Vec<(&'static str, String)>,
}

/// A function that asked for its first invocation.
pub(crate) struct Started {
    program: &'static str,
    child: Child,
    api: RuntimeApi,
    invocation: oneshot::Sender<Bytes>,
    /// From the process's start to its first question for an invocation.
    pub(crate) took: Duration,
}

/// What an invocation came to.
pub(crate) struct Invoked {
    /// From the invocation's being handed out to its answer.
    pub(crate) took: Duration,
    /// The most memory that the process ever had in use, in MiB.
    pub(crate) peak_mb: f64,
}

impl Program {
    /// Starts it and waits until it asks for an invocation.
    pub(crate) async fn start(&self, endpoint: SocketAddr) -> anyhow::Result<Started> {
        let mut api = RuntimeApi::start().await?;
        let mut command = self.command(api.address, endpoint);
        let began = Instant::now();
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot run {}", self.executable.display()))?;
        let what = format!("{} to ask for its first invocation", self.name);
        match within(START_LIMIT, &what, call_of(self.name, &mut child, &mut api)).await?? {
            (at, Call::Next(invocation)) => Ok(Started {
                program: self.name,
                child,
                api,
                invocation,
                took: at.duration_since(began),
            }),
            (_, Call::Failure(reason)) => bail!("{} failed at its start: {reason}", self.name),
            (_, Call::Response) => bail!("{} answered before it was asked", self.name),
        }
    }

    fn command(&self, api: SocketAddr, endpoint: SocketAddr) -> Command {
        let mut command = Command::new(&self.executable);
        command
            .args(&self.script)
            .current_dir(self.executable.parent().unwrap_or(Path::new("/")))
            .env_clear()
            .envs([
                ("PATH", "/usr/local/bin:/usr/bin:/bin"),
                ("LANG", "en_US.UTF-8"),
                ("TZ", ":UTC"),
                ("AWS_REGION", "us-east-1"),
                ("AWS_DEFAULT_REGION", "us-east-1"),
                ("AWS_ACCESS_KEY_ID", "test"),
                ("AWS_SECRET_ACCESS_KEY", "test"),
                ("AWS_SESSION_TOKEN", "test"),
                ("AWS_LAMBDA_FUNCTION_NAME", "globalmart-bench"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
                ("RUST_LOG", "info"),
            ])
            .env("AWS_LAMBDA_RUNTIME_API", api.to_string())
            .env("AWS_ENDPOINT_URL", format!("http://{endpoint}"))
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

impl Started {
    /// Hands out an invocation and waits for its answer, which has to be a success.
    pub(crate) async fn invoke(&mut self, payload: Bytes) -> anyhow::Result<Invoked> {
        // Of the next invocation, which is never handed out, the function asks after its answer.
        let (unasked, _) = oneshot::channel();
        let invocation = std::mem::replace(&mut self.invocation, unasked);
        let began = Instant::now();
        if invocation.send(payload).is_err() {
            bail!("{} no longer waits for an invocation", self.program);
        }
        let what = format!("{} to answer its invocation", self.program);
        let call = call_of(self.program, &mut self.child, &mut self.api);
        match within(INVOCATION_LIMIT, &what, call).await?? {
            (at, Call::Response) => {
                let id = self.child.id();
                let id = id.with_context(|| format!("{} has ended", self.program))?;
                Ok(Invoked {
                    took: at.duration_since(began),
                    peak_mb: peak_mb(id)?,
                })
            }
            (_, Call::Failure(reason)) => bail!("{} failed its invocation: {reason}", self.program),
            (_, Call::Next(_)) => bail!("{} passed over its invocation", self.program),
        }
    }

    /// Ends the process.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        within(
            END_LIMIT,
            &format!("the end of {}", self.program),
            self.child.kill(),
        )
        .await??;
        Ok(())
    }
}

/// The next call, unless the process ends before.
async fn call_of(program: &str, child: &mut Child, api: &mut RuntimeApi) -> anyhow::Result<(Instant, Call)> {
    tokio::select! {
        biased;
        call = api.call() => call,
        ended = child.wait() => Err(anyhow!("{program} ended ({}) instead of calling the runtime API", ended?)),
    }
}
