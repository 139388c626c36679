//! (method, path, query) to a [`Route`]: every address of the service in one place.
//!
//! A path inside an organisation's SCIM base URL always gives [`Route::Scim`], even if nothing is there: who asks
//! is checked before what is asked is judged, so that nothing leaks about organisations.

use crate::error::{Code, Error, Result, excerpt, quoted};
use crate::id::OrgId;
use crate::scim::schema::Kinds;
use std::borrow::Cow;

/// What a SCIM request asks for (RFC 7644 section 3.2, table 2). The id is as it stood in the path.
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
}

impl Scim {
    /// True for the three discovery endpoints (RFC 7644 section 4), which anybody may read.
    pub fn is_discovery(&self) -> bool {
        matches!(self, Scim::ServiceProviderConfig | Scim::ResourceTypes(_) | Scim::Schemas(_))
    }

    /// What is answered: users where the route names no kind.
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

/// How many parts an import can have.
const PARTS_MAX: i64 = 10_000;

/// What a Console request asks for, below `/v1/orgs`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the address says it")]
pub enum Console {
    ListOrgs,
    PutOrg(OrgId),
    PatchOrg(OrgId),
    EraseOrg(OrgId),
    GetOrg(OrgId),
    MintToken(OrgId),
    ListTokens(OrgId),
    RevokeToken(OrgId, String),
    RotateToken(OrgId, String),
    List(OrgId, Kinds),
    Get(OrgId, Kinds, String),
    Members(OrgId, String),
    Changes(OrgId),
    ReleaseGuard(OrgId),
    Journal(OrgId),
    Preview(OrgId),
    Snapshot(OrgId),
    BeginImport(OrgId),
    GetImport(OrgId),
    EndImport(OrgId),
    /// A part, with its number.
    PutImport(OrgId, i64),
    FinishImport(OrgId),
    Schemas(OrgId),
    GetSchema(OrgId, String),
    PutSchema(OrgId, String),
    DeleteSchema(OrgId, String),
}

/// What is answered without a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// `/healthz`.
    Health,
    /// `/v1/openapi.json`: the description of the Console's API.
    OpenApi,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Route {
    /// What anybody may ask, or why there is nothing.
    Open(Result<Open>),
    /// Something in an organisation's SCIM base URL, or why there is nothing.
    Scim(OrgId, Result<Scim>),
    /// The Console's API, or why there is nothing.
    Console(Result<Console>),
    /// No such address.
    Nowhere(Error),
}

/// Finds the route.
///
/// Tolerated, because identity providers send it: trailing and doubled slashes, and flags in the base URL that push
/// the rest of the path into the query (`/acme/scim/v2?aadOptscim062020/Users`).
/// `host_org` is the organisation that the host name stands for, if it does.
pub fn route(method: &str, path: &str, query: &str, host_org: Option<OrgId>) -> Route {
    let mut segments: Vec<Cow<'_, str>> = split(path);
    let texts = |segments: &[Cow<'_, str>]| segments.iter().map(|s| s.to_string()).collect::<Vec<_>>();
    let at_base = matches!(
        texts(&segments).iter().map(String::as_str).collect::<Vec<_>>().as_slice(),
        ["scim", "v2"] | [_, "scim", "v2"] | ["scim", _]
    );
    if at_base && let Some((_, rest)) = query.split_once('/') {
        segments.extend(split(rest.split(['?', '&']).next().unwrap_or_default()));
    }
    let segments = texts(&segments);
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (segments.as_slice(), host_org) {
        (["scim", "v2", rest @ ..], Some(org)) => Route::Scim(org, scim(method, rest)),
        (["healthz"], _) => Route::Open(only(method, &["GET"]).map(|()| Open::Health)),
        (["v1", "openapi.json"], _) => Route::Open(only(method, &["GET"]).map(|()| Open::OpenApi)),
        (["v1", "orgs", rest @ ..], _) => Route::Console(console(method, rest)),
        (["v1", ..], _) => {
            Route::Console(Err(Error::new(Code::AddressUnknown, "The Console's API begins with /v1/orgs.")))
        }
        ([org, "scim", "v2", rest @ ..], _) | (["scim", org, rest @ ..], _) => match OrgId::parse(org) {
            Some(org) => Route::Scim(org, scim(method, rest)),
            None => Route::Nowhere(nothing_at(path)),
        },
        _ => Route::Nowhere(nothing_at(path)),
    }
}

/// True for an address with the scheme http whose host is not this machine: `localhost`, a name below it (RFC 6761 section
/// 6.3), or a loopback address. What is sent there crosses the network in the clear.
pub fn is_in_clear(url: &str) -> bool {
    let (origin, ..) = parts(url);
    let Some((scheme, host)) = origin.split_once("://") else { return false };
    if !scheme.eq_ignore_ascii_case("http") {
        return false;
    }
    // The port follows the last colon, but not one inside the brackets of an IPv6 address.
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    let is_name = name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost");
    !(is_name || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback()))
}

fn split(path: &str) -> Vec<Cow<'_, str>> {
    let decode = |s| percent_encoding::percent_decode_str(s).decode_utf8_lossy();
    path.split('/').filter(|s| !s.is_empty()).map(decode).collect()
}

