//! A request to a [`Command`]: parse, repair, validate, everything that needs no directory.

mod bulk;
mod condition;
mod echo;
mod list;
mod members;
mod patch;

use crate::auth::Dialect;
use crate::dialect::{self, Repair, Repairs};
use crate::directory::precondition::Precondition;
use crate::directory::scim::{Command, Members};
use crate::error::{Code, Error, Result, SENTENCE_MAX, cut, excerpt, quoted};
use crate::id::{GroupId, MemberId, RequestId, UserId};
use crate::render;
use crate::route::Scim;
use crate::scim::filter::Forms;
use crate::scim::guided::{Guide, InTexts};
use crate::scim::json::{Checked, Object, Shape};
use crate::scim::patch::{MESSAGE, Op};
use crate::scim::path::Resolved;
use crate::scim::projection::Projection;
use crate::scim::resource::{self, Resource};
use crate::scim::schema::{Kinds, ResourceType, Types};
use crate::scim::unregistered::{self, Unresolved};
use crate::scim::{constraints, json, names, urn};
use list::ListParameters;
use patch::PatchEnvelope;
use serde_json::{Map, Value};
use std::rc::Rc;

/// The parts of a request that are read here.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The request's own id.
    pub id: &'a RequestId,
    /// The SCIM base URL, without a slash at its end.
    pub base: &'a str,
    /// The organisation's resource types.
    pub types: &'a Types,
    /// The decoded query parameters.
    pub query: &'a [(String, String)],
    /// The header `Content-Type`.
    pub content_type: Option<&'a str>,
    /// The header `Content-Encoding`.
    pub content_encoding: Option<&'a str>,
    /// The header `User-Agent`.
    pub user_agent: &'a str,
    /// The header `If-Match`.
    pub if_match: Option<&'a str>,
    /// The header `If-None-Match`.
    pub if_none_match: Option<&'a str>,
    /// The bytes, at most [`json::BODY_MAX`].
    pub body: &'a [u8],
    /// The dialect of the token, as KV has it.
    pub dialect: Dialect,
}

/// A command, how its answer is shown, and the notes for the journal.
#[derive(Debug)]
pub struct Ingested {
    /// The command for the object.
    pub command: Command,
    /// The precondition for the object.
    pub precondition: Precondition,
    /// `attributes` and `excludedAttributes`, and the tags that the client has.
    pub projection: Projection,
    /// The repairs that the request needed.
    pub repairs: Vec<String>,
    /// The parts of the request that were skipped, in sentences.
    pub notes: Vec<String>,
}

/// The state of reading a request: its dialect, repairs and notes.
struct Reading {
    forms: Forms,
    repairs: Repairs,
    notes: Vec<String>,
    /// The room that is left to the request; in a Bulk request, to the current operation.
    guide: Guide,
    /// How JSON in texts is read, and how many values the body holds.
    texts: Rc<InTexts>,
}

/// The place of a command's body.
#[derive(Clone, Copy)]
enum CommandBody<'b> {
    /// The request, not read yet.
    Whole,
    /// An operation of a Bulk request.
    Data(Checked<'b>),
}

impl Reading {
    /// Returns true for every dialect but `rfc`: all repairs run, because one customer can send two dialects.
    fn runs_repairs(&self) -> bool {
        self.forms != Forms::Strict
    }

