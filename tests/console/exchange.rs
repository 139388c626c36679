//! The steps of Console requests, as the edge runs them: over the registry, the object and KV.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::native::Native;
use crate::support::{Request, Server};
use scim_edge::auth::{Dialect, Token};
use scim_edge::directory::call::{Actor, Ask, Call};
use scim_edge::error::{Code, Result};
use scim_edge::exchange::console::{ConsoleCaller, ConsoleResponse};
use scim_edge::exchange::{Exchange, ObjectOutcome, Objects};
use scim_edge::id::OrgId;
use scim_edge::scim::schema::Types;
use serde_json::{Value, json};
use std::rc::Rc;

fn root() -> ConsoleCaller {
    ConsoleCaller { actor: Actor::Root, record: None }
}

/// A Console token as KV has it.
fn holder(server: &mut Native, scope: &str) -> ConsoleCaller {
    let body = json!({"name": scope, "kind": "console", "scope": scope});
    let token = Token::parse(server.admin("POST", "/tokens", &body).text("token")).unwrap();
    let actor = Actor::Token { hash: token.hash(), dialect: Dialect::Auto };
    ConsoleCaller { actor, record: server.records.get(&token.hash()).cloned() }
}

fn code(outcome: Result<ConsoleResponse>) -> Code {
    outcome.map(|answered| answered.response.status).unwrap_err().code
}

#[test]
fn an_organisation_is_registered_once_listed_and_erased_whole() {
    let mut server = Native::new(Dialect::Auto);
    server.org = OrgId::parse("new").unwrap();
    let saml = json!({"displayName": "New", "saml": {"configured": true}});
    let put = |body: &Value| Request::json("PUT", "/v1/orgs/new", body);
    // A refused request registers nothing.
    for (method, body, wanted) in [
        ("GET", json!(null), Code::OrganisationNotFound),
        ("PATCH", saml.clone(), Code::OrganisationNotFound),
        ("PUT", json!({"displayName": " "}), Code::InvalidField),
        ("PUT", json!({"scim": {"enabled": true}}), Code::SamlMissing),
        ("PUT", json!({"jurisdiction": "moon"}), Code::JurisdictionNotOffered),
        ("GET", json!(null), Code::OrganisationNotFound),
    ] {
        let request = Request::json(method, "/v1/orgs/new", &body);
        assert_eq!(code(server.console_as(&root(), request, None)), wanted, "{method} {body}");
    }
    // A new object, as the platform makes it.
    server.sql = crate::support::sqlite::Sqlite::new();
    server.memory = scim_edge::org::Memory::default();
    let made = server.console_answer(put(&saml), None);
    let location = ("Location", "https://edge.test/v1/orgs/new".to_owned());
    assert_eq!((made.status, made.headers.contains(&location)), (201, true));
    assert_eq!(server.console_answer(put(&saml), None).status, 200);
    let listed = server.console_answer(Request::new("GET", "/v1/orgs?after=acme"), None);
    let listed: Value = serde_json::from_slice(&listed.body).unwrap();
    assert_eq!(listed["organisations"][0]["id"], "new");
    assert_eq!(listed["organisations"][0]["displayName"], "New");

    let body = json!({"name": "t", "kind": "scim"});
    assert_eq!(server.console_answer(Request::json("POST", "/v1/orgs/new/tokens", &body), None).status, 201);
    assert_eq!(server.records.len(), 1);
    let erase = |query: &str| Request::new("DELETE", &format!("/v1/orgs/new{query}"));
    assert_eq!(code(server.console_as(&root(), erase(""), None)), Code::ConfirmationMissing);
    assert_eq!(server.console_answer(erase("?confirm=new"), None).status, 204);
    assert!(server.records.is_empty(), "KV's records are gone");
    let again = server.console_as(&root(), Request::new("GET", "/v1/orgs/new"), None);
    assert_eq!(code(again), Code::OrganisationNotFound, "the registry has forgotten it");
}

