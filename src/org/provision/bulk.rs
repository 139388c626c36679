//! A Bulk request (RFC 7644 section 3.7): every operation in a transaction of its own inside the request's, so that a
//! failed one changes nothing and the others stay.

use super::apply::apply_command;
use super::mutation::Mutation;
use super::precondition;
use crate::directory::bulk::{Bulk, BulkOperation, OperationResult};
use crate::directory::reply::Answer;
use crate::directory::scim::Command;
use crate::directory::view;
use crate::error::{Code, Error, Result, cut};
use crate::fold::fold;
use crate::id::{MemberId, RequestId};
use crate::org::journal::subject::subject_of;
use crate::org::journal::write::OperationRefusal;
use crate::scim::bulk::Placeholders;
use crate::scim::json;
use crate::scim::member::list_ids;
use crate::store;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Runs the steps. Refusals of failed operations are added to `refused`, to be written down.
///
/// A fault of the service fails the whole request: otherwise the client could not tell which operations are done.
pub(crate) fn run_bulk(
    mutation: &mut Mutation<'_>,
    bulk: &Bulk,
    request: &RequestId,
    refused: &mut Vec<OperationRefusal>,
) -> Result<Answer> {
    let placeholders = Placeholders::new(request);
    let (ids, done) = bulk.operations.iter().map(|_| (None, None)).unzip();
    // The edge has ordered the steps: an operation comes after those that it refers to, and a circle is one step.
    let mut run = Run { bulk, placeholders, ids, done, refused, unspent: mutation.budget.spent() };
    for step in &bulk.steps {
        if mutation.budget.is_exceeded() {
            step.iter().try_for_each(|at| run.finish_operation(*at, Err(send_later())))?;
            continue;
        }
        match step.as_slice() {
            // An operation that refers to itself is a circle of one.
            [one] if !run.operation(*one)?.refers.contains(one) => run.run_single(mutation, *one)?,
            several => run.run_together(mutation, several)?,
        }
        // RFC 7644 section 3.7: the client said after how many failures it wants no more.
        if bulk.fail_on_errors.is_some_and(|most| run.refused.len() >= most) {
            break;
        }
    }
    Ok(Answer::Bulk(run.done.into_iter().flatten().collect()))
}

/// Returns the refusal of an operation for which the request has no budget left. It is no fault of the operation.
fn send_later() -> Error {
    Error::new(
        Code::BulkWorkSpent,
        "The operations before this one used up the work that one request may cause. Nothing of this operation was \
         done. Send it again in another Bulk request, with those after it.",
    )
}

/// The longest part of the failing operation's sentence that the others of its circle quote, and of their names, in
/// characters.
const REASON_MAX: usize = 400;
const NAMES_SHOWN_MAX: usize = 300;

struct Run<'a> {
    bulk: &'a Bulk,
    placeholders: Placeholders,
    /// The ids that the POSTs made, by their position.
    ids: Vec<Option<String>>,
    done: Vec<Option<OperationResult>>,
    refused: &'a mut Vec<OperationRefusal>,
    /// The cost of the call before its first operation.
    unspent: u64,
}

