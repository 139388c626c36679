//! An import: a directory, in lines, that replaces the present one.
//!
//! Parts arrive in any order and are read line by line, each call of a bounded size. Once they are complete a job
//! continues by itself, a short step at a time, each a transaction. It applies the lines that refer to others and
//! checks the whole, and only then changes the directory. Before that nothing has changed, and after it only the
//! storage can fail.

mod line;

use crate::directory::admin::Admin;
use crate::directory::call::Call;
use crate::directory::console::{ImportPart, ImportState, ImportStatus};
use crate::directory::reply::Answer;
use crate::error::{Code, Error, Result, quoted};
use crate::id::{OrgId, RequestId, Seq, Timestamp};
use crate::org::Memory;
use crate::org::access::Caller;
use crate::org::address::{named, naming};
use crate::org::admin::Settings;
use crate::org::provision::growth;
use crate::scim::json;
use crate::scim::schema::Types;
use crate::store::changes::{self, Before, Change, Facts, Kind as ChangeKind, Totals};
use crate::store::import::{self as store, Part, place};
use crate::store::{Sql, TEXT_MAX, due, tombstones, transact};
use line::{COUNTS, Line};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The job's name.
pub(crate) const IMPORT: &str = "import";
/// The largest part, in lines; one of 8 MiB has fewer.
const PART_MAX: i64 = 100_000;
/// The rows that one step reads or writes: documents, with a bound in bytes; memberships and ids. Some 30 ms.
const DOCUMENTS: i64 = 500;
const DOCUMENT_BYTES: i64 = 4_000_000;
const MEMBERSHIPS: i64 = 5_000;
const IDS: i64 = 5000;
/// The lines that refer to others of which one step applies so many, with a bound in bytes.
const LINES: i64 = 200;
const LINE_BYTES: i64 = 100_000;

/// The phase of an import.
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
    /// The import was given up.
    Gone,
}

impl Phase {
    fn state(self) -> ImportState {
        match self {
            Phase::Receiving => ImportState::Receiving,
            Phase::Applying | Phase::CheckingUsers | Phase::CheckingGroups | Phase::CheckingMembers => {
                ImportState::Checking
            }
            Phase::Done => ImportState::Done,
            Phase::Failed | Phase::Gone => ImportState::Failed,
            _ => ImportState::Writing,
        }
    }

    /// Returns what is being done, for people.
    fn doing(self) -> &'static str {
        match self {
            Phase::Receiving | Phase::Done | Phase::Failed | Phase::Gone => "",
            Phase::Applying => "members, tombstones and changes are checked",
            Phase::CheckingUsers => "users are checked",
            Phase::CheckingGroups => "groups are checked",
            Phase::CheckingMembers => "memberships are counted",
            Phase::EmptyingMembers | Phase::EmptyingGroups | Phase::EmptyingUsers => "the old directory is taken out",
            Phase::WritingUsers => "users are written",
            Phase::WritingGroups => "groups are written",
            Phase::WritingMembers => "memberships are written",
            Phase::WritingTombstones => "deleted ids are written",
        }
    }
}

/// The job as it is stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Job {
    phase: Phase,
    /// The last key that the phase has done; for memberships two.
    at: (i64, i64),
    /// The last id that it has done.
    id: String,
    /// The key of the last line.
    end: i64,
    /// The counts in the order of the last line's.
    counts: [i64; 5],
    /// The first member that was skipped, and its line.
    passed: Option<(i64, String)>,
    error: Option<String>,
    org: String,
    request: String,
    token: Option<String>,
    /// The position of the change that tells of the import.
    seq: Option<Seq>,
    /// True if the directory is neither the old nor the new one, since this import or one before it was set aside.
    half: bool,
    /// The phase in which it was set aside, if it can continue from there.
    stopped: Option<Phase>,
}

fn job(sql: &dyn Sql) -> Result<Option<Job>> {
    store::job(sql)?.map(|text| json::own(&text)).transpose()
}

fn save(sql: &dyn Sql, job: &Job) -> Result<()> {
    store::set_job(sql, Some(&serde_json::to_string(job).map_err(Error::internal)?))
}

/// The reason why the directory cannot be read: it is neither the old nor the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writing {
    /// An import is being written.
    GoesOn,
    /// An import was set aside while it was written.
    SetAside,
}

