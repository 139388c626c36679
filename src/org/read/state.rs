//! The directory as the Console reads it: pages of users, groups and members in the order of an index, single
//! resources, and entity tags for all of them. A page reads about as many rows as it shows; one with a filter is a scan
//! in steps.

use super::related;
use super::search::Scan;
use crate::budget::Budget;
use crate::directory::console::{self, GroupMember, GroupMembers, Groups, True, UserGroup, Users};
use crate::directory::query::{Page, Query};
use crate::directory::reply::{Answer, Stored};
use crate::directory::view;
use crate::error::{Code, Error, Result, quoted};
use crate::id::{GroupId, UserId, whole};
use crate::org::provision::{groups, users};
use crate::org::{Memory, Searched};
use crate::scim::etag::Tags;
use crate::scim::filter::{self, Filter, Forms, Target};
use crate::scim::schema::Kinds;
use crate::store::search::Found;
use crate::store::users::User;
use crate::store::{Sql, changes, groups as group_rows, members, users as user_rows};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

/// The bytes after which a page ends early.
const PAGE_BYTES: usize = 4 * 1024 * 1024;
/// The resources that are read at once.
const AT_ONCE: usize = 50;

/// Begins to answer a query; `None` for a query of another kind. `known` are the tags that the client has.
pub(crate) fn begin(
    sql: &dyn Sql,
    memory: &Memory,
    query: &Query,
    known: Option<&Tags>,
    base: &str,
    budget: &Budget,
) -> Option<Result<Searched>> {
    let at_once = |answer: Result<Answer>| Some(answer.map(Searched::At));
    match query {
        Query::Users(page) => Some(list(sql, memory, Kinds::Users, page, known, base)),
        Query::Groups(page) => Some(list(sql, memory, Kinds::Groups, page, known, base)),
        Query::User { id } => at_once(user(sql, id, known, budget)),
        Query::Group { id } => at_once(group(sql, id, known)),
        Query::Members { id, after, limit } => at_once(crew(sql, memory, id, after.as_deref(), *limit, known)),
        _ => None,
    }
}

/// Returns the tag of a list: its content changes with the sequence, and the meaning of a filter with the schemas.
fn tag(sql: &dyn Sql, memory: &Memory) -> Result<String> {
    let head = changes::head(sql)?;
    Ok(format!("W/\"{}-{}-{}\"", head.seq, head.at.0, memory.types.generation))
}

fn has(known: Option<&Tags>, tag: &str) -> bool {
    known.is_some_and(|known| known.has(tag))
}

fn tagged(etag: String, body: &impl Serialize) -> Result<Answer> {
    Ok(Answer::Tagged { etag, body: Some(raw(body)?) })
}

fn list(
    sql: &dyn Sql,
    memory: &Memory,
    kinds: Kinds,
    page: &Page,
    known: Option<&Tags>,
    base: &str,
) -> Result<Searched> {
    let etag = tag(sql, memory)?;
    if has(known, &etag) {
        return Ok(Searched::At(Answer::Tagged { etag, body: None }));
    }
    let kind = memory.types.of(kinds);
    let filter = page.filter.as_deref().map(|text| filter::parse(text, Forms::Strict)?.resolve(kind, Forms::Strict));
    let linked = page.linked.map(|linked| {
        let external_id = Filter::Present(Target { urn: None, name: "externalId".to_owned(), sub: None });
        if linked { external_id } else { Filter::Not(Box::new(external_id)) }
    });
    let filter = match (linked, filter.transpose()?) {
        (Some(linked), Some(filter)) => Some(Filter::And(vec![linked, filter])),
        (linked, filter) => linked.or(filter),
    };
    let scan = Scan::keyset(sql, kinds, filter, page, etag, base, &memory.types)?;
    Ok(match scan.keyset_at_once(sql)? {
        Some(answer) => Searched::At(answer),
        None => Searched::Scan(Box::new(scan)),
    })
}

