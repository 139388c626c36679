//! Changes of a request, each towards more work.

use super::known_user;
use crate::support::random::Random;
use crate::support::{Request, stored};
use crate::table::encoded;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// How often one thing is repeated at most.
const REPEATS: [usize; 5] = [2, 3, 10, 100, 1_000];
/// No text gets longer than this at once, in bytes.
const TEXT_MAX: usize = 300_000;

/// A session's text with ids of the directory where it has variables.
pub(super) fn filled(text: &str) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or(("", after));
        filled.push_str(before);
        filled.push_str(&if name.contains("group") { stored::group(1) } else { stored::user(7) });
        rest = after;
    }
    filled + rest
}

/// Returns the part that two requests have in common that differ in their sizes only.
pub(super) fn shape(place: super::Place, request: &Request, status: u16) -> String {
    let path = request.path.split('?').next().unwrap_or_default();
    let kind: Vec<&str> = path.split('/').filter(|part| part.len() < 20).collect();
    let query: BTreeSet<&str> =
        request.path.split(['?', '&']).skip(1).map(|pair| pair.split('=').next().unwrap_or_default()).collect();
    let body: Value = request.body.as_deref().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
    let operation = &body["Operations"][0];
    let at = operation["path"].as_str().unwrap_or_default();
    let at: String =
        at.chars().take_while(|character| character.is_alphanumeric() || *character == '[').take(20).collect();
    let names: Vec<&str> =
        body.as_object().into_iter().flatten().map(|(name, _)| name.get(..8).unwrap_or(name)).take(4).collect();
    format!(
        "{place:?} {} {} {} {} {at} {} {status}",
        request.method,
        kind.join("/"),
        query.into_iter().collect::<Vec<_>>().join("&"),
        operation["op"].as_str().or(operation["method"].as_str()).unwrap_or_default(),
        names.join(",")
    )
}

/// Changes a request in one way.
pub(super) fn change(request: &mut Request, other: &Request, random: &mut Random) {
    let body = request.body.as_deref().and_then(|body| serde_json::from_slice::<Value>(body).ok());
    match (random.below(10), body) {
        (0, _) => request.path = path(&request.path, random),
        (1, _) => request.path = query(&request.path, random),
        (2, Some(body)) if request.path != "/Bulk" && !request.path.starts_with("/v1/") => {
            *request = bulk(request, &body, random)
        }
        (3, Some(body)) if !request.path.starts_with("/v1/") => {
            let preview = json!({"method": request.method, "path": request.path, "body": body});
            *request = Request::json("POST", "/v1/orgs/acme/preview", &preview);
        }
        (_, Some(mut body)) => {
            let theirs = other.body.as_deref().and_then(|body| serde_json::from_slice::<Value>(body).ok());
            grow(&mut body, theirs.as_ref(), random);
            request.body = Some(body.to_string().into_bytes());
        }
        (_, None) => request.path = query(&request.path, random),
    }
}

/// The same of another resource.
fn path(path: &str, random: &mut Random) -> String {
    let (before, query) =
        path.split_once('?').map_or((path, String::new()), |(before, query)| (before, format!("?{query}")));
    let parts: Vec<&str> = before.split('/').collect();
    match parts.as_slice() {
        ["", "Users", _] => format!("/Users/{}{query}", known_user(random)),
        ["", "Groups", _] => format!("/Groups/{}{query}", stored::group([1, 5, stored::CROWD][random.below(3)])),
        _ => path.to_owned(),
    }
}

/// More parameters, and longer filters.
fn query(path: &str, random: &mut Random) -> String {
    let terms = REPEATS[random.below(4)].min(200);
    let filter = |random: &mut Random| {
        let name = random.of(&[
            "nickName",
            "userName",
            "emails.value",
            "groups.display",
            "roles",
            "members.value",
            "meta.created",
            "id",
        ]);
        let op = random.of(&["co", "eq", "sw", "ew", "gt", "ne"]);
        let word = random.of(&[" or ", " and ", " or not ("]);
        let all: Vec<String> = (0..terms).map(|n| format!("{name} {op} \"{n}\"")).collect();
        let text = all.join(word);
        let closing = ")".repeat(text.matches('(').count());
        format!("filter={}", encoded(&(text + &closing)))
    };
    let more = match random.below(6) {
        0 | 1 => filter(random),
        2 => format!(
            "sortBy={}",
            random.of(&["title", "userName", "emails.value", "name.familyName", "meta.lastModified", "id"])
        ),
        3 => format!("count={}", random.of(&["1000", "1", "0"])),
        4 => format!("attributes={}", encoded(&vec!["emails.value"; terms].join(","))),
        _ => format!("startIndex={}", random.of(&["1", "100000", "9007199254740991"])),
    };
    // One that stands there is replaced: twice it would be refused.
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let name = more.split('=').next().unwrap_or_default();
    let others = query.split('&').filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(name));
    let all: Vec<&str> = others.chain([more.as_str()]).collect();
    format!("{path}?{}", all.join("&"))
}

