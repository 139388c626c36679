//! Who is in a group. A request's steps are first reduced to their net effect, so that a repeated push finds nothing
//! to do, and a group is never loaded to add one member to it.

use super::work::Work;
use crate::error::{Code, Error, Result};
use crate::id::MemberId;
use crate::scim::filter::Filter;
use crate::scim::member::{self, listed, nested};
use crate::sorted::Sorted;
use crate::store::Sql;
use crate::store::changes::Kind as ChangeKind;
use crate::store::members::{self, Found};
use serde_json::json;
use std::collections::BTreeMap;

/// How many bytes of ids one change row carries; an id has at most 128, and a row 1 MiB.
const CHANGE_BYTES: usize = 512 * 1024;
/// How many members a filter is tried on at once: some 1 MiB of them.
const MEMBERS_A_PIECE: i64 = 10_000;

/// The net effect of a request on one group's members.
#[derive(Debug, Default)]
pub(super) struct Delta {
    /// The request names the whole list: who is not wanted has to go.
    whole: bool,
    /// What was said of each id; a request may name very many, in many steps.
    said: BTreeMap<MemberId, Said>,
    /// Stored members that are not named have to go if one of these matches them.
    unwanted: Vec<Filter>,
}

#[derive(Debug, Default)]
struct Said {
    /// Whether it is to be a member; `None` if that was taken back.
    wanted: Option<bool>,
    /// It was to be added at any step, even if removed later: it has to be somebody.
    added: bool,
}

impl Delta {
    pub(super) fn add(&mut self, ids: &[MemberId]) {
        for id in ids {
            self.said.insert(id.clone(), Said { wanted: Some(true), added: true });
        }
    }

    pub(super) fn remove(&mut self, ids: &[MemberId]) {
        for id in ids {
            self.said.entry(id.clone()).or_default().wanted = Some(false);
        }
    }

    pub(super) fn replace(&mut self, ids: &[MemberId]) {
        self.whole = true;
        self.said.values_mut().for_each(|said| said.wanted = None);
        self.unwanted.clear();
        self.add(ids);
    }

    pub(super) fn remove_matching(&mut self, filter: &Filter) {
        if let Some(ids) = member::named(filter) {
            return self.remove(&ids);
        }
        for (id, said) in &mut self.said {
            said.wanted = said.wanted.map(|wanted| wanted && !member::fits(filter, id.as_str()));
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
    if delta.said.iter().any(|(id, said)| said.wanted == Some(true) && member::fits(filter, id.as_str())) {
        return Ok(true);
    }
    let is_named = |id: &str| MemberId::parse(id).and_then(|id| delta.said.get(&id)?.wanted).is_some();
    let fits = |id: &str| member::fits(filter, id) && !delta.drops(id) && !is_named(id);
    match member::named(filter) {
        _ if delta.whole => Ok(false),
        None => Ok(!stored(sql, group, &fits, 1)?.is_empty()),
        Some(ids) => {
            let found = members::resolve(sql, &ids)?;
            let keys: Vec<i64> = found.iter().filter_map(|(_, found)| found.user()).collect();
            Ok(members::among(sql, group, &keys)?.iter().any(|(_, id)| fits(id)))
        }
    }
}

/// The stored members that fit, up to the end of the piece in which there are `enough`. They are read in pieces: a group
/// can be large.
fn stored(sql: &dyn Sql, group: i64, fits: &dyn Fn(&str) -> bool, enough: usize) -> Result<Vec<(i64, String)>> {
    let (mut after, mut found) = (0, Vec::new());
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
    let ids: Vec<MemberId> = delta.said.keys().cloned().collect();
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
    let keyed = |(id, said): (&'_ MemberId, &Said)| Some((found.get(id)?.user()?, (id.to_string(), said.wanted?)));
    let wanted: Sorted<i64, (String, bool)> = delta.said.iter().filter_map(keyed).collect();
    let present = match (key, delta.whole) {
        (None, _) => Vec::new(),
        (Some(group), false) => {
            let keys: Vec<i64> = wanted.iter().map(|(key, _)| *key).collect();
            let mut present = members::among(work.sql, group, &keys)?;
            if !delta.unwanted.is_empty() {
                present.extend(stored(work.sql, group, &|id| delta.drops(id), usize::MAX)?);
            }
            present
        }
        (Some(group), true) => members::page(work.sql, group, 0, i64::from(u32::MAX))?,
    };
    let present: Sorted<i64, String> = present.into_iter().collect();
    let wants = |key: &i64| wanted.get(key).is_some_and(|(_, wants)| *wants);
    Ok(Effect {
        add: wanted
            .iter()
            .filter(|(key, (_, wants))| *wants && present.get(key).is_none())
            .map(|(key, (id, _))| (*key, id.clone()))
            .collect(),
        remove: present.iter().filter(|(key, _)| !wants(key)).map(|(key, id)| (*key, id.clone())).collect(),
    })
}

/// The ids that are to be added and stand for `kind`.
fn named_as<'a>(delta: &'a Delta, found: &Sorted<MemberId, Found>, kind: Found) -> Vec<&'a str> {
    let stands_for = |id: &MemberId| found.get(id).copied().unwrap_or(Found::Unknown);
    let added = delta.said.iter().filter(|(_, said)| said.added);
    added.map(|(id, _)| id).filter(|id| stands_for(id) == kind).map(MemberId::as_str).collect()
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
    Error::new(Code::UnknownMember, detail).about(ids.iter().copied())
}
