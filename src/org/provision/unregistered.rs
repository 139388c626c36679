//! The parts of a request that need the stored resource: unregistered extensions, and values that repeat stored ones which are
//! not of their type.

use super::mutation::Mutation;
use crate::error::Result;
use crate::scim::echo;
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;
use crate::scim::unregistered::{self, Unresolved};
use serde_json::{Map, Value};

/// Returns the attributes that a POST or PUT proposes. `old` are the stored ones.
///
/// # Errors
/// As [`unregistered::apply_unresolved`] and [`echo::settle_all`].
pub(crate) fn proposed_attributes(
    mutation: &mut Mutation<'_>,
    kind: &ResourceType,
    resource: &Resource,
    old: Option<&Map<String, Value>>,
) -> Result<Map<String, Value>> {
    let mut new = resource.attributes.clone();
    // A value that repeats the stored one is no change, so it is not judged by its type.
    if let Some(old) = old {
        let dropped = echo::settle_all(&resource.echoes, old, &mut new)?;
        mutation.note_dropped(&dropped);
    }
    apply_unregistered(mutation, kind, old.unwrap_or(&Map::new()), &mut new, &resource.unresolved)?;
    Ok(new)
}

/// Returns true for an operation on an unregistered extension; any other names an attribute that the schema does not know.
pub(super) fn may_change(kind: &ResourceType, operation: &Unresolved) -> bool {
    unregistered::is_unregistered(kind, &operation.path)
}

/// Applies operations on such extensions to the attributes that a request comes to, and notes those whose path names nothing.
///
/// # Errors
/// As [`unregistered::apply_unresolved`].
pub(crate) fn apply_unregistered(
    mutation: &mut Mutation<'_>,
    kind: &ResourceType,
    old: &Map<String, Value>,
    new: &mut Map<String, Value>,
    operations: &[Unresolved],
) -> Result<()> {
    let unknown = unregistered::apply_unresolved(kind, old, new, operations, mutation.budget)?;
    mutation.notes.extend(unknown.iter().map(|path| format!("The path {path} is unknown and was skipped.")));
    Ok(())
}
