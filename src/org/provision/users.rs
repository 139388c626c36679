//! Users: created, replaced, patched, revived, deleted (RFC 7644 sections 3.3 to 3.6), with two rules of this service:
//! `active` changes only when a request mentions it, and a request that changes nothing writes nothing.

use super::clearing::CLEAR;
use super::document::{drop_stale_formatted, parse_attributes, stored_attributes, user_content, user_to_stored};
use super::gate::{self, Mentions, Passed, Proposal};
use super::growth;
use super::membership::MEMBERSHIPS_MAX;
use super::mutation::Mutation;
use super::unregistered;
use crate::budget::Budget;
use crate::directory::reply::{Answer, Stored};
use crate::error::{Code, Error, Result, quoted};
use crate::fold::fold;
use crate::id::UserId;
use crate::org::read::related;
use crate::scim::Attributes;
use crate::scim::difference::difference;
use crate::scim::names;
use crate::scim::patch::{self, Operation, PatchOp};
use crate::scim::resource::{Resource, keep_nulls};
use crate::scim::schema::Kinds;
use crate::scim::unregistered::Unresolved;
use crate::store::changes::Kind as ChangeKind;
use crate::store::users::{self as store, User};
use crate::store::{Sql, due, memberships, tombstones};
use serde_json::{Value, json};

/// The most groups in one change row; an id has at most 128 bytes, the document 256 KiB, and a row 1 MiB.
const GROUPS_A_CHANGE: i64 = 5_000;
/// The cost of leaving one group, in units of the budget: three rows, and a place in a change.
const GROUP_UNITS: usize = 20;

/// Answers GET /Users/{id}.
pub(crate) fn get_user(sql: &dyn Sql, id: &UserId, budget: &Budget) -> Result<Answer> {
    let user = store::by_id(sql, id)?.ok_or_else(|| not_found(id))?;
    Ok(Answer::Resource(Box::new(load_with_groups(sql, user, budget)?)))
}

/// Executes POST /Users. A user who comes back is revived: an inactive user whose `externalId` and folded `userName`
/// both equal the request's gets its id again. A repeated request gets its first answer. Every other taken value is a
/// conflict.
pub(crate) fn create_user(mutation: &mut Mutation<'_>, user: &Resource) -> Result<Answer> {
    gate::may_create(mutation.options)?;
    let kind = &mutation.types.user;
    let proposed = &unregistered::proposed_attributes(mutation, kind, user, None)?;
    let text = |name: &str| proposed.get(name).and_then(Value::as_str);
    // A name with white space around it may belong to a user who was stored with it, or without it.
    let name = text("userName").unwrap_or_default();
    let mut by_name = store::by_user_name(mutation.sql, &fold(name))?;
    if by_name.is_none() && names::has_outer_blanks(name) && mutation.trims_names() {
        by_name = store::by_user_name(mutation.sql, &fold(name.trim()))?;
    }
    // Both unique values are looked up: they may belong to two different users.
    let by_external = by_external_id(mutation.sql, text("externalId"))?;
    let is_other = |found: &&User| by_name.as_ref().is_none_or(|by_name| by_name.key != found.key);
    // Comparing with them is work, which the request pays for before it is done.
    for found in by_name.iter().chain(by_external.iter().filter(is_other)) {
        mutation.spend_document(&found.content.doc)?;
    }
    match (&by_name, &by_external) {
        // A repeated POST: the same user with the same content, made minutes ago by the same token.
        (Some(same), _)
            if parse_attributes(&same.content.doc)? == *proposed && mutation.is_repeat_of(same.id.as_str())? =>
        {
            return Ok(Answer::Created(Box::new(user_to_stored(same.clone())?)));
        }
        // A user who comes back: both values lead to one inactive user, so the person is the same.
        (Some(name), Some(external)) if name.key == external.key && !name.content.active => {
            return revive_user(mutation, name.clone(), proposed.clone());
        }
        _ => {}
    }
    let said = Mentions::of_whole(proposed);
    let passed = gate::pass_gate(mutation, Proposal { kind, old: None, new: proposed.clone(), said })?;
    let content = user_content(kind, &passed.attributes, true);
    mutation.spend_document(&content.doc)?;
    mutation.spend_folded(content.folded.as_deref())?;
    // The gate is asked before the conflict, so that an invalid request hears of its own fault first.
    if let Some(taken) = by_name {
        return Err(already_taken(Code::UserNameTaken, "userName", &content.user_name, &taken));
    }
    if let Some(taken) = by_external {
        let external_id = content.external_id.as_deref().unwrap_or_default();
        return Err(already_taken(Code::ExternalIdTaken, "externalId", external_id, &taken));
    }
    // The quota is judged last: a request that would fail anyway needs no room.
    growth::may_create(mutation, Kinds::Users)?;
    mutation.notes.extend(passed.notes);
    let id = UserId::parse(&mutation.new_id()).ok_or_else(|| Error::internal("generated an invalid id"))?;
    store::insert_user(mutation.sql, &id, &content, mutation.next_seq(), mutation.changed_at())?;
    mutation.totals.users += 1;
    mutation.totals.active_users += i64::from(content.active);
    mutation.add_change(ChangeKind::Created, "User", id.as_str(), None);
    let created = mutation.changed_at();
    let user = User { key: 0, id, content, version: 1, seq: 0, created, modified: created };
    Ok(Answer::Created(Box::new(user_to_stored(user)?)))
}

