//! The extension schemas that an organisation registered.

use serde::Serialize;
use serde_json::value::RawValue;

/// The extension schemas of an organisation, at most 20.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub struct Schemas {
    /// The documents as they are kept.
    #[cfg_attr(native, schemars(with = "Vec<super::super::described::Schema>"))]
    pub schemas: Box<RawValue>,
}
