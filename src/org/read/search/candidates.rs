//! Candidates: rows that SQL found and that must be read, to be judged by the filter or to be sorted. One with more groups
//! or members than are held is judged by them piece by piece.

use super::related::{Complete, name_of};
use crate::budget::Budget;
use crate::directory::reply::UnreadEntries;
use crate::directory::view;
use crate::error::Result;
use crate::id::{GroupId, UserId};
use crate::org::cost;
use crate::scim::filter::Filter;
use crate::scim::schema::Kinds;
use crate::store::search::FoundRow;
use crate::store::{Sql, groups, members, users};
use serde_json::{Map, Value};
use std::collections::VecDeque;

/// The most documents that are read at once, and the most bytes of them, by the size of those before.
const DOCUMENTS: usize = 50;
const DOCUMENTS_BYTES: usize = 1024 * 1024;
/// The documents that are read before their size is known.
const FIRST_DOCUMENTS: usize = 4;

/// A row that is waiting to be read.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) found: FoundRow,
    /// True if the filter decides.
    pub(super) judged: bool,
    /// True if its document is read; otherwise it only waits for its turn.
    pub(super) read: bool,
}

/// The remaining candidates of a piece.
pub(super) struct Candidates {
    /// Their source.
    pub(super) source: usize,
    waiting: VecDeque<Candidate>,
    /// The number of documents that are read next.
    documents: usize,
    /// The first of the read ones, if it is not judged to its end, with its sort key.
    pub(super) open: Option<(FoundRow, Value, Judging)>,
}

impl Default for Candidates {
    fn default() -> Self {
        Self { source: 0, waiting: VecDeque::new(), documents: FIRST_DOCUMENTS, open: None }
    }
}

impl Candidates {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.open.is_none()
    }

    pub(super) fn push(&mut self, candidate: Candidate) {
        self.waiting.push_back(candidate);
    }

    pub(super) fn first(&self) -> Option<&Candidate> {
        self.waiting.front()
    }

    pub(super) fn pop(&mut self) -> Option<Candidate> {
        self.waiting.pop_front()
    }

    /// Returns the keys and ids that are read next: they are all judged, or none is. A group that is judged is read
    /// alone.
    pub(super) fn next_wanted(&self, kinds: Kinds) -> Vec<(i64, &str)> {
        let Some(Candidate { judged, .. }) = self.first() else { return Vec::new() };
        let most = if *judged && kinds == Kinds::Groups { 1 } else { self.documents };
        let alike = self.waiting.iter().take_while(|one| one.read && one.judged == *judged);
        alike.take(most).map(|one| (one.found.key, one.found.id())).collect()
    }

    /// Notes the size of the documents that were read last.
    pub(super) fn were_read(&mut self, documents: usize, bytes: usize) {
        let average = bytes / documents.max(1);
        self.documents = (DOCUMENTS_BYTES / average.max(1)).clamp(1, DOCUMENTS);
    }
}

/// A resource with more groups or members than are held, while they are read. The parts of the filter about them are
/// true if they are true of any piece.
pub(super) struct Judging {
    kinds: Kinds,
    key: i64,
    id: String,
    /// The resource without them.
    whole: Map<String, Value>,
    judged: Vec<bool>,
    /// The key up to which they were read.
    after: i64,
    terms: usize,
}

impl Judging {
    /// Begins to judge a resource; `whole` is its held part.
    pub(super) fn new(
        filter: &Filter,
        kinds: Kinds,
        found: &FoundRow,
        one: &Complete,
        whole: Map<String, Value>,
    ) -> Self {
        let parts = filter.parts_about(name_of(kinds));
        let judged = parts.iter().map(|part| !one.left_out && part.matches(&whole)).collect();
        let after = match one.stored.rest {
            Some(UnreadEntries::Members { after, .. }) => after,
            _ => members::BEFORE_ALL,
        };
        let terms = parts.iter().map(|part| part.count_terms()).sum();
        Self { kinds, key: found.key, id: found.id().to_owned(), whole, judged, after, terms }
    }

    /// Reads one piece. Returns whether the filter finds the resource, once that is known.
    pub(super) fn step(&mut self, sql: &dyn Sql, filter: &Filter, base: &str, budget: &Budget) -> Result<Option<bool>> {
        let name = name_of(self.kinds);
        if !is_row_of(sql, self.kinds, self.key, &self.id)? {
            return Ok(Some(false));
        }
        if self.judged.contains(&false) {
            // Only while a part of the filter is still false can another piece change the outcome.
            let (piece, last, count) = match self.kinds {
                Kinds::Users => {
                    let groups = members::groups_of_user(sql, self.key, self.after, members::GROUPS_PIECE)?;
                    let last = groups.last().map(|(key, _)| *key);
                    (view::groups_value(groups.iter().map(|(_, group)| group), base), last, groups.len())
                }
                Kinds::Groups => {
                    let (ids, last) = members::member_ids(sql, self.key, self.after, members::IDS_PIECE)?;
                    (view::members_value(&ids, base), last, ids.len())
                }
            };
            budget.charge(cost::related_judging_units(count, self.terms));
            if let Some(last) = last {
                self.after = last;
                let piece = Map::from_iter([(name.to_owned(), piece)]);
                for (judged, part) in self.judged.iter_mut().zip(filter.parts_about(name)) {
                    *judged = *judged || part.matches(&piece);
                }
                return Ok(None);
            }
        }
        Ok(Some(filter.with_parts_about(name, &mut self.judged.iter().copied()).matches(&self.whole)))
    }
}

/// Returns false once a resource is gone; another one may have its key by then.
fn is_row_of(sql: &dyn Sql, kinds: Kinds, key: i64, id: &str) -> Result<bool> {
    let found = match kinds {
        Kinds::Users => UserId::parse(id).map_or(Ok(None), |id| users::by_id(sql, &id))?.map(|user| user.key),
        Kinds::Groups => GroupId::parse(id).map_or(Ok(None), |id| groups::by_id(sql, &id))?.map(|group| group.key),
    };
    Ok(found == Some(key))
}
