//! The requests of identity providers, to an organisation whose quota is used up: every removal is done, and nothing
//! grows.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use crate::support::native::Native;
use crate::support::session::{SESSIONS, Session};
use crate::support::{Request, Response, Server};
use scim_edge::org::Memory;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The content of an organisation.
struct Held {
    /// Users who are active, and who are not.
    active: BTreeSet<String>,
    inactive: BTreeSet<String>,
    groups: BTreeSet<String>,
    /// Each a group and a user.
    members: BTreeSet<(String, String)>,
    /// Each a resource, an attribute and one of the values that it has.
    values: BTreeSet<(String, String, String)>,
    /// How large each resource is without `meta`, `active` and members.
    sizes: BTreeMap<String, usize>,
}

fn held(server: &mut Native) -> Held {
    let (mut users, mut found) = (Vec::new(), Vec::new());
    for kind in ["Users", "Groups"] {
        let page = server.get(&format!("/{kind}?count=1000")).body["Resources"].take();
        if kind == "Users" {
            users = page.as_array().unwrap().clone()
        } else {
            found = page.as_array().unwrap().clone()
        }
    }
    let id = |one: &Value| one["id"].as_str().unwrap().to_owned();
    let ids = |all: &[Value], wanted: &dyn Fn(&Value) -> bool| all.iter().filter(|one| wanted(one)).map(id).collect();
    let list = |one: &Value, name: &str| one[name].as_array().cloned().unwrap_or_default();
    let (mut values, mut sizes) = (BTreeSet::new(), BTreeMap::new());
    for one in users.iter().chain(&found) {
        let mut kept = one.as_object().unwrap().clone();
        ["meta", "active", "members", "groups", "schemas"].into_iter().for_each(|name| drop(kept.remove(name)));
        sizes.insert(id(one), json!(kept).to_string().len());
        for (name, value) in &kept {
            let all = value.as_array().cloned().unwrap_or_default();
            values.extend(all.iter().map(|item| (id(one), name.clone(), item["value"].to_string())));
        }
    }
    Held {
        active: ids(&users, &|user| user["active"] != json!(false)),
        inactive: ids(&users, &|user| user["active"] == json!(false)),
        groups: ids(&found, &|_| true),
        members: found
            .iter()
            .flat_map(|group| {
                list(group, "members")
                    .into_iter()
                    .map(|member| (id(group), member["value"].as_str().unwrap().to_owned()))
            })
            .collect(),
        values,
        sizes,
    }
}

/// Sends a request with the quota used up, looks at what it came to, and takes that back.
fn full(server: &mut Native, request: Request) -> (Response, Held) {
    server.sql.connection.execute_batch("SAVEPOINT before").unwrap();
    let quota = json!({"quota": {"users": 0, "groups": 0, "bytes": 1}});
    assert_eq!(server.admin("PUT", "", &quota).status, 200);
    let response = server.scim(request);
    let held = held(server);
    server.sql.connection.execute_batch("ROLLBACK TO before; RELEASE before").unwrap();
    (server.memory, server.types) = (Memory::default(), Rc::default());
    (response, held)
}

#[test]
fn what_takes_away_is_done_and_nothing_grows() {
    let (mut taken, mut refused, mut quiet) = (0, 0, Vec::new());
    for (name, text) in SESSIONS {
        let session = Session::read(name, text);
        let mut server = Native::new(session.dialect);
        let (before_session, mut before) = (taken, held(&mut server));
        session.play(&mut |step, request| {
            let at = format!("{name}, {step}, {} {}", request.method, request.path);
            let (in_full, kept) = full(&mut server, request.clone());
            let response = server.scim(request);
            let after = held(&mut server);
            // A removal without a quota is one with it.
            let mut gone = 0;
            for id in before.active.difference(&after.active) {
                assert!(!kept.active.contains(id), "{at}: user {id} is active still");
                gone += 1;
            }
            for id in before.inactive.iter().filter(|id| !after.inactive.contains(*id) && !after.active.contains(*id)) {
                assert!(!kept.inactive.contains(id) && !kept.active.contains(id), "{at}: user {id} is there still");
                gone += 1;
            }
            for id in before.groups.difference(&after.groups) {
                assert!(!kept.groups.contains(id), "{at}: group {id} is there still");
                gone += 1;
            }
            for pair in before.members.difference(&after.members) {
                assert!(!kept.members.contains(pair), "{at}: {pair:?} is a member still");
                gone += 1;
            }
            if gone > 0 {
                assert!(in_full.status < 300, "{at}: {}", in_full.body);
            }
            // Nothing is there that was not, and nothing is larger.
            let all = |held: &Held| held.active.union(&held.inactive).cloned().collect::<BTreeSet<String>>();
            assert!(all(&kept).is_subset(&all(&before)), "{at}: a user was created");
            assert!(kept.groups.is_subset(&before.groups), "{at}: a group was created");
            assert!(kept.members.is_subset(&before.members), "{at}: a member was added");
            assert!(kept.sizes.iter().all(|(id, size)| *size <= before.sizes[id]), "{at}: a resource is larger");
            if in_full.status == 400 && response.status < 300 {
                assert!(in_full.text("detail").contains("[quota-"), "{at}: {}", in_full.body);
                assert_eq!(gone, 0, "{at}");
                refused += 1;
            } else {
                assert_eq!(in_full.status, response.status, "{at}: {}", in_full.body);
            }
            // Roles and the like give access.
            for value in before
                .values
                .difference(&after.values)
                .filter(|(_, name, _)| ["roles", "entitlements"].contains(&name.as_str()))
            {
                assert!(!kept.values.contains(value), "{at}: {value:?} is there still");
            }
            taken += gone;
            before = after;
            response
        });
        if taken == before_session {
            quiet.push(name);
        }
    }
    println!("{taken} taken away, {refused} refused, {quiet:?} takes nothing away");
    assert!(quiet.is_empty(), "{quiet:?}");
    assert!(taken >= 50 && refused >= 100, "{taken} {refused}");
}
