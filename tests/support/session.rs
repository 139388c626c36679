//! Runs a session: what an identity provider sends and what it is to get, as data in `tests/idp/sessions/`; one runner,
//! whatever serves it. Most are recorded; one that is `reconstructed` says from what.

use super::native::Native;
use super::{Request, Response, Server};
use scim_edge::auth::Dialect;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

macro_rules! sessions {
    ($($name:literal)*) => { [$(($name, include_str!(concat!("../idp/sessions/", $name, ".json")))),*] };
}

/// The sessions by name.
pub const SESSIONS: [(&str, &str); 17] = sessions!(
    "authentik" "cyberark" "entra-compliant" "entra-legacy" "google" "helloid" "ibm-verify" "jumpcloud" "keycloak"
    "okta-aiw-put" "okta-oin-patch" "onelogin" "ping" "rippling" "saviynt" "servicenow" "wso2"
);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    idp: String,
    /// The token's dialect.
    #[serde(default)]
    pub dialect: Dialect,
    /// From what the session was made, if it is not one that was recorded.
    #[serde(default, rename = "reconstructed")]
    _reconstructed: String,
    steps: Vec<Step>,
    /// The directory at the end: resources without `meta`.
    directory: Directory,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    #[serde(default)]
    step: String,
    method: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    /// A body that is no JSON.
    text: Option<String>,
    status: u16,
    /// Variable name to a top-level attribute of the answer.
    #[serde(default)]
    capture: BTreeMap<String, String>,
    /// The whole answer, without `meta` and a refusal's `detail`; without it any body will do.
    answer: Option<Value>,
    /// Attributes that the answer has.
    #[serde(default)]
    has: Map<String, Value>,
    /// Part of a refusal's `detail`.
    #[serde(default)]
    says: String,
    /// The text that it must not contain; no check if empty.
    #[serde(default)]
    silent: String,
    /// The changes that the step adds to the feed, `Group members`.
    #[serde(default)]
    changes: Vec<String>,
    /// The resource that is read afterwards.
    #[serde(default)]
    then: Vec<Then>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Then {
    get: String,
    has: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Directory {
    users: Vec<Value>,
    groups: Vec<Value>,
}

impl Session {
    pub fn read(name: &str, text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Runs the steps. Every PUT and PATCH is sent twice: the second time no row is written, no change is added, and the
    /// directory is what it was.
    pub fn run(&self, name: &str, server: &mut dyn Server) {
        let mut seen: BTreeMap<String, String> = BTreeMap::new();
        for step in &self.steps {
            step.run(&format!("{name} ({})", self.idp), &mut seen, server);
        }
        self.end(name, &seen, server, &[]);
    }

    /// Sends the requests alone, each with its step's name, and expects nothing.
    pub fn play(&self, send: &mut dyn FnMut(&str, Request) -> Response) {
        let mut seen: BTreeMap<String, String> = BTreeMap::new();
        for step in &self.steps {
            let response = send(&step.step, step.request(&seen));
            step.remember(&response, &mut seen);
        }
    }

    /// The same where the users are accounts that were there before, under the Console's ids: imported with their userName
    /// in another case, and nothing else, while SCIM is switched off. The provider looks for each and finds it; what it
    /// would have made it with, it sends as a PUT, or as a PATCH if it is Entra ID. From there on all is as if it had made
    /// them.
    pub fn run_linking(&self, name: &str, server: &mut dyn Server) {
        let mut accounts: Vec<Account> = Vec::new();
        for step in self
            .steps
            .iter()
            .filter(|step| (step.method.as_str(), step.path.trim_end_matches('/')) == ("POST", "/Users"))
        {
            let (body, variable) = (step.body.clone().unwrap_or_default(), step.capture.keys().next());
            let user_name = body["userName"].as_str().unwrap_or_default().to_owned();
            if let Some(variable) = variable.filter(|_| accounts.iter().all(|account| account.user_name != user_name)) {
                let id = format!("Account_{:03}", accounts.len());
                accounts.push(Account { id, user_name, variable: variable.clone(), body });
            }
        }
        assert!(!accounts.is_empty(), "{name}");
        let users = accounts.len();
        let user = |account: &Account| {
            let attributes = json!({"userName": account.user_name.to_uppercase()});
            json!({"user": {"id": account.id, "attributes": attributes}}).to_string()
        };
        let counts = json!({"users": users, "activeUsers": users, "groups": 0, "memberships": 0, "tombstones": 0});
        let mut lines: Vec<String> = accounts.iter().map(user).collect();
        lines.insert(0, json!({"from": 0}).to_string());
        lines.push(json!({"at": 0, "counts": counts, "lines": lines.len()}).to_string());
        server.import(&lines);
        let mut seen: BTreeMap<String, String> = BTreeMap::new();
        let mut left = accounts.iter();
        for step in &self.steps {
            let at = format!("{name} ({}), linking", self.idp);
            let next = left.as_slice().first();
            let makes = next.filter(|account| step.capture.contains_key(&account.variable));
            if let Some(account) = makes {
                left.next();
                account.link(&at, step, &mut seen, server);
            } else if step.method == "GET" && step.path.starts_with("/Users") && !left.as_slice().is_empty() {
                // It would be the answer of a directory without the accounts.
                assert_eq!(server.get(&step.path).status, step.status, "{at}: {}", step.path);
            } else {
                step.run(&at, &mut seen, server);
            }
        }
        let ids: Vec<&str> = accounts.iter().map(|account| account.id.as_str()).collect();
        self.end(name, &seen, server, &ids);
    }

    /// Replays the session up to each step that deactivates or deletes a user, deletes a group or removes a member,
    /// makes the organisation full, and sends that step: it takes away the same. Answers how many such steps there are.
    pub fn takes_away(&self, name: &str, make_full: &dyn Fn(&mut Native)) -> usize {
        let mut count = 0;
        for (at, last) in self.steps.iter().enumerate() {
            if !last
                .changes
                .iter()
                .any(|change| ["deactivated", "deleted", "members"].iter().any(|kind| change.ends_with(kind)))
            {
                continue;
            }
            let replay = |full: bool| {
                let (mut server, mut seen) = (Native::new(self.dialect), BTreeMap::new());
                self.steps[..at].iter().for_each(|step| _ = step.send(&mut seen, &mut server));
                if full {
                    make_full(&mut server);
                }
                let before = server.console("")["lastSeq"].clone();
                let status = last.send(&mut seen, &mut server);
                (status, taken_away(&mut server, &before))
            };
            let (status, expected) = replay(false);
            if expected.is_empty() {
                continue;
            }
            assert_eq!(replay(true), (status, expected), "{name}: {} {} {}", last.step, last.method, last.path);
            count += 1;
        }
        count
    }

    fn end(&self, name: &str, seen: &BTreeMap<String, String>, server: &mut dyn Server, imported: &[&str]) {
        let found = listed(server);
        let wanted = json!({"Users": self.directory.users, "Groups": self.directory.groups});
        let wanted: Value = serde_json::from_str(&fill(seen, &wanted.to_string())).unwrap();
        assert_eq!(plain(found), plain(wanted), "{name}: what is there at the end");
        console_agrees(name, server, imported);
    }
}

/// Returns the removals in the changes since a position.
fn taken_away(server: &mut Native, since: &Value) -> Vec<String> {
    let feed = server.console(&format!("/changes?after={since}&limit=1000"));
    let mut taken = Vec::new();
    for change in feed["changes"].as_array().unwrap() {
        if ["deactivated", "deleted"].iter().any(|kind| change["kind"] == *kind) {
            taken.push(format!("{} {}", change["id"], change["kind"]));
        }
        let removed = change["removed"].as_array().into_iter().flatten();
        taken.extend(removed.map(|user| format!("{} without {user}", change["id"])));
    }
    taken
}

/// A user that was there before the provider was.
struct Account {
    id: String,
    user_name: String,
    /// The session's name for its id.
    variable: String,
    /// With which the provider would have made it.
    body: Value,
}

impl Account {
    /// Looks for the account and updates it, in place of the step that would have made it.
    fn link(&self, at: &str, made: &Step, seen: &mut BTreeMap<String, String>, server: &mut dyn Server) {
        let unlinked = |server: &mut dyn Server| -> Vec<String> {
            let page = server.console("/users?linked=false&limit=1000");
            page["users"].as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap().to_owned()).collect()
        };
        let filter = format!("userName eq {}", Value::from(self.user_name.as_str()));
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("filter", &filter).finish();
        let found = server.get(&format!("/Users?{query}")).body["Resources"].take();
        assert_eq!(found.as_array().map(Vec::len), Some(1), "{at}: {found}");
        let account = (&found[0]["id"], &found[0]["active"], &found[0]["externalId"]);
        assert_eq!(account, (&json!(self.id), &json!(true), &Value::Null), "{at}");
        let refused = server.scim(Request::json("POST", "/Users", &self.body));
        assert_eq!((refused.status, refused.text("scimType")), (409, "uniqueness"), "{at}: {}", refused.body);
        assert!(refused.text("detail").contains(&self.id), "{at}: {}", refused.body);
        let mut before = unlinked(server);
        assert!(before.contains(&self.id), "{at}: {before:?}");
        seen.insert(self.variable.clone(), self.id.clone());
        let (method, body) = match at.contains("Entra") {
            true => ("PATCH", json!({"Operations": operations(&self.body)})),
            false => ("PUT", self.body.clone()),
        };
        let inactive = ["false", "\"false\"", "\"False\""].contains(&self.body["active"].to_string().as_str());
        let changed = if inactive { "User deactivated" } else { "User updated" };
        let step = Step {
            method: method.to_owned(),
            path: format!("/Users/{}", self.id),
            body: Some(body),
            status: 200,
            capture: BTreeMap::new(),
            changes: vec![changed.to_owned()],
            ..made.clone()
        };
        step.run(at, seen, server);
        before.retain(|id| *id != self.id || self.body["externalId"].is_null());
        assert_eq!(unlinked(server), before, "{at}");
    }
}

/// An operation for each attribute, as Entra ID sends them.
fn operations(body: &Value) -> Vec<Value> {
    let add = |path: String, value: &Value| json!({"op": "Add", "path": path, "value": value});
    let mut operations = Vec::new();
    for (name, value) in body.as_object().unwrap() {
        match value {
            _ if ["schemas", "meta"].contains(&name.as_str()) => {}
            Value::Object(inner) if name.contains(':') => {
                operations.extend(inner.iter().map(|(sub, value)| add(format!("{name}:{sub}"), value)));
            }
            value => operations.push(add(name.clone(), value)),
        }
    }
    operations
}

impl Step {
    /// The request, with what was captured before.
    fn request(&self, seen: &BTreeMap<String, String>) -> Request {
        let body = self.body.as_ref().map(Value::to_string).or(self.text.clone());
        Request {
            method: self.method.clone(),
            path: fill(seen, &self.path),
            headers: self.headers.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
            body: body.map(|body| fill(seen, &body).into_bytes()),
        }
    }

    fn remember(&self, response: &Response, seen: &mut BTreeMap<String, String>) {
        for (variable, attribute) in &self.capture {
            seen.insert(variable.clone(), response.text(attribute).to_owned());
        }
    }

    /// Sends the request and looks at nothing but what later steps need.
    fn send(&self, seen: &mut BTreeMap<String, String>, server: &mut dyn Server) -> u16 {
        let response = server.scim(self.request(seen));
        self.remember(&response, seen);
        response.status
    }

    fn run(&self, at: &str, seen: &mut BTreeMap<String, String>, server: &mut dyn Server) {
        let (step, at) = (self, &format!("{at}, {} {} {}", self.step, self.method, self.path));
        let request = step.request(seen);
        let before = server.console("")["lastSeq"].as_u64().unwrap();
        let response = server.scim(request.clone());
        assert_eq!(response.status, step.status, "{at}: {}", response.body);
        assert!(response.status < 400 || response.rows_written <= 1, "{at}: a refusal wrote {}", response.rows_written);
        step.remember(&response, seen);
        let fill = |text: &str| fill(seen, text);
        check(at, &response.body, &step.has, &fill);
        if let Some(wanted) = &step.answer {
            let wanted: Value = serde_json::from_str(&fill(&wanted.to_string())).unwrap();
            assert_eq!(plain(response.body.clone()), plain(wanted), "{at}");
        }
        assert!(response.text("detail").contains(&fill(&step.says)), "{at}: {}", response.body);
        let silent = step.silent.is_empty() || !response.text("detail").contains(&fill(&step.silent));
        assert!(silent, "{at}: {}", response.body);
        let feed = server.console(&format!("/changes?after={before}&limit=1000"));
        let change = |c: &Value| format!("{} {}", c["resourceType"].as_str().unwrap(), c["kind"].as_str().unwrap());
        let added: Vec<String> = feed["changes"].as_array().unwrap().iter().map(change).collect();
        assert_eq!(added, step.changes, "{at}: changes");
        for then in &step.then {
            let read = server.get(&fill(&then.get));
            assert_eq!(read.status, 200, "{at}: then {}", then.get);
            check(&format!("{at}: then {}", then.get), &read.body, &then.has, &fill);
        }
        if matches!(step.method.as_str(), "PUT" | "PATCH") {
            let before = (server.console("")["lastSeq"].clone(), listed(server));
            let again = server.scim(request);
            assert_eq!((again.status, again.rows_written), (response.status, 0), "{at}, repeated: {}", again.body);
            assert_eq!(again.body, response.body, "{at}, repeated");
            assert_eq!((server.console("")["lastSeq"].clone(), listed(server)), before, "{at}, repeated");
        }
    }
}

/// A table of cases: each of the steps with its own new organisation, which [`Case::fixture`] fills.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The other server's behaviour, or the situation.
    #[serde(alias = "bug", alias = "situation")]
    name: String,
    /// Where it was reported.
    #[serde(default, rename = "where")]
    reported: String,
    steps: Vec<Step>,
}

