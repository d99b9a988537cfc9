//! A terminal's alternate screen, written anew each time.

use std::io::{self, ErrorKind, Write};

use crate::failure::Failure;

/// The alternate screen, without a cursor; what is wider than the terminal is cut instead of wrapped.
const OPEN: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
const CLOSE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";
const CLEAR: &str = "\x1b[2J";

/// The screen, which is restored when this is dropped.
pub(super) struct Screen<W: Write> {
    terminal: W,
    /// How many lines are on it.
    lines: usize,
}

impl<W: Write> Screen<W> {
    /// Takes it over.
    pub(super) fn open(terminal: W) -> Result<Self, Failure> {
        let mut screen = Self { terminal, lines: 0 };
        screen.write(OPEN)?;
        Ok(screen)
    }

    /// Writes the lines from the top. Each one has a place of its own, so lines that find no room below don't scroll the
    /// first ones away: they come to lie on the last row.
    pub(super) fn show(&mut self, lines: &[String]) -> Result<(), Failure> {
        let clear = if lines.len() < self.lines { CLEAR } else { "" };
        self.lines = lines.len();
        let rows = lines
            .iter()
            .enumerate()
            .map(|(n, line)| format!("\x1b[{};1H\x1b[2K{line}", n + 1));
        // In one write, so that it doesn't flicker.
        self.write(&std::iter::once(clear.to_owned()).chain(rows).collect::<String>())
    }

    fn write(&mut self, text: &str) -> Result<(), Failure> {
        let written = self.terminal.write_all(text.as_bytes());
        let written = written.and_then(|()| self.terminal.flush());
        written.map_err(|error: io::Error| match error.kind() {
            // Nobody is there to see it any more.
            ErrorKind::BrokenPipe => Failure::Interrupted,
            _ => Failure::run(format!("cannot write to the terminal: {error}")),
        })
    }
}

impl<W: Write> Drop for Screen<W> {
    fn drop(&mut self) {
        // A terminal that is gone needs no restoring.
        let _ = self.write(CLOSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_its_row_and_the_terminal_is_restored() {
        let mut written = Vec::new();
        {
            let mut screen = Screen::open(&mut written).unwrap();
            screen.show(&["a".to_owned(), "b".to_owned()]).unwrap();
            screen.show(&["c".to_owned()]).unwrap();
        }
        let text = String::from_utf8(written).unwrap();
        let first = "\x1b[1;1H\x1b[2Ka\x1b[2;1H\x1b[2Kb";
        let shorter = "\x1b[2J\x1b[1;1H\x1b[2Kc";
        assert_eq!(text, format!("{OPEN}{first}{shorter}{CLOSE}"));
    }
}
