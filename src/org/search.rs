//! Lists and look-ups (RFC 7644 section 3.4.2).
//!
//! A filter is answered if one of its conjuncts is an equality that an index serves; the pure evaluator judges the few
//! rows that the index gives by the whole filter. Any other filter is refused: an empty answer to a question that was
//! not understood makes identity providers create duplicates.

use super::{groups as group_rules, users as user_rules};
use crate::directory::command::{List, Members};
use crate::directory::reply::{Answer, Stored};
use crate::error::{Error, Result};
use crate::fold::fold;
use crate::id::{GroupId, UserId};
use crate::scim::filter::{Filter, Op, Target, Value as Wanted};
use crate::store::{Sql, changes, groups, members, users};
use serde_json::Value;

/// One equality.
struct Equal<'a> {
    name: &'a str,
    text: &'a str,
}

/// GET /Users.
pub(super) fn users(sql: &dyn Sql, list: &List) -> Result<Answer> {
    let (total, page) = match &list.filter {
        None => (changes::head(sql)?.totals.users, users::page(sql, list.start_index - 1, list.count)?),
        Some(filter) => {
            let mut found = None;
            for equal in filter.conjuncts().into_iter().filter_map(equality) {
                found = candidate_users(sql, &equal)?;
                if found.is_some() {
                    break;
                }
            }
            let served = "userName, externalId, id or emails[type eq \"work\"].value";
            let candidates = found.ok_or_else(|| unserved("Users", served))?;
            let fit = judge(candidates, filter, |user| (user.id.as_str(), &user.content.doc))?;
            paged(fit, list)
        }
    };
    let keys: Vec<i64> = page.iter().map(|user| user.key).collect();
    let mut groups = members::of_users(sql, &keys)?;
    let resources = page.into_iter().map(|user| {
        let groups = groups.remove(&user.key).unwrap_or_default();
        Ok(Stored { groups, ..user_rules::stored(user)? })
    });
    Ok(Answer::List { total, start_index: list.start_index, resources: resources.collect::<Result<_>>()? })
}

/// GET /Groups.
pub(super) fn groups(sql: &dyn Sql, list: &List, shown: Members) -> Result<Answer> {
    let (total, page) = match &list.filter {
        None => (changes::head(sql)?.totals.groups, groups::page(sql, list.start_index - 1, list.count)?),
        Some(filter) => {
            let mut found = None;
            for equal in filter.conjuncts().into_iter().filter_map(equality) {
                found = candidate_groups(sql, &equal)?;
                if found.is_some() {
                    break;
                }
            }
            let candidates = found.ok_or_else(|| unserved("Groups", "displayName, externalId or id"))?;
            let fit = judge(candidates, filter, |group| (group.id.as_str(), &group.content.doc))?;
            paged(fit, list)
        }
    };
    let keys: Vec<i64> = page.iter().map(|group| group.key).collect();
    let mut ids = match shown {
        Members::Shown => members::of_groups(sql, &keys)?,
        Members::Hidden => Default::default(),
    };
    let resources = page.into_iter().map(|group| {
        let members = (shown == Members::Shown).then(|| ids.remove(&group.key).unwrap_or_default());
        Ok(Stored { members, ..group_rules::stored(group)? })
    });
    Ok(Answer::List { total, start_index: list.start_index, resources: resources.collect::<Result<_>>()? })
}

/// The equality that a conjunct is, with `emails` for a work address.
fn equality(filter: &Filter) -> Option<Equal<'_>> {
    let compared = |filter| match filter {
        &Filter::Compare {
            target: Target { urn: None, ref name, sub: None },
            op: Op::Eq,
            value: Wanted::Exact(ref text) | Wanted::Folded { ref text, .. },
        } => Some(Equal { name, text }),
        _ => None,
    };
    match filter {
        Filter::Has { target: Target { urn: None, name, sub: None }, filter } if name == "emails" => {
            let parts: Vec<Equal<'_>> = filter.conjuncts().into_iter().filter_map(compared).collect();
            let work = parts.iter().any(|part| part.name == "type" && fold(part.text) == "work");
            let value = parts.iter().find(|part| part.name == "value").filter(|_| work)?;
            Some(Equal { name: "emails", text: value.text })
        }
        other => compared(other),
    }
}

/// All users who can fulfil the equality; `None` if no index knows.
fn candidate_users(sql: &dyn Sql, equal: &Equal<'_>) -> Result<Option<Vec<users::User>>> {
    let one = |found: Option<users::User>| Ok(Some(found.into_iter().collect()));
    match equal.name {
        "userName" => one(users::by_user_name(sql, &fold(equal.text))?),
        "externalId" => one(users::by_external_id(sql, equal.text)?),
        "id" => one(UserId::parse(equal.text).map_or(Ok(None), |id| users::by_id(sql, &id))?),
        "emails" => users::by_mail(sql, &fold(equal.text)).map(Some),
        _ => Ok(None),
    }
}

/// All groups that can fulfil the equality; `None` if no index knows.
fn candidate_groups(sql: &dyn Sql, equal: &Equal<'_>) -> Result<Option<Vec<groups::Group>>> {
    let one = |found: Option<groups::Group>| Ok(Some(found.into_iter().collect()));
    match equal.name {
        "displayName" => one(groups::by_display_name(sql, &fold(equal.text))?),
        "externalId" => one(groups::by_external_id(sql, equal.text)?),
        "id" => one(GroupId::parse(equal.text).map_or(Ok(None), |id| groups::by_id(sql, &id))?),
        _ => Ok(None),
    }
}

fn judge<T>(candidates: Vec<T>, filter: &Filter, parts: impl Fn(&T) -> (&str, &String)) -> Result<Vec<T>> {
    let mut fit = Vec::new();
    for candidate in candidates {
        let (id, doc) = parts(&candidate);
        let mut attributes = user_rules::attributes(doc)?;
        attributes.insert("id".to_owned(), Value::from(id));
        if filter.matches(&attributes) {
            fit.push(candidate);
        }
    }
    Ok(fit)
}

fn paged<T>(fit: Vec<T>, list: &List) -> (i64, Vec<T>) {
    let total = fit.len() as i64;
    let bound = |number: i64| usize::try_from(number).unwrap_or(0);
    (total, fit.into_iter().skip(bound(list.start_index - 1)).take(bound(list.count)).collect())
}

fn unserved(what: &str, served: &str) -> Error {
    Error::invalid_filter(format!(
        "This filter on {what} is not supported: one of its terms, alone or joined by and, has to be eq on {served}."
    ))
}