fn revive_user(mutation: &mut Mutation<'_>, user: User, mut new: Attributes) -> Result<Answer> {
    growth::may_return(mutation)?;
    mutation.changes_at(user.id.as_str(), user.seq);
    // A POST means an active user unless it says otherwise; the stored `false` must not survive it.
    new.entry("active").or_insert(Value::Bool(true));
    let old = stored_attributes(&mutation.types.user, &user.content.doc)?;
    let said = Mentions::of_whole(&new);
    let passed = gate::pass_gate(mutation, Proposal { kind: &mutation.types.user, old: Some(&old), new, said })?;
    // Groups of the former employment are left: the provider pushes those of the new one.
    let memberships = memberships::count_groups(mutation.sql, user.key, Some(MEMBERSHIPS_MAX as i64))?;
    if memberships > MEMBERSHIPS_MAX as i64 {
        let detail = format!(
            "User {} comes back and would leave more than {MEMBERSHIPS_MAX} groups, at most {MEMBERSHIPS_MAX} at a \
             time. Delete the user, then create it again. Nothing was changed.",
            user.id
        );
        return Err(Error::new(Code::TooManyMemberships, detail));
    }
    mutation.count_deprovisioned(usize::try_from(memberships).unwrap_or(usize::MAX))?;
    let left = leave_groups(mutation, &user)?;
    match store_changed(mutation, user, &old, passed, &left)? {
        Answer::Resource(stored) => Ok(Answer::Created(stored)),
        other => Ok(other),
    }
}

/// Executes PUT /Users/{id} (RFC 7644 section 3.5.1). Omitted attributes are cleared, except `externalId` and `active`:
/// clearing them by omission would break the provider's matching, or reactivate a user.
pub(crate) fn replace_user(
    mutation: &mut Mutation<'_>,
    id: &UserId,
    user: &Resource,
    mend_formatted: bool,
    null_keeps: bool,
) -> Result<Answer> {
    let (old, stored) = open_user(mutation, id)?;
    let mut new = unregistered::proposed_attributes(mutation, &mutation.types.user, user, Some(&stored))?;
    // Providers send null for attributes without a source; the repair reads it as an absent attribute.
    if null_keeps {
        keep_nulls(&mutation.types.user, &user.nulls, &stored, &mut new);
    }
    // Restored before the gate judges, so that their omission is no change.
    for kept in ["externalId", "active"] {
        if !new.contains_key(kept)
            && let Some(value) = stored.get(kept)
        {
            new.insert(kept.to_owned(), value.clone());
        }
    }
    // The provider sends the old formatted name beside the new parts. It is compared with the name before the last
    // change too, so that the same request has the same result twice.
    if mend_formatted && new.get("name").is_some_and(|name| name.get("formatted").is_some()) {
        let before = mutation.attribute_before(old.seq, "name", stored.get("name"))?;
        if drop_stale_formatted(&[stored.get("name"), before.as_ref()], &mut new) {
            mutation.note_repair("stale_formatted");
        }
    }
    let said = Mentions::of_whole(&user.attributes);
    let passed = gate::pass_gate(mutation, Proposal { kind: &mutation.types.user, old: Some(&stored), new, said })?;
    store_changed(mutation, old, &stored, passed, &[])
}

