//! Segments of customers, and who went from which to which.

use std::cmp::Ordering;

/// What a customer is to the shop, by the scores of recency (R) and frequency (F).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// R 5, F 4 to 5.
    Champions,
    /// R 3 to 4, F 4 to 5.
    Loyal,
    /// R 4 to 5, F 2 to 3.
    PotentialLoyalist,
    /// R 5, F 1.
    New,
    /// R 4, F 1.
    Promising,
    /// R 3, F 3.
    NeedAttention,
    /// R 3, F 1 to 2.
    AboutToSleep,
    /// R 1 to 2, F 5.
    CantLose,
    /// R 1 to 2, F 3 to 4.
    AtRisk,
    /// R 1 to 2, F 1 to 2.
    Hibernating,
}

impl Segment {
    /// All of them, the best first.
    pub const ALL: [Self; 10] = [
        Self::Champions,
        Self::Loyal,
        Self::PotentialLoyalist,
        Self::New,
        Self::Promising,
        Self::NeedAttention,
        Self::AboutToSleep,
        Self::CantLose,
        Self::AtRisk,
        Self::Hibernating,
    ];

    /// The segment of the scores R and F, from 1 to 5.
    #[must_use]
    pub const fn of(r: u8, f: u8) -> Self {
        match (r, f) {
            (5.., 4..) => Self::Champions,
            (3..=4, 4..) => Self::Loyal,
            (4.., 2..=3) => Self::PotentialLoyalist,
            (5.., ..=1) => Self::New,
            (4, ..=1) => Self::Promising,
            (3, 3) => Self::NeedAttention,
            (3, ..=2) => Self::AboutToSleep,
            (..=2, 5..) => Self::CantLose,
            (..=2, 3..=4) => Self::AtRisk,
            (..=2, ..=2) => Self::Hibernating,
        }
    }

    /// The name that tables have.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Champions => "Champions",
            Self::Loyal => "Loyal",
            Self::PotentialLoyalist => "Potential Loyalist",
            Self::New => "New",
            Self::Promising => "Promising",
            Self::NeedAttention => "Need Attention",
            Self::AboutToSleep => "About to Sleep",
            Self::CantLose => "Can't Lose",
            Self::AtRisk => "At Risk",
            Self::Hibernating => "Hibernating",
        }
    }

    /// The segment of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|segment| segment.as_str() == name)
    }
}

/// The place of those that are in no segment.
const NOWHERE: usize = Segment::ALL.len();

/// How many customers went from which segment to which, between two snapshots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationMatrix {
    /// By the segment before, then the one after.
    counts: [[u64; NOWHERE + 1]; NOWHERE + 1],
}

impl MigrationMatrix {
    /// From both snapshots' customers with their segments, each sorted by user id and each user once.
    #[must_use]
    pub fn between(
        before: impl IntoIterator<Item = (i64, Segment)>,
        after: impl IntoIterator<Item = (i64, Segment)>,
    ) -> Self {
        let mut counts = [[0; NOWHERE + 1]; NOWHERE + 1];
        let mut before = before.into_iter().peekable();
        let mut after = after.into_iter().peekable();
        loop {
            let (from, to) = match (before.peek(), after.peek()) {
                (None, None) => return Self { counts },
                (Some((was, _)), Some((is, _))) => match was.cmp(is) {
                    Ordering::Less => (before.next(), None),
                    Ordering::Equal => (before.next(), after.next()),
                    Ordering::Greater => (None, after.next()),
                },
                // One of them has no more.
                _ => (before.next(), after.next()),
            };
            counts[place(from.map(|(_, segment)| segment))][place(to.map(|(_, segment)| segment))] += 1;
        }
    }

    /// How many went from `before` to `after`; `None` is before the first order, or after the snapshot no longer has
    /// them.
    #[must_use]
    pub const fn count(&self, before: Option<Segment>, after: Option<Segment>) -> u64 {
        self.counts[place(before)][place(after)]
    }

    /// The cells that count anyone: before, after, and how many; in the order of [`Segment::ALL`], `None` last.
    pub fn cells(&self) -> impl Iterator<Item = (Option<Segment>, Option<Segment>, u64)> {
        let cells = places().flat_map(|before| places().map(move |after| (before, after)));
        cells
            .map(|(before, after)| (before, after, self.count(before, after)))
            .filter(|(.., count)| *count > 0)
    }
}

const fn place(segment: Option<Segment>) -> usize {
    match segment {
        Some(segment) => segment as usize,
        None => NOWHERE,
    }
}

fn places() -> impl Iterator<Item = Option<Segment>> {
    Segment::ALL.into_iter().map(Some).chain([None])
}
