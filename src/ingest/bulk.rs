//! A Bulk request (RFC 7644 section 3.7) to one command: every operation is read as a request of its own would be, with
//! placeholders for the ids that operations of the same request are yet to make.

use super::{CommandBody, Reading, Request, body, read_command, subject_in};
use crate::dialect::Repair;
use crate::directory::bulk::{Bulk, BulkOperation};
use crate::directory::precondition::Precondition;
use crate::directory::scim::Command;
use crate::error::{Code, Error, Result, excerpt, quoted};
use crate::route::{self, Scim};
use crate::scim::bulk::{BULK_REQUEST, OPERATIONS_MAX, Placeholders, execution_steps};
use crate::scim::etag::Tags;
use crate::scim::json::{self, Checked, JsonShape, PathStep};
use crate::scim::patch::MESSAGE;
use crate::scim::projection::Projection;
use references::{Places, ReferencePlace};
use std::borrow::Cow;
use std::collections::BTreeMap;

mod references;

/// Reads the request.
///
/// 1. The envelope: an error in it refuses the whole request.
/// 2. The operation that makes the id for each `bulkId`.
/// 3. Each operation: an error in one is its own result.
/// 4. The order in which they run.
pub(super) fn read_bulk(request: &Request<'_>, reading: &mut Reading) -> Result<Bulk> {
    let (_, body) = body::read_body(request, CommandBody::Whole, reading)?;
    if !reading.runs_repairs() {
        body::check_schemas(BULK_REQUEST, &body)?;
    }
    // Step 1: the envelope. RFC 7644 section 3.7: `failOnErrors` is a number of errors; 0 would run nothing.
    let fail_on_errors = match body.get("failOnErrors").filter(|value| !value.is_null()) {
        None => None,
        Some(value) => Some(value.as_str().parse().ok().filter(|n: &usize| *n > 0).ok_or_else(|| {
            let shown = excerpt(value.as_str());
            Error::new(Code::BulkFailOnErrors, format!("failOnErrors must be a whole number above 0, not {shown}."))
        })?),
    };
    let items = match body.get("Operations").and_then(Checked::elements) {
        Some(items) if !items.is_empty() => items,
        _ => {
            return Err(Error::new(
                Code::OperationsMissing,
                "A Bulk request needs Operations: an array of at least one operation.",
            ));
        }
    };
    if items.len() > OPERATIONS_MAX {
        let detail =
            format!("The Bulk request has {} operations; at most {OPERATIONS_MAX} are allowed. Split it.", items.len());
        return Err(Error::new(Code::TooManyOperations, detail));
    }
    // Step 2: all operations are looked at before the first is read, because a reference may point forward.
    let sent = items
        .into_iter()
        .zip(1..)
        .map(|(item, number)| SentOperation::read_sent(item, number))
        .collect::<Result<Vec<_>>>()?;
    let mut references = References {
        made: operations_by_bulk_id(&sent)?,
        names: sent.iter().map(|one| one.bulk_id.clone()).collect(),
        placeholders: Placeholders::new(request.id),
        found: vec![false; sent.len()],
        unknown: None,
    };
    // Step 3: each operation as a request of its own.
    let operations = sent
        .into_iter()
        .map(|one| one.into_operation(request, reading, &mut references))
        .collect::<Result<Vec<_>>>()?;
    // Step 4: an operation runs after those that make the ids it names (RFC 7644 section 3.7.2).
    let refers: Vec<Vec<usize>> = operations.iter().map(|one| one.refers.clone()).collect();
    Ok(Bulk { steps: execution_steps(&refers), operations, fail_on_errors })
}

/// The longest `bulkId`, in bytes: refusals name several.
const BULK_ID_MAX: usize = 256;
/// The longest part of an unknown method that is shown, in characters.
const METHOD_MAX: usize = 16;

/// One operation as it was sent.
struct SentOperation<'b> {
    method: String,
    bulk_id: Option<String>,
    path: String,
    version: Checked<'b>,
    /// The data, unread until it is this operation's turn.
    data: Checked<'b>,
}

impl<'b> SentOperation<'b> {
    fn read_sent(item: Checked<'b>, number: usize) -> Result<Self> {
        let Some(item) = item.object() else {
            let detail = format!("Operation {number} must be an object, not {}.", item.shape().name());
            return Err(Error::new(Code::OperationNotObject, detail));
        };
        let text =
            |name: &str| item.get(name).and_then(Checked::text).filter(|text| !text.is_empty()).map(Cow::into_owned);
        let (method, bulk_id, path) = (text("method"), text("bulkId"), text("path"));
        if bulk_id.as_ref().is_some_and(|name| name.len() > BULK_ID_MAX) {
            let detail =
                format!("The bulkId of operation {number} is longer than {BULK_ID_MAX} bytes. Use a shorter one.");
            return Err(Error::new(Code::BulkIdTooLong, detail));
        }
        Ok(Self {
            method: method.unwrap_or_default().chars().take(METHOD_MAX).collect::<String>().to_ascii_uppercase(),
            bulk_id,
            path: path.unwrap_or_default(),
            version: item.get("version").unwrap_or(Checked::NULL),
            data: item.get("data").unwrap_or(Checked::NULL),
        })
    }

