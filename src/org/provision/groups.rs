//! Groups: created, replaced, patched, deleted (RFC 7644 sections 3.3 to 3.6). Flat, and their members are rows.

use super::clearing::CLEAR;
use super::delta::Delta;
use super::document::{group_content, group_to_stored, parse_attributes, stored_attributes};
use super::gate::{self, Mentions, Passed, Proposal};
use super::growth;
use super::membership::{self, Judged};
use super::mutation::Mutation;
use super::unregistered;
use crate::directory::reply::{Answer, Stored};
use crate::directory::scim::{GroupOperation, Members};
use crate::error::{Code, Error, Result, quoted};
use crate::fold::fold;
use crate::id::{GroupId, MemberId, Seq};
use crate::org::read::related;
use crate::scim::Attributes;
use crate::scim::difference::difference;
use crate::scim::patch::{self, PatchOp};
use crate::scim::resource::{Resource, keep_nulls};
use crate::scim::schema::Kinds;
use crate::scim::unregistered::Unresolved;
use crate::store::changes::Kind as ChangeKind;
use crate::store::groups::{self as store, Group, GroupContent};
use crate::store::{Sql, due, members, tombstones};
use serde_json::{Value, json};

/// Answers GET /Groups/{id}.
pub(crate) fn get_group(sql: &dyn Sql, id: &GroupId, shown: Members) -> Result<Answer> {
    let group = store::by_id(sql, id)?.ok_or_else(|| not_found(id))?;
    Ok(Answer::Resource(Box::new(load_shown(sql, group, shown)?)))
}

/// Executes POST /Groups. A repeated request gets its first answer.
pub(crate) fn create_group(mutation: &mut Mutation<'_>, group: &Resource, ids: &[MemberId]) -> Result<Answer> {
    gate::may_push(mutation.options)?;
    let (kind, said) = (&mutation.types.group, Mentions::of_whole(&group.attributes));
    let new = unregistered::proposed_attributes(mutation, kind, group, None)?;
    let passed = gate::pass_gate(mutation, Proposal { kind, old: None, new, said })?;
    let content = group_content(kind, &passed.attributes);
    mutation.spend_document(&content.doc)?;
    mutation.spend_folded(content.folded.as_deref())?;
    // Sentences name a group that has no id yet by its quoted name.
    let label = format!("{:?}", content.display_name);
    let mut delta = Delta::default();
    delta.replace_members(ids);
    // A repeated POST: the same document, the same members, made minutes ago by the same token.
    if let Some(same) = store::by_display_name(mutation.sql, &content.display_name_key)?
        && same.content.doc == content.doc
        && mutation.is_repeat_of(same.id.as_str())?
        && membership::judge_delta(mutation, Some(same.key), &label, &delta)?
            .net_effect(mutation, Some(same.key), &label)?
            .is_nothing()
    {
        return Ok(Answer::Created(Box::new(load_shown(mutation.sql, same, mutation.members)?)));
    }
    mutation.notes.extend(passed.notes);
    check_free(mutation.sql, &content, None)?;
    // The name as it was sent is tried too: a group may be stored with the white space that was removed here.
    if let Some(name) = group.attributes.get("displayName").and_then(Value::as_str).filter(|_| mutation.trims_names())
        && let Some(taken) = store::by_display_name(mutation.sql, &fold(name))?
    {
        return Err(already_taken(Code::GroupNameTaken, "displayName", name, &taken));
    }
    growth::may_create(mutation, Kinds::Groups)?;
    let effect = membership::judge_delta(mutation, None, &label, &delta)?.net_effect(mutation, None, &label)?;
    let id = GroupId::parse(&mutation.new_id()).ok_or_else(|| Error::internal("generated an invalid id"))?;
    // Its last change is that of its last members.
    let last = mutation.next_seq() + effect.count_changes();
    let key = store::insert_group(mutation.sql, &id, &content, last, mutation.changed_at())?;
    mutation.totals.groups += 1;
    mutation.add_change(ChangeKind::Created, "Group", id.as_str(), None);
    membership::write_effect(mutation, key, id.as_str(), &effect)?;
    let created = mutation.changed_at();
    let group = Group { key, id, content, version: 1, seq: last, created, modified: created };
    Ok(Answer::Created(Box::new(load_shown(mutation.sql, group, mutation.members)?)))
}

