//! The search for the attribute of every value of a PATCH: each path, and each key of a value without one.

mod resolved;

use super::super::Reading;
use super::{PatchEnvelope, ResolvedOperation, too_many};
use crate::dialect::{self, Repair};
use crate::error::{Code, Error, Result, cut};
use crate::scim::filter::Forms;
use crate::scim::guided::JsonInText;
use crate::scim::json::{Checked, Object, Texts};
use crate::scim::patch::{OPERATIONS_MAX, PATH_SHOWN, PatchOp, about_path};
use crate::scim::path::{self, ResolveError};
use crate::scim::schema::ResourceType;
use crate::scim::unregistered::{self, Unresolved};
use serde_json::Value;

/// The most paths that are read, known or not, before the remaining operations are counted.
const PATHS_MAX: usize = 10 * OPERATIONS_MAX;

/// How many operations on attributes that a registered schema does not know are passed on.
const FROM_BEFORE_MAX: usize = 100;

/// Resolves every path. `texts` keeps the JSON that stood in texts.
pub(super) fn resolve_paths<'b>(
    kind: &ResourceType,
    id: &str,
    envelope: PatchEnvelope<'b>,
    reading: &mut Reading,
    texts: &'b Texts,
) -> Result<(Vec<ResolvedOperation<'b>>, Vec<Unresolved>)> {
    let (sent, unresolved) = (Vec::new(), Vec::new());
    let partial = matches!(envelope, PatchEnvelope::Changed(_));
    // All paths first, so that an unknown attribute in the last operation refuses before any value is built.
    let mut paths =
        Paths { kind, id, reading, texts, from_text: false, partial, sent, unresolved, number: None, read: 0 };
    match envelope {
        PatchEnvelope::Changed(values) => {
            paths.read_keys(PatchOp::Replace, values.iter().filter(|(_, value)| !value.is_null()))?
        }
        PatchEnvelope::Operations(items) => {
            for (number, item) in (1..).zip(items) {
                let Some(operation) = item.object() else {
                    let detail = format!("Operation {number} must be an object, not {}.", item.shape().name());
                    return Err(Error::new(Code::OperationNotObject, detail));
                };
                paths.read_operation(number, &operation)?;
            }
        }
    }
    Ok((paths.sent, paths.unresolved))
}

/// Reads a path. A key that is no path at all names nothing; `text` is its name in sentences.
fn parse_path(path: &str, text: &str, explicit: bool, forms: Forms) -> Result<path::RawPath, ResolveError> {
    path::parse(path, forms)
        .map_err(|error| if explicit { ResolveError::Refused(error) } else { ResolveError::Unknown(text.to_owned()) })
}

/// Returns true for the name of an attribute or a schema, or a path.
fn is_known(kind: &ResourceType, name: &str) -> bool {
    let resolves = |path: path::RawPath| path.resolve(kind, Forms::Lenient).is_ok();
    name.eq_ignore_ascii_case(&kind.schema.id) || path::parse(name, Forms::Lenient).is_ok_and(resolves)
}

/// The place in which the name of a value stood.
#[derive(Clone, Copy, PartialEq)]
enum Written {
    /// In `path`.
    AsPath,
    /// As a key of the value.
    AsKey,
    /// As a key in the object of a schema.
    Inside,
}

/// The search for the attribute of every value.
struct Paths<'a, 'b> {
    kind: &'a ResourceType,
    id: &'a str,
    reading: &'a mut Reading,
    texts: &'b Texts,
    /// True while the value being read came out of a text.
    from_text: bool,
    /// True if the body holds only changed attributes: a `null` in it means not mentioned.
    partial: bool,
    sent: Vec<ResolvedOperation<'b>>,
    /// The operations whose attribute only the object can find.
    unresolved: Vec<Unresolved>,
    /// The number of the operation whose path is resolved; none for a key.
    number: Option<usize>,
    /// The number of operations with a path, except those on members.
    read: usize,
}