/// The request many times in one.
fn bulk(request: &Request, body: &Value, random: &mut Random) -> Request {
    let times = REPEATS[random.below(REPEATS.len())];
    let operations: Vec<Value> = (0..times)
        .map(|n| {
            let mut data = body.clone();
            if let Some(name) = data.get_mut("userName").filter(|_| random.one_in(2)) {
                *name = json!(format!("name{n}"));
            }
            json!({"method": request.method, "path": request.path, "bulkId": format!("b{n}"), "data": data})
        })
        .collect();
    Request::json("POST", "/Bulk", &json!({ "Operations": operations }))
}

/// Makes one thing in a body more.
fn grow(body: &mut Value, other: Option<&Value>, random: &mut Random) {
    let count = places(body);
    let target = random.below(count.max(1));
    let mut at = 0;
    visit(body, &mut at, target, &mut |value| match value {
        Value::Array(list) if !list.is_empty() => {
            let times = REPEATS[random.below(REPEATS.len())];
            let copies = (list.len() * times).min(20_000);
            let apart = !random.one_in(4);
            let base = list.clone();
            *list = (0..copies)
                .map(|n| if apart { numbered(&base[n % base.len()], n) } else { base[n % base.len()].clone() })
                .collect();
        }
        Value::String(text) => match random.below(4) {
            0 => *text = text.repeat(REPEATS[random.below(REPEATS.len())].min(1 + TEXT_MAX / (text.len() + 1))),
            1 if text.contains('[') => *text = more_terms(text, REPEATS[random.below(3)]),
            2 => {
                *text = random
                    .of(&[
                        "add",
                        "remove",
                        "replace",
                        "members",
                        "roles",
                        "emails",
                        "emails[type eq \"work\"].value",
                        "roles[value eq \"7\"]",
                        "members[value sw \"0\"]",
                        "urn:example:a:2.0:User:b",
                    ])
                    .to_owned()
            }
            _ => *text = known_user(random),
        },
        Value::Object(object) => {
            if let Some(Value::Object(theirs)) = other.filter(|_| random.one_in(2)) {
                object.extend(theirs.clone());
            } else {
                let times = REPEATS[random.below(4)];
                let more: Map<String, Value> = object
                    .iter()
                    .flat_map(|(name, value)| (0..times).map(move |n| (format!("{name}{n}"), value.clone())))
                    .take(5_000)
                    .collect();
                object.extend(more);
            }
        }
        other => *other = json!([other.clone(), other.clone()]),
    });
}

/// The same with another number in each of its texts that may be a value.
fn numbered(value: &Value, n: usize) -> Value {
    match value {
        Value::Object(object) => object
            .iter()
            .map(|(name, value)| match name.as_str() {
                "op" | "path" | "method" | "type" => (name.clone(), value.clone()),
                _ => (name.clone(), numbered(value, n)),
            })
            .collect(),
        Value::String(text) if text.starts_with("00000000-0000-7000-8000-") => json!(stored::user(n)),
        Value::String(text) => json!(format!("{text}{n}")),
        other => other.clone(),
    }
}

/// A filter in brackets with so many more terms.
fn more_terms(text: &str, times: usize) -> String {
    let Some((before, rest)) = text.split_once('[') else { return text.to_owned() };
    let Some((inner, after)) = rest.split_once(']') else { return text.to_owned() };
    let all: Vec<&str> = vec![inner; times.min(1 + 3_900 / (inner.len() + 4))];
    format!("{before}[{}]{after}", all.join(" or "))
}

fn places(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().take(50).map(places).sum(),
        Value::Object(object) => object.values().take(50).map(places).sum(),
        _ => 0,
    }
}

/// Finds the value with that number, counted as [`places`] does.
fn visit(value: &mut Value, at: &mut usize, target: usize, change: &mut dyn FnMut(&mut Value)) {
    if *at == target {
        *at += 1;
        return change(value);
    }
    *at += 1;
    match value {
        Value::Array(list) => list.iter_mut().take(50).for_each(|inner| visit(inner, at, target, change)),
        Value::Object(object) => object.values_mut().take(50).for_each(|inner| visit(inner, at, target, change)),
        _ => {}
    }
}