/// Returns whether the directory is between two.
pub(crate) fn writing(sql: &dyn Sql) -> Result<Option<Writing>> {
    let Some(job) = job(sql)? else { return Ok(None) };
    if job.phase.state() == ImportState::Writing {
        return Ok(Some(Writing::GoesOn));
    }
    Ok(job.half.then_some(Writing::SetAside))
}

/// Returns 503 for requests in the meantime.
pub(crate) fn busy(writing: Writing, org: &OrgId) -> Error {
    let (code, detail, seconds) = match writing {
        Writing::GoesOn => (Code::Importing, "The directory is being imported. Try again in half a minute.", 30),
        Writing::SetAside => (
            Code::DirectoryIncomplete,
            "An import broke off while it was written, so the directory is incomplete. GET /v1/orgs/{org}/import says \
             how to go on.",
            300,
        ),
    };
    let mut error = naming(Error::new(code, detail), org);
    error.retry_after = Some(seconds);
    error
}

/// Runs one of the Console's calls.
pub(crate) fn run(
    sql: &dyn Sql,
    memory: &mut Memory,
    admin: &Admin,
    call: &Call,
    caller: &Caller,
    now: Timestamp,
) -> Result<Answer> {
    let (scim_enabled, quota) = (caller.settings.scim_enabled, caller.settings.options.quota());
    let answer = match admin {
        Admin::BeginImport => begin(sql, &call.org, scim_enabled, now),
        Admin::ImportLines { part, line, lines: text, last } => {
            growth::may_send_part(sql, quota, &call.org)?;
            return lines(sql, &memory.types, (*part, *line), text, *last, now);
        }
        Admin::FinishImport => {
            let job = Job {
                phase: Phase::Applying,
                org: call.org.to_string(),
                request: call.request.to_string(),
                token: caller.token.clone(),
                ..Job::default()
            };
            finish(sql, &caller.settings, &call.org, job, now).and_then(|()| status(sql, &call.org))
        }
        Admin::EndImport => end(sql, now),
        _ => Err(Error::internal("not a call of an import")),
    };
    memory.importing = writing(sql)?;
    answer
}

/// Begins an import. The lines of an earlier one are removed.
fn begin(sql: &dyn Sql, org: &OrgId, scim_enabled: bool, now: Timestamp) -> Result<Answer> {
    let before = job(sql)?.unwrap_or_default();
    if matches!(before.phase.state(), ImportState::Checking | ImportState::Writing) {
        return Err(conflict(
            Code::ImportState,
            format!("An import is {} now. Wait for its end.", before.phase.state()),
        ));
    }
    may(sql, scim_enabled, before.half)?;
    if give_up(sql, &before, Some(Job { half: before.half, ..Job::default() }), now)? {
        let mut error = Error::new(
            Code::ImportClearing,
            "The lines of an earlier import are being removed. Begin again in a moment.",
        );
        error.retry_after = Some(5);
        return Err(error);
    }
    status(sql, org)
}

/// Removes the lines of an import, and stores another one if none are left. Returns true if some are left: the job
/// continues with them.
fn give_up(sql: &dyn Sql, before: &Job, another: Option<Job>, now: Timestamp) -> Result<bool> {
    // The mark of an incomplete directory is never lost.
    let gone = match before.half {
        true => Job { phase: Phase::Failed, stopped: None, ..before.clone() },
        false => Job { phase: Phase::Gone, ..Job::default() },
    };
    transact(sql, || {
        let more = clear(sql)?;
        match if more { Some(&gone) } else { another.as_ref() } {
            Some(job) => save(sql, job)?,
            None => store::set_job(sql, None)?,
        }
        due::set(sql, IMPORT, more.then_some(now))?;
        Ok(more)
    })
}

fn clear(sql: &dyn Sql) -> Result<bool> {
    store::clear(sql, (DOCUMENTS, DOCUMENT_BYTES), MEMBERSHIPS)
}

/// Checks that the directory may be replaced. An incomplete one may be: SCIM does not reach it.
fn may(sql: &dyn Sql, scim_enabled: bool, half: bool) -> Result<()> {
    let totals = changes::head(sql)?.totals;
    if scim_enabled && !half && (totals.users, totals.groups) != (0, 0) {
        return Err(conflict(
            Code::DirectoryInUse,
            "An import replaces the directory, and this one is in use: it is not empty and SCIM is enabled. Disable \
             SCIM first.",
        ));
    }
    Ok(())
}

