//! A page of users or groups as the Console sees them, which reading the state and searching share.

use crate::directory::console::{self, Groups, True, UserGroup, Users};
use crate::directory::reply::Answer;
use crate::error::Result;
use crate::org::provision::document;
use crate::scim::json;
use crate::scim::schema::{Kinds, ResourceType};
use crate::store::search::FoundRow;
use crate::store::users::User;
use crate::store::{Sql, groups as group_rows, users as user_rows};
use serde::Serialize;
use serde_json::value::RawValue;

/// The bytes after which a page ends early.
const PAGE_BYTES: usize = 4 * 1024 * 1024;
/// The resources that are read at once.
const AT_ONCE: usize = 50;

/// Returns a page of the resources found at these places; one more than `count` tells that there are more. `rest` is
/// the place after which nothing was read.
pub(crate) fn page(
    sql: &dyn Sql,
    (kinds, kind): (Kinds, &ResourceType),
    found: &[FoundRow],
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
                users
                    .map(|user| Ok((user.id.to_string(), show_user(kind, &user, None, false)?)))
                    .collect::<Result<_>>()?
            }
            Kinds::Groups => {
                let groups = group_rows::by_keys(sql, &keys)?.into_iter();
                groups.map(|group| Ok((group.id.to_string(), show_group(kind, &group)?))).collect::<Result<_>>()?
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

/// Returns an answer with its entity tag.
///
/// # Errors
/// Internal only.
pub(crate) fn tagged(etag: String, body: &impl Serialize) -> Result<Answer> {
    Ok(Answer::Tagged { etag, body: Some(json::to_raw(body)?) })
}

/// Returns a user as the Console sees it, with its groups where they are shown.
pub(crate) fn show_user(
    kind: &ResourceType,
    user: &User,
    groups: Option<Vec<UserGroup<'_>>>,
    has_more_groups: bool,
) -> Result<Box<RawValue>> {
    json::to_raw(&console::UserAnswer {
        id: user.id.as_str(),
        version: user.version,
        active: user.content.active,
        created: user.created.into(),
        modified: user.modified.into(),
        attributes: &document::shown_attributes(kind, &user.content.doc)?,
        groups,
        more_groups: has_more_groups.then_some(True),
    })
}

/// Returns a group as the Console sees it.
pub(crate) fn show_group(kind: &ResourceType, group: &group_rows::Group) -> Result<Box<RawValue>> {
    json::to_raw(&console::GroupAnswer {
        id: group.id.as_str(),
        version: group.version,
        created: group.created.into(),
        modified: group.modified.into(),
        attributes: &document::shown_attributes(kind, &group.content.doc)?,
    })
}
