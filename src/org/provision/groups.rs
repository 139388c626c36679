//! Groups: created, replaced, patched, deleted (RFC 7644 sections 3.3 to 3.6). Flat, and their members are rows.

use super::clearing::CLEAR;
use super::gate::{self, Passed, Proposal, Said};
use super::growth;
use super::membership::{self, Delta, Judged};
use super::mutation::Work;
use super::unregistered;
use super::users::attributes;
use crate::directory::reply::{Answer, Stored};
use crate::directory::scim::{GroupOperation, Members};
use crate::error::{Code, Error, Result, quoted};
use crate::fold::fold;
use crate::id::{GroupId, MemberId, Seq};
use crate::org::read::related;
use crate::scim::difference::difference;
use crate::scim::patch::{self, Op};
use crate::scim::resource::{Resource, keep_nulls, schemas};
use crate::scim::schema::{Kinds, ResourceType};
use crate::scim::unregistered::Unresolved;
use crate::store::changes::Kind as ChangeKind;
use crate::store::folded::folded;
use crate::store::groups::{self as store, Content, Group};
use crate::store::{Sql, due, members, tombstones};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// Answers GET /Groups/{id}.
pub(crate) fn get(sql: &dyn Sql, id: &GroupId, shown: Members) -> Result<Answer> {
    let group = store::by_id(sql, id)?.ok_or_else(|| not_found(id))?;
    Ok(Answer::Resource(Box::new(one(sql, group, shown)?)))
}

/// Executes POST /Groups. A repeated request gets its first answer.
pub(crate) fn create(work: &mut Work<'_>, group: &Resource, ids: &[MemberId]) -> Result<Answer> {
    gate::may_push(work.options)?;
    let (kind, said) = (&work.types.group, Said::whole(&group.attributes));
    let new = unregistered::proposed(work, kind, group, None)?;
    let passed = gate::pass(work, Proposal { kind, old: None, new, said })?;
    let content = content(kind, &passed.attributes);
    work.spend_document(&content.doc)?;
    work.spend_folded(content.folded.as_deref())?;
    let label = format!("{:?}", content.display_name);
    let mut delta = Delta::default();
    delta.replace(ids);
    if let Some(same) = store::by_display_name(work.sql, &content.display_name_key)?
        && same.content.doc == content.doc
        && work.made(same.id.as_str())?
        && membership::find(work, Some(same.key), &label, &delta)?.effect(work, Some(same.key), &label)?.is_nothing()
    {
        return Ok(Answer::Created(Box::new(one(work.sql, same, work.members)?)));
    }
    work.notes.extend(passed.notes);
    check_free(work.sql, &content, None)?;
    if let Some(name) = group.attributes.get("displayName").and_then(Value::as_str).filter(|_| work.cuts())
        && let Some(taken) = store::by_display_name(work.sql, &fold(name))?
    {
        return Err(conflict(Code::GroupNameTaken, "displayName", name, &taken));
    }
    growth::may_create(work, Kinds::Groups)?;
    let effect = membership::find(work, None, &label, &delta)?.effect(work, None, &label)?;
    let id = GroupId::parse(&work.new_id()).ok_or_else(|| Error::internal("generated an invalid id"))?;
    // Its last change is that of its last members.
    let last = work.next_seq() + effect.changes();
    let key = store::insert(work.sql, &id, &content, last, work.at())?;
    work.totals.groups += 1;
    work.change(ChangeKind::Created, "Group", id.as_str(), None);
    membership::write(work, key, id.as_str(), &effect)?;
    let created = work.at();
    let group = Group { key, id, content, version: 1, seq: last, created, modified: created };
    Ok(Answer::Created(Box::new(one(work.sql, group, work.members)?)))
}

/// Executes PUT /Groups/{id}. Members that are not mentioned are kept, as is `externalId`; `members: []` empties the
/// group.
pub(crate) fn replace(work: &mut Work<'_>, id: &GroupId, group: &Resource, ids: Option<&[MemberId]>) -> Result<Answer> {
    gate::may_push(work.options)?;
    let old = store::by_id(work.sql, id)?.ok_or_else(|| not_found(id))?;
    work.changes_at(id.as_str(), old.seq);
    work.spend_document(&old.content.doc)?;
    let kind = &work.types.group;
    let stored = gate::stored(kind, &old.content.doc)?;
    let mut new = unregistered::proposed(work, kind, group, Some(&stored))?;
    keep_nulls(kind, &group.nulls, &stored, &mut new);
    if !new.contains_key("externalId")
        && let Some(external_id) = &old.content.external_id
    {
        new.insert("externalId".to_owned(), Value::from(external_id.as_str()));
    }
    let passed = gate::pass(work, Proposal { kind, old: Some(&stored), new, said: Said::whole(&group.attributes) })?;
    let mut delta = Delta::default();
    if let Some(ids) = ids {
        delta.replace(ids);
    }
    let judged = membership::find(work, Some(old.key), id.as_str(), &delta)?;
    let group = store_changed(work, old, &stored, passed, &judged)?;
    Ok(Answer::Resource(Box::new(one(work.sql, group, work.members)?)))
}

