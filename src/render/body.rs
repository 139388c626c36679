//! The text of an answer in pieces, so that no answer is held whole. Parts that are too large for memory are read from
//! the storage when their turn comes.

use crate::directory::reply::{GroupRef, Rest};
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
pub struct Body {
    parts: VecDeque<Part>,
    /// The piece that is being written.
    open: String,
    /// The number of groups and members that were read for it.
    read: usize,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Rest(Rest, Shape),
}

/// The form of a group's members or a user's groups in an answer: the sub-attributes in their order, and the escaped
/// beginning of addresses.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) names: Vec<String>,
    pub(super) base: String,
}

impl Body {
    pub(super) fn put(&mut self, text: &str) {
        if self.open.len() + text.len() > PIECE {
            self.close();
        }
        self.open.push_str(text);
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.parts.push_back(Part::Text(std::mem::take(&mut self.open)));
        }
    }

    /// Writes an array of these members and of those that follow in `rest`.
    pub(super) fn members(&mut self, ids: &[String], rest: Option<Rest>, shape: Shape) {
        self.list(ids.iter(), rest, shape, |text, id, shape| shape.member(text, id));
    }

    /// Writes an array of these groups and of those that follow in `rest`.
    pub(super) fn groups(&mut self, groups: &[GroupRef], rest: Option<Rest>, shape: Shape) {
        self.list(groups.iter(), rest, shape, |text, group, shape| shape.group(text, group));
    }

    fn list<T>(
        &mut self,
        held: impl Iterator<Item = T>,
        rest: Option<Rest>,
        shape: Shape,
        write: impl Fn(&mut String, T, &Shape),
    ) {
        self.open.push('[');
        for (at, one) in held.enumerate() {
            if at > 0 {
                self.open.push(',');
            }
            if self.open.len() > PIECE {
                self.close();
            }
            write(&mut self.open, one, &shape);
        }
        if let Some(rest) = rest {
            self.close();
            self.parts.push_back(Part::Rest(rest, shape));
        }
        self.open.push(']');
    }

    /// Returns the next piece; `None` at the end.
    ///
    /// # Errors
    /// Internal only.
    pub fn next(&mut self, sql: &dyn Sql) -> Result<Option<String>> {
        self.close();
        loop {
            match self.parts.pop_front() {
                None => return Ok(None),
                Some(Part::Text(text)) => return Ok(Some(text)),
                Some(Part::Rest(rest, shape)) => {
                    let (text, count, rest) = shape.read(sql, rest)?;
                    self.read += count;
                    if let Some(rest) = rest {
                        self.parts.push_front(Part::Rest(rest, shape));
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
    pub fn read(&self) -> usize {
        self.read
    }

    /// Returns the whole text of a body that needs no further reading.
    ///
    /// # Errors
    /// Internal, if a part of it is still to be read from the storage.
    pub fn into_text(mut self) -> Result<String> {
        self.close();
        let mut whole = String::new();
        for part in self.parts {
            match part {
                Part::Text(text) if whole.is_empty() => whole = text,
                Part::Text(text) => whole.push_str(&text),
                Part::Rest(..) => return Err(Error::internal("an answer that is not there whole")),
            }
        }
        Ok(whole)
    }
}

impl Shape {
    /// Reads the next piece of `rest`, with a comma before each entry. Returns it, the number of its entries, and the
    /// new rest; at the end all three are empty.
    fn read(&self, sql: &dyn Sql, rest: Rest) -> Result<(String, usize, Option<Rest>)> {
        let mut text = String::new();
        match rest {
            Rest::Members { group, id, after } => {
                if !is_group(sql, group, &id)? {
                    return Ok((text, 0, None));
                }
                let (ids, last) = members::ids(sql, group, after, members::IDS_PIECE)?;
                for id in &ids {
                    text.push(',');
                    self.member(&mut text, id);
                }
                Ok((text, ids.len(), last.map(|after| Rest::Members { group, id, after })))
            }
            Rest::Groups { user, id, after, tag } => {
                if !is_user(sql, user, &id)? {
                    return Ok((text, 0, None));
                }
                let groups = members::groups(sql, user, after, members::GROUPS_PIECE)?;
                for (_, group) in &groups {
                    text.push(',');
                    self.group(&mut text, group);
                }
                let last = groups.last().map(|(key, _)| *key);
                Ok((text, groups.len(), last.map(|after| Rest::Groups { user, id, after, tag })))
            }
        }
    }

    /// Writes one member. Ids need no escape in JSON.
    fn member(&self, text: &mut String, id: &str) {
        self.object(text, |text, name| match name {
            "$ref" => [&self.base, "/Users/", id].iter().for_each(|part| text.push_str(part)),
            "type" => text.push_str("User"),
            _ => text.push_str(id),
        });
    }

    fn group(&self, text: &mut String, group: &GroupRef) {
        self.object(text, |text, name| match name {
            "$ref" => [&self.base, "/Groups/", group.id.as_str()].iter().for_each(|part| text.push_str(part)),
            "type" => text.push_str("direct"),
            "display" => text.push_str(&escaped(&group.display)),
            _ => text.push_str(group.id.as_str()),
        });
    }

    fn object(&self, text: &mut String, value: impl Fn(&mut String, &str)) {
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
pub(super) fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default().to_owned()
}
