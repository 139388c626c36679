//! Where an import stands, as it is stored and as the Console sees it.

use crate::directory::console::{ImportPart, ImportState, ImportStatus};
use crate::directory::reply::Answer;
use crate::error::{Code, Error, Result};
use crate::id::{OrgId, Seq};
use crate::org::address::{error_with_org, sentence_with_org};
use crate::scim::json;
use crate::store::import::{self as store, ArrivedPart, line_place};
use crate::store::{Sql, changes};
use serde::{Deserialize, Serialize};

/// The job's name.
pub(crate) const IMPORT: &str = "import";
/// The rows that one step reads or writes: documents, with a bound in bytes; memberships and ids. Some 30 ms.
pub(super) const DOCUMENTS: i64 = 500;
pub(super) const DOCUMENT_BYTES: i64 = 4_000_000;
pub(super) const MEMBERSHIPS: i64 = 5_000;

/// The phase of an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Phase {
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
    pub(super) fn state(self) -> ImportState {
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
    pub(super) fn doing(self) -> &'static str {
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
pub(super) struct ImportJob {
    pub(super) phase: Phase,
    /// The last key that the phase has done; for memberships two.
    pub(super) at: (i64, i64),
    /// The last id that it has done.
    pub(super) id: String,
    /// The key of the last line.
    pub(super) end: i64,
    /// The counts in the order of the last line's.
    pub(super) counts: [i64; 5],
    /// The first member that was skipped, and its line.
    pub(super) passed: Option<(i64, String)>,
    pub(super) error: Option<String>,
    pub(super) org: String,
    pub(super) request: String,
    pub(super) token: Option<String>,
    /// The position of the change that tells of the import.
    pub(super) seq: Option<Seq>,
    /// True if the directory is neither the old nor the new one, since this import or one before it was set aside.
    pub(super) half: bool,
    /// The phase in which it was set aside, if it can continue from there.
    pub(super) stopped: Option<Phase>,
    /// Values that are kept though their schema does not allow them, each with the key of its first line; at most [`NOTES_MAX`].
    pub(super) notes: Vec<(String, i64)>,
}

/// The most notes that an import keeps: the first ones.
const NOTES_MAX: usize = 20;

impl ImportJob {
    /// Notes a value that is kept as it was sent, once.
    pub(super) fn note(&mut self, what: String, key: i64) {
        if self.notes.len() < NOTES_MAX && !self.notes.iter().any(|(noted, _)| *noted == what) {
            self.notes.push((what, key));
        }
    }
}

pub(super) fn stored_job(sql: &dyn Sql) -> Result<Option<ImportJob>> {
    store::read_job(sql)?.map(|text| json::read_own(&text)).transpose()
}

pub(super) fn save_job(sql: &dyn Sql, job: &ImportJob) -> Result<()> {
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
pub(crate) fn read_writing(sql: &dyn Sql) -> Result<Option<Writing>> {
    let Some(job) = stored_job(sql)? else { return Ok(None) };
    if job.phase.state() == ImportState::Writing {
        return Ok(Some(Writing::GoesOn));
    }
    Ok(job.half.then_some(Writing::SetAside))
}

/// Returns 503 for requests in the meantime.
pub(crate) fn directory_busy(writing: Writing, org: &OrgId) -> Error {
    let (code, detail, seconds) = match writing {
        Writing::GoesOn => (Code::Importing, "The directory is being imported. Try again in half a minute.", 30),
        Writing::SetAside => (
            Code::DirectoryIncomplete,
            "An import broke off while it was written, so the directory is incomplete. GET /v1/orgs/{org}/import says \
             how to go on.",
            300,
        ),
    };
    let mut error = error_with_org(Error::new(code, detail), org);
    error.retry_after = Some(seconds);
    error
}

/// Checks that the directory may be replaced. An incomplete one may be: SCIM does not reach it.
pub(super) fn may_replace_directory(sql: &dyn Sql, scim_enabled: bool, half: bool) -> Result<()> {
    let totals = changes::read_head(sql)?.totals;
    if scim_enabled && !half && (totals.users, totals.groups) != (0, 0) {
        return Err(Error::new(
            Code::DirectoryInUse,
            "An import replaces the directory, and this one is in use: it is not empty and SCIM is enabled. Disable \
             SCIM first.",
        ));
    }
    Ok(())
}

pub(super) fn clear_received(sql: &dyn Sql) -> Result<bool> {
    store::clear_lines(sql, (DOCUMENTS, DOCUMENT_BYTES), MEMBERSHIPS)
}

/// Returns the job to show, for the Console.
pub(super) fn job_shown(sql: &dyn Sql) -> Result<ImportJob> {
    stored_job(sql)?.filter(|job| job.phase != Phase::Gone).ok_or_else(no_import)
}

/// Returns what the admin can do about an incomplete directory.
pub(super) fn way_out(job: &ImportJob) -> String {
    let finish = match job.stopped {
        Some(_) => "POST /v1/orgs/{org}/import/finish goes on with this import, ",
        None => "",
    };
    format!(
        "The directory is incomplete and SCIM is answered 503 until an import is done: {finish}POST \
         /v1/orgs/{{org}}/import begins another one. DELETE /v1/orgs/{{org}} erases the organisation."
    )
}

pub(super) fn position_text(job: &ImportJob) -> String {
    match job.at.0 {
        0 => job.phase.doing().to_owned(),
        key => format!("{}: {}", job.phase.doing(), line_place(key)),
    }
}

/// Answers the state of the import.
pub(crate) fn import_status(sql: &dyn Sql, org: &OrgId) -> Result<Answer> {
    let job = job_shown(sql).map_err(|error| error_with_org(error, org))?;
    let part = |part: ArrivedPart| ImportPart { part: part.part, lines: part.lines, complete: part.whole };
    // The parts of an import that has ended are being removed, so their number says nothing.
    let over = matches!(job.phase, Phase::Done | Phase::Failed);
    let parts = if over { Vec::new() } else { store::all_parts(sql)? };
    let parts = parts.into_iter().map(part).collect();
    let position =
        matches!(job.phase.state(), ImportState::Checking | ImportState::Writing).then(|| position_text(&job));
    let error = match &job.error {
        Some(error) if job.half && over => Some(format!("{error} {}", way_out(&job))),
        error => error.clone(),
    };
    let error = error.map(|error| sentence_with_org(&error, org));
    let notes = job.notes.iter().map(|(what, key)| format!("{what} First in {}.", line_place(*key))).collect();
    Answer::console_answer(&ImportStatus { state: job.phase.state(), parts, position, error, notes, seq: job.seq })
}

pub(super) fn no_import() -> Error {
    Error::new(Code::ImportNotFound, "There is no import. POST /v1/orgs/{org}/import begins one.")
}

pub(super) fn error_at(key: i64, code: Code, detail: impl std::fmt::Display) -> Error {
    let place = line_place(key);
    Error::new(code, format!("P{}: {detail}", place.trim_start_matches('p')))
}
