//! An import: a directory, in lines, that takes the place of the one there is.
//!
//! Parts arrive in any order and are read line by line, each call of a bounded size. Once they are complete a job goes on by
//! itself, a short step at a time, each a transaction: it applies the lines that refer to others and checks the whole, and only
//! then touches the directory. Up to there nothing has changed, and after it nothing can fail but the storage.

mod line;

use super::Memory;
use super::access::Caller;
use crate::directory::command::{Admin, Call};
use crate::directory::reply::Answer;
use crate::error::{Error, Kind, Result};
use crate::id::{RequestId, Seq, Timestamp};
use crate::scim::json;
use crate::scim::schema::Types;
use crate::store::changes::{self, Change, Facts, Kind as ChangeKind, Totals};
use crate::store::import::{self as store, Part, place};
use crate::store::{Sql, TEXT_MAX, settings, transact};
use line::{COUNTS, Line};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the alarm is due to do while a job goes on.
pub(super) const IMPORT: &str = "import";
/// The largest part, in lines; one of 8 MiB has fewer.
const PART_MAX: i64 = 100_000;
/// How many rows one step reads or writes: documents, memberships and ids.
const DOCUMENTS: i64 = 1000;
const MEMBERSHIPS: i64 = 10_000;
const IDS: i64 = 5000;
/// How many lines that refer to others one step applies, and when it ends early, in bytes.
const LINES: i64 = 200;
const LINE_BYTES: i64 = 200_000;

/// Where an import stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Phase {
    #[default]
    Receiving,
    Applying,
    CheckingUsers,
    CheckingGroups,
    CheckingMembers,
    EmptyingMembers,
    EmptyingGroups,
    EmptyingUsers,
    WritingUsers,
    WritingGroups,
    WritingMembers,
    WritingTombstones,
    Done,
    Failed,
}

impl Phase {
    fn state(self) -> &'static str {
        match self {
            Phase::Receiving => "receiving",
            Phase::Applying | Phase::CheckingUsers | Phase::CheckingGroups | Phase::CheckingMembers => "checking",
            Phase::Done => "done",
            Phase::Failed => "failed",
            _ => "writing",
        }
    }
}

/// The job as it is stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Job {
    phase: Phase,
    /// The last key that the phase has done; of memberships two.
    at: (i64, i64),
    /// The last id that it has done.
    id: String,
    /// In the order of the last line's.
    counts: [i64; 5],
    /// The first member that was passed over, and where.
    passed: Option<(i64, String)>,
    error: Option<String>,
    org: String,
    request: String,
    token: Option<String>,
    /// The change that tells of it.
    seq: Option<Seq>,
}

fn job(sql: &dyn Sql) -> Result<Option<Job>> {
    store::job(sql)?.map(|text| json::own(&text)).transpose()
}

fn save(sql: &dyn Sql, job: &Job) -> Result<()> {
    store::set_job(sql, Some(&serde_json::to_string(job).map_err(Error::internal)?))
}

/// True while the directory is neither the old nor the new one.
pub(super) fn is_writing(sql: &dyn Sql) -> Result<bool> {
    Ok(job(sql)?.is_some_and(|job| job.phase.state() == "writing"))
}

/// 503 for whoever asks meanwhile.
pub(super) fn busy() -> Error {
    let mut error = Error::new(Kind::Unavailable, "The directory is being imported. Try again in half a minute.");
    error.retry_after = Some(30);
    error
}

/// Runs one of the Console's calls.
pub(super) fn run(
    sql: &dyn Sql,
    memory: &mut Memory,
    admin: &Admin,
    call: &Call,
    caller: &Caller,
    now: Timestamp,
) -> Result<Answer> {
    let scim_enabled = caller.settings.scim_enabled;
    match admin {
        Admin::BeginImport => begin(sql, scim_enabled),
        Admin::ImportLines { part, line, lines: text, last } => {
            lines(sql, &memory.types, (*part, *line), text, *last, now)
        }
        Admin::FinishImport => {
            let job = Job {
                phase: Phase::Applying,
                org: call.org.to_string(),
                request: call.request.to_string(),
                token: caller.token.clone(),
                ..Job::default()
            };
            finish(sql, scim_enabled, &job, now)?;
            memory.job = true;
            status(sql)
        }
        Admin::EndImport => end(sql),
        _ => Err(Error::internal("not a call of an import")),
    }
}