impl Case {
    pub fn read(text: &str) -> Vec<Self> {
        serde_json::from_str(text).unwrap()
    }

    pub fn run(&self, server: &mut dyn Server) {
        let mut seen = Self::fixture(server);
        for step in &self.steps {
            step.run(&format!("{} ({})", self.name, self.reported), &mut seen, server);
        }
        console_agrees(&self.name, server, &[]);
    }

    /// Users `ada`, `bob`, `cyd` and the inactive `dan`; groups `staff`, which has the first two, and `others`.
    fn fixture(server: &mut dyn Server) -> BTreeMap<String, String> {
        let mut seen = BTreeMap::new();
        for name in ["ada", "bob", "cyd", "dan"] {
            let emails = json!([{"value": format!("{name}@example.com"), "type": "work", "primary": true}]);
            let body = json!({"userName": name, "externalId": format!("x-{name}"), "displayName": name, "emails": emails,
                              "name": {"givenName": name, "familyName": "Ng"}, "active": name != "dan"});
            seen.insert(name.to_owned(), server.send("POST", "/Users", body).text("id").to_owned());
        }
        let members = [("staff", vec!["ada", "bob"]), ("others", vec![])];
        for (name, members) in members {
            let members: Vec<Value> = members.into_iter().map(|name| json!({"value": seen[name]})).collect();
            let body = json!({"displayName": name, "externalId": format!("g-{name}"), "members": members});
            seen.insert(name.to_owned(), server.send("POST", "/Groups", body).text("id").to_owned());
        }
        seen
    }
}

/// Everything that is there.
fn listed(server: &mut dyn Server) -> Value {
    let mut list = |kind: &str| server.get(&format!("/{kind}?count=1000")).body["Resources"].take();
    json!({"Users": list("Users"), "Groups": list("Groups")})
}

/// Without what this service makes up, and the words of a refusal.
fn plain(value: Value) -> Value {
    match value {
        Value::Object(mut map) => {
            for made in ["meta", "$ref", "detail"] {
                map.remove(made);
            }
            Value::Object(map.into_iter().map(|(key, value)| (key, plain(value))).collect())
        }
        Value::Array(items) => items.into_iter().map(plain).collect(),
        other => other,
    }
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
    if let Some(whole) = body.get(path) {
        return whole.clone();
    }
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
/// that is there was created in the feed or imported.
fn console_agrees(name: &str, server: &mut dyn Server, imported: &[&str]) {
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
            assert!(created.contains(&id) || imported.contains(&id), "{name}: {id} is not in the feed");
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
