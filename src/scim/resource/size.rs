//! The size of a resource, and what it may grow to.

use super::schemas_of;
use crate::error::{Code, Error, Result};
use crate::scim::schema::ResourceType;
use serde_json::{Map, Value};

/// The largest user or group without its members, in bytes of canonical JSON.
pub const RESOURCE_MAX: usize = 256 * 1024;
/// The largest that is read at all, in bytes: the most that a row of the storage can hold. A resource that was stored
/// under an earlier limit may be sent again as it is.
const READ_MAX: usize = 1024 * 1024;

/// Judges the size of what a request sends, before it is known what is stored.
///
/// # Errors
/// 413 above what is read at all.
pub(super) fn check_readable(attributes: &Map<String, Value>) -> Result<()> {
    check_within(document_size(attributes)?, READ_MAX)
}

/// Judges the size of the attributes of a new resource.
///
/// # Errors
/// 413 above [`RESOURCE_MAX`].
pub fn check_size(kind: &ResourceType, attributes: &Map<String, Value>) -> Result<()> {
    check_within(size_with_schemas(kind, attributes)?, RESOURCE_MAX)
}

/// Judges the size of the proposed attributes of a resource with the attributes `stored`. A resource that is already
/// larger may stay as large. `active` does not count, so a user can always be deactivated.
///
/// # Errors
/// 413 above [`RESOURCE_MAX`], if it would grow.
pub fn check_growth(kind: &ResourceType, stored: &Map<String, Value>, new: &Map<String, Value>) -> Result<()> {
    match size_with_schemas(kind, new)? {
        size if size <= RESOURCE_MAX => Ok(()),
        // An old resource above the limit can still shrink, and be deactivated.
        _ if size_but_active(new)? <= size_but_active(stored)? => Ok(()),
        size => check_within(size, RESOURCE_MAX),
    }
}

fn document_size(attributes: &Map<String, Value>) -> Result<usize> {
    serde_json::to_vec(attributes).map(|text| text.len()).map_err(Error::internal)
}

/// Returns the size of the document in which these attributes are stored.
fn size_with_schemas(kind: &ResourceType, attributes: &Map<String, Value>) -> Result<usize> {
    Ok(document_size(attributes)? + ",\"schemas\":".len() + schemas_of(kind, attributes).to_string().len())
}

/// Returns the size without `active` and without `schemas`, which follows from the attributes.
fn size_but_active(attributes: &Map<String, Value>) -> Result<usize> {
    let mut total = 0;
    for (name, value) in attributes.iter().filter(|(name, _)| !["active", "schemas"].contains(&name.as_str())) {
        total += name.len() + serde_json::to_vec(value).map_err(Error::internal)?.len();
    }
    Ok(total)
}

fn check_within(size: usize, most: usize) -> Result<()> {
    if size <= most {
        return Ok(());
    }
    let detail = format!(
        "The resource has {size} bytes without its members; at most {most} are allowed. Send fewer or shorter values."
    );
    Err(Error::new(Code::ResourceTooLarge, detail))
}