    fn into_operation(
        self,
        request: &Request<'_>,
        reading: &mut Reading,
        known: &mut References,
    ) -> Result<BulkOperation> {
        let (method, bulk_id, data) = (self.method.clone(), self.bulk_id.clone(), self.data);
        let resource = cut_address(&self.path);
        let notes = reading.notes.len();
        known.found.fill(false);
        known.unknown = None;
        // Each operation has the room of a request; what it leaves is not added to the next one's.
        reading.guide = super::guide_for(reading.runs_repairs(), &reading.texts);
        let mut path = None;
        let read = self.into_command(request, reading, known, &mut path);
        // An operation that is refused here needs no other: its own sentence says more than that another one failed.
        let found = known.found.iter().enumerate().filter(|(_, found)| **found && read.is_ok());
        let refers = found.map(|(at, _)| at).collect();
        // Placeholders are this service's own texts: an admin must read the `bulkId` that was sent.
        let shown = |text: &str| known.placeholders.replace(text, |other| known.bulk_id_of(other));
        let (command, precondition) = read.unwrap_or_else(|error| {
            // Notes say what was skipped, and nothing is skipped of a refused operation.
            reading.notes.truncate(notes);
            let names: Vec<String> = error.names.iter().map(|name| shown(name)).collect();
            let detail = shown(&error.detail);
            let error = error.with_detail(detail).with_names(names).with_about(subject_in(data.as_str().as_bytes()));
            (Command::Refused { error, method: method.clone(), resource }, Precondition::default())
        });
        reading.notes.iter_mut().skip(notes).for_each(|note| *note = shown(note));
        Ok(BulkOperation { method, path, bulk_id, refers, precondition, command: command.to_text()? })
    }