/// Begins, or begins anew: what was sent before is forgotten.
fn begin(sql: &dyn Sql, scim_enabled: bool) -> Result<Answer> {
    if let Some(job) = job(sql)?
        && matches!(job.phase.state(), "checking" | "writing")
    {
        return Err(conflict(format!("An import is {} now. Wait for its end.", job.phase.state())));
    }
    may(sql, scim_enabled)?;
    transact(sql, || {
        store::clear(sql)?;
        save(sql, &Job::default())
    })?;
    status(sql)
}

fn may(sql: &dyn Sql, scim_enabled: bool) -> Result<()> {
    let totals = changes::head(sql)?.totals;
    if scim_enabled && (totals.users, totals.groups) != (0, 0) {
        return Err(conflict(
            "An import replaces the directory, and this one is in use: it is not empty and SCIM is enabled. Disable SCIM \
             first.",
        ));
    }
    Ok(())
}

/// Gives an import up. Nothing of it has reached the directory.
fn end(sql: &dyn Sql) -> Result<Answer> {
    let job = job(sql)?.ok_or_else(none)?;
    if job.phase.state() == "writing" {
        return Err(conflict("The import is being written and can no longer be given up."));
    }
    transact(sql, || {
        store::clear(sql)?;
        store::set_job(sql, None)
    })?;
    Ok(Answer::Nothing)
}

/// Where it stands.
pub(super) fn status(sql: &dyn Sql) -> Result<Answer> {
    let job = job(sql)?.ok_or_else(none)?;
    let part = |part: Part| json!({ "part": part.part, "lines": part.lines, "complete": part.whole });
    let parts: Vec<Value> = store::parts(sql)?.into_iter().map(part).collect();
    super::read::answer(&json!({ "state": job.phase.state(), "parts": parts, "error": job.error, "seq": job.seq }))
}

/// Some lines of a part. Those before have arrived; `line` is the number of the first one here, 1 begins the part anew.
fn lines(
    sql: &dyn Sql,
    types: &Types,
    (part, line): (i64, i64),
    text: &str,
    last: bool,
    now: Timestamp,
) -> Result<Answer> {
    match job(sql)? {
        None => return Err(none()),
        Some(job) if job.phase != Phase::Receiving => {
            return Err(conflict(format!("This import is {} and takes no more parts.", job.phase.state())));
        }
        Some(_) => {}
    }
    let arrived = store::part(sql, part)?.map_or(0, |part| part.lines);
    if line > 1 && arrived != line - 1 {
        return Err(conflict(format!("Part {part} was sent twice at once. Send it again.")));
    }
    // Everything is read before anything is written.
    let mut read = Vec::new();
    for (number, text) in (line..).zip(text.lines()) {
        if number > PART_MAX {
            return Err(Error::new(Kind::TooLarge, format!("Part {part} has more than {PART_MAX} lines. Split it.")));
        }
        if text.len() >= TEXT_MAX {
            return Err(Error::new(Kind::TooLarge, format!("Part {part}, line {number} has more than 1 MiB.")));
        }
        let located = |error: Error| Error { detail: format!("Part {part}, line {number}: {}", error.detail), ..error };
        read.push((store::key(part, number), text, line::read(text, types, now).map_err(located)?));
    }
    let count = read.len() as i64;
    transact(sql, || {
        if line == 1 {
            store::forget(sql, part)?;
        }
        for (key, text, line) in &read {
            take(sql, *key, text, line)?;
        }
        store::arrived(sql, Part { part, lines: line - 1 + count, whole: last })
    })?;
    super::read::answer(&json!({ "part": part, "lines": line - 1 + count, "complete": last }))
}

