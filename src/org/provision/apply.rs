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
pub(crate) fn apply_command(mutation: &mut Mutation<'_>, command: &Command) -> Result<Answer> {
    // Each operation costs its share even if it changes nothing, or a Bulk of very many would be free.
    mutation.budget.spend(OPERATION_UNITS)?;
    match command {
        Command::CreateUser { user } => users::create_user(mutation, user),
        Command::ReplaceUser { id, user, mend_formatted, null_keeps } => {
            users::replace_user(mutation, id, user, *mend_formatted, *null_keeps)
        }
        Command::PatchUser { id, operations, unresolved } => users::patch_user(mutation, id, operations, unresolved),
        Command::DeleteUser { id } => users::delete_user(mutation, id),
        Command::CreateGroup { group, members } => groups::create_group(mutation, group, members),
        Command::ReplaceGroup { id, group, members } => groups::replace_group(mutation, id, group, members.as_deref()),
        Command::PatchGroup { id, operations, answer, unresolved } => {
            groups::patch_group(mutation, id, (operations, unresolved), *answer)
        }
        Command::DeleteGroup { id } => groups::delete_group(mutation, id),
        Command::Refused { error, .. } => Err(error.clone()),
        _ => Err(Error::internal("a command that reads is not applied in a transaction")),
    }
}