    /// Reads the operation as a request of its own; `path` is set as soon as its address is known.
    fn into_command(
        self,
        request: &Request<'_>,
        reading: &mut Reading,
        known: &mut References,
        path: &mut Option<String>,
    ) -> Result<(Command, Precondition)> {
        let route = self.parse_route(request.base, known)?;
        // From here on errors have an address, and the journal shows it.
        let endpoint = route.kinds().endpoint();
        *path = Some(match &route {
            Scim::Replace(_, id) | Scim::Patch(_, id) | Scim::Delete(_, id) => {
                cut_address(&format!("/{endpoint}/{id}"))
            }
            _ => format!("/{endpoint}"),
        });
        let creates = matches!(route, Scim::Create(_));
        if creates && self.bulk_id.is_none() {
            return Err(Error::new(
                Code::BulkIdMissing,
                "A POST in a Bulk request needs a bulkId. Give it one that no other operation of the request has.",
            ));
        }
        // References are replaced in the text, before it is read: a placeholder is an id like any other.
        let places = Places::new(request.types.of_kind(route.kinds()), self.data, matches!(route, Scim::Patch(..)));
        let placed = match self.data.shape() {
            _ if matches!(route, Scim::Delete(..)) => None,
            JsonShape::Object => known.put_placeholders(self.data, &places)?,
            JsonShape::Array
                if matches!(route, Scim::Patch(..))
                    && reading.runs_repairs()
                    && reading.repairs.note_need(Repair::BareOperations) =>
            {
                let list = known.put_placeholders(self.data, &places)?;
                let list = list.as_deref().unwrap_or(self.data.as_str());
                Some(format!(r#"{{"schemas":["{MESSAGE}"],"Operations":{list}}}"#))
            }
            JsonShape::Null => {
                let detail =
                    format!("{} needs data: the resource, or for a PATCH an object with its Operations.", self.method);
                return Err(Error::new(Code::BulkData, detail));
            }
            other => {
                return Err(Error::new(Code::BulkData, format!("data must be an object, not {}.", other.name())));
            }
        };
        let data = placed.as_deref().map_or(self.data, Checked::new);
        // Only now: a reference may stand in the address and in the data, and the first unknown one is named.
        if let Some(name) = known.unknown.take() {
            let detail = format!("There is no POST with the bulkId {name} in this request.", name = quoted(&name));
            return Err(Error::new(Code::BulkUnknownReference, detail).with_names([name]));
        }
        let if_match = match self.version.text() {
            _ if creates || self.version.is_null() => None,
            Some(text) if text.is_empty() => None,
            Some(text) => Some(Tags::parse("version", &text)?),
            // A version is never skipped: the client relies on it.
            None => Some(Tags::parse("version", self.version.as_str())?),
        };
        // A result has no resource in it (RFC 7644 section 3.7), so no members are read for it.
        let brief = [("excludedAttributes".to_owned(), "members".to_owned())];
        let command = read_command(&route, request, CommandBody::Data(data), &[], reading, &Projection::parse(&brief))?;
        Ok((command, Precondition { if_match, if_none_match: None }))
    }

    fn parse_route(&self, base: &str, known: &mut References) -> Result<Scim> {
        let route = match route::relative(&self.method, &self.path, base).0 {
            Ok(route @ (Scim::Create(_) | Scim::Replace(..) | Scim::Patch(..) | Scim::Delete(..))) => route,
            _ => {
                let (method, path) = (&self.method, cut_address(&self.path));
                return Err(Error::new(
                    Code::BulkOperation,
                    format!(
                        "An operation is a POST of /Users or /Groups, or a PUT, PATCH or DELETE of /Users/{{id}} or \
                         /Groups/{{id}}, not {method} of {path}.",
                        method = quoted(method),
                        path = quoted(&path)
                    ),
                ));
            }
        };
        let mut id = |id: String| known.resolve_reference(&id).unwrap_or(id);
        Ok(match route {
            Scim::Replace(kinds, at) => Scim::Replace(kinds, id(at)),
            Scim::Patch(kinds, at) => Scim::Patch(kinds, id(at)),
            Scim::Delete(kinds, at) => Scim::Delete(kinds, id(at)),
            other => other,
        })
    }
}

/// Finds references to other operations (RFC 7644 section 3.7.2) and puts placeholders in their place.
struct References {
    /// For each `bulkId`, the position of its operation, and whether that is a POST.
    made: BTreeMap<String, (usize, bool)>,
    /// The `bulkId` of each position.
    names: Vec<Option<String>>,
    placeholders: Placeholders,
    /// For the current operation: for each position, whether it refers to that one.
    found: Vec<bool>,
    /// A reference to a `bulkId` that no operation has.
    unknown: Option<String>,
}

impl References {
    /// Returns `bulkId:NAME` for the operation at that position.
    fn bulk_id_of(&self, operation: usize) -> String {
        let name = self.names.get(operation).and_then(Option::as_deref);
        format!("bulkId:{}", name.unwrap_or_default())
    }

    /// Replaces the references in the texts where they may stand ([`Places`]). Returns `None` if the texts hold no reference.
    fn put_placeholders(&mut self, data: Checked<'_>, places: &Places<'_>) -> Result<Option<String>> {
        // With an escape, any text could be a reference.
        if !data.as_str().contains("bulkId:") && !data.as_str().contains('\\') {
            return Ok(None);
        }
        let mut place = |steps: &[PathStep], text: &str| match text.contains("bulkId:").then(|| places.place_of(steps))
        {
            None | Some(ReferencePlace::None) => None,
            Some(ReferencePlace::Path) => Some(self.resolve_in_path(text)),
            Some(ReferencePlace::Value) => self.resolve_reference(text),
        };
        json::rewrite_texts(data, &mut place).map(Some)
    }

    /// Returns a path with placeholders in its filter, in the quotes behind what holds ids: `members[value eq "bulkId:x"]`.
    fn resolve_in_path(&mut self, path: &str) -> String {
        let mut before = "";
        let mut part = |part| {
            let subject = before.split_whitespace().rev().nth(1).and_then(|word| word.rsplit(['[', '(', '.']).next());
            let holds_ids =
                subject.is_some_and(|name| ["value", "$ref"].iter().any(|id| name.eq_ignore_ascii_case(id)));
            before = part;
            holds_ids.then(|| self.resolve_reference(part)).flatten().unwrap_or_else(|| part.to_owned())
        };
        path.split('"').map(&mut part).collect::<Vec<_>>().join("\"")
    }

    /// Returns the text with a placeholder, if it is `bulkId:NAME` or an address that ends in it.
    fn resolve_reference(&mut self, text: &str) -> Option<String> {
        let (address, name) = match text.rsplit_once("/bulkId:") {
            Some((address, name)) => (Some(address), name),
            None => (None, text.strip_prefix("bulkId:")?),
        };
        let Some((operation, true)) = self.made.get(name).copied() else {
            self.unknown = Some(name.chars().take(128).collect());
            return None;
        };
        if let Some(found) = self.found.get_mut(operation) {
            *found = true;
        }
        let placeholder = self.placeholders.of_operation(operation);
        Some(address.map_or_else(|| placeholder.clone(), |address| format!("{address}/{placeholder}")))
    }
}

/// Returns the operation of each `bulkId`.
fn operations_by_bulk_id(sent: &[SentOperation<'_>]) -> Result<BTreeMap<String, (usize, bool)>> {
    let mut made = BTreeMap::new();
    for (position, one) in sent.iter().enumerate() {
        let Some(bulk_id) = &one.bulk_id else { continue };
        if made.insert(bulk_id.clone(), (position, one.method == "POST")).is_some() {
            let detail =
                format!("Two operations have the bulkId {bulk_id}; each needs its own.", bulk_id = quoted(bulk_id));
            return Err(Error::new(Code::BulkIdTwice, detail).with_names([bulk_id.as_str()]));
        }
    }
    Ok(made)
}

/// Cuts an address to the part that is written down.
fn cut_address(path: &str) -> String {
    path.chars().take(300).collect()
}
