//! The one function by which text is compared without regard to case.
//!
//! `NFC(lower-case(width-map(NFC(s))))`: the UsernameCaseMapped rules of RFC 8265 section 3.3, used for comparison
//! only (RFC 7644 section 5); nothing is refused by it. Unique keys, filters and sorting all use it, so that what a
//! filter finds is what a unique index refuses. Lower-casing goes character by character, so that the fold of a part
//! is part of the fold: capital sigma always becomes `σ`.

use unicode_normalization::{UnicodeNormalization, char::decompose_compatible};

/// Stands in the settings of every organisation: stored keys were made by this version.
pub const FOLD_VERSION: i64 = 1;

/// The comparison key of `text`.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut mapped = String::with_capacity(text.len());
    text.nfc().for_each(|c| width_map(c, |c| mapped.extend(c.to_lowercase())));
    mapped.nfc().collect()
}

/// Full-width and half-width forms become the ordinary character (RFC 8265 section 3.3.2, step 1).
fn width_map(c: char, mut put: impl FnMut(char)) {
    let hangul = |first: u32, jamo: u32| char::from_u32(jamo + (c as u32 - first));
    // These decompose further than their width; their mapping is a shift into Hangul Compatibility Jamo.
    let shifted = match c as u32 {
        0xffa0 => char::from_u32(0x3164),
        0xffa1..=0xffbe => hangul(0xffa1, 0x3131),
        0xffc2..=0xffc7 => hangul(0xffc2, 0x314f),
        0xffca..=0xffcf => hangul(0xffca, 0x3155),
        0xffd2..=0xffd7 => hangul(0xffd2, 0x315b),
        0xffda..=0xffdc => hangul(0xffda, 0x3161),
        0xffe3 => Some('\u{af}'),
        _ => None,
    };
    match (shifted, c) {
        (Some(c), _) => put(c),
        (None, '\u{3000}' | '\u{ff01}'..='\u{ffef}') => decompose_compatible(c, put),
        (None, c) => put(c),
    }
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn same_and_different() {
        for (a, b) in [
            ("Test.User@Okta.Local", "TEST.USER@OKTA.LOCAL"),
            ("ÉCOLE", "e\u{301}cole"),
            ("ＡＢＣ＠ｅ．ｃｏｍ", "abc@e.com"),
            ("ｶﾞ", "ガ"),
            ("ﾡ", "ㄱ"),
            ("\u{3000}", " "),
            ("ΣΑΣ", "σασ"),
            ("\u{212b}", "å"),
        ] {
            assert_eq!(fold(a), fold(b), "{a} and {b}");
        }
        for (a, b) in [("ß", "SS"), ("σας", "σασ"), ("ı", "i"), ("a", "ä"), ("ﬁ", "fi")] {
            assert_ne!(fold(a), fold(b), "{a} and {b}");
        }
    }

    #[test]
    fn keys_are_pinned() {
        assert_eq!(fold("Straße"), "straße");
        assert_eq!(fold("İ"), "i\u{307}");
        assert_eq!(fold("Οδός"), "οδός");
    }

    #[test]
    fn folding_a_key_changes_nothing() {
        for text in ["İSTANBUL", "ＡＢＣ", "ｶﾞｷﾞ", "e\u{301}", "\u{1e9b}\u{323}"] {
            assert_eq!(fold(&fold(text)), fold(text));
        }
    }
}
