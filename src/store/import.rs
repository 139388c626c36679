//! What an import brings, in tables of its own until all of it is checked, and the steps that make it the directory. A line's
//! key tells its part and its place in it, and becomes the key of the user; that of a group is below 0.

use super::{Param, Sql, first, groups, users};
use crate::error::{Error, Result};
use crate::id::{Seq, Timestamp, Version};

/// A part has fewer lines than this.
pub const LINES_MAX: i64 = 1 << 20;

/// A place after all memberships.
const END: (i64, i64) = (i64::MAX >> 11, 0);
/// How many documents are moved at once, each of at most 256 KiB and perhaps a folded one of that size beside it.
const AT_ONCE: i64 = 25;

/// The key of a line.
pub fn key(part: i64, line: i64) -> i64 {
    part * LINES_MAX + line
}

/// A part as far as it has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Part {
    pub part: i64,
    pub lines: i64,
    pub whole: bool,
}

/// What stands beside a resource's document.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Marks {
    pub version: Version,
    pub created: Timestamp,
    pub modified: Timestamp,
}

/// Forgets what was sent, at most `bounds` documents and lines, and bytes of them, roughly, and `ids` memberships. True if
/// there is more.
///
/// # Errors
/// Internal only, as of every function here.
pub fn clear(sql: &dyn Sql, bounds: (i64, i64), ids: i64) -> Result<bool> {
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
    for (table, key) in [("members", "group_key, user_key"), ("tombstones", "id"), ("parts", "part")] {
        let some = format!("SELECT {key} FROM import_{table} LIMIT ?");
        sql.query(&format!("DELETE FROM import_{table} WHERE ({key}) IN ({some})"), &[ids.into()])?;
        if first(sql, &format!("SELECT 1 FROM import_{table} LIMIT 1"), &[])?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// All parts, in order.
///
/// # Errors
/// Internal only.
pub fn parts(sql: &dyn Sql) -> Result<Vec<Part>> {
    let rows = sql.query("SELECT part, lines, whole FROM import_parts ORDER BY part", &[])?;
    rows.into_iter()
        .map(|mut row| Ok(Part { part: row.integer()?, lines: row.integer()?, whole: row.integer()? == 1 }))
        .collect()
}

/// How far a part has arrived.
///
/// # Errors
/// Internal only.
pub fn part(sql: &dyn Sql, part: i64) -> Result<Option<Part>> {
    let row = first(sql, "SELECT lines, whole FROM import_parts WHERE part = ?", &[part.into()])?;
    row.map(|mut row| Ok(Part { part, lines: row.integer()?, whole: row.integer()? == 1 })).transpose()
}

/// Forgets what was sent of a part.
///
/// # Errors
/// Internal only.
pub fn forget(sql: &dyn Sql, part: i64) -> Result<()> {
    for table in ["users", "groups", "lines"] {
        let text = format!("DELETE FROM import_{table} WHERE key >= ? AND key < ?");
        sql.query(&text, &[key(part, 0).into(), key(part + 1, 0).into()])?;
    }
    sql.query("DELETE FROM import_parts WHERE part = ?", &[part.into()]).map(|_| ())
}

/// Notes how far a part has arrived.
///
/// # Errors
/// Internal only.
pub fn arrived(sql: &dyn Sql, part: Part) -> Result<()> {
    let text = "INSERT INTO import_parts (part, lines, whole) VALUES (?, ?, ?) \
                ON CONFLICT (part) DO UPDATE SET lines = excluded.lines, whole = excluded.whole";
    sql.query(text, &[part.part.into(), part.lines.into(), i64::from(part.whole).into()]).map(|_| ())
}

/// Keeps a line as it is.
///
/// # Errors
/// Internal only.
pub fn keep(sql: &dyn Sql, key: i64, kind: &str, text: &str) -> Result<()> {
    let params = [key.into(), Param::Text(kind), Param::Text(text)];
    sql.query("INSERT INTO import_lines (key, kind, text) VALUES (?, ?, ?)", &params).map(|_| ())
}

/// The lines after a key, at most `count`, but no more once they have so many bytes: each one's key, kind and text.
///
/// # Errors
/// Internal only.
pub fn lines(sql: &dyn Sql, after: i64, count: i64, bytes: i64) -> Result<Vec<(i64, String, String)>> {
    let text = "SELECT key, kind, text FROM (SELECT key, kind, text, sum(length(text)) OVER (ORDER BY key) AS total FROM \
                (SELECT key, kind, text FROM import_lines WHERE key > ? ORDER BY key LIMIT ?)) \
                WHERE total - length(text) <= ? ORDER BY key";
    let rows = sql.query(text, &[after.into(), count.into(), bytes.into()])?;
    rows.into_iter().map(|mut row| Ok((row.integer()?, row.text()?, row.text()?))).collect()
}

/// The kind and text of one line that was kept.
///
/// # Errors
/// Internal only.
pub fn line(sql: &dyn Sql, key: i64) -> Result<Option<(String, String)>> {
    let row = first(sql, "SELECT kind, text FROM import_lines WHERE key = ?", &[key.into()])?;
    row.map(|mut row| Ok((row.text()?, row.text()?))).transpose()
}

/// The key of the line that brought a user or group.
///
/// # Errors
/// Internal only.
pub fn brought(sql: &dyn Sql, id: &str) -> Result<Option<i64>> {
    let text =
        "SELECT coalesce((SELECT key FROM import_users WHERE id = ?1), (SELECT key FROM import_groups WHERE id = ?1))";
    Ok(first(sql, text, &[id.into()])?.map(|mut row| row.optional_integer()).transpose()?.flatten())
}

/// A user; one of that id is replaced and keeps its key.
///
/// # Errors
/// Internal only.
pub fn put_user(sql: &dyn Sql, key: i64, id: &str, content: &users::Content, marks: Marks) -> Result<()> {
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

/// A group; one of that id is replaced and keeps its key.
///
/// # Errors
/// Internal only.
pub fn put_group(sql: &dyn Sql, key: i64, id: &str, content: &groups::Content, marks: Marks) -> Result<()> {
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

/// Another version of a group, whose members changed.
///
/// # Errors
/// Internal only.
pub fn touch_group(sql: &dyn Sql, id: &str, version: Version, modified: Timestamp) -> Result<()> {
    let text = "UPDATE import_groups SET version = ?, modified = ? WHERE id = ?";
    sql.query(text, &[version.into(), modified.0.into(), id.into()]).map(|_| ())
}

/// Takes a user or group out, whose memberships are out already, and remembers its id.
///
/// # Errors
/// Internal only.
pub fn bury(sql: &dyn Sql, id: &str, kind: &str, gone: bool) -> Result<()> {
    if gone {
        sql.query("DELETE FROM import_users WHERE id = ?", &[id.into()])?;
        sql.query("DELETE FROM import_groups WHERE id = ?", &[id.into()])?;
    }
    let text = "INSERT OR IGNORE INTO import_tombstones (id, kind) VALUES (?, ?)";
    sql.query(text, &[id.into(), kind.into()]).map(|_| ())
}

/// Adds members to a group, ids as a JSON array. Those who are not known are passed over; answers the first of them.
///
/// # Errors
/// Internal only.
pub fn join(sql: &dyn Sql, group: &str, users: &str) -> Result<Option<String>> {
    let text = "INSERT OR IGNORE INTO import_members (group_key, user_key) SELECT g.key, u.key FROM import_groups g, \
                json_each(?2) j JOIN import_users u ON u.id = j.value WHERE g.id = ?1";
    sql.query(text, &[group.into(), users.into()])?;
    let text = "SELECT j.value FROM json_each(?2) j WHERE NOT EXISTS (SELECT 1 FROM import_users WHERE id = j.value) \
                OR NOT EXISTS (SELECT 1 FROM import_groups WHERE id = ?1) LIMIT 1";
    first(sql, text, &[group.into(), users.into()])?.map(|mut row| row.text()).transpose()
}

/// One of these ids that is a group's, if any is.
///
/// # Errors
/// Internal only.
pub fn group_among(sql: &dyn Sql, ids: &str) -> Result<Option<String>> {
    let text = "SELECT g.id FROM json_each(?) j JOIN import_groups g ON g.id = j.value LIMIT 1";
    first(sql, text, &[ids.into()])?.map(|mut row| row.text()).transpose()
}

/// Takes members out of a group, or a user out of groups: ids as JSON arrays.
///
/// # Errors
/// Internal only.
pub fn leave(sql: &dyn Sql, groups: &str, users: &str) -> Result<()> {
    let text = "DELETE FROM import_members WHERE group_key IN (SELECT g.key FROM json_each(?1) j JOIN import_groups g \
                ON g.id = j.value) AND user_key IN (SELECT u.key FROM json_each(?2) j JOIN import_users u ON u.id = j.value)";
    sql.query(text, &[groups.into(), users.into()]).map(|_| ())
}

/// What one step of a walk over a table found.
#[derive(Debug, Default)]
pub struct Walked {
    /// How many rows.
    pub count: i64,
    /// How many of them are active users.
    pub active: i64,
    /// The last one's key; `None` at the end.
    pub last: Option<i64>,
}

/// The users or groups after a key, at most `count`.
///
/// # Errors
/// Internal only.
pub fn walk(sql: &dyn Sql, table: &str, after: i64, count: i64) -> Result<Walked> {
    let active = if table == "users" { "active" } else { "0" };
    let text = format!(
        "SELECT count(*), coalesce(sum(active), 0), max(key) FROM \
         (SELECT key, {active} AS active FROM import_{table} WHERE key > ? ORDER BY key LIMIT ?)"
    );
    match first(sql, &text, &[after.into(), count.into()])? {
        None => Ok(Walked::default()),
        Some(mut row) => Ok(Walked { count: row.integer()?, active: row.integer()?, last: row.optional_integer()? }),
    }
}

/// Two lines that cannot both be, among the users or groups with keys after one and up to another: what of theirs is the
/// same, that value, and the keys of both; the key is 0 for a tombstone.
///
/// # Errors
/// Internal only.
pub fn clash(sql: &dyn Sql, table: &str, after: i64, to: i64) -> Result<Option<(&'static str, String, i64, i64)>> {
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
    for (attribute, value, join) in checks {
        let text =
            format!("SELECT {value}, a.key, b.key FROM import_{table} a {join} WHERE a.key > ? AND a.key <= ? LIMIT 1");
        if let Some(mut row) = first(sql, &text, &[after.into(), to.into()])? {
            return Ok(Some((attribute, row.text()?, row.integer()?, row.integer()?)));
        }
    }
    Ok(None)
}

/// How many memberships come after one of them, of at most `count`, and the last one looked at; `None` at the end.
///
/// # Errors
/// Internal only.
pub fn walk_members(sql: &dyn Sql, after: (i64, i64), count: i64) -> Result<(i64, Option<(i64, i64)>)> {
    let text = "SELECT group_key, user_key FROM import_members WHERE (group_key, user_key) > (?, ?) \
                ORDER BY group_key, user_key LIMIT 1 OFFSET ?";
    if let Some(mut row) = first(sql, text, &[after.0.into(), after.1.into(), (count - 1).into()])? {
        return Ok((count, Some((row.integer()?, row.integer()?))));
    }
    let text = "SELECT count(*) FROM import_members WHERE (group_key, user_key) > (?, ?)";
    let count = first(sql, text, &[after.0.into(), after.1.into()])?.map_or(Ok(0), |mut row| row.integer())?;
    Ok((count, None))
}

/// A membership after one of them, up to and with another, or to the end, of a group or user that is no longer there: the
/// keys of both. None may be written, since the directory's own tables refuse it.
///
/// # Errors
/// Internal only.
pub fn astray(sql: &dyn Sql, after: (i64, i64), to: Option<(i64, i64)>) -> Result<Option<(i64, i64)>> {
    let to = to.unwrap_or(END);
    let text = "SELECT group_key, user_key FROM import_members m WHERE (group_key, user_key) > (?, ?) \
                AND (group_key, user_key) <= (?, ?) AND (NOT EXISTS (SELECT 1 FROM import_groups WHERE key = m.group_key) \
                OR NOT EXISTS (SELECT 1 FROM import_users WHERE key = m.user_key)) LIMIT 1";
    let row = first(sql, text, &[after.0.into(), after.1.into(), to.0.into(), to.1.into()])?;
    row.map(|mut row| Ok((row.integer()?, row.integer()?))).transpose()
}

/// How many ids the import says were deleted.
///
/// # Errors
/// Internal only.
pub fn count_tombstones(sql: &dyn Sql) -> Result<i64> {
    first(sql, "SELECT count(*) FROM import_tombstones", &[])?.map_or(Ok(0), |mut row| row.integer())
}

/// Takes at most `count` memberships of the old directory out; true if there are more.
///
/// # Errors
/// Internal only.
pub fn empty_members(sql: &dyn Sql, count: i64) -> Result<bool> {
    let text = "DELETE FROM members WHERE (group_key, user_key) IN (SELECT group_key, user_key FROM members LIMIT ?)";
    sql.query(text, &[count.into()])?;
    Ok(first(sql, "SELECT 1 FROM members LIMIT 1", &[])?.is_some())
}

/// Takes users or groups of the old directory out, which have no memberships any more; ids that the import does not bring
/// are remembered as deleted. At most `bounds` of them and of their bytes, roughly. True if there are more.
///
/// # Errors
/// Internal only.
pub fn empty(sql: &dyn Sql, table: &str, kind: &str, bounds: (i64, i64)) -> Result<bool> {
    let some = format!("SELECT key FROM {table} ORDER BY key LIMIT ?1");
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

/// How large a row's documents are, nearly.
const BYTES: &str = "length(doc) + coalesce(length(folded), 0)";

/// Runs a statement that gives a key and a size for each row that it moves; takes them off what is left and answers the
/// largest key.
fn some_moved(sql: &dyn Sql, text: &str, params: &[Param<'_>], left: &mut (i64, i64)) -> Result<Option<i64>> {
    let mut last = None;
    for mut row in sql.query(text, params)? {
        last = last.max(Some(row.integer()?));
        *left = (left.0 - 1, left.1 - row.integer()?);
    }
    Ok(last)
}

/// Makes users (or groups) after a key users of the directory, as of a change of that position: at most `bounds` of them
/// and of their bytes, roughly. Answers the last one's key; `None` at the end.
///
/// # Errors
/// Internal only.
pub fn write(sql: &dyn Sql, table: &str, after: i64, bounds: (i64, i64), seq: Seq) -> Result<Option<i64>> {
    let text = if table == "users" {
        format!(
            "INSERT INTO users (key, id, user_name, user_name_key, external_id, mail_key, more_mail, active, doc, folded, \
             version, seq, created, modified) SELECT key, id, user_name, user_name_key, external_id, mail_key, more_mail, \
             active, doc, folded, version, ?, created, modified FROM import_users WHERE key > ? ORDER BY key LIMIT ? \
             RETURNING key, {BYTES}"
        )
    } else {
        format!(
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

/// Makes the memberships after one of them, up to and with another, or to the end, memberships of the directory.
///
/// # Errors
/// Internal only.
pub fn write_members(sql: &dyn Sql, after: (i64, i64), to: Option<(i64, i64)>) -> Result<()> {
    let to = to.unwrap_or(END);
    let text = "INSERT INTO members (group_key, user_key) SELECT -group_key, user_key FROM import_members \
                WHERE (group_key, user_key) > (?, ?) AND (group_key, user_key) <= (?, ?) ORDER BY group_key, user_key";
    sql.query(text, &[after.0.into(), after.1.into(), to.0.into(), to.1.into()]).map(|_| ())
}

/// Remembers the deleted ids after one of them, at most `count`; answers the last one.
///
/// # Errors
/// Internal only.
pub fn write_tombstones(sql: &dyn Sql, after: &str, count: i64) -> Result<Option<String>> {
    let text = "SELECT max(id) FROM (SELECT id FROM import_tombstones WHERE id > ? ORDER BY id LIMIT ?)";
    let last =
        first(sql, text, &[after.into(), count.into()])?.map(|mut row| row.optional_text()).transpose()?.flatten();
    if let Some(last) = &last {
        let text = "INSERT OR IGNORE INTO tombstones (id, kind) SELECT id, kind FROM import_tombstones WHERE id > ? AND id <= ?";
        sql.query(text, &[after.into(), Param::Text(last)])?;
    }
    Ok(last)
}

/// Ids that the import brings are no longer deleted ones: those with keys after one and up to another.
///
/// # Errors
/// Internal only.
pub fn unbury(sql: &dyn Sql, table: &str, after: i64, to: i64) -> Result<()> {
    let text = format!("DELETE FROM tombstones WHERE id IN (SELECT id FROM import_{table} WHERE key > ? AND key <= ?)");
    sql.query(&text, &[after.into(), to.into()]).map(|_| ())
}

/// The job's state, as text.
///
/// # Errors
/// Internal only.
pub fn job(sql: &dyn Sql) -> Result<Option<String>> {
    first(sql, "SELECT state FROM jobs WHERE id = 'import'", &[])?.map(|mut row| row.text()).transpose()
}

/// Stores it; `None` when there is no import any more.
///
/// # Errors
/// Internal only.
pub fn set_job(sql: &dyn Sql, state: Option<&str>) -> Result<()> {
    let Some(state) = state else {
        return sql.query("DELETE FROM jobs WHERE id = 'import'", &[]).map(|_| ());
    };
    let text = "INSERT INTO jobs (id, kind, state) VALUES ('import', 'import', ?) \
                ON CONFLICT (id) DO UPDATE SET state = excluded.state";
    sql.query(text, &[state.into()]).map(|_| ())
}

/// Where a line stands, for sentences.
pub fn place(key: i64) -> String {
    format!("part {}, line {}", key / LINES_MAX, key % LINES_MAX)
}

/// For what cannot be read although it was checked when it came.
pub fn unreadable(key: i64) -> Error {
    Error::internal(format!("{} was checked and cannot be read", place(key)))
}
