//! The parts that were sent, with their lines: as they arrive, and until they are cleared away.

use super::{AT_ONCE, ArrivedPart, BYTES, line_key, some_moved};
use crate::error::Result;
use crate::store::{Param, Sql, first_row};

/// Removes sent lines: at most `bounds` documents and lines, and bytes of them, roughly, and `ids` memberships. Returns
/// true if there is more.
pub fn clear_lines(sql: &dyn Sql, bounds: (i64, i64), ids: i64) -> Result<bool> {
    // Step 1: documents, by number and bytes, because a step must end before the platform's limit of processor time.
    let mut left = bounds;
    for (table, size) in [("users", BYTES), ("groups", BYTES), ("lines", "length(text)")] {
        let some = format!("SELECT key FROM import_{table} LIMIT ?");
        let text = format!("DELETE FROM import_{table} WHERE key IN ({some}) RETURNING key, {size}");
        while some_moved(sql, &text, &[AT_ONCE.into()], &mut left)?.is_some() {
            if left.0 <= 0 || left.1 <= 0 {
                return Ok(true);
            }
        }
    }
    // Step 2: rows of ids, which are small and alike: their number alone bounds them.
    for (table, key) in [("members", "group_key, user_key"), ("tombstones", "id"), ("parts", "part")] {
        let some = format!("SELECT {key} FROM import_{table} LIMIT ?");
        sql.query(&format!("DELETE FROM import_{table} WHERE ({key}) IN ({some})"), &[ids.into()])?;
        if first_row(sql, &format!("SELECT 1 FROM import_{table} LIMIT 1"), &[])?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns all parts, in order.
pub fn all_parts(sql: &dyn Sql) -> Result<Vec<ArrivedPart>> {
    let rows = sql.query("SELECT part, lines, whole FROM import_parts ORDER BY part", &[])?;
    rows.into_iter()
        .map(|mut row| Ok(ArrivedPart { part: row.integer()?, lines: row.integer()?, whole: row.integer()? == 1 }))
        .collect()
}

/// Returns how far a part has arrived.
pub fn find_part(sql: &dyn Sql, part: i64) -> Result<Option<ArrivedPart>> {
    let row = first_row(sql, "SELECT lines, whole FROM import_parts WHERE part = ?", &[part.into()])?;
    row.map(|mut row| Ok(ArrivedPart { part, lines: row.integer()?, whole: row.integer()? == 1 })).transpose()
}

/// Removes the sent lines of a part.
pub fn forget_part(sql: &dyn Sql, part: i64) -> Result<()> {
    for table in ["users", "groups", "lines"] {
        let text = format!("DELETE FROM import_{table} WHERE key >= ? AND key < ?");
        sql.query(&text, &[line_key(part, 0).into(), line_key(part + 1, 0).into()])?;
    }
    sql.query("DELETE FROM import_parts WHERE part = ?", &[part.into()]).map(|_| ())
}

/// Notes how far a part has arrived.
pub fn note_arrived(sql: &dyn Sql, part: ArrivedPart) -> Result<()> {
    let text = "INSERT INTO import_parts (part, lines, whole) VALUES (?, ?, ?) \
                ON CONFLICT (part) DO UPDATE SET lines = excluded.lines, whole = excluded.whole";
    sql.query(text, &[part.part.into(), part.lines.into(), i64::from(part.whole).into()]).map(|_| ())
}

/// Stores a line as it is.
pub fn keep_line(sql: &dyn Sql, key: i64, kind: &str, text: &str) -> Result<()> {
    let params = [key.into(), Param::Text(kind), Param::Text(text)];
    sql.query("INSERT INTO import_lines (key, kind, text) VALUES (?, ?, ?)", &params).map(|_| ())
}

/// Returns the lines after a key, at most `count`, but no more once they have so many bytes: each one's key, kind and
/// text.
pub fn lines_after(sql: &dyn Sql, after: i64, count: i64, bytes: i64) -> Result<Vec<(i64, String, String)>> {
    // At least one line is returned, however long: the sum before it is 0.
    let text = "SELECT key, kind, text FROM (SELECT key, kind, text, sum(length(text)) OVER (ORDER BY key) AS total FROM \
                (SELECT key, kind, text FROM import_lines WHERE key > ? ORDER BY key LIMIT ?)) \
                WHERE total - length(text) <= ? ORDER BY key";
    let rows = sql.query(text, &[after.into(), count.into(), bytes.into()])?;
    rows.into_iter().map(|mut row| Ok((row.integer()?, row.text()?, row.text()?))).collect()
}

/// Returns the kind and text of one stored line.
pub fn find_line(sql: &dyn Sql, key: i64) -> Result<Option<(String, String)>> {
    let row = first_row(sql, "SELECT kind, text FROM import_lines WHERE key = ?", &[key.into()])?;
    row.map(|mut row| Ok((row.text()?, row.text()?))).transpose()
}
