//! The native tests' common part: real SQLite behind the store's trait, and a whole service in one process.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod directory;
pub mod dump;
pub mod exchanges;
pub mod filters;
pub mod follower;
pub mod http;
pub mod imports;
pub mod native;
pub mod patch;
pub mod quirks;
pub mod random;
pub mod session;
pub mod sqlite;
pub mod stored;

use serde_json::Value;

/// A request below an organisation's SCIM base URL.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    /// With its query, `/Users?count=1`.
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<Vec<u8>>,
}

impl Request {
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), ..Self::default() }
    }

    pub fn json(method: &str, path: &str, body: &Value) -> Self {
        let headers = vec![("Content-Type".to_owned(), "application/scim+json".to_owned())];
        Self { headers, body: Some(body.to_string().into_bytes()), ..Self::new(method, path) }
    }
}

#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    /// `Null` without a body.
    pub body: Value,
    /// Rows that the request wrote: natively without index rows, in workerd with them.
    pub rows_written: u64,
}

impl Response {
    pub fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }
}

/// A service under test, in one organisation with SCIM enabled.
pub trait Server {
    /// A SCIM request with the organisation's token.
    fn scim(&mut self, request: Request) -> Response;
    /// `GET /v1/orgs/{org}{path}` with the root key.
    fn console(&mut self, path: &str) -> Value;
    /// Switches SCIM off, imports these lines as one part, waits for the end and switches SCIM on again.
    fn import(&mut self, lines: &[String]);

    fn get(&mut self, path: &str) -> Response {
        self.scim(Request::new("GET", path))
    }

    fn send(&mut self, method: &str, path: &str, body: Value) -> Response {
        self.scim(Request::json(method, path, &body))
    }
}

/// An organisation without the facts about its last requests.
pub fn without_connection(mut organisation: Value) -> Value {
    organisation["connection"] = Value::Null;
    organisation
}
