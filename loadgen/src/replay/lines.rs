//! Lines of any length in bounded memory.

use std::io::{self, BufRead};

use events::MAX_EVENT_BYTES;

/// A line without its line break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// All of it.
    Whole(Vec<u8>),
    /// It is longer than an event may be: so many bytes. They were passed over.
    TooLong(u64),
}

/// Reads line by line; blank ones count, but are passed over.
pub(super) struct Lines<R> {
    reader: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, number: 0 }
    }

    /// The next line that isn't blank, with its number from 1 on; an error comes with the number of the line that it broke.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Line)>, (u64, io::Error)> {
        loop {
            self.number += 1;
            match self.line().map_err(|error| (self.number, error))? {
                None => return Ok(None),
                Some(Line::Whole(line)) if line.trim_ascii().is_empty() => {}
                Some(line) => return Ok(Some((self.number, line))),
            }
        }
    }

    fn line(&mut self) -> io::Result<Option<Line>> {
        let mut held = Vec::new();
        let mut length = 0_u64;
        loop {
            let chunk = match self.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            length += part.len() as u64;
            if length <= MAX_EVENT_BYTES as u64 {
                held.extend_from_slice(part);
            } else {
                held = Vec::new();
            }
            let (taken, at_end) = (part.len() + usize::from(end.is_some()), chunk.is_empty());
            self.reader.consume(taken);
            if at_end && length == 0 {
                return Ok(None);
            }
            if at_end || end.is_some() {
                return Ok(Some(if length <= MAX_EVENT_BYTES as u64 {
                    Line::Whole(held)
                } else {
                    Line::TooLong(length)
                }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// All lines, read through a buffer of that size.
    fn read(text: &[u8], buffer: usize) -> Vec<(u64, Line)> {
        let mut lines = Lines::new(BufReader::with_capacity(buffer, text));
        std::iter::from_fn(|| lines.next().unwrap()).collect()
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
