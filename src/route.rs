//! (method, path, query) to a [`Route`]: every address of the service in one place.
//!
//! A path inside an organisation's SCIM base URL always gives [`Route::Scim`], even if nothing is there. The caller is
//! checked before the request is judged, so that an unknown caller learns nothing about organisations.

mod address;

use crate::error::{Code, Error, Result, excerpt, quoted};
use crate::id::OrgId;
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

/// The most parts of an import.
pub const PARTS_MAX: i64 = 10_000;

/// The operation that a Console request asks for, below `/v1/orgs`.
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

/// An address that needs no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// `/healthz`.
    Health,
    /// `/v1/openapi.json`: the description of the Console's API.
    OpenApi,
}

/// The parameters of a query, decoded.
pub type Parameters = Vec<(String, String)>;

/// The destination of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Route {
    /// An address that needs no token, or why there is nothing.
    Open(Result<Open>),
    /// An address in an organisation's SCIM base URL, or why there is nothing, and the parameters.
    Scim(OrgId, Result<Scim>, Parameters),
    /// An address of the Console's API, or why there is nothing.
    Console(Result<Console>),
    /// No such address.
    Nowhere(Error),
}

/// Finds the route.
///
/// Identity providers send trailing and doubled slashes, and a query in the base URL that pushes the rest of the path
/// into itself (`/acme/scim/v2?aadOptscim062020/Users`): both are accepted. `HEAD` is `GET` (RFC 9110 section 9.3.2);
/// the caller drops the body of its answer. `host_org` is the organisation of the host name, if it has one.
pub fn route(method: &str, path: &str, query: &str, host_org: Option<OrgId>) -> Route {
    let method = if method == "HEAD" { "GET" } else { method };
    let (segments, parameters) = path_segments(path, query);
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (segments.as_slice(), host_org) {
        (["scim", "v2", rest @ ..], Some(org)) => route_below(org, method, rest, parameters),
        (["healthz"], _) => Route::Open(check_method(method, &["GET"]).map(|()| Open::Health)),
        (["v1", "openapi.json"], _) => Route::Open(check_method(method, &["GET"]).map(|()| Open::OpenApi)),
        (["v1", "orgs", rest @ ..], _) => Route::Console(console_route(method, rest)),
        (["v1", ..], _) => Route::Console(Err(not_the_consoles(path))),
        ([org, "scim", "v2", rest @ ..], _) | (["scim", org, rest @ ..], _) => match OrgId::parse(org) {
            Some(org) => route_below(org, method, rest, parameters),
            None => Route::Nowhere(no_organisation(org, path)),
        },
        _ => Route::Nowhere(nothing_at(path)),
    }
}

fn route_below(org: OrgId, method: &str, rest: &[&str], parameters: Parameters) -> Route {
    let root = format!("/{org}/scim/v2");
    Route::Scim(org, scim_route(method, rest, &root), parameters)
}

/// Returns the segments of a path and the parameters of its query, wherever a client put them.
fn path_segments(path: &str, query: &str) -> (Vec<String>, Parameters) {
    let segments = split_path(path);
    let at_base = match segments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["scim", org] => *org == "v2" || OrgId::parse(org).is_some(),
        [_, "scim", "v2"] => true,
        _ => false,
    };
    with_query(segments, query, at_base)
}

/// Adds the path that stands in the query of a base URL to its segments.
fn with_query(mut segments: Vec<String>, query: &str, at_base: bool) -> (Vec<String>, Parameters) {
    match address::path_in_query(query).filter(|_| at_base) {
        Some((more, rest)) => {
            segments.extend(split_path(&more.replace("%2F", "/").replace("%2f", "/")));
            (segments, self::query(rest))
        }
        None => (segments, self::query(query)),
    }
}

/// Returns true for an address with the scheme http whose host is not this machine: `localhost`, a name below it (RFC
/// 6761 section 6.3), or a loopback address. A request to it crosses the network in the clear.
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

fn split_path(path: &str) -> Vec<String> {
    let decode = |s| percent_encoding::percent_decode_str(s).decode_utf8_lossy().into_owned();
    path.split('/').filter(|s| !s.is_empty()).map(decode).collect()
}

