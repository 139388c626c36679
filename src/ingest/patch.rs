//! A PATCH body to canonical operations (RFC 7644 section 3.5.2): every operation gets a path, every value its
//! attribute's type; operations on a group's members become row changes.

use super::Reading;
use crate::dialect;
use crate::directory::command::GroupOperation;
use crate::error::{Error, Kind, Result};
use crate::id::MemberId;
use crate::scim::filter::{Filter, Op as Compare, Value as Wanted};
use crate::scim::patch::{Missing, OPERATIONS_MAX, Op, Operation};
use crate::scim::path::{self, ResolveError, Resolved};
use crate::scim::schema::{Attribute, Mutability, ResourceType};
use crate::scim::{json, member, resource};
use serde_json::{Map, Value, json};

/// One operation with its path resolved and its value still as sent.
struct Sent {
    op: Op,
    path: Resolved,
    value: Value,
    /// The path was written out, not made from a key of the value.
    explicit: bool,
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
        operations.extend(canonical(kind, sent, reading)?);
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
        if sent.path.target.urn.is_none() && sent.path.target.name == "members" {
            for step in members(kind, id, sent, reading)? {
                match (operations.last_mut(), step) {
                    (Some(GroupOperation::AddMembers(ids)), GroupOperation::AddMembers(more))
                    | (Some(GroupOperation::RemoveMembers(ids)), GroupOperation::RemoveMembers(more)) => {
                        ids.extend(more)
                    }
                    (_, step) => operations.push(step),
                }
            }
        } else {
            operations.extend(canonical(kind, sent, reading)?.into_iter().map(Box::new).map(GroupOperation::Attribute));
        }
    }
    limited(operations)
}

fn limited<T>(operations: Vec<T>) -> Result<Vec<T>> {
    if operations.len() <= OPERATIONS_MAX {
        return Ok(operations);
    }
    let detail = format!("The PATCH has {} operations; at most {OPERATIONS_MAX} are taken at once.", operations.len());
    Err(Error::new(Kind::TooLarge, detail))
}

/// Takes the envelope apart and resolves every path. An unknown one is passed over and noted, because a refusal would
/// block all else that the provider sends with it; the dialect `rfc` refuses it.
fn sent(kind: &ResourceType, id: &str, mut body: Map<String, Value>, reading: &mut Reading) -> Result<Vec<Sent>> {
    let list = if reading.mends() {
        dialect::operations(&mut body, &mut reading.repairs)
    } else {
        body.iter_mut().find(|(key, _)| key.eq_ignore_ascii_case("Operations")).map(|(_, value)| value.take())
    };
    let items = match list {
        Some(Value::Array(items)) if !items.is_empty() => items,
        _ => return Err(Error::invalid_syntax("A PATCH needs Operations: an array of at least one operation.")),
    };
    let mut sent = Vec::with_capacity(items.len());
    for (number, item) in (1..).zip(items) {
        let Value::Object(item) = item else {
            let detail = format!("Operation {number} has to be an object, not {}.", json::name(&item));
            return Err(Error::invalid_syntax(detail));
        };
        one(kind, id, number, item, reading, &mut sent)?;
    }
    Ok(sent)
}

fn one(
    kind: &ResourceType,
    id: &str,
    number: usize,
    item: Map<String, Value>,
    reading: &mut Reading,
    sent: &mut Vec<Sent>,
) -> Result<()> {
    let (mut op, mut path, mut value) = (None, None, Value::Null);
    for (key, field) in item {
        match key.to_ascii_lowercase().as_str() {
            "op" => op = field.as_str().map(str::to_ascii_lowercase),
            "path" => path = field.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned),
            "value" => value = field,
            _ => {}
        }
    }
    let op = match op.as_deref() {
        Some("add") => Op::Add,
        Some("remove") => Op::Remove,
        Some("replace") => Op::Replace,
        _ => {
            return Err(Error::invalid_syntax(format!(
                "Operation {number} has to have an op: add, remove or replace."
            )));
        }
    };
    match (path, value) {
        (Some(text), value) => place(kind, id, op, &text, value, true, reading, sent),
        (None, _) if op == Op::Remove => {
            let detail = format!("Operation {number} removes without a path; name what to remove.");
            Err(Error::new(Kind::NoTarget, detail))
        }
        (None, Value::Object(map)) => {
            map.into_iter().try_for_each(|(key, value)| place(kind, id, op, &key, value, false, reading, sent))
        }
        (None, other) => Err(Error::invalid_syntax(format!(
            "Operation {number} has no path, so its value has to be an object, not {}.",
            json::name(&other)
        ))),
    }
}

