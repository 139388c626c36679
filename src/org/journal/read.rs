//! The journal as the Console reads it: applied requests, from their changes, and refusals, in one order, the newest
//! first.
//!
//! A page ends at a place in both: which changes were shown, and which refusals. Only so many changes are looked at for
//! one page, because no index leads to those of one resource or token; then it is short and says where to go on.

use crate::directory::command::Journal;
use crate::directory::reply::Answer;
use crate::error::{Code, Error, Result};
use crate::id::{Timestamp, TokenHash, whole};
use crate::scim::json;
use crate::store::Sql;
use crate::store::journal::{self as store, Applied, Place, Refused};
use serde_json::{Value, json};

/// The largest page: a refusal can name a thousand ids.
const LIMIT_MAX: i64 = 200;
/// How many refusals are read at once, and after how many bytes of them a page ends early.
const AT_ONCE: i64 = 20;
const PAGE_BYTES: usize = 2 * 1024 * 1024;

/// One page.
pub(in crate::org) fn page(sql: &dyn Sql, query: &Journal) -> Result<Answer> {
    let mut place = query.after.as_deref().map_or(Ok(Place::start()), place)?;
    let limit = query.limit.min(LIMIT_MAX);
    let outcome = query.outcome.as_deref().unwrap_or("applied");
    let (mut applied, cut) = match outcome == "applied" && !query.nested && place.seq > 0 {
        true => store::applied(sql, query, place.seq, limit + 1)?,
        false => (Vec::new(), None),
    };
    let (refused, full) = match query.outcome.as_deref() == Some("applied") {
        false => refusals(sql, query, &place, limit + 1)?,
        true => (Vec::new(), false),
    };
    let limit = if full { refused.len() as i64 - 1 } else { limit };
    // What is older than the changes that were looked at waits for these.
    let (all, ready) = (refused.len(), |one: &Refused| cut.is_none_or(|(_, at)| one.last > at));
    let mut refused: Vec<Refused> = refused.into_iter().filter(ready).collect();
    let waiting = refused.len() < all;
    applied.reverse();
    refused.reverse();
    let mut entries = Vec::new();
    while (entries.len() as i64) < limit {
        let newer = match (applied.last(), refused.last()) {
            (None, None) => break,
            (Some(change), Some(refusal)) => change.at >= refusal.last,
            (change, _) => change.is_some(),
        };
        if let Some(change) = applied.pop_if(|_| newer) {
            place.seq = change.seq;
            entries.push(show_applied(change)?);
        } else if let Some(refusal) = refused.pop() {
            (place.at, place.fingerprint) = (refusal.last, refusal.fingerprint.clone());
            entries.push(show_refused(refusal)?);
        }
    }
    if applied.is_empty() {
        // All that was looked at is shown.
        place.seq = cut.map_or(0, |(seq, _)| seq + 1);
    }
    let more = waiting || cut.is_some() || !applied.is_empty() || !refused.is_empty();
    let mut shown = json!({ "entries": entries, "next": more.then(|| written(&place)) });
    if let (None, Some(map)) = (&query.after, shown.as_object_mut()) {
        map.insert("days".to_owned(), store::traffic(sql)?.into_iter().map(show_day).collect());
    }
    super::super::read::answer(&shown)
}

/// The newest refusals after a place, and whether they are so long that there are fewer than `count` although more are left.
fn refusals(sql: &dyn Sql, query: &Journal, place: &Place, count: i64) -> Result<(Vec<Refused>, bool)> {
    let (mut all, mut bytes, mut place) = (Vec::new(), 0, place.clone());
    while (all.len() as i64) < count {
        let wanted = AT_ONCE.min(count - all.len() as i64);
        let piece = store::refused(sql, query, &place, wanted)?;
        let last = (piece.len() as i64) < wanted;
        bytes += piece.iter().map(|one| one.why.len() + one.names.len()).sum::<usize>();
        if let Some(one) = piece.last() {
            (place.at, place.fingerprint) = (one.last, one.fingerprint.clone());
        }
        all.extend(piece);
        if last {
            break;
        }
        if bytes > PAGE_BYTES && all.len() > 1 {
            return Ok((all, true));
        }
    }
    Ok((all, false))
}

fn written(Place { seq, at, fingerprint }: &Place) -> String {
    format!("{seq}.{}.{fingerprint}", at.0)
}

fn place(text: &str) -> Result<Place> {
    let mut parts = text.splitn(3, '.');
    let mut number = || parts.next().and_then(whole);
    let read = number().zip(number());
    let fingerprint = parts.next().filter(|text| text.is_empty() || TokenHash::parse(text).is_some());
    match (read, fingerprint) {
        (Some((seq, at)), Some(fingerprint)) => {
            Ok(Place { seq, at: Timestamp(at), fingerprint: fingerprint.to_owned() })
        }
        _ => Err(Error::new(Code::InvalidPosition, "after has to be the next of the page before.")),
    }
}

fn show_applied(one: Applied) -> Result<Value> {
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

fn show_refused(one: Refused) -> Result<Value> {
    let mut why: Value = json::own(&one.why)?;
    let names: Value = json::own(&one.names)?;
    let mut said = |name: &str| why.get_mut(name).map(Value::take).unwrap_or_default();
    let list = |value: Value| if value.is_null() { json!([]) } else { value };
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
        "scimType": said("scimType"), "detail": said("detail"),
        "repairs": list(said("repairs")), "notes": list(said("notes")), "names": names, "nestedIn": nested, "seq": null,
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
