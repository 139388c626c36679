//! A request to a [`Command`]: parse, repair, validate, everything that needs no directory.

mod body;
mod bulk;
mod condition;
mod echo;
mod list;
mod members;
mod patch;
mod subject;

pub use subject::{LOOKED_AT, subject_in};

use crate::auth::Dialect;
use crate::dialect::{self, Repair, Repairs};
use crate::directory::precondition::Precondition;
use crate::directory::scim::{Command, Members};
use crate::error::{Code, Error, Result, SENTENCE_MAX, cut};
use crate::id::{GroupId, RequestId, UserId};
use crate::render;
use crate::route::Scim;
use crate::scim::filter::Forms;
use crate::scim::guided::{Guide, InTexts};
use crate::scim::json::Checked;
use crate::scim::names;
use crate::scim::patch::MESSAGE;
use crate::scim::projection::Projection;
use crate::scim::schema::{Kinds, Types};
use body::{check_id, check_schemas, read_body, read_group, read_user};
use list::ListParameters;
use patch::PatchEnvelope;
use serde_json::Value;
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
    /// The bytes, at most [`BODY_MAX`](crate::scim::json::BODY_MAX).
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
/// 400, 413 or 415 with the attribute or parameter in the sentence, and with the names that its body has.
pub fn ingest(route: &Scim, request: &Request<'_>) -> Result<Ingested> {
    read_request(route, request).map_err(|error| error.with_about(subject_in(request.body)))
}

fn read_request(route: &Scim, request: &Request<'_>) -> Result<Ingested> {
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
    let projection = Projection::parse(query).unless_known(known);
    projection.check_count()?;
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
    // Entra ID reads groups without their members; then none of up to 100,000 rows is read.
    let members = if projection.shows_core("members") { Members::Shown } else { Members::Hidden };
    Ok(match route {
        Scim::ServiceProviderConfig | Scim::ResourceTypes(_) | Scim::Schemas(_) => {
            render::check_query(request.query)?;
            Command::Discover
        }
        Scim::List(kinds) | Scim::Search(Some(kinds)) => {
            let list = ListParameters::read_parameters(query)?.list_of(request.types.of_kind(*kinds), reading)?;
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
            reading.accept_schemas(check_schemas(&request.types.of_kind(*kinds).schema.id, &body))?;
            read_patch(*kinds, id, PatchEnvelope::Changed(body), request, reading, Some(members))?
        }
        Scim::Replace(Kinds::Users, id) => {
            let user = read_user(Some(id), request, data, reading)?;
            // JumpCloud sends `"emails": null` with every activation; read literally, it would remove the addresses.
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