fn take(sql: &dyn Sql, key: i64, text: &str, line: &Line) -> Result<()> {
    match line {
        Line::User(id, ..) | Line::Group(id, ..) => {
            if let Some(other) = store::brought(sql, id)? {
                return Err(at(key, format!("The id {id} is in {} already.", place(other))));
            }
            put(sql, key, line)
        }
        Line::From => store::keep(sql, key, "from", text),
        Line::Members(..) => store::keep(sql, key, "members", text),
        Line::Tombstone(..) => store::keep(sql, key, "tombstone", text),
        Line::Change(_) => store::keep(sql, key, "change", text),
        Line::End(_) => store::keep(sql, key, "at", text),
    }
}

fn put(sql: &dyn Sql, key: i64, line: &Line) -> Result<()> {
    match line {
        Line::User(id, content, marks) => store::put_user(sql, key, id, content, *marks),
        Line::Group(id, content, marks) => store::put_group(sql, key, id, content, *marks),
        _ => Err(store::unreadable(key)),
    }
}

/// All parts were sent: checks that they are, and sets the job going.
fn finish(sql: &dyn Sql, scim_enabled: bool, begun: &Job, now: Timestamp) -> Result<()> {
    let job = job(sql)?.ok_or_else(none)?;
    if job.phase != Phase::Receiving {
        return Err(conflict(format!("This import is {} already.", job.phase.state())));
    }
    may(sql, scim_enabled)?;
    let parts = store::parts(sql)?;
    for (wanted, part) in (1..).zip(&parts) {
        if part.part != wanted {
            return Err(conflict(format!("Part {wanted} is missing. Send it, then finish again.")));
        }
        if !part.whole {
            let detail =
                format!("Part {wanted} broke off after line {}. Send it again, then finish again.", part.lines);
            return Err(conflict(detail));
        }
    }
    let first = store::line_of(sql, "from")?.map(|(key, _)| key);
    if first != Some(store::key(1, 1)) {
        return Err(Error::invalid_value(
            "The first line of part 1 has to be {\"from\": ...}, and the only one of its kind.",
        ));
    }
    let (last, lines) = (parts.last().copied(), parts.iter().map(|part| part.lines).sum::<i64>());
    let missing = || {
        Error::invalid_value(
            "The last line of the last part has to be {\"at\": ..., \"counts\": ..., \"lines\": ...}: cut off?",
        )
    };
    let (key, text) = store::line_of(sql, "at")?.ok_or_else(missing)?;
    if last.is_none_or(|last| key != store::key(last.part, last.lines)) {
        return Err(missing());
    }
    let Ok(Line::End(end)) = line::read(&text, &Types::default(), now) else { return Err(store::unreadable(key)) };
    if end.lines != lines - 1 {
        let detail = format!("The last line says that {} lines come before it; {} were sent.", end.lines, lines - 1);
        return Err(Error::invalid_value(detail));
    }
    transact(sql, || {
        save(sql, begun)?;
        settings::set_due(sql, IMPORT, Some(now))
    })
}

/// One step of the job, in a transaction. True if there are more.
///
/// # Errors
/// Internal only. What is wrong with the lines ends the job, and [`status`] tells.
pub(super) fn step(sql: &dyn Sql, memory: &mut Memory, now: Timestamp) -> Result<bool> {
    let Some(before) = job(sql)? else { return Ok(false) };
    let types = std::rc::Rc::clone(&memory.types);
    let stepped = transact(sql, || {
        let mut job = before.clone();
        advance(sql, &mut job, &types, now)?;
        save(sql, &job)?;
        Ok(job.phase)
    });
    let phase = match stepped {
        Err(error) if error.kind != Kind::Internal => {
            let job = Job { phase: Phase::Failed, error: Some(error.detail), ..before };
            transact(sql, || save(sql, &job))?;
            job.phase
        }
        stepped => stepped?,
    };
    memory.importing = phase.state() == "writing";
    Ok(matches!(phase.state(), "checking" | "writing"))
}