/// Gives an import up. None of its lines has reached the directory.
fn end(sql: &dyn Sql, now: Timestamp) -> Result<Answer> {
    let job = job_shown(sql)?;
    if job.phase.state() == ImportState::Writing {
        return Err(conflict(Code::ImportState, "The import is being written and can no longer be given up."));
    }
    if job.half {
        return Err(conflict(
            Code::ImportState,
            format!("An import broke off while it was written. {}", way_out(&job)),
        ));
    }
    give_up(sql, &job, None, now)?;
    Ok(Answer::Nothing)
}

/// Returns the job to show, for the Console.
fn job_shown(sql: &dyn Sql) -> Result<Job> {
    job(sql)?.filter(|job| job.phase != Phase::Gone).ok_or_else(none)
}

/// Returns what the admin can do about an incomplete directory.
fn way_out(job: &Job) -> String {
    let finish = match job.stopped {
        Some(_) => "POST /v1/orgs/{org}/import/finish goes on with this import, ",
        None => "",
    };
    format!(
        "The directory is incomplete and SCIM is answered 503 until an import is done: {finish}POST \
         /v1/orgs/{{org}}/import begins another one. DELETE /v1/orgs/{{org}} erases the organisation."
    )
}

fn position(job: &Job) -> String {
    match job.at.0 {
        0 => job.phase.doing().to_owned(),
        key => format!("{}: {}", job.phase.doing(), place(key)),
    }
}

/// Answers the state of the import.
pub(crate) fn status(sql: &dyn Sql, org: &OrgId) -> Result<Answer> {
    let job = job_shown(sql).map_err(|error| naming(error, org))?;
    let part = |part: Part| ImportPart { part: part.part, lines: part.lines, complete: part.whole };
    let over = matches!(job.phase, Phase::Done | Phase::Failed);
    let parts = if over { Vec::new() } else { store::parts(sql)? };
    let parts = parts.into_iter().map(part).collect();
    let position = matches!(job.phase.state(), ImportState::Checking | ImportState::Writing).then(|| position(&job));
    let error = match &job.error {
        Some(error) if job.half && over => Some(format!("{error} {}", way_out(&job))),
        error => error.clone(),
    };
    let error = error.map(|error| named(&error, org));
    Answer::of(&ImportStatus { state: job.phase.state(), parts, position, error, seq: job.seq })
}

