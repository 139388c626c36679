//! Repairs around the values: who calls, and how a PATCH is wrapped.

use super::Repairs;
use crate::auth::Dialect;
use serde_json::{Map, Value, json};

/// The caller's name for the journal; nothing depends on it.
pub fn caller(dialect: Dialect, user_agent: &str) -> String {
    match dialect {
        Dialect::Auto if user_agent.to_ascii_lowercase().starts_with("okta") => "Okta".to_owned(),
        Dialect::Auto => String::new(),
        named => format!("{named:?}"),
    }
}

/// The operations of a PATCH: `operations` for `Operations` (seen in captures), a bare operation without the list
/// around it, and one operation in place of a list.
pub fn operations(body: &mut Map<String, Value>, repairs: &mut Repairs) -> Option<Value> {
    if body.get("Operations").is_some_and(Value::is_array) {
        return body.remove("Operations");
    }
    let key = body.keys().find(|key| key.eq_ignore_ascii_case("operations")).cloned();
    match key.and_then(|key| body.remove(&key)) {
        Some(list @ Value::Array(_)) => {
            repairs.note("operations_case");
            Some(list)
        }
        Some(one @ Value::Object(_)) => {
            repairs.note("single_operation");
            Some(Value::Array(vec![one]))
        }
        Some(other) => Some(other),
        None if body.keys().any(|key| key.eq_ignore_ascii_case("op")) => {
            repairs.note("bare_operation");
            Some(Value::Array(vec![Value::Object(std::mem::take(body))]))
        }
        None => None,
    }
}

/// A PUT that leaves out what did not change (WSO2, product-is #26569), as the PATCH that it means.
pub fn replacing(body: Map<String, Value>, repairs: &mut Repairs) -> Map<String, Value> {
    repairs.note("put_of_changes");
    let operation = json!({ "op": "replace", "value": body });
    Map::from_iter([("Operations".to_owned(), json!([operation]))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappings() {
        let op = json!({"op": "replace", "path": "active", "value": true});
        for (sent, needed) in [
            (json!({"Operations": [op]}), ""),
            (json!({"operations": [op]}), "operations_case"),
            (json!({"operations": op}), "single_operation"),
            (op.clone(), "bare_operation"),
        ] {
            let mut repairs = Repairs::default();
            let Value::Object(mut body) = sent.clone() else { continue };
            assert_eq!(operations(&mut body, &mut repairs), Some(json!([op])), "{sent}");
            assert_eq!(repairs.names().join(" "), needed);
        }
        assert_eq!(operations(&mut Map::new(), &mut Repairs::default()), None);
    }

    #[test]
    fn callers() {
        assert_eq!(caller(Dialect::Auto, "Okta SCIM Client 1.0.0"), "Okta");
        assert_eq!(caller(Dialect::Auto, ""), "");
        assert_eq!(caller(Dialect::Entra, "Okta"), "Entra");
    }
}
