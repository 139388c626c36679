//! Operations of a PATCH as they are sent, before a schema says what their paths name.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The effect of an operation on its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "RFC 7644 sections 3.5.2.1 to 3.5.2.3")]
pub enum PatchOp {
    Add,
    Remove,
    Replace,
}

/// An operation whose path begins with the URN of an unregistered extension. The serialised form is part of a versioned
/// command: names are never changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unresolved {
    /// The kind of the operation.
    pub op: PatchOp,
    /// The path as it was sent.
    pub path: String,
    /// The value as it was sent; `null` for none.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub value: Value,
    /// The number of the operation whose path this is, from 1 on; none for the key of a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<usize>,
}
