//! The whole directory as lines of JSON, a piece at a time. Between two pieces other requests run and nothing is held but
//! a position, so what a line shows is as it was when it was read. The changes since the beginning follow, and the last of
//! them are read together with the last line: who applies the lines in order has the directory as it is then.

use super::{groups, state};
use crate::directory::reply::Answer;
use crate::error::{Error, Kind, Result};
use crate::id::Seq;
use crate::store::{Sql, changes, feed, groups as group_rows, members, settings, users};
use serde_json::json;

/// How much one piece reads: memberships and tombstones count once, all else [`HEAVY`] times.
pub const WORK: i64 = 7000;
/// A membership or a tombstone is an id, a user or group a document.
const HEAVY: i64 = 7;
/// How many documents are read at once.
const AT_ONCE: i64 = 25;
/// Where a piece ends early, in bytes.
const PIECE_BYTES: usize = 768 * 1024;

/// Where a snapshot has come to.
struct Position {
    /// The sequence when it began.
    from: Seq,
    /// How many lines there were.
    lines: i64,
    phase: u8,
    /// What the phase has read last.
    place: String,
}

const USERS: u8 = 0;
const GROUPS: u8 = 1;
const MEMBERS: u8 = 2;
const TOMBSTONES: u8 = 3;
const CHANGES: u8 = 4;
const DONE: u8 = 5;

impl Position {
    /// An id may hold a dot, so it stands last.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, '.');
        let (from, lines) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self { from, lines, phase: parts.next()?.parse().ok()?, place: parts.next()?.to_owned() })
    }

    fn write(&self) -> String {
        format!("{}.{}.{}.{}", self.from, self.lines, self.phase, self.place)
    }

    /// The place as a number; `start` before the phase has read anything.
    fn number(&self, start: i64) -> Result<i64> {
        if self.place.is_empty() { Ok(start) } else { self.place.parse().map_err(Error::internal) }
    }

    fn turn(&mut self, phase: u8) {
        self.phase = phase;
        self.place.clear();
    }
}

/// A piece in the making.
struct Piece {
    position: Position,
    text: String,
    /// What is left of [`WORK`].
    left: i64,
}

/// The piece after a position; the first one without. `work` is how much it may read, [`WORK`] in the service.
///
/// # Errors
/// 410 if changes that are still to come were forgotten meanwhile: then there is no end to reach.
pub fn piece(sql: &dyn Sql, position: Option<&str>, work: i64) -> Result<Answer> {
    let position = match position {
        None => Position { from: changes::head(sql)?.seq, lines: 0, phase: USERS, place: String::new() },
        Some(text) => Position::parse(text).ok_or_else(|| Error::internal("a position that is none"))?,
    };
    let mut piece = Piece { position, text: String::new(), left: work };
    if piece.position.lines == 0 {
        let from = piece.position.from;
        piece.line(&format!(r#"{{"from":{from}}}"#));
    }
    while piece.left > 0 && piece.text.len() < PIECE_BYTES {
        match piece.position.phase {
            USERS => piece.users(sql)?,
            GROUPS => piece.groups(sql)?,
            MEMBERS => piece.members(sql)?,
            TOMBSTONES => piece.tombstones(sql)?,
            CHANGES => piece.changes(sql)?,
            _ => break,
        }
    }
    let next = (piece.position.phase != DONE).then(|| piece.position.write());
    Ok(Answer::Piece { lines: piece.text, next })
}

impl Piece {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
        self.position.lines += 1;
    }

    /// How many documents may be read at once.
    fn documents(&self) -> i64 {
        (self.left / HEAVY + 1).min(AT_ONCE)
    }

    fn users(&mut self, sql: &dyn Sql) -> Result<()> {
        let wanted = self.documents();
        let users = users::after(sql, self.position.number(0)?, wanted)?;
        for user in &users {
            self.line(&json!({ "user": state::show_user(user)? }).to_string());
            self.position.place = user.key.to_string();
        }
        self.read(users.len() as i64, HEAVY, wanted, GROUPS);
        Ok(())
    }

    fn groups(&mut self, sql: &dyn Sql) -> Result<()> {
        let wanted = self.documents();
        let groups = group_rows::below(sql, self.position.number(0)?, wanted)?;
        for group in &groups {
            self.line(&json!({ "group": groups::show(group)? }).to_string());
            self.position.place = group.key.to_string();
        }
        self.read(groups.len() as i64, HEAVY, wanted, MEMBERS);
        Ok(())
    }

    fn members(&mut self, sql: &dyn Sql) -> Result<()> {
        let (group, user) = self.position.place.split_once(' ').unwrap_or((FIRST_GROUP, "0"));
        let wanted = self.left;
        let crews = members::after(
            sql,
            group.parse().map_err(Error::internal)?,
            user.parse().map_err(Error::internal)?,
            wanted,
        )?;
        for crew in &crews {
            self.line(&format!(r#"{{"members":{{"id":"{}","users":{}}}}}"#, crew.group, crew.users));
            self.position.place = format!("{} {}", crew.group_key, crew.user_key);
        }
        self.read(crews.iter().map(|crew| crew.count).sum(), 1, wanted, TOMBSTONES);
        Ok(())
    }

    fn tombstones(&mut self, sql: &dyn Sql) -> Result<()> {
        let wanted = self.left;
        let buried = settings::buried(sql, &self.position.place, wanted)?;
        for (id, kind) in &buried {
            self.line(&format!(r#"{{"tombstone":{{"id":"{id}","resourceType":"{kind}"}}}}"#));
        }
        let read = buried.len() as i64;
        if let Some((id, _)) = buried.into_iter().last() {
            self.position.place = id;
        }
        self.read(read, 1, wanted, CHANGES);
        Ok(())
    }

    /// The changes since the beginning. Once all are read the last line follows in the same step, so nothing can come
    /// between.
    fn changes(&mut self, sql: &dyn Sql) -> Result<()> {
        let (after, head) = (self.position.number(self.position.from)?, changes::head(sql)?);
        if after < head.seq && changes::oldest(sql)?.is_some_and(|oldest| after + 1 < oldest) {
            let detail = "The snapshot took longer than changes are kept. Take another one.";
            return Err(Error::new(Kind::Gone, detail));
        }
        let mut last = after;
        feed::read(sql, after, self.left / HEAVY + 1, &mut |seq, kind, change| {
            if kind == "imported" {
                return Err(Error::new(
                    Kind::Gone,
                    "The directory was replaced by an import meanwhile. Take another snapshot.",
                ));
            }
            self.line(&format!(r#"{{"change":{change}}}"#));
            self.left -= HEAVY;
            last = seq;
            Ok(self.text.len() < PIECE_BYTES)
        })?;
        self.position.place = last.to_string();
        if last == head.seq {
            let mut counts = serde_json::to_value(head.totals).map_err(Error::internal)?;
            if let Some(map) = counts.as_object_mut() {
                map.insert("tombstones".to_owned(), settings::count_buried(sql)?.into());
            }
            let lines = self.position.lines;
            self.line(&format!(r#"{{"at":{last},"counts":{counts},"lines":{lines}}}"#));
            self.position.turn(DONE);
        }
        Ok(())
    }

    /// So much was read; less than wanted ends the phase.
    fn read(&mut self, count: i64, weight: i64, wanted: i64, next: u8) {
        self.left -= count * weight + 1;
        if count < wanted {
            self.position.turn(next);
        }
    }
}

/// Below every group's key.
const FIRST_GROUP: &str = "-9007199254740991";
