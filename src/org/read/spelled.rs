//! Changes of the feed and lines of a snapshot, while what is stored may be in another spelling than the schemas'.

use crate::error::Result;
use crate::scim::schema::{Kinds, Types};
use crate::scim::{extension, json};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Returns a change of the feed with its resource as it is to be read.
///
/// # Errors
/// Internal only.
pub(crate) fn change<'t>(types: &Types, text: &'t str) -> Result<Cow<'t, str>> {
    read(types, text, |change| {
        let is_user = change.get("resourceType").is_some_and(|kind| kind == Kinds::Users.name());
        change.get_mut("resource").map(|resource| (if is_user { Kinds::Users } else { Kinds::Groups }, resource))
    })
}

/// Returns a line of a snapshot with its user or group as it is to be read.
///
/// # Errors
/// Internal only.
pub(crate) fn line<'t>(types: &Types, text: &'t str) -> Result<Cow<'t, str>> {
    read(types, text, |line| {
        let (kinds, shown) = match line.contains_key("user") {
            true => (Kinds::Users, line.get_mut("user")?),
            false => (Kinds::Groups, line.get_mut("group")?),
        };
        shown.get_mut("attributes").map(|attributes| (kinds, attributes))
    })
}

/// Spells the attributes that `find` points at in a text.
fn read<'t>(
    types: &Types,
    text: &'t str,
    find: impl FnOnce(&mut Map<String, Value>) -> Option<(Kinds, &mut Value)>,
) -> Result<Cow<'t, str>> {
    if !types.user.spelled_on_reading {
        return Ok(Cow::Borrowed(text));
    }
    let mut whole: Map<String, Value> = json::read_own(text)?;
    if let Some((kinds, Value::Object(attributes))) = find(&mut whole) {
        *attributes = extension::read(types.of_kind(kinds), std::mem::take(attributes));
    }
    Ok(Cow::Owned(Value::Object(whole).to_string()))
}
