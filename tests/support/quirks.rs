//! Tables of single requests to a small directory, as data: what is sent, what is answered, what is there afterwards,
//! and which repairs the journal names.

use super::native::{BASE, Native};
use super::{Request, Response, Server};
use scim_edge::auth::Dialect;
use scim_edge::ingest::Ingested;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// Extensions that the organisation registered, of users and of groups.
const DESK: &str = "urn:acme:params:scim:schemas:extension:desk:1.0:User";
const TEAM: &str = "urn:acme:params:scim:schemas:extension:team:1.0:Group";

/// One row. `$ada`, `$bob`, `$cyd`, `$crew` and `$inner` stand for ids; `$USER`, `$GROUP`, `$ENT`, `$DESK`, `$TEAM` and
/// `$PATCH` for URNs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Ids of `docs/idp/README.md`.
    pub quirk: String,
    #[serde(default)]
    dialect: Dialect,
    /// Sent before, each with success.
    #[serde(default)]
    before: Vec<(String, Value)>,
    /// Method and path.
    #[serde(default)]
    send: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    /// In place of `send` and `body`: a PATCH of ada, or of the group crew.
    operations: Option<Value>,
    /// In place of `send`: a filter on users, and who is found.
    filter: Option<String>,
    #[serde(default)]
    found: Vec<String>,
    /// Without one: success.
    status: Option<u16>,
    /// JSON pointers into the answer; `null` is nothing there. Members are compared as a set of ids.
    #[serde(default)]
    has: Map<String, Value>,
    /// Into the resource that the request was about, as it is read afterwards.
    #[serde(default)]
    then: Map<String, Value>,
    /// The repairs in the journal, in the order of the alphabet.
    #[serde(default)]
    repairs: String,
}

/// A directory and the ids in it.
pub fn directory(dialect: Dialect) -> (Native, BTreeMap<&'static str, String>) {
    let mut server = Native::new(dialect);
    let mut ids = BTreeMap::from([
        ("$USER", USER.to_owned()),
        ("$GROUP", GROUP.to_owned()),
        ("$ENT", ENTERPRISE.to_owned()),
        ("$PATCH", PATCH.to_owned()),
        ("$DESK", DESK.to_owned()),
        ("$TEAM", TEAM.to_owned()),
    ]);
    for (urn, of) in [(DESK, "User"), (TEAM, "Group")] {
        let schema = json!({"resourceTypes": [of], "attributes": [
            {"name": "floor", "type": "integer"}, {"name": "levels", "type": "integer", "multiValued": true},
            {"name": "height", "type": "decimal"}, {"name": "seal", "type": "binary"},
            {"name": "tags", "multiValued": true},
        ]});
        assert_eq!(server.admin("PUT", &format!("/schemas/{urn}"), &schema).status, 201);
    }
    let users = [
        json!({"schemas": [USER], "userName": "ada@acme.test", "externalId": "x-ada", "active": true, "displayName": "Ada",
               "name": {"givenName": "Ada", "familyName": "King", "formatted": "Ada King"}, "title": "Engineer",
               "emails": [{"value": "ada@acme.test", "type": "work", "primary": true}, {"value": "ada@home.test", "type": "home"}],
               ENTERPRISE: {"department": "Engines", "manager": {"value": "m-0"}}}),
        json!({"schemas": [USER], "userName": "bob@acme.test", "externalId": "x-bob", "active": false}),
        json!({"schemas": [USER], "userName": "cyd@acme.test", "externalId": "x-cyd", "active": true}),
    ];
    for (name, user) in ["$ada", "$bob", "$cyd"].into_iter().zip(users) {
        ids.insert(name, server.send("POST", "/Users", user).text("id").to_owned());
    }
    let members = json!([{"value": ids["$ada"]}, {"value": ids["$bob"]}]);
    for (name, group) in [
        ("$crew", json!({"schemas": [GROUP], "displayName": "Crew", "externalId": "x-crew", "members": members})),
        ("$inner", json!({"schemas": [GROUP], "displayName": "Inner"})),
    ] {
        ids.insert(name, server.send("POST", "/Groups", group).text("id").to_owned());
    }
    (server, ids)
}

/// Returns the edge's reading of a request.
pub fn ingested(server: &Native, request: &Request) -> scim_edge::error::Result<Ingested> {
    request.clone().into_scim(server).ingest(&server.exchange(), BASE, &server.types)
}

