//! Processes that are measured from outside.

use std::net::SocketAddr;
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::process::Command;
use tokio::time::interval;

use crate::limit::within;

/// No run takes as long, by far.
const RUN_LIMIT: Duration = Duration::from_mins(10);
/// How often a process's memory is looked at. What it takes in its last such moment goes unseen.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Enough of a program's complaint to act on.
const SHOWN_CHARS: usize = 2_000;

/// What a process came to that did what it was asked for.
pub(crate) struct Finished {
    pub(crate) stdout: Vec<u8>,
    /// The most memory that it ever had in use, in MiB, unless it ended before that was seen.
    pub(crate) peak_mb: Option<f64>,
}

/// Has a command talk to `endpoint` and to no other AWS.
pub(crate) fn use_endpoint(command: &mut Command, endpoint: SocketAddr) {
    command
        .env("AWS_ENDPOINT_URL", format!("http://{endpoint}"))
        .envs([
            ("AWS_REGION", "us-east-1"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ])
        .env_remove("AWS_ENDPOINT_URL_KINESIS")
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_SESSION_TOKEN");
}

/// Runs a command to its end; an error says what it complained of.
pub(crate) async fn finish(mut command: Command, name: &str) -> anyhow::Result<Finished> {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run {name}"))?;
    let id = child.id().with_context(|| format!("{name} has ended at once"))?;
    let what = format!("{name} to end");
    let mut ended = pin!(within(RUN_LIMIT, &what, child.wait_with_output()));
    let mut look = interval(LOOK_EVERY);
    let mut peak = None;
    let output = loop {
        tokio::select! {
            biased;
            output = &mut ended => break output??,
            // Between a process's end and its being noticed there is nothing to see.
            _ = look.tick() => peak = peak_mb(id).ok().or(peak),
        }
    };
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        let from = complaint
            .char_indices()
            .rev()
            .nth(SHOWN_CHARS)
            .map_or(0, |(at, _)| at);
        bail!(
            "{name} failed ({}):\n{}",
            output.status,
            complaint[from..].trim_end()
        );
    }
    ensure!(!output.stdout.is_empty(), "{name} ended well and said nothing");
    Ok(Finished {
        stdout: output.stdout,
        peak_mb: peak,
    })
}

/// The most memory that a process ever had in use, in MiB: the kernel's own high-water mark.
pub(crate) fn peak_mb(process: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{process}/status");
    let status = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {path}, where Linux tells a process's memory"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u32>().ok());
    Ok(f64::from(kib.with_context(|| format!("{path} has no VmHWM"))?) / 1_024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn a_run_tells_its_output() {
        let finished = finish(shell("echo done"), "the shell").await.unwrap();
        assert_eq!(finished.stdout, b"done\n");
    }

    #[test]
    fn a_process_has_used_memory() {
        assert!(peak_mb(std::process::id()).unwrap() > 0.1);
    }

    #[tokio::test]
    async fn a_run_that_failed_says_why() {
        let error = finish(shell("echo 'no such flag' >&2; exit 2"), "the shell")
            .await
            .err()
            .unwrap();
        let error = error.to_string();
        assert!(
            error.contains("the shell failed") && error.contains("no such flag"),
            "{error}"
        );
    }
}
