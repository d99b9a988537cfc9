//! How fast a recording is replayed.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use events::Timestamp;

/// How fast a recording is replayed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// So many times as fast as it was recorded; finite and above 0.
    Times(f64),
    /// As fast as the sink takes it.
    Max,
}

impl Speed {
    /// When an event is due after the start of the run, by its distance from the first event; `None`: at once. An event from
    /// before the first one is due at the start.
    #[must_use]
    pub fn due(self, occurred_at: Timestamp, first: Timestamp) -> Option<Duration> {
        let Self::Times(times) = self else { return None };
        let ms = occurred_at.as_ms().saturating_sub(first.as_ms()).max(0);
        // A recording that would take longer than there is time for goes on until it is interrupted.
        Some(
            Duration::try_from_secs_f64(ms as f64 / 1_000.0 / times)
                .unwrap_or(LONGEST)
                .min(LONGEST),
        )
    }
}

/// A century: far enough that nobody waits for it, near enough that clocks can add to it.
const LONGEST: Duration = Duration::from_hours(100 * 365 * 24);

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        text.strip_suffix('x')
            .filter(|number| number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
            .and_then(|number| number.parse().ok())
            .filter(|times: &f64| times.is_finite() && *times > 0.0)
            .map(Self::Times)
            .ok_or_else(|| "a speed is max, or a number above 0 and an x: 1x, 60x, 0.5x".to_owned())
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Times(times) => write!(f, "{times}x"),
            Self::Max => f.write_str("max"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_read_strictly() {
        assert_eq!("1x".parse(), Ok(Speed::Times(1.0)));
        assert_eq!("60x".parse(), Ok(Speed::Times(60.0)));
        assert_eq!("0.5x".parse(), Ok(Speed::Times(0.5)));
        assert_eq!("max".parse(), Ok(Speed::Max));
        for text in [
            "", "x", "1", "0x", "-1x", "0.0x", "1e3x", "infx", "nanx", "1.x.", "1 x", "MAX",
        ] {
            let error = text.parse::<Speed>().unwrap_err();
            assert!(error.contains("1x, 60x"), "{text}");
        }
        for text in ["1x", "0.5x", "max"] {
            assert_eq!(text.parse::<Speed>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn gaps_are_kept_or_divided() {
        let at = |ms: i64| Timestamp::from_ms(1_000_000 + ms).unwrap();
        let due = |speed: &str, ms| speed.parse::<Speed>().unwrap().due(at(ms), at(0));
        assert_eq!(due("1x", 0), Some(Duration::ZERO));
        assert_eq!(due("1x", 1_500), Some(Duration::from_millis(1_500)));
        assert_eq!(due("60x", 60_000), Some(Duration::from_secs(1)));
        assert_eq!(due("0.5x", 1_000), Some(Duration::from_secs(2)));
        assert_eq!(due("1x", -5_000), Some(Duration::ZERO));
        assert_eq!(due("max", 5_000), None);
        let slow = format!("0.{}1x", "0".repeat(300));
        assert_eq!(due(&slow, 1_000), Some(LONGEST));
    }
}
