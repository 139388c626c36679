//! The state of a follower of the feed, and requests made at random for it to follow.

use super::native::Native;
use super::random::Random;
use super::{Request, Server};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The state of a follower: each resource as the Console's lists show it, and the members of each group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Directory {
    pub users: BTreeMap<String, Value>,
    pub groups: BTreeMap<String, Value>,
    pub members: BTreeMap<String, BTreeSet<String>>,
    pub tombstones: BTreeSet<String>,
}

impl Directory {
    /// Applies a line of a snapshot, which may tell of what is there already, or of what a later line makes.
    pub fn line(&mut self, line: &Value) {
        let (name, value) = line.as_object().unwrap().iter().next().unwrap();
        let id = value["id"].as_str().unwrap_or_default().to_owned();
        match name.as_str() {
            "user" => drop(self.users.insert(id, value.clone())),
            "group" => {
                self.members.entry(id.clone()).or_default();
                self.groups.insert(id, value.clone());
            }
            "members" => {
                let known = value["users"].as_array().unwrap().iter().map(|user| user.as_str().unwrap());
                let known = known.filter(|user| self.users.contains_key(*user)).map(str::to_owned);
                if let Some(members) = self.members.get_mut(&id) {
                    members.extend(known);
                }
            }
            "tombstone" => drop(self.tombstones.insert(id)),
            "change" => self.take(value, false),
            other => panic!("{other} is no line of a snapshot"),
        }
    }

    /// Applies a change of the feed, which tells of nothing twice.
    pub fn apply(&mut self, change: &Value) {
        self.take(change, true);
    }

    fn take(&mut self, change: &Value, strict: bool) {
        let (id, kind) = (change["id"].as_str().unwrap(), change["kind"].as_str().unwrap());
        for group in change["groups"].as_array().into_iter().flatten() {
            let left = self.members.get_mut(group.as_str().unwrap()).is_some_and(|members| members.remove(id));
            assert!(left || !strict || self.tombstones.contains(id), "{change}");
        }
        // One with very many memberships takes them with it at once.
        if change.get("memberships").is_some() {
            self.members.remove(id);
            self.members.values_mut().for_each(|members| _ = members.remove(id));
        }
        for now in change["groupVersions"].as_array().into_iter().flatten() {
            self.touch(now["id"].as_str().unwrap(), now);
        }
        if kind == "members" {
            let members = self.members.entry(id.to_owned()).or_default();
            for user in change["added"].as_array().unwrap() {
                let new = members.insert(user.as_str().unwrap().to_owned());
                assert!(new || !strict, "{change}");
            }
            for user in change["removed"].as_array().unwrap() {
                let there = members.remove(user.as_str().unwrap());
                assert!(there || !strict, "{change}");
            }
            return self.touch(id, change);
        }
        let user = change["resourceType"] == "User";
        let resources = if user { &mut self.users } else { &mut self.groups };
        let Some(attributes) = change["resource"].as_object() else {
            resources.remove(id);
            if kind == "deleted" {
                self.tombstones.insert(id.to_owned());
            }
            if kind == "deleted" && !user {
                assert_eq!(self.members.remove(id).unwrap_or_default(), BTreeSet::new(), "{change}");
            }
            return;
        };
        assert_ne!(kind, "deleted");
        let mut attributes = attributes.clone();
        attributes.remove("schemas");
        let mut shown = json!({ "id": id, "attributes": attributes });
        for name in ["version", "created", "modified", "active"] {
            if let Some(value) = change.get(name) {
                shown[name] = value.clone();
            }
        }
        resources.insert(id.to_owned(), shown);
        if !user {
            self.members.entry(id.to_owned()).or_default();
        }
    }

    /// A group whose members changed is at another version. One that is gone meanwhile has none.
    fn touch(&mut self, id: &str, now: &Value) {
        if let (Some(group), Some(version)) = (self.groups.get_mut(id), now.get("version")) {
            group["version"] = version.clone();
            group["modified"] = now["modified"].clone();
        }
    }

