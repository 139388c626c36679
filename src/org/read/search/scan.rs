//! A query on its way through the directory: what it looks for, where it is, what it has found.

use super::candidates::Candidates;
use crate::directory::query::Page;
use crate::directory::scim::{ListQuery, Members};
use crate::error::{Code, Error, Result};
use crate::id::Timestamp;
use crate::org::read::cursor::{Cursor, Mark};
use crate::scim::filter::Filter;
use crate::scim::schema::{Kinds, Types};
use crate::scim::sort;
use crate::store::Sql;
use crate::store::filter::{self, Condition};
use crate::store::search::{self as store, FoundRow, IndexOrder};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// How many rows the first piece goes through.
const PIECE_FIRST: i64 = 250;
/// The most resources that are sorted when no index serves it.
const SORTED_MAX: usize = 50_000;
/// The most users that are looked up at once by their addresses; beyond it, all users are read in pieces.
const ADDRESSED_MAX: i64 = 10_000;

/// One kind of resource of a query.
pub(super) struct Source {
    pub(super) kinds: Kinds,
    pub(super) filter: Option<Filter>,
    pub(super) condition: Condition,
    /// True if one statement finds all: the filter uses an index.
    pub(super) look_up: bool,
    /// The number of users that it reads for their addresses.
    pub(super) addressed: i64,
}

impl Source {
    pub(super) fn new(sql: &dyn Sql, kinds: Kinds, filter: Option<&Filter>, types: &Types, base: &str) -> Result<Self> {
        // A look-up by addresses reads each user that has one, so it must stay small to be quicker than a scan.
        let addresses = filter.and_then(|filter| filter::look_up(filter, kinds));
        let (is_served, mut addressed) = (addresses.is_some(), 0);
        if let Some(addresses) = addresses.filter(|addresses| !addresses.is_empty()) {
            addressed = store::count_addressed(sql, &addresses, ADDRESSED_MAX)?;
        }
        let look_up = is_served && addressed < ADDRESSED_MAX;
        let condition = match filter {
            Some(filter) => filter::compile(filter, kinds, types.of_kind(kinds), base, look_up),
            None => Condition { text: "1".to_owned(), constants: "[]".to_owned(), exact: true, passes: 0 },
        };
        Ok(Self { kinds, filter: filter.cloned(), condition, look_up, addressed })
    }

    pub(super) fn terms(&self) -> usize {
        self.filter.as_ref().map_or(1, Filter::count_terms).max(1)
    }
}

/// The found resources that are answered.
pub(super) enum Window {
    Index {
        start: i64,
        count: i64,
    },
    Cursor {
        after: Option<Cursor>,
        count: i64,
    },
    /// A page of the Console's: no total, no cursor, and a page that takes too long ends early. The tag is the
    /// answer's.
    Keyset {
        count: i64,
        tag: String,
    },
}

/// A resource that was found.
pub(super) struct Hit {
    pub(super) key: i64,
    /// Its `id`, if the place of its mark is another text: a later read returns this resource or none, whatever has its
    /// key.
    pub(super) id: Option<String>,
    pub(super) mark: Mark,
}

impl Hit {
    pub(super) fn new(source: usize, key: Value, found: FoundRow) -> Self {
        Self { key: found.key, id: found.id, mark: Mark { source, key, place: found.place } }
    }

    pub(super) fn id(&self) -> &str {
        self.id.as_deref().unwrap_or(&self.mark.place)
    }
}

/// A query on its way.
pub(crate) struct Scan {
    pub(super) base: String,
    pub(super) query: String,
    pub(super) sources: Vec<Source>,
    pub(super) members: Members,
    pub(super) order: IndexOrder,
    /// True for a descending order of the index, or of the sort here.
    pub(super) descending: bool,
    pub(super) sort: Option<sort::Sort>,
    pub(super) window: Window,
    /// The source that is read, and the place up to which it was read.
    pub(super) at: usize,
    pub(super) place: Option<String>,
    /// The most rows of the next piece.
    pub(super) rows: i64,
    /// The place up to which all candidates are judged.
    pub(super) judged: Option<String>,
    /// The candidates of the last piece that are still to be read.
    pub(super) candidates: Candidates,
    pub(super) total: i64,
    pub(super) hits: Vec<Hit>,
    pub(super) started: Option<Timestamp>,
}

