//! Operations on a group's members, as row changes: the list is never loaded to change a part of it.

use super::super::Reading;
use super::{Op, Sent};
use crate::dialect::Repair;
use crate::directory::command::GroupOperation;
use crate::error::{Code, Error, Result};
use crate::id::MemberId;
use crate::scim::filter::Filter;
use crate::scim::member;
use crate::scim::schema::ResourceType;
use serde_json::{Value, json};

/// One operation on `members`, or on some of them.
pub(super) fn steps(
    kind: &ResourceType,
    group: &str,
    sent: Sent,
    reading: &mut Reading,
) -> Result<Vec<GroupOperation>> {
    let Sent { op, path, value } = sent;
    if path.target.sub.is_some() {
        let detail = format!("{path} is immutable: add and remove members, each by its value.");
        return Err(Error::new(Code::ImmutableMember, detail));
    }
    let value = match value {
        one @ Value::Object(_) if !reading.mends() => json!([one]),
        other => reading.mended(kind, "members", other),
    };
    if let Some(filter) = path.filter {
        return some(op, filter, &value, group, reading);
    }
    Ok(match (op, &value) {
        (Op::Add, Value::Null) => Vec::new(),
        (Op::Add, list) => vec![GroupOperation::AddMembers(member::read(list, group)?)],
        (Op::Replace, Value::Null) => vec![GroupOperation::ReplaceMembers(Vec::new())],
        (Op::Replace, list) => vec![GroupOperation::ReplaceMembers(member::read(list, group)?)],
        // Without a value all members go (RFC 7644 section 3.5.2.2); with a list only those, an empty one none.
        (Op::Remove, Value::Array(items)) if reading.repairs.need(Repair::RemoveMembersByValue) => {
            vec![GroupOperation::RemoveMembers(listed(items))]
        }
        (Op::Remove, _) => vec![GroupOperation::ReplaceMembers(Vec::new())],
    })
}

/// The members that a filter matches. Where it names them, it is done with here.
fn some(op: Op, filter: Filter, value: &Value, group: &str, reading: &mut Reading) -> Result<Vec<GroupOperation>> {
    let filter = member::filter(filter)?;
    let named: Option<Vec<MemberId>> =
        member::named(&filter).map(|ids| ids.into_iter().filter_map(MemberId::parse).collect());
    let removal = || match &named {
        Some(ids) => GroupOperation::RemoveMembers(ids.clone()),
        None => GroupOperation::RemoveMatching(filter.clone()),
    };
    match (op, &named) {
        // One who is no member is removed with success (RFC 7644 section 3.5.2.2).
        (Op::Remove, _) => Ok(vec![removal()]),
        // The oldest Azure AD syntax: the filter names who is to be added, the value is "[]" or {}.
        (Op::Add, Some(ids)) if reading.mends() && reading.repairs.need(Repair::MemberInFilter) => {
            Ok(vec![GroupOperation::AddMembers(ids.clone())])
        }
        (Op::Add, _) => {
            let detail =
                "What a member says of itself is immutable: add members by the path members, each by its value.";
            Err(Error::new(Code::ImmutableMember, detail))
        }
        (Op::Replace, _) => {
            let members = match value {
                Value::Null if reading.mends() => named.clone().unwrap_or_default(),
                Value::Null => Vec::new(),
                list => member::read(list, group)?,
            };
            if reading.mends() {
                return Ok(vec![removal(), GroupOperation::AddMembers(members)]);
            }
            Ok(vec![GroupOperation::ReplaceMatching { filter, members }])
        }
    }
}

/// Ids to remove. What cannot be an id is nobody's, and nobody is not a member already.
fn listed(items: &[Value]) -> Vec<MemberId> {
    let text =
        |item: &Value| item.get("value").or(Some(item)).and_then(Value::as_str).and_then(|t| MemberId::parse(t.trim()));
    items.iter().filter_map(text).collect()
}