/// Executes PATCH /Groups/{id}.
pub(crate) fn patch(
    work: &mut Work<'_>,
    id: &GroupId,
    (operations, unresolved): (&[GroupOperation], &[Unresolved]),
    answer: Option<Members>,
) -> Result<Answer> {
    gate::may_push(work.options)?;
    let old = store::by_id(work.sql, id)?.ok_or_else(|| not_found(id))?;
    work.changes_at(id.as_str(), old.seq);
    work.spend_document(&old.content.doc)?;
    let kind = &work.types.group;
    let stored = gate::stored(kind, &old.content.doc)?;
    let mut new = stored.clone();
    let mut delta = Delta::default();
    let mut of_attributes = Vec::new();
    for operation in operations {
        match operation {
            GroupOperation::Attribute(one) => of_attributes.push(one.as_ref()),
            GroupOperation::AddMembers(ids) => delta.add(ids),
            GroupOperation::RemoveMembers(ids) => delta.remove(ids),
            GroupOperation::ReplaceMembers(ids) => delta.replace(ids),
            GroupOperation::RemoveMatching(filter) => delta.remove_matching(filter, work.budget)?,
            GroupOperation::ReplaceMatching { filter, members } => {
                delta.replace_matching(filter, members, work.budget)?;
            }
        }
    }
    let judged = membership::find(work, Some(old.key), id.as_str(), &delta)?;
    if patch::apply(kind, &mut new, &of_attributes, work.budget)? {
        work.repaired("create_missing_element");
    }
    unregistered::apply(work, kind, &stored, &mut new, unresolved)?;
    let removal = of_attributes.iter().any(|one| one.op == Op::Remove);
    let said = Said { whole: false, active: false, profile: true, removal };
    let passed = gate::pass(work, Proposal { kind, old: Some(&stored), new, said })?;
    let group = store_changed(work, old, &stored, passed, &judged)?;
    match answer {
        None => Ok(Answer::Nothing),
        Some(shown) => Ok(Answer::Resource(Box::new(one(work.sql, group, shown)?))),
    }
}

/// Executes DELETE /Groups/{id} (RFC 7644 section 3.6).
pub(crate) fn delete(work: &mut Work<'_>, id: &GroupId) -> Result<Answer> {
    gate::may_push(work.options)?;
    let group = store::by_id(work.sql, id)?.ok_or_else(|| not_found(id))?;
    work.changes_at(id.as_str(), group.seq);
    work.spend_document(&group.content.doc)?;
    let mut before = attributes(&group.content.doc)?;
    if membership::is_large(work.sql, group.key)? {
        let count = members::count(work.sql, group.key, members::BEFORE_ALL, -members::BEFORE_ALL)?;
        work.lose(usize::try_from(count).unwrap_or(usize::MAX))?;
        work.totals.memberships -= count;
        before.insert("memberships".to_owned(), json!(count));
        store::make_gone(work.sql, group.key)?;
        due::set(work.sql, CLEAR, Some(work.at()))?;
    } else {
        // The feed names the members before the group is deleted.
        let mut delta = Delta::default();
        delta.replace(&[]);
        let (key, id) = (Some(group.key), id.as_str());
        let effect = membership::find(work, key, id, &delta)?.effect(work, key, id)?;
        work.lose(effect.removed())?;
        membership::write(work, group.key, id, &effect)?;
        members::clear(work.sql, group.key)?;
        store::delete(work.sql, group.key)?;
    }
    tombstones::bury(work.sql, id.as_str(), "Group", work.next_seq())?;
    work.totals.groups -= 1;
    work.change(ChangeKind::Deleted, "Group", id.as_str(), Some(before));
    Ok(Answer::Nothing)
}

