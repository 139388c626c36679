//! An import: a directory, in lines, that replaces the present one.
//!
//! Parts arrive in any order and are read line by line, each call of a bounded size. Once they are complete a job
//! continues by itself, a short step at a time, each a transaction. It applies the lines that refer to others and
//! checks the whole, and only then changes the directory. Before that nothing has changed, and after it only the
//! storage can fail.

pub(crate) mod job;
mod line;
mod receive;
pub(crate) mod state;

use crate::directory::admin::Admin;
use crate::directory::call::Call;
use crate::directory::reply::Answer;
use crate::error::{Error, Result};
use crate::id::Timestamp;
use crate::org::access::Caller;
use crate::org::memory::Memory;
use crate::org::provision::growth;
use crate::store::Sql;
use receive::{begin_import, end_import, finish_import, receive_lines};
use state::{ImportJob, Phase, import_status, read_writing};

/// Runs one of the Console's calls.
pub(crate) fn run_import_call(
    sql: &dyn Sql,
    memory: &mut Memory,
    admin: &Admin,
    call: &Call,
    caller: &Caller,
    now: Timestamp,
) -> Result<Answer> {
    let (scim_enabled, quota) = (caller.settings.scim_enabled, caller.settings.options.quota());
    let answer = match admin {
        Admin::BeginImport => begin_import(sql, &call.org, scim_enabled, now),
        Admin::ImportLines { part, line, lines: text, last } => {
            growth::may_send_part(sql, quota, &call.org)?;
            return receive_lines(sql, &memory.types, (*part, *line), text, *last, now);
        }
        Admin::FinishImport => {
            let job = ImportJob {
                phase: Phase::Applying,
                org: call.org.to_string(),
                request: call.request.to_string(),
                token: caller.token.clone(),
                ..ImportJob::default()
            };
            finish_import(sql, &caller.settings, &call.org, job, now).and_then(|()| import_status(sql, &call.org))
        }
        Admin::EndImport => end_import(sql, now),
        _ => Err(Error::internal("not a call of an import")),
    };
    memory.importing = read_writing(sql)?;
    answer
}
