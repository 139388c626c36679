//! The execution of one SCIM request: its transaction, its changes, its ids.

use super::guard::Watch;
use crate::budget::Budget;
use crate::directory::call::{Actor, Call};
use crate::directory::options::Options;
use crate::directory::scim::Members;
use crate::error::Result;
use crate::id::{Ids, OrgId, Seq, Timestamp, is_within};
use crate::org::access::Caller;
use crate::org::journal::entry::redact_notes;
use crate::scim::difference::restore_value;
use crate::scim::patch::PatchOutcome;
use crate::scim::schema::Types;
use crate::scim::{json, names};
use crate::store::changes::{self, Before, Head, Kind, PendingChange, Totals};
use crate::store::{Sql, members, memberships, transact};
use serde_json::{Map, Value};
use std::cell::OnceCell;
use std::collections::BTreeSet;

/// The most notes of a request: each of its changes has them all.
const NOTES_MAX: usize = 20;
/// The bytes of a stored document that are one unit: it is read, changed, compared, kept as it was and written.
const DOCUMENT_BYTES_A_UNIT: usize = 12;
/// The units of each value in such a document: each is made, copied, compared and dropped several times over.
const DOCUMENT_VALUE_UNITS: usize = 8;
/// Folding a document that is not ASCII is so many times the work of reading and writing it.
const FOLDED_TIMES: usize = 2;
/// The notes that are read before they are bounded: a group can be pushed with very many deleted members.
const NOTES_READ: usize = 1000;
/// The most members of a change that is kept in memory until the request ends.
const MEMBERS_IN_MEMORY: usize = 100;
/// The time for which a repeated POST gets its first answer, in milliseconds.
const REPEATED_FOR: i64 = 10 * 60_000;

/// The request that is being applied. None of it is kept unless the transaction ends without an error.
pub(crate) struct Mutation<'a> {
    pub(super) sql: &'a dyn Sql,
    /// The budget of the call.
    pub(super) budget: &'a Budget,
    /// The organisation's resource types.
    pub(super) types: &'a Types,
    /// The totals of the organisation after the changes so far.
    pub(super) totals: Totals,
    /// The skipped parts, in sentences for the journal.
    pub(super) notes: Vec<String>,
    /// Repairs that only the stored resource shows to be needed, by name.
    pub(super) repairs: Vec<&'static str>,
    /// The parts of a push that the organisation accepts.
    pub(super) options: &'a Options,
    /// The guard's state for the request, if the guard is on and may refuse it.
    pub(super) guard: Option<Watch<'a>>,
    /// The skeletons of the reserved names, once they were needed.
    pub(super) reserved_names: OnceCell<BTreeSet<String>>,
    /// True if a created or replaced group is answered with its members.
    pub(super) members: Members,
    /// The next id, if it was taken beforehand.
    pub(super) reserved: Option<String>,
    pub(super) call: &'a Call,
    pub(super) caller: &'a Caller,
    pub(super) ids: &'a mut Ids,
    pub(super) random: &'a dyn Fn() -> [u8; 6],
    pub(super) now: Timestamp,
    pub(super) head: Head,
    /// The seconds until the token may add to the history again; `None` if it may now.
    pub(super) wait: Option<i64>,
    pub(super) changes: Vec<PendingChange>,
    /// The resource that is being changed, and the position of its last change.
    pub(super) last: Option<(String, Seq)>,
    pub(super) lost: i64,
    /// The part of `lost` that the changes so far hold.
    pub(super) told: i64,
}

