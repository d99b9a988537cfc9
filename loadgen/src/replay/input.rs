//! The flags of `replay`, checked against each other, and the file that they name.

use std::fs::{File, metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use events::Stream;

use super::ReadAhead;
use crate::args::{ReplayArgs, ReplayTo, SinkArg};
use crate::failure::Failure;
use crate::files::check_path;
use crate::sink::local::stream_file;

/// Where the standard input is a path.
const STDIN: &str = "/dev/stdin";

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
                ("--aggregate", delivery.aggregate),
                ("--workers", delivery.workers.is_some()),
                ("--yes", delivery.yes),
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
        ReplayTo::Stream => check_target(&args.file, &delivery.sink)?,
    }
    let summary = delivery.summary_file.as_deref();
    summary.map_or(Ok(()), |path| check_path("--summary-file", path))
}

/// Refuses a sink that would replace the recording before it is read.
fn check_target(file: &Path, sink: &SinkArg) -> Result<(), Failure> {
    let SinkArg::File(folder) = sink else {
        return Ok(());
    };
    let file = if is_stdin(file) { Path::new(STDIN) } else { file };
    for target in Stream::ALL.iter().map(|stream| stream_file(folder, *stream)) {
        if is_same_file(file, &target) {
            return Err(Failure::usage(format!(
                "{} is the recording itself, and --sink file:{} would replace it: name another folder",
                target.display(),
                folder.display()
            )));
        }
    }
    Ok(())
}

/// Whether two paths name one file, whatever they are called. A path that names none is told when it is opened.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let id = |path: &Path| metadata(path).map(|file| (file.dev(), file.ino()));
    matches!((id(one), id(other)), (Ok(one), Ok(other)) if one == other)
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

/// Opens the file, or takes `stdin` for `-`, and begins to read.
pub fn open(path: &Path, stdin: impl Read + Send + 'static) -> Result<ReadAhead, Failure> {
    let no_thread = |error| Failure::run(format!("cannot start a thread: {error}"));
    if is_stdin(path) {
        return ReadAhead::start(stdin).map_err(no_thread);
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
    ReadAhead::start(file).map_err(no_thread)
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}
