//! A local stack of its own for a measurement: on a free port, with a home that goes when it is over.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tempfile::TempDir;
use tokio::process::Command;

use crate::limit::within;

/// The stage that it is deployed as.
pub(crate) const STAGE: &str = "local";
const UP_LIMIT: Duration = Duration::from_mins(5);
const DOWN_LIMIT: Duration = Duration::from_mins(1);

/// A running stack. Whoever does not take it down leaves that to its end.
pub(crate) struct Stack {
    run: PathBuf,
    home: TempDir,
    port: u16,
    /// What points a program to it.
    pub(crate) environment: BTreeMap<String, String>,
}

impl Stack {
    /// Starts one with the functions of some jobs as the release profile built them.
    pub(crate) async fn up(repository: &Path, jobs: &[&str]) -> anyhow::Result<Self> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut stack = Self {
            run: repository.join("localstack/run"),
            home: TempDir::with_prefix("globalmart-bench-")?,
            port,
            environment: BTreeMap::new(),
        };
        let mut up = stack.command(&["up", "--no-build"]);
        up.env("GLOBALMART_JOBS", jobs.join(","));
        said(up, UP_LIMIT, "the local stack to come up").await?;
        let exports = said(stack.command(&["env"]), DOWN_LIMIT, "the local stack's variables").await?;
        let exports = exports.lines().filter_map(|line| line.strip_prefix("export "));
        stack.environment = exports
            .filter_map(|export| export.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Ok(stack)
    }

    /// Where its services are.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Ends it, and removes all that it held.
    pub(crate) async fn down(self) -> anyhow::Result<()> {
        let down = self.command(&["down"]);
        said(down, DOWN_LIMIT, "the local stack to end").await.map(drop)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.run);
        command
            .args(arguments)
            .env("GLOBALMART_HOME", self.home.path())
            .env("GLOBALMART_PORT", self.port.to_string())
            .env("GLOBALMART_STAGE", STAGE)
            .env("GLOBALMART_PROFILE", "release")
            .env_remove("EMULATOR")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // After `down` there is nothing left to do, and that is quick to see.
        let mut down = self.command(&["down"]);
        down.as_std_mut()
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .ok();
    }
}

async fn said(mut command: Command, limit: Duration, what: &str) -> anyhow::Result<String> {
    let output = within(limit, what, command.output()).await?;
    let output = output.with_context(|| format!("cannot run {:?}", command.as_std()))?;
    ensure!(
        output.status.success(),
        "waited for {what}, in vain:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
