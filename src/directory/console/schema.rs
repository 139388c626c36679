//! The extension schemas that an organisation registered.

use serde::Serialize;
use serde_json::value::RawValue;

/// The extension schemas of an organisation, at most 20.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub struct ExtensionSchemas {
    /// The documents as they are kept.
    #[cfg_attr(native, schemars(with = "Vec<super::super::described::ExtensionSchema>"))]
    pub schemas: Box<RawValue>,
}
