//! Repairs around the values: the operations of a PATCH.

use super::{Repair, Repairs};
use crate::scim::json::{Checked, JsonShape, Object};
use crate::scim::patch::PatchOp;

/// Returns the operations of a PATCH: `operations` for `Operations`, a bare operation without the list around it, and
/// one operation in place of a list. `whole` is the body.
pub fn patch_operations<'a>(whole: Checked<'a>, body: &Object<'a>, repairs: &mut Repairs) -> Option<Vec<Checked<'a>>> {
    match body.entry("Operations") {
        Some((name, list)) if list.shape() == JsonShape::Array => {
            (name == "Operations" || repairs.note_need(Repair::OperationsCase)).then(|| list.elements()).flatten()
        }
        // One operation without the list around it can mean nothing else.
        Some((_, one)) if one.shape() == JsonShape::Object => {
            repairs.note_need(Repair::SingleOperation).then(|| vec![one])
        }
        // Any other value is no operation at all; the caller refuses it.
        Some(_) => None,
        None => (body.get("op").is_some() && repairs.note_need(Repair::BareOperation)).then(|| vec![whole]),
    }
}

/// Reads `op` in any case, in every dialect.
pub fn read_op(text: &str, repairs: &mut Repairs) -> Option<PatchOp> {
    let (op, name) = [(PatchOp::Add, "add"), (PatchOp::Remove, "remove"), (PatchOp::Replace, "replace")]
        .into_iter()
        .find(|(_, name)| text.eq_ignore_ascii_case(name))?;
    (text == name || repairs.note_need(Repair::OpCase)).then_some(op)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
            let text = sent.to_string();
            let whole = Checked::new(&text);
            let found = patch_operations(whole, &whole.object().unwrap_or_default(), &mut repairs).unwrap_or_default();
            assert_eq!(found.first().map(|one| one.value()).as_ref(), Some(&op), "{sent}");
            assert_eq!(repairs.into_names().join(" "), needed);
        }
        assert_eq!(patch_operations(Checked::NULL, &Object::default(), &mut Repairs::default()), None);
    }

    #[test]
    fn ops() {
        for (text, expected, needed) in [
            ("add", Some(PatchOp::Add), ""),
            ("Remove", Some(PatchOp::Remove), "op_case"),
            ("REPLACE", Some(PatchOp::Replace), "op_case"),
            ("move", None, ""),
            ("", None, ""),
        ] {
            let mut repairs = Repairs::default();
            assert_eq!(
                (read_op(text, &mut repairs), repairs.into_names().join(" ")),
                (expected, needed.to_owned()),
                "{text}"
            );
        }
    }
}