#[test]
fn a_token_sees_its_own_organisation_alone() {
    let mut server = Native::new(Dialect::Auto);
    let admin = holder(&mut server, "admin");
    for (path, wanted) in [
        ("/v1/orgs", Code::ScopeTooNarrow),
        ("/v1/orgs?limit=x", Code::ScopeTooNarrow),
        ("/v1/orgs/other", Code::Unauthorized),
        ("/v1/orgs/other?odd=1", Code::Unauthorized),
        ("/v1/orgs/acme?odd=1", Code::UnknownParameter),
    ] {
        assert_eq!(code(server.console_as(&admin, Request::new("GET", path), None)), wanted, "{path}");
    }
    let own = server.console_as(&admin, Request::new("GET", "/v1/orgs/acme"), None).unwrap();
    assert_eq!(own.response.status, 200);
    // The right comes before what the request says.
    let reader = holder(&mut server, "read");
    for (method, path, by_admin) in [
        ("POST", "/v1/orgs/acme/tokens", Code::InvalidField),
        ("DELETE", "/v1/orgs/acme/tokens/no%20id", Code::TokenNotFound),
        ("PUT", "/v1/orgs/acme?odd=1", Code::UnknownParameter),
    ] {
        let request = || Request::json(method, path, &json!({"odd": 1}));
        assert_eq!(code(server.console_as(&reader, request(), None)), Code::ScopeTooNarrow, "{method} {path}");
        assert_eq!(code(server.console_as(&admin, request(), None)), by_admin, "{method} {path}");
    }
    // An object that refuses the root key was registered and never set up.
    server.sql = crate::support::sqlite::Sqlite::new();
    server.memory = scim_edge::org::Memory::default();
    let refused = server.console_as(&root(), Request::new("GET", "/v1/orgs/acme"), None);
    assert_eq!(code(refused), Code::RegistrationInterrupted);
}

/// A token whose record KV does not take is never shown, and is revoked in the object.
#[test]
fn a_token_is_shown_only_if_all_its_steps_are_done() {
    let mut server = Native::new(Dialect::Auto);
    let body = json!({"name": "first", "kind": "scim"});
    let first = server.admin("POST", "/tokens", &body);
    let id = first.text("id").to_owned();
    let rotate = format!("/tokens/{id}/rotate");
    let alive = |server: &mut Native| -> Vec<String> {
        let tokens = server.console("/tokens")["tokens"].take();
        let alive = tokens.as_array().unwrap().iter().filter(|token| token["revokedAt"].is_null()).cloned();
        alive.map(|token| token["name"].as_str().unwrap().to_owned()).collect()
    };
    let before = alive(&mut server);
    server.kv_fails = true;
    for (path, body) in [("/tokens", json!({"name": "second", "kind": "scim"})), (rotate.as_str(), json!({}))] {
        let failed = server.admin("POST", path, &body);
        assert_eq!((failed.status, failed.text("token")), (503, ""), "{path}: {}", failed.body);
        assert_eq!(alive(&mut server), before, "{path}");
    }
    server.kv_fails = false;
    let successor = server.admin("POST", &rotate, &json!({"graceSeconds": 60}));
    assert_eq!((successor.status, &successor.body["replaces"]["id"]), (201, &json!(id)), "{}", successor.body);
    let token = Token::parse(successor.text("token")).unwrap();
    assert!(server.records.contains_key(&token.hash()), "KV leads to the organisation");
    for (path, status) in [(successor.text("id"), 204), ("no such/../id", 404), ("absent", 404)] {
        let revoked = server.admin("DELETE", &format!("/tokens/{}", path.replace('/', "%2F")), &Value::Null);
        assert_eq!(revoked.status, status, "{path}: {}", revoked.body);
    }
}

