//! Sequence numbers of Kinesis: decimal numbers of more than 64 bits.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Digits of a padded sequence number. Kinesis gives 56.
const WIDTH: usize = 64;
const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const _: () = assert!(ZEROS.len() == WIDTH);

/// A record's place in its shard. Zero-padded, so that numbers of any length compare as texts do, here and in a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sequence(String);

/// A text is not a sequence number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a sequence number of 1 to {WIDTH} digits")]
pub struct InvalidSequence(String);

impl Sequence {
    /// Reads a decimal number.
    pub fn parse(digits: &str) -> Result<Self, InvalidSequence> {
        if (1..=WIDTH).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            // Without `format!`, which pads a character at a time: every record has one.
            let mut padded = String::with_capacity(WIDTH);
            padded.push_str(&ZEROS[digits.len()..]);
            padded.push_str(digits);
            Ok(Self(padded))
        } else {
            Err(InvalidSequence(digits.chars().take(WIDTH).collect()))
        }
    }

    /// Before the first record of any shard.
    #[must_use]
    pub fn before_all() -> Self {
        Self(ZEROS.to_owned())
    }

    /// The zero-padded digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for Sequence {
    type Error = InvalidSequence;

    fn try_from(digits: String) -> Result<Self, InvalidSequence> {
        Self::parse(&digits)
    }
}

impl From<Sequence> for String {
    fn from(sequence: Sequence) -> Self {
        sequence.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_by_value_not_by_length() {
        let parse = |digits: &str| Sequence::parse(digits).unwrap();
        assert!(parse("9") < parse("10"));
        assert!(
            parse("49590338271490256608559692538361571095921575989136588898")
                > parse("999999999999999999999999999999")
        );
        assert_eq!(parse("0042"), parse("42"));
        assert!(Sequence::before_all() < parse("1"));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "-1", "1e3", "4٢", &"1".repeat(65)] {
            assert!(Sequence::parse(text).is_err(), "{text}");
        }
    }
}
