//! The refusals that have a row of their own. A token has [`ROWS_A_CODE`] for one code and [`ROWS_A_TOKEN`](super::write) in all; refusals
//! beyond them are counted in one row for each code, so no token can push other evidence out. The number of rows of a token is
//! read at its first refusal since the object started, and then counted in memory.

use super::order::RefusalOrder;
use super::round::Round;
use crate::error::Result;
use crate::store::Sql;
use crate::store::refused as store;
use std::collections::BTreeMap;

/// The most rows of one token for one code.
pub(super) const ROWS_A_CODE: i64 = 500;
/// The most tokens whose rows are counted in memory: some 1 MB, if each was refused for every reason.
const TOKENS_MAX: usize = 200;

/// Facts about the rows that the object remembers; a start forgets them.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// The number of a token's rows, by code.
    numbers: BTreeMap<String, BTreeMap<String, i64>>,
    /// The number of all rows; `None` if they must be counted anew.
    rows: Option<i64>,
    /// The current round of pruning.
    pub(crate) round: Option<Round>,
    /// The next entries for the last reader.
    pub(crate) order: Option<RefusalOrder>,
}

impl Evidence {
    /// Returns the number of the token's rows, by code.
    pub(super) fn numbers_by_code(&mut self, sql: &dyn Sql, token: &str) -> Result<&mut BTreeMap<String, i64>> {
        if !self.numbers.contains_key(token) {
            // Forgetting all is simple and rare: each is read again from an index when it is needed.
            if self.numbers.len() >= TOKENS_MAX {
                self.numbers.clear();
            }
            let read = store::rows_by_code(sql, token, ROWS_A_CODE)?.into_iter().collect();
            self.numbers.insert(token.to_owned(), read);
        }
        Ok(self.numbers.entry(token.to_owned()).or_default())
    }

    /// Forgets the numbers of a token, because rows of it were removed or added elsewhere.
    pub(crate) fn forget_token(&mut self, token: &str) {
        self.numbers.remove(token);
        self.rows = None;
    }

    /// Returns the number of rows, without those of an earlier build.
    pub(crate) fn count_rows(&mut self, sql: &dyn Sql) -> Result<usize> {
        let rows = match self.rows {
            Some(rows) => rows,
            None => store::count_rows(sql)?,
        };
        self.rows = Some(rows);
        Ok(usize::try_from(rows).unwrap_or_default())
    }

    /// Notes a row that was added.
    pub(super) fn note_added(&mut self) {
        self.rows = self.rows.map(|rows| rows + 1);
    }
}
