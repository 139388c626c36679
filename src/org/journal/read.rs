//! The journal as the Console reads it: applied requests, from their changes, and refusals, in one order, the newest
//! first.
//!
//! A page ends at a place in both: which changes were shown, and which refusals. Only so many changes are looked at for
//! one page, because no index leads to those of one resource or token; then it is short and says where to go on.

use super::{order, row};
use crate::budget::Budget;
use crate::directory::query::Journal;
use crate::directory::reply::Answer;
use crate::error::{Code, Error, Result};
use crate::id::{OrgId, Timestamp, TokenHash, whole};
use crate::org::Memory;
use crate::org::address::named;
use crate::scim::json;
use crate::store::Sql;
use crate::store::journal::{self as store, Applied, Place};
use crate::store::refused::{Key, Position, Refused};
use serde_json::{Value, json};

/// The most entries of a page, and the most bytes: it ends early.
const LIMIT_MAX: i64 = 200;
const PAGE_BYTES: usize = 1024 * 1024;
/// The bytes of a page beside its entries and days.
const FRAME_BYTES: usize = 1024;
/// Above every code. The builds before this one gave a place without code and token.
const AFTER_ALL_CODES: &str = "~";

/// One page. It merges two lists, each the newest first, until the page is full or one of them ends at a place that
/// was not looked beyond; the place that is then given leads on in both.
pub(crate) fn page(
    sql: &dyn Sql,
    memory: &mut Memory,
    org: &OrgId,
    query: &Journal,
    budget: &Budget,
) -> Result<Answer> {
    let mut place = query.after.as_deref().map_or(Ok(Place::start()), place)?;
    let limit = query.limit.min(LIMIT_MAX);
    let outcome = query.outcome.as_deref().unwrap_or("applied");
    let (mut applied, cut) = match outcome == "applied" && !query.nested && place.seq > 0 {
        true => store::applied(sql, query, place.seq, limit + 1)?,
        false => (Vec::new(), None),
    };
    let refused = match query.outcome.as_deref() == Some("applied") {
        false => order::next(sql, &mut memory.evidence, query, &place.refusal, limit + 1, budget)?,
        true => Vec::new(),
    };
    let days: Option<Value> = match &query.after {
        None => Some(store::traffic(sql)?.into_iter().map(show_day).collect()),
        Some(_) => None,
    };
    // Refusals older than the changes that were looked at wait for these.
    let (all, ready) = (refused.len(), |one: &Refused| cut.is_none_or(|(_, at)| one.last > at));
    let mut refused: Vec<Refused> = refused.into_iter().filter(ready).collect();
    let waiting = refused.len() < all;
    applied.reverse();
    refused.reverse();
    let mut room = PAGE_BYTES.saturating_sub(FRAME_BYTES + days.as_ref().map_or(0, |days| days.to_string().len()));
    let mut entries = Vec::new();
    while (entries.len() as i64) < limit {
        let newer = match (applied.last(), refused.last()) {
            (None, None) => break,
            (Some(change), Some(refusal)) => change.at >= refusal.last,
            (change, _) => change.is_some(),
        };
        let shown = match (applied.last().filter(|_| newer), refused.last()) {
            (Some(change), _) => show_applied(change)?,
            (None, Some(refusal)) => show_refused(refusal, org)?,
            (None, None) => break,
        };
        let bytes = shown.to_string().len() + 1;
        if bytes > room && !entries.is_empty() {
            break;
        }
        room = room.saturating_sub(bytes);
        entries.push(shown);
        if let Some(change) = applied.pop_if(|_| newer) {
            place.seq = change.seq;
        } else if let Some(refusal) = refused.pop() {
            place.refusal = refusal.at();
        }
    }
    if applied.is_empty() {
        // All that was looked at is shown.
        place.seq = cut.map_or(0, |(seq, _)| seq + 1);
    }
    let more = waiting || cut.is_some() || !applied.is_empty() || !refused.is_empty();
    let mut shown = json!({ "entries": entries, "next": more.then(|| written(&place)) });
    if let (Some(days), Some(map)) = (days, shown.as_object_mut()) {
        map.insert("days".to_owned(), days);
    }
    crate::org::read::organisation::answer(&shown)
}