/// Returns the organisation that a host name stands for, in any case of letters. `suffix` is the variable
/// `ORG_HOST_SUFFIX`.
pub fn host_org(host: &str, suffix: &str) -> Option<OrgId> {
    let (host, suffix) = (host.to_ascii_lowercase(), suffix.to_ascii_lowercase());
    let host = host.split(':').next()?;
    let name = host.strip_suffix(suffix.trim_start_matches('.'))?.strip_suffix('.')?;
    (!suffix.is_empty()).then(|| OrgId::parse(name))?
}

/// Returns what one operation of a Bulk request asks for, or the request of a preview, and its parameters. Its path is
/// relative to the SCIM base URL `base` (RFC 7644 section 3.7), and may begin with it.
///
/// # Errors
/// As for a request of its own.
pub fn relative(method: &str, address: &str, base: &str) -> (Result<Scim>, Parameters) {
    let method = if method == "HEAD" { "GET" } else { method };
    let address = address.split('#').next().unwrap_or_default();
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let (_, root, _) = parts(base);
    let path = path.strip_prefix(base).or_else(|| path.strip_prefix(root)).unwrap_or(path);
    let segments = split_path(path);
    let at_base = segments.is_empty();
    let (segments, parameters) = with_query(segments, query, at_base);
    (scim_route(method, &segments.iter().map(String::as_str).collect::<Vec<_>>(), root), parameters)
}