impl<'a> Run<'a> {
    fn operation(&self, at: usize) -> Result<&'a BulkOperation> {
        self.bulk.operations.get(at).ok_or_else(|| Error::internal("a step of no operation"))
    }

    /// Returns the id that an operation made.
    fn made_id(&self, at: usize) -> Option<&str> {
        self.ids.get(at).and_then(|id| id.as_deref())
    }

    /// Returns `bulkId:NAME`.
    fn bulk_name(&self, at: usize) -> String {
        let name = self.bulk.operations.get(at).and_then(|one| one.bulk_id.as_deref());
        format!("bulkId:{}", name.unwrap_or_default())
    }

    fn run_single(&mut self, mutation: &mut Mutation<'_>, at: usize) -> Result<()> {
        let result = match self.failed_reference(at, &BTreeSet::new())? {
            Some(error) => Err(error),
            None => {
                let before = mutation.budget.spent();
                // In a transaction of its own, so that a failed operation leaves nothing behind.
                let result = mutation.in_savepoint(|mutation| self.apply_operation(mutation, at));
                // An operation that exceeds the whole budget by itself is too much for any request, and says so.
                if mutation.budget.is_exceeded() && before > self.unspent { Err(send_later()) } else { result }
            }
        };
        self.finish_operation(at, result)
    }

    /// Runs operations that refer to each other in a circle: their ids are taken beforehand, users come before the
    /// groups that hold them, and either all succeed or none (RFC 7644 section 3.7.1: one failed attempt may be the
    /// last).
    fn run_together(&mut self, mutation: &mut Mutation<'_>, circle: &[usize]) -> Result<()> {
        // Step 1: a reference out of the circle must be there already, or no operation of it can succeed.
        let beside: BTreeSet<usize> = circle.iter().copied().collect();
        for at in circle {
            if let Some(error) = self.failed_reference(*at, &beside)? {
                return circle.iter().try_for_each(|at| self.finish_operation(*at, Err(error.clone())));
            }
        }
        // Step 2: the provider may have lost the first answer, and gets it again.
        if let Some(results) = self.repeated_circle(mutation, circle)? {
            return results.into_iter().try_for_each(|(at, done)| self.finish_operation(at, Ok(done)));
        }
        // Step 3: the ids are taken beforehand, so that each operation can name the resources of the others.
        let reserved: Vec<(usize, String)> = circle.iter().map(|at| (*at, mutation.new_id())).collect();
        reserved.iter().for_each(|(at, id)| set_at(&mut self.ids, *at, Some(id.clone())));
        let before = mutation.budget.spent();
        let mut failed = None;
        // Step 4: users before groups, all in one transaction.
        let results = self.run_circle(mutation, &reserved, &mut failed);
        let error = match results {
            Ok(results) => return results.into_iter().try_for_each(|(at, done)| self.finish_operation(at, Ok(done))),
            Err(error) if error.code.is_fault() => return Err(error),
            Err(error) => error,
        };
        if mutation.budget.is_exceeded() {
            circle.iter().for_each(|at| set_at(&mut self.ids, *at, None));
            let error = if before > self.unspent { send_later() } else { error };
            return circle.iter().try_for_each(|at| self.finish_operation(*at, Err(error.clone())));
        }
        // The reserved ids belong to no resource: the sentence must make sense without them, and be the same next time.
        let names: BTreeMap<&str, usize> = reserved.iter().map(|(at, id)| (id.as_str(), *at)).collect();
        let all: Vec<String> = circle.iter().map(|at| self.bulk_name(*at)).collect();
        let all = list_ids(&all.iter().map(String::as_str).collect::<Vec<_>>());
        // Every operation of the circle repeats this sentence, so it quotes a bounded part of the failing one once.
        let detail = format!(
            "{} failed: {} Nothing was kept of {}, which refer to each other. Create them without the references, \
             then add the references by PATCH.",
            failed.map(|at| self.bulk_name(at)).unwrap_or_default(),
            cut(&with_names(&error.detail, &names, |at| self.bulk_name(at)), REASON_MAX),
            cut(&all, NAMES_SHOWN_MAX),
        );
        let error = Error::new(Code::BulkCircle, detail);
        circle.iter().for_each(|at| set_at(&mut self.ids, *at, None));
        circle.iter().try_for_each(|at| self.finish_operation(*at, Err(error.clone())))
    }

    /// Runs the operations of a circle with these ids. `failed` is set to the operation at which it ended, if it
    /// failed.
    fn run_circle(
        &self,
        mutation: &mut Mutation<'_>,
        ids: &[(usize, String)],
        failed: &mut Option<usize>,
    ) -> Result<Vec<(usize, OperationResult)>> {
        let is_user =
            |(at, _): &&(usize, String)| self.operation(*at).is_ok_and(|one| one.path.as_deref() == Some("/Users"));
        // A group can hold only users who exist, so the users are created first.
        let (users, groups): (Vec<_>, Vec<_>) = ids.iter().partition(is_user);
        mutation.in_savepoint(|mutation| {
            let mut results = Vec::new();
            for (at, id) in users.iter().chain(&groups) {
                *failed = Some(*at);
                mutation.reserve_id(id);
                let done = self.apply_operation(mutation, *at)?;
                // The other operations already name the reserved id, which a returning user does not get.
                if done.path.as_ref().is_none_or(|path| !path.ends_with(id.as_str())) {
                    let detail = format!(
                        "{} is a user who was here before and comes back with the earlier id.",
                        self.bulk_name(*at)
                    );
                    return Err(Error::new(Code::BulkCircle, detail));
                }
                results.push((*at, done));
            }
            Ok(results)
        })
    }

    /// Returns the first answers of a circle that is repeated, as a single POST gets its first answer; `None` for a new
    /// circle, or if any of its resources has changed since.
    ///
    /// The operations refer to each other by the ids that were made then, so these must be known before the operations
    /// can be compared with the stored resources.
    fn repeated_circle(
        &mut self,
        mutation: &mut Mutation<'_>,
        circle: &[usize],
    ) -> Result<Option<Vec<(usize, OperationResult)>>> {
        let mut made = Vec::new();
        for at in circle {
            let command: Command =
                json::read(self.operation(*at)?.command.as_str().as_bytes()).map_err(Error::internal)?;
            let name = |attributes: &Map<String, Value>, name: &str| {
                fold(attributes.get(name).and_then(Value::as_str).unwrap_or_default())
            };
            // Only the unique name can lead to the resource: its id is what is being searched for.
            let id = match &command {
                Command::CreateUser { user } => {
                    let key = name(&user.attributes, "userName");
                    store::users::by_user_name(mutation.sql, &key)?.map(|user| user.id.to_string())
                }
                Command::CreateGroup { group, .. } => {
                    let key = name(&group.attributes, "displayName");
                    store::groups::by_display_name(mutation.sql, &key)?.map(|group| group.id.to_string())
                }
                _ => None,
            };
            match id {
                Some(id) if mutation.is_repeat_of(&id)? => made.push((*at, id)),
                _ => return Ok(None),
            }
        }
        made.iter().for_each(|(at, id)| set_at(&mut self.ids, *at, Some(id.clone())));
        // The operations are run for comparison. If they change nothing, the stored resources still are what was
        // posted.
        let next = mutation.next_seq();
        let results = mutation.in_savepoint(|mutation| {
            let results = self.run_circle(mutation, &made, &mut None)?;
            match mutation.next_seq() == next {
                true => Ok(results),
                false => Err(Error::new(Code::BulkCircle, "Something has changed since.")),
            }
        });
        match results {
            Ok(results) => Ok(Some(results)),
            Err(error) if error.code.is_fault() => Err(error),
            Err(_) => {
                circle.iter().for_each(|at| set_at(&mut self.ids, *at, None));
                Ok(None)
            }
        }
    }

    /// Returns the refusal of an operation that refers to a failed one. Those `beside` it are still to run.
    fn failed_reference(&self, at: usize, beside: &BTreeSet<usize>) -> Result<Option<Error>> {
        let refers = &self.operation(at)?.refers;
        let missing = refers.iter().find(|other| self.made_id(**other).is_none() && !beside.contains(other));
        Ok(missing.map(|other| {
            let name = self.bulk_name(*other);
            Error::new(Code::BulkFailedReference, format!("This operation refers to {name}, which failed."))
                .with_names([name])
        }))
    }

    /// Runs an operation whose references are known.
    fn apply_operation(&self, mutation: &mut Mutation<'_>, at: usize) -> Result<OperationResult> {
        let operation = self.operation(at)?;
        let id = |other: usize| self.made_id(other).unwrap_or_default().to_owned();
        let text = self.placeholders.replace(operation.command.as_str(), id);
        let command: Command = json::read(text.as_bytes()).map_err(Error::internal)?;
        // RFC 7644 section 3.7: `version` is the If-Match of the operation.
        let answer = precondition::check_precondition(mutation.sql, &command, &operation.precondition)
            .and_then(|()| apply_command(mutation, &command))
            .map_err(|error| error.with_about(subject_of(&command)))?;
        let (path, stored) = match (answer, self.path_with_ids(operation)) {
            (Answer::Created(stored), Some(path)) => (Some(format!("{path}/{}", stored.id)), Some(stored)),
            (Answer::Resource(stored), path) => (path, Some(stored)),
            (_, path) => (path, None),
        };
        let version = stored.map(|stored| view::etag(&stored));
        let (method, bulk_id) = (operation.method.clone(), operation.bulk_id.clone());
        Ok(OperationResult { method, bulk_id, path, version, error: None })
    }

    /// Returns the operation's path, with ids where they are known.
    fn path_with_ids(&self, operation: &BulkOperation) -> Option<String> {
        let id = |other: usize| self.made_id(other).map_or_else(|| self.bulk_name(other), str::to_owned);
        operation.path.as_ref().map(|path| self.placeholders.replace(path, id))
    }

    fn finish_operation(&mut self, at: usize, result: Result<OperationResult>) -> Result<()> {
        let operation = self.operation(at)?;
        let error = match result {
            Err(error) if error.code.is_fault() => return Err(error),
            Err(error) => error,
            Ok(done) => {
                // Later operations may refer to it from now on.
                if let ("POST", Some((_, id))) =
                    (done.method.as_str(), done.path.as_ref().and_then(|p| p.rsplit_once('/')))
                {
                    set_at(&mut self.ids, at, Some(id.to_owned()));
                }
                set_at(&mut self.done, at, Some(done));
                return Ok(());
            }
        };
        let (method, bulk_id) = (operation.method.clone(), operation.bulk_id.clone());
        let path = self.path_with_ids(operation);
        self.refused.push(match &path {
            Some(path) => OperationRefusal { method: method.clone(), resource: path.clone(), error: error.clone() },
            None => refusal_at_the_edge(operation)?,
        });
        // A failed POST has no location, nor has an invalid id: a resource that was never made is named by its bulkId.
        let path = path.filter(|path| path.rsplit('/').next().and_then(MemberId::parse).is_some() && method != "POST");
        let done =
            OperationResult { method, bulk_id, path, version: None, error: Some(Error { about: None, ..error }) };
        set_at(&mut self.done, at, Some(done));
        Ok(())
    }
}

