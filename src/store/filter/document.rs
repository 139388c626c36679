//! Conditions on attributes that only the document holds.
//!
//! Attributes of the RFC's schemas are there in canonical form: nothing empty, every value of its type. An extension
//! that was registered later may hold any value; its conditions check the type, and one value counts as a list of one,
//! as for the evaluator.

use super::{Compiler, ConditionScope, comparison_text, is_canonical};
use crate::scim::filter::{CompareOp, Filter, Target, Value};
use crate::scim::schema::Type;

/// The elements `e` of a complex attribute.
pub(super) struct ElementRows {
    canonical: bool,
}

/// The value that a comparison looks at: as it was sent, its text folded, and its `json_type`.
struct ValuePlace {
    exact: String,
    folded: String,
    kind: String,
}

/// The document with its text folded, except for ASCII.
const FOLDED: &str = "coalesce(r.folded, r.doc)";
/// A row of `json_tree` that is a value (RFC 7644 table 3, `pr`).
const NOT_EMPTY: &str = "(t.type IN ('true', 'false', 'integer', 'real') OR (t.type = 'text' AND t.value <> ''))";

impl Compiler<'_> {
    /// Adds the constant that is the JSON path of an attribute, without its sub-attribute.
    fn path_constant(&mut self, target: &Target) -> String {
        let path = match (&target.urn, target.name.as_str()) {
            (None, name) => format!("$.\"{name}\""),
            (Some(urn), "") => format!("$.\"{urn}\""),
            (Some(urn), name) => format!("$.\"{urn}\".\"{name}\""),
        };
        self.add_constant(path)
    }

    /// Adds the constant that is the JSON path of a sub-attribute in its element.
    fn sub_path(&mut self, sub: &str) -> String {
        self.add_constant(format!("$.\"{sub}\""))
    }

    fn is_multi(&self, target: &Target) -> bool {
        target.definitions_in(self.kind).is_some_and(|(attribute, _)| attribute.multi)
    }

    /// Returns a single value of the row.
    fn single_value(&mut self, target: &Target) -> ValuePlace {
        let path = match &target.sub {
            None => self.path_constant(target),
            Some(sub) => {
                let name = format!("{}\".\"{sub}", target.name);
                self.path_constant(&Target { urn: target.urn.clone(), name, sub: None })
            }
        };
        ValuePlace {
            exact: format!("json_extract(r.doc, {path})"),
            folded: format!("lower(json_extract({FOLDED}, {path}))"),
            kind: format!("json_type(r.doc, {path})"),
        }
    }

    /// Returns a sub-attribute of the element `e`, or the element itself. Both documents have the same structure, so
    /// the element's key leads to its text as it was sent.
    fn of_element(&mut self, sub: Option<&str>) -> ValuePlace {
        match sub {
            None => ValuePlace {
                exact: "json_extract(r.doc, e.fullkey)".to_owned(),
                folded: "lower(e.value)".to_owned(),
                kind: "e.type".to_owned(),
            },
            Some(sub) => {
                let (path, below) = (self.sub_path(sub), self.add_constant(format!(".\"{sub}\"")));
                ValuePlace {
                    exact: format!("json_extract(r.doc, e.fullkey || {below})"),
                    folded: format!("lower(json_extract(e.value, {path}))"),
                    kind: format!("json_type(e.value, {path})"),
                }
            }
        }
    }

    pub(super) fn document_present(&mut self, target: &Target) -> String {
        if !is_canonical(target) {
            let path = self.path_constant(target);
            // `json_tree` goes through every level, so an object of nothing but nulls has no value (RFC 7644 table 3,
            // `pr`).
            let Some(sub) = &target.sub else {
                return format!("EXISTS (SELECT 1 FROM json_tree(r.doc, {path}) t WHERE {NOT_EMPTY})");
            };
            let (sub, list, element) = (self.sub_path(sub), list_rows("r.doc", &path), element_document("e"));
            return format!("EXISTS (SELECT 1 FROM {list} e, json_tree({element}, {sub}) t WHERE {NOT_EMPTY})");
        }
        match &target.sub {
            Some(sub) if self.is_multi(target) => {
                let (path, sub) = (self.path_constant(target), self.sub_path(sub));
                format!("EXISTS (SELECT 1 FROM json_each(r.doc, {path}) e WHERE json_type(e.value, {sub}) IS NOT NULL)")
            }
            _ => format!("{} IS NOT NULL", self.single_value(target).kind),
        }
    }

    pub(super) fn document_compare(&mut self, target: &Target, op: CompareOp, value: &Value, negated: bool) -> String {
        if matches!(value, Value::Instant { .. }) {
            // One instant is written in many ways, and SQLite reads them differently from RFC 3339.
            return self.leave_open(negated);
        }
        if !is_canonical(target) {
            let path = self.path_constant(target);
            // From before the schema was registered there may be one value or a list: both are read as a list.
            let list = list_rows(if matches!(value, Value::Folded { .. }) { FOLDED } else { "r.doc" }, &path);
            return match &target.sub {
                None => self.any_row(&format!("SELECT 1 FROM {list} f"), op, value),
                Some(sub) => {
                    let sub = self.sub_path(sub);
                    let inner = list_rows(&element_document("e"), &sub);
                    self.any_row(&format!("SELECT 1 FROM {list} e, {inner} f"), op, value)
                }
            };
        }
        if !self.is_multi(target) {
            let place = self.single_value(target);
            return self.compare_place(&place, op, value);
        }
        // Any element may match (RFC 7644 section 3.4.2.2), so it is searched in the folded document with one pass.
        let (path, place) = (self.path_constant(target), self.of_element(target.sub.as_deref()));
        let fits = self.compare_place(&place, op, value);
        let none = if op == CompareOp::Ne { format!("json_type(r.doc, {path}) IS NULL OR ") } else { String::new() };
        format!("({none}EXISTS (SELECT 1 FROM json_each({FOLDED}, {path}) e WHERE {fits}))")
    }

    pub(super) fn document_has(&mut self, target: &Target, inner: &Filter, negated: bool, height: usize) -> String {
        let canonical = is_canonical(target);
        let is_simple = target.definitions_in(self.kind).is_some_and(|(attribute, _)| attribute.kind != Type::Complex);
        if !canonical && (is_simple || compares_text(inner, false) && compares_text(inner, true)) {
            // The element may stand in either document; the matching element of the other one is not searched. Nor is a
            // value where a list of simple values should be.
            return self.leave_open(negated);
        }
        let path = self.path_constant(target);
        let rows = match (canonical, self.is_multi(target)) {
            (true, true) => format!("json_each({FOLDED}, {path}) e WHERE"),
            // The object alone, under the names that `json_each` gives to elements.
            (true, false) => format!(
                "(SELECT json_extract({FOLDED}, {path}) AS value, {path} AS fullkey) e WHERE e.value IS NOT NULL AND"
            ),
            (false, _) => {
                let document = if compares_text(inner, true) { FOLDED } else { "r.doc" };
                format!("{} e WHERE e.type = 'object' AND", list_rows(document, &path))
            }
        };
        // One `e` for the whole condition: all parts in the brackets are judged on the same element.
        let fits = self.compile_node(inner, &ConditionScope::Element(&ElementRows { canonical }), negated, height);
        format!("EXISTS (SELECT 1 FROM {rows} {fits})")
    }

    pub(super) fn element_present(&mut self, elements: &ElementRows, target: &Target) -> String {
        if target.is_element() {
            return "1".to_owned();
        }
        let path = self.sub_path(&target.name);
        match elements.canonical {
            true => format!("json_type(e.value, {path}) IS NOT NULL"),
            false => format!("EXISTS (SELECT 1 FROM json_tree(e.value, {path}) t WHERE {NOT_EMPTY})"),
        }
    }

    pub(super) fn element_compare(
        &mut self,
        elements: &ElementRows,
        target: &Target,
        op: CompareOp,
        value: &Value,
        negated: bool,
    ) -> String {
        if matches!(value, Value::Instant { .. }) {
            return self.leave_open(negated);
        }
        if elements.canonical {
            let place = self.of_element((!target.is_element()).then_some(target.name.as_str()));
            return self.compare_place(&place, op, value);
        }
        let path = self.sub_path(&target.name);
        self.any_row(&format!("SELECT 1 FROM {} f", list_rows("e.value", &path)), op, value)
    }

    /// Returns the condition that is true of any `f` of the rows; without a row, no value can be equal.
    fn any_row(&mut self, rows: &str, op: CompareOp, value: &Value) -> String {
        let place =
            ValuePlace { exact: "f.value".to_owned(), folded: "lower(f.value)".to_owned(), kind: "f.type".to_owned() };
        let fits = self.compare_place(&place, op, value);
        let none = if op == CompareOp::Ne { format!("NOT EXISTS ({rows}) OR ") } else { String::new() };
        format!("({none}EXISTS ({rows} WHERE {fits}))")
    }

    /// Compares a value; the result is never NULL. A value of another type is identical to no value.
    fn compare_place(&mut self, place: &ValuePlace, op: CompareOp, value: &Value) -> String {
        let kind = &place.kind;
        let (left, constant) = match value {
            Value::Boolean(boolean) => {
                let is = if op == CompareOp::Ne { "IS NOT" } else { "IS" };
                return format!("{kind} {is} '{boolean}'");
            }
            Value::Number(number) => {
                let constant = self.add_constant(serde_json::Value::Number(number.clone()));
                // `ne` is the negation of `eq`, so that a value of another type, or none, is unequal and not unknown.
                let fits = comparison_text(
                    &place.exact,
                    if op == CompareOp::Ne { CompareOp::Eq } else { op },
                    &constant,
                    value,
                );
                let not = if op == CompareOp::Ne { "NOT " } else { "" };
                return format!("{not}(coalesce({kind} IN ('integer', 'real'), 0) AND {fits})");
            }
            Value::Folded { key, .. } => (&place.folded, self.add_constant(key.as_str())),
            Value::Exact(text) | Value::Instant { text, .. } => (&place.exact, self.add_constant(text.as_str())),
        };
        let fits = comparison_text(left, op, &constant, value);
        match op {
            // `IS` is never NULL, and NULL under a `not` would lose the row.
            CompareOp::Ne => format!("({kind} IS NOT 'text' OR {fits})"),
            _ => format!("({kind} IS 'text' AND {fits})"),
        }
    }
}

/// Returns the values at `path` as rows: the elements of an array, or the one value, or a JSON null.
fn list_rows(document: &str, path: &str) -> String {
    format!(
        "json_each(CASE json_type({document}, {path}) WHEN 'array' THEN json_extract({document}, {path}) \
         ELSE json_array({document} -> {path}) END)"
    )
}

/// Returns the element as a document, NULL if it is no object.
fn element_document(alias: &str) -> String {
    format!("CASE {alias}.type WHEN 'object' THEN {alias}.value END")
}

/// Returns true if the filter compares text, folded or as it stands.
fn compares_text(filter: &Filter, folded: bool) -> bool {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().any(|part| compares_text(part, folded)),
        Filter::Not(inner) | Filter::Has { filter: inner, .. } => compares_text(inner, folded),
        Filter::Compare { value: Value::Folded { .. }, .. } => folded,
        Filter::Compare { value: Value::Exact(_), .. } => !folded,
        Filter::Compare { .. } | Filter::Present(_) => false,
    }
}