impl Scan {
    /// Makes a query over one kind of resource or both, each with its own filter, all with the page and order of the
    /// first.
    ///
    /// # Errors
    /// 400 `invalidCursor`.
    pub(crate) fn new(
        sql: &dyn Sql,
        lists: &[(Kinds, &ListQuery)],
        members: Members,
        base: &str,
        types: &Types,
    ) -> Result<Self> {
        let list = lists.first().map(|(_, list)| *list).ok_or_else(|| Error::internal("a search for nothing"))?;
        // Step 1: an index gives the order by id and by name; any other is sorted here once all is found.
        let (order, sort) = match (&list.sort, lists) {
            (None, _) => (IndexOrder::Id, None),
            (Some(sort), [(kinds, _)]) if is_indexed(sort, *kinds, "id") => (IndexOrder::Id, None),
            (Some(sort), [(kinds, _)]) if is_indexed(sort, *kinds, "name") => (IndexOrder::Name, None),
            (Some(sort), _) => (IndexOrder::Id, Some(sort.clone())),
        };
        let source = |(kinds, list): &(Kinds, &ListQuery)| Source::new(sql, *kinds, list.filter.as_ref(), types, base);
        let sources: Vec<Source> = lists.iter().map(source).collect::<Result<_>>()?;
        // Step 2: a cursor belongs to this query alone, so its place means the same on every page.
        let query = fingerprint(&sources, list);
        let window = match &list.cursor {
            None => Window::Index { start: list.start_index, count: list.count },
            Some(text) if text.is_empty() => Window::Cursor { after: None, count: list.count },
            Some(text) => {
                let mut cursor = Cursor::read(text, &query)?;
                cursor.after.key = sort::cut_key(cursor.after.key);
                Window::Cursor { after: Some(cursor), count: list.count }
            }
        };
        let descending = list.sort.as_ref().is_some_and(|sort| sort.descending);
        let mut scan = Self {
            base: base.to_owned(),
            query,
            sources,
            members,
            order,
            descending,
            sort,
            window,
            at: 0,
            place: None,
            rows: PIECE_FIRST,
            judged: None,
            candidates: Candidates::default(),
            total: 0,
            hits: Vec::new(),
            started: None,
        };
        // Step 3: with an index the scan continues at the cursor's place. A sort must find everything again.
        if let (Window::Cursor { after: Some(cursor), .. }, None) = (&scan.window, &scan.sort) {
            (scan.at, scan.place) = (cursor.after.source, Some(cursor.after.place.clone()));
        }
        Ok(scan)
    }

    /// Makes the scan for a page of the Console's, in the order of the ids.
    ///
    /// # Errors
    /// Internal only.
    pub(crate) fn keyset(
        sql: &dyn Sql,
        kinds: Kinds,
        filter: Option<Filter>,
        page: &Page,
        tag: String,
        base: &str,
        types: &Types,
    ) -> Result<Self> {
        let list = ListQuery { filter, start_index: 1, count: page.limit, sort: None, cursor: None };
        let scan = Self::new(sql, &[(kinds, &list)], Members::Hidden, base, types)?;
        Ok(Self {
            window: Window::Keyset { count: page.limit, tag },
            place: page.after.clone(),
            judged: page.after.clone(),
            ..scan
        })
    }

    pub(super) fn take(&mut self, hit: Hit) -> Result<()> {
        self.total += 1;
        // A sort needs all hits, so their number is bounded instead of the page.
        if self.sort.is_some() {
            self.hits.push(hit);
            if self.hits.len() > SORTED_MAX {
                let detail = format!(
                    "More than {SORTED_MAX} resources would need sorting. Narrow the filter, or sort by id, userName, \
                     or a group's displayName."
                );
                return Err(Error::new(Code::SortTooLarge, detail));
            }
        // Without a sort only the hits of the page are kept, and with cursors one more, which tells of a next page.
        } else if match self.window {
            Window::Index { start, count } => self.total >= start && (self.hits.len() as i64) < count,
            Window::Cursor { count, .. } | Window::Keyset { count, .. } => (self.hits.len() as i64) <= count,
        } {
            self.hits.push(hit);
        }
        Ok(())
    }

    /// Returns true if the page is full and the total known: a page after the first knows it.
    pub(super) fn has_enough(&self) -> bool {
        match &self.window {
            Window::Cursor { after: Some(_), count } if self.sort.is_none() => self.hits.len() as i64 > *count,
            Window::Keyset { count, .. } => self.hits.len() as i64 > *count,
            _ => false,
        }
    }

    pub(super) fn compare(&self, a: &Mark, b: &Mark) -> std::cmp::Ordering {
        let keys = sort::compare_keys(&a.key, &b.key);
        let keys = if self.descending { keys.reverse() } else { keys };
        keys.then(a.source.cmp(&b.source)).then_with(|| a.place.cmp(&b.place))
    }
}

/// Returns true if an index has that order: by `id`, or by the kind's unique name.
fn is_indexed(sort: &sort::Sort, kinds: Kinds, by: &str) -> bool {
    let name = match (by, kinds) {
        ("name", Kinds::Users) => "userName",
        ("name", Kinds::Groups) => "displayName",
        _ => "id",
    };
    sort.by.urn.is_none() && sort.by.sub.is_none() && sort.by.name == name
}

/// Returns the fingerprint of a query without its page: a cursor is valid for this query alone.
fn fingerprint(sources: &[Source], list: &ListQuery) -> String {
    let filters: Vec<Value> = sources
        .iter()
        .map(|source| json!([source.kinds.name(), source.filter.as_ref().map(Filter::to_string)]))
        .collect();
    let text = json!([filters, list.sort]).to_string();
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    crate::id::TokenHash(digest).hex().chars().take(16).collect()
}

pub(super) fn bound(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::filter::Forms;
    use crate::scim::schema::Types;

    #[test]
    fn which_order_an_index_has() {
        for (kinds, text, by_id, by_name) in [
            (Kinds::Users, "id", true, false),
            (Kinds::Users, "userName", false, true),
            (Kinds::Users, "displayName", false, false),
            (Kinds::Users, "name.familyName", false, false),
            (Kinds::Groups, "ID", true, false),
            (Kinds::Groups, "displayName", false, true),
            (Kinds::Groups, "externalId", false, false),
        ] {
            let by = sort::resolve_sort_by(text, Types::default().of_kind(kinds), Forms::Strict).unwrap().unwrap();
            let sort = sort::Sort { by, descending: false };
            let found = ["id", "name"].map(|by| is_indexed(&sort, kinds, by));
            assert_eq!(found, [by_id, by_name], "{kinds:?} {text}");
        }
    }
}
