//! A Bulk request on its way to the object, and its results (RFC 7644 section 3.7).

use super::precondition::Precondition;
use crate::error::Error;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A Bulk request.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bulk {
    /// The operations in the order of the request.
    pub operations: Vec<BulkOperation>,
    /// The operations that run, step by step: [`crate::scim::bulk::execution_steps`].
    pub steps: Vec<Vec<usize>>,
    /// The number of errors after which no further operation runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_on_errors: Option<usize>,
}

/// One operation.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BulkOperation {
    /// The method in upper case.
    pub method: String,
    /// `/Users` or `/Users/{id}`; `None` if it is not an address of a user or group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The client's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bulk_id: Option<String>,
    /// The positions of the operations whose ids stand as placeholders ([`crate::scim::bulk::Placeholders`]) in its
    /// path and its command.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refers: Vec<usize>,
    /// The condition of its `version`.
    #[serde(default, skip_serializing_if = "Precondition::is_empty")]
    pub precondition: Precondition,
    /// The command, or the edge's refusal.
    pub command: CommandText,
}

/// A command as JSON text, in which ids can still be replaced.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandText(Box<RawValue>);

impl CommandText {
    /// Takes the text of a [`Command`](super::scim::Command), which [`to_text`](super::scim::Command::to_text) makes.
    pub(super) fn new(text: Box<RawValue>) -> Self {
        Self(text)
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for CommandText {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

/// The result of one operation.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationResult {
    /// The method in upper case.
    pub method: String,
    /// The client's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bulk_id: Option<String>,
    /// `/Users/{id}`; `None` if there is no such resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The entity tag of the resource as the operation left it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The reason of its failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}
