//! Which web pages may read the Console's API (the Fetch standard's CORS protocol). No page may without an origin in
//! the variable `CONSOLE_ORIGINS`; programs that are no browser never ask.

use crate::error::{Code, Error, quoted};

const METHODS: &str = "GET, PUT, PATCH, POST, DELETE";
/// The request headers that a page may send, besides those that any page may.
const SENT: &str = "Authorization, Content-Type, If-None-Match";
/// The response headers that a page may read, besides those that any page may.
const SHOWN: &str = "ETag, Location, Retry-After, X-Error-Code, X-Request-Id, X-Scim-Edge-Note";
/// The time that a browser remembers a preflight's answer, in seconds.
const REMEMBERED: &str = "600";

/// A header of the answer.
pub type Header = (&'static str, String);

/// Returns the headers that every answer to a page of that `origin` carries; none if `origins`, separated by spaces or
/// commas, does not have it. There is no `*`: each origin is named.
pub fn headers(origin: Option<&str>, origins: &str) -> Vec<Header> {
    let mut listed = origins.split([' ', ',']).map(|listed| listed.trim_end_matches('/')).filter(|l| !l.is_empty());
    match origin {
        Some(origin) if listed.any(|listed| listed == origin) => vec![
            ("Access-Control-Allow-Origin", origin.to_owned()),
            ("Access-Control-Expose-Headers", SHOWN.to_owned()),
            ("Vary", "Origin".to_owned()),
        ],
        _ => Vec::new(),
    }
}

/// Returns the further headers of the answer to a preflight (`OPTIONS`).
pub fn preflight() -> Vec<Header> {
    vec![
        ("Access-Control-Allow-Methods", METHODS.to_owned()),
        ("Access-Control-Allow-Headers", SENT.to_owned()),
        ("Access-Control-Max-Age", REMEMBERED.to_owned()),
    ]
}

/// Returns the refusal of a preflight from an origin that is not listed. A page never sees it, its developer does.
pub fn not_listed(origin: &str) -> Error {
    Error::new(
        Code::OriginNotListed,
        format!(
            "The origin {} is not in the variable CONSOLE_ORIGINS of this deployment, so no web page of it may call the \
             Console's API. Add it in wrangler.toml, with its scheme and without a path, and deploy.",
            quoted(origin)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_origins() {
        for (origin, origins, expected) in [
            (Some("https://console.test"), "https://console.test", true),
            (Some("https://console.test"), "https://a.test, https://console.test/", true),
            (Some("https://console.test"), "https://a.test https://console.test", true),
            (Some("https://console.test"), "", false),
            (Some("https://console.test"), "*", false),
            (Some("https://console.test"), "https://console.test.evil.test", false),
            (Some("http://console.test"), "https://console.test", false),
            (Some("null"), "https://console.test", false),
            (Some(""), "", false),
            (None, "https://console.test", false),
        ] {
            let headers = headers(origin, origins);
            assert_eq!(!headers.is_empty(), expected, "{origin:?} in {origins:?}");
            assert!(
                headers.iter().all(|(name, value)| *name != "Access-Control-Allow-Origin" || Some(&**value) == origin)
            );
        }
    }
}
