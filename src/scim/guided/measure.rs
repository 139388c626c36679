//! The size of a value, known before it is built.

use super::{ARRAY, OBJECT};

/// Returns the least length of a text when it is written again, in bytes, and the room that its arrays and objects
/// take.
pub(super) fn measure_text(text: &str) -> (usize, usize) {
    let (mut bytes, mut room) = (0, 0);
    let (mut quoted, mut escaped, mut opened) = (false, 0, None);
    for byte in text.bytes() {
        if quoted {
            match byte {
                // An escape counts as one byte, the least that it can be once it is decoded.
                _ if escaped > 0 => escaped += if escaped == 1 && byte == b'u' { 3 } else { -1 },
                b'\\' => (escaped, bytes) = (1, bytes + 1),
                _ => (quoted, bytes) = (byte != b'"', bytes + 1),
            }
            continue;
        }
        if byte.is_ascii_whitespace() {
            continue;
        }
        bytes += 1;
        // The room of an array or object is known at its first value.
        if byte != b']' && byte != b'}' {
            room += opened.unwrap_or(0);
        }
        opened = match byte {
            b'[' => Some(ARRAY),
            b'{' => Some(OBJECT),
            _ => None,
        };
        quoted = byte == b'"';
    }
    (bytes, room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures() {
        for (text, expected) in [
            ("[]", (2, 0)),
            ("{ }", (2, 0)),
            ("[ 0, [1] ]", (7, 2)),
            (r#"{"a": {"b]": "\"\u00e9\\"}}"#, (18, 4)),
            (r#"["{[", {}]"#, (9, 1)),
            ("17", (2, 0)),
        ] {
            assert_eq!(measure_text(text), expected, "{text}");
        }
    }
}