/// Resolves one path, which may be a key of a value: dotted and URN-qualified keys are paths too.
#[allow(clippy::too_many_arguments, reason = "one recursive step of the loop above")]
fn place(
    kind: &ResourceType,
    id: &str,
    op: Op,
    text: &str,
    value: Value,
    explicit: bool,
    reading: &mut Reading,
    sent: &mut Vec<Sent>,
) -> Result<()> {
    let path = match path::parse(text, reading.forms)?.resolve(kind, reading.forms) {
        Ok(path) => path,
        Err(ResolveError::Unknown(name)) if reading.mends() => {
            reading.notes.push(format!("The path {name} is unknown and was passed over."));
            return Ok(());
        }
        Err(error) => return Err(error.into_error(Kind::InvalidPath, kind)),
    };
    if path.target.name.is_empty()
        && let (Op::Add | Op::Replace, Some(urn)) = (op, &path.target.urn)
    {
        let Value::Object(map) = value else {
            return Err(Error::invalid_value(format!("{urn} has to be an object, not {}.", json::name(&value))));
        };
        return map
            .into_iter()
            .try_for_each(|(key, value)| place(kind, id, op, &format!("{urn}:{key}"), value, explicit, reading, sent));
    }
    if let Some((attribute, sub)) = path.attributes(kind) {
        let read_only = [Some(attribute), sub].into_iter().flatten().any(|a| a.mutability == Mutability::ReadOnly);
        let same_id = attribute.name == "id" && value.as_str() == Some(id);
        if read_only && explicit && !same_id {
            let detail = format!("{path} is set by this service alone and cannot be changed by a PATCH.");
            return Err(Error::new(Kind::Mutability, detail));
        }
        // RFC 7644 section 3.5.1 in spirit: read-only attributes that are echoed in a value are ignored; a password
        // is accepted and kept nowhere; `schemas` follows from the attributes.
        let write_only = [Some(attribute), sub].into_iter().flatten().any(|a| a.mutability == Mutability::WriteOnly);
        if read_only || write_only || attribute.name == "schemas" {
            return Ok(());
        }
    }
    sent.push(Sent { op, path, value, explicit });
    Ok(())
}

/// Gives the value its attribute's type.
fn canonical(kind: &ResourceType, sent: Sent, reading: &mut Reading) -> Result<Vec<Operation>> {
    let missing = if reading.mends() { Missing::Make } else { Missing::Refuse };
    let Sent { op, path, value, explicit } = sent;
    let Some((attribute, sub)) = path.attributes(kind) else {
        return Ok(vec![Operation { op, path, value: Value::Null, missing }]);
    };
    if op == Op::Remove {
        return Ok(removals(attribute, path, value, missing));
    }
    let target = sub.unwrap_or(attribute);
    let element = sub.is_none() && attribute.multi && path.filter.is_some();
    let value = if reading.mends() { dialect::repaired(target, value, &mut reading.repairs) } else { value };
    let value = match value {
        // One element that a filter points at: an object, not a list.
        Value::Array(mut items) if element && items.len() == 1 => items.pop().unwrap_or(Value::Null),
        // In a PATCH one object for a multi-valued attribute is one value (RFC 7644 section 3.5.2.1).
        one @ Value::Object(_) if attribute.multi && sub.is_none() && !element => json!([one]),
        one @ Value::String(_) if attribute.multi && attribute.sub.is_empty() => json!([one]),
        other => other,
    };
    if explicit && value.is_null() && op == Op::Add {
        return Ok(Vec::new());
    }
    let mut unknown = Vec::new();
    let name = path.to_string();
    let value = match element {
        true => resource::single(target, value, &name, &mut unknown)?,
        false if sub.is_some() => resource::single(target, value, &name, &mut unknown)?,
        false => resource::canonical(target, value, "", &mut unknown)?,
    };
    reading.notes.extend(unknown.iter().map(|name| format!("The attribute {name} is unknown and was dropped.")));
    Ok(vec![Operation { op, path, value: value.unwrap_or(Value::Null), missing }])
}

