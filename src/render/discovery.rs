//! The answers of the discovery endpoints (RFC 7644 section 4). Anonymous callers get the schemas that every
//! organisation has, callers with a token also their organisation's own.

use super::{Response, SCIM_JSON, json_document};
use crate::error::{Code, Error, Result};
use crate::route::Scim;
use crate::scim::discovery;
use crate::scim::schema::Types;

/// Refuses a filter, which is forbidden and not ignored on discovery (RFC 7644 section 4).
///
/// # Errors
/// 403 for a filter.
pub fn check_query(query: &[(String, String)]) -> Result<()> {
    if query.iter().any(|(name, _)| name.eq_ignore_ascii_case("filter")) {
        return Err(Error::new(
            Code::DiscoveryFilter,
            "The discovery endpoints accept no filter. Read the whole list.",
        ));
    }
    Ok(())
}

/// Answers a discovery request. `base` is the SCIM base URL without a slash at its end.
///
/// # Errors
/// 404 for a resource type or a schema that does not exist; as [`check_query`].
pub fn answer_discovery(route: &Scim, query: &[(String, String)], base: &str, types: &Types) -> Result<Response> {
    check_query(query)?;
    let missing = |code: Code, what: &str, name: &str| {
        // The name comes from the address, which may have 8 KB.
        let shown: String = name.chars().take(200).collect();
        Error::new(code, format!("There is no {what} {shown}. Read the list without a name to see those that exist."))
    };
    let body = match route {
        Scim::ServiceProviderConfig => discovery::service_provider_config(base),
        Scim::ResourceTypes(None) => discovery::resource_types(base, types),
        Scim::ResourceTypes(Some(name)) => discovery::resource_type(base, types, name)
            .ok_or_else(|| missing(Code::ResourceTypeNotFound, "resource type", name))?,
        Scim::Schemas(None) => discovery::list_schemas(base, types),
        Scim::Schemas(Some(urn)) => {
            discovery::schema_document(base, types, urn).ok_or_else(|| missing(Code::SchemaNotFound, "schema", urn))?
        }
        _ => return Err(Error::internal("not a discovery request")),
    };
    Ok(json_document(200, &body, SCIM_JSON))
}
