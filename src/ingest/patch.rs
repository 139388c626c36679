//! A PATCH body to canonical operations (RFC 7644 section 3.5.2): every operation gets a path, every value its
//! attribute's type; operations on a group's members become row changes.

mod members;
mod value;

use super::Reading;
use crate::dialect::{self, Repair};
use crate::directory::command::GroupOperation;
use crate::error::{Code, Error, Result};
use crate::scim::json;
use crate::scim::patch::{Missing, OPERATIONS_MAX, Op, Operation};
use crate::scim::path::{self, ResolveError, Resolved};
use crate::scim::schema::{Mutability, ResourceType};
use serde_json::{Map, Value};

/// One operation with its path resolved and its value still as sent.
struct Sent {
    op: Op,
    path: Resolved,
    value: Value,
}

/// The operations of a user's PATCH. `id` is the address's.
pub(super) fn user(
    kind: &ResourceType,
    id: &str,
    body: Map<String, Value>,
    reading: &mut Reading,
) -> Result<Vec<Operation>> {
    let mut operations = Vec::new();
    for sent in sent(kind, id, body, reading)? {
        operations.extend(value::operation(kind, sent, reading)?);
    }
    limited(operations)
}

/// The operations of a group's PATCH. Neighbouring ones on members are gathered before they are counted: some
/// providers send one for each member.
pub(super) fn group(
    kind: &ResourceType,
    id: &str,
    body: Map<String, Value>,
    reading: &mut Reading,
) -> Result<Vec<GroupOperation>> {
    let mut operations: Vec<GroupOperation> = Vec::new();
    for sent in sent(kind, id, body, reading)? {
        if sent.path.target.urn.is_some() || sent.path.target.name != "members" {
            operations.extend(value::operation(kind, sent, reading)?.map(Box::new).map(GroupOperation::Attribute));
            continue;
        }
        for step in members::steps(kind, id, sent, reading)? {
            match (operations.last_mut(), step) {
                (Some(GroupOperation::AddMembers(ids)), GroupOperation::AddMembers(more))
                | (Some(GroupOperation::RemoveMembers(ids)), GroupOperation::RemoveMembers(more)) => ids.extend(more),
                (_, step) => operations.push(step),
            }
        }
    }
    limited(operations)
}

fn limited<T>(operations: Vec<T>) -> Result<Vec<T>> {
    if operations.len() <= OPERATIONS_MAX {
        return Ok(operations);
    }
    Err(too_many(operations.len()))
}

fn too_many(count: usize) -> Error {
    let detail = format!("The PATCH has {count} operations; at most {OPERATIONS_MAX} are taken at once.");
    Error::new(Code::TooManyOperations, detail)
}

/// How many paths are read at all, known or not, before what is left of them is counted.
const PATHS_MAX: usize = 10 * OPERATIONS_MAX;

/// Takes the envelope apart and resolves every path.
fn sent(kind: &ResourceType, id: &str, mut body: Map<String, Value>, reading: &mut Reading) -> Result<Vec<Sent>> {
    let list = if reading.mends() {
        dialect::operations(&mut body, &mut reading.repairs)
    } else {
        body.iter_mut().find(|(key, _)| key.eq_ignore_ascii_case("Operations")).map(|(_, value)| value.take())
    };
    let items = match list {
        Some(Value::Array(items)) if !items.is_empty() => items,
        _ => {
            return Err(Error::new(
                Code::OperationsMissing,
                "A PATCH needs Operations: an array of at least one operation.",
            ));
        }
    };
    let mut paths = Paths { kind, id, reading, sent: Vec::new(), read: 0 };
    for (number, item) in (1..).zip(items) {
        let Value::Object(item) = item else {
            let detail = format!("Operation {number} has to be an object, not {}.", json::name(&item));
            return Err(Error::new(Code::OperationNotObject, detail));
        };
        paths.operation(number, item)?;
    }
    Ok(paths.sent)
}

