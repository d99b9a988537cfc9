//! How often and how soon to send again. No clock.

use std::time::Duration;

/// How often and how soon to send again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait before the second attempt; it doubles with each further one.
    pub base: Duration,
    /// The longest wait of all.
    pub cap: Duration,
    /// How many attempts a record gets.
    pub max_attempts: u32,
}

impl Default for Backoff {
    /// Gives up after about ten seconds. Where a third of the entries fails, one in a hundred billion is given up.
    fn default() -> Self {
        Self {
            base: Duration::from_millis(25),
            cap: Duration::from_secs(1),
            max_attempts: 24,
        }
    }
}

impl Backoff {
    /// How long to wait after the `attempts`-th attempt: anywhere up to the exponential bound, so that those who failed
    /// together don't come again together. `chance` is any number.
    #[must_use]
    pub fn wait(&self, attempts: u32, chance: u64) -> Duration {
        let doublings = attempts.saturating_sub(1).min(31);
        let bound = self.base.saturating_mul(1 << doublings).min(self.cap);
        bound.mul_f64(chance as f64 / u64::MAX as f64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn waits_stay_below_the_exponential_bound(attempts in 1..100_u32, chance: u64) {
            let backoff = Backoff::default();
            let wait = backoff.wait(attempts, chance);
            prop_assert!(wait <= backoff.cap);
            prop_assert!(attempts > 1 || wait <= backoff.base);
        }
    }
}