/// The organisation that a host name stands for, with the variable `ORG_HOST_SUFFIX` set to `suffix`.
pub fn host_org(host: &str, suffix: &str) -> Option<OrgId> {
    let host = host.split(':').next()?;
    let name = host.strip_suffix(suffix.trim_start_matches('.'))?.strip_suffix('.')?;
    (!suffix.is_empty()).then(|| OrgId::parse(name))?
}

/// What one operation of a Bulk request asks for, whose path is relative to the SCIM base URL (RFC 7644 section 3.7).
/// `base` is that URL; a path may begin with it.
///
/// # Errors
/// As for a request of its own.
pub fn operation(method: &str, path: &str, base: &str) -> Result<Scim> {
    let (path, _) = path.split_once(['?', '#']).unwrap_or((path, ""));
    let (_, root, _) = parts(base);
    let path = path.strip_prefix(base).or_else(|| path.strip_prefix(root)).unwrap_or(path);
    let segments = split(path);
    scim(method, &segments.iter().map(AsRef::as_ref).collect::<Vec<_>>())
}

fn scim(method: &str, rest: &[&str]) -> Result<Scim> {
    let kinds = |name: &str| match name {
        _ if name.eq_ignore_ascii_case("Users") => Some(Kinds::Users),
        _ if name.eq_ignore_ascii_case("Groups") => Some(Kinds::Groups),
        _ => None,
    };
    match rest {
        [name] if kinds(name).is_some() => {
            only(method, &["GET", "POST"])?;
            let kinds = kinds(name).unwrap_or(Kinds::Users);
            Ok(if method == "GET" { Scim::List(kinds) } else { Scim::Create(kinds) })
        }
        [name, id] if kinds(name).is_some() && *id != ".search" => {
            only(method, &["GET", "PUT", "PATCH", "DELETE"])?;
            let (kinds, id) = (kinds(name).unwrap_or(Kinds::Users), (*id).to_owned());
            Ok(match method {
                "GET" => Scim::Get(kinds, id),
                "PUT" => Scim::Replace(kinds, id),
                "PATCH" => Scim::Patch(kinds, id),
                _ => Scim::Delete(kinds, id),
            })
        }
        ["ServiceProviderConfig"] => only(method, &["GET"]).map(|()| Scim::ServiceProviderConfig),
        ["ResourceTypes"] => only(method, &["GET"]).map(|()| Scim::ResourceTypes(None)),
        ["ResourceTypes", name] => only(method, &["GET"]).map(|()| Scim::ResourceTypes(Some((*name).to_owned()))),
        ["Schemas"] => only(method, &["GET"]).map(|()| Scim::Schemas(None)),
        ["Schemas", urn] => only(method, &["GET"]).map(|()| Scim::Schemas(Some((*urn).to_owned()))),
        ["Me", ..] => Err(not_offered("/Me", "address users by /Users/{id}")),
        ["Bulk"] => only(method, &["POST"]).map(|()| Scim::Bulk),
        [".search"] => only(method, &["POST"]).map(|()| Scim::Search(None)),
        [name, ".search"] if kinds(name).is_some() => only(method, &["POST"]).map(|()| Scim::Search(kinds(name))),
        _ => Err(nothing_at(&format!("/{}", rest.join("/")))),
    }
}

fn console(method: &str, rest: &[&str]) -> Result<Console> {
    let kinds = |name: &str| if name == "users" { Kinds::Users } else { Kinds::Groups };
    let Some((org, rest)) = rest.split_first() else {
        return only(method, &["GET"]).map(|()| Console::ListOrgs);
    };
    let org = OrgId::parse(org).ok_or_else(|| {
        Error::new(
            Code::OrganisationName,
            format!(
                "{org} cannot be an organisation: use a-z, 0-9 and -, at most 63, no reserved word.",
                org = quoted(org)
            ),
        )
    })?;
    match rest {
        [] => {
            only(method, &["GET", "PUT", "PATCH", "DELETE"])?;
            Ok(match method {
                "GET" => Console::GetOrg(org),
                "PUT" => Console::PutOrg(org),
                "PATCH" => Console::PatchOrg(org),
                _ => Console::EraseOrg(org),
            })
        }
        ["tokens"] => {
            only(method, &["GET", "POST"])?;
            Ok(if method == "GET" { Console::ListTokens(org) } else { Console::MintToken(org) })
        }
        ["tokens", id, "rotate"] => only(method, &["POST"]).map(|()| Console::RotateToken(org, (*id).to_owned())),
        ["tokens", id] => only(method, &["DELETE"]).map(|()| Console::RevokeToken(org, (*id).to_owned())),
        [name @ ("users" | "groups")] => only(method, &["GET"]).map(|()| Console::List(org, kinds(name))),
        [name @ ("users" | "groups"), id] => {
            only(method, &["GET"]).map(|()| Console::Get(org, kinds(name), (*id).to_owned()))
        }
        ["groups", id, "members"] => only(method, &["GET"]).map(|()| Console::Members(org, (*id).to_owned())),
        ["guard", "release"] => only(method, &["POST"]).map(|()| Console::ReleaseGuard(org)),
        ["changes"] => only(method, &["GET"]).map(|()| Console::Changes(org)),
        ["journal"] => only(method, &["GET"]).map(|()| Console::Journal(org)),
        ["preview"] => only(method, &["POST"]).map(|()| Console::Preview(org)),
        ["snapshot"] => only(method, &["GET"]).map(|()| Console::Snapshot(org)),
        ["import"] => {
            only(method, &["GET", "POST", "DELETE"])?;
            Ok(match method {
                "GET" => Console::GetImport(org),
                "POST" => Console::BeginImport(org),
                _ => Console::EndImport(org),
            })
        }
        ["import", "finish"] => only(method, &["POST"]).map(|()| Console::FinishImport(org)),
        ["import", part] => {
            only(method, &["PUT"])?;
            let number = part.parse().ok().filter(|part| (1..=PARTS_MAX).contains(part));
            number.map(|part| Console::PutImport(org, part)).ok_or_else(|| {
                Error::new(
                    Code::ImportPartNumber,
                    format!("{part} is no part: they are numbered from 1 to {PARTS_MAX}.", part = quoted(part)),
                )
            })
        }
        ["schemas"] => only(method, &["GET"]).map(|()| Console::Schemas(org)),
        ["schemas", urn] => {
            only(method, &["GET", "PUT", "DELETE"])?;
            let urn = (*urn).to_owned();
            Ok(match method {
                "GET" => Console::GetSchema(org, urn),
                "PUT" => Console::PutSchema(org, urn),
                _ => Console::DeleteSchema(org, urn),
            })
        }
        _ => Err(nothing_at(&format!("/v1/orgs/{org}/{}", rest.join("/")))),
    }
}

