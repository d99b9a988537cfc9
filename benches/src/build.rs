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
/// What the stream jobs' deployment consists of.
const FUNCTIONS: [&str; 7] = [
    "sales",
    "views",
    "carts",
    "anomalies",
    "inventory",
    "archive",
    "alerts",
];

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
    let packages: Vec<&str> = std::iter::once(package).chain(alongside).collect();
    let messages = cargo_build(repository, &packages, &[package]).await?;
    match executable(&messages, package) {
        Some(path) => Ok(path),
        None => bail!("cargo built {package} and did not tell where the program is"),
    }
}

/// Builds all functions with the release profile, for a local stack to take. With loadgen and this program, so that they share
/// what they depend on.
pub(crate) async fn functions(repository: &Path) -> anyhow::Result<()> {
    let packages: Vec<&str> = FUNCTIONS.into_iter().chain(["loadgen", "benches"]).collect();
    cargo_build(repository, &packages, &FUNCTIONS).await.map(drop)
}

/// Builds some programs of some packages with the release profile; returns cargo's messages.
async fn cargo_build(repository: &Path, packages: &[&str], programs: &[&str]) -> anyhow::Result<Vec<u8>> {
    let named = programs.join(", ");
    eprintln!("Building {named} with the release profile; from nothing that takes many minutes ...");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let child = Command::new(&cargo)
        .args(["build", "--release"])
        .args(packages.iter().flat_map(|package| ["--package", package]))
        .args(programs.iter().flat_map(|program| ["--bin", program]))
        .arg("--message-format=json-render-diagnostics")
        .current_dir(repository)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run {}", Path::new(&cargo).display()))?;
    let built = within(
        BUILD_LIMIT,
        &format!("the build of {named}"),
        child.wait_with_output(),
    )
    .await??;
    ensure!(
        built.status.success(),
        "the build of {named} failed (cargo's message is above)"
    );
    Ok(built.stdout)
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