/// Executes PUT /Groups/{id}. Members that are not mentioned are kept, as is `externalId`; `members: []` empties the
/// group.
pub(crate) fn replace_group(
    mutation: &mut Mutation<'_>,
    id: &GroupId,
    group: &Resource,
    ids: Option<&[MemberId]>,
) -> Result<Answer> {
    gate::may_push(mutation.options)?;
    let kind = &mutation.types.group;
    let (old, stored) = open_group(mutation, id)?;
    let mut new = unregistered::proposed_attributes(mutation, kind, group, Some(&stored))?;
    keep_nulls(kind, &group.nulls, &stored, &mut new);
    // A PUT without it must not unlink the group from its provider.
    if !new.contains_key("externalId")
        && let Some(external_id) = &old.content.external_id
    {
        new.insert("externalId".to_owned(), Value::from(external_id.as_str()));
    }
    let passed = gate::pass_gate(
        mutation,
        Proposal { kind, old: Some(&stored), new, said: Mentions::of_whole(&group.attributes) },
    )?;
    let mut delta = Delta::default();
    if let Some(ids) = ids {
        delta.replace_members(ids);
    }
    let judged = membership::judge_delta(mutation, Some(old.key), id.as_str(), &delta)?;
    let group = store_changed(mutation, old, &stored, passed, &judged)?;
    Ok(Answer::Resource(Box::new(load_shown(mutation.sql, group, mutation.members)?)))
}

/// Executes PATCH /Groups/{id}.
pub(crate) fn patch_group(
    mutation: &mut Mutation<'_>,
    id: &GroupId,
    (operations, unresolved): (&[GroupOperation], &[Unresolved]),
    answer: Option<Members>,
) -> Result<Answer> {
    gate::may_push(mutation.options)?;
    let kind = &mutation.types.group;
    let (old, stored) = open_group(mutation, id)?;
    let mut new = stored.clone();
    let mut delta = Delta::default();
    let mut of_attributes = Vec::new();
    for operation in operations {
        match operation {
            GroupOperation::Attribute(one) => of_attributes.push(one.as_ref()),
            GroupOperation::AddMembers(ids) => delta.add_members(ids),
            GroupOperation::RemoveMembers(ids) => delta.remove_members(ids),
            GroupOperation::ReplaceMembers(ids) => delta.replace_members(ids),
            GroupOperation::RemoveMatching(filter) => delta.remove_matching(filter, mutation.budget)?,
            GroupOperation::ReplaceMatching { filter, members } => {
                delta.replace_matching(filter, members, mutation.budget)?;
            }
        }
    }
    let judged = membership::judge_delta(mutation, Some(old.key), id.as_str(), &delta)?;
    // Operations on attributes and on members are independent, so their order among each other does not matter.
    let applied = patch::apply_operations(kind, &mut new, &of_attributes, mutation.budget)?;
    mutation.note_patched(applied);
    unregistered::apply_unregistered(mutation, kind, &stored, &mut new, unresolved)?;
    let removal = of_attributes.iter().any(|one| one.op == PatchOp::Remove);
    let said = Mentions { whole: false, active: false, profile: true, removal };
    let passed = gate::pass_gate(mutation, Proposal { kind, old: Some(&stored), new, said })?;
    let group = store_changed(mutation, old, &stored, passed, &judged)?;
    match answer {
        None => Ok(Answer::Nothing),
        Some(shown) => Ok(Answer::Resource(Box::new(load_shown(mutation.sql, group, shown)?))),
    }
}

/// Executes DELETE /Groups/{id} (RFC 7644 section 3.6).
pub(crate) fn delete_group(mutation: &mut Mutation<'_>, id: &GroupId) -> Result<Answer> {
    gate::may_push(mutation.options)?;
    let group = store::by_id(mutation.sql, id)?.ok_or_else(|| not_found(id))?;
    mutation.changes_at(id.as_str(), group.seq);
    mutation.spend_document(&group.content.doc)?;
    // The change keeps the whole resource: it cannot be read any more afterwards.
    let mut before = parse_attributes(&group.content.doc)?;
    // More memberships than one request may change are removed by a job; the group is gone for every read at once.
    if membership::is_large(mutation.sql, group.key)? {
        let count = members::count_members(mutation.sql, group.key, members::BEFORE_ALL, -members::BEFORE_ALL)?;
        mutation.count_deprovisioned(usize::try_from(count).unwrap_or(usize::MAX))?;
        mutation.totals.memberships -= count;
        before.insert("memberships".to_owned(), json!(count));
        store::make_gone(mutation.sql, group.key)?;
        due::set_due(mutation.sql, CLEAR, Some(mutation.changed_at()))?;
    } else {
        // The feed names the members before the group is deleted.
        let mut delta = Delta::default();
        delta.replace_members(&[]);
        let (key, id) = (Some(group.key), id.as_str());
        let effect = membership::judge_delta(mutation, key, id, &delta)?.net_effect(mutation, key, id)?;
        mutation.count_deprovisioned(effect.count_removed())?;
        membership::write_effect(mutation, group.key, id, &effect)?;
        members::clear_members(mutation.sql, group.key)?;
        store::delete_group(mutation.sql, group.key)?;
    }
    tombstones::bury_id(mutation.sql, id.as_str(), "Group", mutation.next_seq())?;
    mutation.totals.groups -= 1;
    mutation.add_change(ChangeKind::Deleted, "Group", id.as_str(), Some(before));
    Ok(Answer::Nothing)
}

