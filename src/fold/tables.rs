//! Canonical decomposition, composition and combining classes (UAX #15), unpacked from 5 KB at first use. The library's
//! own tables are laid out for a perfect hash: 41 KB that do not compress. A test holds these to the library's.

use std::sync::LazyLock;

/// `decompositions`, `classes`: each a count and then its columns, as differences from the row before, seven bits to
/// a byte.
const PACKED: &[u8] = include_bytes!("tables.bin");

type Row = (u32, u32, u32);

static TABLES: LazyLock<Tables> = LazyLock::new(unpack);

#[derive(Default)]
struct Tables {
    /// (character, what it begins with, what follows or 0), by character.
    decompositions: Vec<Row>,
    /// (first, second, both as one), in order.
    compositions: Vec<Row>,
    /// (first of a range, its length, class), in order.
    classes: Vec<Row>,
}

fn unpack() -> Tables {
    let mut bytes = PACKED.iter();
    let mut number = || {
        let (mut number, mut shift) = (0_u32, 0);
        for byte in bytes.by_ref() {
            number |= u32::from(byte & 0x7f) << shift;
            shift += 7;
            if *byte < 0x80 {
                break;
            }
        }
        number
    };
    let mut rows = || {
        let mut rows = vec![(0, 0, 0); number() as usize];
        let columns: [fn(&mut Row) -> &mut u32; 3] = [|row| &mut row.0, |row| &mut row.1, |row| &mut row.2];
        for column in columns {
            let mut last = 0_u32;
            for row in &mut rows {
                let zigzag = number();
                last = last.wrapping_add(zigzag >> 1 ^ (zigzag & 1).wrapping_neg());
                *column(row) = last;
            }
        }
        rows
    };
    let mut tables = Tables { decompositions: rows(), classes: rows(), compositions: Vec::new() };
    for (whole, first, second) in &mut tables.decompositions {
        // The lowest bit tells those that are only ever taken apart.
        let apart = *whole & 1 == 1;
        *whole >>= 1;
        if !apart {
            tables.compositions.push((*first, *second, *whole));
        }
    }
    tables.compositions.sort_unstable();
    tables
}

const HANGUL: u32 = 0xac00;
const LEADING: u32 = 0x1100;
const VOWEL: u32 = 0x1161;
/// One below the first trailing consonant: none at all.
const TRAILING: u32 = 0x11a7;
const LEADINGS: u32 = 19;
const VOWELS: u32 = 21;
const TRAILINGS: u32 = 28;
const SYLLABLES: u32 = LEADINGS * VOWELS * TRAILINGS;

/// Appends the full canonical decomposition of `c`.
pub(super) fn decompose(c: char, out: &mut Vec<char>) {
    let code = c as u32;
    let syllable = code.wrapping_sub(HANGUL);
    let (first, second) = if syllable < SYLLABLES {
        match syllable % TRAILINGS {
            0 => (LEADING + syllable / (VOWELS * TRAILINGS), VOWEL + syllable / TRAILINGS % VOWELS),
            trailing => (code - trailing, TRAILING + trailing),
        }
    } else if code >= 0x80
        && let Ok(at) = TABLES.decompositions.binary_search_by_key(&code, |row| row.0)
        && let Some((_, first, second)) = TABLES.decompositions.get(at)
    {
        (*first, *second)
    } else {
        return out.push(c);
    };
    // No deeper than the longest decomposition, four characters.
    if let Some(first) = char::from_u32(first) {
        decompose(first, out);
    }
    out.extend(char::from_u32(second).filter(|second| *second != '\0'));
}

/// The one character that `a` and `b` make together, if there is one.
pub(super) fn compose(a: char, b: char) -> Option<char> {
    let (a, b) = (a as u32, b as u32);
    let (leading, vowel, trailing) = (a.wrapping_sub(LEADING), b.wrapping_sub(VOWEL), b.wrapping_sub(TRAILING));
    let syllable = a.wrapping_sub(HANGUL);
    let one = if leading < LEADINGS && vowel < VOWELS {
        HANGUL + (leading * VOWELS + vowel) * TRAILINGS
    } else if syllable < SYLLABLES && syllable.is_multiple_of(TRAILINGS) && (1..TRAILINGS).contains(&trailing) {
        a + trailing
    } else {
        let at = TABLES.compositions.binary_search_by_key(&(a, b), |row| (row.0, row.1)).ok()?;
        TABLES.compositions.get(at)?.2
    };
    char::from_u32(one)
}

/// The combining class of `c`; 0 for a starter.
pub(super) fn class(c: char) -> u32 {
    let code = c as u32;
    let after = TABLES.classes.partition_point(|row| row.0 <= code);
    let range = after.checked_sub(1).and_then(|at| TABLES.classes.get(at));
    range.filter(|row| code - row.0 < row.1).map_or(0, |row| row.2)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::PACKED;
    use unicode_normalization::char::{canonical_combining_class, compose, decompose_canonical};

    fn apart(c: char) -> Vec<char> {
        let mut out = Vec::new();
        decompose_canonical(c, |c| out.push(c));
        out
    }

    fn pack(rows: &[[u32; 3]], out: &mut Vec<u8>) {
        let mut number = |mut number: u32| {
            while number > 0x7f {
                out.push(number as u8 | 0x80);
                number >>= 7;
            }
            out.push(number as u8);
        };
        number(u32::try_from(rows.len()).unwrap());
        for column in 0..3 {
            let mut last = 0;
            for row in rows {
                let step = row[column].wrapping_sub(last).cast_signed();
                number((step << 1 ^ step >> 31).cast_unsigned());
                last = row[column];
            }
        }
    }

    /// For a new version of the library, run this with WRITE_TABLES=1 and count `FOLD_VERSION` up.
    #[test]
    fn the_tables_are_the_library_s() {
        let hangul = '\u{ac00}'..='\u{d7a3}';
        let composed = |c: &char| apart(*c) != [*c] && !hangul.contains(c);
        let all: Vec<(char, Vec<char>)> = ('\u{80}'..=char::MAX).filter(composed).map(|c| (c, apart(c))).collect();
        let rows: Vec<[u32; 3]> = all
            .iter()
            .map(|(c, parts)| {
                let (last, rest) = parts.split_last().unwrap();
                let whole = |rest: &[char]| all.iter().find(|(_, parts)| parts == rest).map(|(c, _)| *c);
                let (first, second) = match rest {
                    [] => (*last, '\0'),
                    [first] => (*first, *last),
                    rest => (whole(rest).unwrap(), *last),
                };
                let apart = u32::from(second == '\0' || compose(first, second) != Some(*c));
                [(*c as u32) << 1 | apart, first as u32, second as u32]
            })
            .collect();
        let mut classes: Vec<[u32; 3]> = Vec::new();
        for c in ('\0'..=char::MAX).filter(|c| canonical_combining_class(*c) != 0) {
            let (code, class) = (c as u32, u32::from(canonical_combining_class(c)));
            match classes.last_mut() {
                Some([first, length, same]) if *first + *length == code && *same == class => *length += 1,
                _ => classes.push([code, 1, class]),
            }
        }
        let mut packed = Vec::new();
        pack(&rows, &mut packed);
        pack(&classes, &mut packed);
        if std::env::var_os("WRITE_TABLES").is_some() {
            std::fs::write("src/fold/tables.bin", &packed).unwrap();
        }
        assert!(packed == PACKED, "tables.bin is not made of this version");
    }
}