/// However a part arrives, the object gets whole lines, and a refusal names the line.
#[test]
fn a_part_of_an_import_is_cut_between_lines() {
    let line = |n: usize| json!({"user": {"id": format!("u-{n:05}"), "attributes": {"userName": format!("n{n}")}}});
    let end = crate::support::imports::end(4001, 4000, 0, 0);
    let users: String = (0..4000).map(|n| format!("{}\n", line(n))).collect();
    let lines = format!("{}\n{users}{end}\n", json!({"from": 0}));
    let mut broken = lines.clone().into_bytes();
    let at = lines.find("u-03000").unwrap();
    broken[at] = 0xff;
    let wide = [lines.as_bytes(), &vec![b' '; 2 * 1024 * 1024]].concat();
    for chunk in [4099, 64 * 1024] {
        let mut server = Native::new(Dialect::Auto);
        server.chunk = chunk;
        server.admin("PUT", "", &json!({"scim": {"enabled": false}}));
        assert_eq!(server.admin("POST", "/import", &Value::Null).status, 200);
        let put = |server: &mut Native, body: &[u8]| {
            let request = Request { body: Some(body.to_vec()), ..Request::new("PUT", "/v1/orgs/acme/import/1") };
            let answered = server.console_as(&root(), request, None);
            answered.map(|answered| answered.response.status).map_err(|error| (error.code, error.detail))
        };
        let detail = "Part 1, line 3002: this is not UTF-8.".to_owned();
        assert_eq!(put(&mut server, &broken), Err((Code::ImportNotUtf8, detail)), "{chunk}");
        assert_eq!(put(&mut server, &wide).unwrap_err().0, Code::ImportLineTooLarge, "{chunk}");
        assert!(put(&mut server, lines.as_bytes()).is_ok(), "{chunk}");
        assert_eq!(server.admin("POST", "/import/finish", &Value::Null).status, 202, "{chunk}");
    }
}

/// An organisation whose schemas change so many times while a request runs.
struct Changing {
    server: Native,
    changes: u32,
    calls: u32,
}

impl Objects for Changing {
    type Final = scim_edge::render::Response;

    fn known_types(&self, org: &OrgId) -> Rc<Types> {
        self.server.known_types(org)
    }

    fn learn_types(&mut self, org: &OrgId, generation: i64, documents: &str) -> Result<()> {
        self.server.learn_types(org, generation, documents)
    }

    fn has_asked(&self) -> bool {
        self.calls > 0
    }

    async fn ask(&mut self, call: &mut Call) -> Result<ObjectOutcome<Self::Final>> {
        self.calls += 1;
        if self.changes > 0 {
            self.changes -= 1;
            let urn = "urn:example:params:scim:schemas:extension:desk:2.0:User";
            let description = self.changes.to_string();
            let body = json!({"name": "Desk", "resourceTypes": ["User"], "attributes": [
                {"name": "floor", "type": "string", "multiValued": false, "description": description}]});
            let put = scim_edge::console::schema(urn, body.to_string().as_bytes()).unwrap();
            let known = std::mem::take(&mut self.server.types);
            self.server.call(Actor::Root, Ask::Admin(put)).outcome.unwrap();
            self.server.types = known;
        }
        self.server.ask(call).await
    }
}

#[test]
fn a_request_is_read_again_once_if_the_schemas_are_others_by_now() {
    for (changes, expected) in [(0, Ok(1)), (1, Ok(2)), (2, Err(Code::SchemasChanging))] {
        let preview = json!({"method": "POST", "path": "/Users", "body": {"userName": "ada"}}).to_string();
        let mut objects = Changing { server: Native::new(Dialect::Auto), changes, calls: 0 };
        let exchange: Exchange = objects.server.exchange();
        let org = objects.server.org.clone();
        let call_of = |ask| exchange.call_of(org.clone(), Default::default(), Actor::Root, ask);
        let answered = crate::support::exchanges::ready(scim_edge::exchange::preview::respond(
            &mut objects,
            &exchange,
            &org,
            preview.as_bytes(),
            call_of,
        ));
        let found = answered.map(|response| assert_eq!(response.status, 200)).map(|()| objects.calls);
        assert_eq!(found.map_err(|error| error.code), expected, "{changes} changes");
        assert_eq!(objects.server.get("/Users").body["totalResults"], 0, "a preview keeps nothing");
    }
}
