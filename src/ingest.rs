//! A request to a [`Command`]: parse, mend, validate, everything that needs no directory.

mod patch;

use crate::auth::Dialect;
use crate::dialect::{self, Repairs};
use crate::directory::command::{Command, List, Members};
use crate::error::{Error, Kind, Result};
use crate::id::{GroupId, MemberId, UserId};
use crate::render::Projection;
use crate::route::Scim;
use crate::scim::discovery::PAGE_MAX;
use crate::scim::filter::{self, Forms};
use crate::scim::resource::{self, Resource};
use crate::scim::schema::{Kinds, ResourceType, Types};
use crate::scim::{json, member};
use serde_json::{Map, Value};

/// What of a request matters here.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The organisation's resource types.
    pub types: &'a Types,
    /// Decoded.
    pub query: &'a [(String, String)],
    /// The header.
    pub content_type: Option<&'a str>,
    /// The header.
    pub user_agent: &'a str,
    /// The bytes, at most [`json::BODY_MAX`].
    pub body: &'a [u8],
    /// As KV has it for the token.
    pub dialect: Dialect,
}

/// A command, how its answer is shown, and what the journal is to know.
#[derive(Debug)]
pub struct Ingested {
    /// For the object.
    pub command: Command,
    /// `attributes` and `excludedAttributes`.
    pub projection: Projection,
    /// What the request needed to be understood.
    pub repairs: Vec<String>,
    /// What was passed over.
    pub notes: Vec<String>,
}

/// How a request is read: its dialect, and what becomes of it on the way.
struct Reading {
    forms: Forms,
    repairs: Repairs,
    notes: Vec<String>,
}

impl Reading {
    /// Every dialect but `rfc` runs all repairs: one customer can send two of them.
    fn mends(&self) -> bool {
        self.forms == Forms::Lenient
    }

    /// Notes for the journal what was passed over: of very much only the first.
    fn note(&mut self, sentence: String) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(shortened(sentence));
        }
    }

    fn dropped(&mut self, unknown: Vec<String>) {
        unknown.iter().for_each(|name| self.note(format!("The attribute {name} is unknown and was dropped.")));
    }
}

/// How many notes the journal keeps of one request.
const NOTES_MAX: usize = 50;
/// How much of a sentence is kept, in characters: a name in it may be as long as a body.
const SENTENCE_MAX: usize = 1000;

fn shortened(sentence: String) -> String {
    match sentence.char_indices().nth(SENTENCE_MAX) {
        Some((end, _)) => format!("{}...", sentence.get(..end).unwrap_or_default()),
        None => sentence,
    }
}

/// Reads a request.
///
/// 1. Query parameters.
/// 2. Content type, then JSON: size, depth, duplicate keys.
/// 3. Repairs, unless the dialect is `rfc`.
/// 4. The schema: canonical names, types, required attributes.
/// 5. Members: nested groups that say so are refused here.
///
/// # Errors
/// 400, 413 or 415 with the attribute or parameter in the sentence.
pub fn ingest(route: &Scim, request: &Request<'_>) -> Result<Ingested> {
    let forms = if request.dialect == Dialect::Rfc { Forms::Strict } else { Forms::Lenient };
    let mut reading = Reading { forms, repairs: Repairs::default(), notes: Vec::new() };
    let projection = Projection::parse(request.query);
    let command = command(route, request, &mut reading, &projection).map_err(|error| Error {
        detail: shortened(error.detail),
        names: error.names.into_iter().map(shortened).collect(),
        ..error
    })?;
    Ok(Ingested { command, projection, repairs: reading.repairs.names(), notes: reading.notes })
}

fn command(route: &Scim, request: &Request<'_>, reading: &mut Reading, projection: &Projection) -> Result<Command> {
    let members = if projection.shows("members") { Members::Shown } else { Members::Hidden };
    Ok(match route {
        Scim::ServiceProviderConfig | Scim::ResourceTypes(_) | Scim::Schemas(_) => {
            // RFC 7644 section 4: a filter on discovery is forbidden, not ignored.
            if request.query.iter().any(|(name, _)| name.eq_ignore_ascii_case("filter")) {
                return Err(Error::new(
                    Kind::Forbidden,
                    "The discovery endpoints take no filter; read the list whole.",
                ));
            }
            Command::Discover
        }
        Scim::List(Kinds::Users) => Command::ListUsers { list: list(&request.types.user, request, reading)? },
        Scim::List(Kinds::Groups) => {
            Command::ListGroups { list: list(&request.types.group, request, reading)?, members }
        }
        Scim::Get(Kinds::Users, id) => Command::GetUser { id: user_id(id)? },
        Scim::Get(Kinds::Groups, id) => Command::GetGroup { id: group_id(id)?, members },
        Scim::Delete(Kinds::Users, id) => Command::DeleteUser { id: user_id(id)? },
        Scim::Delete(Kinds::Groups, id) => Command::DeleteGroup { id: group_id(id)? },
        Scim::Create(Kinds::Users) => {
            let mut user = user(None, request, reading)?;
            if reading.mends() {
                // Providers that leave `active` out read it back; without it they take the user for deactivated.
                user.attributes.entry("active").or_insert(Value::Bool(true));
            }
            Command::CreateUser { user }
        }
        Scim::Replace(Kinds::Users, id) => Command::ReplaceUser {
            id: user_id(id)?,
            user: user(Some(id), request, reading)?,
            mend_formatted: reading.mends(),
            null_keeps: reading.mends(),
        },
        Scim::Create(Kinds::Groups) => {
            let (group, members) = group(None, request, reading)?;
            Command::CreateGroup { group, members: members.unwrap_or_default() }
        }
        Scim::Replace(Kinds::Groups, id) => {
            let (group, members) = group(Some(id), request, reading)?;
            Command::ReplaceGroup { id: group_id(id)?, group, members }
        }
        Scim::Patch(Kinds::Users, id) => {
            let operations = patch::user(&request.types.user, id, body(request)?, reading)?;
            Command::PatchUser { id: user_id(id)?, operations }
        }
        Scim::Patch(Kinds::Groups, id) => {
            let operations = patch::group(&request.types.group, id, body(request)?, reading)?;
            let shown = request.dialect == Dialect::Rfc || !projection.is_default();
            Command::PatchGroup { id: group_id(id)?, operations, answer: shown.then_some(members) }
        }
    })
}

