//! The Console's calls of an import: its begin, its parts, its finish, its end.

use super::line::{self, Line, put_resource};
use super::state::{
    IMPORT, ImportJob, Phase, clear_received, error_at, import_status, job_shown, may_replace_directory, save_job,
    stored_job, way_out,
};
use crate::directory::console::{ImportPart, ImportState};
use crate::directory::reply::Answer;
use crate::error::{Code, Error, Result};
use crate::id::{OrgId, Timestamp};
use crate::org::provision::growth;
use crate::org::settings::Settings;
use crate::scim::schema::Types;
use crate::store::import::{self as store, ArrivedPart, line_place};
use crate::store::{Sql, TEXT_MAX, due, transact};

/// The largest part, in lines; one of 8 MiB has fewer.
const PART_MAX: i64 = 100_000;

/// Begins an import. The lines of an earlier one are removed.
pub(super) fn begin_import(sql: &dyn Sql, org: &OrgId, scim_enabled: bool, now: Timestamp) -> Result<Answer> {
    let before = stored_job(sql)?.unwrap_or_default();
    if matches!(before.phase.state(), ImportState::Checking | ImportState::Writing) {
        return Err(Error::new(
            Code::ImportState,
            format!(
                "An import is {} now. Wait for its end, which GET /v1/orgs/{{org}}/import shows.",
                before.phase.state()
            ),
        ));
    }
    may_replace_directory(sql, scim_enabled, before.half)?;
    // Removing very many lines takes several steps, which the job continues.
    if give_up(sql, &before, Some(ImportJob { half: before.half, ..ImportJob::default() }), now)? {
        let mut error = Error::new(
            Code::ImportClearing,
            "The lines of an earlier import are being removed. Begin again in a moment.",
        );
        error.retry_after = Some(5);
        return Err(error);
    }
    import_status(sql, org)
}

/// Gives an import up. None of its lines has reached the directory.
pub(super) fn end_import(sql: &dyn Sql, now: Timestamp) -> Result<Answer> {
    let job = job_shown(sql)?;
    if job.phase.state() == ImportState::Writing {
        return Err(Error::new(
            Code::ImportState,
            "The import is being written and can no longer be given up. GET /v1/orgs/{org}/import shows when it \
             has ended.",
        ));
    }
    if job.half {
        return Err(Error::new(
            Code::ImportState,
            format!("An import broke off while it was written. {}", way_out(&job)),
        ));
    }
    give_up(sql, &job, None, now)?;
    Ok(Answer::Nothing)
}

/// Takes some lines of a part. Those before have arrived; `line` is the number of the first one here, 1 begins the part
/// anew.
pub(super) fn receive_lines(
    sql: &dyn Sql,
    types: &Types,
    (part, line): (i64, i64),
    text: &str,
    last: bool,
    now: Timestamp,
) -> Result<Answer> {
    let job = job_shown(sql)?;
    if job.phase != Phase::Receiving {
        return Err(Error::new(
            Code::ImportState,
            format!(
                "This import is {} and takes no more parts. GET /v1/orgs/{{org}}/import shows its state; \
                 POST begins another one.",
                job.phase.state()
            ),
        ));
    }
    let arrived = store::find_part(sql, part)?.map_or(0, |part| part.lines);
    // A gap means that two senders wrote this part at once, and their lines are mixed.
    if line > 1 && arrived != line - 1 {
        return Err(Error::new(Code::ImportPartTwice, format!("Part {part} was sent twice at once. Send it again.")));
    }
    // Every line is read before anything is written.
    let (mut read, mut noted) = (Vec::new(), job.clone());
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
            error.with_detail(detail)
        };
        let (key, mut told) = (store::line_key(part, number), Vec::new());
        read.push((key, text, line::read_line(text, types, now, &mut told).map_err(located)?));
        told.into_iter().for_each(|what| noted.note(what, key));
    }
    let count = read.len() as i64;
    transact(sql, || {
        // Line 1 begins the part anew, so a part that broke off is simply sent again.
        if line == 1 {
            store::forget_part(sql, part)?;
        }
        if noted.notes.len() > job.notes.len() {
            save_job(sql, &noted)?;
        }
        for (key, text, line) in &read {
            store_line(sql, *key, text, line)?;
        }
        store::note_arrived(sql, ArrivedPart { part, lines: line - 1 + count, whole: last })
    })?;
    Answer::console_answer(&ImportPart { part, lines: line - 1 + count, complete: last })
}

