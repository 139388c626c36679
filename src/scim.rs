//! The rules of RFC 7643 and RFC 7644. Nothing here names an identity provider, an organisation or SQL.

pub mod binary;
pub mod bulk;
pub mod constraints;
pub mod difference;
pub mod discovery;
pub mod echo;
pub mod etag;
pub mod extension;
pub mod filter;
pub mod growth;
pub mod guided;
pub mod json;
pub mod limits;
pub mod member;
pub mod names;
pub mod operation;
mod order;
pub mod patch;
pub mod path;
mod primary;
pub mod projection;
pub mod resource;
pub mod schema;
pub mod sort;
pub mod unregistered;
pub mod urn;

/// The attributes of a resource, of an extension or of a complex value, by their names.
pub type Attributes = serde_json::Map<String, serde_json::Value>;
