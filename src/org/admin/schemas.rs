//! The extension schemas that the organisation registered. They are read once when the object starts and kept in
//! memory. Every change of them starts a new generation, by which the object notices an edge that still has the old
//! ones.

use crate::directory::console::ExtensionSchemas;
use crate::directory::reply::Answer;
use crate::error::{Code, Error, Result, quoted};
use crate::id::Timestamp;
use crate::org::memory::Memory;
use crate::org::provision::spelling;
use crate::scim::json;
use crate::scim::schema::document::{REGISTERED_MAX, SchemaDocument};
use crate::scim::schema::{ENTERPRISE, Types};
use crate::scim::urn::rest_after;
use crate::store::{Sql, schemas as store, transact};
use serde_json::{Map, Value};
use std::rc::Rc;

/// Reads the resource types with the registered extensions.
pub(crate) fn read_types(sql: &dyn Sql) -> Result<Types> {
    let mut types = match store::read_generation(sql)? {
        0 => Types::default(),
        generation => Types::read_registered(generation, &documents_text(sql)?)?,
    };
    types.spell_on_reading(spelling::is_due(sql)?);
    Ok(types)
}

/// Returns the answer for an edge that read a request under another generation.
pub(crate) fn stale_answer(sql: &dyn Sql, types: &Types) -> Result<Answer> {
    Ok(Answer::Stale { generation: types.generation, schemas: json::raw_of_text(documents_text(sql)?)? })
}

/// Returns all documents, as the text of an array.
fn documents_text(sql: &dyn Sql) -> Result<String> {
    let documents: Vec<String> = store::all_documents(sql)?.into_iter().map(|(_, doc)| doc).collect();
    Ok(format!("[{}]", documents.join(",")))
}

/// Answers `GET /v1/orgs/{org}/schemas`.
pub(crate) fn list_schemas(sql: &dyn Sql) -> Result<Answer> {
    Answer::console_answer(&ExtensionSchemas { schemas: json::raw_of_text(documents_text(sql)?)? })
}

/// Answers `GET /v1/orgs/{org}/schemas/{urn}`.
pub(crate) fn get_schema(sql: &dyn Sql, urn: &str) -> Result<Answer> {
    let (_, doc) = find_schema(store::all_documents(sql)?, urn).ok_or_else(|| schema_not_found(urn))?;
    Ok(Answer::Json(json::raw_of_text(doc)?))
}

/// Executes `PUT /v1/orgs/{org}/schemas/{urn}`. The document's own spelling of the URN counts, and a job writes stored
/// values in it. An equal document changes nothing; another spelling of a registered URN is refused.
pub(crate) fn put_schema(
    sql: &dyn Sql,
    memory: &mut Memory,
    document: &Map<String, Value>,
    now: Timestamp,
) -> Result<Answer> {
    let document = SchemaDocument::read_document(document.clone())?;
    let (urn, text) = (document.schema.id.as_ref(), document.to_json().to_string());
    let stored = store::all_documents(sql)?;
    let clash =
        stored.iter().map(|(other, _)| other.as_str()).chain([ENTERPRISE]).find(|other| are_ambiguous(urn, other));
    let clash = clash.map(str::to_owned);
    let (count, old) = (stored.len(), find_schema(stored, urn));
    if let (None, Some(other)) = (&old, clash) {
        let detail = format!(
            "{urn} and {other}, which is registered, begin alike up to a colon, so a path could mean either. Choose \
             another URN, or delete that schema first."
        );
        return Err(Error::new(Code::SchemaAmbiguous, detail));
    }
    if old.is_none() && count >= REGISTERED_MAX {
        let detail = format!(
            "The organisation has {count} schemas already; at most {REGISTERED_MAX} are allowed. Delete one that is \
             no longer used."
        );
        return Err(Error::new(Code::TooManySchemas, detail));
    }
    // The stored values have the spelling of the registered schema.
    if let Some((spelled, _)) = old.as_ref().filter(|(spelled, _)| spelled != urn) {
        let detail = format!(
            "A schema with this URN is registered as {spelled}. Write the URN as that one is written, or delete that \
             schema first.",
            spelled = quoted(spelled)
        );
        return Err(Error::new(Code::SchemaSpelling, detail));
    }
    let shown = json::raw_of_text(text.clone())?;
    if old.as_ref().is_some_and(|(_, doc)| *doc == text) {
        return Ok(Answer::Json(shown));
    }
    // The schema and the job that spells the stored values are one transaction: neither is there without the other.
    change_schemas(sql, memory, now, |generation| {
        store::put_document(sql, urn, &text, generation)?;
        spelling::begin_spelling(sql, now)
    })?;
    // Most directories are spelled anew within this call.
    spelling::first_steps(sql, memory, now)?;
    Ok(if old.is_some() { Answer::Json(shown) } else { Answer::New(shown) })
}

/// Executes `DELETE /v1/orgs/{org}/schemas/{urn}`. Stored values stay as they are, as those of an unregistered
/// extension.
pub(crate) fn delete_schema(sql: &dyn Sql, memory: &mut Memory, urn: &str, now: Timestamp) -> Result<Answer> {
    let (spelled, _) = find_schema(store::all_documents(sql)?, urn).ok_or_else(|| schema_not_found(urn))?;
    change_schemas(sql, memory, now, |_| store::delete_document(sql, &spelled))?;
    Ok(Answer::Nothing)
}

/// Makes one change in one transaction. The types are made before it ends, so that memory and storage change together.
fn change_schemas(sql: &dyn Sql, memory: &mut Memory, now: Timestamp, body: impl Fn(i64) -> Result<()>) -> Result<()> {
    let types = transact(sql, || {
        body(store::next_generation(sql, now)?)?;
        read_types(sql)
    })?;
    memory.types = Rc::new(types);
    Ok(())
}

/// Returns true if one of two URNs begins the other at a colon.
fn are_ambiguous(one: &str, other: &str) -> bool {
    let begins = |long: &str, short: &str| rest_after(long, short).is_some_and(|rest| rest.starts_with(':'));
    begins(one, other) || begins(other, one)
}

fn find_schema(stored: Vec<(String, String)>, urn: &str) -> Option<(String, String)> {
    stored.into_iter().find(|(spelled, _)| spelled.eq_ignore_ascii_case(urn))
}

fn schema_not_found(urn: &str) -> Error {
    let shown: String = urn.chars().take(200).collect();
    Error::new(
        Code::SchemaNotFound,
        format!(
            "No schema {shown} is registered in this organisation. List the schemas to see the URNs of those that are."
        ),
    )
}
