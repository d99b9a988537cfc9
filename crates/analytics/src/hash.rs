//! Short names that follow from longer ones, of any length and alphabet.

use events::Uuid;

/// A text's hash as 32 hex digits.
pub(crate) fn hex(text: &str) -> String {
    format!("{:032x}", fnv1a(text))
}

/// A text's hash as a UUID of version 8 (RFC 9562), which leaves 122 bits of it.
pub(crate) fn uuid(text: &str) -> Uuid {
    let mut bytes = fnv1a(text).to_be_bytes();
    bytes[6] = bytes[6] & 0x0F | 0x80;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    Uuid::from_bytes(bytes)
}

/// 128 bits of FNV-1a (draft-eastlake-fnv).
fn fnv1a(text: &str) -> u128 {
    const OFFSET: u128 = 0x6C62_272E_07BB_0142_62B8_2175_6295_C58D;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013B;
    text.bytes()
        .fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_draft() {
        assert_eq!(hex(""), "6c62272e07bb014262b821756295c58d");
        assert_eq!(hex("a"), "d228cb696f1a8caf78912b704e4a8964");
    }

    #[test]
    fn ids_are_hashes_with_version_and_variant() {
        assert_eq!(uuid("a").to_string(), "d228cb69-6f1a-8caf-b891-2b704e4a8964");
        assert_eq!(uuid("a").get_version_num(), 8);
        assert_ne!(uuid("a"), uuid("b"));
    }
}
