//! Reads a recording on a thread of its own, so that nobody has to wait for a producer that takes its time.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::task::Poll;
use std::thread;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks between the thread and who wants them: with the size of one, this bounds the memory.
const CHUNKS: usize = 16;

/// What was read of a recording and not yet taken.
#[derive(Debug)]
pub struct ReadAhead {
    chunks: Receiver<io::Result<Vec<u8>>>,
}

impl ReadAhead {
    /// Starts reading. The thread ends with the recording, at its first error, or at the first read after nobody wants more.
    pub fn start(mut reader: impl Read + Send + 'static) -> io::Result<Self> {
        let (sender, chunks) = sync_channel(CHUNKS);
        thread::Builder::new().name("reader".to_owned()).spawn(move || {
            let mut buffer = vec![0; CHUNK_BYTES];
            loop {
                let chunk = match reader.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(bytes) => Ok(buffer[..bytes].to_vec()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let is_last = chunk.is_err();
                if sender.send(chunk).is_err() || is_last {
                    return;
                }
            }
        })?;
        Ok(Self { chunks })
    }

    /// The next bytes, or `None` at the end. `Pending`, if it is not to `wait` for them.
    pub(super) fn next(&self, wait: bool) -> Poll<io::Result<Option<Vec<u8>>>> {
        let chunk = if wait {
            self.chunks.recv().ok()
        } else {
            match self.chunks.try_recv() {
                Ok(chunk) => Some(chunk),
                Err(TryRecvError::Empty) => return Poll::Pending,
                Err(TryRecvError::Disconnected) => None,
            }
        };
        Poll::Ready(chunk.transpose())
    }
}