/// Executes PATCH /Users/{id} (RFC 7644 section 3.5.2).
pub(crate) fn patch_user(
    mutation: &mut Mutation<'_>,
    id: &UserId,
    operations: &[Operation],
    unresolved: &[Unresolved],
) -> Result<Answer> {
    let kind = &mutation.types.user;
    let (old, stored) = open_user(mutation, id)?;
    let mut new = stored.clone();
    let operations: Vec<&Operation> = operations.iter().collect();
    let applied = patch::apply_operations(kind, &mut new, &operations, mutation.budget)?;
    mutation.note_patched(applied);
    unregistered::apply_unregistered(mutation, kind, &stored, &mut new, unresolved)?;
    // `active` alone is not a profile update: the sync options switch the two separately.
    let active =
        operations.iter().filter(|one| one.path.target.urn.is_none() && one.path.target.name == "active").count();
    let removal = operations.iter().any(|one| one.op == PatchOp::Remove);
    let unresolved = unresolved.iter().filter(|one| unregistered::may_change(kind, one)).count();
    let profile = active < operations.len() + unresolved;
    let said = Mentions { whole: false, active: active > 0, profile, removal };
    let passed = gate::pass_gate(mutation, Proposal { kind, old: Some(&stored), new, said })?;
    store_changed(mutation, old, &stored, passed, &[])
}

/// Executes DELETE /Users/{id} (RFC 7644 section 3.6): the id is remembered and never used again.
pub(crate) fn delete_user(mutation: &mut Mutation<'_>, id: &UserId) -> Result<Answer> {
    gate::may_delete(mutation.options)?;
    let user = store::by_id(mutation.sql, id)?.ok_or_else(|| not_found(id))?;
    mutation.changes_at(id.as_str(), user.seq);
    // The guard is asked before anything is written.
    mutation.count_deprovisioned(1)?;
    let most = MEMBERSHIPS_MAX as i64;
    // More memberships than one request may change are removed by a job; the user is gone for every read at once.
    let (left, gone_with) = if memberships::count_groups(mutation.sql, user.key, Some(most))? > most {
        let count = memberships::count_groups(mutation.sql, user.key, None)?;
        mutation.totals.memberships -= count;
        store::make_gone(mutation.sql, user.key, mutation.next_seq())?;
        due::set_due(mutation.sql, CLEAR, Some(mutation.changed_at()))?;
        (Vec::new(), Some(count))
    } else {
        let left = leave_groups(mutation, &user)?;
        memberships::clear_memberships(mutation.sql, user.key)?;
        store::delete_user(mutation.sql, user.key)?;
        (left, None)
    };
    tombstones::bury_id(mutation.sql, id.as_str(), "User", mutation.next_seq())?;
    mutation.totals.users -= 1;
    mutation.totals.active_users -= i64::from(user.content.active);
    mutation.spend_document(&user.content.doc)?;
    let mut before = parse_attributes(&user.content.doc)?;
    before.insert("groups".to_owned(), json!(left));
    if let Some(count) = gone_with {
        before.insert("memberships".to_owned(), json!(count));
    }
    mutation.add_change(ChangeKind::Deleted, "User", id.as_str(), Some(before));
    Ok(Answer::Nothing)
}

/// Reads the user that a request changes, and its attributes.
fn open_user(mutation: &mut Mutation<'_>, id: &UserId) -> Result<(User, Attributes)> {
    let user = store::by_id(mutation.sql, id)?.ok_or_else(|| not_found(id))?;
    mutation.changes_at(id.as_str(), user.seq);
    mutation.spend_document(&user.content.doc)?;
    let stored = stored_attributes(&mutation.types.user, &user.content.doc)?;
    Ok((user, stored))
}

/// Removes a user from all groups. The request's last change of that user names them. If there are very many, each full
/// piece has a change of its own before it.
fn leave_groups(mutation: &mut Mutation<'_>, user: &User) -> Result<Vec<String>> {
    loop {
        // One more than a change holds tells whether another piece follows.
        let mut left = memberships::some_groups(mutation.sql, user.key, GROUPS_A_CHANGE + 1)?;
        let more = left.len() as i64 > GROUPS_A_CHANGE;
        left.truncate(GROUPS_A_CHANGE as usize);
        if left.is_empty() {
            return Ok(Vec::new());
        }
        mutation.budget.spend_each(left.len(), GROUP_UNITS)?;
        memberships::leave_groups(mutation.sql, user.key, &left, mutation.changed_at())?;
        mutation.totals.memberships -= left.len() as i64;
        if !more {
            return memberships::group_ids(mutation.sql, &left);
        }
        mutation.left_change(user.id.as_str(), &left)?;
    }
}

