//! The pure part of the Console's API: bodies and parameters to calls. Unknown fields are refused by name.

#[cfg(native)]
pub mod api;
mod bodies;
pub mod cors;
mod queries;

pub use bodies::{PreviewBody, configure, mint, release, rotate, schema};
pub use queries::{children, confirmed, organisations_page, parameters, query};

use crate::error::{Code, Error};
use crate::id::OrgId;
use crate::render::{JSON, Response};

/// Returns the description of this API (OpenAPI 3.1), as `GET /v1/openapi.json` gives it. `tests/console/openapi.rs`
/// compares it with the routes.
pub fn openapi() -> Response {
    let body = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json")).to_vec();
    Response { status: 200, headers: Vec::new(), body, content_type: JSON }
}

/// Returns a refusal in the words of this API: SCIM's sentences speak of the identity provider, these say which
/// credentials the Console's API takes. One sentence for each code, the same for every caller and whether or not the
/// organisation exists.
pub fn unauthorized(error: Error) -> Error {
    let detail = match error.code {
        Code::Unauthorized => {
            "This call needs the root key (CONSOLE_KEY) or a live Console token of this organisation, as \
             Authorization: Bearer. The credentials are missing, unknown, revoked, expired, used from outside its \
             address ranges, of another organisation, or a token for the identity provider (scim_...). Compare the \
             organisation in the address with the Cloud Console: it may be misspelt."
        }
        Code::TokenIncomplete => {
            "These credentials are neither the root key nor a complete Console token, which begins with console_. \
             Compare them with the secret CONSOLE_KEY of this deployment, or copy the token again whole."
        }
        Code::TokenForeign => {
            "This is a JSON Web Token of another service. The Console's API takes the root key (CONSOLE_KEY) or a \
             Console token, which begins with console_."
        }
        _ => return error,
    };
    error.with_detail(detail)
}

/// Returns the refusal of a list of all organisations to a token, which belongs to one.
pub fn only_root_lists(org: &OrgId) -> Error {
    Error::new(
        Code::ScopeTooNarrow,
        format!(
            "Only the root key lists all organisations; this token belongs to organisation {org} alone, which GET \
             /v1/orgs/{org} shows."
        ),
    )
}
