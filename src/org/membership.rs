//! Who is in a group. A request's steps are first reduced to their net effect, so that a repeated push finds nothing
//! to do, and a group is never loaded to add one member to it.

use super::work::Work;
use crate::error::{Error, Kind, Result};
use crate::id::MemberId;
use crate::scim::filter::Filter;
use crate::scim::member::{self, listed, nested};
use crate::store::Sql;
use crate::store::changes::Kind as ChangeKind;
use crate::store::members::{self, Found};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// How many bytes of ids one change row carries; an id has at most 128, and a row 1 MiB.
const CHANGE_BYTES: usize = 512 * 1024;
/// How many members a filter is tried on at once: some 1 MiB of them.
const MEMBERS_A_PIECE: i64 = 10_000;

/// The net effect of a request on one group's members.
#[derive(Debug, Default)]
pub(super) struct Delta {
    /// The request names the whole list: who is not wanted has to go.
    whole: bool,
    /// For each id that was named, whether it is to be a member.
    wanted: BTreeMap<MemberId, bool>,
    /// Ids that were to be added at any step, even if removed later: they have to be somebody.
    named: BTreeSet<MemberId>,
    /// Stored members that are not named have to go if one of these matches them.
    unwanted: Vec<Filter>,
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
        self.unwanted.clear();
        self.add(ids);
    }

    pub(super) fn remove_matching(&mut self, filter: &Filter) {
        if let Some(ids) = member::named(filter) {
            return self.remove(&ids);
        }
        for (id, wanted) in &mut self.wanted {
            *wanted &= !member::fits(filter, id.as_str());
        }
        if !self.whole {
            self.unwanted.push(filter.clone());
        }
    }

    /// True if a stored member that is not named has to go.
    fn drops(&self, id: &str) -> bool {
        self.unwanted.iter().any(|filter| member::fits(filter, id))
    }
}

/// True if the filter matches anybody who is a member after the steps of `delta`.
pub(super) fn any(sql: &dyn Sql, group: i64, delta: &Delta, filter: &Filter) -> Result<bool> {
    if delta.wanted.iter().any(|(id, wanted)| *wanted && member::fits(filter, id.as_str())) {
        return Ok(true);
    }
    let is_named = |id: &str| MemberId::parse(id).is_some_and(|id| delta.wanted.contains_key(&id));
    let fits = |id: &str| member::fits(filter, id) && !delta.drops(id) && !is_named(id);
    match member::named(filter) {
        _ if delta.whole => Ok(false),
        None => Ok(!stored(sql, group, &fits, 1)?.is_empty()),
        Some(ids) => {
            let found = members::resolve(sql, &ids)?.into_values();
            let keys: Vec<i64> =
                found.filter_map(|f| if let Found::User(key) = f { Some(key) } else { None }).collect();
            Ok(members::among(sql, group, &keys)?.values().any(|id| fits(id)))
        }
    }
}

/// The stored members that fit, up to the end of the piece in which there are `enough`. They are read in pieces: a group
/// can be large.
fn stored(sql: &dyn Sql, group: i64, fits: &dyn Fn(&str) -> bool, enough: usize) -> Result<BTreeMap<i64, String>> {
    let (mut after, mut found) = (0, BTreeMap::new());
    loop {
        let piece = members::page(sql, group, after, MEMBERS_A_PIECE)?;
        let Some((last, _)) = piece.last() else { return Ok(found) };
        after = *last;
        found.extend(piece.into_iter().filter(|(_, id)| fits(id)));
        if found.len() >= enough {
            return Ok(found);
        }
    }
}

/// What a delta comes to against the stored rows.
#[derive(Debug, Default)]
pub(super) struct Effect {
    add: Vec<(i64, String)>,
    remove: Vec<(i64, String)>,
}

impl Effect {
    /// How many members go.
    pub(super) fn removed(&self) -> usize {
        self.remove.len()
    }

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
        (Some(group), false) => {
            let mut present = members::among(work.sql, group, &keys)?;
            if !delta.unwanted.is_empty() {
                present.extend(stored(work.sql, group, &|id| delta.drops(id), usize::MAX)?);
            }
            present
        }
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
    let (mut out, mut into) = (effect.remove.as_slice(), effect.add.as_slice());
    while !out.is_empty() || !into.is_empty() {
        let mut room = CHANGE_BYTES;
        let (removed, added) = (fitting(&mut out, &mut room), fitting(&mut into, &mut room));
        work.totals.memberships += added.len() as i64 - removed.len() as i64;
        work.change(ChangeKind::Members, "Group", id, Some(json!({ "added": added, "removed": removed })));
    }
    Ok(())
}

/// Takes ids from the front, as long as there is room.
fn fitting<'a>(side: &mut &'a [(i64, String)], room: &mut usize) -> Vec<&'a str> {
    let mut taken = Vec::new();
    while let Some(((_, id), rest)) = side.split_first()
        && *room > 0
    {
        *room = room.saturating_sub(id.len() + 3);
        taken.push(id.as_str());
        *side = rest;
    }
    taken
}

fn unknown_members(group: &str, ids: &[&str]) -> Error {
    let detail = format!(
        "Group {group} cannot hold {}: no user of this organisation has or had such an id. Assign these users to the \
         application first, then push the group again. Nothing was changed.",
        listed(ids)
    );
    Error::new(Kind::InvalidValue, detail).about(ids.iter().copied())
}
