//! The flags of `replay`, checked against each other, and the file that they name.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use crate::args::{ReplayArgs, ReplayTo, SinkArg};
use crate::failure::Failure;
use crate::files::check_path;

/// Bytes read at a time.
const BUFFER: usize = 64 * 1024;

/// Refuses flags that don't go together.
pub fn check(args: &ReplayArgs) -> Result<(), Failure> {
    let delivery = &args.delivery;
    match args.to {
        ReplayTo::Archive => {
            let not_for_archive = [
                ("--speed", args.speed.is_some()),
                ("--sink", delivery.sink != SinkArg::Kinesis),
                ("--ledger", delivery.ledger.is_some()),
                ("--threshold", !delivery.threshold.is_empty()),
            ];
            if let Some((flag, _)) = not_for_archive.iter().find(|(_, given)| *given) {
                return Err(Failure::usage(format!(
                    "{flag} is for --to stream: the archive is written as fast as it goes; leave it out"
                )));
            }
        }
        ReplayTo::Stream if args.dir.is_some() => {
            return Err(Failure::usage(
                "--dir is for --to archive: add that, or write JSON lines with --sink file:DIR",
            ));
        }
        ReplayTo::Stream => {}
    }
    let summary = delivery.summary_file.as_deref();
    summary.map_or(Ok(()), |path| check_path("--summary-file", path))
}

/// What the file is called in messages.
#[must_use]
pub fn file_name(path: &Path) -> String {
    if is_stdin(path) {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

/// Opens the file, or takes `stdin` for `-`.
pub fn open(path: &Path, stdin: impl Read + Send + 'static) -> Result<Box<dyn BufRead + Send>, Failure> {
    if is_stdin(path) {
        return Ok(Box::new(BufReader::with_capacity(BUFFER, stdin)));
    }
    let cannot = |why: String| {
        Failure::usage(format!(
            "cannot read {}: {why}: name a file of JSON lines",
            path.display()
        ))
    };
    if path.is_dir() {
        return Err(cannot("that is a folder".to_owned()));
    }
    let file = File::open(path).map_err(|error| cannot(error.to_string()))?;
    Ok(Box::new(BufReader::with_capacity(BUFFER, file)))
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}
