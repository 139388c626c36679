//! The users in a group. A request's operations are first reduced to their net effect, so that a repeated push finds
//! nothing to do, and a group is never loaded to add one member to it.
//!
//! The operations alone decide most ids, without the storage. The rest takes one look-up of those ids and, only if a
//! filter names none, one reading of the stored members, whatever the number of operations and filters. From then on
//! members are integer keys: SQL writes the feed's ids of them.

use super::delta::{Delta, Question};
use super::mutation::Mutation;
use crate::error::{Code, Error, Result, excerpt};
use crate::id::Seq;
use crate::scim::member::{Judge, list_ids, nested_refusal};
use crate::store::Sql;
use crate::store::members::{self, ResolvedId};

/// The most memberships that one request changes, and the largest group on which a filter is tried.
pub(crate) const MEMBERSHIPS_MAX: usize = 100_000;
/// The most members in one change; 512 KiB, since an id has at most 128 bytes and three of JSON around it.
const MEMBERS_A_CHANGE: usize = 4_000;
/// The cost of one row of `members` in units of the budget, with its index and its place in a change.
const ROW_UNITS: usize = 10;
/// The deleted ids that have a note each.
const DELETED_NOTED: usize = 19;

/// The answers of the storage to a delta.
pub(crate) struct Judged<'a> {
    delta: &'a Delta<'a>,
    /// The ids that were named, in their order, and the resource of each.
    ids: Vec<&'a str>,
    found: Vec<ResolvedId>,
    /// Stored members that were not named and that a filter removes.
    dropped: Vec<i64>,
}

/// Compares a delta with the stored rows. `key` is `None` for a group that is being created; `group` is its id.
///
/// # Errors
/// 400 `noTarget` for a filter that found no member at its turn; `tooMany` beyond the budget, or for a filter that
/// names no ids on a group above [`MEMBERSHIPS_MAX`].
pub(crate) fn judge_delta<'a>(
    mutation: &Mutation<'_>,
    key: Option<i64>,
    group: &str,
    delta: &'a Delta<'a>,
) -> Result<Judged<'a>> {
    let ids: Vec<&str> = delta.said.keys().copied().collect();
    mutation.budget.spend(ids.len())?;
    // One statement looks up every id that was named, whatever the number of operations.
    let found = members::resolve_ids(mutation.sql, key.unwrap_or_default(), &ids)?;
    // The stored members are read only for a filter that names no ids. After an operation that named the whole list no
    // filter can remove one any more.
    let passes = delta.questions.iter().any(|question| question.named.is_none());
    let removes = delta.whole.is_none() && !delta.unwanted.is_empty();
    let (dropped, met) = match key {
        Some(key) if passes || removes => try_filters(mutation, key, group, delta)?,
        _ => Default::default(),
    };
    for question in &delta.questions {
        // A filter that must find a member is asked as of its turn: earlier operations may have removed
        // the members that it names.
        let answered = match &question.named {
            None => met.contains(&question.step),
            Some(named) => {
                let earlier = delta.unwanted.get(..question.before).unwrap_or_default();
                mutation.budget.spend_each(named.len(), 1 + earlier.iter().map(Judge::count_terms).sum::<usize>())?;
                let is_stored = |id: &str| {
                    let found = ids.binary_search(&id).ok().and_then(|at| found.get(at));
                    matches!(found, Some(ResolvedId::User { member: true, .. }))
                };
                named.iter().any(|id| {
                    is_stored(id)
                        && !delta.named_before(id, question.step)
                        && !earlier.iter().any(|judge| judge.fits_id(id))
                })
            }
        };
        if !answered {
            let detail = format!("No member of group {group} matches the filter {}.", excerpt(question.filter));
            return Err(Error::new(Code::NoTarget, detail));
        }
    }
    Ok(Judged { delta, ids, found, dropped })
}

/// Returns true if a group has more than [`MEMBERSHIPS_MAX`] members.
pub(crate) fn is_large(sql: &dyn Sql, group: i64) -> Result<bool> {
    let most = MEMBERSHIPS_MAX as i64;
    Ok(members::count_members(sql, group, members::BEFORE_ALL, most + 1)? > most)
}

