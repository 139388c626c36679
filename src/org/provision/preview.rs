//! A SCIM request that is not executed: it runs as it would, in a transaction that is always rolled back. Nothing of it
//! is written, counted or remembered.

use super::run::{self, CommandOutcome};
use crate::directory::call::Call;
use crate::directory::reply::Answer;
use crate::directory::scim::Command;
use crate::error::{Error, Result};
use crate::org::access;
use crate::org::context::AdmittedRequest;
use crate::org::memory::Memory;
use crate::org::read::feed;
use crate::org::read::related::{self, HELD};
use crate::org::read::search::{self, Searched};
use crate::scim::json;
use crate::scim::schema::Types;
use crate::store::{Sql, changes};

/// The most changes that are shown, and their total length in bytes.
const SHOWN: i64 = 1000;
const SHOWN_BYTES: usize = 1024 * 1024;

/// Returns the preview of a command, or the first step towards it.
pub(crate) fn begin_preview(sql: &dyn Sql, memory: &mut Memory, request: AdmittedRequest<'_>) -> Result<Searched> {
    let AdmittedRequest { command, call, caller, budget, .. } = request;
    // The same refusals in the same order as in `execute`, or the preview would promise something else.
    if !caller.settings.scim_enabled {
        return nothing_changed(&memory.types, Err(access::switched_off(&call.org)), call).map(Searched::At);
    }
    if let Command::Refused { error, .. } = command {
        return nothing_changed(&memory.types, Err(error.clone()), call).map(Searched::At);
    }
    match search::begin(sql, &mut memory.pages, &memory.types, command, &call.base, caller.token.as_deref(), budget) {
        Some(Ok(Searched::At(answer))) => nothing_changed(&memory.types, Ok(answer), call).map(Searched::At),
        Some(Ok(scan)) => Ok(scan),
        Some(Err(error)) => nothing_changed(&memory.types, Err(error), call).map(Searched::At),
        None => run_and_roll_back(sql, memory, request).map(Searched::At),
    }
}

/// Runs the command, reads its effects, and fails, so that the transaction rolls back.
fn run_and_roll_back(sql: &dyn Sql, memory: &Memory, request: AdmittedRequest<'_>) -> Result<Answer> {
    let call = request.call;
    // A memory of its own: what the request would note there must vanish with the transaction.
    let mut scratch = memory.scratch();
    let mut seen = None;
    let result = sql.transaction(&mut || {
        let before = changes::read_head(sql)?.seq;
        let outcome = run::attempt_command(sql, &mut scratch, request);
        let count = changes::read_head(sql)?.seq - before;
        seen = Some((outcome, feed::shown(sql, &memory.types, before, (SHOWN, SHOWN_BYTES))?.0, count));
        // The error is what rolls the transaction back; everything that is shown has been read before.
        Err(Error::internal("a preview is taken back"))
    });
    let Some((outcome, changes, count)) = seen else {
        return Err(result.err().unwrap_or_else(|| Error::internal("the transaction did not run")));
    };
    match outcome {
        Err(error) => nothing_changed(&memory.types, Err(error), call),
        Ok(CommandOutcome { mut answer, mut notes, repairs, .. }) => {
            cut_unread(&mut answer, &mut notes);
            let repairs = call.repairs.iter().cloned().chain(repairs.iter().map(|name| (*name).to_owned())).collect();
            let spelled_on_reading = memory.types.user.spelled_on_reading;
            Ok(Answer::Preview { outcome: Box::new(Ok(answer)), repairs, notes, changes, count, spelled_on_reading })
        }
    }
}

/// Removes the parts of the answer that are read later: then the transaction is rolled back.
fn cut_unread(answer: &mut Answer, notes: &mut Vec<String>) {
    if related::cut(answer) {
        notes.push(format!(
            "The answer is shown with the first {HELD} members or groups of a resource; the request would be answered \
             with all of them."
        ));
    }
}

/// Returns the preview of a request that changes nothing. A fault of the service is not an answer that the request
/// would get.
pub(crate) fn nothing_changed(types: &Types, mut outcome: Result<Answer>, call: &Call) -> Result<Answer> {
    if let Err(error) = &outcome
        && error.code.is_fault()
    {
        return Err(error.clone());
    }
    let changes = json::raw_of_text("[]".to_owned())?;
    let (repairs, mut notes) = (call.repairs.clone(), call.notes.clone());
    outcome.iter_mut().for_each(|answer| cut_unread(answer, &mut notes));
    let spelled_on_reading = types.user.spelled_on_reading;
    Ok(Answer::Preview { outcome: Box::new(outcome), repairs, notes, changes, count: 0, spelled_on_reading })
}
