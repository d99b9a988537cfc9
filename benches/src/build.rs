//! Builds what is measured, as it is deployed.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use tokio::process::Command;

use crate::limit::within;

/// Two slow cores take some 20 minutes from nothing.
const BUILD_LIMIT: Duration = Duration::from_mins(90);

/// A line of `cargo build --message-format=json`, as far as it matters here.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Builds a package's program with the release profile; returns where cargo put it. What is built alongside shares its
/// dependencies, and with them their features.
pub(crate) async fn release(
    repository: &Path,
    package: &str,
    alongside: Option<&str>,
) -> anyhow::Result<PathBuf> {
    eprintln!("Building {package} with the release profile; from nothing that takes many minutes ...");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let child = Command::new(&cargo)
        .args(["build", "--release", "--package", package, "--bin", package])
        .args(alongside.into_iter().flat_map(|package| ["--package", package]))
        .arg("--message-format=json-render-diagnostics")
        .current_dir(repository)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run {}", Path::new(&cargo).display()))?;
    let built = within(
        BUILD_LIMIT,
        &format!("the build of {package}"),
        child.wait_with_output(),
    )
    .await??;
    ensure!(
        built.status.success(),
        "the build of {package} failed (cargo's message is above)"
    );
    match executable(&built.stdout, package) {
        Some(path) => Ok(path),
        None => bail!("cargo built {package} and did not tell where the program is"),
    }
}

fn executable(messages: &[u8], name: &str) -> Option<PathBuf> {
    let lines = messages.split(|&byte| byte == b'\n');
    let mut messages = lines.filter_map(|line| serde_json::from_slice::<Message>(line).ok());
    messages
        .find(|message| {
            message.target.as_ref().is_some_and(|target| target.name == name) && message.executable.is_some()
        })?
        .executable
}

/// The Python of the local stack's virtual environment, which has boto3.
pub(crate) fn python(repository: &Path) -> anyhow::Result<PathBuf> {
    let python = repository.join(".local/venv/bin/python");
    ensure!(
        python.exists(),
        "there is no .local/venv, whose Python the peers run on\n  fix: make setup"
    );
    Ok(python)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_where_cargo_says() {
        let messages =
            br#"{"reason":"compiler-artifact","target":{"name":"sales","kind":["lib"]},"executable":null}
{"reason":"compiler-artifact","target":{"name":"sales","kind":["bin"]},"executable":"/t/release/sales"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(
            executable(messages, "sales"),
            Some(PathBuf::from("/t/release/sales"))
        );
        assert_eq!(executable(messages, "archive"), None);
    }
}
