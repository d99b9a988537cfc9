//! When sightings belong together, when they get worse, and when they are over.

use events::{MS_PER_DAY, MS_PER_HOUR};
use serde::{Deserialize, Serialize};

use super::Severity;
use crate::range::{self, OutOfRange};

/// How sightings become alerts and messages. Spans are in event time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
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

impl Policy {
    /// Checks every field; names the first that is out of its range.
    pub fn check(&self) -> Result<(), OutOfRange> {
        const MOST_MS: f64 = (30 * MS_PER_DAY) as f64;
        // One sighting is no repetition, and critical is not reached before warning.
        let warning_count = f64::from(self.warning_count);
        range::check([
            ("suppression_ms", self.suppression_ms as f64, 0.0, MOST_MS),
            ("warning_count", warning_count, 2.0, 1e6),
            (
                "critical_count",
                f64::from(self.critical_count),
                warning_count,
                1e6,
            ),
            ("quiet_ms", self.quiet_ms as f64, 0.0, MOST_MS),
        ])
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
            "suppression_ms is -1: it must be from 0 to 2592000000",
        );
        check(
            Policy {
                warning_count: 1,
                ..valid
            },
            "warning_count is 1: it must be from 2 to 1000000",
        );
        check(
            Policy {
                critical_count: 2,
                ..valid
            },
            "critical_count is 2: it must be from 3 to 1000000",
        );
        check(
            Policy {
                quiet_ms: -5,
                ..valid
            },
            "quiet_ms is -5: it must be from 0 to 2592000000",
        );
    }
}