fn advance(sql: &dyn Sql, job: &mut Job, types: &Types, now: Timestamp) -> Result<()> {
    let next = match job.phase {
        Phase::Receiving | Phase::Done | Phase::Failed => None,
        Phase::Applying => apply(sql, job, types, now)?.then_some(Phase::CheckingUsers),
        Phase::CheckingUsers => check(sql, job, "users")?.then_some(Phase::CheckingGroups),
        Phase::CheckingGroups => check(sql, job, "groups")?.then_some(Phase::CheckingMembers),
        Phase::CheckingMembers => count_members(sql, job)?.then_some(Phase::EmptyingMembers),
        Phase::EmptyingMembers => (!store::empty_members(sql, MEMBERSHIPS)?).then_some(Phase::EmptyingGroups),
        Phase::EmptyingGroups => (!store::empty(sql, "groups", "Group", DOCUMENTS)?).then_some(Phase::EmptyingUsers),
        Phase::EmptyingUsers => (!store::empty(sql, "users", "User", DOCUMENTS)?).then_some(Phase::WritingUsers),
        Phase::WritingUsers => write(sql, job, "users")?.then_some(Phase::WritingGroups),
        Phase::WritingGroups => write(sql, job, "groups")?.then_some(Phase::WritingMembers),
        Phase::WritingMembers => {
            let (_, last) = store::walk_members(sql, job.at, MEMBERSHIPS)?;
            store::write_members(sql, job.at, last)?;
            job.at = last.unwrap_or_default();
            last.is_none().then_some(Phase::WritingTombstones)
        }
        Phase::WritingTombstones => match store::write_tombstones(sql, &job.id, IDS)? {
            Some(last) => {
                job.id = last;
                None
            }
            None => {
                tell(sql, job, now)?;
                Some(Phase::Done)
            }
        },
    };
    if let Some(next) = next {
        job.phase = next;
        job.at = (0, 0);
    }
    Ok(())
}

/// The lines that refer to others, in their order. True at the end.
fn apply(sql: &dyn Sql, job: &mut Job, types: &Types, now: Timestamp) -> Result<bool> {
    let lines = store::lines(sql, job.at.0, LINES, LINE_BYTES)?;
    let end = lines.is_empty();
    for (key, _, text) in lines {
        job.at.0 = key;
        match line::read(&text, types, now) {
            Ok(Line::Members(group, users)) => {
                let passed = joined(sql, key, &group, &users)?;
                if job.passed.is_none() {
                    job.passed = passed.map(|id| (key, id));
                }
            }
            Ok(Line::Tombstone(id, kind)) => store::bury(sql, &id, kind, false)?,
            Ok(Line::Change(change)) => changed(sql, key, &change)?,
            Ok(_) => {}
            Err(error) => return Err(at(key, error.detail)),
        }
    }
    Ok(end)
}

fn joined(sql: &dyn Sql, key: i64, group: &str, users: &str) -> Result<Option<String>> {
    if let Some(nested) = store::group_among(sql, users)? {
        return Err(at(key, format!("Group {group} cannot hold {nested}, which is a group.")));
    }
    store::join(sql, group, users)
}

fn changed(sql: &dyn Sql, key: i64, change: &line::Change) -> Result<()> {
    let one = json!([change.id]).to_string();
    if let Some(groups) = &change.left {
        store::leave(sql, groups, &one)?;
    }
    if let Some((added, removed)) = &change.members {
        joined(sql, key, &change.id, added)?;
        store::leave(sql, &one, removed)?;
    }
    if let Some(line) = &change.resource {
        put(sql, key, line)?;
    }
    if let Some(kind) = change.deleted {
        store::bury(sql, &change.id, kind, true)?;
    }
    change.versions.iter().try_for_each(|(group, version, at)| store::touch_group(sql, group, *version, *at))
}

