//! Operations on a group's members, as row changes: the list is never loaded to change a part of it.

use super::super::Reading;
use super::super::members::{self, MembersValue};
use super::{PatchOp, ResolvedOperation};
use crate::dialect::Repair;
use crate::directory::scim::GroupOperation;
use crate::error::{Code, Error, Result};
use crate::id::MemberId;
use crate::scim::filter::Filter;
use crate::scim::json::JsonShape;
use crate::scim::member;
use crate::scim::schema::ResourceType;

/// Reads one operation on `members`, or on some of them.
pub(super) fn member_steps(
    kind: &ResourceType,
    group: &str,
    sent: ResolvedOperation<'_>,
    reading: &mut Reading,
) -> Result<Vec<GroupOperation>> {
    let ResolvedOperation { op, path, value, .. } = sent;
    if path.target.sub.is_some() {
        let detail = format!("{path} is immutable: add and remove members, each by its value.");
        return Err(Error::new(Code::ImmutableMember, detail));
    }
    // One member in the place of a list is a repair, except that RFC 7644 section 3.5.2.1 shows it for `rfc` too.
    let said = match value.shape() {
        JsonShape::Object if !reading.runs_repairs() => members::read_lone_member(kind, value, reading)?,
        _ => members::read_members(kind, value, reading)?,
    };
    if let Some(filter) = path.filter {
        return filtered_operations(op, filter, &said, group, reading);
    }
    Ok(match (op, &said) {
        (PatchOp::Add, MembersValue::Null) => Vec::new(),
        (PatchOp::Add, said) => vec![GroupOperation::AddMembers(said.ids_to_add(group)?)],
        (PatchOp::Replace, MembersValue::Null) => vec![GroupOperation::ReplaceMembers(Vec::new())],
        (PatchOp::Replace, said) => vec![GroupOperation::ReplaceMembers(said.ids_to_add(group)?)],
        // Without a value all members are removed (RFC 7644 section 3.5.2.2); with a list only those, with an empty one
        // none.
        (PatchOp::Remove, said)
            if !matches!(said, MembersValue::Null) && reading.repairs.note_need(Repair::RemoveMembersByValue) =>
        {
            vec![GroupOperation::RemoveMembers(said.ids_to_remove()?)]
        }
        (PatchOp::Remove, _) => vec![GroupOperation::ReplaceMembers(Vec::new())],
    })
}

/// Reads an operation on the members that a filter matches. If the filter names them, they are found here.
fn filtered_operations(
    op: PatchOp,
    filter: Filter,
    said: &MembersValue<'_>,
    group: &str,
    reading: &mut Reading,
) -> Result<Vec<GroupOperation>> {
    let filter = member::prepare_filter(filter)?;
    let named: Option<Vec<MemberId>> =
        member::named_ids(&filter).map(|ids| ids.into_iter().filter_map(MemberId::parse).collect());
    // Ids that the filter names are rows to delete; any other filter is judged by the object.
    let removal = || match &named {
        Some(ids) => GroupOperation::RemoveMembers(ids.clone()),
        None => GroupOperation::RemoveMatching(filter.clone()),
    };
    match (op, &named) {
        // A removal succeeds if the member is already gone (RFC 7644 section 3.5.2.2).
        (PatchOp::Remove, _) => Ok(vec![removal()]),
        // The oldest Azure AD syntax: the filter names the members to add, the value is "[]" or {}.
        // Without a well-formed id nothing would be added, so it is refused below.
        (PatchOp::Add, Some(ids))
            if !ids.is_empty() && reading.runs_repairs() && reading.repairs.note_need(Repair::MemberInFilter) =>
        {
            Ok(vec![GroupOperation::AddMembers(ids.clone())])
        }
        (PatchOp::Add, _) => {
            let detail = "The sub-attributes of a member are immutable: add and remove members by the path members, \
                          each by its value.";
            Err(Error::new(Code::ImmutableMember, detail))
        }
        (PatchOp::Replace, _) => {
            let members = match said {
                MembersValue::Null if reading.runs_repairs() => named.clone().unwrap_or_default(),
                MembersValue::Null => Vec::new(),
                said => said.ids_to_add(group)?,
            };
            if reading.runs_repairs() {
                return Ok(vec![removal(), GroupOperation::AddMembers(members)]);
            }
            Ok(vec![GroupOperation::ReplaceMatching { filter, members }])
        }
    }
}
