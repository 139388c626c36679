//! The lines of an import, in tables of their own until all are checked, and the steps that make them the directory. A
//! line's key holds its part and its place in it, and becomes the key of the user; that of a group is below 0.

mod checks;
mod lines;
mod moves;
mod rows;

pub use checks::{Walked, count_rows, count_tombstones, find_astray, find_clash, walk_members};
pub use lines::{all_parts, clear_lines, find_line, find_part, forget_part, keep_line, lines_after, note_arrived};
pub use moves::{empty_members, remove_old, unbury_ids, write_members, write_rows, write_tombstones};
pub use rows::{
    Marks, bury_resource, group_among, join_group, leave_groups, line_of_id, put_group, put_user, touch_group,
};

use super::{Param, Sql, first_row};
use crate::error::{Error, Result};

/// A part has fewer lines than this.
pub const LINES_MAX: i64 = 1 << 20;

/// A place after all memberships.
const END: (i64, i64) = (i64::MAX >> 11, 0);
/// The documents that are moved at once, each of at most 256 KiB and perhaps a folded one of that size beside it.
const AT_ONCE: i64 = 25;

/// Returns the key of a line.
pub fn line_key(part: i64, line: i64) -> i64 {
    part * LINES_MAX + line
}

/// A part, as far as it has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct ArrivedPart {
    pub part: i64,
    pub lines: i64,
    pub whole: bool,
}

/// The size of a row's documents, nearly.
const BYTES: &str = "length(doc) + coalesce(length(folded), 0)";

/// Runs a statement that returns a key and a size for each row that it moves. Subtracts them from `left` and returns
/// the largest key.
fn some_moved(sql: &dyn Sql, text: &str, params: &[Param<'_>], left: &mut (i64, i64)) -> Result<Option<i64>> {
    let mut last = None;
    // `RETURNING` gives the rows in no order, so the largest key is looked for.
    for mut row in sql.query(text, params)? {
        last = last.max(Some(row.integer()?));
        *left = (left.0 - 1, left.1 - row.integer()?);
    }
    Ok(last)
}

/// Returns the job's state, as text.
pub fn read_job(sql: &dyn Sql) -> Result<Option<String>> {
    first_row(sql, "SELECT state FROM jobs WHERE id = 'import'", &[])?.map(|mut row| row.text()).transpose()
}

/// Stores the job's state; `None` when there is no import any more.
pub fn set_job(sql: &dyn Sql, state: Option<&str>) -> Result<()> {
    let Some(state) = state else {
        return sql.query("DELETE FROM jobs WHERE id = 'import'", &[]).map(|_| ());
    };
    let text = "INSERT INTO jobs (id, kind, state) VALUES ('import', 'import', ?) \
                ON CONFLICT (id) DO UPDATE SET state = excluded.state";
    sql.query(text, &[state.into()]).map(|_| ())
}

/// Returns the place of a line, for sentences.
pub fn line_place(key: i64) -> String {
    format!("part {}, line {}", key / LINES_MAX, key % LINES_MAX)
}

/// Returns the fault for a line that cannot be read although it was checked.
pub fn unreadable_line(key: i64) -> Error {
    Error::internal(format!("{} was checked and cannot be read", line_place(key)))
}
