//! A random request against its operations, one by one.

use super::*;
use proptest::prelude::*;
use scim_edge::auth::Dialect;
use std::collections::BTreeMap;

/// One operation of a random request: what it does to whom. People are named by the operation that made them.
#[derive(Clone, Debug)]
enum Step {
    User(u8),
    Manager(u8, usize),
    Group(u8, Vec<usize>),
    Title(usize, u8),
    Active(usize, bool),
    Join(usize, usize),
    Leave(usize, usize),
    Delete(usize),
}

/// The operation with `name` for the id that an earlier one made: `(method, path, data)`.
fn written(step: &Step, name: &dyn Fn(usize) -> String) -> (&'static str, String, Value) {
    let member = |at: usize| json!([{"value": name(at)}]);
    let patch = |path: String, op: &str, attribute: &str, value: Value| {
        let operation = json!({"op": op, "path": attribute, "value": value});
        ("PATCH", path, json!({"Operations": [operation]}))
    };
    match step {
        Step::User(n) => ("POST", "/Users".into(), json!({"userName": format!("u{n}"), "externalId": format!("x{n}")})),
        Step::Manager(n, at) => {
            let manager = json!({"manager": {"value": name(*at)}});
            ("POST", "/Users".into(), json!({"userName": format!("u{n}"), ENTERPRISE: manager}))
        }
        Step::Group(n, members) => {
            let members: Vec<Value> = members.iter().map(|at| json!({"value": name(*at)})).collect();
            ("POST", "/Groups".into(), json!({"displayName": format!("g{n}"), "members": members}))
        }
        Step::Title(at, n) => patch(format!("/Users/{}", name(*at)), "replace", "title", json!(format!("t{n}"))),
        Step::Active(at, active) => patch(format!("/Users/{}", name(*at)), "replace", "active", json!(active)),
        Step::Join(group, at) => patch(format!("/Groups/{}", name(*group)), "add", "members", member(*at)),
        Step::Leave(group, at) => patch(format!("/Groups/{}", name(*group)), "remove", "members", member(*at)),
        Step::Delete(at) => ("DELETE", format!("/Users/{}", name(*at)), Value::Null),
    }
}

/// Everything that is stored and the feed, with names for ids and without times.
fn told(server: &mut Native, ids: &BTreeMap<usize, String>) -> String {
    let feed = server.console("/changes?limit=1000");
    let parts = [server.console("/users"), server.get("/Groups").body, feed, server.console("")["counts"].clone()];
    let text = parts.map(|part| part.to_string()).join("\n");
    let text = ids.iter().fold(text, |text, (at, id)| text.replace(id, &format!("<{at}>")));
    let mut parts = text.split("\"20");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |told, part| told + part.split_once('"').unwrap().1)
}

fn step() -> impl Strategy<Value = Step> {
    let (n, at) = (0..4_u8, 0..12_usize);
    prop_oneof![
        n.clone().prop_map(Step::User),
        (n.clone(), at.clone()).prop_map(|(n, at)| Step::Manager(n, at)),
        (n.clone(), prop::collection::vec(at.clone(), 0..3)).prop_map(|(n, members)| Step::Group(n, members)),
        (at.clone(), n).prop_map(|(at, n)| Step::Title(at, n)),
        (at.clone(), prop::bool::ANY).prop_map(|(at, active)| Step::Active(at, active)),
        (at.clone(), at.clone()).prop_map(|(group, at)| Step::Join(group, at)),
        (at.clone(), at.clone()).prop_map(|(group, at)| Step::Leave(group, at)),
        at.prop_map(Step::Delete),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    /// A request whose operations refer to earlier ones only is what its operations are, one by one.
    #[test]
    fn one_by_one(steps in prop::collection::vec(step(), 1..12)) {
        let (mut whole, mut single) = (Native::new(Dialect::Auto), Native::new(Dialect::Auto));
        let posts: Vec<usize> = (0..steps.len())
            .filter(|at| matches!(steps[*at], Step::User(_) | Step::Manager(..) | Step::Group(..)))
            .collect();
        let (mut operations, mut statuses, mut ids) = (Vec::new(), Vec::new(), BTreeMap::new());
        for (at, step) in steps.iter().enumerate() {
            // Each reference is to one of the POSTs before.
            let before: Vec<usize> = posts.iter().copied().filter(|post| *post < at).collect();
            let maker = |wanted: usize| before.get(wanted % before.len().max(1)).copied();
            let (method, path, data) = written(step, &|wanted| match maker(wanted) {
                Some(post) => format!("bulkId:{post}"),
                None => "nobody".to_owned(),
            });
            operations.push(json!({"method": method, "path": path, "bulkId": at.to_string(), "data": data}));
            let failed = std::cell::Cell::new(false);
            let (method, path, data) = written(step, &|wanted| match maker(wanted) {
                Some(post) => ids.get(&post).cloned().unwrap_or_else(|| { failed.set(true); String::new() }),
                None => "nobody".to_owned(),
            });
            if failed.get() {
                statuses.push("400".to_owned());
                continue;
            }
            let response = single.send(method, &path, data);
            statuses.push(response.status.to_string().replace("204", if method == "DELETE" { "204" } else { "200" }));
            if response.status == 201 {
                ids.insert(at, response.text("id").to_owned());
            }
        }
        let response = bulk(&mut whole, json!(operations));
        let results = response.body["Operations"].as_array().unwrap().clone();
        let found: Vec<&str> = results.iter().map(|one| one["status"].as_str().unwrap()).collect();
        prop_assert_eq!(&found, &statuses, "{}", response.body);
        let made: BTreeMap<usize, String> = ids.keys().map(|at| (*at, id(&response, *at))).collect();
        prop_assert_eq!(told(&mut whole, &made), told(&mut single, &ids));
    }
}
