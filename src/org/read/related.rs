//! The related resources that are not in a row: a user's groups, a group's members. The first [`HELD`] are held in
//! memory; the others are read in pieces where they are needed, so that no resource is too large for memory.

use crate::budget::Budget;
use crate::directory::reply::{Answer, GroupRef, Stored, UnreadEntries};
use crate::directory::view::GroupsTag;
use crate::error::Result;
use crate::org::cost;
use crate::store::Sql;
use crate::store::members::{self, BEFORE_ALL};

/// The groups of a user and the members of a group that are held.
pub(crate) const HELD: usize = 1000;

/// Adds a group's members to the resource.
pub(crate) fn with_members(sql: &dyn Sql, key: i64, stored: Stored) -> Result<Stored> {
    let (ids, last) = members::member_ids(sql, key, BEFORE_ALL, HELD as i64)?;
    let rest = last.filter(|_| ids.len() >= HELD).map(|after| UnreadEntries::Members {
        group: key,
        id: stored.id.clone(),
        after,
    });
    Ok(Stored { members: Some(ids), rest, ..stored })
}

/// Adds a user's groups to the resource. Up to [`HELD`] they are in the order of their ids, more in the order of their
/// keys. Those that are read for the entity tag alone are charged here, the others with the answer.
pub(crate) fn with_groups(sql: &dyn Sql, key: i64, stored: Stored, budget: &Budget) -> Result<Stored> {
    let mut found = members::groups_of_user(sql, key, BEFORE_ALL, HELD as i64 + 1)?;
    if found.len() <= HELD {
        let groups = in_order(found.into_iter().map(|(_, group)| group).collect());
        return Ok(Stored { groups, ..stored });
    }
    found.truncate(HELD);
    let after = found.last().map_or(BEFORE_ALL, |(key, _)| *key);
    let groups: Vec<GroupRef> = found.into_iter().map(|(_, group)| group).collect();
    let mut tag = GroupsTag::default();
    groups.iter().for_each(|group| tag.add_group(group));
    let mut read = 0;
    // The entity tag depends on all groups, so the others are read once without being held.
    each_group(sql, key, after, &mut |group| {
        tag.add_group(&group);
        read += 1;
    })?;
    budget.charge(cost::naming_units(read));
    let rest = Some(UnreadEntries::Groups { user: key, id: stored.id.clone(), after, tag: tag.finish() });
    Ok(Stored { groups, rest, ..stored })
}

/// Sorts groups as they are shown.
pub(crate) fn in_order(mut groups: Vec<GroupRef>) -> Vec<GroupRef> {
    groups.sort_by(|a, b| a.id.cmp(&b.id));
    groups
}

fn each_group(sql: &dyn Sql, user: i64, mut after: i64, take: &mut dyn FnMut(GroupRef)) -> Result<()> {
    loop {
        let piece = members::groups_of_user(sql, user, after, members::GROUPS_PIECE)?;
        let Some((last, _)) = piece.last() else { return Ok(()) };
        after = *last;
        piece.into_iter().for_each(|(_, group)| take(group));
    }
}

/// Reads the rest of an answer, for an edge that writes it itself.
///
/// # Errors
/// Internal only.
pub fn gather(sql: &dyn Sql, answer: &mut Answer) -> Result<()> {
    match answer {
        Answer::Created(stored) | Answer::Resource(stored) => gather_one(sql, stored),
        Answer::List { resources, .. } => resources.iter_mut().try_for_each(|stored| gather_one(sql, stored)),
        _ => Ok(()),
    }
}

fn gather_one(sql: &dyn Sql, stored: &mut Stored) -> Result<()> {
    match stored.rest.take() {
        None => Ok(()),
        Some(UnreadEntries::Groups { user, after, .. }) => {
            each_group(sql, user, after, &mut |group| stored.groups.push(group))
        }
        Some(UnreadEntries::Members { group, mut after, .. }) => loop {
            let (ids, last) = members::member_ids(sql, group, after, members::IDS_PIECE)?;
            let Some(last) = last else { return Ok(()) };
            after = last;
            stored.members.get_or_insert_default().extend(ids);
        },
    }
}

/// Removes the groups or members that are not held; returns true if there were any.
pub(crate) fn cut(answer: &mut Answer) -> bool {
    match answer {
        Answer::Created(stored) | Answer::Resource(stored) => stored.rest.take().is_some(),
        Answer::List { resources, .. } => resources.iter_mut().filter_map(|stored| stored.rest.take()).count() > 0,
        _ => false,
    }
}
