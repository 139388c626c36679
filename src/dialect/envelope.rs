//! Repairs of what stands around the values: the operations of a PATCH, and a PUT that is none.

use super::{Repair, Repairs};
use crate::scim::patch::Op;
use serde_json::{Map, Value, json};

/// The operations of a PATCH: `operations` for `Operations`, a bare operation without the list around it, and one
/// operation in place of a list.
pub fn operations(body: &mut Map<String, Value>, repairs: &mut Repairs) -> Option<Value> {
    if body.get("Operations").is_some_and(Value::is_array) {
        return body.remove("Operations");
    }
    let key = body.keys().find(|key| key.eq_ignore_ascii_case("operations")).cloned();
    match key.and_then(|key| body.remove(&key)) {
        Some(list @ Value::Array(_)) => repairs.need(Repair::OperationsCase).then_some(list),
        Some(one @ Value::Object(_)) => repairs.need(Repair::SingleOperation).then(|| json!([one])),
        Some(other) => Some(other),
        None if body.keys().any(|key| key.eq_ignore_ascii_case("op")) && repairs.need(Repair::BareOperation) => {
            Some(json!([Value::Object(std::mem::take(body))]))
        }
        None => None,
    }
}

/// `op` in any case, in every dialect.
pub fn op(text: &str, repairs: &mut Repairs) -> Option<Op> {
    let (op, name) = [(Op::Add, "add"), (Op::Remove, "remove"), (Op::Replace, "replace")]
        .into_iter()
        .find(|(_, name)| text.eq_ignore_ascii_case(name))?;
    (text == name || repairs.need(Repair::OpCase)).then_some(op)
}

/// A PUT that says only what has changed, as the PATCH that it is. A `null` says nothing.
pub fn partial_put(mut body: Map<String, Value>) -> Map<String, Value> {
    body.retain(|_, value| !value.is_null());
    let operations = json!([{ "op": "replace", "value": body }]);
    Map::from_iter([("Operations".to_owned(), operations)])
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
    fn ops() {
        for (text, expected, needed) in [
            ("add", Some(Op::Add), ""),
            ("Remove", Some(Op::Remove), "op_case"),
            ("REPLACE", Some(Op::Replace), "op_case"),
            ("move", None, ""),
            ("", None, ""),
        ] {
            let mut repairs = Repairs::default();
            assert_eq!((op(text, &mut repairs), repairs.names().join(" ")), (expected, needed.to_owned()), "{text}");
        }
    }
}
