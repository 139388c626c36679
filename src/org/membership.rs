//! Who is in a group. A request's steps are first reduced to their net effect, so that a repeated push finds nothing
//! to do, and a group is never loaded to add one member to it.

use super::work::Work;
use crate::error::{Error, Kind, Result};
use crate::id::MemberId;
use crate::scim::member::{listed, nested};
use crate::store::changes::Kind as ChangeKind;
use crate::store::members::{self, Found};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// How many ids one change row carries: some 0.8 MiB of UUIDs.
const IDS_A_CHANGE: usize = 20_000;

/// The net effect of a request on one group's members.
#[derive(Debug, Default)]
pub(super) struct Delta {
    /// The request names the whole list: who is not wanted has to go.
    whole: bool,
    /// For each id that was named, whether it is to be a member.
    wanted: BTreeMap<MemberId, bool>,
    /// Ids that were to be added at any step, even if removed later: they have to be somebody.
    named: BTreeSet<MemberId>,
}

impl Delta {
    pub(super) fn add(&mut self, ids: &[MemberId]) {
        self.named.extend(ids.iter().cloned());
        self.wanted.extend(ids.iter().map(|id| (id.clone(), true)));
    }

    pub(super) fn remove(&mut self, ids: &[MemberId]) {
        self.wanted.extend(ids.iter().map(|id| (id.clone(), false)));
    }

    pub(super) fn replace(&mut self, ids: &[MemberId]) {
        self.whole = true;
        self.wanted.clear();
        self.add(ids);
    }
}

/// What a delta comes to against the stored rows.
#[derive(Debug, Default)]
pub(super) struct Effect {
    add: Vec<(i64, String)>,
    remove: Vec<(i64, String)>,
}

impl Effect {
    pub(super) fn is_nothing(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }
}

/// Checks every id that is to be added and compares with the rows. `key` is `None` for a group that is being made;
/// `group` names it in a refusal.
pub(super) fn effect(work: &mut Work<'_>, key: Option<i64>, group: &str, delta: &Delta) -> Result<Effect> {
    let ids: Vec<MemberId> =
        delta.wanted.keys().chain(&delta.named).collect::<BTreeSet<_>>().into_iter().cloned().collect();
    let found = members::resolve(work.sql, &ids)?;
    let groups: Vec<&str> = named_as(delta, &found, Found::Group);
    if !groups.is_empty() {
        return Err(nested(group, &groups));
    }
    let unknown: Vec<&str> = named_as(delta, &found, Found::Unknown);
    if !unknown.is_empty() {
        return Err(unknown_members(group, &unknown));
    }
    for id in named_as(delta, &found, Found::Deleted) {
        work.notes.push(format!("Member {id} of group {group} was deleted here and is passed over."));
    }
    let mut wanted: BTreeMap<i64, (&MemberId, bool)> = BTreeMap::new();
    for (id, wants) in &delta.wanted {
        if let Some(Found::User(key)) = found.get(id) {
            wanted.insert(*key, (id, *wants));
        }
    }
    let keys: Vec<i64> = wanted.keys().copied().collect();
    let present = match (key, delta.whole) {
        (None, _) => BTreeMap::new(),
        (Some(group), false) => members::among(work.sql, group, &keys)?,
        (Some(group), true) => members::page(work.sql, group, 0, i64::from(u32::MAX))?.into_iter().collect(),
    };
    let wants = |key: &i64| wanted.get(key).is_some_and(|(_, wants)| *wants);
    Ok(Effect {
        add: wanted
            .iter()
            .filter(|(key, (_, wants))| *wants && !present.contains_key(key))
            .map(|(key, (id, _))| (*key, id.to_string()))
            .collect(),
        remove: present.iter().filter(|(key, _)| !wants(key)).map(|(key, id)| (*key, id.clone())).collect(),
    })
}

/// The ids that are to be added and stand for `kind`.
fn named_as<'a>(delta: &'a Delta, found: &BTreeMap<MemberId, Found>, kind: Found) -> Vec<&'a str> {
    let stands_for = |id: &MemberId| found.get(id).copied().unwrap_or(Found::Unknown);
    delta.named.iter().filter(|id| stands_for(id) == kind).map(MemberId::as_str).collect()
}

/// Writes the rows and adds the change, in pieces if it is a large one.
pub(super) fn write(work: &mut Work<'_>, key: i64, id: &str, effect: &Effect) -> Result<()> {
    let keys = |side: &[(i64, String)]| side.iter().map(|(key, _)| *key).collect::<Vec<_>>();
    members::remove(work.sql, key, &keys(&effect.remove))?;
    members::add(work.sql, key, &keys(&effect.add))?;
    let mut removed = effect.remove.chunks(IDS_A_CHANGE);
    let mut added = effect.add.chunks(IDS_A_CHANGE);
    loop {
        let (out, into) = (removed.next().unwrap_or_default(), added.next().unwrap_or_default());
        if out.is_empty() && into.is_empty() {
            return Ok(());
        }
        work.totals.memberships += into.len() as i64 - out.len() as i64;
        let ids = |side: &[(i64, String)]| side.iter().map(|(_, id)| id.clone()).collect::<Vec<_>>();
        let before = json!({ "added": ids(into), "removed": ids(out) });
        work.change(ChangeKind::Members, "Group", id, Some(before));
    }
}

fn unknown_members(group: &str, ids: &[&str]) -> Error {
    let detail = format!(
        "Group {group} cannot hold {}: no user of this organisation has or had such an id. Assign these users to the \
         application first, then push the group again. Nothing was changed.",
        listed(ids)
    );
    Error::new(Kind::InvalidValue, detail).about(ids.iter().copied())
}
