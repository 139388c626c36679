//! The answer to a Bulk request (RFC 7644 section 3.7).

use super::error_body;
use crate::directory::bulk::Done;
use crate::scim::bulk::BULK_RESPONSE;
use serde_json::{Map, Value, json};

/// `Operations` in the order of the request: `response` stands only where an operation failed.
pub(super) fn response(operations: Vec<Done>, base: &str) -> Value {
    let operations: Vec<Value> = operations.into_iter().map(|done| operation(done, base)).collect();
    json!({ "schemas": [BULK_RESPONSE], "Operations": operations })
}

fn operation(done: Done, base: &str) -> Value {
    let status = match (&done.error, done.method.as_str()) {
        (Some(error), _) => error.kind.status(),
        (None, "POST") => 201,
        (None, "DELETE") => 204,
        (None, _) => 200,
    };
    let mut shown = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            shown.insert(name.to_owned(), value);
        }
    };
    put("location", done.path.map(|path| Value::from(format!("{base}{path}"))));
    put("method", Some(Value::from(done.method)));
    put("bulkId", done.bulk_id.map(Value::from));
    put("version", done.version.map(Value::from));
    put("status", Some(Value::from(status.to_string())));
    put("response", done.error.map(|error| error_body(&error, error.detail.clone())));
    Value::Object(shown)
}
