//! The sequence of changes as it is read: a page is bounded by its bytes, whatever the changes hold.

use super::{Row, Sql};
use crate::error::Result;
use crate::id::{Seq, Timestamp};

/// How many changes are read at once. One of the largest has some 1 MiB.
const PIECE: i64 = 8;

/// One change as it is shown.
#[derive(Debug)]
pub struct Shown {
    /// Its position.
    pub seq: Seq,
    /// What it did.
    pub kind: String,
    /// How many memberships a deletion took with it that no other change tells of, or later ones tell of.
    pub memberships: Option<i64>,
    /// Its JSON.
    pub text: String,
}

/// Reads the changes after a position in order, at most `limit`, and gives each one to `take` until that says no. A
/// change carries its resource as it is now, or `null` if it is gone; a membership change the ids added and removed; a
/// user who was deleted or came back the groups left. The versions are those of now too.
///
/// # Errors
/// Internal only, or what `take` answers.
pub fn read(sql: &dyn Sql, after: Seq, limit: i64, take: &mut dyn FnMut(&Shown) -> Result<bool>) -> Result<()> {
    let text = "SELECT c.seq, c.at, c.kind, c.resource, c.id, CASE WHEN c.kind = 'members' THEN c.before END, \
                CASE WHEN c.resource = 'User' THEN json_extract(c.before, '$.groups') END, \
                CASE WHEN c.kind <> 'members' THEN coalesce(u.doc, g.doc) END, u.active, \
                coalesce(u.version, g.version), coalesce(u.created, g.created), coalesce(u.modified, g.modified), \
                CASE WHEN c.kind = 'deleted' THEN json_extract(c.before, '$.memberships') END \
                FROM changes c LEFT JOIN users u ON c.resource = 'User' AND u.id = c.id AND u.gone = 0 \
                LEFT JOIN groups g ON c.resource = 'Group' AND g.id = c.id AND g.gone = 0 \
                WHERE c.seq > ? ORDER BY c.seq LIMIT ?";
    let (mut last, mut left) = (after, limit);
    while left > 0 {
        let wanted = PIECE.min(left);
        let rows = sql.query(text, &[last.into(), wanted.into()])?;
        left = if (rows.len() as i64) < wanted { 0 } else { left - wanted };
        for row in rows {
            let change = change(sql, row)?;
            if !take(&change)? {
                return Ok(());
            }
            last = change.seq;
        }
    }
    Ok(())
}

/// One change. Ids and words need no escape in JSON.
fn change(sql: &dyn Sql, mut row: Row) -> Result<Shown> {
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
    let (version, created, modified) = (row.optional_integer()?, row.optional_integer()?, row.optional_integer()?);
    if let (Some(version), Some(created), Some(modified)) = (version, created, modified) {
        let (created, modified) = (Timestamp(created).rfc3339(), Timestamp(modified).rfc3339());
        text.push_str(&format!(r#","version":{version},"created":"{created}","modified":"{modified}""#));
    }
    let memberships = row.optional_integer()?;
    if let Some(count) = memberships {
        text.push_str(&format!(r#","memberships":{count}"#));
    }
    text.push('}');
    Ok(Shown { seq, kind, memberships, text })
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
