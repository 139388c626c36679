//! One SCIM request at work: its transaction, its changes, its ids.

use super::access::Caller;
use super::{Context, Memory, groups, journal, precondition, users};
use crate::directory::command::{Call, Command};
use crate::directory::reply::Answer;
use crate::error::{Error, Result};
use crate::id::{Ids, Seq, Timestamp};
use crate::scim::schema::Types;
use crate::store::changes::{self, Change, Facts, Head, Kind, Totals};
use crate::store::{Sql, transact};
use serde_json::Value;
use std::rc::Rc;

/// The request that is being applied. Nothing of it is kept unless [`run`] comes to its end.
pub(super) struct Work<'a> {
    pub(super) sql: &'a dyn Sql,
    /// The organisation's resource types.
    pub(super) types: &'a Types,
    /// What the organisation holds after the changes so far.
    pub(super) totals: Totals,
    /// What was passed over, in sentences for the journal.
    pub(super) notes: Vec<String>,
    ids: &'a mut Ids,
    random: &'a dyn Fn() -> [u8; 6],
    now: Timestamp,
    head: Head,
    changes: Vec<Change>,
}

impl Work<'_> {
    /// The position that the next change will have.
    pub(super) fn next_seq(&self) -> Seq {
        self.head.seq + self.changes.len() as Seq + 1
    }

    /// The time of the request's changes: never before the last change, nor before an id that was made.
    pub(super) fn at(&self) -> Timestamp {
        self.now.max(self.head.at).max(self.ids.last())
    }

    /// A new id, above all that were made before.
    pub(super) fn new_id(&mut self) -> String {
        self.ids.next(self.now, (self.random)())
    }

    /// Adds a change; [`Work::totals`] already counts it.
    pub(super) fn change(&mut self, kind: Kind, resource: &'static str, id: &str, before: Option<Value>) {
        self.changes.push(Change { kind, resource, id: id.to_owned(), before, totals: self.totals });
    }
}

/// Runs one SCIM command.
///
/// All statements run synchronously inside one `transactionSync`, so no other event of the object comes between a
/// check and the write that relies on it, and an error or a panic takes every row back.
pub(super) fn run(
    sql: &dyn Sql,
    memory: &mut Memory,
    command: &Command,
    call: &Call,
    caller: &Caller,
    context: &Context<'_>,
) -> Result<Answer> {
    match command {
        Command::Discover => return Ok(Answer::Allowed),
        Command::GetUser { .. } | Command::GetGroup { .. } => precondition::check(sql, command, &call.precondition)?,
        _ => {}
    }
    match command {
        Command::GetUser { id } => return users::get(sql, id),
        Command::GetGroup { id, members } => return groups::get(sql, id, *members),
        _ => {}
    }
    let types = Rc::clone(&memory.types);
    let mut passed_over = Vec::new();
    let answer = transact(sql, || {
        let head = changes::head(sql)?;
        let ids = memory.ids.get_or_insert_with(|| Ids::after(head.at));
        let mut work = Work {
            sql,
            types: &types,
            totals: head.totals,
            notes: call.notes.clone(),
            ids,
            random: context.random,
            now: context.now,
            head,
            changes: Vec::new(),
        };
        precondition::check(sql, command, &call.precondition)?;
        let answer = apply(&mut work, command)?;
        if work.changes.is_empty() {
            passed_over = work.notes;
            return Ok(answer);
        }
        let facts = Facts {
            request: &call.request,
            idempotency_key: call.idempotency_key.as_deref(),
            token: caller.token.as_deref(),
            idp: &call.idp,
            repairs: call.repairs.iter().chain(&work.notes).cloned().collect(),
        };
        changes::append(sql, &work.head, work.at(), &facts, &work.changes)?;
        Ok(answer)
    })?;
    if !passed_over.is_empty() {
        journal::ignored(sql, memory, command, call, caller, &passed_over, context.now)?;
    }
    Ok(answer)
}

fn apply(work: &mut Work<'_>, command: &Command) -> Result<Answer> {
    match command {
        Command::CreateUser { user } => users::create(work, user),
        Command::ReplaceUser { id, user, mend_formatted, null_keeps } => {
            users::replace(work, id, user, *mend_formatted, *null_keeps)
        }
        Command::PatchUser { id, operations } => users::patch(work, id, operations),
        Command::DeleteUser { id } => users::delete(work, id),
        Command::CreateGroup { group, members } => groups::create(work, group, members),
        Command::ReplaceGroup { id, group, members } => groups::replace(work, id, group, members.as_deref()),
        Command::PatchGroup { id, operations, answer } => groups::patch(work, id, operations, *answer),
        Command::DeleteGroup { id } => groups::delete(work, id),
        _ => Err(Error::internal("a command that reads is not applied in a transaction")),
    }
}
