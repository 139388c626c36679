//! Imports natively: parts as they come, the alarm until there is no more to do, and lines to send.

use super::Server;
use super::native::Native;
use scim_edge::directory::admin::Admin;
use scim_edge::directory::call::{Actor, Ask};
use scim_edge::directory::query::Query;
use scim_edge::directory::reply::Answer;
use scim_edge::error;
use serde_json::{Value, json};

/// A snapshot, line by line.
pub fn snapshot(server: &mut Native) -> Vec<String> {
    let (mut lines, mut position) = (String::new(), None);
    loop {
        match server.call(Actor::Root, Ask::Read(Query::Snapshot { position })).outcome.unwrap() {
            Answer::Piece { lines: more, next } => {
                lines.push_str(&more);
                position = next;
            }
            other => panic!("{other:?}"),
        }
        if position.is_none() {
            return lines.lines().map(str::to_owned).collect();
        }
    }
}

pub fn admin(server: &mut Native, admin: Admin) -> error::Result<Answer> {
    server.call(Actor::Root, Ask::Admin(admin)).outcome
}

pub fn send(server: &mut Native, part: i64, lines: &[String]) -> error::Result<Answer> {
    admin(server, Admin::ImportLines { part, line: 1, lines: lines.join("\n"), last: true })
}

pub fn scim(server: &mut Native, enabled: bool) {
    server.admin("PUT", "", &json!({"scim": {"enabled": enabled}}));
}

/// Lets the alarm go off until there is no more to do; says how often, and what became of the import.
pub fn work(server: &mut Native) -> (u32, Value) {
    let mut steps = 0;
    loop {
        server.alarm();
        steps += 1;
        let status = server.console("/import");
        if !["checking", "writing"].contains(&status["state"].as_str().unwrap()) {
            return (steps, status);
        }
    }
}

/// The whole of it: parts of so many lines.
pub fn import(server: &mut Native, lines: &[String], a_part: usize) -> Value {
    admin(server, Admin::BeginImport).unwrap();
    for (part, lines) in (1..).zip(lines.chunks(a_part)) {
        send(server, part, lines).unwrap();
    }
    admin(server, Admin::FinishImport).unwrap();
    work(server).1
}

/// Without the first and the last line, which tell the position.
pub fn resources(lines: &[String]) -> Vec<String> {
    let mut lines = lines[1..lines.len() - 1].to_vec();
    lines.sort();
    lines
}

pub fn lines(of: &[Value]) -> Vec<String> {
    of.iter().map(Value::to_string).collect()
}

pub fn user(id: &str, name: &str) -> Value {
    json!({"user": {"id": id, "attributes": {"userName": name}}})
}

pub fn group(id: &str, name: &str) -> Value {
    json!({"group": {"id": id, "attributes": {"displayName": name}}})
}

pub fn end(lines: usize, users: i64, groups: i64, memberships: i64) -> Value {
    let counts =
        json!({"users": users, "activeUsers": users, "groups": groups, "memberships": memberships, "tombstones": 0});
    json!({"at": 0, "counts": counts, "lines": lines})
}