    /// The same, read from the lists.
    pub fn read(server: &mut Native, limit: usize) -> Self {
        let mut found = Self::default();
        let rows = server.sql.connection.prepare("SELECT id FROM tombstones").unwrap();
        found.tombstones = { rows }.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        for name in ["users", "groups"] {
            for resource in pages(server, &format!("/{name}?limit={limit}"), name) {
                let id = resource["id"].as_str().unwrap().to_owned();
                if name == "groups" {
                    let members = pages(server, &format!("/groups/{id}/members?limit={limit}"), "members");
                    let ids = members.iter().map(|member| member["id"].as_str().unwrap().to_owned());
                    found.members.insert(id.clone(), ids.collect());
                }
                if name == "users" { &mut found.users } else { &mut found.groups }.insert(id, resource);
            }
        }
        found
    }
}

fn pages(server: &mut Native, path: &str, name: &str) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = server.console(&format!("{path}{after}"));
        all.extend(page[name].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return all,
        }
    }
}

/// Reads on from where the follower is, one page.
pub fn follow(server: &mut Native, copy: &mut Directory, after: &mut i64, limit: usize) -> bool {
    let page = server.console(&format!("/changes?after={after}&limit={limit}"));
    let changes = page["changes"].as_array().unwrap();
    assert!(changes.len() <= limit);
    for change in changes {
        *after += 1;
        assert_eq!(change["seq"], json!(*after), "no gap, no repeat");
        copy.apply(change);
    }
    assert_eq!(page["next"], json!(*after));
    changes.is_empty()
}

const NAMES: [&str; 9] = ["ann", "Bob", "cléo", "Dan", "eve", "fay", "gus", "Hal", "ivy"];
const GROUPS: [&str; 4] = ["red", "Green", "blue", "grey"];

/// A request that changes something, or nothing, or is refused.
pub fn request(random: &mut Random, users: &[String], groups: &[String]) -> Request {
    let some = |random: &mut Random, ids: &[String]| match ids.len() {
        0 => "none".to_owned(),
        n => ids[random.below(n)].clone(),
    };
    let (user, group) = (some(random, users), some(random, groups));
    let crew: Vec<Value> = (0..random.below(4)).map(|_| json!({ "value": some(random, users) })).collect();
    let name = random.of(&NAMES);
    let title = random.of(&["a", "b"]);
    let patch = |operation: Value| json!({ "Operations": [operation] });
    let (method, path, body) = match random.below(14) {
        0 | 1 => ("POST", "/Users".to_owned(), json!({ "userName": name, "externalId": name.to_lowercase() })),
        2 => ("PUT", format!("/Users/{user}"), json!({ "userName": name, "title": title })),
        3 | 4 => {
            ("PATCH", format!("/Users/{user}"), patch(json!({ "op": "replace", "path": "title", "value": title })))
        }
        5 => {
            ("PATCH", format!("/Users/{user}"), patch(json!({ "op": "replace", "value": { "active": title == "a" } })))
        }
        6 => ("DELETE", format!("/Users/{user}"), Value::Null),
        7 => ("POST", "/Groups".to_owned(), json!({ "displayName": random.of(&GROUPS), "members": crew })),
        8 => ("PUT", format!("/Groups/{group}"), json!({ "displayName": random.of(&GROUPS), "members": crew })),
        9 | 10 => {
            ("PATCH", format!("/Groups/{group}"), patch(json!({ "op": "add", "path": "members", "value": crew })))
        }
        11 => ("PATCH", format!("/Groups/{group}"), patch(json!({ "op": "remove", "path": "members", "value": crew }))),
        12 if random.one_in(3) => ("DELETE", format!("/Groups/{group}"), Value::Null),
        12 => {
            ("PATCH", format!("/Groups/{group}"), patch(json!({ "op": "replace", "path": "members", "value": crew })))
        }
        _ => {
            let operations = json!([
                { "method": "PATCH", "path": format!("/Users/{user}"), "data": { "Operations": [{ "op": "replace", "path": "nickName", "value": title }] } },
                { "method": "POST", "path": "/Users", "bulkId": "n", "data": { "userName": name } },
                { "method": "PATCH", "path": format!("/Groups/{group}"), "data": { "Operations": [{ "op": "add", "path": "members", "value": [{ "value": "bulkId:n" }] }] } },
            ]);
            ("POST", "/Bulk".to_owned(), json!({ "Operations": operations }))
        }
    };
    if body.is_null() { Request::new(method, &path) } else { Request::json(method, &path, &body) }
}
