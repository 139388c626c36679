//! The journal as the Console reads it: applied requests, from their changes, and refusals, in one order, the newest
//! first.
//!
//! A page ends at a place in both: the changes that were shown, and the refusals. Only so many changes are read for one
//! page, because no index leads to those of one resource or token; then the page is short and says where to continue.

use super::evidence::Evidence;
use super::order::RefusalOrder;
use super::row;
use super::target::BULK;
use crate::budget::Budget;
use crate::directory::console::{About, Day, EntryToken, JournalEntry, JournalPage, NestedIn};
use crate::directory::query::Journal;
use crate::directory::reply::Answer;
use crate::error::{Code, Error, Result, Subject};
use crate::id::{OrgId, Timestamp, TokenHash, parse_number};
use crate::org::address::sentence_with_org;
use crate::org::memory::Memory;
use crate::scim::json;
use crate::store::Sql;
use crate::store::journal::{self as store, AppliedRequest, JournalPlace};
use crate::store::refused::{self, Key, RefusalPosition, RefusalRow};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The most entries of a page, and the most bytes: it ends early.
const LIMIT_MAX: i64 = 200;
const PAGE_BYTES: usize = 1024 * 1024;
/// The bytes of a page beside its entries and days.
const FRAME_BYTES: usize = 1024;
/// Above every code. The builds before this one gave a place without code and token.
const AFTER_ALL_CODES: &str = "~";

/// Returns one page. It merges two lists, each the newest first, until the page is full or one of them ends where
/// reading stopped; the place that it returns leads on in both.
pub(crate) fn journal_page(
    sql: &dyn Sql,
    memory: &mut Memory,
    org: &OrgId,
    query: &Journal,
    budget: &Budget,
) -> Result<Answer> {
    let mut place = query.after.as_deref().map_or(Ok(JournalPlace::before_newest()), parse_place)?;
    let limit = query.limit.min(LIMIT_MAX);
    let outcome = query.outcome.as_deref().unwrap_or("applied");
    // Step 1: the next changes, unless only refusals are wanted or all changes are shown already. `cut` is where
    // reading stopped although more may follow.
    let may_be_applied = outcome == "applied" && !query.nested && query.code.is_none();
    let (mut applied, cut) = match may_be_applied && place.seq > 0 {
        true => store::applied_below(sql, query, place.seq, limit + 1)?,
        false => (Vec::new(), None),
    };
    // Step 2: the next refusals. One more than the page holds tells whether there are more.
    let refused = match query.outcome.as_deref() == Some("applied") || query.seq.is_some() {
        false => next_refusals(sql, &mut memory.evidence, query, &place.refusal, limit + 1, budget)?,
        true => Vec::new(),
    };
    // Step 3: the days stand on the first page alone.
    let traffic = match &query.after {
        None => Some(store::all_traffic(sql)?),
        Some(_) => None,
    };
    let days: Option<Vec<Day<'_>>> = traffic.as_ref().map(|days| days.iter().map(show_day).collect());
    let days_bytes = json::to_raw(&days)?.get().len();
    // Older refusals wait until the changes of their time are read.
    let (all, ready) = (refused.len(), |one: &RefusalRow| cut.is_none_or(|(_, at)| one.last > at));
    let mut refused: Vec<RefusalRow> = refused.into_iter().filter(ready).collect();
    let waiting = refused.len() < all;
    // Step 4: the newest stand at the end of both lists from here on, so that taking one moves no other.
    applied.reverse();
    refused.reverse();
    let mut room = PAGE_BYTES.saturating_sub(FRAME_BYTES + days_bytes);
    let mut entries = Vec::new();
    while (entries.len() as i64) < limit {
        // If two have the same time the change comes first, on every page alike.
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
        let bytes = shown.get().len() + 1;
        // The first entry is always shown, or a large one would end all reading.
        if bytes > room && !entries.is_empty() {
            break;
        }
        room = room.saturating_sub(bytes);
        entries.push(shown);
        // The place moves with what is shown, so the next page begins behind it in both lists.
        if let Some(change) = applied.pop_if(|_| newer) {
            place.seq = change.seq;
        } else if let Some(refusal) = refused.pop() {
            place.refusal = refusal.position_of();
        }
    }
    if applied.is_empty() {
        // All changes that were read are shown.
        place.seq = cut.map_or(0, |(seq, _)| seq + 1);
    }
    // Step 5: an empty page may still lead on, if only so many changes were read and none was wanted.
    let more = waiting || cut.is_some() || !applied.is_empty() || !refused.is_empty();
    Answer::console_answer(&JournalPage { entries, next: more.then(|| place_text(&place)), days })
}

/// Returns the entries after `place`, at most `limit`. An entry that is seen again during the reading moves before that
/// place, so it is left out.
fn next_refusals(
    sql: &dyn Sql,
    evidence: &mut Evidence,
    wanted: &Journal,
    place: &RefusalPosition,
    limit: i64,
    budget: &Budget,
) -> Result<Vec<RefusalRow>> {
    if wanted.after.is_none() {
        // There may be newer ones.
        evidence.order = None;
    }
    let (mut found, mut place) = (Vec::new(), place.clone());
    // Each turn passes at least one key.
    while let Some(left) = usize::try_from(limit).unwrap_or_default().checked_sub(found.len()).filter(|left| *left > 0)
    {
        let order = match evidence.order.take().filter(|order| order.leads_on(wanted, &place)) {
            Some(order) => order,
            None => {
                budget.charge(looking_units(evidence.count_rows(sql)?, wanted));
                RefusalOrder::read(sql, wanted, &place)?
            }
        };
        // The remembered keys are sorted as the pages are, so the place is found without reading a row.
        let begin = order.next.partition_point(|at| *at <= place);
        let places: Vec<RefusalPosition> = order.next.iter().skip(begin).take(left).cloned().collect();
        evidence.order = Some(order);
        let Some(last) = places.last() else { break };
        place = last.clone();
        found.extend(refused::load_entries(sql, &places)?);
    }
    Ok(found)
}