/// Checks that all parts were sent, and starts the job. One that was set aside continues.
pub(super) fn finish_import(
    sql: &dyn Sql,
    settings: &Settings,
    org: &OrgId,
    begun: ImportJob,
    now: Timestamp,
) -> Result<()> {
    let job = job_shown(sql)?;
    if let Some(phase) = job.stopped {
        let again = ImportJob { phase, stopped: None, error: None, ..job };
        return set_going(sql, &again, now);
    }
    if job.phase != Phase::Receiving {
        return Err(Error::new(
            Code::ImportState,
            format!("This import is {} already. GET /v1/orgs/{{org}}/import shows its state.", job.phase.state()),
        ));
    }
    may_replace_directory(sql, settings.scim_enabled, job.half)?;
    let parts = store::all_parts(sql)?;
    // Parts are numbered from 1 without a gap, or the import would lack lines and nothing would show it.
    for (wanted, part) in (1..).zip(&parts) {
        if part.part != wanted {
            return Err(Error::new(
                Code::ImportPartMissing,
                format!("Part {wanted} is missing. Send it, then finish again."),
            ));
        }
        if !part.whole {
            let detail =
                format!("Part {wanted} broke off after line {}. Send it again, then finish again.", part.lines);
            return Err(Error::new(Code::ImportPartIncomplete, detail));
        }
    }
    let lines = parts.iter().map(|part| part.lines).sum::<i64>();
    // The first and the last line say that nothing was cut off at either end.
    if store::find_line(sql, store::line_key(1, 1))?.is_none_or(|(kind, _)| kind != "from") {
        return Err(Error::new(Code::ImportCutOff, "The first line of part 1 must be {\"from\": ...}."));
    }
    let key = parts.last().map_or(0, |last| store::line_key(last.part, last.lines));
    let Some(Line::End(end)) = store::find_line(sql, key)?
        .map(|(_, text)| line::read_line(&text, &Types::default(), now, &mut Vec::new()))
        .transpose()?
    else {
        return Err(Error::new(
            Code::ImportCutOff,
            "The last line of the last part must be {\"at\": ..., \"counts\": ..., \"lines\": ...}. The import may be \
             cut off.",
        ));
    };
    if end.lines != lines - 1 {
        let detail = format!(
            "The last line says that {} lines come before it, but {} were sent. Send the parts of one whole snapshot.",
            end.lines,
            lines - 1
        );
        return Err(Error::new(Code::ImportCounts, detail));
    }
    // The job compares its own counts with these, so the directory gets no more than was checked here.
    let [users, _, groups, ..] = end.counts;
    growth::may_import(sql, settings.options.quota(), (users, groups), org)?;
    set_going(sql, &ImportJob { end: key, half: job.half, notes: job.notes, ..begun }, now)
}

/// Removes the lines of an import, and stores another one if none are left. Returns true if some are left: the job
/// continues with them.
fn give_up(sql: &dyn Sql, before: &ImportJob, another: Option<ImportJob>, now: Timestamp) -> Result<bool> {
    // The mark of an incomplete directory is never lost.
    let gone = match before.half {
        true => ImportJob { phase: Phase::Failed, stopped: None, ..before.clone() },
        false => ImportJob { phase: Phase::Gone, ..ImportJob::default() },
    };
    transact(sql, || {
        let more = clear_received(sql)?;
        match if more { Some(&gone) } else { another.as_ref() } {
            Some(job) => save_job(sql, job)?,
            None => store::set_job(sql, None)?,
        }
        due::set_due(sql, IMPORT, more.then_some(now))?;
        Ok(more)
    })
}

fn store_line(sql: &dyn Sql, key: i64, text: &str, line: &Line) -> Result<()> {
    match line {
        Line::User(id, ..) | Line::Group(id, ..) => {
            if let Some(other) = store::line_of_id(sql, id)? {
                return Err(error_at(
                    key,
                    Code::ImportContradiction,
                    format!("The id {id} is in {} already.", line_place(other)),
                ));
            }
            put_resource(sql, key, line)
        }
        Line::From if key != store::line_key(1, 1) => {
            Err(error_at(key, Code::ImportContradiction, "Only the first line of part 1 may be from."))
        }
        Line::From => store::keep_line(sql, key, "from", text),
        Line::Members(..) => store::keep_line(sql, key, "members", text),
        Line::Tombstone(..) => store::keep_line(sql, key, "tombstone", text),
        Line::Change(_) => store::keep_line(sql, key, "change", text),
        Line::End(_) => store::keep_line(sql, key, "at", text),
    }
}

fn set_going(sql: &dyn Sql, job: &ImportJob, now: Timestamp) -> Result<()> {
    transact(sql, || {
        save_job(sql, job)?;
        due::set_due(sql, IMPORT, Some(now))
    })
}
