//! A stored resource as SCIM shows it: its address, its entity tag, and the computed attributes beside the document.

use super::reply::{GroupRef, Stored, UnreadEntries};
use crate::error::Result;
use crate::scim::json;
use crate::scim::schema::Kinds;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Returns the address of a resource. Here and below `base` is the SCIM base URL without a slash at its end.
pub fn location_of(id: &str, kinds: Kinds, base: &str) -> String {
    format!("{base}/{}/{id}", kinds.endpoint())
}

/// Returns the weak entity tag (RFC 7644 section 3.14). A user shown with groups has a suffix that names them, because
/// they are part of the answer and not of the user's version.
pub fn etag(stored: &Stored) -> String {
    let tag = match &stored.rest {
        // The tag of very many groups was made while they were counted; they are not all held here.
        Some(UnreadEntries::Groups { tag, .. }) => tag.clone(),
        _ if stored.groups.is_empty() => return format!("W/\"{}\"", stored.version),
        _ => {
            let mut all = GroupsTag::default();
            stored.groups.iter().for_each(|group| all.add_group(group));
            all.finish()
        }
    };
    format!("W/\"{}-{tag}\"", stored.version)
}

/// The part of an entity tag for a user's groups, made of one group after the other.
#[derive(Default)]
pub struct GroupsTag(Sha256);

impl GroupsTag {
    /// Adds the next group.
    pub fn add_group(&mut self, group: &GroupRef) {
        for text in [group.id.as_str(), &group.display] {
            self.0.update(text);
            // A byte that no text holds stands between two texts, so `ab`+`c` and `a`+`bc` differ.
            self.0.update([0]);
        }
    }

    /// Returns the suffix: 12 hexadecimal digits.
    pub fn finish(self) -> String {
        let digest: [u8; 32] = self.0.finalize().into();
        // 48 bits: a tag is compared with that of one earlier answer of the same user, not with all others.
        crate::id::TokenHash(digest).hex().chars().take(12).collect()
    }
}

/// Returns `meta`, and the held part of a user's `groups` or a group's `members`.
pub fn computed_parts(stored: &Stored, kinds: Kinds, base: &str) -> Map<String, Value> {
    let meta = json!({
        "resourceType": kinds.name(),
        "created": stored.created.rfc3339(),
        "lastModified": stored.modified.rfc3339(),
        "location": location_of(&stored.id, kinds, base),
        "version": etag(stored),
    });
    let mut computed = Map::new();
    computed.insert("meta".to_owned(), meta);
    if !stored.groups.is_empty() {
        computed.insert("groups".to_owned(), groups_value(stored.groups.iter(), base));
    }
    // An empty list is no value (RFC 7643 section 2.5), so the attribute is left out.
    if let Some(ids) = stored.members.as_ref().filter(|members| !members.is_empty()) {
        computed.insert("members".to_owned(), members_value(ids, base));
    }
    computed
}

/// Returns a user's `groups`.
pub fn groups_value<'a>(groups: impl Iterator<Item = &'a GroupRef>, base: &str) -> Value {
    let shown = groups.map(|group| {
        let reference = location_of(group.id.as_str(), Kinds::Groups, base);
        json!({ "value": group.id, "$ref": reference, "display": group.display, "type": "direct" })
    });
    shown.collect()
}

/// Returns a group's `members`.
pub fn members_value(ids: &[String], base: &str) -> Value {
    let shown =
        ids.iter().map(|id| json!({ "value": id, "$ref": location_of(id, Kinds::Users, base), "type": "User" }));
    shown.collect()
}

/// Returns the whole resource.
///
/// # Errors
/// Internal, if the document is invalid.
pub fn whole_resource(stored: &Stored, kinds: Kinds, base: &str) -> Result<Map<String, Value>> {
    let mut map: Map<String, Value> = json::read_own(stored.doc.get())?;
    map.insert("id".to_owned(), Value::from(stored.id.as_str()));
    map.extend(computed_parts(stored, kinds, base));
    Ok(map)
}