/// Runs the rows, each on a directory of its own. The failure names every row that does not hold.
pub fn run(text: &str, patched: &str) {
    let rows: Vec<Value> = serde_json::from_str(text).unwrap();
    let mut wrong = String::new();
    for row in &rows {
        if let Err(why) = one(row, patched) {
            writeln!(wrong, "{}: {why}\n    {row}", row["quirk"].as_str().unwrap()).unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

fn one(row: &Value, patched: &str) -> Result<(), String> {
    let dialect = serde_json::from_value(row["dialect"].clone()).unwrap_or_default();
    let (mut server, ids) = directory(dialect);
    let row: Row = serde_json::from_str(&fill(&ids, &row.to_string())).unwrap();
    assert_eq!(row.dialect, dialect);
    for (send, body) in &row.before {
        let answer = server.scim(request(send, Some(body)));
        assert!(answer.status < 300, "{send}: {}", answer.body);
    }
    let request = row.request(&fill(&ids, patched));
    let before = server.console("")["lastSeq"].clone();
    let names = names(&server, &request);
    let answer = server.scim(request.clone());
    let expected = row.status.map_or(answer.status < 300, |status| answer.status == status);
    same("status", &json!(row.status), &json!(answer.status), expected, &answer)?;
    pointers("answer", &answer.body, &row.has, &answer)?;
    if row.filter.is_some() {
        let found: Value = answer.body["Resources"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
        same("found", &json!(row.found), &found, found == json!(row.found), &answer)?;
    }
    let about = match request.method.as_str() {
        "POST" => format!("{}/{}", request.path.trim_end_matches('/'), answer.text("id")),
        _ => request.path.clone(),
    };
    if !row.then.is_empty() {
        pointers("afterwards", &server.get(&about).body, &row.then, &answer)?;
    }
    let journal = if server.console("")["lastSeq"] == before { names } else { journalled(&server) };
    same("repairs", &json!(row.repairs), &json!(journal), row.repairs == journal, &answer)?;
    if matches!(request.method.as_str(), "PUT" | "PATCH") && answer.status < 300 {
        let again = server.scim(request);
        same("rows of a repeat", &json!(0), &json!(again.rows_written), again.rows_written == 0, &again)?;
        pointers("after a repeat", &server.get(&about).body, &row.then, &again)?;
    }
    Ok(())
}

impl Row {
    pub fn request(&self, patched: &str) -> Request {
        let (send, body) = match (&self.operations, &self.filter) {
            (Some(operations), _) => {
                (format!("PATCH {patched}"), Some(json!({"schemas": [PATCH], "Operations": operations})))
            }
            (_, Some(filter)) => {
                let filter = filter.replace('%', "%25").replace(' ', "+");
                (format!("GET /Users?filter={filter}"), None)
            }
            _ => (self.send.clone(), self.body.clone()),
        };
        let mut request = request(&send, body.as_ref());
        request.headers.extend(self.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        request
    }
}

/// `GET /Users`, with a body if there is one.
pub fn request(send: &str, body: Option<&Value>) -> Request {
    let (method, path) = send.split_once(' ').unwrap();
    match body.filter(|body| !body.is_null()) {
        // Without the content type: rows that name one do.
        Some(body) => Request { headers: Vec::new(), ..Request::json(method, path, body) },
        None => Request::new(method, path),
    }
}

pub fn fill(ids: &BTreeMap<&str, String>, text: &str) -> String {
    ids.iter().fold(text.to_owned(), |text, (name, id)| text.replace(name, id))
}

/// Returns the repairs that the edge alone can name: of a request that changes nothing, the journal has those at most.
fn names(server: &Native, request: &Request) -> String {
    ingested(server, request).map(|read| read.repairs.join(" ")).unwrap_or_default()
}

/// Returns the repairs in the last change's row, sentences left out.
fn journalled(server: &Native) -> String {
    let text = "SELECT repairs FROM changes ORDER BY seq DESC LIMIT 1";
    let repairs: String = server.sql.connection.query_row(text, [], |row| row.get(0)).unwrap();
    let mut names: Vec<String> = serde_json::from_str(&repairs).unwrap();
    names.retain(|name| !name.contains(' '));
    names.sort();
    names.join(" ")
}

fn pointers(what: &str, body: &Value, expected: &Map<String, Value>, answer: &Response) -> Result<(), String> {
    for (pointer, value) in expected {
        let mut found = body.pointer(pointer).cloned().unwrap_or_default();
        let mut value = value.clone();
        if pointer == "/members" && found.is_array() {
            found = found.as_array().unwrap().iter().map(|member| member["value"].clone()).collect();
            for list in [&mut found, &mut value] {
                list.as_array_mut().unwrap().sort_by_key(Value::to_string);
            }
        }
        same(&format!("{what} {pointer}"), &value, &found, found == value, answer)?;
    }
    Ok(())
}

fn same(what: &str, expected: &Value, found: &Value, equal: bool, answer: &Response) -> Result<(), String> {
    if equal {
        return Ok(());
    }
    Err(format!("{what} is {found}, not {expected}; answered {} {}", answer.status, answer.body))
}