/// Returns the units of looking at all rows. SQLite 3.40 looked at 150,000 rows in 31 ms, a unit each. With names to
/// compare it took 87 ms for 17,000 rows of 4 KiB and 93 ms for 150,000 small ones, either of them nearly 64 MiB.
fn looking_units(rows: usize, wanted: &Journal) -> usize {
    if wanted.resource.is_some() || wanted.nested || wanted.status.is_some() { (rows * 25).min(450_000) } else { rows }
}

fn place_text(JournalPlace { seq, refusal: RefusalPosition { last, key } }: &JournalPlace) -> String {
    let Key { code, token, fingerprint } = key;
    format!("{seq}.{}.{fingerprint}.{code}.{token}", last.0)
}

fn parse_place(text: &str) -> Result<JournalPlace> {
    let mut parts = text.splitn(5, '.');
    let mut number = || parts.next().and_then(parse_number);
    let read = number().zip(number());
    // Places of earlier builds have fewer parts; readers keep them across a deployment.
    let fingerprint = parts.next().filter(|text| text.is_empty() || TokenHash::parse(text).is_some());
    let code = parts.next().unwrap_or(AFTER_ALL_CODES);
    let token = parts.next().unwrap_or_default();
    match (read, fingerprint) {
        (Some((seq, at)), Some(fingerprint)) => {
            let text = str::to_owned;
            let key = Key { code: text(code), token: text(token), fingerprint: text(fingerprint) };
            Ok(JournalPlace { seq, refusal: RefusalPosition { last: Timestamp(at), key } })
        }
        _ => Err(Error::new(Code::InvalidPosition, "after must be the `next` value of the previous page.")),
    }
}

fn show_applied(one: &AppliedRequest) -> Result<Box<RawValue>> {
    let all: Vec<String> = json::read_own(&one.repairs)?;
    // A repair has a name, a note is a sentence.
    let (notes, repairs): (Vec<String>, Vec<String>) = all.into_iter().partition(|text| text.contains(' '));
    // The changes of a Bulk and of an import are shown under the request that the client sent.
    let (method, resource, about) = match one.method.as_deref() {
        Some(BULK) => (Some("POST"), "/Bulk".to_owned(), Subject::default()),
        method if one.resource == "Organisation" => (method, "/import".to_owned(), Subject::default()),
        method => (method, format!("/{}s/{}", one.resource, one.id), one.about.clone()),
    };
    json::to_raw(&JournalEntry {
        outcome: "applied",
        first_at: one.at.into(),
        last_at: one.at.into(),
        count: 1,
        request_id: Some(&one.facts.request),
        token: show_token(&one.facts),
        idp: if_not_empty(&one.facts.idp),
        method,
        resource: Some(resource),
        status: one.status,
        code: None,
        scim_type: None,
        detail: None,
        repairs,
        notes,
        names: Vec::new(),
        about: About::of(about),
        nested_in: None,
        seq: Some(one.seq),
    })
}

/// Why a request was refused, as it is stored.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Why {
    status: Option<i64>,
    code: Option<String>,
    scim_type: Option<String>,
    detail: Option<String>,
    repairs: Option<Vec<String>>,
    notes: Option<Vec<String>>,
    nested_in: Option<String>,
    about: Subject,
    cut: bool,
}

fn show_refused(one: &RefusalRow, org: &OrgId) -> Result<Box<RawValue>> {
    let why: Why = json::read_own(&one.why)?;
    let mut notes = why.notes.unwrap_or_default();
    if why.cut {
        notes.push(row::NOTE.to_owned());
    }
    // A quoted text is the name of a group that was not created; anything else is an id.
    let nested_in = why.nested_in.map(|label| match label.strip_prefix('"') {
        None => NestedIn { display_name: one.group.clone(), id: Some(label) },
        Some(text) => {
            let name = serde_json::from_str::<String>(&label);
            let name = name.unwrap_or_else(|_| text.trim_end_matches('"').to_owned());
            NestedIn { id: None, display_name: Some(name) }
        }
    });
    json::to_raw(&JournalEntry {
        outcome: &one.outcome,
        first_at: one.first.into(),
        last_at: one.last.into(),
        count: one.count,
        request_id: if_not_empty(&one.facts.request),
        token: show_token(&one.facts),
        idp: if_not_empty(&one.facts.idp),
        method: if_not_empty(&one.method),
        resource: if_not_empty(&one.resource).map(str::to_owned),
        status: why.status,
        code: why.code,
        scim_type: why.scim_type,
        // Warnings are written by the alarm, which is not told the organisation's name.
        detail: why.detail.map(|text| sentence_with_org(&text, org)),
        repairs: why.repairs.unwrap_or_default(),
        notes,
        names: json::read_own(&one.names)?,
        about: About::of(why.about),
        nested_in,
        seq: None,
    })
}

fn show_day(one: &store::Traffic) -> Day<'_> {
    let midnight = Timestamp(one.day * store::DAY).rfc3339();
    Day {
        day: midnight.split('T').next().unwrap_or_default().to_owned(),
        idp: if_not_empty(&one.idp),
        applied: one.applied,
        unchanged: one.unchanged,
        refused: one.refused,
    }
}

fn show_token(facts: &store::CallerFacts) -> Option<EntryToken<'_>> {
    facts.token.as_ref().map(|id| EntryToken { id, name: facts.token_name.as_deref() })
}

fn if_not_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
