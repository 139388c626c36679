//! The conditions of a request (RFC 9110 section 13.1).

use crate::scim::etag::Tags;
use serde::{Deserialize, Serialize};

/// `If-Match` and `If-None-Match` (RFC 9110 section 13.1); for a POST only `If-None-Match: *` has a meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Precondition {
    /// The tags of which one must be the resource's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_match: Option<Tags>,
    /// The tags of which none may be the resource's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_none_match: Option<Tags>,
}

impl Precondition {
    /// Returns true if there is no condition.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
