//! Which answer makes a provider do the wrong thing, each situation a case in `tests/idp/cases/answers.json`: what puts an
//! Entra job into quarantine, makes Okta lose a push or authentik create anew must not be our answer.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::native::Native;
use crate::support::session::Case;
use crate::support::{Request, Server};
use scim_edge::auth::{Dialect, Token, TokenKind};
use scim_edge::directory::admin::Admin;
use scim_edge::directory::call::{Actor, Ask};
use scim_edge::directory::options::Options;
use scim_edge::directory::residency::Residency;
use scim_edge::scim::json::BODY_MAX;
use serde_json::{Value, json};

#[test]
fn situations() {
    for case in Case::read(include_str!("cases/answers.json")) {
        case.run(&mut Native::new(Dialect::Auto));
    }
}

/// The headers of an answer, beside the body that every refusal has.
#[test]
fn headers() {
    let mut server = Native::new(Dialect::Auto);
    let switch = |server: &mut Native, on| {
        let settings = Admin::Configure {
            display_name: None,
            saml: None,
            scim: Some(on),
            options: Options::default(),
            residency: Residency::default(),
        };
        server.call(Actor::Root, Ask::Admin(settings)).outcome.unwrap();
    };
    let known = server.token.hash();
    for (method, path, on, token, status, header, says) in [
        ("DELETE", "/Users", true, true, 405, ("Allow", "GET, POST"), "DELETE"),
        ("GET", "/Users", true, false, 401, ("WWW-Authenticate", "Bearer"), "token"),
        ("POST", "/Users", true, false, 401, ("WWW-Authenticate", "Bearer"), "token"),
        ("GET", "/Users", false, true, 403, ("Content-Type", "application/scim+json"), "Cloud Console"),
        ("PATCH", "/Users/x", false, true, 403, ("Content-Type", "application/scim+json"), "Cloud Console"),
    ] {
        server.token = Token::mint(TokenKind::Scim, if token { [7; 32] } else { [9; 32] });
        assert_eq!(server.token.hash() == known, token);
        switch(&mut server, on);
        let operations = json!({"userName": "a", "Operations": [{"op": "add", "path": "title", "value": "t"}]});
        let answer = server.answer(Request::json(method, path, &operations));
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        let at = format!("{method} {path}: {body}");
        let mut headers = answer.headers.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        let found = headers.find(|(name, _)| name.eq_ignore_ascii_case(header.0)).map(|(_, value)| value);
        let found = if header.0 == "Content-Type" { Some(answer.content_type.to_owned()) } else { found };
        assert_eq!((answer.status, found.as_deref()), (status, Some(header.1)), "{at}");
        assert_eq!(body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]), "{at}");
        assert_eq!(body["status"], status.to_string(), "{at}");
        assert!(body["detail"].as_str().unwrap().contains(says), "{at}");
    }
}

/// A push of all members that an Okta app may send, 10,000 of them and 1 MB, is taken; what is above the limit is 413.
#[test]
fn large_bodies() {
    let mut server = Native::new(Dialect::Auto);
    let create = |n| server.send("POST", "/Users", json!({"userName": format!("u{n}")})).text("id").to_owned();
    let ids: Vec<String> = (0..10_000).map(create).collect();
    let path = format!("/Groups/{}", server.send("POST", "/Groups", json!({"displayName": "g"})).text("id"));
    let display = "A name of some length that nobody reads";
    let members: Vec<Value> = ids.iter().map(|id| json!({"value": id, "display": display})).collect();
    let body = json!({"displayName": "g", "members": members});
    assert!(body.to_string().len() > 1_000_000);
    let answer = server.send("PUT", &path, body.clone());
    assert_eq!((answer.status, answer.body["members"].as_array().unwrap().len()), (200, 10_000));
    assert_eq!(server.send("PUT", &path, body).rows_written, 0);
    let long = json!({"displayName": "g", "members": [], "title": "x".repeat(BODY_MAX)});
    let answer = server.send("PUT", &path, long);
    assert_eq!((answer.status, answer.text("status"), answer.rows_written), (413, "413", 1), "{}", answer.body);
    assert_eq!(server.console("")["counts"]["memberships"], 10_000);
}

/// A compressed body is refused by what it is, a byte order mark is skipped, and URNs have no case.
#[test]
fn bodies_that_are_more_than_json() {
    const SEARCH: &str = "URN:ietf:params:scim:api:messages:2.0:searchREQUEST";
    for dialect in [Dialect::Auto, Dialect::Rfc] {
        let mut server = Native::new(dialect);
        let mut send = |path: &str, headers: &[(&str, &str)], body: &[u8]| {
            let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let request = Request { headers, body: Some(body.to_vec()), ..Request::new("POST", path) };
            server.scim(request)
        };
        let user = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:USER"], "userName": "a"}).to_string();
        let gzip: [&[u8]; 2] = [b"\x1f\x8b\x08\x00", user.as_bytes()];
        for (headers, body, shown) in [
            (vec![("Content-Encoding", "gzip")], user.as_bytes(), "(gzip)"),
            (vec![("content-encoding", "br")], user.as_bytes(), "(br)"),
            (vec![("Content-Encoding", "gzip"), ("Content-Type", "application/json")], &gzip.concat(), "(gzip)"),
            (vec![], &gzip.concat(), "(gzip)"),
        ] {
            let refused = send("/Users", &headers, body);
            let detail = refused.text("detail");
            assert_eq!((refused.status, detail.contains(shown)), (415, true), "{headers:?}: {detail}");
            assert!(detail.starts_with("The body is compressed "), "{detail}");
        }
        let marked = format!("\u{feff}{user}");
        let made = send("/Users", &[("Content-Encoding", "identity")], marked.as_bytes());
        assert_eq!((made.status, made.text("userName")), (201, "a"), "{}", made.body);
        let search = json!({"schemas": [SEARCH], "filter": "userName eq \"A\""}).to_string();
        let found = send("/Users/.search", &[], search.as_bytes());
        assert_eq!((found.status, &found.body["totalResults"]), (200, &json!(1)), "{}", found.body);
    }
}
