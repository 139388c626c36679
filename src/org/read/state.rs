//! The directory as the Console reads it: pages of users, groups and members in the order of an index, single
//! resources, and entity tags for all of them. A page reads about as many rows as it shows; one with a filter is a scan
//! in steps.

use super::page::{show_group, show_user, tagged};
use super::related;
use super::search::Searched;
use super::search::scan::Scan;
use crate::budget::Budget;
use crate::directory::console::{GroupMember, GroupMembers, UserGroup};
use crate::directory::query::{Page, Query};
use crate::directory::reply::{Answer, Stored};
use crate::directory::view;
use crate::error::{Code, Error, Result, quoted};
use crate::id::{GroupId, UserId, parse_number};
use crate::org::provision::{document, groups};
use crate::scim::etag::Tags;
use crate::scim::filter::{self, Filter, Forms, Target};
use crate::scim::schema::{Kinds, ResourceType, Types};
use crate::store::{Sql, changes, groups as group_rows, members, users as user_rows};
use serde_json::value::RawValue;

/// Begins to answer a query; `None` for a query of another kind. `known` are the tags that the client has.
pub(crate) fn begin(
    sql: &dyn Sql,
    types: &Types,
    query: &Query,
    known: Option<&Tags>,
    base: &str,
    budget: &Budget,
) -> Option<Result<Searched>> {
    let at_once = |answer: Result<Answer>| Some(answer.map(Searched::At));
    match query {
        Query::Users(page) => Some(list(sql, types, Kinds::Users, page, known, base)),
        Query::Groups(page) => Some(list(sql, types, Kinds::Groups, page, known, base)),
        Query::User { id } => at_once(user(sql, &types.user, id, known, budget)),
        Query::Group { id } => at_once(group(sql, &types.group, id, known)),
        Query::Members { id, after, limit } => at_once(crew(sql, types, id, after.as_deref(), *limit, known)),
        _ => None,
    }
}

/// Returns the tag of a list: its content changes with the sequence, and the meaning of a filter with the schemas.
fn tag(sql: &dyn Sql, types: &Types) -> Result<String> {
    let head = changes::read_head(sql)?;
    Ok(format!("W/\"{}-{}-{}\"", head.seq, head.at.0, types.generation))
}

fn has(known: Option<&Tags>, tag: &str) -> bool {
    known.is_some_and(|known| known.lists_tag(tag))
}

fn list(sql: &dyn Sql, types: &Types, kinds: Kinds, page: &Page, known: Option<&Tags>, base: &str) -> Result<Searched> {
    let etag = tag(sql, types)?;
    if has(known, &etag) {
        return Ok(Searched::At(Answer::Tagged { etag, body: None }));
    }
    let kind = types.of_kind(kinds);
    let filter = page.filter.as_deref().map(|text| filter::parse(text, Forms::Strict)?.resolve(kind, Forms::Strict));
    let linked = page.linked.map(|linked| {
        let external_id = Filter::Present(Target { urn: None, name: "externalId".to_owned(), sub: None });
        if linked { external_id } else { Filter::Not(Box::new(external_id)) }
    });
    let filter = match (linked, filter.transpose()?) {
        (Some(linked), Some(filter)) => Some(Filter::And(vec![linked, filter])),
        (linked, filter) => linked.or(filter),
    };
    let scan = Scan::keyset(sql, kinds, filter, page, etag, base, types)?;
    Ok(match scan.keyset_at_once(sql, kind)? {
        Some(answer) => Searched::At(answer),
        None => Searched::Scan(Box::new(scan)),
    })
}

fn user(sql: &dyn Sql, kind: &ResourceType, id: &UserId, known: Option<&Tags>, budget: &Budget) -> Result<Answer> {
    let missing = || Error::new(Code::UserNotFound, format!("There is no user {id} in this organisation."));
    let user = user_rows::by_id(sql, id)?.ok_or_else(missing)?;
    let stored = related::with_groups(sql, user.key, document::user_to_stored(user.clone())?, budget)?;
    let groups = stored.groups.iter().map(|group| UserGroup { id: &group.id, display_name: &group.display }).collect();
    one(&stored, show_user(kind, &user, Some(groups), stored.rest.is_some()), known)
}

fn group(sql: &dyn Sql, kind: &ResourceType, id: &GroupId, known: Option<&Tags>) -> Result<Answer> {
    let group = group_rows::by_id(sql, id)?.ok_or_else(|| groups::not_found(id))?;
    let shown = show_group(kind, &group);
    one(&document::group_to_stored(group)?, shown, known)
}

/// Answers one resource. The entity tag is the one that SCIM shows.
fn one(stored: &Stored, shown: Result<Box<RawValue>>, known: Option<&Tags>) -> Result<Answer> {
    let etag = view::etag(stored);
    let body = if has(known, &etag) { None } else { Some(shown?) };
    Ok(Answer::Tagged { etag, body })
}

fn crew(
    sql: &dyn Sql,
    types: &Types,
    id: &GroupId,
    after: Option<&str>,
    limit: i64,
    known: Option<&Tags>,
) -> Result<Answer> {
    let group = group_rows::by_id(sql, id)?.ok_or_else(|| groups::not_found(id))?;
    let after = match after {
        None => members::BEFORE_ALL,
        Some(text) => after_member(sql, text)?,
    };
    let etag = tag(sql, types)?;
    if has(known, &etag) {
        return Ok(Answer::Tagged { etag, body: None });
    }
    let mut found = members::members_shown(sql, group.key, after, limit + 1)?;
    let more = found.len() as i64 > limit;
    if more {
        found.pop();
    }
    let next = found.last().filter(|_| more).map(|(key, id, ..)| format!("{key}.{id}"));
    let members = found.into_iter().map(|(_, id, user_name, active)| GroupMember { id, user_name, active }).collect();
    tagged(etag, &GroupMembers { members, next })
}

/// Returns the key after which a page of members begins: `next` of the page before is the key and the id of its last
/// member. If that user is gone, another one may have the key by now, who was not shown yet.
fn after_member(sql: &dyn Sql, text: &str) -> Result<i64> {
    let (key, id) = text.split_once('.').map_or((text, None), |(key, id)| (key, Some(id)));
    let invalid = || {
        let shown: String = text.chars().take(128).collect();
        Error::new(
            Code::InvalidPosition,
            format!("after must be the `next` value of the previous page, not {shown}.", shown = quoted(&shown)),
        )
    };
    let key = parse_number(key).ok_or_else(invalid)?;
    // A page of an earlier version named the key alone.
    let Some(id) = id else { return Ok(key) };
    let user = user_rows::by_id(sql, &UserId::parse(id).ok_or_else(invalid)?)?;
    Ok(if user.is_some_and(|user| user.key == key) { key } else { key - 1 })
}
