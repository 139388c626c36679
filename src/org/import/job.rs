//! The job of an import: short steps, each a transaction, that apply what was sent, check it, and replace the directory.

use super::line::{self, COUNTS, Line, put_resource};
pub(crate) use super::state::IMPORT;
use super::state::{
    DOCUMENT_BYTES, DOCUMENTS, ImportJob, MEMBERSHIPS, Phase, clear_received, error_at, may_replace_directory,
    position_text, read_writing, save_job, stored_job, way_out,
};
use crate::directory::console::ImportState;
use crate::error::{Code, Result, quoted};
use crate::id::{RequestId, Timestamp};
use crate::org::memory::Memory;
use crate::org::read::pages::Pages;
use crate::org::settings;
use crate::scim::schema::Types;
use crate::store::changes::{self, Before, Kind as ChangeKind, PendingChange, RequestFacts, Totals};
use crate::store::import::{self as store, line_place};
use crate::store::{Sql, tombstones, transact};
use serde_json::json;

const IDS: i64 = 5000;
/// The lines that refer to others of which one step applies so many, with a bound in bytes.
const LINES: i64 = 200;
const LINE_BYTES: i64 = 100_000;

/// Notes that the job was set aside, and why. Before the directory is changed that ends the import; afterwards it can
/// continue. Removing the lines of an import is tried again at `later`. Returns what to do, and when the job is due.
pub(crate) fn set_aside(
    sql: &dyn Sql,
    why: &str,
    now: Timestamp,
    later: Timestamp,
) -> Result<(String, Option<Timestamp>)> {
    let Some(job) = stored_job(sql)? else { return Ok(("There is no import any more.".to_owned(), None)) };
    if matches!(job.phase, Phase::Receiving | Phase::Done | Phase::Failed | Phase::Gone) {
        let then = "Lines of an import are still stored. Removing them is tried again in a day.";
        return Ok((then.to_owned(), Some(later)));
    }
    let error = format!("The import was set aside while {}: {why}.", position_text(&job));
    // From the first phase of writing on the old directory is gone in part.
    let half = job.half || job.phase.state() == ImportState::Writing;
    let stopped = (job.phase.state() == ImportState::Writing).then_some(job.phase);
    let job = ImportJob { phase: Phase::Failed, error: Some(error), half, stopped, ..job };
    save_job(sql, &job)?;
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
/// Internal only. An error in the lines ends the job, and [`import_status`](super::state::import_status) shows it.
pub(crate) fn step(sql: &dyn Sql, memory: &mut Memory, now: Timestamp) -> Result<Option<Timestamp>> {
    let more = take_step(sql, memory, now)?;
    Ok(more.then_some(now))
}

fn take_step(sql: &dyn Sql, memory: &mut Memory, now: Timestamp) -> Result<bool> {
    let Some(before) = stored_job(sql)? else { return Ok(false) };
    // Set aside while it was written: only the admin lets it continue, with `finish`.
    if before.stopped.is_some() {
        return Ok(false);
    }
    if matches!(before.phase, Phase::Done | Phase::Failed | Phase::Gone) {
        return transact(sql, || {
            let more = clear_received(sql)?;
            if !more && before.phase == Phase::Gone {
                store::set_job(sql, None)?;
            }
            Ok(more)
        });
    }
    let types = std::rc::Rc::clone(&memory.types);
    let stepped = transact(sql, || {
        let mut job = before.clone();
        advance_phase(sql, &mut job, &types, now)?;
        job.half &= job.phase != Phase::Done;
        save_job(sql, &job)?;
        Ok(job.phase)
    });
    let phase = match stepped {
        // An error in the lines ends the import. A fault of the service is tried again by the alarm.
        Err(error) if !error.code.is_fault() => {
            let job = ImportJob { phase: Phase::Failed, error: Some(error.detail), ..before };
            transact(sql, || save_job(sql, &job))?;
            job.phase
        }
        stepped => stepped?,
    };
    memory.importing = read_writing(sql)?;
    if phase == Phase::Done {
        // A reader's place belongs to the old directory.
        memory.pages = Pages::default();
    }
    // The lines of an ended import are removed.
    Ok(phase != Phase::Receiving)
}

fn advance_phase(sql: &dyn Sql, job: &mut ImportJob, types: &Types, now: Timestamp) -> Result<()> {
    let next = match job.phase {
        Phase::Receiving | Phase::Done | Phase::Failed | Phase::Gone => None,
        Phase::Applying => apply_lines(sql, job, types, now)?.then_some(Phase::CheckingUsers),
        Phase::CheckingUsers => check_names(sql, job, "users")?.then_some(Phase::CheckingGroups),
        Phase::CheckingGroups => check_names(sql, job, "groups")?.then_some(Phase::CheckingMembers),
        Phase::CheckingMembers => count_members(sql, job)?.then_some(Phase::EmptyingMembers),
        Phase::EmptyingMembers => (!store::empty_members(sql, MEMBERSHIPS)?).then_some(Phase::EmptyingGroups),
        Phase::EmptyingGroups => {
            (!store::remove_old(sql, "groups", "Group", (DOCUMENTS, DOCUMENT_BYTES))?).then_some(Phase::EmptyingUsers)
        }
        Phase::EmptyingUsers => {
            (!store::remove_old(sql, "users", "User", (DOCUMENTS, DOCUMENT_BYTES))?).then_some(Phase::WritingUsers)
        }
        Phase::WritingUsers => write_resources(sql, job, "users")?.then_some(Phase::WritingGroups),
        Phase::WritingGroups => write_resources(sql, job, "groups")?.then_some(Phase::WritingMembers),
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
                append_change(sql, job, now)?;
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
fn apply_lines(sql: &dyn Sql, job: &mut ImportJob, types: &Types, now: Timestamp) -> Result<bool> {
    let lines = store::lines_after(sql, job.at.0, LINES, LINE_BYTES)?;
    let (end, mut left) = (lines.is_empty(), MEMBERSHIPS);
    for (key, _, text) in lines {
        if left <= 0 {
            break;
        }
        job.at.0 = key;
        match line::read_line(&text, types, now, &mut Vec::new()) {
            Ok(Line::Members(group, users)) => {
                left -= users.matches(',').count() as i64 + 1;
                // Members who are not in the import are skipped. The first is named if the counts disagree in the end.
                let passed = add_members(sql, key, &group, &users)?;
                if job.passed.is_none() {
                    job.passed = passed.map(|id| (key, id));
                }
            }
            Ok(Line::Tombstone(id, kind)) => store::bury_resource(sql, &id, kind, false)?,
            Ok(Line::Change(change)) => apply_change(sql, key, &change)?,
            Ok(_) => {}
            Err(error) => return Err(error_at(key, error.code, error.detail)),
        }
    }
    Ok(end)
}

fn add_members(sql: &dyn Sql, key: i64, group: &str, users: &str) -> Result<Option<String>> {
    if let Some(nested) = store::group_among(sql, users)? {
        return Err(error_at(key, Code::NestedGroup, format!("Group {group} cannot hold {nested}, which is a group.")));
    }
    store::join_group(sql, group, users)
}

fn apply_change(sql: &dyn Sql, key: i64, change: &line::ImportedChange) -> Result<()> {
    let one = json!([change.id]).to_string();
    // In the order in which the feed applies them: leaving, members, the resource, its deletion, versions.
    if let Some(groups) = &change.left {
        store::leave_groups(sql, groups, &one)?;
    }
    if let Some((added, removed)) = &change.members {
        add_members(sql, key, &change.id, added)?;
        store::leave_groups(sql, &one, removed)?;
    }
    if let Some(line) = &change.resource {
        put_resource(sql, key, line)?;
    }
    if let Some(kind) = change.deleted {
        store::bury_resource(sql, &change.id, kind, true)?;
    }
    change.versions.iter().try_for_each(|(group, version, at)| store::touch_group(sql, group, *version, *at))
}

/// Checks some users or groups: no two may have the same name. Returns true at the end.
fn check_names(sql: &dyn Sql, job: &mut ImportJob, table: &str) -> Result<bool> {
    let walked = store::count_rows(sql, table, job.at.0, DOCUMENTS)?;
    let Some(last) = walked.last else { return Ok(true) };
    // The later of the two lines is named, since the one before it was valid when it was read.
    if let Some((attribute, value, one, other)) = store::find_clash(sql, table, job.at.0, last)? {
        let (one, other) = (one.max(other), one.min(other));
        let with =
            if other == 0 { "among the tombstones".to_owned() } else { format!("in {} already", line_place(other)) };
        return Err(error_at(
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
fn count_members(sql: &dyn Sql, job: &mut ImportJob) -> Result<bool> {
    let (count, last) = store::walk_members(sql, job.at, MEMBERSHIPS)?;
    // Step 1: every membership has its user and its group.
    if let Some((group, user)) = store::find_astray(sql, job.at, last)? {
        let detail =
            format!("the user of {} is a member still, and a change deleted one of the two.", line_place(user));
        return Err(error_at(group, Code::ImportContradiction, detail));
    }
    // Step 2: they are counted piece by piece, each step from where the last one ended.
    let [_, _, _, memberships, tombstones] = &mut job.counts;
    *memberships += count;
    if let Some(last) = last {
        job.at = last;
        return Ok(false);
    }
    // Step 3, once all are counted: the counts of the last line are compared with what was found.
    *tombstones = store::count_tombstones(sql)?;
    let key = job.end;
    let line = store::find_line(sql, key)?
        .map(|(_, text)| line::read_line(&text, &Types::default(), Timestamp(0), &mut Vec::new()));
    let Some(Ok(Line::End(end))) = line else { return Err(store::unreadable_line(key)) };
    for ((name, said), found) in COUNTS.iter().zip(end.counts).zip(job.counts) {
        // The oldest tombstones may have been forgotten while the snapshot was read.
        let forgotten = *name == "tombstones" && found > said;
        if said != found && !forgotten {
            let passed = job.passed.as_ref().map(|(key, id)| {
                format!(
                    " The first member that is not in the import is {id}, or its group is not, in {}.",
                    line_place(*key)
                )
            });
            let detail = format!(
                "counts.{name} is {said}, but the import contains {found}.{} Take the snapshot again, or correct the \
                 counts.",
                passed.unwrap_or_default()
            );
            return Err(error_at(key, Code::ImportCounts, detail));
        }
    }
    // An identity provider may have begun to push since.
    may_replace_directory(sql, settings::read_settings(sql)?.scim_enabled, job.half)?;
    Ok(true)
}

fn write_resources(sql: &dyn Sql, job: &mut ImportJob, table: &str) -> Result<bool> {
    // All resources name the one change that tells of the import.
    let seq = changes::read_head(sql)?.seq + 1;
    let last = store::write_rows(sql, table, job.at.0, (DOCUMENTS, DOCUMENT_BYTES), seq)?;
    let Some(last) = last else { return Ok(true) };
    store::unbury_ids(sql, table, job.at.0, last)?;
    job.at.0 = last;
    Ok(false)
}

/// Writes the one change that tells of the import.
fn append_change(sql: &dyn Sql, job: &mut ImportJob, now: Timestamp) -> Result<()> {
    let head = changes::read_head(sql)?;
    let [users, active_users, groups, memberships, _] = job.counts;
    let change = PendingChange {
        kind: ChangeKind::Imported,
        resource: "Organisation",
        id: job.org.clone(),
        previous: None,
        lost: 0,
        before: Before::Nothing,
        totals: Totals { users, active_users, groups, memberships },
    };
    // The job runs minutes after its request, whose id and token stand in the change.
    let request = RequestId::parse(&job.request).unwrap_or_else(RequestId::nil);
    let facts = RequestFacts {
        request: &request,
        clock: now,
        idempotency_key: None,
        token: job.token.as_deref(),
        idp: "",
        method: "POST",
        status: 202,
        repairs: Vec::new(),
    };
    changes::append_changes(sql, &head, now.max(head.at), &facts, &[change])?;
    tombstones::forget_count(sql)?;
    job.seq = Some(head.seq + 1);
    Ok(())
}
