//! One SCIM request: its transaction, from the conditions to the change that is appended.

use super::apply::apply_command;
use super::guard::{Lately, Watch};
use super::mutation::Mutation;
use super::{bulk, groups, precondition, users};
use crate::directory::options::Guard;
use crate::directory::reply::Answer;
use crate::directory::scim::{Command, Members};
use crate::error::Result;
use crate::id::{Ids, Timestamp};
use crate::org::context::AdmittedRequest;
use crate::org::journal::target::{BULK, command_target};
use crate::org::journal::traffic::Outcome;
use crate::org::journal::write;
use crate::org::memory::Memory;
use crate::org::settings::Settings;
use crate::store::changes::{self, Loss, RequestFacts};
use crate::store::{Sql, transact};
use std::cell::OnceCell;
use std::rc::Rc;

/// The outcome of a command.
pub(crate) struct CommandOutcome {
    pub(crate) answer: Answer,
    /// The skipped parts.
    pub(crate) notes: Vec<String>,
    /// The outcome that the journal counts; `None` for a command that reads, and for one that was refused whole.
    outcome: Option<Outcome>,
    /// Repairs that only the stored resource showed to be needed.
    pub(crate) repairs: Vec<&'static str>,
    /// The losses of its changes, if it made any.
    loss: Option<Loss>,
    /// The bytes of its changes.
    bytes: i64,
}

impl CommandOutcome {
    /// Makes the outcome of an answer without notes.
    fn without_notes(answer: Answer) -> Self {
        Self { answer, notes: Vec::new(), repairs: Vec::new(), loss: None, outcome: None, bytes: 0 }
    }
}

/// Runs one SCIM command, and writes down the skipped parts of one that changed nothing.
pub(crate) fn run_command(sql: &dyn Sql, memory: &mut Memory, request: AdmittedRequest<'_>) -> Result<Answer> {
    let AdmittedRequest { command, call, caller, context, .. } = request;
    let CommandOutcome { answer, notes, loss, outcome, bytes, .. } = attempt_command(sql, memory, request)?;
    // Losses while the guard is released count too; without a guard nothing is counted.
    // Memory learns of the losses only now: the transaction is committed.
    match (&mut memory.guard, caller.settings.options.guard()) {
        (Some(lately), Some(_)) => loss.into_iter().for_each(|loss| lately.add_loss(loss)),
        (remembered, _) => *remembered = None,
    }
    if let Some(token) = &caller.token {
        // The history of the token grows by what was written, removals included.
        memory.added.charge(token, bytes, context.now);
    }
    if let Some(outcome) = outcome {
        memory.unsaved.count_request(&call.idp, outcome, context.now);
    }
    // A change holds its notes itself. A request without a change has no row, so its notes get an entry in the
    // journal.
    if outcome != Some(Outcome::Applied)
        && !notes.is_empty()
        && !write::is_already_journalled(sql, command, &answer, &notes)?
    {
        write::write_skipped(sql, memory, command, call, caller, (status_of(&answer), &notes), context.now)?;
    }
    Ok(answer)
}

