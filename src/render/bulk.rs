//! The answer to a Bulk request (RFC 7644 section 3.7).

use super::{BodyWriter, error_body};
use crate::directory::bulk::OperationResult;
use crate::scim::bulk::BULK_RESPONSE;
use serde_json::{Map, Value};

/// Writes `Operations` in the order of the request. Only a failed operation has a `response`.
pub(super) fn write_bulk(body: &mut BodyWriter, operations: Vec<OperationResult>, base: &str) {
    body.push_text(r#"{"Operations":["#);
    for (at, done) in operations.into_iter().enumerate() {
        if at > 0 {
            body.push_text(",");
        }
        body.push_text(&bulk_operation(done, base).to_string());
    }
    body.push_text(&format!(r#"],"schemas":["{BULK_RESPONSE}"]}}"#));
}

fn bulk_operation(done: OperationResult, base: &str) -> Value {
    let status = match (&done.error, done.method.as_str()) {
        (Some(error), _) => error.kind().status(),
        // RFC 7644 section 3.7: each operation has the status of its own request.
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
    put("response", done.error.map(|error| error_body(&error, &error.sentence_with_code())));
    Value::Object(shown)
}
