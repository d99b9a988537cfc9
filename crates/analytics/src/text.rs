//! Texts as shoppers and shops type them, in the one form in which they are counted.

use std::borrow::Cow;

/// The longest text that is kept, in bytes: a page holds a thousand of them.
const MAX_BYTES: usize = 64;

/// A text in lower case, without space around it, cut to 64 bytes at a character's end. Allocates only to lower a text.
pub(crate) fn normal(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if is_lower(text) {
        Cow::Borrowed(cut(text))
    } else {
        Cow::Owned(cut(&text.to_lowercase()).to_owned())
    }
}

fn cut(text: &str) -> &str {
    text[..text.floor_char_boundary(MAX_BYTES)].trim_end()
}

fn is_lower(text: &str) -> bool {
    if text.is_ascii() {
        return !text.bytes().any(|byte| byte.is_ascii_uppercase());
    }
    text.chars().all(|char| char.to_lowercase().eq([char]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_text_become_one() {
        for text in ["red shoes", "  Red SHOES\t", "RED shoes"] {
            assert_eq!(normal(text), "red shoes");
        }
        assert_eq!(normal("ÉTÉ"), "été");
        assert_eq!(normal(" \n"), "");
    }

    #[test]
    fn a_text_that_is_normal_is_not_copied() {
        for text in [
            "red shoes",
            "été",
            "",
            " padded ",
            &"x".repeat(500),
            &"é".repeat(500),
        ] {
            assert!(matches!(normal(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(normal(&"x".repeat(500)), "x".repeat(64));
        assert_eq!(normal(&"€".repeat(500)), "€".repeat(21));
        assert_eq!(normal(&format!("{} y", "x".repeat(63))), "x".repeat(63));
    }

    proptest! {
        #[test]
        fn the_normal_form_is_short_and_its_own_normal_form(text in prop_oneof![".{0,200}", "[ aAİΣßǅ𐐀]{0,90}"]) {
            let once = normal(&text).into_owned();
            prop_assert!(once.len() <= MAX_BYTES);
            prop_assert_eq!(normal(&once), once.as_str());
        }
    }
}
