//! One command that changes one resource, within its mutation.

use super::mutation::Mutation;
use super::{groups, users};
use crate::directory::reply::Answer;
use crate::directory::scim::Command;
use crate::error::{Error, Result};

/// The units of one operation besides its work on documents: its statements, its change.
const OPERATION_UNITS: usize = 1_000;

/// Applies a command that changes one resource.
///
/// # Errors
/// 400 `tooMany` beyond the call's budget, and every refusal of the command.
pub(crate) fn apply(mutation: &mut Mutation<'_>, command: &Command) -> Result<Answer> {
    mutation.budget.spend(OPERATION_UNITS)?;
    match command {
        Command::CreateUser { user } => users::create(mutation, user),
        Command::ReplaceUser { id, user, mend_formatted, null_keeps } => {
            users::replace(mutation, id, user, *mend_formatted, *null_keeps)
        }
        Command::PatchUser { id, operations, unresolved } => users::patch(mutation, id, operations, unresolved),
        Command::DeleteUser { id } => users::delete(mutation, id),
        Command::CreateGroup { group, members } => groups::create(mutation, group, members),
        Command::ReplaceGroup { id, group, members } => groups::replace(mutation, id, group, members.as_deref()),
        Command::PatchGroup { id, operations, answer, unresolved } => {
            groups::patch(mutation, id, (operations, unresolved), *answer)
        }
        Command::DeleteGroup { id } => groups::delete(mutation, id),
        Command::Refused { error, .. } => Err(error.clone()),
        _ => Err(Error::internal("a command that reads is not applied in a transaction")),
    }
}
