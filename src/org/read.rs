//! What the Console reads. Nothing here changes anything.

use super::admin::{settings, show_token};
use super::groups;
use crate::directory::command::Query;
use crate::directory::options::Options;
use crate::directory::reply::Answer;
use crate::error::{Error, Kind, Result};
use crate::id::{OrgId, Timestamp};
use crate::store::users::User;
use crate::store::{Sql, changes, groups as group_rows, members, tokens, users as user_rows};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

/// Answers one query.
pub(super) fn read(sql: &dyn Sql, org: &OrgId, query: &Query, now: Timestamp) -> Result<Answer> {
    match query {
        Query::Organisation => organisation(sql, org, now),
        Query::Tokens => {
            let tokens: Vec<Value> = tokens::all(sql)?.iter().map(|token| show_token(token, now)).collect();
            answer(&json!({ "tokens": tokens }))
        }
        Query::Users { after, limit } => {
            let page = user_rows::after(sql, after.as_deref().unwrap_or_default(), *limit)?;
            let next = page.last().filter(|_| page.len() as i64 == *limit).map(|user| user.id.clone());
            let users: Vec<Value> = page.iter().map(show_user).collect::<Result<_>>()?;
            answer(&json!({ "users": users, "next": next }))
        }
        Query::User { id } => {
            let missing = || Error::new(Kind::NotFound, format!("There is no user {id} in this organisation."));
            let user = user_rows::by_id(sql, id)?.ok_or_else(missing)?;
            let mut shown = show_user(&user)?;
            let groups = members::of_users(sql, &[user.key])?.remove(&user.key).unwrap_or_default();
            let groups: Vec<Value> = groups.iter().map(|g| json!({ "id": g.id, "displayName": g.display })).collect();
            if let Some(map) = shown.as_object_mut() {
                map.insert("groups".to_owned(), Value::Array(groups));
            }
            answer(&shown)
        }
        Query::Groups { after, limit } => {
            let page = group_rows::after(sql, after.as_deref().unwrap_or_default(), *limit)?;
            let next = page.last().filter(|_| page.len() as i64 == *limit).map(|group| group.id.clone());
            let groups: Vec<Value> = page.iter().map(groups::show).collect::<Result<_>>()?;
            answer(&json!({ "groups": groups, "next": next }))
        }
        Query::Group { id } => {
            let group = group_rows::by_id(sql, id)?.ok_or_else(|| groups::not_found(id))?;
            answer(&groups::show(&group)?)
        }
        Query::Members { id, after, limit } => {
            let group = group_rows::by_id(sql, id)?.ok_or_else(|| groups::not_found(id))?;
            let after: i64 = match after.as_deref().unwrap_or("0").parse() {
                Ok(after) => after,
                Err(_) => return Err(Error::invalid_value("after has to be the next of the page before.")),
            };
            let page = members::page(sql, group.key, after, *limit)?;
            let next = page.last().filter(|_| page.len() as i64 == *limit).map(|(key, _)| key.to_string());
            let ids: Vec<Value> = page.into_iter().map(|(_, id)| json!({ "id": id })).collect();
            answer(&json!({ "members": ids, "next": next }))
        }
        Query::Changes { after, limit } => feed(sql, *after, *limit),
        Query::Journal(query) => super::journal::page(sql, query),
        Query::Schemas => super::schemas::list(sql),
        Query::Schema { urn } => super::schemas::get(sql, urn),
    }
}

/// The organisation's settings and where its sequence stands.
pub(super) fn organisation(sql: &dyn Sql, org: &OrgId, now: Timestamp) -> Result<Answer> {
    let (settings, head) = (settings(sql)?, changes::head(sql)?);
    let released = (settings.guard_released_until > now).then(|| settings.guard_released_until.rfc3339());
    answer(&json!({
        "id": org, "displayName": settings.display_name, "saml": { "configured": settings.saml_configured },
        "scim": { "enabled": settings.scim_enabled }, "sync": show_sync(&settings.options),
        "guard": settings.options.guard(), "guardReleasedUntil": released,
        "reservedGroupNames": settings.options.reserved_group_names.unwrap_or_default(), "counts": head.totals, "lastSeq": head.seq,
        "lastChangeAt": (head.seq > 0).then(|| head.at.rfc3339()),
        "oldestSeq": changes::oldest(sql)?,
    }))
}

fn show_sync(options: &Options) -> Value {
    let sync = options.sync();
    let on = |option: Option<bool>| option.unwrap_or(true);
    json!({
        "createUsers": on(sync.create_users), "updateProfiles": on(sync.update_profiles),
        "deactivateUsers": on(sync.deactivate_users), "pushGroups": on(sync.push_groups),
    })
}

fn feed(sql: &dyn Sql, after: i64, limit: i64) -> Result<Answer> {
    let head = changes::head(sql)?;
    if after > head.seq {
        let detail = format!("after={after} is beyond the last change, {}.", head.seq);
        return Err(Error::invalid_value(detail));
    }
    if changes::oldest(sql)?.is_some_and(|oldest| after + 1 < oldest) {
        let detail = "Changes this old are no longer kept. Read users and groups anew, then go on from lastSeq.";
        return Err(Error::new(Kind::Gone, detail));
    }
    let page = changes::page(sql, after, limit)?;
    let next = page.last().map_or(after, |(seq, _)| *seq);
    let changes: Vec<Value> = page.into_iter().map(|(_, change)| change).collect();
    answer(&json!({ "changes": changes, "next": next }))
}

fn show_user(user: &User) -> Result<Value> {
    Ok(json!({
        "id": user.id, "version": user.version, "created": user.created.rfc3339(),
        "modified": user.modified.rfc3339(), "attributes": super::users::attributes(&user.content.doc)?,
    }))
}

/// A Console answer, rendered.
pub(super) fn answer(value: &Value) -> Result<Answer> {
    Ok(Answer::Json(to_raw_value(value).map_err(Error::internal)?))
}
