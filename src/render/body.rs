//! The text of an answer in pieces, so that no answer is held whole. Parts that are too large for memory are read from
//! the storage when their turn comes.

use crate::directory::reply::{GroupRef, UnreadEntries};
use crate::error::{Error, Result};
use crate::id::{GroupId, UserId};
use crate::store::{Sql, groups, members, users};
use serde_json::Value;
use std::collections::VecDeque;

/// The length of a piece after which the next one begins, in bytes. A single addition to it is always shorter than
/// that.
const PIECE: usize = 512 * 1024;

/// The text of an answer.
#[derive(Debug, Default)]
pub struct BodyWriter {
    parts: VecDeque<BodyPart>,
    /// The piece that is being written.
    open: String,
    /// The number of groups and members that were read for it.
    read: usize,
}

#[derive(Debug)]
enum BodyPart {
    Text(String),
    Rest(UnreadEntries, EntryShape),
}

/// The form of a group's members or a user's groups in an answer: the sub-attributes in their order, and the escaped
/// beginning of addresses.
#[derive(Clone, Debug)]
pub(super) struct EntryShape {
    pub(super) names: Vec<String>,
    pub(super) base: String,
}

impl BodyWriter {
    pub(super) fn push_text(&mut self, text: &str) {
        // Pieces of one size: a text that grows without end would be copied each time its room is used up.
        if self.open.len() + text.len() > PIECE {
            self.close_piece();
        }
        self.open.push_str(text);
    }

    fn close_piece(&mut self) {
        if !self.open.is_empty() {
            self.parts.push_back(BodyPart::Text(std::mem::take(&mut self.open)));
        }
    }

    /// Writes an array of these members and of those that follow in `rest`.
    pub(super) fn push_members(&mut self, ids: &[String], rest: Option<UnreadEntries>, shape: EntryShape) {
        self.push_list(ids.iter(), rest, shape, |text, id, shape| shape.write_member(text, id));
    }

    /// Writes an array of these groups and of those that follow in `rest`.
    pub(super) fn push_groups(&mut self, groups: &[GroupRef], rest: Option<UnreadEntries>, shape: EntryShape) {
        self.push_list(groups.iter(), rest, shape, |text, group, shape| shape.write_group(text, group));
    }

    fn push_list<T>(
        &mut self,
        held: impl Iterator<Item = T>,
        rest: Option<UnreadEntries>,
        shape: EntryShape,
        write: impl Fn(&mut String, T, &EntryShape),
    ) {
        self.open.push('[');
        for (at, one) in held.enumerate() {
            if at > 0 {
                self.open.push(',');
            }
            // Between two entries, so that each of them stands whole in one piece.
            if self.open.len() > PIECE {
                self.close_piece();
            }
            write(&mut self.open, one, &shape);
        }
        // The rest is read when its turn comes: 100,000 members would be 13 MB here.
        if let Some(rest) = rest {
            self.close_piece();
            self.parts.push_back(BodyPart::Rest(rest, shape));
        }
        self.open.push(']');
    }

    /// Returns the next piece; `None` at the end.
    ///
    /// # Errors
    /// Internal only.
    pub fn next_piece(&mut self, sql: &dyn Sql) -> Result<Option<String>> {
        self.close_piece();
        loop {
            match self.parts.pop_front() {
                None => return Ok(None),
                Some(BodyPart::Text(text)) => return Ok(Some(text)),
                Some(BodyPart::Rest(rest, shape)) => {
                    // Other requests may run between two pieces, so each piece looks the resource up again.
                    let (text, count, rest) = shape.read_piece(sql, rest)?;
                    self.read += count;
                    if let Some(rest) = rest {
                        self.parts.push_front(BodyPart::Rest(rest, shape));
                        return Ok(Some(text));
                    }
                }
            }
        }
    }

    /// Returns true if no piece is left.
    pub fn is_over(&self) -> bool {
        self.open.is_empty() && self.parts.is_empty()
    }