/// Some users or groups: no two may have the same name. True at the end.
fn check(sql: &dyn Sql, job: &mut Job, table: &str) -> Result<bool> {
    let walked = store::walk(sql, table, job.at.0, DOCUMENTS)?;
    let Some(last) = walked.last else { return Ok(true) };
    if let Some((attribute, value, one, other)) = store::clash(sql, table, job.at.0, last)? {
        let (one, other) = (one.max(other), one.min(other));
        let with = if other == 0 { "among the tombstones".to_owned() } else { format!("in {} already", place(other)) };
        return Err(at(one, format!("{attribute} {value:?} is {with}.")));
    }
    let [users, active, groups, ..] = &mut job.counts;
    if table == "users" {
        *users += walked.count;
        *active += walked.active;
    } else {
        *groups += walked.count;
    }
    job.at.0 = last;
    Ok(false)
}

/// Some memberships; at the end everything has to add up.
fn count_members(sql: &dyn Sql, job: &mut Job) -> Result<bool> {
    let (count, last) = store::walk_members(sql, job.at, MEMBERSHIPS)?;
    let [_, _, _, memberships, tombstones] = &mut job.counts;
    *memberships += count;
    if let Some(last) = last {
        job.at = last;
        return Ok(false);
    }
    *tombstones = store::count_tombstones(sql)?;
    let (key, text) = store::line_of(sql, "at")?.ok_or_else(|| store::unreadable(0))?;
    let Ok(Line::End(end)) = line::read(&text, &Types::default(), Timestamp(0)) else {
        return Err(store::unreadable(key));
    };
    for ((name, said), found) in COUNTS.iter().zip(end.counts).zip(job.counts) {
        if said != found {
            let passed = job.passed.as_ref().map(|(key, id)| {
                format!(" The first member that is not in the import is {id}, or its group is not, in {}.", place(*key))
            });
            let detail = format!("counts.{name} says {said}, the lines make {found}.{}", passed.unwrap_or_default());
            return Err(at(key, detail));
        }
    }
    // Somebody may have begun to push since.
    may(sql, super::admin::settings(sql)?.scim_enabled)?;
    Ok(true)
}

fn write(sql: &dyn Sql, job: &mut Job, table: &str) -> Result<bool> {
    let seq = changes::head(sql)?.seq + 1;
    let last = match table {
        "users" => store::write_users(sql, job.at.0, DOCUMENTS, seq)?,
        _ => store::write_groups(sql, job.at.0, DOCUMENTS, seq)?,
    };
    let Some(last) = last else { return Ok(true) };
    store::unbury(sql, table, job.at.0, last)?;
    job.at.0 = last;
    Ok(false)
}

/// The one change that tells of it.
fn tell(sql: &dyn Sql, job: &mut Job, now: Timestamp) -> Result<()> {
    let head = changes::head(sql)?;
    let [users, active_users, groups, memberships, _] = job.counts;
    let change = Change {
        kind: ChangeKind::Imported,
        resource: "Organisation",
        id: job.org.clone(),
        before: None,
        totals: Totals { users, active_users, groups, memberships },
    };
    let request = RequestId::parse(&job.request).unwrap_or_else(RequestId::nil);
    let facts = Facts {
        request: &request,
        idempotency_key: None,
        token: job.token.as_deref(),
        idp: "",
        method: "POST",
        status: 202,
        repairs: Vec::new(),
    };
    changes::append(sql, &head, now.max(head.at), &facts, &[change])?;
    job.seq = Some(head.seq + 1);
    store::clear(sql)
}

fn at(key: i64, detail: impl std::fmt::Display) -> Error {
    let place = place(key);
    Error::invalid_value(format!("P{}: {detail}", place.trim_start_matches('p')))
}

fn none() -> Error {
    Error::new(Kind::NotFound, "There is no import. POST /v1/orgs/{org}/import begins one.")
}

fn conflict(detail: impl Into<String>) -> Error {
    Error::new(Kind::Conflict, detail)
}