/// Runs one SCIM command, without the notes about it.
///
/// All statements run synchronously inside one `transactionSync`, so no other event of the object comes between a check
/// and the write that relies on it, and an error or a panic takes every row back.
pub(crate) fn attempt_command(
    sql: &dyn Sql,
    memory: &mut Memory,
    request: AdmittedRequest<'_>,
) -> Result<CommandOutcome> {
    let AdmittedRequest { command, call, caller, context, budget } = request;
    match command {
        Command::Discover => return Ok(CommandOutcome::without_notes(Answer::Allowed)),
        Command::GetUser { .. } | Command::GetGroup { .. } => {
            precondition::check_precondition(sql, command, &call.precondition)?
        }
        _ => {}
    }
    match command {
        Command::GetUser { id } => return users::get_user(sql, id, budget).map(CommandOutcome::without_notes),
        Command::GetGroup { id, members } => {
            return groups::get_group(sql, id, *members).map(CommandOutcome::without_notes);
        }
        _ => {}
    }
    let types = Rc::clone(&memory.types);
    // Only requests that may remove something pay for the guard.
    let guard = guard_for(&caller.settings, command, context.now);
    transact(sql, || {
        let mut refused = Vec::new();
        let head = changes::read_head(sql)?;
        // Ids continue after the last change, also if the clock went back while the object was gone.
        let ids = memory.ids.get_or_insert_with(|| Ids::after(head.at));
        let guard = match guard {
            Some(guard) => {
                let lately = Lately::remembered(&mut memory.guard, sql, guard, context.now)?;
                Some(Watch { guard, lately, now: context.now, org: &call.org })
            }
            None => None,
        };
        let mut mutation = Mutation {
            sql,
            budget,
            types: &types,
            totals: head.totals,
            notes: call.notes.clone(),
            repairs: Vec::new(),
            options: &caller.settings.options,
            reserved_names: OnceCell::new(),
            guard,
            members: if matches!(command, Command::Bulk(_)) { Members::Hidden } else { Members::Shown },
            reserved: None,
            call,
            caller,
            ids,
            random: context.random,
            now: context.now,
            head,
            wait: caller.token.as_deref().and_then(|token| memory.added.seconds_to_wait(token, context.now)),
            changes: Vec::new(),
            last: None,
            lost: 0,
            told: 0,
        };
        precondition::check_precondition(sql, command, &call.precondition)?;
        let answer = match command {
            Command::Bulk(bulk) => bulk::run_bulk(&mut mutation, bulk, &call.request, &mut refused)?,
            _ => apply_command(&mut mutation, command)?,
        };
        mutation.bound_notes();
        // A change without a loss is told too: the guard learns from it when earlier ones were made at the latest.
        let loss = Loss { at: mutation.changed_at(), clock: mutation.now, lost: mutation.lost };
        let loss = (!mutation.changes.is_empty()).then_some(loss);
        let mut bytes = 0;
        let mut outcome = refused.is_empty().then_some(Outcome::Unchanged);
        if !mutation.changes.is_empty() {
            outcome = Some(Outcome::Applied);
            let facts = RequestFacts {
                request: &call.request,
                clock: mutation.now,
                idempotency_key: call.idempotency_key.as_deref(),
                token: caller.token.as_deref(),
                idp: &call.idp,
                method: match command {
                    Command::Bulk(_) => BULK,
                    one => command_target(one, &call.org).0,
                },
                status: status_of(&answer),
                // Names of repairs and sentences of notes share one list; a note has spaces, which tell them apart
                // when they are read.
                repairs: {
                    let own = mutation.repairs.iter().map(|name| (*name).to_owned());
                    call.repairs.iter().cloned().chain(own).chain(mutation.notes.iter().cloned()).collect()
                },
            };
            bytes = changes::append_changes(sql, &mutation.head, mutation.changed_at(), &facts, &mutation.changes)?;
        }
        let (notes, repairs) = (mutation.notes, mutation.repairs);
        // A failed operation is written down together with the effects of the others: either all of it is stored or
        // nothing.
        write::write_operation_refusals(sql, memory, &refused, call, caller, context.now)?;
        Ok(CommandOutcome { answer, notes, repairs, loss, outcome, bytes })
    })
}

/// Returns the guard, for a request that may remove a user or member. A created user may be one who comes back.
fn guard_for(settings: &Settings, command: &Command, now: Timestamp) -> Option<Guard> {
    let harmless = matches!(command, Command::CreateGroup { .. });
    settings.options.guard().filter(|_| !harmless && !settings.guard_is_released(now))
}

/// Returns the status of the answer that a change stores.
fn status_of(answer: &Answer) -> i64 {
    match answer {
        Answer::Created(_) => 201,
        Answer::Nothing => 204,
        _ => 200,
    }
}