fn written(Place { seq, refusal: Position { last, key } }: &Place) -> String {
    let Key { code, token, fingerprint } = key;
    format!("{seq}.{}.{fingerprint}.{code}.{token}", last.0)
}

fn place(text: &str) -> Result<Place> {
    let mut parts = text.splitn(5, '.');
    let mut number = || parts.next().and_then(whole);
    let read = number().zip(number());
    let fingerprint = parts.next().filter(|text| text.is_empty() || TokenHash::parse(text).is_some());
    let code = parts.next().unwrap_or(AFTER_ALL_CODES);
    let token = parts.next().unwrap_or_default();
    match (read, fingerprint) {
        (Some((seq, at)), Some(fingerprint)) => {
            let text = str::to_owned;
            let key = Key { code: text(code), token: text(token), fingerprint: text(fingerprint) };
            Ok(Place { seq, refusal: Position { last: Timestamp(at), key } })
        }
        _ => Err(Error::new(Code::InvalidPosition, "after has to be the next of the page before.")),
    }
}

fn show_applied(one: &Applied) -> Result<Value> {
    let all: Vec<String> = json::own(&one.repairs)?;
    // A repair has a name, a note is a sentence.
    let (notes, repairs): (Vec<&String>, Vec<&String>) = all.iter().partition(|text| text.contains(' '));
    let at = one.at.rfc3339();
    let (method, resource) = match one.method.as_deref() {
        Some(super::BULK) => (Some("POST"), "/Bulk".to_owned()),
        method if one.resource == "Organisation" => (method, "/import".to_owned()),
        method => (method, format!("/{}s/{}", one.resource, one.id)),
    };
    Ok(json!({
        "outcome": "applied", "firstAt": at, "lastAt": at, "count": 1, "requestId": one.facts.request,
        "token": token(&one.facts), "idp": said_at_all(&one.facts.idp), "method": method, "resource": resource,
        "status": one.status, "code": null, "scimType": null, "detail": null, "repairs": repairs, "notes": notes, "names": [],
        "nestedIn": null, "seq": one.seq,
    }))
}

fn show_refused(one: &Refused, org: &OrgId) -> Result<Value> {
    let mut why: Value = json::own(&one.why)?;
    let names: Value = json::own(&one.names)?;
    let mut said = |name: &str| why.get_mut(name).map(Value::take).unwrap_or_default();
    let list = |value: Value| if value.is_null() { json!([]) } else { value };
    // Warnings are written by the alarm, which is not told the organisation's name.
    let detail = said("detail").as_str().map(|text| named(text, org));
    let cut = said("cut") == true;
    let mut notes = list(said("notes"));
    if let (true, Some(notes)) = (cut, notes.as_array_mut()) {
        notes.push(row::NOTE.into());
    }
    let nested = said("nestedIn").as_str().map(|label| match label.strip_prefix('"') {
        None => json!({ "id": label, "displayName": one.group }),
        Some(text) => {
            let name = serde_json::from_str::<String>(label);
            json!({ "id": null, "displayName": name.unwrap_or_else(|_| text.trim_end_matches('"').to_owned()) })
        }
    });
    Ok(json!({
        "outcome": one.outcome, "firstAt": one.first.rfc3339(), "lastAt": one.last.rfc3339(), "count": one.count,
        "requestId": said_at_all(&one.facts.request), "token": token(&one.facts), "idp": said_at_all(&one.facts.idp),
        "method": said_at_all(&one.method), "resource": said_at_all(&one.resource), "status": said("status"), "code": said("code"),
        "scimType": said("scimType"), "detail": detail,
        "repairs": list(said("repairs")), "notes": notes, "names": names, "nestedIn": nested, "seq": null,
    }))
}

fn show_day(one: store::Traffic) -> Value {
    let midnight = Timestamp(one.day * store::DAY).rfc3339();
    json!({
        "day": midnight.split('T').next(), "idp": said_at_all(&one.idp), "applied": one.applied, "unchanged": one.unchanged,
        "refused": one.refused,
    })
}

fn token(facts: &store::Facts) -> Option<Value> {
    facts.token.as_ref().map(|id| json!({ "id": id, "name": facts.token_name }))
}

fn said_at_all(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
