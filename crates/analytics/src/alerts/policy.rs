//! When sightings belong together, when they get worse, and when they are over.

use std::fmt;

use events::MS_PER_HOUR;

use super::Severity;

/// How sightings become alerts and messages. Spans are in event time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// A sighting up to this long after the end of an episode belongs to it; a later one begins a new one: 60 minutes.
    pub suppression_ms: i64,
    /// As many sightings in an episode are at least a warning: 3.
    pub warning_count: u32,
    /// As many sightings in an episode are critical: 10.
    pub critical_count: u32,
    /// An alert whose last sighting is longer ago is resolved, unless its condition lasts until cleared: 60 minutes.
    pub quiet_ms: i64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            suppression_ms: MS_PER_HOUR,
            warning_count: 3,
            critical_count: 10,
            quiet_ms: MS_PER_HOUR,
        }
    }
}

/// A field of a policy is out of its range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// Which field.
    pub field: &'static str,
    /// Its value.
    pub found: i64,
    /// The least value that makes sense.
    pub least: i64,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, found, least } = self;
        write!(f, "`{field}` is {found}, it must be at least {least}")
    }
}

impl std::error::Error for PolicyError {}

impl Policy {
    /// Checks every field; names the first that is out of its range.
    pub fn check(&self) -> Result<(), PolicyError> {
        // One sighting is no repetition, and critical is not reached before warning.
        let fields = [
            ("suppression_ms", self.suppression_ms, 0),
            ("warning_count", self.warning_count.into(), 2),
            (
                "critical_count",
                self.critical_count.into(),
                self.warning_count.into(),
            ),
            ("quiet_ms", self.quiet_ms, 0),
        ];
        match fields.into_iter().find(|(_, found, least)| found < least) {
            Some((field, found, least)) => Err(PolicyError { field, found, least }),
            None => Ok(()),
        }
    }

    /// How bad so many sightings in one episode are at least.
    pub(super) fn by_repetition(&self, count: u64) -> Severity {
        if count >= self.critical_count.into() {
            Severity::Critical
        } else if count >= self.warning_count.into() {
            Severity::Warning
        } else {
            Severity::Info
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_each_field_is_checked() {
        let valid = Policy::default();
        assert_eq!(valid.check(), Ok(()));
        let check = |policy: Policy, text: &str| assert_eq!(policy.check().unwrap_err().to_string(), text);
        check(
            Policy {
                suppression_ms: -1,
                ..valid
            },
            "`suppression_ms` is -1, it must be at least 0",
        );
        check(
            Policy {
                warning_count: 1,
                ..valid
            },
            "`warning_count` is 1, it must be at least 2",
        );
        check(
            Policy {
                critical_count: 2,
                ..valid
            },
            "`critical_count` is 2, it must be at least 3",
        );
        check(
            Policy {
                quiet_ms: -5,
                ..valid
            },
            "`quiet_ms` is -5, it must be at least 0",
        );
    }
}
