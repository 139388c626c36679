//! A round of pruning: where it is, and the bytes of each code and token.

use crate::store::refused::Key;

/// The largest sums that are remembered.
const LARGEST: usize = 1_000;

/// The progress of a round of pruning.
#[derive(Debug)]
pub(crate) struct Round {
    /// The last row that was read; `None` after the last one.
    pub(super) after: Option<Key>,
    /// The bytes of each code and token; only the largest are kept.
    pub(super) sums: Vec<((String, String), i64)>,
    /// The bytes of all rows.
    pub(super) bytes: i64,
}

impl Round {
    pub(super) fn new() -> Self {
        Self { after: Some(edge_of_code("")), sums: Vec::new(), bytes: 0 }
    }

    /// Adds the sums of a piece. Only its first sum can be of a code and token that was met before.
    pub(super) fn add(&mut self, sums: Vec<((String, String), i64)>) {
        for (of, bytes) in sums {
            self.bytes += bytes;
            match self.sums.last_mut().filter(|(last, _)| *last == of) {
                Some((_, sum)) => *sum += bytes,
                None => self.sums.push((of, bytes)),
            }
        }
        // Sums are dropped only in bulk, so that sorting is rare.
        if self.sums.len() > 2 * LARGEST {
            // The last one may continue in the next piece.
            let last = self.sums.pop();
            self.sums.sort_by_key(|(_, bytes)| -bytes);
            self.sums.truncate(LARGEST);
            self.sums.extend(last);
        }
    }
}

/// Returns the key before all rows of a code, or after them: a code is in lower case.
pub(super) fn edge_of_code(code: &str) -> Key {
    Key { code: code.to_owned(), token: String::new(), fingerprint: String::new() }
}
