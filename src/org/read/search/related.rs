//! The groups of users and the members of groups that a page needs.

use crate::directory::reply::{GroupRef, Stored, UnreadEntries};
use crate::error::Result;
use crate::org::read::related::{HELD, in_order, with_members};
use crate::scim::schema::Kinds;
use crate::store::search::ResourceRow;
use crate::store::{Sql, members};

/// The users that are read at once; a group is read alone, with its members.
const USERS_AT_ONCE: usize = 50;
/// The groups of users that are read at once: more than two users may have whose groups are shown.
const GROUPS_AT_ONCE: usize = 2 * HELD + 1;
/// The bytes of a group of a user and a member of a group in a page, besides ids, names and the base URL.
const ONE_BYTES: usize = 60;

/// A resource of a page.
pub(super) struct Complete {
    pub(super) stored: Stored,
    /// True for a user with more groups than a list shows: here it has none.
    pub(super) left_out: bool,
}

/// Returns the first of these records with their groups or members: at least one, and no more than can be held.
pub(super) fn complete(sql: &dyn Sql, kinds: Kinds, records: Vec<ResourceRow>, shown: bool) -> Result<Vec<Complete>> {
    let kept = |stored| Complete { stored, left_out: false };
    match kinds {
        Kinds::Users => users(sql, records),
        Kinds::Groups if shown => {
            let first = records.into_iter().take(1);
            first.map(|record| with_members(sql, record.key, record.stored).map(kept)).collect()
        }
        Kinds::Groups => Ok(records.into_iter().map(|record| kept(record.stored)).collect()),
    }
}

fn users(sql: &dyn Sql, records: Vec<ResourceRow>) -> Result<Vec<Complete>> {
    let keys: Vec<i64> = records.iter().map(|record| record.key).collect();
    let found = members::groups_of_users(sql, &keys, GROUPS_AT_ONCE as i64)?;
    // The last user may have more groups than were read.
    let last = found.last().filter(|_| found.len() == GROUPS_AT_ONCE).map(|(key, _)| *key);
    let mut found = found.into_iter().peekable();
    let mut complete = Vec::with_capacity(records.len());
    for record in records {
        let mut groups: Vec<GroupRef> = Vec::new();
        while let Some((_, group)) = found.next_if(|(key, _)| *key == record.key) {
            groups.push(group);
        }
        // A user in very many groups is listed without them; the answer says so.
        let left_out = groups.len() > HELD;
        if last == Some(record.key) && !left_out {
            break;
        }
        let groups = if left_out { Vec::new() } else { in_order(groups) };
        complete.push(Complete { stored: Stored { groups, ..record.stored }, left_out });
        if last == Some(record.key) {
            break;
        }
    }
    Ok(complete)
}

/// Returns the bytes of a resource in a page, counted up to `most` if its members are not all held: the others are
/// taken to be as long as the held ones.
pub(super) fn size(sql: &dyn Sql, stored: &Stored, base: &str, most: usize) -> Result<usize> {
    let one = |id: &str| ONE_BYTES + base.len() + 2 * id.len();
    let groups: usize = stored.groups.iter().map(|group| one(group.id.as_str()) + group.display.len()).sum();
    let held = stored.members.as_deref().unwrap_or_default();
    let mut members: usize = held.iter().map(|id| one(id)).sum();
    if let Some(UnreadEntries::Members { group, after, .. }) = &stored.rest {
        let each = members / held.len().max(1);
        let more = members::count_members(sql, *group, *after, (most / each.max(1)) as i64 + 1)?;
        members += each * usize::try_from(more).unwrap_or(0);
    }
    Ok(stored.doc.get().len() + groups + members)
}

pub(super) fn at_once(kinds: Kinds) -> usize {
    match kinds {
        Kinds::Users => USERS_AT_ONCE,
        Kinds::Groups => 1,
    }
}

/// Returns the attribute that shows the related resources.
pub(super) fn name_of(kinds: Kinds) -> &'static str {
    if kinds == Kinds::Users { "groups" } else { "members" }
}