/// Reads the group that a request changes, and its attributes.
fn open_group(mutation: &mut Mutation<'_>, id: &GroupId) -> Result<(Group, Attributes)> {
    let group = store::by_id(mutation.sql, id)?.ok_or_else(|| not_found(id))?;
    mutation.changes_at(id.as_str(), group.seq);
    mutation.spend_document(&group.content.doc)?;
    let stored = stored_attributes(&mutation.types.group, &group.content.doc)?;
    Ok((group, stored))
}

/// Stores the differences from the `stored` attributes and members, with one new version; writes nothing if there are
/// none.
fn store_changed(
    mutation: &mut Mutation<'_>,
    old: Group,
    stored: &Attributes,
    passed: Passed,
    members: &Judged<'_>,
) -> Result<Group> {
    let Passed { attributes: mut new, notes, .. } = passed;
    mutation.notes.extend(notes);
    let mut content = group_content(&mutation.types.group, &new);
    mutation.spend_document(&content.doc)?;
    mutation.spend_folded(content.folded.as_deref())?;
    let mut effect = members.net_effect(mutation, Some(old.key), old.id.as_str())?;
    // The name may have been reserved after the group was made. The group stays as it is, but gains no members.
    if effect.adds_members() && gate::is_reserved(mutation, &content.display_name) {
        let added = match effect.without_additions() {
            1 => "1 member was".to_owned(),
            count => format!("{count} members were"),
        };
        if new == *stored && effect.is_nothing() {
            return Err(gate::no_members(&content.display_name));
        }
        mutation
            .notes
            .push(format!("{added} not added to group {}: its name is reserved (reservedGroupNames).", old.id));
    }
    if new == *stored && effect.is_nothing() {
        return Ok(old);
    }
    // Where there is no room, the parts that grow are left out and the others are done.
    if let Some(mut full) =
        growth::limit_reached(mutation, content.doc.len() > old.content.doc.len() || effect.adds_members())?
    {
        new = full.fit_attributes(mutation, stored, &new, &content.doc)?;
        content = group_content(&mutation.types.group, &new);
        full.without_members(effect.without_additions());
        let is_same = new == *stored && effect.is_nothing();
        full.settle_request(mutation, &format!("group {}", old.id), members.removes_members() || !is_same)?;
        if is_same {
            return Ok(old);
        }
    }
    let changes = new != *stored;
    // Only a new name or `externalId` can collide.
    let names = |content: &GroupContent| (content.display_name_key.clone(), content.external_id.clone());
    if names(&content) != names(&old.content) {
        check_free(mutation.sql, &content, Some(&old))?;
    }
    mutation.count_deprovisioned(effect.count_removed())?;
    // The row names its last change, which may be that of its last members.
    let last = mutation.next_seq() - 1 + Seq::from(changes) + effect.count_changes();
    store::update_group(mutation.sql, &old, &content, last, mutation.changed_at())?;
    if changes {
        mutation.add_change(
            ChangeKind::Updated,
            "Group",
            old.id.as_str(),
            Some(difference(stored, &new, mutation.budget)?),
        );
    }
    membership::write_effect(mutation, old.key, old.id.as_str(), &effect)?;
    Ok(Group { content, version: old.version + 1, seq: last, modified: mutation.changed_at(), ..old })
}

/// Returns 409 if another group than `old` has the name or the `externalId`.
fn check_free(sql: &dyn Sql, content: &GroupContent, old: Option<&Group>) -> Result<()> {
    let other = |found: Option<Group>| found.filter(|group| old.is_none_or(|old| old.key != group.key));
    if let Some(taken) = other(store::by_display_name(sql, &content.display_name_key)?) {
        return Err(already_taken(Code::GroupNameTaken, "displayName", &content.display_name, &taken));
    }
    if let Some(external_id) = &content.external_id
        && let Some(taken) = other(store::by_external_id(sql, external_id)?)
    {
        return Err(already_taken(Code::ExternalIdTaken, "externalId", external_id, &taken));
    }
    Ok(())
}

fn load_shown(sql: &dyn Sql, group: Group, shown: Members) -> Result<Stored> {
    match (shown, group.key) {
        (Members::Hidden, _) => group_to_stored(group),
        (Members::Shown, key) => related::with_members(sql, key, group_to_stored(group)?),
    }
}

fn already_taken(code: Code, attribute: &str, value: &str, taken: &Group) -> Error {
    let detail = format!(
        "{attribute} {value} is taken by group {}. Rename one of the two, or link the pushed group to that one.",
        taken.id,
        value = quoted(value)
    );
    Error::new(code, detail).with_names([taken.id.as_str()])
}

/// Returns 404 for a group.
pub(crate) fn not_found(id: &GroupId) -> Error {
    Error::new(Code::GroupNotFound, format!("There is no group {id} in this organisation."))
}
