//! A PATCH body to canonical operations (RFC 7644 section 3.5.2): every operation gets a path, every value its
//! attribute's type; operations on a group's members become row changes.

mod members;
mod paths;
mod value;

use super::Reading;
use crate::dialect::{self};
use crate::directory::scim::GroupOperation;
use crate::error::{Code, Error, Result};
use crate::scim::json::{Checked, Object, Texts};
use crate::scim::patch::{MissingTarget, OPERATIONS_MAX, Operation, PatchOp};
use crate::scim::path::Resolved;
use crate::scim::schema::ResourceType;
use crate::scim::unregistered::Unresolved;
use paths::resolve_paths;

/// One operation with its path resolved and its value still as sent.
struct ResolvedOperation<'b> {
    op: PatchOp,
    path: Resolved,
    value: Checked<'b>,
    /// True if the value came out of a text that held JSON.
    from_text: bool,
}

/// The operations of a PATCH, each still as it was sent.
pub(super) enum PatchEnvelope<'b> {
    /// A list of operations.
    Operations(Vec<Checked<'b>>),
    /// One operation that replaces the values of this object, except where it has `null`: a PUT of the changed
    /// attributes only.
    Changed(Object<'b>),
}

impl<'b> PatchEnvelope<'b> {
    /// Reads the envelope of a PATCH.
    pub(super) fn read_envelope(whole: Checked<'b>, body: &Object<'b>, reading: &mut Reading) -> Result<Self> {
        let items = if reading.runs_repairs() {
            dialect::patch_operations(whole, body, &mut reading.repairs)
        } else {
            body.get("Operations").and_then(Checked::elements)
        };
        // RFC 7644 section 3.5.2: a PATCH contains at least one operation.
        match items {
            Some(items) if !items.is_empty() => Ok(Self::Operations(items)),
            _ => Err(Error::new(
                Code::OperationsMissing,
                "A PATCH needs Operations: an array of at least one operation.",
            )),
        }
    }
}

/// Reads the operations of a user's PATCH. `id` is the address's.
pub(super) fn read_user_patch(
    kind: &ResourceType,
    id: &str,
    envelope: PatchEnvelope<'_>,
    reading: &mut Reading,
) -> Result<(Vec<Operation>, Vec<Unresolved>)> {
    let (mut operations, kept, texts) = (Vec::new(), Texts::default(), reading.texts.clone());
    let (sent, unresolved) = resolve_paths(kind, id, envelope, reading, &kept)?;
    // A value out of a text may not hold JSON in texts again: else its depth would have no bound.
    for sent in sent {
        operations.extend(texts.read_inside(sent.from_text, || value::to_operation(kind, sent, reading))?);
    }
    check_count(operations, unresolved)
}

/// Reads the operations of a group's PATCH. Neighbouring ones on members are joined before they are counted: some
/// providers send one for each member.
pub(super) fn read_group_patch(
    kind: &ResourceType,
    id: &str,
    envelope: PatchEnvelope<'_>,
    reading: &mut Reading,
) -> Result<(Vec<GroupOperation>, Vec<Unresolved>)> {
    let (mut operations, kept, texts) = (Vec::<GroupOperation>::new(), Texts::default(), reading.texts.clone());
    let (sent, unresolved) = resolve_paths(kind, id, envelope, reading, &kept)?;
    for sent in sent {
        // Members are rows and no part of the document, so their operations are a kind of their own.
        let from_text = sent.from_text;
        if sent.path.target.urn.is_some() || sent.path.target.name != "members" {
            let operation = texts.read_inside(from_text, || value::to_operation(kind, sent, reading))?;
            operations.extend(operation.map(Box::new).map(GroupOperation::Attribute));
            continue;
        }
        for step in texts.read_inside(from_text, || members::member_steps(kind, id, sent, reading))? {
            match (operations.last_mut(), step) {
                // One statement for all of them instead of one for each.
                (Some(GroupOperation::AddMembers(ids)), GroupOperation::AddMembers(more))
                | (Some(GroupOperation::RemoveMembers(ids)), GroupOperation::RemoveMembers(more)) => ids.extend(more),
                (_, step) => operations.push(step),
            }
        }
    }
    check_count(operations, unresolved)
}

fn check_count<T>(operations: Vec<T>, unresolved: Vec<Unresolved>) -> Result<(Vec<T>, Vec<Unresolved>)> {
    let count = operations.len() + unresolved.len();
    if count <= OPERATIONS_MAX { Ok((operations, unresolved)) } else { Err(too_many(count)) }
}

fn too_many(count: usize) -> Error {
    let detail = format!("The PATCH has {count} operations; at most {OPERATIONS_MAX} are allowed. Split it.");
    Error::new(Code::TooManyOperations, detail)
}