/// Tries all filters on every stored member, once. Returns the keys of the members to remove, and the operations whose
/// filter found one.
fn try_filters(mutation: &Mutation<'_>, key: i64, group: &str, delta: &Delta<'_>) -> Result<(Vec<i64>, Vec<u32>)> {
    if is_large(mutation.sql, key)? {
        let detail = format!(
            "Group {group} has more than {MEMBERSHIPS_MAX} members; on so large a group a filter must name the ids, \
             as in members[value eq \"ID\"]. List the members to remove by their ids. Nothing was changed."
        );
        return Err(Error::new(Code::GroupTooLargeToFilter, detail));
    }
    // One page of ids is held at a time, so the size of the group costs time and no memory.
    let terms: usize = delta.unwanted.iter().map(Judge::count_terms).sum();
    let (mut after, mut dropped, mut met) = (0, Vec::new(), Vec::new());
    while let Some(page) = members::ids_page(mutation.sql, key, after)? {
        mutation.budget.spend_each(page.keys.len(), terms)?;
        for (key, id) in page.keys.iter().zip(page.ids()) {
            // The first filter that fits is the one that removed the member; later ones find it gone.
            let Some(first) = delta.unwanted.iter().position(|judge| judge.fits_id(id)) else { continue };
            let asks = |question: &&Question<'_>| question.named.is_none() && question.before == first;
            if let Some(question) = delta.questions.iter().find(asks)
                && !delta.named_before(id, question.step)
            {
                met.push(question.step);
            }
            // An id that was named is decided by the operation that named it last, not by a filter.
            if delta.whole.is_none() && !delta.said.contains_key(id) {
                dropped.push(*key);
            }
        }
        // Members beside each other often answer the same question, which then is one entry.
        met.dedup();
        after = page.keys.last().copied().unwrap_or(i64::MAX);
    }
    Ok((dropped, met))
}

/// The net effect of a delta, as keys of users in their order.
#[derive(Debug, Default)]
pub(crate) struct Effect {
    add: Vec<i64>,
    remove: Vec<i64>,
}

impl Effect {
    /// Returns the number of members that are removed.
    pub(crate) fn count_removed(&self) -> usize {
        self.remove.len()
    }

    /// Returns the number of changes that [`write_effect`] adds.
    pub(crate) fn count_changes(&self) -> Seq {
        (self.add.len() + self.remove.len()).div_ceil(MEMBERS_A_CHANGE) as Seq
    }

    /// Returns true if members are added.
    pub(crate) fn adds_members(&self) -> bool {
        !self.add.is_empty()
    }

    /// Drops the additions, and returns their number.
    pub(crate) fn without_additions(&mut self) -> usize {
        std::mem::take(&mut self.add).len()
    }

    pub(crate) fn is_nothing(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }
}