impl Mutation<'_> {
    /// Returns the organisation's name.
    pub(crate) fn org(&self) -> &OrgId {
        &self.call.org
    }

    /// Returns true if so much history is kept that only removals may be added.
    ///
    /// # Errors
    /// Internal only.
    pub(crate) fn history_is_full(&self) -> Result<bool> {
        changes::is_full(self.sql, &self.head)
    }

    /// Returns the position of the next change.
    pub(crate) fn next_seq(&self) -> Seq {
        self.head.seq + self.changes.len() as Seq + 1
    }

    /// Returns the time of the request's changes: never before the last change, nor before a made id.
    pub(crate) fn changed_at(&self) -> Timestamp {
        // The clock may go back; the times of changes and ids never do, so readers may rely on their order.
        self.now.max(self.head.at).max(self.ids.last_time())
    }

    /// Makes a new id, above all that were made before.
    pub(crate) fn new_id(&mut self) -> String {
        self.reserved.take().unwrap_or_else(|| self.ids.next_id(self.now, (self.random)()))
    }

    /// Sets the next [`Mutation::new_id`] to this one, which was made before.
    pub(crate) fn reserve_id(&mut self, id: &str) {
        self.reserved = Some(id.to_owned());
    }

    /// Returns an attribute from before the change at that position, one of this request's or a stored one, if it is
    /// kept: `null` if it had no value, `None` if it did not change. `now` is its value after that change.
    pub(crate) fn attribute_before(&self, seq: Seq, name: &str, now: Option<&Value>) -> Result<Option<Value>> {
        let stored;
        // The change may be one of this request, which no row holds yet.
        let before = match usize::try_from(seq - self.head.seq - 1).ok().and_then(|own| self.changes.get(own)) {
            Some(change) => &change.before,
            None => {
                stored = changes::load_before(self.sql, seq)?;
                &stored
            }
        };
        let (text, whole) = match before {
            Before::Attributes(text) => (text, false),
            Before::Whole(text) => (text, true),
            Before::Nothing | Before::Members(_) | Before::Written(_) => return Ok(None),
        };
        self.spend_document(text)?;
        let mut told: Map<String, Value> = json::read_own(text)?;
        let told = told.remove(name);
        Ok(told.map(|told| if whole { told } else { restore_value(now, &told) }))
    }

    /// Returns true if the current POST repeats the one that made this resource: within minutes, with the same token,
    /// and either under the same `Idempotency-Key` or from a provider that repeats requests without an answer
    /// (Rippling). The caller checks whether the resource still is what was posted.
    pub(crate) fn is_repeat_of(&self, id: &str) -> Result<bool> {
        // Without either sign of a repetition a second POST is a conflict, as RFC 7644 section 3.3 wants it.
        let key = self.call.idempotency_key.as_deref();
        let repeats = matches!(&self.call.actor, Actor::Token { dialect, .. } if dialect.habits().repeats_posts);
        if key.is_none() && !repeats {
            return Ok(false);
        }
        Ok(changes::find_creation(self.sql, id)?.is_some_and(|made| {
            (repeats || made.idempotency_key.as_deref() == key)
                && made.token == self.caller.token
                && is_within(self.now, made.at, REPEATED_FOR)
        }))
    }

    /// Returns true if white space around a new name is removed. The edge says so with the name of the repair, which a
    /// dialect without repairs never has.
    pub(crate) fn trims_names(&self) -> bool {
        self.call.repairs.iter().any(|name| name == "outer_blanks")
    }

    /// Returns the skeletons of the reserved names, at most a hundred names. They are made once for all operations of a
    /// request.
    pub(crate) fn reserved_names(&self) -> &BTreeSet<String> {
        self.reserved_names.get_or_init(|| {
            let names = self.options.reserved_group_names.as_deref().unwrap_or_default();
            names.iter().flat_map(|name| names::skeletons(name)).collect()
        })
    }

    /// Spends the units of working on a document: by its bytes, and by its values.
    ///
    /// # Errors
    /// 400 `tooMany` beyond the call's budget.
    pub(crate) fn spend_document(&self, text: &str) -> Result<()> {
        self.budget.spend(document_units(text))
    }

    /// Spends the units of folding a document, if there is one.
    ///
    /// # Errors
    /// As [`Mutation::spend_document`].
    pub(crate) fn spend_folded(&self, text: Option<&str>) -> Result<()> {
        self.budget.spend_each(text.map_or(0, document_units), FOLDED_TIMES)
    }

    /// Runs one of several operations in a transaction inside the request's: if it fails, none of it stays.
    pub(crate) fn in_savepoint<T>(&mut self, mut body: impl FnMut(&mut Self) -> Result<T>) -> Result<T> {
        // Everything that the body may change in memory is noted, since only the storage rolls back by itself.
        let (sql, totals, lost, told) = (self.sql, self.totals, self.lost, self.told);
        let (changes, notes) = (self.changes.len(), self.notes.len());
        let repairs = self.repairs.len();
        let result = transact(sql, || body(self));
        // An id that was taken beforehand and not used belongs to no later operation.
        self.reserved = None;
        if result.is_err() {
            (self.totals, self.lost, self.told) = (totals, lost, told);
            self.changes.truncate(changes);
            self.notes.truncate(notes);
            self.repairs.truncate(repairs);
        }
        result
    }

    /// Bounds the notes: each once, only the first of very many, without values.
    pub(super) fn bound_notes(&mut self) {
        // The bound on reading comes first: redacting a note is work, and there may be one for each member.
        let unread = self.notes.len().saturating_sub(NOTES_READ);
        self.notes.truncate(NOTES_READ);
        self.notes = redact_notes(&self.notes, self.types);
        let mut seen = Map::new();
        self.notes.retain(|note| seen.insert(note.clone(), Value::Null).is_none());
        if let Some(more) = (self.notes.len() + unread).checked_sub(NOTES_MAX).filter(|more| *more > 0) {
            self.notes.truncate(NOTES_MAX);
            self.notes.push(format!("{more} more notes were not kept."));
        }
    }

    /// Notes for the journal that the request needed this repair.
    pub(crate) fn note_repair(&mut self, name: &'static str) {
        if !self.repairs.contains(&name) {
            self.repairs.push(name);
        }
    }

    /// Notes what became of the operations of a PATCH beside the change.
    pub(super) fn note_patched(&mut self, applied: PatchOutcome) {
        if applied.made {
            self.note_repair("create_missing_element");
        }
        self.note_dropped(&applied.dropped);
    }

    /// Notes the names that no schema knows.
    pub(super) fn note_dropped(&mut self, names: &[String]) {
        self.notes.extend(names.iter().map(|name| format!("The attribute {name} is unknown and was dropped.")));
    }

    /// Counts losses for the guard that the next change makes: users deactivated, deleted or renamed, and members
    /// removed.
    ///
    /// # Errors
    /// 429, if the guard does not allow so many.
    pub(crate) fn count_deprovisioned(&mut self, count: usize) -> Result<()> {
        // The sum of the request counts, or many small losses in one Bulk would pass the guard.
        self.lost += count as i64;
        self.guard.as_ref().map_or(Ok(()), |watch| watch.check_loss(self.lost))
    }

    /// Notes that a stored resource is about to be changed, whose last change was at that position.
    pub(crate) fn changes_at(&mut self, id: &str, seq: Seq) {
        self.last = Some((id.to_owned(), seq));
    }

    /// Adds a change; [`Mutation::totals`] already counts it. It names the resource's previous change: one of this request,
    /// or that of [`Mutation::changes_at`]; without either the change creates the resource.
    pub(crate) fn add_change(
        &mut self,
        kind: Kind,
        resource: &'static str,
        id: &str,
        before: Option<Map<String, Value>>,
    ) {
        // It is kept as text: a Bulk request may keep very many until its end.
        let before = before.map_or(Before::Nothing, |told| Before::Attributes(Value::Object(told).to_string()));
        self.push_change(kind, resource, id, before);
    }

    fn push_change(&mut self, kind: Kind, resource: &'static str, id: &str, before: Before) {
        // Each change names the one before it of the same resource, by which a history is followed back.
        let previous = self.last.take().filter(|(last, _)| last == id).map(|(_, seq)| seq);
        self.last = Some((id.to_owned(), self.next_seq()));
        // The row holds only its own part, so that the guard can add the rows up.
        let lost = self.lost - std::mem::replace(&mut self.told, self.lost);
        self.changes.push(PendingChange {
            kind,
            resource,
            id: id.to_owned(),
            previous,
            lost,
            before,
            totals: self.totals,
        });
    }

    /// Adds the change that names the groups which a user left, keys of groups; [`Mutation::totals`] already counts it.
    ///
    /// # Errors
    /// Internal only.
    pub(crate) fn left_change(&mut self, user: &str, groups: &[i64]) -> Result<()> {
        let bytes = memberships::write_change(self.sql, self.next_seq(), user, groups)?;
        self.push_change(Kind::Updated, "User", user, Before::Written(bytes));
        Ok(())
    }

    /// Adds the change of a group's members, keys of users, and counts it in [`Mutation::totals`]. The users must still be
    /// there: their ids are read now, because a later operation may delete one.
    ///
    /// # Errors
    /// Internal only.
    pub(crate) fn members_change(&mut self, group: &str, removed: &[i64], added: &[i64]) -> Result<()> {
        // The totals stand in the change itself, so they are counted before it is added.
        self.totals.memberships += added.len() as i64 - removed.len() as i64;
        let before = if added.len() + removed.len() <= MEMBERS_IN_MEMORY {
            let (added, removed) = (members::ids_text(self.sql, added)?, members::ids_text(self.sql, removed)?);
            Before::Members(format!(r#"{{"added":{added},"removed":{removed}}}"#))
        } else {
            // One more row is written for it, so the ids of a large change do not pass through this memory.
            Before::Written(members::write_change(self.sql, self.next_seq(), group, added, removed)?)
        };
        self.push_change(Kind::Members, "Group", group, before);
        Ok(())
    }
}

/// Returns the units of working on a document.
fn document_units(text: &str) -> usize {
    (text.len() / DOCUMENT_BYTES_A_UNIT).saturating_add(values_in(text).saturating_mul(DOCUMENT_VALUE_UNITS))
}

/// Returns how many values a JSON document separates by commas, which is nearly how many it has.
fn values_in(text: &str) -> usize {
    let (mut values, mut inside, mut escaped) = (1, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = inside,
            b'"' => inside = !inside,
            b',' if !inside => values += 1,
            _ => {}
        }
    }
    values
}
