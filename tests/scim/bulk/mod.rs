//! Bulk requests (RFC 7644 section 3.7).

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod one_by_one;
mod references;
mod rules;
use crate::support::native::Native;
use crate::support::{Response, Server};
use serde_json::{Value, json};

const BASE: &str = "https://edge.test/acme/scim/v2";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

fn bulk(server: &mut Native, operations: Value) -> Response {
    server.send("POST", "/Bulk", json!({"schemas": [REQUEST], "Operations": operations}))
}

fn post(bulk_id: &str, path: &str, data: Value) -> Value {
    json!({"method": "POST", "path": path, "bulkId": bulk_id, "data": data})
}

fn user(name: &str) -> Value {
    post(name, "/Users", json!({"userName": name}))
}

fn managed(name: &str, manager: &str) -> Value {
    post(name, "/Users", json!({"userName": name, ENTERPRISE: {"manager": {"value": format!("bulkId:{manager}")}}}))
}

fn group(name: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|id| json!({"value": format!("bulkId:{id}")})).collect();
    post(name, "/Groups", json!({"displayName": name, "members": members}))
}

/// Each result in short: `201 a`, `409 uniqueness b`.
fn results(response: &Response) -> Vec<String> {
    assert_eq!(response.status, 200, "{}", response.body);
    let short = |one: &Value| {
        let words = [&one["status"], &one["response"]["scimType"], &one["bulkId"]];
        words.into_iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
    };
    response.body["Operations"].as_array().unwrap().iter().map(short).collect()
}

fn id(response: &Response, at: usize) -> String {
    let location = response.body["Operations"][at]["location"].as_str().unwrap();
    location.rsplit('/').next().unwrap().to_owned()
}

fn detail(response: &Response, at: usize) -> &str {
    response.body["Operations"][at]["response"]["detail"].as_str().unwrap_or_default()
}

fn counts(server: &mut Native) -> Value {
    server.console("")["counts"].clone()
}