fn only(method: &str, allowed: &[&str]) -> Result<()> {
    if allowed.contains(&method) {
        return Ok(());
    }
    let list = allowed.join(", ");
    Err(Error::new(Code::MethodNotAllowed, format!("{method} is not possible here; use {list}.")).about([list]))
}

fn not_offered(what: &str, instead: &str) -> Error {
    Error::new(Code::NotImplemented, format!("{what} is not offered; {instead}."))
}

fn nothing_at(path: &str) -> Error {
    Error::new(
        Code::AddressUnknown,
        format!("There is nothing at {}. The SCIM base URL is https://HOST/{{organisation}}/scim/v2.", excerpt(path)),
    )
}

/// An absolute URL, as the platform gives it, in origin, path and query.
pub fn parts(url: &str) -> (&str, &str, &str) {
    let url = url.split('#').next().unwrap_or_default();
    let (whole, query) = url.split_once('?').unwrap_or((url, ""));
    let host = whole.find("://").map_or(0, |at| at + 3);
    let path = whole.get(host..).and_then(|rest| rest.find('/')).map_or(whole.len(), |at| host + at);
    let (origin, path) = whole.split_at_checked(path).unwrap_or((whole, ""));
    (origin, path, query)
}

/// A query string as pairs: `+` is a space, empty parts are dropped (identity providers leave a trailing `&` or `?`).
pub fn query(text: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(text.trim_matches('?').as_bytes())
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (url, expected) in [
            ("https://h:1/a/b?c=d/e#f", ("https://h:1", "/a/b", "c=d/e")),
            ("https://h/?", ("https://h", "/", "")),
            ("https://h", ("https://h", "", "")),
        ] {
            assert_eq!(parts(url), expected, "{url}");
        }
    }

    #[test]
    fn what_is_sent_in_the_clear() {
        for (url, expected) in [
            ("https://scim.example.com/acme/scim/v2", false),
            ("http://scim.example.com/acme/scim/v2", true),
            ("HTTP://scim.example.com:80", true),
            ("http://192.0.2.1:8787/v1/orgs", true),
            ("http://[2001:db8::1]/", true),
            ("http://[2001:db8::1]:8787/", true),
            ("http://127.0.0.1.example.com/", true),
            ("http://localhost.example.com/", true),
            ("http://localhost@example.com/", true),
            ("http://notlocalhost/", true),
            ("http://localhost/", false),
            ("http://LocalHost:8787/v1/orgs?a=http://b", false),
            ("http://acme.localhost:8787/scim/v2", false),
            ("http://127.0.0.1:8787/", false),
            ("http://127.9.9.9/", false),
            ("http://[::1]/", false),
            ("http://[::1]:8787/", false),
        ] {
            assert_eq!(is_in_clear(url), expected, "{url}");
        }
    }

    #[test]
    fn organisations_by_host() {
        let org = OrgId::parse("acme");
        for (host, suffix, expected) in [
            ("acme.scim.example.com", ".scim.example.com", org.clone()),
            ("acme.scim.example.com:8787", "scim.example.com", org),
            ("acme.example.com", ".scim.example.com", None),
            ("scim.example.com", ".scim.example.com", None),
            ("www.scim.example.com", ".scim.example.com", None),
            ("acme", "", None),
        ] {
            assert_eq!(host_org(host, suffix), expected, "{host} {suffix}");
        }
    }
}
