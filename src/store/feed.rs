//! The sequence of changes as it is read: a page is bounded by its bytes, whatever the changes hold.

use super::{Row, Sql};
use crate::error::Result;
use crate::id::{Seq, Timestamp};

/// How many changes are read at once. One of the largest has some 1 MiB.
const PIECE: i64 = 8;
/// Where a page ends early, in bytes.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// A page of changes, as JSON.
#[derive(Debug, Default)]
pub struct Page {
    /// An array.
    pub changes: String,
    /// How many they are.
    pub count: i64,
    /// The position of the last; `None` if there is none.
    pub last: Option<Seq>,
}

/// The changes after a position, at most `limit`. A change carries its resource as it is now, or `null` if it is gone; a
/// membership change the ids added and removed; a deleted or revived user the groups that it left. The versions are
/// those of now too.
///
/// # Errors
/// Internal only.
pub fn page(sql: &dyn Sql, after: Seq, limit: i64) -> Result<Page> {
    let text = "SELECT c.seq, c.at, c.kind, c.resource, c.id, CASE WHEN c.kind = 'members' THEN c.before END, \
                CASE WHEN c.resource = 'User' THEN json_extract(c.before, '$.groups') END, \
                CASE WHEN c.kind <> 'members' THEN coalesce(u.doc, g.doc) END, u.active, \
                coalesce(u.version, g.version), coalesce(u.created, g.created), coalesce(u.modified, g.modified) \
                FROM changes c LEFT JOIN users u ON c.resource = 'User' AND u.id = c.id \
                LEFT JOIN groups g ON c.resource = 'Group' AND g.id = c.id AND g.gone = 0 \
                WHERE c.seq > ? ORDER BY c.seq LIMIT ?";
    let mut page = Page { changes: "[".to_owned(), ..Page::default() };
    'pieces: while page.count < limit {
        let rows = sql.query(text, &[page.last.unwrap_or(after).into(), PIECE.min(limit - page.count).into()])?;
        let read = rows.len() as i64;
        for row in rows {
            let (seq, change) = change(sql, row)?;
            if page.count > 0 {
                if page.changes.len() + change.len() > PAGE_BYTES {
                    break 'pieces;
                }
                page.changes.push(',');
            }
            page.changes.push_str(&change);
            (page.count, page.last) = (page.count + 1, Some(seq));
        }
        if read < PIECE {
            break;
        }
    }
    page.changes.push(']');
    Ok(page)
}

/// One change. Ids and words need no escape in JSON.
fn change(sql: &dyn Sql, mut row: Row) -> Result<(Seq, String)> {
    let (seq, at) = (row.integer()?, Timestamp(row.integer()?).rfc3339());
    let (kind, resource, id) = (row.text()?, row.text()?, row.text()?);
    let mut text = format!(r#"{{"seq":{seq},"at":"{at}","kind":"{kind}","resourceType":"{resource}","id":"{id}""#);
    let members = row.optional_text()?;
    if let Some(groups) = row.optional_text()? {
        let versions = versions(sql, &groups)?;
        text.push_str(&format!(r#","groups":{groups},"groupVersions":[{versions}]"#));
    }
    let doc = row.optional_text()?;
    match members {
        // {"added":[...],"removed":[...]}
        Some(ids) => {
            text.push(',');
            text.push_str(ids.trim_start_matches('{').trim_end_matches('}'));
        }
        None => text.push_str(&format!(r#","resource":{}"#, doc.as_deref().unwrap_or("null"))),
    }
    if let Some(active) = row.optional_integer()? {
        text.push_str(&format!(r#","active":{}"#, active == 1));
    }
    if let (Some(version), Some(created), Some(modified)) =
        (row.optional_integer()?, row.optional_integer()?, row.optional_integer()?)
    {
        let (created, modified) = (Timestamp(created).rfc3339(), Timestamp(modified).rfc3339());
        text.push_str(&format!(r#","version":{version},"created":"{created}","modified":"{modified}""#));
    }
    text.push('}');
    Ok((seq, text))
}

/// The versions of these groups, which rose when a user left them.
fn versions(sql: &dyn Sql, groups: &str) -> Result<String> {
    let text = "SELECT g.id, g.version, g.modified FROM json_each(?) j JOIN groups g ON g.id = j.value AND g.gone = 0";
    let mut shown = Vec::new();
    for mut row in sql.query(text, &[groups.into()])? {
        let (id, version, modified) = (row.text()?, row.integer()?, Timestamp(row.integer()?).rfc3339());
        shown.push(format!(r#"{{"id":"{id}","version":{version},"modified":"{modified}"}}"#));
    }
    Ok(shown.join(","))
}
