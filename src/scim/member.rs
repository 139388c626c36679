//! The members of a group as a request names them (RFC 7643 section 4.2). Groups are flat here: there is no way to
//! express a member that says it is a group, so nothing further down has to look for one.

use super::json::name;
use crate::error::{Error, Kind, Result};
use crate::id::MemberId;
use serde_json::Value;

/// How many ids a refusal names.
const IDS_NAMED: usize = 20;

/// Reads the value of `members`: an array of objects with a `value`. `group` names the group in a refusal.
///
/// # Errors
/// 400 `invalidValue` for a member that declares itself a group, by `type` (in any case or padding) or by a `$ref`
/// to `/Groups/`, and for anything that is no member.
pub fn read(value: &Value, group: &str) -> Result<Vec<MemberId>> {
    let Value::Array(items) = value else {
        return Err(Error::invalid_value(format!("members has to be an array, not {}.", name(value))));
    };
    let declared: Vec<&str> = items.iter().filter(|item| is_group(item)).map(id_of).collect();
    if !declared.is_empty() {
        return Err(nested(group, &declared));
    }
    items.iter().map(one).collect()
}

fn one(item: &Value) -> Result<MemberId> {
    let id = match item {
        Value::Object(map) => map.iter().find(|(key, _)| key.eq_ignore_ascii_case("value")).map(|(_, value)| value),
        _ => None,
    };
    let Some(Value::String(text)) = id else {
        return Err(Error::invalid_value(format!(
            "Every element of members has to be an object with the user's id as text in value, not {}.",
            name(item)
        )));
    };
    MemberId::parse(text.trim()).ok_or_else(|| {
        let shown: String = text.chars().take(128).collect();
        Error::invalid_value(format!("members holds {shown:?}, which cannot be the id of a user.")).about([shown])
    })
}

fn is_group(item: &Value) -> bool {
    let text = |wanted: &str| {
        let (_, value) = item.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(wanted))?;
        value.as_str().map(|text| text.trim().to_ascii_lowercase())
    };
    text("type").is_some_and(|kind| kind == "group")
        || text("$ref").is_some_and(|reference| reference.starts_with("groups/") || reference.contains("/groups/"))
}

fn id_of(item: &Value) -> &str {
    item.as_object()
        .and_then(|map| map.iter().find(|(key, _)| key.eq_ignore_ascii_case("value")))
        .and_then(|(_, value)| value.as_str())
        .unwrap_or("(no value)")
}

/// The refusal of a nested group.
pub fn nested(group: &str, ids: &[&str]) -> Error {
    let detail = format!(
        "Group {group} cannot hold {}: nested groups are not supported. Assign the users of the inner group directly, \
         or push it as a group of its own. Nothing was changed.",
        listed(ids)
    );
    Error::new(Kind::InvalidValue, detail).about(ids.iter().copied())
}

/// The ids, for a sentence; of very many the first ones and how many more.
pub fn listed(ids: &[&str]) -> String {
    let shown = ids.iter().take(IDS_NAMED).copied().collect::<Vec<_>>().join(", ");
    match ids.len().checked_sub(IDS_NAMED) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}