/// Stores the differences from the attributes that are `stored`; writes nothing if there are none. `left` are groups
/// from which the user was removed before.
fn store_changed(
    mutation: &mut Mutation<'_>,
    old: User,
    stored: &Attributes,
    passed: Passed,
    left: &[String],
) -> Result<Answer> {
    let Passed { attributes: mut new, notes, said } = passed;
    mutation.notes.extend(notes);
    let mut content = user_content(&mutation.types.user, &new, old.content.active);
    mutation.spend_document(&content.doc)?;
    mutation.spend_folded(content.folded.as_deref())?;
    // Nothing differs: no version, no change, no row.
    if new == *stored && left.is_empty() {
        return Ok(Answer::Resource(Box::new(load_with_groups(mutation.sql, old, mutation.budget)?)));
    }
    if let Some(mut full) = growth::limit_reached(mutation, content.doc.len() > old.content.doc.len())? {
        // A deactivation is never left out of a request.
        let says_active = full.takes_active(said.active, content.active);
        new = full.fit_attributes(mutation, stored, &new, &content.doc)?;
        content = user_content(&mutation.types.user, &new, old.content.active);
        let is_same = new == *stored && left.is_empty();
        full.settle_request(mutation, &format!("user {}", old.id), says_active || !is_same)?;
        if is_same {
            return Ok(Answer::Resource(Box::new(load_with_groups(mutation.sql, old, mutation.budget)?)));
        }
    }
    // Only a new value can collide; a stored one was unique when it was written.
    if content.user_name_key != old.content.user_name_key
        && let Some(taken) = store::by_user_name(mutation.sql, &content.user_name_key)?
    {
        return Err(already_taken(Code::UserNameTaken, "userName", &content.user_name, &taken));
    }
    if content.external_id != old.content.external_id
        && let Some(taken) = by_external_id(mutation.sql, content.external_id.as_deref())?
    {
        return Err(already_taken(
            Code::ExternalIdTaken,
            "externalId",
            content.external_id.as_deref().unwrap_or_default(),
            &taken,
        ));
    }
    // A linked account's name then finds another user: the user counts as lost.
    let renamed = content.user_name_key != old.content.user_name_key && old.content.external_id.is_some();
    let deactivated = old.content.active && !content.active;
    mutation.count_deprovisioned(usize::from(deactivated) + usize::from(renamed))?;
    store::update_user(mutation.sql, &old, &content, mutation.next_seq(), mutation.changed_at())?;
    // Readers of the feed act on the kind of change, so a change of `active` names itself.
    let what = match (old.content.active, content.active) {
        (true, false) => ChangeKind::Deactivated,
        (false, true) => ChangeKind::Reactivated,
        _ => ChangeKind::Updated,
    };
    mutation.totals.active_users += i64::from(content.active) - i64::from(old.content.active);
    let mut before = difference(stored, &new, mutation.budget)?;
    if !left.is_empty() {
        before.insert("groups".to_owned(), json!(left));
    }
    mutation.add_change(what, "User", old.id.as_str(), Some(before));
    let modified = mutation.changed_at();
    let user = User { content, version: old.version + 1, modified, ..old };
    Ok(Answer::Resource(Box::new(load_with_groups(mutation.sql, user, mutation.budget)?)))
}

fn load_with_groups(sql: &dyn Sql, user: User, budget: &Budget) -> Result<Stored> {
    related::with_groups(sql, user.key, user_to_stored(user)?, budget)
}

fn by_external_id(sql: &dyn Sql, external_id: Option<&str>) -> Result<Option<User>> {
    external_id.map_or(Ok(None), |external_id| store::by_external_id(sql, external_id))
}

fn already_taken(code: Code, attribute: &str, value: &str, taken: &User) -> Error {
    let (state, way) = if taken.content.active {
        ("the active", "Link to that user, or change one of the two.")
    } else {
        ("the inactive", "To bring that user back, PATCH its active to true.")
    };
    let detail = format!("{attribute} {value} is taken by {state} user {}. {way}", taken.id, value = quoted(value));
    Error::new(code, detail).with_names([taken.id.as_str()])
}

fn not_found(id: &UserId) -> Error {
    Error::new(Code::UserNotFound, format!("There is no user {id} in this organisation."))
}
