//! Sequence numbers of Kinesis: decimal numbers of more than 64 bits.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Digits of a padded sequence number. Kinesis gives 56.
const WIDTH: usize = 64;

/// A record's place in its shard. Zero-padded digits, so that numbers of any length compare as texts do, here and in a table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sequence([u8; WIDTH]);

/// A text is not a sequence number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a sequence number of 1 to {WIDTH} digits")]
pub struct InvalidSequence(String);

impl Sequence {
    /// Reads a decimal number.
    pub fn parse(digits: &str) -> Result<Self, InvalidSequence> {
        if (1..=WIDTH).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let mut padded = [b'0'; WIDTH];
            padded[WIDTH - digits.len()..].copy_from_slice(digits.as_bytes());
            Ok(Self(padded))
        } else {
            Err(InvalidSequence(digits.chars().take(WIDTH).collect()))
        }
    }

    /// Before the first record of any shard.
    #[must_use]
    pub const fn before_all() -> Self {
        Self([b'0'; WIDTH])
    }

    /// The zero-padded digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("digits are UTF-8")
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sequence({self})")
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
        sequence.as_str().to_owned()
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