    /// Skips missing or foreign `schemas`: the address says what the body is.
    fn accept_schemas(&mut self, checked: Result<()>) -> Result<()> {
        match checked {
            Err(error) if !(self.runs_repairs() && self.repairs.note_need(Repair::ForeignSchemas)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Notes a skipped part for the journal; only the first notes are kept.
    fn add_note(&mut self, sentence: String) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(cut(&sentence, SENTENCE_MAX).into_owned());
        }
    }

    /// Notes that white space around a name is to be removed; the object does it, since it knows what is stored.
    fn note_outer_blanks(&mut self, name: Option<&Value>) {
        if self.runs_repairs() && name.and_then(Value::as_str).is_some_and(names::has_outer_blanks) {
            self.repairs.note_need(Repair::OuterBlanks);
        }
    }

    fn note_dropped(&mut self, unknown: Vec<String>) {
        unknown.iter().for_each(|name| self.add_note(format!("The attribute {name} is unknown and was dropped.")));
    }
}

/// The most notes that the journal keeps of one request.
const NOTES_MAX: usize = 50;
/// Reads a request.
///
/// 1. Conditions, query parameters.
/// 2. Content type, then JSON: size, depth, duplicate keys.
/// 3. Repairs, unless the dialect is `rfc`.
/// 4. The schema: canonical names, types, required attributes.
/// 5. Members: nested groups that say so are refused here.
///
/// # Errors
/// 400, 413 or 415 with the attribute or parameter in the sentence.
pub fn ingest(route: &Scim, request: &Request<'_>) -> Result<Ingested> {
    let forms = dialect::allowed_forms(request.dialect);
    // One counter of values for the whole request: JSON inside texts counts like the body around it.
    let texts = Rc::<InTexts>::default();
    let guide = guide_for(forms != Forms::Strict, &texts);
    let mut reading = Reading { forms, repairs: Repairs::default(), notes: Vec::new(), guide, texts };
    // Step 1: conditions and query parameters, which need no body.
    let (precondition, known) = condition::read_conditions(route, request)?;
    // The body of a search holds what the address of a list does. The address of the search counts where the body has no
    // value: an answer as if there were no filter would show every user.
    let body = match route {
        Scim::Search(_) => {
            let said = list::search_request(&read_body(request, CommandBody::Whole, &reading)?.1, &reading)?;
            Some(said.into_iter().chain(request.query.iter().cloned()).collect::<Vec<_>>())
        }
        _ => None,
    };
    let query = body.as_deref().unwrap_or(request.query);
    let projection = Projection::parse(query).unless(known);
    projection.check()?;
    // Steps 2 to 5 are the same for a request and for an operation of a Bulk request.
    let command = read_command(route, request, CommandBody::Whole, query, &mut reading, &projection)?;
    if reading.texts.used.get() {
        reading.repairs.note_need(Repair::JsonInText);
    }
    Ok(Ingested { command, precondition, projection, repairs: reading.repairs.into_names(), notes: reading.notes })
}

/// Makes the guide for one request, or one operation of a Bulk request.
fn guide_for(mends: bool, texts: &Rc<InTexts>) -> Guide {
    Guide::new(mends, (mends && Repair::JsonInText.is_on()).then(|| texts.clone()))
}

fn read_command(
    route: &Scim,
    request: &Request<'_>,
    data: CommandBody<'_>,
    query: &[(String, String)],
    reading: &mut Reading,
    projection: &Projection,
) -> Result<Command> {
    // Entra ID excludes members from every read of a group; then none of up to 100,000 rows is read.
    let members = if projection.shows("members") { Members::Shown } else { Members::Hidden };
    Ok(match route {
        Scim::ServiceProviderConfig | Scim::ResourceTypes(_) | Scim::Schemas(_) => {
            render::check_query(request.query)?;
            Command::Discover
        }
        Scim::List(kinds) | Scim::Search(Some(kinds)) => {
            let list = ListParameters::read_parameters(query)?.list_of(request.types.of(*kinds), reading)?;
            match kinds {
                Kinds::Users => Command::ListUsers { list },
                Kinds::Groups => Command::ListGroups { list, members },
            }
        }
        Scim::Search(None) | Scim::ListAll => {
            let [users, groups] = ListParameters::read_parameters(query)?.of_both(request.types.all(), reading)?;
            Command::Search { users, groups, members }
        }
        Scim::Get(Kinds::Users, id) => Command::GetUser { id: user_id(id)? },
        Scim::Get(Kinds::Groups, id) => Command::GetGroup { id: group_id(id)?, members },
        Scim::Delete(Kinds::Users, id) => Command::DeleteUser { id: user_id(id)? },
        Scim::Delete(Kinds::Groups, id) => Command::DeleteGroup { id: group_id(id)? },
        Scim::Bulk => Command::Bulk(bulk::read_bulk(request, reading)?),
        Scim::Create(Kinds::Users) => {
            let mut user = read_user(None, request, data, reading)?;
            if reading.runs_repairs() {
                // Providers that leave `active` out read it back; without it they take the user for deactivated.
                user.attributes.entry("active").or_insert(Value::Bool(true));
            }
            Command::CreateUser { user }
        }
        Scim::Replace(kinds, id)
            // WSO2's PUT becomes a PATCH that replaces what it names.
            if request.dialect.habits().partial_put && reading.repairs.note_need(Repair::PartialPut) =>
        {
            let (_, body) = read_body(request, data, reading)?;
            check_id(Some(id), &body)?;
            reading.accept_schemas(check_schemas(&request.types.of(*kinds).schema.id, &body))?;
            read_patch(*kinds, id, PatchEnvelope::Changed(body), request, reading, Some(members))?
        }
        Scim::Replace(Kinds::Users, id) => {
            let user = read_user(Some(id), request, data, reading)?;
            let null_keeps =
                reading.runs_repairs() && (user.nulls.is_empty() || reading.repairs.note_need(Repair::NullAsAbsent));
            let mend_formatted = reading.runs_repairs() && Repair::StaleFormatted.is_on();
            Command::ReplaceUser { id: user_id(id)?, user, mend_formatted, null_keeps }
        }
        Scim::Create(Kinds::Groups) => {
            let (group, members) = read_group(None, request, data, reading)?;
            Command::CreateGroup { group, members: members.unwrap_or_default() }
        }
        Scim::Replace(Kinds::Groups, id) => {
            let (mut group, members) = read_group(Some(id), request, data, reading)?;
            let keeps =
                !group.nulls.is_empty() && reading.runs_repairs() && reading.repairs.note_need(Repair::NullAsAbsent);
            if !keeps {
                group.nulls.clear();
            }
            Command::ReplaceGroup { id: group_id(id)?, group, members }
        }
        Scim::Patch(kinds, id) => {
            // RFC 7644 section 3.5.2 allows 204 for a PATCH, and a group's answer would read all of its members.
            let shown = !request.dialect.habits().mends || !projection.is_default();
            let (whole, body) = read_body(request, data, reading)?;
            // "The body of each request MUST contain the "schemas" attribute with the URI value of PatchOp."
            reading.accept_schemas(check_schemas(MESSAGE, &body))?;
            let envelope = PatchEnvelope::read_envelope(whole, &body, reading)?;
            read_patch(*kinds, id, envelope, request, reading, shown.then_some(members))?
        }
    })
}

/// Reads a PATCH. `answer` says which parts of a group are answered, if any.
fn read_patch(
    kinds: Kinds,
    id: &str,
    envelope: PatchEnvelope<'_>,
    request: &Request<'_>,
    reading: &mut Reading,
    answer: Option<Members>,
) -> Result<Command> {
    Ok(match kinds {
        Kinds::Users => {
            let (operations, unresolved) = patch::read_user_patch(&request.types.user, id, envelope, reading)?;
            Command::PatchUser { id: user_id(id)?, operations, unresolved }
        }
        Kinds::Groups => {
            let (operations, unresolved) = patch::read_group_patch(&request.types.group, id, envelope, reading)?;
            Command::PatchGroup { id: group_id(id)?, operations, answer, unresolved }
        }
    })
}

fn read_user(
    id: Option<&str>,
    request: &Request<'_>,
    data: CommandBody<'_>,
    reading: &mut Reading,
) -> Result<Resource> {
    let (_, body) = read_body(request, data, reading)?;
    let body = body.with_inside(&request.types.user.schema.id);
    check_id(id, &body)?;
    resource_of(&request.types.user, &body, id.is_some(), reading)
}

fn read_group(
    id: Option<&str>,
    request: &Request<'_>,
    data: CommandBody<'_>,
    reading: &mut Reading,
) -> Result<(Resource, Option<Vec<MemberId>>)> {
    let kind = &request.types.group;
    let (_, body) = read_body(request, data, reading)?;
    let mut body = body.with_inside(&kind.schema.id);
    check_id(id, &body)?;
    // Taken out first: members are rows, never a part of the document, and a list may have 100,000.
    let sent = body.take("members");
    let resource = resource_of(kind, &body, id.is_some(), reading)?;
    let name = resource.attributes.get("displayName").and_then(Value::as_str).unwrap_or_default();
    let label = id.map_or_else(|| quoted(name), str::to_owned);
    let members = match sent.map(|value| members::read_members(kind, value, reading)).transpose()? {
        None => None,
        Some(members::MembersValue::Null)
            if reading.runs_repairs() && reading.repairs.note_need(Repair::NullAsAbsent) =>
        {
            None
        }
        Some(members::MembersValue::Null) => Some(Vec::new()),
        Some(said) => Some(said.ids_to_add(&label)?),
    };
    Ok((resource, members))
}

/// Reads the body of a POST or of a PUT.
fn resource_of(kind: &ResourceType, body: &Object<'_>, is_put: bool, reading: &mut Reading) -> Result<Resource> {
    let (sent, (body, unresolved)) = (body, split_known(kind, body, reading)?);
    // Noted apart, to know whether the body was mended: only then may its values differ from what was sent.
    let mut repairs = reading.repairs.for_part();
    let body = if reading.runs_repairs() { dialect::mend_body(kind, body, &mut repairs) } else { body };
    let is_mended = reading.repairs.take_in(repairs);
    // After the repairs, which may turn a text into the list that it stands for.
    let named = body.iter().find(|(key, _)| key.eq_ignore_ascii_case("schemas")).map(|(_, value)| value);
    let urns = named.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    reading.accept_schemas(check_named(&kind.schema.id, urns))?;
    let mut read = resource::read(kind, body)?;
    if !is_put {
        read = read.whole()?;
    } else if is_mended || !read.refused.is_empty() || !read.unknown.is_empty() {
        // A PUT sends back what was read, and for that no rule is asked.
        let echoes = echo::of_body(kind, sent, &read.refused, reading)?;
        read.unknown = echo::names_without_echo(&echoes, read.unknown);
        read.resource.echoes = echoes;
    }
    read.resource.unresolved = unresolved;
    constraints::check_core(kind, &read.resource.attributes)?;
    reading.note_outer_blanks(read.resource.attributes.get(names::attribute(kind)));
    reading.note_dropped(read.unknown);
    Ok(read.resource)
}

/// Splits a body into the values that may be kept, under the names that were sent, and the names of the rest.
/// Attributes of unregistered extensions are apart, because only the object can tell where their URN ends.
fn split_known(
    kind: &ResourceType,
    body: &Object<'_>,
    reading: &Reading,
) -> Result<(Map<String, Value>, Vec<Unresolved>)> {
    let (mut map, mut unresolved) = (Map::new(), Vec::new());
    for (name, value) in body.iter() {
        keep_value(kind, name, value, reading, &mut map, &mut unresolved)?;
    }
    Ok((map, unresolved))
}

/// Keeps one value of a body.
fn keep_value(
    kind: &ResourceType,
    name: &str,
    value: Checked<'_>,
    reading: &Reading,
    map: &mut Map<String, Value>,
    unresolved: &mut Vec<Unresolved>,
) -> Result<()> {
    // The repair is not noted here: the value is built first and mended, and the repair noted, afterwards.
    let key = match reading.runs_repairs() {
        true => dialect::urn_alias(name.to_owned(), &mut Repairs::default()),
        false => name.to_owned(),
    };
    let built = if let Some(attribute) = kind.attribute(&key) {
        reading.guide.kept(attribute, value)?
    } else if let Some(schema) = kind.extension(&key) {
        reading.guide.extension(schema, value)?
    } else if let Some(path) = place_of_path(kind, &key, reading)?
        && let Some((attribute, sub)) = path.attributes(kind)
    {
        reading.guide.kept(sub.unwrap_or(attribute), value)?
    // An extension that is not registered: kept whole, because its schema may come later.
    } else if value.shape() == Shape::Object && urn::is_extension(&key) {
        reading.guide.whole(value)?
    } else if reading.runs_repairs() && unregistered::is_unregistered(kind, &key) {
        if !value.is_null() {
            reading.guide.look_up()?;
            let value = reading.guide.whole(value)?;
            unresolved.push(Unresolved { op: Op::Replace, path: key, value, number: None });
        }
        return Ok(());
    } else {
        // Not built: an unknown value may be as large as the body. Its name alone is kept, for the note.
        reading.guide.unknown(name, map);
        return Ok(());
    };
    map.insert(name.to_owned(), built);
    Ok(())
}

/// Returns the place of an attribute whose name is a path, which is a repair.
fn place_of_path(kind: &ResourceType, key: &str, reading: &Reading) -> Result<Option<Resolved>> {
    if !reading.runs_repairs() || !kind.may_name(key) {
        return Ok(None);
    }
    reading.guide.look_up()?;
    Ok(dialect::place_of_key(kind, key, &mut Repairs::default()))
}

/// Checks that `schemas` names what the body is (RFC 7643 section 3).
fn check_schemas(wanted: &str, body: &Object<'_>) -> Result<()> {
    let urns = body.get("schemas").and_then(Checked::elements).unwrap_or_default();
    check_named(wanted, urns.into_iter().filter_map(Checked::text))
}

fn check_named(wanted: &str, urns: impl IntoIterator<Item = impl AsRef<str>>) -> Result<()> {
    match urns.into_iter().any(|urn| urn.as_ref().eq_ignore_ascii_case(wanted)) {
        true => Ok(()),
        false => Err(Error::new(Code::SchemasMissing, format!("schemas must name {wanted}."))),
    }
}

/// Returns the checked body and its first level.
fn read_body<'b>(request: &Request<'b>, data: CommandBody<'b>, reading: &Reading) -> Result<(Checked<'b>, Object<'b>)> {
    if let CommandBody::Data(data) = data {
        return Ok((data, data.object().unwrap_or_default()));
    }
    let encoding = request.content_encoding.unwrap_or_default().trim();
    // The bytes count more than the header: without one, the JSON reader's error would not tell that they are
    // compressed.
    let encoding = if json::is_gzip(request.body) { "gzip" } else { encoding };
    if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
        let detail = format!(
            "The body is compressed ({}), and this service reads plain JSON only: switch compression of requests off \
             in the client, and send no Content-Encoding.",
            excerpt(encoding)
        );
        return Err(Error::new(Code::UnsupportedMediaType, detail));
    }
    let media = request.content_type.unwrap_or_default().to_ascii_lowercase();
    // RFC 7644 section 3.1 names two media types, but clients send `text/plain` or none at all with good JSON.
    let foreign = ["xml", "html", "form", "multipart", "image/", "audio/", "video/"];
    if !media.contains("json") && foreign.iter().any(|part| media.contains(part)) {
        let media = media.split(';').next().unwrap_or_default();
        let detail = format!("Content-Type is {}; send application/scim+json.", excerpt(media));
        return Err(Error::new(Code::UnsupportedMediaType, detail));
    }
    json::body(request.body, &reading.texts.count)
}

/// Checks the `id` of a PUT, which may repeat it but not change it.
fn check_id(id: Option<&str>, body: &Object<'_>) -> Result<()> {
    match (id, body.get("id")) {
        (Some(id), Some(sent)) if sent.text().as_deref() != Some(id) && !sent.is_null() => {
            let detail = format!(
                "The id in the body is {}, but the id in the address is {}. An id never changes: send the id of the \
                 address, or none.",
                excerpt(sent.as_str()),
                excerpt(id)
            );
            Err(Error::new(Code::IdChanged, detail))
        }
        _ => Ok(()),
    }
}

fn user_id(id: &str) -> Result<UserId> {
    UserId::parse(id).ok_or_else(|| not_an_id(Code::UserNotFound, "user", id))
}

fn group_id(id: &str) -> Result<GroupId> {
    GroupId::parse(id).ok_or_else(|| not_an_id(Code::GroupNotFound, "group", id))
}

fn not_an_id(code: Code, what: &str, id: &str) -> Error {
    let shown: String = id.chars().take(128).collect();
    Error::new(code, format!("There is no {what} {shown} in this organisation."))
}
