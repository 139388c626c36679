//! A stored resource as SCIM shows it: its address, its entity tag, and what is computed beside the document.

use super::reply::Stored;
use crate::error::Result;
use crate::scim::json;
use crate::scim::schema::Kinds;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// The address of a resource. Here and below `base` is the SCIM base URL without a slash at its end.
pub fn location(id: &str, kinds: Kinds, base: &str) -> String {
    format!("{base}/{}/{id}", kinds.endpoint())
}

/// The weak entity tag (RFC 7644 section 3.14). A user shown with groups has a suffix that names them, because they
/// are part of the answer and not of the user's version.
pub fn etag(stored: &Stored) -> String {
    if stored.groups.is_empty() {
        return format!("W/\"{}\"", stored.version);
    }
    let mut hasher = Sha256::new();
    for group in &stored.groups {
        hasher.update(group.id.as_str());
        hasher.update([0]);
        hasher.update(&group.display);
        hasher.update([0]);
    }
    let digest: [u8; 32] = hasher.finalize().into();
    let hex = crate::id::TokenHash(digest).hex();
    format!("W/\"{}-{}\"", stored.version, hex.get(..12).unwrap_or_default())
}

/// `meta`, and a user's `groups` or a group's `members` where there are any.
pub fn computed(stored: &Stored, kinds: Kinds, base: &str) -> Map<String, Value> {
    let meta = json!({
        "resourceType": kinds.name(),
        "created": stored.created.rfc3339(),
        "lastModified": stored.modified.rfc3339(),
        "location": location(&stored.id, kinds, base),
        "version": etag(stored),
    });
    let mut computed = Map::new();
    computed.insert("meta".to_owned(), meta);
    if !stored.groups.is_empty() {
        let groups = stored.groups.iter().map(|group| {
            let reference = location(group.id.as_str(), Kinds::Groups, base);
            json!({ "value": group.id, "$ref": reference, "display": group.display, "type": "direct" })
        });
        computed.insert("groups".to_owned(), groups.collect());
    }
    if let Some(members) = stored.members.as_ref().filter(|members| !members.is_empty()) {
        let members =
            members.iter().map(|id| json!({ "value": id, "$ref": location(id, Kinds::Users, base), "type": "User" }));
        computed.insert("members".to_owned(), members.collect());
    }
    computed
}

/// The whole resource.
///
/// # Errors
/// Internal, if the document is none.
pub fn whole(stored: &Stored, kinds: Kinds, base: &str) -> Result<Map<String, Value>> {
    let mut map: Map<String, Value> = json::own(stored.doc.get())?;
    map.insert("id".to_owned(), Value::from(stored.id.as_str()));
    map.extend(computed(stored, kinds, base));
    Ok(map)
}