/// The page and the filter of a list (RFC 7644 section 3.4.2).
fn list(kind: &ResourceType, request: &Request<'_>, reading: &mut Reading) -> Result<List> {
    let parameter = |wanted: &str| {
        request.query.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.as_str())
    };
    let number = |name: &str, default: i64| match parameter(name).map(str::trim) {
        None | Some("") => Ok(default),
        Some(text) => text
            .parse::<i64>()
            .map_err(|_| Error::invalid_value(format!("{name} has to be a whole number, not {text:?}."))),
    };
    let filter = match parameter("filter").map(str::trim) {
        None | Some("") => None,
        Some(text) => Some(filter::parse(text, reading.forms)?.resolve(kind, reading.forms)?),
    };
    Ok(List {
        filter,
        // Section 3.4.2.4: less than 1 is 1, a negative count is 0.
        start_index: number("startIndex", 1)?.max(1),
        count: number("count", PAGE_DEFAULT)?.clamp(0, PAGE_MAX),
    })
}

/// The page size of a request that names none.
const PAGE_DEFAULT: i64 = 100;

fn user(id: Option<&str>, request: &Request<'_>, reading: &mut Reading) -> Result<Resource> {
    let body = body(request)?;
    check_id(id, &body)?;
    resource_of(&request.types.user, body, reading)
}

fn group(id: Option<&str>, request: &Request<'_>, reading: &mut Reading) -> Result<(Resource, Option<Vec<MemberId>>)> {
    let kind = &request.types.group;
    let mut body = body(request)?;
    check_id(id, &body)?;
    let sent = body.keys().find(|key| key.eq_ignore_ascii_case("members")).cloned();
    let sent = sent.and_then(|key| body.remove(&key));
    let resource = resource_of(kind, body, reading)?;
    let name = resource.attributes.get("displayName").and_then(Value::as_str).unwrap_or_default();
    let label = id.map_or_else(|| format!("{name:?}"), str::to_owned);
    let members = match sent.map(|value| reading.mended(kind, "members", value)) {
        None | Some(Value::Null) => None,
        Some(value) => Some(member::read(&value, &label)?),
    };
    Ok((resource, members))
}

impl Reading {
    fn mended(&mut self, kind: &ResourceType, name: &str, value: Value) -> Value {
        match kind.attribute(name).filter(|_| self.forms == Forms::Lenient) {
            Some(attribute) => dialect::repaired(attribute, value, &mut self.repairs),
            None => value,
        }
    }
}

fn resource_of(kind: &ResourceType, body: Map<String, Value>, reading: &mut Reading) -> Result<Resource> {
    let body = if reading.mends() { dialect::body(kind, body, &mut reading.repairs) } else { body };
    if !reading.mends() {
        check_schemas(&kind.schema.id, &body)?;
    }
    let read = resource::read(kind, body)?;
    resource::check_required(kind, &read.resource.attributes)?;
    reading.dropped(read.unknown);
    Ok(read.resource)
}

/// RFC 7643 section 3: `schemas` names what the body is.
fn check_schemas(wanted: &str, body: &Map<String, Value>) -> Result<()> {
    let named =
        body.iter().find(|(key, _)| key.eq_ignore_ascii_case("schemas")).and_then(|(_, value)| value.as_array());
    let is_wanted = |urn: &Value| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(wanted));
    match named {
        Some(urns) if urns.iter().any(is_wanted) => Ok(()),
        _ => Err(Error::invalid_syntax(format!("schemas has to name {wanted}."))),
    }
}

fn body(request: &Request<'_>) -> Result<Map<String, Value>> {
    let media = request.content_type.unwrap_or_default().to_ascii_lowercase();
    let foreign = ["xml", "html", "form", "multipart", "image/", "audio/", "video/"];
    if !media.contains("json") && foreign.iter().any(|part| media.contains(part)) {
        let detail = format!("The body is said to be {media}; send application/scim+json.");
        return Err(Error::new(Kind::UnsupportedMediaType, detail));
    }
    json::object(request.body)
}

/// A PUT may repeat the `id`, not change it.
fn check_id(id: Option<&str>, body: &Map<String, Value>) -> Result<()> {
    let sent = body.iter().find(|(key, _)| key.eq_ignore_ascii_case("id")).map(|(_, value)| value);
    match (id, sent) {
        (Some(id), Some(sent)) if sent.as_str() != Some(id) && !sent.is_null() => {
            let detail = format!("The body's id is {sent}, the address's is {id}. An id is never changed.");
            Err(Error::new(Kind::Mutability, detail))
        }
        _ => Ok(()),
    }
}

fn user_id(id: &str) -> Result<UserId> {
    UserId::parse(id).ok_or_else(|| not_an_id("user", id))
}

fn group_id(id: &str) -> Result<GroupId> {
    GroupId::parse(id).ok_or_else(|| not_an_id("group", id))
}

fn not_an_id(what: &str, id: &str) -> Error {
    let shown: String = id.chars().take(128).collect();
    Error::new(Kind::NotFound, format!("There is no {what} {shown} in this organisation."))
}