impl<'b> Paths<'_, 'b> {
    fn read_operation(&mut self, number: usize, item: &Object<'b>) -> Result<()> {
        let op = item.get("op").and_then(Checked::text);
        let Some(op) = op.and_then(|text| dialect::read_op(&text, &mut self.reading.repairs)) else {
            let detail = format!("Operation {number} must have an op: add, remove or replace.");
            return Err(Error::new(Code::OperationOp, detail));
        };
        let path = item.get("path").filter(|path| !path.is_null());
        // Step 1: the path, which may be missing (RFC 7644 section 3.5.2).
        let path = match path.map(|path| path.text().ok_or(path)) {
            None => None,
            // An empty path is no path of RFC 7644 figure 7.
            Some(Ok(text))
                if text.trim().is_empty()
                    && self.reading.runs_repairs()
                    && self.reading.repairs.note_need(Repair::EmptyPath) =>
            {
                None
            }
            Some(Ok(text)) => Some(text.into_owned()),
            Some(Err(other)) => {
                let found = other.shape().name();
                let detail = format!("The path of operation {number} must be a string, not {found}.");
                return Err(Error::new(Code::PathNotText, detail));
            }
        };
        // Step 2: the value, which only a removal may omit.
        let value = match (op, item.get("value")) {
            (_, Some(value)) => value,
            (PatchOp::Remove, None) => Checked::NULL,
            (PatchOp::Add | PatchOp::Replace, None) => {
                let detail = format!("Operation {number} has no value. Only a remove may omit it.");
                return Err(Error::new(Code::OperationValueMissing, detail));
            }
        };
        // Step 3: one path, or a value whose keys are the paths.
        match (path, value) {
            (Some(text), value) => {
                let shown = cut(&text, PATH_SHOWN).into_owned();
                self.number = Some(number);
                let placed = self.resolve_path(op, text, value, Written::AsPath);
                self.number = None;
                placed.map_err(|error| about_path(error, Some(number), &shown))
            }
            // RFC 7644 section 3.5.2.2: "If "path" is unspecified, the operation fails with ... noTarget."
            (None, _) if op == PatchOp::Remove => {
                let detail = format!("Operation {number} is a remove without a path. Name in path what to remove.");
                Err(Error::new(Code::PathMissing, detail))
            }
            (None, value) => match self.object_in(value, is_known)? {
                Some(values) => self.read_from_text(values, |paths, values| paths.read_keys(op, values.iter())),
                None => Err(Error::new(
                    Code::OperationValueNotObject,
                    format!(
                        "Operation {number} has no path, so its value must be an object, not {}.",
                        value.shape().name()
                    ),
                )),
            },
        }
    }

    /// Returns the object that a value is, or that it holds as JSON in a text: then with true.
    fn object_in(
        &mut self,
        value: Checked<'b>,
        knows: impl Fn(&ResourceType, &str) -> bool,
    ) -> Result<Option<(Object<'b>, bool)>> {
        if let Some(object) = value.object() {
            return Ok(Some((object, self.from_text)));
        }
        if self.from_text || !self.reading.runs_repairs() || !Repair::JsonInText.is_on() {
            return Ok(None);
        }
        let Some(inner) = self.reading.texts.json_in_text(value, JsonInText::Object, |name| knows(self.kind, name))?
        else {
            return Ok(None);
        };
        // The parsed text must live as long as the body, since operations point into it.
        let kept = self.texts.keep(inner).ok_or_else(|| {
            let detail = "Too many values hold JSON as text. Send fewer operations at once, or send objects.";
            Error::new(Code::BodyTooManyValues, detail)
        })?;
        Ok(Checked::new(kept).object().map(|object| (object, true)))
    }

    /// Reads values that came out of a text, if they did.
    fn read_from_text(
        &mut self,
        (values, from_text): (Object<'b>, bool),
        read: impl FnOnce(&mut Self, Object<'b>) -> Result<()>,
    ) -> Result<()> {
        let before = std::mem::replace(&mut self.from_text, from_text);
        let done = read(self, values);
        self.from_text = before;
        done
    }

    /// Reads values under the names of their attributes.
    fn read_keys<'k>(&mut self, op: PatchOp, mut values: impl Iterator<Item = (&'k str, Checked<'b>)>) -> Result<()> {
        values.try_for_each(|(key, value)| {
            // Decided by the first letters alone: a value may have thousands of keys that no path begins with.
            if self.reading.runs_repairs() && !self.kind.may_name(key) {
                return self.skip_unknown(key.to_owned());
            }
            self.reading.guide.look_up()?;
            self.resolve_path(op, key.to_owned(), value, Written::AsKey)
        })
    }

    /// Resolves one path, which may be a key of a value: dotted and URN-qualified keys are paths too. An unknown one is
    /// skipped and noted, because a refusal would block all other values that the provider sends with it; the dialect
    /// `rfc` refuses it.
    fn resolve_path(&mut self, op: PatchOp, text: String, value: Checked<'b>, written: Written) -> Result<()> {
        // Operations on members are joined, and each is little work; the keys of a value are counted as they are looked
        // up.
        self.read += usize::from(written == Written::AsPath && !text.eq_ignore_ascii_case("members"));
        if self.read > PATHS_MAX {
            return Err(too_many(self.read));
        }
        let explicit = written == Written::AsPath;
        let text = if self.reading.runs_repairs() { dialect::urn_alias(text, &mut self.reading.repairs) } else { text };
        // The core's URN as a path or key stands for the whole resource.
        if text.trim().eq_ignore_ascii_case(&self.kind.schema.id) {
            return self.read_schema_object(op, &self.kind.schema.id, value);
        }
        if self.reading.runs_repairs() && unregistered::is_unregistered(self.kind, text.trim()) {
            let value = if op == PatchOp::Remove && value.is_null() {
                Value::Null
            } else {
                self.reading.guide.build_whole(value)?
            };
            self.unresolved.push(Unresolved { op, path: text.trim().to_owned(), value, number: self.number });
            return Ok(());
        }
        let resolved = dialect::read_in_forms(self.reading.forms, &mut self.reading.repairs, |forms| {
            parse_path(&text, &text, explicit, forms)?.resolve(self.kind, forms)
        });
        self.take_resolved(op, text, resolved, value, written)
    }

    /// Resolves one attribute in the object of a schema: its name is looked up there and nowhere else.
    fn attribute_of(&mut self, urn: &str, op: PatchOp, key: &str, value: Checked<'b>) -> Result<()> {
        self.reading.guide.look_up()?;
        let text = format!("{urn}:{key}");
        let resolved = dialect::read_in_forms(self.reading.forms, &mut self.reading.repairs, |forms| {
            parse_path(key, &text, false, forms)?.resolve_inside(urn, self.kind, forms)
        });
        self.take_resolved(op, text, resolved, value, Written::Inside)
    }

    /// Resolves the attributes of one schema, in an object under its URN.
    fn read_schema_object(&mut self, op: PatchOp, urn: &str, value: Checked<'b>) -> Result<()> {
        if op == PatchOp::Remove {
            let detail =
                format!("{urn} is the whole {}. Name the attribute to remove, or DELETE the resource.", self.kind.name);
            return Err(Error::new(Code::PathWholeResource, detail));
        }
        let paths_are_partial = self.partial;
        let schema = |kind: &ResourceType, name: &str| match kind.extension(urn) {
            Some(schema) => schema.attribute(name).is_some(),
            None => kind.attribute(name).is_some(),
        };
        match self.object_in(value, schema)? {
            // In a partial PUT null means not mentioned (WSO2), so only the other members are operations.
            // `schemas` of an extension follows from its attributes, as that of the resource does.
            Some(values) => self.read_from_text(values, |paths, values| {
                let said = |value: Checked<'_>| !(paths_are_partial && value.is_null());
                let mut named =
                    values.iter().filter(|(key, value)| !key.eq_ignore_ascii_case("schemas") && said(*value));
                named.try_for_each(|(key, value)| paths.attribute_of(urn, op, key, value))
            }),
            None if value.is_null() => Ok(()),
            None => {
                // Only the object can tell whether just that is stored, from before the schema was registered.
                let is_extension = self.kind.extension(urn).is_some() && self.unresolved.len() < FROM_BEFORE_MAX;
                if let Some(value) = is_extension.then(|| self.reading.guide.build_again(value)).flatten() {
                    self.unresolved.push(Unresolved { op, path: urn.to_owned(), value, number: self.number });
                    return Ok(());
                }
                Err(Error::new(Code::WrongType, format!("{urn} must be an object, not {}.", value.shape().name())))
            }
        }
    }
}
