//! The whole directory as lines of JSON, a piece at a time. Between two pieces other requests run and only a position
//! is held, so a line shows its resource as it was when the line was read. The changes since the beginning follow, and
//! the last of them are read together with the last line. Applying the lines in order gives exactly the directory of
//! that moment.

use super::spelled;
use crate::directory::console::{SnapshotCounts, SnapshotLine};
use crate::directory::reply::Answer;
use crate::error::{Code, Error, Result};
use crate::id::Seq;
use crate::scim::json;
use crate::scim::schema::Types;
use crate::store::changes::Totals;
use crate::store::{Sql, changes, feed, snapshot as store};

/// The work of one piece: memberships and tombstones count once, all else [`HEAVY`] times.
pub const WORK: i64 = 7000;
/// A membership or a tombstone is an id, a user or group a document.
const HEAVY: i64 = 7;
/// The documents that are read at once: one has 256 KiB at most.
const DOCUMENTS: i64 = 8;
/// The ids that are read at once, and the most in one line.
const IDS: i64 = 1000;
/// The bytes of a piece; a longer line is a piece of its own.
const BYTES: usize = 768 * 1024;
/// The pieces of changes after which the next ones may be twice as large, three times in a row: a busy writer is
/// overtaken.
const PATIENCE: u32 = 4;

/// The position of a snapshot.
struct Position {
    /// The position of the sequence when it began.
    from: Seq,
    /// The number of lines so far.
    lines: i64,
    phase: u8,
    /// The number of pieces that began with changes.
    late: u32,
    /// The last place that the phase has read.
    place: String,
}

const USERS: u8 = 0;
const GROUPS: u8 = 1;
const MEMBERS: u8 = 2;
const TOMBSTONES: u8 = 3;
const CHANGES: u8 = 4;
const DONE: u8 = 5;

impl Position {
    /// Reads a position. An id may hold a dot, so it stands last.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(5, '.');
        let (from, lines) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let (phase, late) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self { from, lines, phase, late, place: parts.next()?.to_owned() })
    }

    fn write(&self) -> String {
        format!("{}.{}.{}.{}.{}", self.from, self.lines, self.phase, self.late, self.place)
    }

    /// Returns the place as a number; `start` before the phase has read anything.
    fn number(&self, start: i64) -> Result<i64> {
        if self.place.is_empty() { Ok(start) } else { self.place.parse().map_err(Error::internal) }
    }

    fn turn(&mut self, phase: u8) {
        self.phase = phase;
        self.place.clear();
    }
}

/// A piece that is being written.
struct Piece {
    position: Position,
    text: String,
    /// The rest of [`WORK`]; 0 once a line did not fit.
    left: i64,
    /// The most bytes of it.
    bytes: usize,
}

/// Returns the piece after a position; the first one without. `work` bounds what it reads, [`WORK`] in the service.
///
/// # Errors
/// 410 if changes that are still to come were forgotten meanwhile: then the snapshot cannot be completed.
pub fn piece(sql: &dyn Sql, types: &Types, position: Option<&str>, work: i64) -> Result<Answer> {
    let mut position = match position {
        None => Position { from: changes::read_head(sql)?.seq, lines: 0, phase: USERS, late: 0, place: String::new() },
        Some(text) => Position::parse(text).ok_or_else(|| Error::internal("an invalid position"))?,
    };
    // If changes are made faster than they are read, the pieces grow until the reader has caught up.
    let more = (position.late / PATIENCE).min(3);
    position.late += u32::from(position.phase == CHANGES);
    let mut piece = Piece { position, text: String::new(), left: work << more, bytes: BYTES << more };
    // The first line says from which change on the later ones follow.
    if piece.position.lines == 0 {
        let from = SnapshotLine::From(piece.position.from);
        piece.write(&from.text()?);
    }
    while piece.left > 0 {
        match piece.position.phase {
            USERS => piece.users(sql, types)?,
            GROUPS => piece.groups(sql, types)?,
            MEMBERS => piece.members(sql)?,
            TOMBSTONES => piece.tombstones(sql)?,
            CHANGES => piece.changes(sql, types)?,
            _ => break,
        }
    }
    let next = (piece.position.phase != DONE).then(|| piece.position.write());
    Ok(Answer::Piece { lines: piece.text, next })
}

impl Piece {
    fn write(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
        self.position.lines += 1;
    }

