//! Answers that belong to no organisation: refusals, and whether the service runs.

use crate::error::Kind;
use crate::id::RequestId;
use serde::Serialize;

/// A refusal (RFC 9457).
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Problem<'a> {
    /// `code` as a URN.
    #[serde(rename = "type")]
    #[cfg_attr(native, schemars(regex(pattern = r"^urn:scim-edge:error:[a-z0-9-]+$")))]
    pub kind: String,
    /// The kind of refusal, for people.
    #[cfg_attr(native, schemars(with = "String"))]
    pub title: Kind,
    /// The status.
    pub status: u16,
    /// Why, in a word.
    #[cfg_attr(native, schemars(with = "crate::directory::described::ErrorCode"))]
    pub code: &'a str,
    /// The error and the way out, for people.
    pub detail: String,
    /// The request, for support.
    pub request_id: &'a RequestId,
}

/// The service runs.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub struct Running {
    /// `ok`.
    pub status: Always,
}

/// It runs.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Always {
    /// It does.
    Ok,
}