/// Takes some lines of a part. Those before have arrived; `line` is the number of the first one here, 1 begins the part
/// anew.
fn lines(
    sql: &dyn Sql,
    types: &Types,
    (part, line): (i64, i64),
    text: &str,
    last: bool,
    now: Timestamp,
) -> Result<Answer> {
    let job = job_shown(sql)?;
    if job.phase != Phase::Receiving {
        return Err(conflict(
            Code::ImportState,
            format!("This import is {} and takes no more parts.", job.phase.state()),
        ));
    }
    let arrived = store::part(sql, part)?.map_or(0, |part| part.lines);
    if line > 1 && arrived != line - 1 {
        return Err(conflict(Code::ImportPartTwice, format!("Part {part} was sent twice at once. Send it again.")));
    }
    // Every line is read before anything is written.
    let mut read = Vec::new();
    for (number, text) in (line..).zip(text.lines()) {
        if number > PART_MAX {
            return Err(Error::new(
                Code::ImportPartTooLarge,
                format!("Part {part} has more than {PART_MAX} lines. Split it."),
            ));
        }
        if text.len() >= TEXT_MAX {
            return Err(Error::new(
                Code::ImportLineTooLarge,
                format!("Part {part}, line {number} has more than 1 MiB."),
            ));
        }
        let located = |error: Error| {
            let detail = format!("Part {part}, line {number}: {}", error.detail);
            error.saying(detail)
        };
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
    Answer::of(&ImportPart { part, lines: line - 1 + count, complete: last })
}

fn take(sql: &dyn Sql, key: i64, text: &str, line: &Line) -> Result<()> {
    match line {
        Line::User(id, ..) | Line::Group(id, ..) => {
            if let Some(other) = store::brought(sql, id)? {
                return Err(at(key, Code::ImportContradiction, format!("The id {id} is in {} already.", place(other))));
            }
            put(sql, key, line)
        }
        Line::From if key != store::key(1, 1) => {
            Err(at(key, Code::ImportContradiction, "Only the first line of part 1 may be from."))
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

/// Checks that all parts were sent, and starts the job. One that was set aside continues.
fn finish(sql: &dyn Sql, settings: &Settings, org: &OrgId, begun: Job, now: Timestamp) -> Result<()> {
    let job = job_shown(sql)?;
    if let Some(phase) = job.stopped {
        let again = Job { phase, stopped: None, error: None, ..job };
        return set_going(sql, &again, now);
    }
    if job.phase != Phase::Receiving {
        return Err(conflict(Code::ImportState, format!("This import is {} already.", job.phase.state())));
    }
    may(sql, settings.scim_enabled, job.half)?;
    let parts = store::parts(sql)?;
    for (wanted, part) in (1..).zip(&parts) {
        if part.part != wanted {
            return Err(conflict(
                Code::ImportPartMissing,
                format!("Part {wanted} is missing. Send it, then finish again."),
            ));
        }
        if !part.whole {
            let detail =
                format!("Part {wanted} broke off after line {}. Send it again, then finish again.", part.lines);
            return Err(conflict(Code::ImportPartIncomplete, detail));
        }
    }
    let lines = parts.iter().map(|part| part.lines).sum::<i64>();
    if store::line(sql, store::key(1, 1))?.is_none_or(|(kind, _)| kind != "from") {
        return Err(Error::new(Code::ImportCutOff, "The first line of part 1 must be {\"from\": ...}."));
    }
    let key = parts.last().map_or(0, |last| store::key(last.part, last.lines));
    let Some(Line::End(end)) =
        store::line(sql, key)?.map(|(_, text)| line::read(&text, &Types::default(), now)).transpose()?
    else {
        return Err(Error::new(
            Code::ImportCutOff,
            "The last line of the last part must be {\"at\": ..., \"counts\": ..., \"lines\": ...}. The import may be \
             cut off.",
        ));
    };
    if end.lines != lines - 1 {
        let detail =
            format!("The last line says that {} lines come before it, but {} were sent.", end.lines, lines - 1);
        return Err(Error::new(Code::ImportCounts, detail));
    }
    // The job compares its own counts with these, so the directory gets no more than was checked here.
    let [users, _, groups, ..] = end.counts;
    growth::may_import(sql, settings.options.quota(), (users, groups), org)?;
    set_going(sql, &Job { end: key, half: job.half, ..begun }, now)
}

fn set_going(sql: &dyn Sql, job: &Job, now: Timestamp) -> Result<()> {
    transact(sql, || {
        save(sql, job)?;
        due::set(sql, IMPORT, Some(now))
    })
}

/// Notes that the job was set aside, and why. Before the directory is changed that ends the import; afterwards it can
/// continue. Removing the lines of an import is tried again at `later`. Returns what to do, and when the job is due.
pub(crate) fn set_aside(
    sql: &dyn Sql,
    why: &str,
    now: Timestamp,
    later: Timestamp,
) -> Result<(String, Option<Timestamp>)> {
    let Some(job) = job(sql)? else { return Ok(("There is no import any more.".to_owned(), None)) };
    if matches!(job.phase, Phase::Receiving | Phase::Done | Phase::Failed | Phase::Gone) {
        let then = "Lines of an import are still stored. Removing them is tried again in a day.";
        return Ok((then.to_owned(), Some(later)));
    }
    let error = format!("The import was set aside while {}: {why}.", position(&job));
    let half = job.half || job.phase.state() == ImportState::Writing;
    let stopped = (job.phase.state() == ImportState::Writing).then_some(job.phase);
    let job = Job { phase: Phase::Failed, error: Some(error), half, stopped, ..job };
    save(sql, &job)?;
    if half {
        // Lines stay while they can be written, otherwise they are removed.
        return Ok((way_out(&job), stopped.is_none().then_some(now)));
    }
    let then = "The directory is what it was before the import. POST /v1/orgs/{org}/import begins another one.";
    Ok((then.to_owned(), Some(now)))
}

/// Takes one step of the job, in a transaction. Returns when the next one is due.
///
/// # Errors
/// Internal only. An error in the lines ends the job, and [`status`] shows it.
pub(crate) fn step(sql: &dyn Sql, memory: &mut Memory, now: Timestamp) -> Result<Option<Timestamp>> {
    let more = advanced(sql, memory, now)?;
    Ok(more.then_some(now))
}

fn advanced(sql: &dyn Sql, memory: &mut Memory, now: Timestamp) -> Result<bool> {
    let Some(before) = job(sql)? else { return Ok(false) };
    if before.stopped.is_some() {
        return Ok(false);
    }
    if matches!(before.phase, Phase::Done | Phase::Failed | Phase::Gone) {
        return transact(sql, || {
            let more = clear(sql)?;
            if !more && before.phase == Phase::Gone {
                store::set_job(sql, None)?;
            }
            Ok(more)
        });
    }
    let types = std::rc::Rc::clone(&memory.types);
    let stepped = transact(sql, || {
        let mut job = before.clone();
        advance(sql, &mut job, &types, now)?;
        job.half &= job.phase != Phase::Done;
        save(sql, &job)?;
        Ok(job.phase)
    });
    let phase = match stepped {
        Err(error) if !error.code.is_fault() => {
            let job = Job { phase: Phase::Failed, error: Some(error.detail), ..before };
            transact(sql, || save(sql, &job))?;
            job.phase
        }
        stepped => stepped?,
    };
    memory.importing = writing(sql)?;
    if phase == Phase::Done {
        // A reader's place belongs to the old directory.
        memory.pages = super::Pages::default();
    }
    // The lines of an ended import are removed.
    Ok(phase != Phase::Receiving)
}

fn advance(sql: &dyn Sql, job: &mut Job, types: &Types, now: Timestamp) -> Result<()> {
    let next = match job.phase {
        Phase::Receiving | Phase::Done | Phase::Failed | Phase::Gone => None,
        Phase::Applying => apply(sql, job, types, now)?.then_some(Phase::CheckingUsers),
        Phase::CheckingUsers => check(sql, job, "users")?.then_some(Phase::CheckingGroups),
        Phase::CheckingGroups => check(sql, job, "groups")?.then_some(Phase::CheckingMembers),
        Phase::CheckingMembers => count_members(sql, job)?.then_some(Phase::EmptyingMembers),
        Phase::EmptyingMembers => (!store::empty_members(sql, MEMBERSHIPS)?).then_some(Phase::EmptyingGroups),
        Phase::EmptyingGroups => {
            (!store::empty(sql, "groups", "Group", (DOCUMENTS, DOCUMENT_BYTES))?).then_some(Phase::EmptyingUsers)
        }
        Phase::EmptyingUsers => {
            (!store::empty(sql, "users", "User", (DOCUMENTS, DOCUMENT_BYTES))?).then_some(Phase::WritingUsers)
        }
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

/// Applies the lines that refer to others, in their order. Returns true at the end.
fn apply(sql: &dyn Sql, job: &mut Job, types: &Types, now: Timestamp) -> Result<bool> {
    let lines = store::lines(sql, job.at.0, LINES, LINE_BYTES)?;
    let (end, mut left) = (lines.is_empty(), MEMBERSHIPS);
    for (key, _, text) in lines {
        if left <= 0 {
            break;
        }
        job.at.0 = key;
        match line::read(&text, types, now) {
            Ok(Line::Members(group, users)) => {
                left -= users.matches(',').count() as i64 + 1;
                let passed = joined(sql, key, &group, &users)?;
                if job.passed.is_none() {
                    job.passed = passed.map(|id| (key, id));
                }
            }
            Ok(Line::Tombstone(id, kind)) => store::bury(sql, &id, kind, false)?,
            Ok(Line::Change(change)) => changed(sql, key, &change)?,
            Ok(_) => {}
            Err(error) => return Err(at(key, error.code, error.detail)),
        }
    }
    Ok(end)
}

fn joined(sql: &dyn Sql, key: i64, group: &str, users: &str) -> Result<Option<String>> {
    if let Some(nested) = store::group_among(sql, users)? {
        return Err(at(key, Code::NestedGroup, format!("Group {group} cannot hold {nested}, which is a group.")));
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

/// Checks some users or groups: no two may have the same name. Returns true at the end.
fn check(sql: &dyn Sql, job: &mut Job, table: &str) -> Result<bool> {
    let walked = store::walk(sql, table, job.at.0, DOCUMENTS)?;
    let Some(last) = walked.last else { return Ok(true) };
    if let Some((attribute, value, one, other)) = store::clash(sql, table, job.at.0, last)? {
        let (one, other) = (one.max(other), one.min(other));
        let with = if other == 0 { "among the tombstones".to_owned() } else { format!("in {} already", place(other)) };
        return Err(at(
            one,
            Code::ImportContradiction,
            format!("{attribute} {value} is {with}.", value = quoted(&value)),
        ));
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

/// Counts some memberships; at the end all counts must agree.
fn count_members(sql: &dyn Sql, job: &mut Job) -> Result<bool> {
    let (count, last) = store::walk_members(sql, job.at, MEMBERSHIPS)?;
    if let Some((group, user)) = store::astray(sql, job.at, last)? {
        let detail = format!("the user of {} is a member still, and a change deleted one of the two.", place(user));
        return Err(at(group, Code::ImportContradiction, detail));
    }
    let [_, _, _, memberships, tombstones] = &mut job.counts;
    *memberships += count;
    if let Some(last) = last {
        job.at = last;
        return Ok(false);
    }
    *tombstones = store::count_tombstones(sql)?;
    let key = job.end;
    let line = store::line(sql, key)?.map(|(_, text)| line::read(&text, &Types::default(), Timestamp(0)));
    let Some(Ok(Line::End(end))) = line else { return Err(store::unreadable(key)) };
    for ((name, said), found) in COUNTS.iter().zip(end.counts).zip(job.counts) {
        // The oldest tombstones may have been forgotten while the snapshot was read.
        let forgotten = *name == "tombstones" && found > said;
        if said != found && !forgotten {
            let passed = job.passed.as_ref().map(|(key, id)| {
                format!(" The first member that is not in the import is {id}, or its group is not, in {}.", place(*key))
            });
            let detail =
                format!("counts.{name} is {said}, but the import contains {found}.{}", passed.unwrap_or_default());
            return Err(at(key, Code::ImportCounts, detail));
        }
    }
    // An identity provider may have begun to push since.
    may(sql, super::admin::settings(sql)?.scim_enabled, job.half)?;
    Ok(true)
}

fn write(sql: &dyn Sql, job: &mut Job, table: &str) -> Result<bool> {
    let seq = changes::head(sql)?.seq + 1;
    let last = store::write(sql, table, job.at.0, (DOCUMENTS, DOCUMENT_BYTES), seq)?;
    let Some(last) = last else { return Ok(true) };
    store::unbury(sql, table, job.at.0, last)?;
    job.at.0 = last;
    Ok(false)
}

/// Writes the one change that tells of the import.
fn tell(sql: &dyn Sql, job: &mut Job, now: Timestamp) -> Result<()> {
    let head = changes::head(sql)?;
    let [users, active_users, groups, memberships, _] = job.counts;
    let change = Change {
        kind: ChangeKind::Imported,
        resource: "Organisation",
        id: job.org.clone(),
        previous: None,
        lost: 0,
        before: Before::Nothing,
        totals: Totals { users, active_users, groups, memberships },
    };
    let request = RequestId::parse(&job.request).unwrap_or_else(RequestId::nil);
    let facts = Facts {
        request: &request,
        clock: now,
        idempotency_key: None,
        token: job.token.as_deref(),
        idp: "",
        method: "POST",
        status: 202,
        repairs: Vec::new(),
    };
    changes::append(sql, &head, now.max(head.at), &facts, &[change])?;
    tombstones::forget_count(sql)?;
    job.seq = Some(head.seq + 1);
    Ok(())
}

fn at(key: i64, code: Code, detail: impl std::fmt::Display) -> Error {
    let place = place(key);
    Error::new(code, format!("P{}: {detail}", place.trim_start_matches('p')))
}

fn none() -> Error {
    Error::new(Code::ImportNotFound, "There is no import. POST /v1/orgs/{org}/import begins one.")
}

fn conflict(code: Code, detail: impl Into<String>) -> Error {
    Error::new(code, detail)
}
