//! The job that removes the memberships of a deleted resource with more of them than one request changes. The user or
//! group is gone for every read since its deletion, and the totals no longer count its memberships. Only its row and
//! theirs are left, which this job removes in steps.
//!
//! A group loses its memberships without further changes: its `deleted` change tells of them. A user leaves groups that
//! stay, and their versions rise; each step names them in a change of that user.

use crate::error::Result;
use crate::id::Timestamp;
use crate::org::memory::Memory;
use crate::store::{Sql, changes, groups, memberships, users};

/// The job's row in `due`.
pub(crate) const CLEAR: &str = "clear-members";
/// The members of a group that one step removes: two rows each.
const MEMBERS_A_STEP: i64 = 10_000;
/// The groups that a user leaves in one step: three rows each, and an id in the change.
const GROUPS_A_STEP: i64 = 5_000;
/// The time that it waits for an import that is being written, in milliseconds.
const IMPORT_PAUSE: i64 = 60_000;

/// Takes one step. Returns when the next one is due, `None` if nothing is left.
///
/// # Errors
/// Internal only.
pub(crate) fn step(sql: &dyn Sql, memory: &mut Memory, now: Timestamp) -> Result<Option<Timestamp>> {
    if memory.importing.is_some() {
        return Ok(Some(now.plus(IMPORT_PAUSE)));
    }
    // Groups come first: a user then has no membership left in a gone group.
    if let Some(group) = memberships::gone_group(sql)? {
        if !memberships::clear_group(sql, group.key, MEMBERS_A_STEP)? {
            groups::delete_group(sql, group.key)?;
        }
        return Ok(Some(now));
    }
    let Some(user) = memberships::gone_user(sql)? else { return Ok(None) };
    let left = memberships::some_groups(sql, user.key, GROUPS_A_STEP)?;
    if left.is_empty() {
        users::delete_user(sql, user.key)?;
    } else {
        let head = changes::read_head(sql)?;
        let at = now.max(head.at);
        memberships::leave_groups(sql, user.key, &left, at)?;
        memberships::append_left(sql, &head, at, &user, &left)?;
    }
    Ok(Some(now))
}