/// Returns the text with a name in the place of every id. The ids are all of one length, so one look at each place
/// finds them.
fn with_names(text: &str, ids: &BTreeMap<&str, usize>, name: impl Fn(usize) -> String) -> String {
    // A sentence may be long, so each place of it is looked at once and no text is searched for each id.
    let length = ids.keys().next().map_or(usize::MAX, |id| id.len());
    let (mut named, mut rest) = (String::new(), text);
    while let Some(next) = rest.chars().next() {
        let id = rest.split_at_checked(length).and_then(|(id, after)| Some((*ids.get(id)?, after)));
        match id {
            Some((at, after)) => {
                named.push_str(&name(at));
                rest = after;
            }
            None => {
                named.push(next);
                rest = rest.get(next.len_utf8()..).unwrap_or_default();
            }
        }
    }
    named
}

fn set_at<T>(list: &mut [T], at: usize, value: T) {
    if let Some(place) = list.get_mut(at) {
        *place = value;
    }
}

/// Returns the edge's refusal of an address that is not a user's or group's, with the text that was sent.
fn refusal_at_the_edge(operation: &BulkOperation) -> Result<OperationRefusal> {
    match json::read(operation.command.as_str().as_bytes()).map_err(Error::internal)? {
        Command::Refused { error, method, resource } => Ok(OperationRefusal { method, resource, error }),
        _ => Err(Error::internal("an operation without a path")),
    }
}
