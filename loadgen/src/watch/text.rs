//! Lines of coloured text, and tables made of them.

use events::Timestamp;

use crate::report::grouped;

/// How a piece of text stands out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tone {
    /// Not at all.
    #[default]
    Plain,
    /// A title, or what matters most.
    Strong,
    /// What only names the rest.
    Faint,
    /// It is as one would wish.
    Good,
    /// To be looked at.
    Warning,
    /// To be acted on.
    Bad,
}

impl Tone {
    /// The parameters of the terminal's SGR sequence.
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "0",
            Self::Strong => "1",
            Self::Faint => "2",
            Self::Good => "32",
            Self::Warning => "33",
            Self::Bad => "1;31",
        }
    }
}

/// A piece of text in one tone, without control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Piece {
    text: String,
    tone: Tone,
}

impl Piece {
    /// What comes from events is anyone's text: no byte of it may steer the terminal.
    pub(super) fn new(text: &str, tone: Tone) -> Self {
        let printable = |char: char| if char.is_control() { '?' } else { char };
        Self {
            text: text.chars().map(printable).collect(),
            tone,
        }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

impl From<String> for Piece {
    fn from(text: String) -> Self {
        Self::new(&text, Tone::Plain)
    }
}

impl From<&str> for Piece {
    fn from(text: &str) -> Self {
        Self::new(text, Tone::Plain)
    }
}

/// A line of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line(Vec<Piece>);

impl Line {
    /// With one more piece.
    pub(super) fn and(mut self, text: impl AsRef<str>, tone: Tone) -> Self {
        self.0.push(Piece::new(text.as_ref(), tone));
        self
    }

    /// With another line's pieces.
    pub(super) fn followed_by(mut self, line: Self) -> Self {
        self.0.extend(line.0);
        self
    }

    /// Number of characters.
    fn width(&self) -> usize {
        self.0.iter().map(Piece::width).sum()
    }

    /// The line as it is written: at most `width` characters, the last an ellipsis where there were more.
    pub(super) fn to_text(&self, width: usize, colours: bool) -> String {
        let mut room = if self.width() > width {
            width.saturating_sub(1)
        } else {
            width
        };
        let mut text = String::new();
        for piece in &self.0 {
            let kept: String = piece.text.chars().take(room).collect();
            room -= kept.chars().count();
            if colours && piece.tone != Tone::Plain && !kept.is_empty() {
                text.extend(["\x1b[", piece.tone.code(), "m", &kept, "\x1b[0m"]);
            } else {
                text.push_str(&kept);
            }
        }
        if self.width() > width {
            text.push('…');
        }
        text.trim_end().to_owned()
    }
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(super) enum Column {
    /// Words, cut to so many characters.
    Text(&'static str, usize),
    /// Figures, on the right.
    Number(&'static str),
}

impl Column {
    const fn title(self) -> &'static str {
        match self {
            Self::Text(title, _) | Self::Number(title) => title,
        }
    }

    fn cut(self, piece: Piece) -> Piece {
        match self {
            Self::Text(_, most) if piece.width() > most => {
                let kept: String = piece.text.chars().take(most.saturating_sub(1)).collect();
                Piece {
                    text: kept + "…",
                    ..piece
                }
            }
            _ => piece,
        }
    }
}

/// Rows below their titles, in columns as wide as their widest; nothing where there are no rows.
pub(super) fn table<const N: usize>(columns: [Column; N], rows: Vec<[Piece; N]>) -> Vec<Line> {
    if rows.is_empty() {
        return Vec::new();
    }
    let titles = columns.map(|column| Piece::new(column.title(), Tone::Faint));
    let rows: Vec<Vec<Piece>> = std::iter::once(titles)
        .chain(rows)
        .map(|row| {
            columns
                .iter()
                .zip(row)
                .map(|(column, piece)| column.cut(piece))
                .collect()
        })
        .collect();
    let widest = |n: usize| {
        rows.iter()
            .map(|row: &Vec<Piece>| row[n].width())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(widest).collect();
    let to_line = |row: Vec<Piece>| {
        let cells = row.into_iter().zip(&widths).zip(columns).enumerate();
        cells.fold(Line::default(), |line, (n, ((piece, width), column))| {
            let line = if n > 0 { line.and("  ", Tone::Plain) } else { line };
            let space = " ".repeat(width - piece.width());
            match column {
                Column::Text(..) => line.and(piece.text, piece.tone).and(space, Tone::Plain),
                Column::Number(_) => line.and(space, Tone::Plain).and(piece.text, piece.tone),
            }
        })
    };
    rows.into_iter().map(to_line).collect()
}

/// Blocks side by side, each of them in a column of `width` characters.
pub(super) fn beside(blocks: &[Vec<Line>], width: usize) -> Vec<Line> {
    let height = blocks.iter().map(Vec::len).max().unwrap_or(0);
    let line = |n: usize| {
        let of_blocks = blocks
            .iter()
            .map(|block| block.get(n).cloned().unwrap_or_default());
        of_blocks
            .enumerate()
            .fold(Line::default(), |mut all, (column, line)| {
                let space = (column * width).saturating_sub(all.width());
                all.0.push(Piece::from(" ".repeat(space)));
                all.0.extend(line.0);
                all
            })
    };
    (0..height).map(line).collect()
}

/// A whole number with its thousands grouped.
pub(super) fn whole(n: i64) -> String {
    let sign = if n < 0 { "-" } else { "" };
    format!("{sign}{}", grouped(n.unsigned_abs()))
}

/// 0.123 as 12.3%.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// What stands for a figure that there is none of.
pub(super) const DASH: &str = "—";

/// Hours, minutes and seconds of a time, in UTC.
pub(super) fn clock(time: Timestamp) -> String {
    let text = time.to_string();
    text.get(11..19).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_whatever_its_colours() {
        let line = Line::default()
            .and("SALES", Tone::Strong)
            .and(" 12345", Tone::Plain);
        assert_eq!(line.to_text(11, false), "SALES 12345");
        assert_eq!(line.to_text(10, false), "SALES 123…");
        assert_eq!(line.to_text(10, true), "\u{1b}[1mSALES\u{1b}[0m 123…");
        assert_eq!(line.to_text(3, false), "SA…");
    }

    #[test]
    fn texts_of_events_cannot_steer_the_terminal() {
        let line = Line::default().and("red\u{1b}[2J\nshoes\u{9b}1m", Tone::Plain);
        assert_eq!(line.to_text(100, true), "red?[2J?shoes?1m");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest() {
        let columns = [Column::Text("query", 6), Column::Number("n")];
        let rows = vec![["red shoes".into(), "7".into()], ["ab".into(), "1,234".into()]];
        let lines: Vec<String> = table(columns, rows)
            .iter()
            .map(|line| line.to_text(100, false))
            .collect();
        assert_eq!(lines, ["query       n", "red s…      7", "ab      1,234"]);
        assert!(table(columns, Vec::new()).is_empty());
    }

    #[test]
    fn blocks_of_different_height_stand_side_by_side() {
        let block = |texts: &[&str]| -> Vec<Line> {
            let line = |text: &&str| Line::default().and(text, Tone::Plain);
            texts.iter().map(line).collect()
        };
        let lines = beside(&[block(&["a"]), block(&["b", "c"])], 4);
        let lines: Vec<String> = lines.iter().map(|line| line.to_text(100, false)).collect();
        assert_eq!(lines, ["a   b", "    c"]);
    }

    #[test]
    fn figures_are_short() {
        assert_eq!(whole(-1_234), "-1,234");
        assert_eq!(percent(0.125), "12.5%");
        assert_eq!(
            clock(Timestamp::parse("2026-11-22T17:30:05.123Z").unwrap()),
            "17:30:05"
        );
    }
}