/// Stores the differences from the `stored` attributes and members, with one new version; writes nothing if there are
/// none.
fn store_changed(
    work: &mut Work<'_>,
    old: Group,
    stored: &Map<String, Value>,
    passed: Passed,
    members: &Judged<'_>,
) -> Result<Group> {
    let Passed { attributes: mut new, notes, .. } = passed;
    work.notes.extend(notes);
    let mut content = content(&work.types.group, &new);
    work.spend_document(&content.doc)?;
    work.spend_folded(content.folded.as_deref())?;
    let mut effect = members.effect(work, Some(old.key), old.id.as_str())?;
    if effect.adds() && gate::is_reserved(work, &content.display_name) {
        let added = match effect.without_additions() {
            1 => "1 member was".to_owned(),
            count => format!("{count} members were"),
        };
        if new == *stored && effect.is_nothing() {
            return Err(gate::no_members(&content.display_name));
        }
        work.notes.push(format!("{added} not added to group {}: its name is reserved (reservedGroupNames).", old.id));
    }
    if new == *stored && effect.is_nothing() {
        return Ok(old);
    }
    if let Some(mut full) = growth::full(work, content.doc.len() > old.content.doc.len() || effect.adds())? {
        new = full.fitted(work, stored, &new, &content.doc)?;
        content = self::content(&work.types.group, &new);
        full.without_members(effect.without_additions());
        let is_same = new == *stored && effect.is_nothing();
        full.settle(work, &format!("group {}", old.id), members.removes() || !is_same)?;
        if is_same {
            return Ok(old);
        }
    }
    let changes = new != *stored;
    let names = |content: &Content| (content.display_name_key.clone(), content.external_id.clone());
    if names(&content) != names(&old.content) {
        check_free(work.sql, &content, Some(&old))?;
    }
    work.lose(effect.removed())?;
    let last = work.next_seq() - 1 + Seq::from(changes) + effect.changes();
    store::update(work.sql, &old, &content, last, work.at())?;
    if changes {
        work.change(ChangeKind::Updated, "Group", old.id.as_str(), Some(difference(stored, &new, work.budget)?));
    }
    membership::write(work, old.key, old.id.as_str(), &effect)?;
    Ok(Group { content, version: old.version + 1, seq: last, modified: work.at(), ..old })
}

/// Returns 409 if another group than `old` has the name or the `externalId`.
fn check_free(sql: &dyn Sql, content: &Content, old: Option<&Group>) -> Result<()> {
    let other = |found: Option<Group>| found.filter(|group| old.is_none_or(|old| old.key != group.key));
    if let Some(taken) = other(store::by_display_name(sql, &content.display_name_key)?) {
        return Err(conflict(Code::GroupNameTaken, "displayName", &content.display_name, &taken));
    }
    if let Some(external_id) = &content.external_id
        && let Some(taken) = other(store::by_external_id(sql, external_id)?)
    {
        return Err(conflict(Code::ExternalIdTaken, "externalId", external_id, &taken));
    }
    Ok(())
}

pub(crate) fn content(kind: &ResourceType, attributes: &Map<String, Value>) -> Content {
    let mut doc = attributes.clone();
    doc.insert("schemas".to_owned(), schemas(kind, attributes));
    let text = |name: &str| attributes.get(name).and_then(Value::as_str);
    let display_name = text("displayName").unwrap_or_default().to_owned();
    Content {
        display_name_key: fold(&display_name),
        display_name,
        external_id: text("externalId").map(str::to_owned),
        folded: folded(&doc),
        doc: Value::Object(doc).to_string(),
    }
}

fn one(sql: &dyn Sql, group: Group, shown: Members) -> Result<Stored> {
    match (shown, group.key) {
        (Members::Hidden, _) => stored(group),
        (Members::Shown, key) => related::with_members(sql, key, stored(group)?),
    }
}

/// Returns a group as it travels, without its members.
pub(crate) fn stored(group: Group) -> Result<Stored> {
    Ok(Stored {
        id: group.id.to_string(),
        doc: RawValue::from_string(group.content.doc).map_err(Error::internal)?,
        version: group.version,
        created: group.created,
        modified: group.modified,
        group: false,
        groups: Vec::new(),
        members: None,
        rest: None,
    })
}

fn conflict(code: Code, attribute: &str, value: &str, taken: &Group) -> Error {
    let detail = format!(
        "{attribute} {value} is taken by group {}. Rename one of the two, or link the pushed group to that one.",
        taken.id,
        value = quoted(value)
    );
    Error::new(code, detail).about([taken.id.as_str()])
}

/// Returns 404 for a group.
pub(crate) fn not_found(id: &GroupId) -> Error {
    Error::new(Code::GroupNotFound, format!("There is no group {id} in this organisation."))
}