/// A removal that lists values removes those; the literal reading, all of them, destroys what the client means to keep.
fn removals(attribute: &Attribute, path: Resolved, value: Value, missing: Missing) -> Vec<Operation> {
    let named: Vec<String> = match (&path.filter, &path.target.sub, &value) {
        (None, None, Value::Array(items)) if attribute.multi => {
            items.iter().filter_map(|item| item.get("value")?.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    };
    if named.is_empty() {
        // Values without sub-attributes stand for themselves.
        let value = match value {
            list @ Value::Array(_) if attribute.multi && attribute.sub.is_empty() => list,
            one @ Value::String(_) if attribute.multi && attribute.sub.is_empty() => json!([one]),
            _ => Value::Null,
        };
        return vec![Operation { op: Op::Remove, path, value, missing }];
    }
    let equal = |text: String| {
        let target = crate::scim::filter::Target { urn: None, name: "value".to_owned(), sub: None };
        let filter = Filter::Compare { target, op: Compare::Eq, value: Wanted::folded(text) };
        let path = Resolved { filter: Some(filter), ..path.clone() };
        Operation { op: Op::Remove, path, value: Value::Null, missing: Missing::Make }
    };
    named.into_iter().map(equal).collect()
}

/// One operation on `members` as row changes.
fn members(kind: &ResourceType, group: &str, sent: Sent, reading: &mut Reading) -> Result<Vec<GroupOperation>> {
    let Sent { op, path, value, .. } = sent;
    if path.target.sub.is_some() {
        let detail = format!("{path} cannot be changed: add and remove members by their value.");
        return Err(Error::new(Kind::Mutability, detail));
    }
    let value = match value {
        one @ Value::Object(_) if !reading.mends() => json!([one]),
        other => reading.mended(kind, "members", other),
    };
    let Some(filter) = &path.filter else {
        return Ok(match (op, &value) {
            (Op::Add, Value::Null) => Vec::new(),
            (Op::Add, list) => vec![GroupOperation::AddMembers(member::read(list, group)?)],
            (Op::Replace, Value::Null) => vec![GroupOperation::ReplaceMembers(Vec::new())],
            (Op::Replace, list) => vec![GroupOperation::ReplaceMembers(member::read(list, group)?)],
            // Without a value all members go (RFC 7644 section 3.5.2.2); with a list only those, an empty one none.
            (Op::Remove, Value::Array(items)) => vec![GroupOperation::RemoveMembers(named(items))],
            (Op::Remove, _) => vec![GroupOperation::ReplaceMembers(Vec::new())],
        });
    };
    let ids = ids_of(filter)?;
    Ok(match op {
        Op::Remove => vec![GroupOperation::RemoveMembers(ids)],
        // The oldest Azure AD syntax: the filter names who is to be added, the value is "[]" or {}.
        Op::Add => vec![GroupOperation::AddMembers(ids)],
        Op::Replace => {
            let into = if value.is_array() { member::read(&value, group)? } else { ids.clone() };
            vec![GroupOperation::RemoveMembers(ids), GroupOperation::AddMembers(into)]
        }
    })
}

/// Ids to remove. What cannot be an id is nobody's, and nobody is not a member already.
fn named(items: &[Value]) -> Vec<MemberId> {
    let text =
        |item: &Value| item.get("value").or(Some(item)).and_then(Value::as_str).and_then(|t| MemberId::parse(t.trim()));
    items.iter().filter_map(text).collect()
}

/// The ids that a filter on members names: `value eq "x"`, or several joined by `or`.
fn ids_of(filter: &Filter) -> Result<Vec<MemberId>> {
    match filter {
        Filter::Compare { target, op: Compare::Eq, value: Wanted::Exact(text) | Wanted::Folded { text, .. } }
            if target.name == "value" =>
        {
            Ok(MemberId::parse(text.trim()).into_iter().collect())
        }
        Filter::Or(parts) => Ok(parts.iter().map(ids_of).collect::<Result<Vec<_>>>()?.concat()),
        _ => Err(Error::invalid_filter("A filter on members has to be value eq \"...\", or several joined by or.")),
    }
}
