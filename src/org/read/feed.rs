//! The change feed: a page after a position, or a wait for the next change. A waiting request holds no transaction and
//! no thread: the object wakes it after a commit.

use super::spelled;
use crate::directory::call::{Actor, Ask, Call};
use crate::directory::console::Changes;
use crate::directory::query::Query;
use crate::directory::reply::Answer;
use crate::error::{Code, Error, Result};
use crate::id::{Seq, Timestamp};
use crate::scim::json;
use crate::scim::schema::Types;
use crate::store::{Sql, changes, feed};
use serde_json::value::RawValue;

/// The bytes after which a page ends early.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// A reader of the feed for whom there is no change yet.
pub struct Waiting {
    /// Its position.
    pub after: Seq,
    /// The time at which it is answered in any case.
    pub until: Timestamp,
    pub(crate) call: Call,
}

/// The most readers that wait at an object, and the most of them with one token.
const WAITERS_MAX: usize = 100;
const WAITERS_A_TOKEN: usize = 10;

impl Waiting {
    /// Returns the caller.
    pub fn actor(&self) -> &Actor {
        &self.call.actor
    }
}

/// Returns true if one more reader may wait beside those that do. One token leaves room for others; the root key may
/// take all.
pub fn may_wait<'a>(waiting: impl Iterator<Item = &'a Actor>, actor: &Actor) -> bool {
    let (all, own) = waiting.fold((0, 0), |(all, own), other| (all + 1, own + usize::from(other == actor)));
    all < WAITERS_MAX && (own < WAITERS_A_TOKEN || *actor == Actor::Root)
}

/// Returns the time until which a call may wait.
pub(crate) fn until(call: &Call, now: Timestamp) -> Timestamp {
    match &call.ask {
        Ask::Read(Query::Changes { wait, .. }) => now.plus(wait * 1000),
        _ => now,
    }
}

/// Returns a page of the feed, and whether it is empty.
///
/// # Errors
/// 410 for a position from which changes are no longer kept, 400 for one in the future.
pub(crate) fn page(sql: &dyn Sql, types: &Types, after: Seq, limit: i64) -> Result<(Answer, bool)> {
    let head = changes::read_head(sql)?;
    if after > head.seq {
        let detail = format!(
            "after={after} is beyond the last change, {}. If an older copy was restored, take a snapshot and go \
             on after it.",
            head.seq
        );
        return Err(Error::new(Code::PositionAhead, detail));
    }
    if changes::oldest_seq(sql)?.is_some_and(|oldest| after + 1 < oldest) {
        let detail = format!("The changes after {after} are no longer kept. Take a snapshot and go on after it.");
        return Err(Error::new(Code::ChangesPruned, detail));
    }
    let (shown, last) = shown(sql, types, after, (limit, PAGE_BYTES))?;
    let answer = Answer::console_answer(&Changes { changes: &shown, next: last })?;
    Ok((answer, last == after))
}

/// Returns the changes after a position as a JSON array, and the position of the last one: `bytes` of them, or the first one alone
/// if that is longer.
///
/// # Errors
/// Internal only.
pub(crate) fn shown(
    sql: &dyn Sql,
    types: &Types,
    after: Seq,
    (limit, bytes): (i64, usize),
) -> Result<(Box<RawValue>, Seq)> {
    let (mut shown, mut last) = ("[".to_owned(), after);
    feed::read_changes(sql, after, limit, &mut |change| {
        let text = spelled::change(types, &change.text)?;
        if last > after {
            if shown.len() + text.len() > bytes {
                return Ok(false);
            }
            shown.push(',');
        }
        shown.push_str(&text);
        last = change.seq;
        Ok(true)
    })?;
    shown.push(']');
    Ok((json::raw_of_text(shown)?, last))
}

/// Returns the position of the last change: requests that wait before it are to be woken.
///
/// # Errors
/// Internal only.
pub fn position(sql: &dyn Sql) -> Result<Seq> {
    Ok(changes::read_head(sql)?.seq)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Dialect;
    use crate::id::TokenHash;

    #[test]
    fn one_token_leaves_room_for_others() {
        let token = |number| Actor::Token { hash: TokenHash([number; 32]), dialect: Dialect::Auto };
        // The number of readers that wait with token 1, with others and with the root key; whether token 1, token 2 and
        // the root key may wait too.
        for (own, others, root, expected) in [
            (0, 0, 0, [true, true, true]),
            (9, 0, 0, [true, true, true]),
            (10, 0, 0, [false, true, true]),
            (10, 8, 81, [false, true, true]),
            (10, 9, 81, [false, false, false]),
            (0, 0, 99, [true, true, true]),
            (0, 0, 100, [false, false, false]),
        ] {
            let waiting: Vec<Actor> = (0..own)
                .map(|_| token(1))
                .chain((0..others).map(|number| token(100 + number)))
                .chain((0..root).map(|_| Actor::Root))
                .collect();
            let found = [token(1), token(2), Actor::Root].map(|actor| may_wait(waiting.iter(), &actor));
            assert_eq!(found, expected, "{own} {others} {root}");
        }
    }
}
