//! Sinks on this machine: nowhere, the standard output, files. One lane, so that the events come out in their order.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use events::Stream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Chunk, Lanes, Route};
use crate::control::{Cause, Control};
use crate::failure::Failure;
use crate::flow::Standing;

/// Takes lines of JSON.
pub trait Target: Send + 'static {
    /// Takes a line, with its line break.
    fn write(&mut self, stream: Stream, line: &[u8]) -> io::Result<()>;
    /// Hands on what was taken so far.
    fn flush(&mut self) -> io::Result<()>;
    /// What it is, for messages.
    fn name(&self) -> String;
}

/// Takes everything and keeps nothing.
#[derive(Debug)]
pub struct Null;

impl Target for Null {
    fn write(&mut self, _: Stream, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn name(&self) -> String {
        "null".to_owned()
    }
}

/// All lines into one writer.
pub struct Lines(pub Box<dyn Write + Send>);

impl Target for Lines {
    fn write(&mut self, _: Stream, line: &[u8]) -> io::Result<()> {
        self.0.write_all(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }

    fn name(&self) -> String {
        "the standard output".to_owned()
    }
}

/// Where a stream's lines go in a folder.
#[must_use]
pub fn stream_file(folder: &Path, stream: Stream) -> PathBuf {
    folder.join(format!("{stream}.jsonl"))
}

/// A file a stream, in one folder.
#[derive(Debug)]
pub struct Files {
    folder: PathBuf,
    files: Vec<BufWriter<File>>,
}

impl Files {
    /// Creates the folder and its files; those of an earlier run are replaced.
    pub fn create(folder: &Path) -> Result<Self, Failure> {
        let create = || -> io::Result<Vec<BufWriter<File>>> {
            std::fs::create_dir_all(folder)?;
            Stream::ALL
                .iter()
                .map(|stream| Ok(BufWriter::new(File::create(stream_file(folder, *stream))?)))
                .collect()
        };
        let files = create().map_err(|error| {
            Failure::run(format!(
                "cannot write to the folder {}: {error}: name another with --sink file:DIR",
                folder.display()
            ))
        })?;
        Ok(Self {
            folder: folder.to_owned(),
            files,
        })
    }
}

impl Target for Files {
    fn write(&mut self, stream: Stream, line: &[u8]) -> io::Result<()> {
        self.files[stream as usize].write_all(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.files.iter_mut().try_for_each(Write::flush)
    }

    fn name(&self) -> String {
        self.folder.display().to_string()
    }
}

/// Opens the one lane of a target.
#[must_use]
pub fn open(target: impl Target, standing: Arc<Standing>, control: Arc<Control>, started: Instant) -> Lanes {
    let (sender, queue) = unbounded_channel();
    let mut tasks = JoinSet::new();
    // A thread of its own: a target that blocks stalls nothing but its lane.
    tasks.spawn_blocking(move || lane(target, queue, &standing, &control, started));
    Lanes {
        senders: vec![sender],
        route: Route::Single,
        tasks,
    }
}

fn lane(
    mut target: impl Target,
    mut queue: UnboundedReceiver<Chunk>,
    standing: &Standing,
    control: &Control,
    started: Instant,
) {
    let mut broken = false;
    while let Some(chunk) = queue.blocking_recv() {
        if broken || control.is_abandoned() {
            standing.settle(|account| {
                chunk
                    .items()
                    .iter()
                    .for_each(|item| account.fail(&item.note, "NotSent", false));
            });
            continue;
        }
        let written = chunk
            .lines()
            .try_for_each(|(item, line)| target.write(item.stream, line))
            .and_then(|()| target.flush());
        match written {
            Ok(()) => {
                let now = started.elapsed();
                standing.settle(|account| {
                    chunk
                        .items()
                        .iter()
                        .for_each(|item| account.acknowledge(&item.note, now));
                });
            }
            Err(error) => {
                broken = true;
                control.stop(if error.kind() == io::ErrorKind::BrokenPipe {
                    Cause::PipeClosed
                } else {
                    Cause::Broken(format!("writing to {} failed: {error}", target.name()))
                });
                // A part of them may have got there.
                standing.settle(|account| {
                    chunk
                        .items()
                        .iter()
                        .for_each(|item| account.fail(&item.note, "WriteFailed", true));
                });
            }
        }
    }
}