    /// Returns false if the line does not fit any more: then the piece is full.
    fn fits(&mut self, line: &str, work: i64) -> bool {
        let fits = self.text.is_empty() || self.text.len() + line.len() < self.bytes;
        if fits {
            self.write(line);
            self.left -= work;
        } else {
            self.left = 0;
        }
        fits
    }

    fn users(&mut self, sql: &dyn Sql, types: &Types) -> Result<()> {
        let users = store::users_page(sql, self.position.number(0)?, DOCUMENTS)?;
        self.documents(&users, types, GROUPS)
    }

    fn groups(&mut self, sql: &dyn Sql, types: &Types) -> Result<()> {
        let groups = store::groups_page(sql, self.position.number(0)?, DOCUMENTS)?;
        self.documents(&groups, types, MEMBERS)
    }

    fn documents(&mut self, documents: &[(i64, String)], types: &Types, next: u8) -> Result<()> {
        for (key, line) in documents {
            if !self.fits(&spelled::line(types, line)?, HEAVY) {
                return Ok(());
            }
            self.position.place = key.to_string();
        }
        self.read(documents.len() as i64, DOCUMENTS, next);
        Ok(())
    }

    fn members(&mut self, sql: &dyn Sql) -> Result<()> {
        let (group, user) = self.position.place.split_once(' ').unwrap_or((FIRST_GROUP, "0"));
        let last = (group.parse().map_err(Error::internal)?, user.parse().map_err(Error::internal)?);
        let mut read = 0;
        for crew in store::memberships_page(sql, last, IDS)? {
            if crew.line.is_some_and(|line| !self.fits(&line, crew.count)) {
                return Ok(());
            }
            self.position.place = format!("{} {}", crew.last.0, crew.last.1);
            read += crew.count;
        }
        self.read(read, IDS, TOMBSTONES);
        Ok(())
    }

    fn tombstones(&mut self, sql: &dyn Sql) -> Result<()> {
        let tombstones = store::tombstones_page(sql, &self.position.place, IDS)?;
        let read = tombstones.len() as i64;
        for (id, line) in tombstones {
            if !self.fits(&line, 1) {
                return Ok(());
            }
            self.position.place = id;
        }
        self.read(read, IDS, CHANGES);
        Ok(())
    }

    /// Notes that so much was read and written; less than was wanted ends the phase.
    fn read(&mut self, count: i64, wanted: i64, next: u8) {
        self.left -= 1;
        if count < wanted {
            self.position.turn(next);
        }
    }

    /// Writes the changes since the beginning. Once all are read the last line follows in the same step, so that no
    /// change comes between.
    fn changes(&mut self, sql: &dyn Sql, types: &Types) -> Result<()> {
        let (after, head) = (self.position.number(self.position.from)?, changes::read_head(sql)?);
        if after < head.seq && changes::oldest_seq(sql)?.is_some_and(|oldest| after + 1 < oldest) {
            let detail = "The snapshot took longer than changes are kept. Take another one.";
            return Err(Error::new(Code::SnapshotOutdated, detail));
        }
        let mut last = after;
        feed::read_changes(sql, after, self.left / HEAVY + 1, &mut |change| {
            if change.memberships.is_some() {
                // No line would tell of the members that were shown before, or only changes after the last one.
                let detail =
                    "A user or group with more than 100,000 memberships was deleted meanwhile. Take another snapshot.";
                return Err(Error::new(Code::SnapshotOutdated, detail));
            }
            if change.kind == "imported" {
                let detail = "The directory was replaced by an import meanwhile. Take another snapshot.";
                return Err(Error::new(Code::SnapshotOutdated, detail));
            }
            let text = spelled::change(types, &change.text)?;
            let fits = self.fits(&SnapshotLine::Change(json::read_own(&text)?).text()?, HEAVY);
            if fits {
                last = change.seq;
            }
            Ok(fits)
        })?;
        self.position.place = last.to_string();
        if last == head.seq {
            let Totals { users, active_users, groups, memberships } = head.totals;
            let tombstones = store::count_tombstones(sql)?;
            let counts = SnapshotCounts { users, active_users, groups, memberships, tombstones };
            self.write(&SnapshotLine::End { at: last, counts, lines: self.position.lines }.text()?);
            self.position.turn(DONE);
        }
        Ok(())
    }
}

/// A key below every group's.
const FIRST_GROUP: &str = "-9007199254740991";
