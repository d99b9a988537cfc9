//! Scripts in the local stack's Python, which has DuckDB.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a script of `tests` writes, which must be JSON, and nothing to stderr.
pub(crate) fn run(script: &str, argument: &Path, lines: &[String]) -> serde_json::Value {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = here.join("../../.local/venv/bin/python");
    assert!(
        python.exists(),
        "{} is missing: run `make setup`",
        python.display()
    );
    let mut child = Command::new(&python)
        .arg(here.join("tests").join(script))
        .arg(argument)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The script may end before it reads; what it says then is on stderr.
    let _ = child.stdin.take().unwrap().write_all(lines.join("\n").as_bytes());
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && errors.is_empty(),
        "{script}: {} (`make setup` installs what it needs)\n{errors}",
        output.status
    );
    serde_json::from_slice(&output.stdout).unwrap()
}
