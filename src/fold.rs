//! The one function by which text is compared without regard to case.
//!
//! `NFC(lower-case(width-map(NFC(s))))`: the UsernameCaseMapped rules of RFC 8265 section 3.3, used for comparison only
//! (RFC 7644 section 5); it refuses nothing. Unique keys, filters and sorting all use it, so a filter finds exactly the
//! value that a unique index refuses. Lower-casing goes character by character, so that the fold of a part is part of
//! the fold: capital sigma always becomes `σ`.

use unicode_normalization::UnicodeNormalization;

/// The version of the fold. It stands in the settings of every organisation, because stored keys depend on it.
pub const FOLD_VERSION: i64 = 1;

/// Returns the comparison key of `text`.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfc().map(width_map).flat_map(char::to_lowercase).nfc().collect()
}

/// U+FF61 to U+FF9F, half-width Katakana and its marks.
const KATAKANA: &str = "。「」、・ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン\u{3099}\u{309a}";
/// U+FFE0 to U+FFEE; U+FFE7 is not assigned.
const SIGNS: [char; 15] = ['¢', '£', '¬', '¯', '¦', '¥', '₩', '\u{ffe7}', '│', '←', '↑', '→', '↓', '■', '○'];

/// Returns the ordinary character of a full-width or half-width one (RFC 8265 section 3.3.2, step 1): the `<wide>` and
/// `<narrow>` mappings of the Unicode Character Database, which are all in this one block.
fn width_map(c: char) -> char {
    let code = c as u32;
    let shift = |first: u32, to: u32| char::from_u32(to + (code - first));
    let mapped = match code {
        0x3000 => Some(' '),
        0xff01..=0xff5e => shift(0xff01, 0x21),
        0xff5f..=0xff60 => shift(0xff5f, 0x2985),
        0xff61..=0xff9f => KATAKANA.chars().nth((code - 0xff61) as usize),
        0xffa0 => Some('\u{3164}'),
        0xffa1..=0xffbe => shift(0xffa1, 0x3131),
        0xffc2..=0xffc7 => shift(0xffc2, 0x314f),
        0xffca..=0xffcf => shift(0xffca, 0x3155),
        0xffd2..=0xffd7 => shift(0xffd2, 0x315b),
        0xffda..=0xffdc => shift(0xffda, 0x3161),
        0xffe0..=0xffee => SIGNS.get((code - 0xffe0) as usize).copied(),
        _ => None,
    };
    mapped.unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::fold;
    use sha2::{Digest, Sha256};
    use unicode_normalization::UnicodeNormalization;

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

    /// The tables above are right where a compatibility decomposition goes no further than the width.
    #[test]
    fn widths_are_those_of_the_database() {
        let further = |c: char| matches!(c as u32, 0xffa0..=0xffdc | 0xffe3);
        for c in ('\u{ff00}'..='\u{ffef}').filter(|c| !further(*c)).chain(['\u{3000}']) {
            let mut expected = String::new();
            unicode_normalization::char::decompose_compatible(c, |c| expected.push(c));
            assert_eq!(super::width_map(c).to_string(), expected, "{c}");
        }
    }

    /// Keys are stored. If a new version of the library changes this digest, count [`super::FOLD_VERSION`] up and fold what
    /// is stored again. Lower-casing is the compiler's, and is pinned below for some letters only.
    #[test]
    fn normalization_is_pinned() {
        let mut digest = Sha256::new();
        for c in '\u{80}'..=char::MAX {
            for text in [c.to_string(), format!("e{c}\u{323}\u{301}"), format!("\u{1100}{c}\u{11a8}")] {
                digest.update(text.nfc().collect::<String>());
                digest.update([0]);
            }
        }
        let hex: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "04e499138ad5f522c0b34517f53d0089549b2916a99f87ea917c42dc50bb8ba1");
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