    /// Returns the number of groups and members that were read from the storage for the pieces so far.
    pub fn entries_read(&self) -> usize {
        self.read
    }

    /// Returns the whole text of a body that needs no further reading.
    ///
    /// # Errors
    /// Internal, if a part of it is still to be read from the storage.
    pub fn into_text(mut self) -> Result<String> {
        self.close_piece();
        let mut whole = String::new();
        for part in self.parts {
            match part {
                BodyPart::Text(text) if whole.is_empty() => whole = text,
                BodyPart::Text(text) => whole.push_str(&text),
                BodyPart::Rest(..) => return Err(Error::internal("an answer that is not there whole")),
            }
        }
        Ok(whole)
    }
}

impl EntryShape {
    /// Reads the next piece of `rest`, with a comma before each entry. Returns it, the number of its entries, and the
    /// new rest; at the end all three are empty.
    fn read_piece(&self, sql: &dyn Sql, rest: UnreadEntries) -> Result<(String, usize, Option<UnreadEntries>)> {
        let mut text = String::new();
        match rest {
            UnreadEntries::Members { group, id, after } => {
                // The answer has begun and cannot become an error: the list ends here.
                if !is_group(sql, group, &id)? {
                    return Ok((text, 0, None));
                }
                let (ids, last) = members::member_ids(sql, group, after, members::IDS_PIECE)?;
                for id in &ids {
                    text.push(',');
                    self.write_member(&mut text, id);
                }
                Ok((text, ids.len(), last.map(|after| UnreadEntries::Members { group, id, after })))
            }
            UnreadEntries::Groups { user, id, after, tag } => {
                if !is_user(sql, user, &id)? {
                    return Ok((text, 0, None));
                }
                let groups = members::groups_of_user(sql, user, after, members::GROUPS_PIECE)?;
                for (_, group) in &groups {
                    text.push(',');
                    self.write_group(&mut text, group);
                }
                let last = groups.last().map(|(key, _)| *key);
                Ok((text, groups.len(), last.map(|after| UnreadEntries::Groups { user, id, after, tag })))
            }
        }
    }

    /// Writes one member. Ids need no escape in JSON.
    fn write_member(&self, text: &mut String, id: &str) {
        self.write_object(text, |text, name| match name {
            "$ref" => [&self.base, "/Users/", id].iter().for_each(|part| text.push_str(part)),
            "type" => text.push_str("User"),
            _ => text.push_str(id),
        });
    }

    fn write_group(&self, text: &mut String, group: &GroupRef) {
        self.write_object(text, |text, name| match name {
            "$ref" => [&self.base, "/Groups/", group.id.as_str()].iter().for_each(|part| text.push_str(part)),
            "type" => text.push_str("direct"),
            "display" => text.push_str(&escape_json(&group.display)),
            _ => text.push_str(group.id.as_str()),
        });
    }

    fn write_object(&self, text: &mut String, value: impl Fn(&mut String, &str)) {
        text.push('{');
        for (at, name) in self.names.iter().enumerate() {
            text.push_str(if at > 0 { ",\"" } else { "\"" });
            text.push_str(name);
            text.push_str("\":\"");
            value(text, name);
            text.push('"');
        }
        text.push('}');
    }
}

/// Returns false once a group is gone while its members are written; another group may have its key by then.
fn is_group(sql: &dyn Sql, key: i64, id: &str) -> Result<bool> {
    let group = GroupId::parse(id).map_or(Ok(None), |id| groups::by_id(sql, &id))?;
    Ok(group.is_some_and(|group| group.key == key))
}

/// Returns false once a user is gone whose groups are written, as [`is_group`] does.
fn is_user(sql: &dyn Sql, key: i64, id: &str) -> Result<bool> {
    let user = UserId::parse(id).map_or(Ok(None), |id| users::by_id(sql, &id))?;
    Ok(user.is_some_and(|user| user.key == key))
}

/// Returns a text as it stands between the quotes of JSON.
pub(super) fn escape_json(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default().to_owned()
}
