//! Lines of any length in bounded memory.

use std::mem;

use events::MAX_EVENT_BYTES;

/// A line without its line break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// All of it.
    Whole(Vec<u8>),
    /// It is longer than an event may be: so many bytes. They were passed over.
    TooLong(u64),
}

/// Cuts chunks of bytes into lines; blank ones count, but are passed over.
#[derive(Default)]
pub(super) struct Lines {
    /// What was fed last, and how much of it is used up.
    chunk: Vec<u8>,
    used: usize,
    /// The beginning of a line that goes on in the next chunk, and how long it is so far.
    held: Vec<u8>,
    length: u64,
    /// How many lines are over.
    number: u64,
}

impl Lines {
    /// Takes the bytes that follow, when `next` has no more.
    pub(super) fn feed(&mut self, chunk: Vec<u8>) {
        (self.chunk, self.used) = (chunk, 0);
    }

    /// The next whole line that isn't blank, with its number from 1 on; `None`: it takes more bytes.
    pub(super) fn next(&mut self) -> Option<(u64, Line)> {
        while self.used < self.chunk.len() {
            let rest = &self.chunk[self.used..];
            let end = rest.iter().position(|byte| *byte == b'\n');
            let part = &rest[..end.unwrap_or(rest.len())];
            self.used += part.len() + usize::from(end.is_some());
            self.length += part.len() as u64;
            if self.length <= MAX_EVENT_BYTES as u64 {
                self.held.extend_from_slice(part);
            } else {
                self.held = Vec::new();
            }
            if end.is_some()
                && let Some(line) = self.end_line()
            {
                return Some(line);
            }
        }
        None
    }

    /// The last line, if no line break ends it.
    pub(super) fn last(&mut self) -> Option<(u64, Line)> {
        self.end_line()
    }

    /// The number of the line that is not over.
    pub(super) fn open_line(&self) -> u64 {
        self.number + 1
    }

    fn end_line(&mut self) -> Option<(u64, Line)> {
        self.number += 1;
        let (held, length) = (mem::take(&mut self.held), mem::take(&mut self.length));
        if length > MAX_EVENT_BYTES as u64 {
            Some((self.number, Line::TooLong(length)))
        } else if held.trim_ascii().is_empty() {
            None
        } else {
            Some((self.number, Line::Whole(held)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All lines, fed in chunks of that size.
    fn read(text: &[u8], chunk: usize) -> Vec<(u64, Line)> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for chunk in text.chunks(chunk) {
            lines.feed(chunk.to_vec());
            found.extend(std::iter::from_fn(|| lines.next()));
        }
        found.extend(lines.last());
        found
    }

    #[test]
    fn lines_are_numbered_and_blank_ones_passed_over() {
        let whole = |number, text: &str| (number, Line::Whole(text.into()));
        for buffer in [1, 3, 64] {
            assert_eq!(
                read(b"one\n\n  \t\ntwo\r\n\nlast", buffer),
                [whole(1, "one"), whole(4, "two\r"), whole(6, "last")]
            );
            assert_eq!(read(b"", buffer), []);
            assert_eq!(read(b"\n\n", buffer), []);
        }
    }

    #[test]
    fn a_line_longer_than_an_event_is_measured_and_passed_over() {
        let mut text = vec![b'x'; MAX_EVENT_BYTES];
        text.push(b'\n');
        text.extend(vec![b'y'; MAX_EVENT_BYTES + 1]);
        text.extend(b"\nshort\n");
        for buffer in [7, 8_192, 1 << 20] {
            let lines = read(&text, buffer);
            assert_eq!(lines[0], (1, Line::Whole(vec![b'x'; MAX_EVENT_BYTES])));
            assert_eq!(lines[1], (2, Line::TooLong(MAX_EVENT_BYTES as u64 + 1)));
            assert_eq!(lines[2], (3, Line::Whole(b"short".to_vec())));
        }
    }
}
