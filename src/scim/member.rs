//! The members of a group as a request names them (RFC 7643 section 4.2). Groups are flat here: no later type can
//! express a member that is a group, so no later code must look for one.

mod judge;

pub use judge::Judge;

use super::filter::{CompareOp, Filter, Target, Value as Wanted};
use super::json::JsonShape;
use crate::error::{Code, Error, Result, quoted};
use crate::id::MemberId;
use std::borrow::Cow;

/// The most ids that a refusal names.
const IDS_NAMED: usize = 20;

/// One element of `members`, as far as it is read.
#[derive(Debug)]
pub struct Member<'b> {
    /// Its `value`, or the element itself if it is a text; without either, the id in its `$ref`.
    id: Option<Cow<'b, str>>,
    /// The kind of value that the element is, for sentences.
    shape: &'static str,
    /// True if the element declares itself a group: by `type` (in any case or padding) or by a `$ref` to `/Groups/`.
    is_group: bool,
}

impl<'b> Member<'b> {
    /// Reads the texts of an element: its `value`, `type` and `$ref`. `shape` is the kind of the element.
    pub fn new(shape: &'static str, id: Option<Cow<'b, str>>, kind: Option<&str>, reference: Option<&str>) -> Self {
        let refers_to_group = |reference: &str| {
            let reference = reference.trim().to_ascii_lowercase();
            reference.starts_with("groups/") || reference.contains("/groups/")
        };
        let is_group = kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("group"))
            || reference.is_some_and(refers_to_group);
        // `$ref` names the same user (RFC 7643 section 4.2); some clients send it alone.
        let said = id.filter(|id| !id.trim().is_empty());
        let id = said.or_else(|| reference.and_then(id_in_reference).map(|id| Cow::Owned(id.to_owned())));
        Self { id, shape, is_group }
    }

    /// Copies the borrowed texts.
    pub fn into_owned(self) -> Member<'static> {
        Member { id: self.id.map(|id| Cow::Owned(id.into_owned())), shape: self.shape, is_group: self.is_group }
    }

    fn id(&self) -> Option<MemberId> {
        self.id.as_ref().and_then(|text| MemberId::parse(text.trim()))
    }

    fn required_id(&self) -> Result<MemberId> {
        let is_object = self.shape == JsonShape::Object.name();
        let Some(text) = self.id.as_ref().filter(|_| is_object) else {
            let found = if is_object { "an object that names no user" } else { self.shape };
            return Err(Error::new(
                Code::InvalidMember,
                format!(
                    "Every element of members must be an object with the user's id as text in value, not {found}. \
                     Nothing was changed."
                ),
            ));
        };
        self.id().ok_or_else(|| {
            // A client may send any text here; a sentence is not to grow with it.
            let shown: String = text.chars().take(128).collect();
            Error::new(
                Code::InvalidMember,
                format!("members holds {shown}, which cannot be the id of a user.", shown = quoted(&shown)),
            )
            .with_names([shown])
        })
    }
}

/// Returns the ids of members that a group is to hold. `group` names the group in a refusal.
///
/// # Errors
/// 400 `invalidValue` for a member that declares itself a group, and for an invalid element.
pub fn wanted_ids(members: &[Member<'_>], group: &str) -> Result<Vec<MemberId>> {
    let declared = members.iter().filter(|member| member.is_group);
    let declared: Vec<&str> = declared.map(|member| member.id.as_deref().unwrap_or("(no value)")).collect();
    if !declared.is_empty() {
        return Err(nested_refusal(group, &declared));
    }
    members.iter().map(Member::required_id).collect()
}

/// Returns the ids of members to remove. They need not be members, or users: then there is nothing to remove.
///
/// # Errors
/// 400 `invalidValue` for an element without an id: a success would tell the client that a member was removed.
pub fn leaving_ids(members: &[Member<'_>]) -> Result<Vec<MemberId>> {
    members.iter().map(Member::required_id).collect()
}

/// Returns the id of the user that an address in `$ref` points at: `https://host/scim/v2/Users/ID`, `Users/ID`.
fn id_in_reference(reference: &str) -> Option<&str> {
    // A query or fragment is no part of the resource's address.
    let path = reference.trim().split(['?', '#']).next()?.trim_end_matches('/');
    let (before, id) = path.rsplit_once('/')?;
    let kind = before.rsplit('/').next()?;
    (kind.eq_ignore_ascii_case("Users") && MemberId::parse(id).is_some()).then_some(id)
}

/// Returns the refusal of a nested group.
pub fn nested_refusal(group: &str, ids: &[&str]) -> Error {
    let detail = format!(
        "Group {group} cannot hold {}: nested groups are not supported. Assign the users of the inner group directly, \
         or push it as a group of its own. Nothing was changed.",
        list_ids(ids)
    );
    Error { nested_in: Some(group.to_owned()), ..Error::new(Code::NestedGroup, detail).with_names(ids.iter().copied()) }
}

/// Lists ids for a sentence: the first ones, and how many more there are.
pub fn list_ids(ids: &[&str]) -> String {
    let shown = ids.iter().take(IDS_NAMED).copied().collect::<Vec<_>>().join(", ");
    match ids.len().checked_sub(IDS_NAMED) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}

/// Prepares a filter on members so that it can be judged by a member's id alone. An address in `$ref` is compared by
/// the id that it ends with.
///
/// # Errors
/// 400 `invalidFilter` for another comparison of `$ref`.
pub fn prepare_filter(filter: Filter) -> Result<Filter> {
    let all = |parts: Vec<Filter>| parts.into_iter().map(self::prepare_filter).collect::<Result<Vec<_>>>();
    let is_reference = |target: &Target| target.name == "$ref";
    let value = || Target { urn: None, name: "value".to_owned(), sub: None };
    Ok(match filter {
        Filter::And(parts) => Filter::And(all(parts)?),
        Filter::Or(parts) => Filter::Or(all(parts)?),
        Filter::Not(inner) => Filter::Not(Box::new(self::prepare_filter(*inner)?)),
        Filter::Present(target) if is_reference(&target) => Filter::Present(value()),
        Filter::Compare { target, op: op @ (CompareOp::Eq | CompareOp::Ne), value: Wanted::Exact(text) }
            if is_reference(&target) =>
        {
            // No member has another address.
            let id = id_in_reference(&text).unwrap_or(&text).to_owned();
            Filter::Compare { target: value(), op, value: Wanted::Exact(id) }
        }
        Filter::Compare { target, .. } if is_reference(&target) => {
            return Err(Error::new(
                Code::FilterImpossible,
                "\"members.$ref\" can be compared by eq and ne only; filter by value.",
            ));
        }
        other => other,
    })
}

/// Returns the ids that a filter allows, if it names them: `value eq "x"`, several joined by `or`, or such with more
/// conditions. Then no other member is read.
pub fn named_ids(filter: &Filter) -> Option<Vec<&str>> {
    match filter {
        Filter::Compare { target, op: CompareOp::Eq, value: Wanted::Exact(text) | Wanted::Folded { text, .. } }
            if target.name == "value" =>
        {
            Some(MemberId::parse(text.trim()).map(|_| text.trim()).into_iter().collect())
        }
        // One part without ids may find any member.
        Filter::Or(parts) => Some(parts.iter().map(named_ids).collect::<Option<Vec<_>>>()?.concat()),
        Filter::And(parts) => {
            // One part with ids is enough; the others only leave some of them out.
            let (ids, judge) = (parts.iter().find_map(named_ids)?, Judge::new(filter));
            Some(ids.into_iter().filter(|id| judge.fits_id(id)).collect())
        }
        _ => None,
    }
}
