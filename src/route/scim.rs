//! The addresses below an organisation's SCIM base URL (RFC 7644 section 3.2).

use super::check_method;
use crate::error::{Code, Error, Result, excerpt};
use crate::scim::schema::Kinds;

/// The operation that a SCIM request asks for (RFC 7644 section 3.2, table 2). The id is as it stood in the path.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "RFC 7644 table 2")]
pub enum Scim {
    Create(Kinds),
    List(Kinds),
    Get(Kinds, String),
    Replace(Kinds, String),
    Patch(Kinds, String),
    Delete(Kinds, String),
    Bulk,
    ServiceProviderConfig,
    ResourceTypes(Option<String>),
    Schemas(Option<String>),
    /// `/.search`, for one kind or for both (RFC 7644 section 3.4.3).
    Search(Option<Kinds>),
    /// A query of the base URL itself, for both (RFC 7644 section 3.4.2.1).
    ListAll,
}

impl Scim {
    /// Returns true for the three discovery endpoints (RFC 7644 section 4), which need no token.
    pub fn is_discovery(&self) -> bool {
        matches!(self, Scim::ServiceProviderConfig | Scim::ResourceTypes(_) | Scim::Schemas(_))
    }

    /// Returns the kind of resource in the answer: users where the route names no kind.
    pub fn kinds(&self) -> Kinds {
        match self {
            Scim::Create(kinds)
            | Scim::List(kinds)
            | Scim::Get(kinds, _)
            | Scim::Replace(kinds, _)
            | Scim::Patch(kinds, _)
            | Scim::Delete(kinds, _)
            | Scim::Search(Some(kinds)) => *kinds,
            _ => Kinds::Users,
        }
    }
}

/// Finds the operation below the SCIM base URL, whose path is `root`.
pub(super) fn scim_route(method: &str, rest: &[&str], root: &str) -> Result<Scim> {
    let kinds = |name: &str| match name {
        _ if name.eq_ignore_ascii_case("Users") => Some(Kinds::Users),
        _ if name.eq_ignore_ascii_case("Groups") => Some(Kinds::Groups),
        _ => None,
    };
    match rest {
        [name] if kinds(name).is_some() => {
            check_method(method, &["GET", "POST"])?;
            let kinds = kinds(name).unwrap_or(Kinds::Users);
            Ok(if method == "GET" { Scim::List(kinds) } else { Scim::Create(kinds) })
        }
        [name, id] if kinds(name).is_some() && *id != ".search" => {
            check_method(method, &["GET", "PUT", "PATCH", "DELETE"])?;
            let (kinds, id) = (kinds(name).unwrap_or(Kinds::Users), (*id).to_owned());
            Ok(match method {
                "GET" => Scim::Get(kinds, id),
                "PUT" => Scim::Replace(kinds, id),
                "PATCH" => Scim::Patch(kinds, id),
                _ => Scim::Delete(kinds, id),
            })
        }
        ["ServiceProviderConfig"] => check_method(method, &["GET"]).map(|()| Scim::ServiceProviderConfig),
        ["ResourceTypes"] => check_method(method, &["GET"]).map(|()| Scim::ResourceTypes(None)),
        ["ResourceTypes", name] => {
            check_method(method, &["GET"]).map(|()| Scim::ResourceTypes(Some((*name).to_owned())))
        }
        ["Schemas"] => check_method(method, &["GET"]).map(|()| Scim::Schemas(None)),
        ["Schemas", urn] => check_method(method, &["GET"]).map(|()| Scim::Schemas(Some((*urn).to_owned()))),
        ["Me", ..] => Err(not_offered("/Me", "address users by /Users/{id}")),
        ["Bulk"] => check_method(method, &["POST"]).map(|()| Scim::Bulk),
        [] => check_method(method, &["GET"]).map(|()| Scim::ListAll),
        [".search"] => check_method(method, &["POST"]).map(|()| Scim::Search(None)),
        [name, ".search"] if kinds(name).is_some() => {
            check_method(method, &["POST"]).map(|()| Scim::Search(kinds(name)))
        }
        _ => Err(Error::new(
            Code::AddressUnknown,
            format!(
                "There is nothing at {} below the SCIM base URL, which ends in {root}. It has /Users, /Groups, /Bulk, \
                 /.search, /ServiceProviderConfig, /ResourceTypes and /Schemas.",
                excerpt(format!("/{}", rest.join("/")))
            ),
        )),
    }
}

fn not_offered(what: &str, instead: &str) -> Error {
    Error::new(Code::NotImplemented, format!("{what} is not offered; {instead}."))
}