impl Judged<'_> {
    /// Returns true if an operation removes members, whether they are members or not. One that names the whole list
    /// only replaces.
    pub(crate) fn removes_members(&self) -> bool {
        !self.delta.unwanted.is_empty() || self.delta.said.values().any(|said| !said.wanted)
    }

    /// Returns the rows to add and to remove. `group` names the group in a refusal.
    ///
    /// # Errors
    /// 400 `invalidValue` if an id that was to be added is a group's or unknown; `tooMany` if more than
    /// [`MEMBERSHIPS_MAX`] memberships would change.
    pub(crate) fn net_effect(&self, mutation: &mut Mutation<'_>, key: Option<i64>, group: &str) -> Result<Effect> {
        let delta = self.delta;
        // Ids that can be no members refuse the request, even if a later operation removes them again.
        self.check_added(mutation, group)?;
        let mut effect = Effect { add: Vec::new(), remove: self.dropped.clone() };
        // Step 1: the ids that were named. Only those that differ from the stored rows have an effect.
        let mut wanted = Vec::new();
        for (said, found) in delta.said.values().zip(&self.found).filter(|(said, _)| said.still_counts(delta.whole)) {
            match found {
                ResolvedId::User { key, member } if said.wanted => {
                    wanted.push(*key);
                    if !member {
                        effect.add.push(*key);
                    }
                }
                // With a whole list step 2 finds the members that must go; unknown and deleted ids are no members
                // already.
                ResolvedId::User { key, member: true } if delta.whole.is_none() => effect.remove.push(*key),
                _ => {}
            }
        }
        // Step 2: the stored members that the whole list does not hold. Reading stops once the effect is too large
        // anyway.
        if let (Some(group), Some(_)) = (key, delta.whole) {
            wanted.sort_unstable();
            let mut after = 0;
            while effect.remove.len() <= MEMBERSHIPS_MAX {
                let stored = members::keys_page(mutation.sql, group, after)?;
                let Some(last) = stored.last() else { break };
                mutation.budget.spend(stored.len())?;
                after = *last;
                effect.remove.extend(stored.iter().filter(|key| wanted.binary_search(key).is_err()));
            }
        }
        if effect.add.len() + effect.remove.len() > MEMBERSHIPS_MAX {
            let detail = format!(
                "More than {MEMBERSHIPS_MAX} memberships of group {group} would change: at most {MEMBERSHIPS_MAX} at \
                 a time, or delete the group. Add or remove fewer members in each request. Nothing was changed."
            );
            return Err(Error::new(Code::TooManyMemberships, detail));
        }
        // Rows are written in the order of their keys, which the index has too.
        effect.add.sort_unstable();
        effect.remove.sort_unstable();
        Ok(effect)
    }

    /// Refuses ids that cannot be members, and notes deleted ones.
    fn check_added(&self, mutation: &mut Mutation<'_>, group: &str) -> Result<()> {
        // Groups are refused before unknown ids: nested groups are a setting of the provider, which its admin can
        // change.
        let groups = self.added_ids(ResolvedId::Group);
        if !groups.is_empty() {
            return Err(nested_refusal(group, &groups));
        }
        let unknown = self.added_ids(ResolvedId::Unknown);
        if !unknown.is_empty() {
            return Err(unknown_members(group, &unknown));
        }
        let deleted = self.added_ids(ResolvedId::Deleted);
        // A provider may still push users who were deleted here; refusing them would block the whole group.
        for id in deleted.iter().take(DELETED_NOTED) {
            mutation.notes.push(format!("Member {id} of group {group} was deleted here and is skipped."));
        }
        if let Some(more) = deleted.len().checked_sub(DELETED_NOTED).filter(|more| *more > 0) {
            mutation.notes.push(format!("{more} more members of group {group} were deleted here and are skipped."));
        }
        Ok(())
    }

    /// Returns the ids to add whose resource is of `kind`.
    fn added_ids(&self, kind: ResolvedId) -> Vec<&str> {
        let all = self.ids.iter().zip(self.delta.said.values()).zip(&self.found);
        all.filter(|((_, said), found)| said.added && **found == kind).map(|((id, _), _)| *id).collect()
    }
}

/// Writes the rows and adds the changes that tell of them: several for a large effect.
///
/// # Errors
/// 400 `tooMany` beyond the budget.
pub(crate) fn write_effect(mutation: &mut Mutation<'_>, key: i64, id: &str, effect: &Effect) -> Result<()> {
    // The budget is spent before the rows are written, or the work would be done by the time it is refused.
    mutation.budget.spend_each(effect.add.len() + effect.remove.len(), ROW_UNITS)?;
    members::remove_members(mutation.sql, key, &effect.remove)?;
    members::add_members(mutation.sql, key, &effect.add)?;
    // Removals come first in each change, so that a reader never sees more members than both lists together.
    let (mut out, mut into) = (effect.remove.as_slice(), effect.add.as_slice());
    while !out.is_empty() || !into.is_empty() {
        let removed = out.split_off(..out.len().min(MEMBERS_A_CHANGE)).unwrap_or_default();
        let room = MEMBERS_A_CHANGE - removed.len();
        let added = into.split_off(..into.len().min(room)).unwrap_or_default();
        mutation.members_change(id, removed, added)?;
    }
    Ok(())
}

fn unknown_members(group: &str, ids: &[&str]) -> Error {
    let detail = format!(
        "Group {group} cannot hold {}: no user of this organisation has or had such an id. Assign these users to the \
         application first, then push the group again. Nothing was changed.",
        list_ids(ids)
    );
    Error::new(Code::UnknownMember, detail).with_names(ids.iter().copied())
}
