//! The folded document, by which SQL compares without regard to case.

use crate::fold::fold;
use serde_json::{Map, Value};

/// Returns the document with every text in it folded, keys left alone; `None` if `lower()` of SQLite, which knows ASCII
/// alone, makes the same of every text, as it does for most. A text that is compared case-exactly is looked up in the
/// document itself.
pub fn folded(document: &Map<String, Value>) -> Option<String> {
    if document.values().all(is_simple) {
        return None;
    }
    let all: Map<String, Value> = document.iter().map(|(key, value)| (key.clone(), all_folded(value))).collect();
    Some(Value::Object(all).to_string())
}

fn is_simple(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_ascii() || fold(text) == text.to_ascii_lowercase(),
        Value::Array(items) => items.iter().all(is_simple),
        Value::Object(map) => map.values().all(is_simple),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

fn all_folded(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(fold(text)),
        Value::Array(items) => items.iter().map(all_folded).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), all_folded(value))).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_where_ascii_does_not_do() {
        for (document, expected) in [
            (json!({"a": "Straße ABC", "b": [{"c": "é"}]}), None),
            (
                json!({"a": "École", "B": [{"C": "X"}, 1, null, true]}),
                Some(r#"{"B":[{"C":"x"},1,null,true],"a":"école"}"#),
            ),
            (json!({"a": "ａ"}), Some(r#"{"a":"a"}"#)),
        ] {
            let map = document.as_object().unwrap();
            assert_eq!(folded(map).as_deref(), expected, "{document}");
        }
    }
}