/// Where the name of a value stood.
#[derive(Clone, Copy, PartialEq)]
enum Written {
    /// In `path`.
    AsPath,
    /// As a key of the value.
    AsKey,
    /// As a key in the object of a schema.
    Inside,
}

/// Finds the place of every value.
struct Paths<'a> {
    kind: &'a ResourceType,
    id: &'a str,
    reading: &'a mut Reading,
    sent: Vec<Sent>,
    /// How many operations had a path, but that of members.
    read: usize,
}

impl Paths<'_> {
    fn operation(&mut self, number: usize, item: Map<String, Value>) -> Result<()> {
        let (mut op, mut path, mut value) = (None, None, None);
        for (key, field) in item {
            match key.to_ascii_lowercase().as_str() {
                "op" => op = field.as_str().and_then(|text| dialect::op(text, &mut self.reading.repairs)),
                "path" => path = Some(field),
                "value" => value = Some(field),
                _ => {}
            }
        }
        let Some(op) = op else {
            let detail = format!("Operation {number} has to have an op: add, remove or replace.");
            return Err(Error::new(Code::OperationOp, detail));
        };
        let path = match path {
            None | Some(Value::Null) => None,
            // An empty path is no path of RFC 7644 figure 7.
            Some(Value::String(text))
                if text.trim().is_empty() && self.reading.mends() && self.reading.repairs.need(Repair::EmptyPath) =>
            {
                None
            }
            Some(Value::String(text)) => Some(text),
            Some(other) => {
                let detail = format!("The path of operation {number} has to be a string, not {}.", json::name(&other));
                return Err(Error::new(Code::PathNotText, detail));
            }
        };
        let value = match (op, value) {
            (_, Some(value)) => value,
            (Op::Remove, None) => Value::Null,
            (Op::Add | Op::Replace, None) => {
                let detail = format!("Operation {number} has no value; only a remove can do without.");
                return Err(Error::new(Code::OperationValueMissing, detail));
            }
        };
        match (path, value) {
            (Some(text), value) => self.place(op, text, value, Written::AsPath),
            // RFC 7644 section 3.5.2.2: "If "path" is unspecified, the operation fails with ... noTarget."
            (None, _) if op == Op::Remove => {
                let detail = format!("Operation {number} removes without a path; name what to remove.");
                Err(Error::new(Code::PathMissing, detail))
            }
            (None, Value::Object(map)) => {
                map.into_iter().try_for_each(|(key, value)| self.place(op, key, value, Written::AsKey))
            }
            (None, other) => Err(Error::new(
                Code::OperationValueNotObject,
                format!(
                    "Operation {number} has no path, so its value has to be an object, not {}.",
                    json::name(&other)
                ),
            )),
        }
    }

    /// Resolves one path, which may be a key of a value: dotted and URN-qualified keys are paths too. An unknown one is
    /// passed over and noted, because a refusal would block all else that the provider sends with it; the dialect
    /// `rfc` refuses it.
    fn place(&mut self, op: Op, text: String, value: Value, written: Written) -> Result<()> {
        // Those on members are gathered, and not much work each; keys of a value were counted as its values.
        self.read += usize::from(written == Written::AsPath && !text.eq_ignore_ascii_case("members"));
        if self.read > PATHS_MAX {
            return Err(too_many(self.read));
        }
        let explicit = written == Written::AsPath;
        let text = if self.reading.mends() { dialect::urn_alias(text, &mut self.reading.repairs) } else { text };
        if text.trim().eq_ignore_ascii_case(&self.kind.schema.id) {
            return self.schema(op, &self.kind.schema.id, value);
        }
        let resolved = dialect::form(self.reading.forms, &mut self.reading.repairs, |forms| {
            let path = path::parse(&text, forms).map_err(ResolveError::Refused)?.resolve(self.kind, forms)?;
            Ok(path)
        });
        let path = match resolved {
            Ok(path) if explicit || self.may_be_key(&path, &text, written) => path,
            // A key that is no path at all names nothing.
            Err(ResolveError::Refused(_))
                if self.reading.mends() && !explicit && path::parse(&text, self.reading.forms).is_err() =>
            {
                return self.unknown(text);
            }
            Ok(_) => return self.unknown(text),
            Err(ResolveError::Unknown(name)) => return self.unknown(name),
            Err(error) => return Err(error.into_error(Code::PathUnknownAttribute, self.kind)),
        };
        if let (Some(urn), "", Op::Add | Op::Replace) = (&path.target.urn, path.target.name.as_str(), op)
            && !(value.is_null() && op == Op::Replace)
        {
            return self.schema(op, urn, value);
        }
        let (op, value) = if path.target.name.is_empty() { (Op::Remove, Value::Null) } else { (op, value) };
        if let Some((attribute, sub)) = path.attributes(self.kind) {
            let read_only = [Some(attribute), sub].into_iter().flatten().any(|a| a.mutability == Mutability::ReadOnly);
            let same_id = attribute.name == "id" && value.as_str() == Some(self.id);
            if read_only && explicit && !same_id {
                let detail = format!("{path} is set by this service alone and cannot be changed by a PATCH.");
                return Err(Error::new(Code::ReadOnlyAttribute, detail));
            }
            // RFC 7644 section 3.5.2.2: what "is defined as a required attribute" is not removed: "mutability".
            if op == Op::Remove && sub.unwrap_or(attribute).required {
                let detail = format!("{path} is required and cannot be removed; replace its value instead.");
                return Err(Error::new(Code::RequiredAttribute, detail));
            }
            // RFC 7644 section 3.5.1 in spirit: read-only attributes that are echoed in a value are ignored; a password
            // is accepted and kept nowhere; `schemas` follows from the attributes.
            let write_only =
                [Some(attribute), sub].into_iter().flatten().any(|a| a.mutability == Mutability::WriteOnly);
            if read_only || write_only || attribute.name == "schemas" {
                return Ok(());
            }
        }
        self.sent.push(Sent { op, path, value });
        Ok(())
    }

    /// A key may be the name of an attribute, in an extension with its URN; to let it be more than that is a repair.
    fn may_be_key(&mut self, path: &Resolved, text: &str, written: Written) -> bool {
        let dotted = path.target.sub.is_some() || path.filter.is_some();
        let prefixed = written == Written::AsKey && text.contains(':') && !path.target.name.is_empty();
        if !self.reading.mends() {
            return !dotted;
        }
        let repairs = &mut self.reading.repairs;
        (!dotted || repairs.need(Repair::DottedKeys)) && (!prefixed || repairs.need(Repair::UrnPrefixedKeys))
    }

    fn unknown(&mut self, name: String) -> Result<()> {
        if !self.reading.mends() {
            return Err(ResolveError::Unknown(name).into_error(Code::PathUnknownAttribute, self.kind));
        }
        self.reading.note(format!("The path {name} is unknown and was passed over."));
        Ok(())
    }

    /// The attributes of one schema, as an object under its URN.
    fn schema(&mut self, op: Op, urn: &str, value: Value) -> Result<()> {
        match value {
            _ if op == Op::Remove => {
                let detail = format!("{urn} is all of the {}; name what to remove, or DELETE it.", self.kind.name);
                Err(Error::new(Code::PathWholeResource, detail))
            }
            // `schemas` of an extension follows from its attributes, as that of the resource does.
            Value::Object(map) => map
                .into_iter()
                .filter(|(key, _)| !key.eq_ignore_ascii_case("schemas"))
                .try_for_each(|(key, value)| self.place(op, format!("{urn}:{key}"), value, Written::Inside)),
            Value::Null => Ok(()),
            other => {
                Err(Error::new(Code::WrongType, format!("{urn} has to be an object, not {}.", json::name(&other))))
            }
        }
    }
}