/// Returns a page of the resources found at these places; one more than `count` tells that there are more. `rest` is
/// the place after which nothing was read.
pub(crate) fn page(
    sql: &dyn Sql,
    kinds: Kinds,
    found: &[Found],
    count: usize,
    rest: Option<&str>,
    etag: &str,
) -> Result<Answer> {
    let wanted = found.get(..count.min(found.len())).unwrap_or_default();
    let mut next = if found.len() > count { wanted.last().map(|found| found.place.as_str()) } else { rest };
    let (mut shown, mut bytes, mut last): (Vec<Box<RawValue>>, _, _) = (Vec::new(), 0, String::new());
    'page: for part in wanted.chunks(AT_ONCE) {
        let keys: Vec<i64> = part.iter().map(|found| found.key).collect();
        // Another resource may have the key of one that is gone by now; the pages are in the order of the ids.
        let is_meant = |id: &str| part.binary_search_by(|found| found.id().cmp(id)).is_ok();
        let resources: Vec<(String, Box<RawValue>)> = match kinds {
            Kinds::Users => {
                let users = user_rows::by_keys(sql, &keys)?.into_iter();
                users.map(|user| Ok((user.id.to_string(), show_user(&user, None, false)?))).collect::<Result<_>>()?
            }
            Kinds::Groups => {
                let groups = group_rows::by_keys(sql, &keys)?.into_iter();
                groups.map(|group| Ok((group.id.to_string(), show_group(&group)?))).collect::<Result<_>>()?
            }
        };
        for (id, resource) in resources.into_iter().filter(|(id, _)| is_meant(id)) {
            bytes += resource.get().len() + 1;
            if !shown.is_empty() && bytes > PAGE_BYTES {
                next = Some(&last);
                break 'page;
            }
            shown.push(resource);
            last = id;
        }
    }
    match kinds {
        Kinds::Users => tagged(etag.to_owned(), &Users { users: shown, next }),
        Kinds::Groups => tagged(etag.to_owned(), &Groups { groups: shown, next }),
    }
}

fn user(sql: &dyn Sql, id: &UserId, known: Option<&Tags>, budget: &Budget) -> Result<Answer> {
    let missing = || Error::new(Code::UserNotFound, format!("There is no user {id} in this organisation."));
    let user = user_rows::by_id(sql, id)?.ok_or_else(missing)?;
    let stored = related::with_groups(sql, user.key, users::stored(user.clone())?, budget)?;
    let groups = stored.groups.iter().map(|group| UserGroup { id: &group.id, display_name: &group.display }).collect();
    one(&stored, show_user(&user, Some(groups), stored.rest.is_some()), known)
}

fn group(sql: &dyn Sql, id: &GroupId, known: Option<&Tags>) -> Result<Answer> {
    let group = group_rows::by_id(sql, id)?.ok_or_else(|| groups::not_found(id))?;
    let shown = show_group(&group);
    one(&groups::stored(group)?, shown, known)
}

/// Answers one resource. The entity tag is the one that SCIM shows.
fn one(stored: &Stored, shown: Result<Box<RawValue>>, known: Option<&Tags>) -> Result<Answer> {
    let etag = view::etag(stored);
    let body = if has(known, &etag) { None } else { Some(shown?) };
    Ok(Answer::Tagged { etag, body })
}

fn crew(
    sql: &dyn Sql,
    memory: &Memory,
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
    let etag = tag(sql, memory)?;
    if has(known, &etag) {
        return Ok(Answer::Tagged { etag, body: None });
    }
    let mut found = members::shown(sql, group.key, after, limit + 1)?;
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
    let key = whole(key).ok_or_else(invalid)?;
    // A page of an earlier version named the key alone.
    let Some(id) = id else { return Ok(key) };
    let user = user_rows::by_id(sql, &UserId::parse(id).ok_or_else(invalid)?)?;
    Ok(if user.is_some_and(|user| user.key == key) { key } else { key - 1 })
}

/// Returns a user as the Console sees it, with its groups where they are shown.
fn show_user(user: &User, groups: Option<Vec<UserGroup<'_>>>, has_more_groups: bool) -> Result<Box<RawValue>> {
    raw(&console::UserAnswer {
        id: user.id.as_str(),
        version: user.version,
        active: user.content.active,
        created: user.created.into(),
        modified: user.modified.into(),
        attributes: &raw(&users::attributes(&user.content.doc)?)?,
        groups,
        more_groups: has_more_groups.then_some(True),
    })
}

/// Returns a group as the Console sees it.
fn show_group(group: &group_rows::Group) -> Result<Box<RawValue>> {
    raw(&console::GroupAnswer {
        id: group.id.as_str(),
        version: group.version,
        created: group.created.into(),
        modified: group.modified.into(),
        attributes: &raw(&users::attributes(&group.content.doc)?)?,
    })
}

fn raw(value: &impl Serialize) -> Result<Box<RawValue>> {
    to_raw_value(value).map_err(Error::internal)
}
