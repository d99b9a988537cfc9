//! Counting by category: the same way in every aggregate, so that they can be set against each other.

use events::Line;

use crate::TopK;
use crate::text::normal;

/// Shops have tens of categories.
const CAPACITY: usize = 256;

/// How often by category, in its normal form: in lower case, without space around it, cut to 64 bytes. At most some 18 KB in storage.
pub type CategoryCounts = TopK<String, CAPACITY>;

impl CategoryCounts {
    /// Counts a look at something of a category.
    pub(crate) fn add_view(&mut self, category: &str) {
        self.add(&*normal(category), 1);
    }

    /// Counts the units of a line.
    pub(crate) fn add_units(&mut self, line: &Line) {
        let units = u64::try_from(line.quantity).expect("a valid line has at least one unit");
        self.add(&*normal(&line.category), units);
    }
}
