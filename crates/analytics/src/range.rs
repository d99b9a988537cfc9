//! Settings that must lie in a range.

use std::fmt;

/// A setting makes no sense.
#[derive(Clone, Debug, PartialEq)]
pub struct OutOfRange {
    /// The setting.
    pub field: &'static str,
    /// What it is.
    pub found: f64,
    /// The least that makes sense.
    pub least: f64,
    /// The most that makes sense.
    pub most: f64,
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            field,
            found,
            least,
            most,
        } = self;
        write!(f, "{field} is {found}: it must be from {least} to {most}")
    }
}

impl std::error::Error for OutOfRange {}

/// Checks settings, each with its name, what it is, the least and the most that makes sense; the first that is not in its
/// range is named. What is no number is in no range.
pub(crate) fn check(
    settings: impl IntoIterator<Item = (&'static str, f64, f64, f64)>,
) -> Result<(), OutOfRange> {
    for (field, found, least, most) in settings {
        if !(least..=most).contains(&found) {
            return Err(OutOfRange {
                field,
                found,
                least,
                most,
            });
        }
    }
    Ok(())
}
