//! Unregistered extensions in a request: the part that needs the stored resource.

use super::mutation::Mutation;
use crate::error::Result;
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;
use crate::scim::unregistered::{self, Unresolved};
use serde_json::{Map, Value};

/// Returns the attributes that a POST or PUT proposes. `old` are the stored ones.
///
/// # Errors
/// As [`unregistered::apply`].
pub(crate) fn proposed(
    mutation: &mut Mutation<'_>,
    kind: &ResourceType,
    resource: &Resource,
    old: Option<&Map<String, Value>>,
) -> Result<Map<String, Value>> {
    let mut new = resource.attributes.clone();
    apply(mutation, kind, old.unwrap_or(&Map::new()), &mut new, &resource.unresolved)?;
    Ok(new)
}

/// Applies operations on such extensions to the proposed attributes, and notes those whose path names nothing.
///
/// # Errors
/// As [`unregistered::apply`].
pub(crate) fn apply(
    mutation: &mut Mutation<'_>,
    kind: &ResourceType,
    old: &Map<String, Value>,
    new: &mut Map<String, Value>,
    operations: &[Unresolved],
) -> Result<()> {
    let unknown = unregistered::apply(kind, old, new, operations, mutation.budget)?;
    mutation.notes.extend(unknown.iter().map(|path| format!("The path {path} is unknown and was skipped.")));
    Ok(())
}
