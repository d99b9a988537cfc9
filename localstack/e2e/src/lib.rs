//! A local stack of its own for a test: emulator, functions and all, on a free port, removed when the test is over.

use std::collections::HashMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// How long a test waits for something to happen.
pub const PATIENCE: Duration = Duration::from_mins(1);
const INTERVAL: Duration = Duration::from_millis(200);
/// The stage that every test's stack is deployed as.
pub const STAGE: &str = "local";

/// A cart that nothing happens to for so long is abandoned: short, as tests wait for it.
const CART_TIMEOUT: &str = "2s";

/// What the schedules do each minute, done at once.
const SWEEP: &str = r#"
import boto3, json, sys
client = boto3.client("lambda")
event = json.dumps({"source": "aws.events", "detail-type": "Scheduled Event", "time": "2026-01-01T00:00:00Z"})
for name in sys.argv[1:]:
    answer = client.invoke(FunctionName=name, Payload=event)
    assert "FunctionError" not in answer, answer["Payload"].read().decode()
"#;

/// A running stack.
pub struct Stack {
    home: TempDir,
    port: u16,
    jobs: String,
    environment: HashMap<String, String>,
}

/// What a command said and how it ended.
#[derive(Debug)]
pub struct Said {
    /// Its exit code.
    pub code: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Stack {
    /// Starts a stack with the functions as they were built last.
    #[must_use]
    pub fn up() -> Self {
        Self::with_jobs("sales,views,carts,anomalies,inventory,archive,batch")
    }

    /// Starts a stack with some of the jobs.
    #[must_use]
    pub fn with_jobs(jobs: &str) -> Self {
        let home = TempDir::with_prefix("globalmart-").expect("a folder for temporary files");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener
            .local_addr()
            .expect("a bound socket has an address")
            .port();
        drop(listener);
        let mut stack = Self {
            home,
            port,
            jobs: jobs.to_owned(),
            environment: HashMap::new(),
        };
        let _ = stack.make(&["up", "--no-build"]).expect_success();
        let variables = stack.make(&["env"]).expect_success();
        let pairs = variables
            .lines()
            .filter_map(|line| line.strip_prefix("export ")?.split_once('='));
        stack.environment = pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        stack
    }

    /// Runs a command of the local stack.
    #[must_use]
    pub fn make(&self, arguments: &[&str]) -> Said {
        let mut command = Command::new(repository().join("localstack/run"));
        command.args(arguments).env("GLOBALMART_HOME", self.home.path());
        command
            .env("GLOBALMART_PORT", self.port.to_string())
            .env("GLOBALMART_STAGE", STAGE)
            .env("GLOBALMART_JOBS", &self.jobs)
            .env("GLOBALMART_CART_TIMEOUT", CART_TIMEOUT);
        said(command.output())
    }

    /// Runs loadgen against the stack.
    #[must_use]
    pub fn loadgen(&self, arguments: &[&str]) -> Said {
        let program = program_folder().join("loadgen");
        let mut command = Command::new(&program);
        command
            .args(arguments)
            .args(["--stage", STAGE])
            .envs(&self.environment);
        said(command.output())
    }

    /// Runs a Python script with boto3 against the stack.
    #[must_use]
    pub fn python(&self, script: &str, arguments: &[&str]) -> Said {
        let mut command = Command::new(repository().join(".local/venv/bin/python"));
        command.args(["-c", script]).args(arguments);
        said(command.envs(&self.environment).output())
    }

    /// Runs the sweeps of the jobs now, as their schedules do each minute.
    pub fn sweep(&self) {
        let sweeping = ["carts", "anomalies", "inventory"];
        let functions = sweeping.iter().filter(|job| self.jobs.contains(**job));
        let names: Vec<String> = functions.map(|job| format!("globalmart-{STAGE}-{job}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let _ = self.python(SWEEP, &names).expect_success();
    }

    /// Sweeps until what a ledger says is what the stack holds; the verdict.
    pub async fn verified(&self, ledger: &str, flags: &[&str]) -> Value {
        let what = [
            &["verify", "--ledger", ledger, "--wait", "1ms", "--output", "json"],
            flags,
        ]
        .concat();
        eventually("what was sent to be what is held", async || {
            self.sweep();
            let said = self.loadgen(&what);
            (said.code == 0).then(|| said.json())
        })
        .await
    }

    /// A path for a test's file.
    #[must_use]
    pub fn file(&self, name: &str) -> String {
        self.home.path().join(name).display().to_string()
    }

    /// The SDK's configuration for the stack.
    pub async fn sdk(&self) -> aws_config::SdkConfig {
        let variable = |name: &str| self.environment.get(name).cloned().unwrap_or_default();
        aws_config::defaults(aws_config::BehaviorVersion::latest())
            .endpoint_url(variable("AWS_ENDPOINT_URL"))
            .region(aws_config::Region::new(variable("AWS_REGION")))
            .test_credentials()
            .load()
            .await
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let said = self.make(&["down"]);
        assert!(
            said.code == 0 || std::thread::panicking(),
            "the stack could not be taken down: {}",
            said.stderr
        );
    }
}

impl Said {
    /// The standard output of a command that must have ended well.
    #[must_use]
    #[track_caller]
    pub fn expect_success(self) -> String {
        assert!(
            self.code == 0,
            "exit code {}\n{}\n{}",
            self.code,
            self.stdout,
            self.stderr
        );
        self.stdout
    }

    /// The standard output as JSON, however the command ended.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Looks until there is something to see.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(started.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        sleep(INTERVAL).await;
    }
}

/// The folder of the project.
#[must_use]
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Where cargo puts programs: the folder above this test's own.
fn program_folder() -> PathBuf {
    let test = std::env::current_exe().expect("a running program has a path");
    test.ancestors()
        .nth(2)
        .expect("tests are two folders below the target's profile")
        .to_owned()
}

#[track_caller]
fn said(output: std::io::Result<Output>) -> Said {
    let output = output.expect("the program can be started: `make test-e2e` builds and sets up all it needs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Said {
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}