/// Finds the operation below the SCIM base URL, whose path is `root`.
fn scim_route(method: &str, rest: &[&str], root: &str) -> Result<Scim> {
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

fn console_route(method: &str, rest: &[&str]) -> Result<Console> {
    let kinds = |name: &str| if name == "users" { Kinds::Users } else { Kinds::Groups };
    let Some((org, rest)) = rest.split_first() else {
        return check_method(method, &["GET"]).map(|()| Console::ListOrgs);
    };
    let org = OrgId::parse(org).ok_or_else(|| {
        Error::new(
            Code::OrganisationName,
            format!(
                "{org} is not a valid name of an organisation: use a-z, 0-9 and -, at most 63 characters, and no \
                 reserved word.",
                org = quoted(org)
            ),
        )
    })?;
    match rest {
        [] => {
            check_method(method, &["GET", "PUT", "PATCH", "DELETE"])?;
            Ok(match method {
                "GET" => Console::GetOrg(org),
                "PUT" => Console::PutOrg(org),
                "PATCH" => Console::PatchOrg(org),
                _ => Console::EraseOrg(org),
            })
        }
        ["tokens"] => {
            check_method(method, &["GET", "POST"])?;
            Ok(if method == "GET" { Console::ListTokens(org) } else { Console::MintToken(org) })
        }
        ["tokens", id, "rotate"] => {
            check_method(method, &["POST"]).map(|()| Console::RotateToken(org, (*id).to_owned()))
        }
        ["tokens", id] => check_method(method, &["DELETE"]).map(|()| Console::RevokeToken(org, (*id).to_owned())),
        [name @ ("users" | "groups")] => check_method(method, &["GET"]).map(|()| Console::List(org, kinds(name))),
        [name @ ("users" | "groups"), id] => {
            check_method(method, &["GET"]).map(|()| Console::Get(org, kinds(name), (*id).to_owned()))
        }
        ["groups", id, "members"] => check_method(method, &["GET"]).map(|()| Console::Members(org, (*id).to_owned())),
        ["guard", "release"] => check_method(method, &["POST"]).map(|()| Console::ReleaseGuard(org)),
        ["changes"] => check_method(method, &["GET"]).map(|()| Console::Changes(org)),
        ["journal"] => check_method(method, &["GET"]).map(|()| Console::Journal(org)),
        ["preview"] => check_method(method, &["POST"]).map(|()| Console::Preview(org)),
        ["snapshot"] => check_method(method, &["GET"]).map(|()| Console::Snapshot(org)),
        ["import"] => {
            check_method(method, &["GET", "POST", "DELETE"])?;
            Ok(match method {
                "GET" => Console::GetImport(org),
                "POST" => Console::BeginImport(org),
                _ => Console::EndImport(org),
            })
        }
        ["import", "finish"] => check_method(method, &["POST"]).map(|()| Console::FinishImport(org)),
        ["import", part] => {
            check_method(method, &["PUT"])?;
            let number = part.parse().ok().filter(|part| (1..=PARTS_MAX).contains(part));
            number.map(|part| Console::PutImport(org, part)).ok_or_else(|| {
                Error::new(
                    Code::ImportPartNumber,
                    format!(
                        "{part} is not the number of a part: parts are numbered from 1 to {PARTS_MAX}.",
                        part = quoted(part)
                    ),
                )
            })
        }
        ["schemas"] => check_method(method, &["GET"]).map(|()| Console::Schemas(org)),
        ["schemas", urn] => {
            check_method(method, &["GET", "PUT", "DELETE"])?;
            let urn = (*urn).to_owned();
            Ok(match method {
                "GET" => Console::GetSchema(org, urn),
                "PUT" => Console::PutSchema(org, urn),
                _ => Console::DeleteSchema(org, urn),
            })
        }
        _ => Err(not_the_consoles(&format!("/v1/orgs/{org}/{}", rest.join("/")))),
    }
}

fn check_method(method: &str, allowed: &[&str]) -> Result<()> {
    if allowed.contains(&method) {
        return Ok(());
    }
    let list = allowed.join(", ");
    Err(Error::new(Code::MethodNotAllowed, format!("{method} is not allowed at this address. Use {list}."))
        .with_names([list]))
}

fn not_offered(what: &str, instead: &str) -> Error {
    Error::new(Code::NotImplemented, format!("{what} is not offered; {instead}."))
}

fn nothing_at(path: &str) -> Error {
    Error::new(
        Code::AddressUnknown,
        format!(
            "There is nothing at {}. The SCIM base URL is https://HOST/NAME/scim/v2, with the organisation's name as \
             the Cloud Console shows it in place of NAME; the Console's API begins with /v1/orgs.",
            excerpt(path)
        ),
    )
}

/// Refuses a text in the place of an organisation that cannot be one: most often it is upper case.
fn no_organisation(name: &str, path: &str) -> Error {
    let lower = name.to_ascii_lowercase();
    if lower == name || OrgId::parse(&lower).is_none() {
        return nothing_at(path);
    }
    Error::new(
        Code::OrganisationName,
        format!(
            "The organisation in this address is {name}; names of organisations are lower case: change it to {lower} \
             in the SCIM base URL (/{lower}/scim/v2).",
            name = quoted(name)
        ),
    )
    .with_names([name])
}

/// Returns 404 for an address under `/v1` that the Console's API does not have.
fn not_the_consoles(path: &str) -> Error {
    let detail = format!(
        "The Console's API has nothing at {}. Its addresses begin with /v1/orgs; GET /v1/openapi.json lists them all.",
        excerpt(path)
    );
    Error::new(Code::AddressUnknown, detail)
}

/// Splits an absolute URL, as the platform gives it, into origin, path and query.
pub fn parts(url: &str) -> (&str, &str, &str) {
    let url = url.split('#').next().unwrap_or_default();
    let (whole, query) = url.split_once('?').unwrap_or((url, ""));
    let host = whole.find("://").map_or(0, |at| at + 3);
    let path = whole.get(host..).and_then(|rest| rest.find('/')).map_or(whole.len(), |at| host + at);
    let (origin, path) = whole.split_at_checked(path).unwrap_or((whole, ""));
    (origin, path, query)
}

/// Splits a query string into pairs. `+` is a space, and empty parts are dropped: identity providers leave a trailing
/// `&` or `?`. A further `?` before a parameter of SCIM separates too.
pub fn query(text: &str) -> Parameters {
    address::parameters(text)
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
            ("acme.scim.example.com:8787", "scim.example.com", org.clone()),
            ("ACME.Scim.Example.com", ".SCIM.example.com", org),
            ("acme.example.com", ".scim.example.com", None),
            ("scim.example.com", ".scim.example.com", None),
            ("www.scim.example.com", ".scim.example.com", None),
            ("acme", "", None),
        ] {
            assert_eq!(host_org(host, suffix), expected, "{host} {suffix}");
        }
    }
}
