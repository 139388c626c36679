//! Runs a recorded session: data in `tests/sessions/`, one runner, whatever serves it.

use super::{Request, Server};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The sessions by name.
pub const SESSIONS: [(&str, &str); 3] = [
    ("okta-aiw-put", include_str!("../sessions/okta-aiw-put.json")),
    ("okta-oin-patch", include_str!("../sessions/okta-oin-patch.json")),
    ("entra-legacy", include_str!("../sessions/entra-legacy.json")),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Session {
    idp: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    step: String,
    method: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    /// Any of these.
    status: Vec<u16>,
    /// Variable name to a top-level attribute of the answer.
    #[serde(default)]
    capture: BTreeMap<String, String>,
    /// Of the answer.
    #[serde(default)]
    has: Map<String, Value>,
    /// What is read afterwards.
    #[serde(default)]
    then: Vec<Then>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Then {
    get: String,
    has: Map<String, Value>,
}

/// Runs the steps. Every PUT and PATCH is sent twice: the second time no row is written and no change is added.
pub fn run(name: &str, text: &str, server: &mut dyn Server) {
    let session: Session = serde_json::from_str(text).unwrap();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for step in &session.steps {
        let at = format!("{name} ({}), {}", session.idp, step.step);
        let request = Request {
            method: step.method.clone(),
            path: fill(&seen, &step.path),
            headers: step.headers.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
            body: step.body.as_ref().map(|body| fill(&seen, &body.to_string()).into_bytes()),
        };
        let response = server.scim(request.clone());
        assert!(step.status.contains(&response.status), "{at}: {} {}", response.status, response.body);
        for (variable, attribute) in &step.capture {
            seen.insert(variable.clone(), response.text(attribute).to_owned());
        }
        let fill = |text: &str| fill(&seen, text);
        check(&at, &response.body, &step.has, &fill);
        for then in &step.then {
            let read = server.get(&fill(&then.get));
            assert_eq!(read.status, 200, "{at}: then {}", then.get);
            check(&format!("{at}: then {}", then.get), &read.body, &then.has, &fill);
        }
        if matches!(step.method.as_str(), "PUT" | "PATCH") {
            let before = server.console("")["lastSeq"].clone();
            let again = server.scim(request);
            assert_eq!((again.status, again.rows_written), (response.status, 0), "{at}, repeated: {}", again.body);
            assert_eq!(again.body, response.body, "{at}, repeated");
            assert_eq!(server.console("")["lastSeq"], before, "{at}, repeated");
        }
    }
    console_agrees(name, server);
}

fn fill(seen: &BTreeMap<String, String>, text: &str) -> String {
    seen.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
}

fn check(at: &str, body: &Value, wanted: &Map<String, Value>, fill: &dyn Fn(&str) -> String) {
    for (path, value) in wanted {
        let value: Value = serde_json::from_str(&fill(&value.to_string())).unwrap();
        let found = look(body, path);
        let same = match (&found, &value) {
            (Value::Array(found), Value::Array(value)) => sorted(found) == sorted(value),
            (Value::Null, Value::Array(value)) => value.is_empty(),
            (found, value) => *found == *value,
        };
        assert!(same, "{at}: {path} is {found}, wanted {value} in {body}");
    }
}

fn sorted(items: &[Value]) -> Vec<String> {
    let mut texts: Vec<String> = items.iter().map(Value::to_string).collect();
    texts.sort();
    texts
}

/// `name.givenName`, `emails[0].value`, `emails.length`, `members.value` of all, and paths behind a URN.
fn look(body: &Value, path: &str) -> Value {
    let urn = body
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key)
        .find(|key| key.starts_with("urn:") && path.starts_with(&format!("{key}.")));
    if let Some(urn) = urn {
        return look(&body[urn], &path[urn.len() + 1..]);
    }
    let (part, rest) = path.split_once('.').unwrap_or((path, ""));
    let (name, index) = part.split_once('[').unwrap_or((part, ""));
    let mut found = match (body, name) {
        (Value::Array(items), "length") => Value::from(items.len()),
        (Value::Null, "length") => Value::from(0),
        (Value::Array(items), name) => items.iter().map(|item| item[name].clone()).collect(),
        (body, name) => body[name].clone(),
    };
    if let Ok(index) = index.trim_end_matches(']').parse::<usize>() {
        found = found[index].clone();
    }
    if rest.is_empty() { found } else { look(&found, rest) }
}

/// The Console reads what the provider pushed: the same users, groups and members, counted right, and every resource
/// that is there was created in the feed.
fn console_agrees(name: &str, server: &mut dyn Server) {
    let organisation = server.console("");
    let feed = server.console("/changes?after=0&limit=1000");
    let created: Vec<&str> = feed["changes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|c| c["kind"] == "created")
        .map(|c| c["id"].as_str().unwrap())
        .collect();
    assert_eq!(feed["next"], organisation["lastSeq"], "{name}");
    for (kind, lower) in [("Users", "users"), ("Groups", "groups")] {
        let pushed = server.get(&format!("/{kind}?count=1000")).body;
        let read = server.console(&format!("/{lower}?limit=1000"));
        let read = read[lower].as_array().unwrap();
        assert_eq!(pushed["totalResults"], organisation["counts"][lower], "{name}");
        assert_eq!(pushed["Resources"].as_array().unwrap().len(), read.len(), "{name}");
        for (scim, console) in pushed["Resources"].as_array().unwrap().iter().zip(read) {
            let id = console["id"].as_str().unwrap();
            assert!(created.contains(&id), "{name}: {id} is not in the feed");
            let mut scim = scim.as_object().unwrap().clone();
            let members = scim.remove("members").unwrap_or(Value::Array(Vec::new()));
            for computed in ["meta", "schemas", "groups"] {
                scim.remove(computed);
            }
            assert_eq!(scim.remove("id").as_ref(), Some(&console["id"]), "{name}");
            assert_eq!(Some(&scim), console["attributes"].as_object(), "{name}");
            if kind == "Groups" {
                let page = server.console(&format!("/groups/{id}/members?limit=1000"));
                let ids = |list: &Value, key: &str| {
                    list.as_array().unwrap().iter().map(|m| m[key].clone()).collect::<Vec<_>>()
                };
                assert_eq!(sorted(&ids(&members, "value")), sorted(&ids(&page["members"], "id")), "{name}");
            }
        }
    }
}
