//! (method, path, query) to a [`Route`]: every address of the service in one place.
//!
//! A path inside an organisation's SCIM base URL always gives [`Route::Scim`], even if nothing is there. The caller is
//! checked before the request is judged, so that an unknown caller learns nothing about organisations.

mod address;
mod console;
mod scim;

pub use console::{Console, PARTS_MAX};
pub use scim::Scim;

use crate::error::{Code, Error, Result, excerpt, quoted};
use crate::id::OrgId;
use console::{console_route, not_the_consoles};
use scim::scim_route;

/// An address that needs no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// `/healthz`.
    Health,
    /// `/v1/openapi.json`: the description of the Console's API.
    OpenApi,
}

/// The parameters of a query, decoded.
pub type QueryParameters = Vec<(String, String)>;

/// The destination of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Route {
    /// An address that needs no token, or why there is nothing.
    Open(Result<Open>),
    /// An address in an organisation's SCIM base URL, or why there is nothing, and the parameters.
    Scim(OrgId, Result<Scim>, QueryParameters),
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

fn route_below(org: OrgId, method: &str, rest: &[&str], parameters: QueryParameters) -> Route {
    let root = format!("/{org}/scim/v2");
    Route::Scim(org, scim_route(method, rest, &root), parameters)
}

/// Returns the segments of a path and the parameters of its query, wherever a client put them.
fn path_segments(path: &str, query: &str) -> (Vec<String>, QueryParameters) {
    let segments = split_path(path);
    let at_base = match segments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["scim", org] => *org == "v2" || OrgId::parse(org).is_some(),
        [_, "scim", "v2"] => true,
        _ => false,
    };
    with_query(segments, query, at_base)
}

/// Adds the path that stands in the query of a base URL to its segments.
fn with_query(mut segments: Vec<String>, query: &str, at_base: bool) -> (Vec<String>, QueryParameters) {
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
pub fn relative(method: &str, address: &str, base: &str) -> (Result<Scim>, QueryParameters) {
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

fn check_method(method: &str, allowed: &[&str]) -> Result<()> {
    if allowed.contains(&method) {
        return Ok(());
    }
    let list = allowed.join(", ");
    Err(Error::new(Code::MethodNotAllowed, format!("{method} is not allowed at this address. Use {list}."))
        .with_names([list]))
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
pub fn query(text: &str) -> QueryParameters {
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
