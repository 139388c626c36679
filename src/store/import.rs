//! The lines of an import, in tables of their own until all are checked, and the steps that make them the directory. A
//! line's key holds its part and its place in it, and becomes the key of the user; that of a group is below 0.

use super::{Param, Sql, first_row, groups, users};
use crate::error::{Error, Result};
use crate::id::{Seq, Timestamp, Version};

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

/// The columns beside a resource's document.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Marks {
    pub version: Version,
    pub created: Timestamp,
    pub modified: Timestamp,
}

/// Removes sent lines: at most `bounds` documents and lines, and bytes of them, roughly, and `ids` memberships. Returns
/// true if there is more.
pub fn clear_lines(sql: &dyn Sql, bounds: (i64, i64), ids: i64) -> Result<bool> {
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

/// Returns the key of the line with a user or group.
pub fn line_of_id(sql: &dyn Sql, id: &str) -> Result<Option<i64>> {
    let text =
        "SELECT coalesce((SELECT key FROM import_users WHERE id = ?1), (SELECT key FROM import_groups WHERE id = ?1))";
    Ok(first_row(sql, text, &[id.into()])?.map(|mut row| row.optional_integer()).transpose()?.flatten())
}

/// Writes a user; one with that id is replaced and keeps its key.
pub fn put_user(sql: &dyn Sql, key: i64, id: &str, content: &users::UserContent, marks: Marks) -> Result<()> {
    let text = "INSERT INTO import_users (key, id, user_name, user_name_key, external_id, mail_key, more_mail, active, \
                doc, folded, version, created, modified) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
                ON CONFLICT (id) DO UPDATE SET user_name = excluded.user_name, user_name_key = excluded.user_name_key, \
                external_id = excluded.external_id, mail_key = excluded.mail_key, more_mail = excluded.more_mail, \
                active = excluded.active, doc = excluded.doc, folded = excluded.folded, version = excluded.version, \
                created = excluded.created, modified = excluded.modified";
    let mut params = vec![Param::from(key), Param::Text(id)];
    params.extend(content.params());
    params.extend([marks.version, marks.created.0, marks.modified.0].map(Param::from));
    sql.query(text, &params).map(|_| ())
}

/// Writes a group; one with that id is replaced and keeps its key.
pub fn put_group(sql: &dyn Sql, key: i64, id: &str, content: &groups::GroupContent, marks: Marks) -> Result<()> {
    let text = "INSERT INTO import_groups (key, id, display_name, display_name_key, external_id, doc, folded, version, \
                created, modified) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
                ON CONFLICT (id) DO UPDATE SET display_name = excluded.display_name, \
                display_name_key = excluded.display_name_key, external_id = excluded.external_id, doc = excluded.doc, \
                folded = excluded.folded, version = excluded.version, created = excluded.created, \
                modified = excluded.modified";
    let params = [
        key.into(),
        Param::Text(id),
        Param::Text(&content.display_name),
        Param::Text(&content.display_name_key),
        content.external_id.as_deref().into(),
        Param::Text(&content.doc),
        content.folded.as_deref().into(),
        marks.version.into(),
        marks.created.0.into(),
        marks.modified.0.into(),
    ];
    sql.query(text, &params).map(|_| ())
}

/// Sets another version of a group, whose members changed.
pub fn touch_group(sql: &dyn Sql, id: &str, version: Version, modified: Timestamp) -> Result<()> {
    let text = "UPDATE import_groups SET version = ?, modified = ? WHERE id = ?";
    sql.query(text, &[version.into(), modified.0.into(), id.into()]).map(|_| ())
}

/// Removes a user or group, whose memberships are already removed, and remembers its id.
pub fn bury_resource(sql: &dyn Sql, id: &str, kind: &str, gone: bool) -> Result<()> {
    if gone {
        sql.query("DELETE FROM import_users WHERE id = ?", &[id.into()])?;
        sql.query("DELETE FROM import_groups WHERE id = ?", &[id.into()])?;
    }
    let text = "INSERT OR IGNORE INTO import_tombstones (id, kind) VALUES (?, ?)";
    sql.query(text, &[id.into(), kind.into()]).map(|_| ())
}

/// Adds members to a group, ids as a JSON array. Unknown ids are skipped; returns the first of them.
pub fn join_group(sql: &dyn Sql, group: &str, users: &str) -> Result<Option<String>> {
    // A list may name one member twice, and two lines may name the same.
    let text = "INSERT OR IGNORE INTO import_members (group_key, user_key) SELECT g.key, u.key FROM import_groups g, \
                json_each(?2) j JOIN import_users u ON u.id = j.value WHERE g.id = ?1";
    sql.query(text, &[group.into(), users.into()])?;
    let text = "SELECT j.value FROM json_each(?2) j WHERE NOT EXISTS (SELECT 1 FROM import_users WHERE id = j.value) \
                OR NOT EXISTS (SELECT 1 FROM import_groups WHERE id = ?1) LIMIT 1";
    first_row(sql, text, &[group.into(), users.into()])?.map(|mut row| row.text()).transpose()
}

/// Returns one of these ids that is a group's, if any is.
pub fn group_among(sql: &dyn Sql, ids: &str) -> Result<Option<String>> {
    let text = "SELECT g.id FROM json_each(?) j JOIN import_groups g ON g.id = j.value LIMIT 1";
    first_row(sql, text, &[ids.into()])?.map(|mut row| row.text()).transpose()
}

/// Removes members from a group, or a user from groups: ids as JSON arrays.
pub fn leave_groups(sql: &dyn Sql, groups: &str, users: &str) -> Result<()> {
    let text = "DELETE FROM import_members WHERE group_key IN (SELECT g.key FROM json_each(?1) j JOIN import_groups g \
                ON g.id = j.value) AND user_key IN (SELECT u.key FROM json_each(?2) j JOIN import_users u ON u.id = j.value)";
    sql.query(text, &[groups.into(), users.into()]).map(|_| ())
}

/// The outcome of one step of a walk over a table.
#[derive(Debug, Default)]
pub struct Walked {
    /// The number of rows.
    pub count: i64,
    /// The number of active users among them.
    pub active: i64,
    /// The key of the last row; `None` at the end.
    pub last: Option<i64>,
}

/// Counts the users or groups after a key, at most `count`.
pub fn count_rows(sql: &dyn Sql, table: &str, after: i64, count: i64) -> Result<Walked> {
    // Groups have no such column; the same statement counts both.
    let active = if table == "users" { "active" } else { "0" };
    let text = format!(
        "SELECT count(*), coalesce(sum(active), 0), max(key) FROM \
         (SELECT key, {active} AS active FROM import_{table} WHERE key > ? ORDER BY key LIMIT ?)"
    );
    match first_row(sql, &text, &[after.into(), count.into()])? {
        None => Ok(Walked::default()),
        Some(mut row) => Ok(Walked { count: row.integer()?, active: row.integer()?, last: row.optional_integer()? }),
    }
}

/// Returns two lines that contradict each other, among the users or groups with keys after one and up to another: the
/// attribute that is the same, its value, and the keys of both; the key is 0 for a tombstone.
pub fn find_clash(sql: &dyn Sql, table: &str, after: i64, to: i64) -> Result<Option<(&'static str, String, i64, i64)>> {
    // The tables of an import have no unique indexes but `id`: lines may replace each other until the last one has
    // come.
    let name = if table == "users" { ("user_name", "userName") } else { ("display_name", "displayName") };
    let others = if table == "users" { "groups" } else { "users" };
    let checks = [
        (
            name.1,
            format!("a.{}", name.0),
            format!("JOIN import_{table} b ON b.{0}_key = a.{0}_key AND b.key <> a.key", name.0),
        ),
        (
            "externalId",
            "a.external_id".to_owned(),
            format!("JOIN import_{table} b ON b.external_id = a.external_id AND b.key <> a.key"),
        ),
        ("id", "a.id".to_owned(), format!("JOIN import_{others} b ON b.id = a.id")),
        ("id", "a.id".to_owned(), "JOIN (SELECT id, 0 AS key FROM import_tombstones) b ON b.id = a.id".to_owned()),
    ];
    // The first contradiction ends the import, so one row of each check is enough.
    for (attribute, value, join) in checks {
        let text =
            format!("SELECT {value}, a.key, b.key FROM import_{table} a {join} WHERE a.key > ? AND a.key <= ? LIMIT 1");
        if let Some(mut row) = first_row(sql, &text, &[after.into(), to.into()])? {
            return Ok(Some((attribute, row.text()?, row.integer()?, row.integer()?)));
        }
    }
    Ok(None)
}

/// Counts the memberships after one of them, at most `count`. Returns their number and the last one; `None` at the end.
pub fn walk_members(sql: &dyn Sql, after: (i64, i64), count: i64) -> Result<(i64, Option<(i64, i64)>)> {
    let text = "SELECT group_key, user_key FROM import_members WHERE (group_key, user_key) > (?, ?) \
                ORDER BY group_key, user_key LIMIT 1 OFFSET ?";
    // The row at the end of the step tells that it is full; only the last step counts.
    if let Some(mut row) = first_row(sql, text, &[after.0.into(), after.1.into(), (count - 1).into()])? {
        return Ok((count, Some((row.integer()?, row.integer()?))));
    }
    let text = "SELECT count(*) FROM import_members WHERE (group_key, user_key) > (?, ?)";
    let count = first_row(sql, text, &[after.0.into(), after.1.into()])?.map_or(Ok(0), |mut row| row.integer())?;
    Ok((count, None))
}

/// Returns a membership of a group or user that no longer exists, after one of them, up to and with another, or to the
/// end: the keys of both. None may be written, since the directory's own tables refuse it.
pub fn find_astray(sql: &dyn Sql, after: (i64, i64), to: Option<(i64, i64)>) -> Result<Option<(i64, i64)>> {
    let to = to.unwrap_or(END);
    let text = "SELECT group_key, user_key FROM import_members m WHERE (group_key, user_key) > (?, ?) \
                AND (group_key, user_key) <= (?, ?) AND (NOT EXISTS (SELECT 1 FROM import_groups WHERE key = m.group_key) \
                OR NOT EXISTS (SELECT 1 FROM import_users WHERE key = m.user_key)) LIMIT 1";
    let row = first_row(sql, text, &[after.0.into(), after.1.into(), to.0.into(), to.1.into()])?;
    row.map(|mut row| Ok((row.integer()?, row.integer()?))).transpose()
}

/// Counts the ids that the import says were deleted.
pub fn count_tombstones(sql: &dyn Sql) -> Result<i64> {
    first_row(sql, "SELECT count(*) FROM import_tombstones", &[])?.map_or(Ok(0), |mut row| row.integer())
}

/// Removes at most `count` memberships of the old directory; returns true if there are more.
pub fn empty_members(sql: &dyn Sql, count: i64) -> Result<bool> {
    let text = "DELETE FROM members WHERE (group_key, user_key) IN (SELECT group_key, user_key FROM members LIMIT ?)";
    sql.query(text, &[count.into()])?;
    Ok(first_row(sql, "SELECT 1 FROM members LIMIT 1", &[])?.is_some())
}

/// Removes users or groups of the old directory, which have no memberships any more. Ids that the import does not
/// contain are remembered as deleted. At most `bounds` of them and of their bytes, roughly. Returns true if there are
/// more.
pub fn remove_old(sql: &dyn Sql, table: &str, kind: &str, bounds: (i64, i64)) -> Result<bool> {
    let some = format!("SELECT key FROM {table} ORDER BY key LIMIT ?1");
    // Before the rows go: their ids must never be given to other resources.
    let bury = format!(
        "INSERT OR IGNORE INTO tombstones (id, kind) SELECT id, ?2 FROM {table} t WHERE key IN ({some}) AND NOT EXISTS \
         (SELECT 1 FROM import_{table} i WHERE i.id = t.id)"
    );
    let text = format!("DELETE FROM {table} WHERE key IN ({some}) RETURNING key, {BYTES}");
    let mut left = bounds;
    while left.0 > 0 && left.1 > 0 {
        sql.query(&bury, &[AT_ONCE.into(), kind.into()])?;
        if some_moved(sql, &text, &[AT_ONCE.into()], &mut left)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The size of a row's documents, nearly.
const BYTES: &str = "length(doc) + coalesce(length(folded), 0)";

/// Runs a statement that returns a key and a size for each row that it moves. Subtracts them from `left` and returns
/// the largest key.
fn some_moved(sql: &dyn Sql, text: &str, params: &[Param<'_>], left: &mut (i64, i64)) -> Result<Option<i64>> {
    let mut last = None;
    for mut row in sql.query(text, params)? {
        last = last.max(Some(row.integer()?));
        *left = (left.0 - 1, left.1 - row.integer()?);
    }
    Ok(last)
}

/// Moves users (or groups) after a key into the directory, as of a change of that position: at most `bounds` of them
/// and of their bytes, roughly. Returns the last one's key; `None` at the end.
pub fn write_rows(sql: &dyn Sql, table: &str, after: i64, bounds: (i64, i64), seq: Seq) -> Result<Option<i64>> {
    let text = if table == "users" {
        format!(
            "INSERT INTO users (key, id, user_name, user_name_key, external_id, mail_key, more_mail, active, doc, folded, \
             version, seq, created, modified) SELECT key, id, user_name, user_name_key, external_id, mail_key, more_mail, \
             active, doc, folded, version, ?, created, modified FROM import_users WHERE key > ? ORDER BY key LIMIT ? \
             RETURNING key, {BYTES}"
        )
    } else {
        format!(
            // Keys of groups are below 0 and grow downwards, so the order in which they were made is kept.
            "INSERT INTO groups (key, id, display_name, display_name_key, external_id, doc, folded, gone, version, seq, \
             created, modified) SELECT -key, id, display_name, display_name_key, external_id, doc, folded, 0, version, ?, \
             created, modified FROM import_groups WHERE key > ? ORDER BY key LIMIT ? RETURNING -key, {BYTES}"
        )
    };
    let (mut left, mut last) = (bounds, None);
    while left.0 > 0 && left.1 > 0 {
        let params = [seq.into(), last.unwrap_or(after).into(), AT_ONCE.into()];
        match some_moved(sql, &text, &params, &mut left)? {
            None => break,
            moved => last = moved,
        }
    }
    Ok(last)
}

/// Moves the memberships after one of them, up to and with another, or to the end, into the directory.
pub fn write_members(sql: &dyn Sql, after: (i64, i64), to: Option<(i64, i64)>) -> Result<()> {
    let to = to.unwrap_or(END);
    let text = "INSERT INTO members (group_key, user_key) SELECT -group_key, user_key FROM import_members \
                WHERE (group_key, user_key) > (?, ?) AND (group_key, user_key) <= (?, ?) ORDER BY group_key, user_key";
    sql.query(text, &[after.0.into(), after.1.into(), to.0.into(), to.1.into()]).map(|_| ())
}

/// Remembers the deleted ids after one of them, at most `count`; returns the last one.
pub fn write_tombstones(sql: &dyn Sql, after: &str, count: i64) -> Result<Option<String>> {
    let text = "SELECT max(id) FROM (SELECT id FROM import_tombstones WHERE id > ? ORDER BY id LIMIT ?)";
    let last =
        first_row(sql, text, &[after.into(), count.into()])?.map(|mut row| row.optional_text()).transpose()?.flatten();
    if let Some(last) = &last {
        let text = "INSERT OR IGNORE INTO tombstones (id, kind) SELECT id, kind FROM import_tombstones WHERE id > ? AND id <= ?";
        sql.query(text, &[after.into(), Param::Text(last)])?;
    }
    Ok(last)
}

/// Removes the tombstones of ids that the import contains: those with keys after one and up to another.
pub fn unbury_ids(sql: &dyn Sql, table: &str, after: i64, to: i64) -> Result<()> {
    let text = format!("DELETE FROM tombstones WHERE id IN (SELECT id FROM import_{table} WHERE key > ? AND key <= ?)");
    sql.query(&text, &[after.into(), to.into()]).map(|_| ())
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
