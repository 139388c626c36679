//! Lists and searches (RFC 7644 section 3.4.2, RFC 9865).
//!
//! What one index answers is read at once. Anything else is a [`Scan`]: it goes through the rows in pieces, with other
//! requests between them, and ends with its request. It holds a position and the places of a page, never the rows.

mod related;

use self::related::{Complete, at_once, size};
use super::cursor::{Cursor, Mark};
use super::{Pages, state};
use crate::directory::command::{List, Members, Page};
use crate::directory::reply::Answer;
use crate::directory::view;
use crate::error::{Code, Error, Result};
use crate::id::{Timestamp, is_within};
use crate::scim::filter::Filter;
use crate::scim::schema::{Kinds, Types};
use crate::scim::sort;
use crate::sorted::Sorted;
use crate::store::filter::{self, Condition};
use crate::store::search::{self as store, Order, Range, Record};
use crate::store::{Sql, changes};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// How many rows a piece goes through for a filter of one term: some 20 ms.
const PIECE: i64 = 2_000;
/// How many rows a piece goes through at least.
const PIECE_LEAST: i64 = 20;
/// How many characters of documents a piece goes through for a filter of one term, and how many for any.
const PIECE_CHARACTERS: (i64, i64) = (8 * 1024 * 1024, 1024 * 1024);
/// How long a scan may take, in milliseconds.
const SCAN_MAX: i64 = 10_000;
/// How many resources are sorted when no index serves it.
const SORTED_MAX: usize = 50_000;
/// Where a page ends early, in bytes of its resources.
const PAGE_BYTES: usize = 4 * 1024 * 1024;
/// How many rows a piece goes through when their documents are read.
const READ_PIECE: i64 = 250;
/// How many documents are held at once.
const READ_AT_ONCE: usize = 50;

/// One kind of resource of a query.
struct Source {
    kinds: Kinds,
    filter: Option<Filter>,
    condition: Condition,
    /// One statement finds all: the filter asks an index.
    look_up: bool,
}

/// Which of the resources that were found are answered.
enum Window {
    Index {
        start: i64,
        count: i64,
    },
    Cursor {
        after: Option<Cursor>,
        count: i64,
    },
    /// A page of the Console's: no total, no cursor, and a page that takes too long ends early. The tag is the answer's.
    Keyset {
        count: i64,
        tag: String,
    },
}

/// A resource that was found.
struct Hit {
    key: i64,
    mark: Mark,
}

/// A query on its way.
pub(super) struct Scan {
    base: String,
    query: String,
    sources: Vec<Source>,
    members: Members,
    order: Order,
    /// The order of the index, or of what is sorted here.
    descending: bool,
    sort: Option<sort::Sort>,
    window: Window,
    /// The source that is read, and up to where.
    at: usize,
    place: Option<String>,
    total: i64,
    hits: Vec<Hit>,
    started: Option<Timestamp>,
}

impl Scan {
    /// A query over one kind of resource or both, each with its own filter, all with the page and order of the first.
    ///
    /// # Errors
    /// 400 `invalidCursor`.
    pub(super) fn new(lists: &[(Kinds, &List)], members: Members, base: &str, types: &Types) -> Result<Self> {
        let list = lists.first().map(|(_, list)| *list).ok_or_else(|| Error::internal("a search for nothing"))?;
        let (order, sort) = match (&list.sort, lists) {
            (None, _) => (Order::Id, None),
            (Some(sort), [(kinds, _)]) if is_indexed(sort, *kinds, "id") => (Order::Id, None),
            (Some(sort), [(kinds, _)]) if is_indexed(sort, *kinds, "name") => (Order::Name, None),
            (Some(sort), _) => (Order::Id, Some(sort.clone())),
        };
        let sources = lists.iter().map(|(kinds, list)| {
            let condition = match &list.filter {
                Some(filter) => filter::compile(filter, *kinds, types.of(*kinds), base),
                None => Condition { text: "1".to_owned(), constants: "[]".to_owned(), exact: true },
            };
            let look_up = list.filter.as_ref().is_some_and(|filter| filter::is_look_up(filter, *kinds));
            Source { kinds: *kinds, filter: list.filter.clone(), condition, look_up }
        });
        let sources: Vec<Source> = sources.collect();
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
            total: 0,
            hits: Vec::new(),
            started: None,
        };
        if let (Window::Cursor { after: Some(cursor), .. }, None) = (&scan.window, &scan.sort) {
            (scan.at, scan.place) = (cursor.after.source, Some(cursor.after.place.clone()));
        }
        Ok(scan)
    }

    /// A page of the Console's, in the order of the ids.
    ///
    /// # Errors
    /// Internal only.
    pub(super) fn keyset(
        kinds: Kinds,
        filter: Option<Filter>,
        page: &Page,
        tag: String,
        base: &str,
        types: &Types,
    ) -> Result<Self> {
        let list = List { filter, start_index: 1, count: page.limit, sort: None, cursor: None };
        let scan = Self::new(&[(kinds, &list)], Members::Hidden, base, types)?;
        Ok(Self { window: Window::Keyset { count: page.limit, tag }, place: page.after.clone(), ..scan })
    }

    /// The page of [`Scan::keyset`], if it takes no filter.
    ///
    /// # Errors
    /// Internal only.
    pub(super) fn keyset_at_once(&self, sql: &dyn Sql) -> Result<Option<Answer>> {
        let ([Source { kinds, filter: None, .. }], Window::Keyset { count, tag }) =
            (self.sources.as_slice(), &self.window)
        else {
            return Ok(None);
        };
        let range = Range { kinds: *kinds, order: Order::Id, descending: false, after: self.place.as_deref() };
        let found = store::page(sql, &range, 0, count + 1)?;
        state::page(sql, *kinds, &found, bound(*count), None, tag).map(Some)
    }

    /// The whole answer, if it takes no filter and an index has the order.
    pub(super) fn at_once(&self, sql: &dyn Sql, pages: &mut Pages, token: &str) -> Result<Option<Answer>> {
        let [Source { kinds, filter: None, .. }] = self.sources.as_slice() else { return Ok(None) };
        if self.sort.is_some() {
            return Ok(None);
        }
        let totals = changes::head(sql)?.totals;
        let total = if *kinds == Kinds::Users { totals.users } else { totals.groups };
        let mut range = Range { kinds: *kinds, order: self.order, descending: self.descending, after: None };
        let hit = |(key, place)| Hit { key, mark: Mark { source: 0, key: Value::Null, place } };
        let (hits, start) = match &self.window {
            Window::Cursor { count, .. } => {
                range.after = self.place.as_deref();
                (store::page(sql, &range, 0, count + 1)?, 1)
            }
            Window::Index { start, count } => {
                // A reader that goes on where its last page ended pays for no row that it skips.
                let known = pages.end(token, &self.query, *start);
                range.after = known.as_deref();
                let skip = if known.is_some() { 0 } else { start - 1 };
                (store::page(sql, &range, skip, *count)?, *start)
            }
            Window::Keyset { .. } => return Ok(None),
        };
        let hits: Vec<Hit> = hits.into_iter().map(hit).collect();
        let (answer, last) = self.answer(sql, hits, total, start)?;
        if let (Window::Index { start, .. }, Some((shown, place))) = (&self.window, last) {
            pages.remember(token, &self.query, start + shown, place);
        }
        Ok(Some(answer))
    }

    /// Goes through one piece; the answer once there is none left.
    ///
    /// # Errors
    /// 400 `tooMany` after [`SCAN_MAX`], or for more than [`SORTED_MAX`] resources to sort.
    pub(super) fn step(&mut self, sql: &dyn Sql, types: &Types, now: Timestamp) -> Result<Option<Answer>> {
        if !is_within(now, *self.started.get_or_insert(now), SCAN_MAX + 1) {
            if let Window::Keyset { .. } = self.window {
                return self.finish(sql).map(Some);
            }
            let detail =
                "The search took longer than 10 seconds. Narrow the filter, best by eq on userName, externalId or id.";
            return Err(Error::new(Code::SearchTooLong, detail));
        }
        if let Some(source) = self.sources.get(self.at) {
            let range = Range {
                kinds: source.kinds,
                order: self.order,
                descending: self.descending && self.sort.is_none(),
                after: self.place.as_deref(),
            };
            let rows = if source.condition.exact && self.sort.is_none() { PIECE } else { READ_PIECE };
            // Each term of the filter looks at each document anew.
            let terms = source.filter.as_ref().map_or(1, Filter::terms).max(1) as i64;
            let (most, least) = PIECE_CHARACTERS;
            let (rows, characters) = ((rows / terms).max(PIECE_LEAST), (most / terms).max(least));
            let until = match source.look_up {
                true => None,
                false => store::end_of_piece(sql, &range, rows, characters)?,
            };
            let found = self.found(sql, types, source, &range, until.as_deref())?;
            for hit in found {
                self.take(hit)?;
            }
            match until {
                Some(place) => self.place = Some(place),
                None => (self.at, self.place) = (self.at + 1, None),
            }
            if self.at < self.sources.len() && !self.has_enough() {
                return Ok(None);
            }
        }
        self.finish(sql).map(Some)
    }

    /// What of a piece is meant. Where SQL left something open, the evaluator judges.
    fn found(
        &self,
        sql: &dyn Sql,
        types: &Types,
        source: &Source,
        range: &Range<'_>,
        until: Option<&str>,
    ) -> Result<Vec<Hit>> {
        let hit = |key, sorted, place| Hit { key, mark: Mark { source: self.at, key: sorted, place } };
        if source.condition.exact && self.sort.is_none() {
            let places = store::places(sql, range, until, &source.condition)?;
            return Ok(places.into_iter().map(|(key, place)| hit(key, Value::Null, place)).collect());
        }
        let places = store::places(sql, range, until, &source.condition)?;
        let judged = source.filter.as_ref().filter(|_| !source.condition.exact);
        let (kind, mut found) = (types.of(source.kinds), Vec::with_capacity(places.len()));
        let mut rest = places.as_slice();
        while !rest.is_empty() {
            let part = if judged.is_some() { at_once(source.kinds) } else { READ_AT_ONCE };
            let part = rest.get(..part.min(rest.len())).unwrap_or_default();
            let keys: Vec<i64> = part.iter().map(|(key, _)| *key).collect();
            let complete = self.complete(sql, source.kinds, &keys, judged.is_some(), true)?;
            rest = rest.get(complete.len().max(1)..).unwrap_or_default();
            for ((key, place), one) in part.iter().zip(complete) {
                let Some(one) = one else { continue };
                let whole = view::whole(&one.stored, source.kinds, &self.base)?;
                let sorted = self.sort.as_ref().map_or(Value::Null, |sort| sort::key(&sort.by, kind, &whole));
                let fits = match judged {
                    Some(filter) => related::found(sql, filter, (source.kinds, *key), one, &self.base, &whole)?,
                    None => true,
                };
                if fits {
                    found.push(hit(*key, sorted, place.clone()));
                }
            }
        }
        Ok(found)
    }

    fn take(&mut self, hit: Hit) -> Result<()> {
        self.total += 1;
        if self.sort.is_some() {
            self.hits.push(hit);
            if self.hits.len() > SORTED_MAX {
                let detail = format!(
                    "More than {SORTED_MAX} resources would have to be sorted. Narrow the filter, or sort by id, \
                     userName, or a group's displayName."
                );
                return Err(Error::new(Code::SortTooLarge, detail));
            }
        } else if match self.window {
            Window::Index { start, count } => self.total >= start && (self.hits.len() as i64) < count,
            Window::Cursor { count, .. } | Window::Keyset { count, .. } => (self.hits.len() as i64) <= count,
        } {
            self.hits.push(hit);
        }
        Ok(())
    }

    /// A page after the first knows the total, so it need not go on once it is full.
    fn has_enough(&self) -> bool {
        match &self.window {
            Window::Cursor { after: Some(_), count } if self.sort.is_none() => self.hits.len() as i64 > *count,
            Window::Keyset { count, .. } => self.hits.len() as i64 > *count,
            _ => false,
        }
    }

    fn finish(&mut self, sql: &dyn Sql) -> Result<Answer> {
        let mut hits = std::mem::take(&mut self.hits);
        if let Window::Keyset { count, tag } = &self.window {
            let kinds = self.sources.first().map_or(Kinds::Users, |source| source.kinds);
            let found: Vec<(i64, String)> = hits.into_iter().map(|hit| (hit.key, hit.mark.place)).collect();
            let rest = self.place.as_deref().filter(|_| self.at < self.sources.len());
            return state::page(sql, kinds, &found, bound(*count), rest, tag);
        }
        let mut total = self.total;
        if self.sort.is_some() {
            hits.sort_by(|a, b| self.compare(&a.mark, &b.mark));
            match &self.window {
                Window::Index { start, .. } => drop(hits.drain(..bound(start - 1).min(hits.len()))),
                Window::Cursor { after: Some(cursor), .. } => {
                    hits.retain(|hit| self.compare(&hit.mark, &cursor.after).is_gt());
                }
                Window::Cursor { after: None, .. } | Window::Keyset { .. } => {}
            }
        }
        let start = match &self.window {
            Window::Index { start, .. } => *start,
            Window::Cursor { after: Some(cursor), .. } => {
                total = cursor.total;
                1
            }
            Window::Cursor { after: None, .. } | Window::Keyset { .. } => 1,
        };
        Ok(self.answer(sql, hits, total, start)?.0)
    }

    fn compare(&self, a: &Mark, b: &Mark) -> std::cmp::Ordering {
        let keys = sort::compare(&a.key, &b.key);
        let keys = if self.descending { keys.reverse() } else { keys };
        keys.then(a.source.cmp(&b.source)).then_with(|| a.place.cmp(&b.place))
    }

    /// Reads the page's resources, up to [`PAGE_BYTES`]. Answers also how many are shown, and the place of the last.
    fn answer(
        &self,
        sql: &dyn Sql,
        hits: Vec<Hit>,
        total: i64,
        start_index: i64,
    ) -> Result<(Answer, Option<(i64, String)>)> {
        let (count, chained) = match &self.window {
            Window::Index { count, .. } => (*count, false),
            Window::Cursor { count, .. } | Window::Keyset { count, .. } => (*count, true),
        };
        let (mut resources, mut bytes, mut last, mut groups_left_out) = (Vec::new(), 0, None, false);
        let mut wanted = hits.get(..bound(count).min(hits.len())).unwrap_or_default();
        let groups_alone = self.sources.iter().any(|source| source.kinds == Kinds::Groups);
        let part = at_once(if groups_alone { Kinds::Groups } else { Kinds::Users });
        'page: while !wanted.is_empty() {
            let read = self.read(sql, wanted.get(..part.min(wanted.len())).unwrap_or_default())?;
            let (hits, rest) = wanted.split_at_checked(read.len().max(1)).unwrap_or((wanted, &[]));
            wanted = rest;
            for (hit, one) in hits.iter().zip(read) {
                let size = one.as_ref().map_or(Ok(0), |one| size(sql, &one.stored, &self.base, PAGE_BYTES))?;
                if bytes > 0 && bytes + size > PAGE_BYTES {
                    break 'page;
                }
                bytes += size;
                last = Some(&hit.mark);
                groups_left_out |= one.as_ref().is_some_and(|one| one.left_out);
                resources.extend(one.map(|one| one.stored));
            }
        }
        let more = hits.last().map(|hit| &hit.mark) != last;
        let next_cursor =
            last.filter(|_| chained && more).map(|mark| Cursor { after: mark.clone(), total }.write(&self.query));
        let shown = (resources.len() as i64, last.map(|mark| mark.place.clone()));
        let answer = Answer::List { total, start_index, resources, next_cursor, groups_left_out };
        Ok((answer, shown.1.map(|place| (shown.0, place))))
    }

    /// The resources of the first of these hits, which are all of one source or one alone: at least one. `None` for one that
    /// is gone meanwhile.
    fn read(&self, sql: &dyn Sql, hits: &[Hit]) -> Result<Vec<Option<Complete>>> {
        let source = hits.first().and_then(|hit| self.sources.get(hit.mark.source));
        let kinds = source.map_or(Kinds::Users, |source| source.kinds);
        let keys: Vec<i64> = hits.iter().map(|hit| hit.key).collect();
        let mut read = self.complete(sql, kinds, &keys, true, self.members == Members::Shown)?;
        let mixed = self.sources.len() > 1 && kinds == Kinds::Groups;
        read.iter_mut().flatten().for_each(|one| one.stored.group = mixed);
        Ok(read)
    }

    /// The resources with the first of these keys, with what belongs to them if it is wanted.
    fn complete(
        &self,
        sql: &dyn Sql,
        kinds: Kinds,
        keys: &[i64],
        with_related: bool,
        members: bool,
    ) -> Result<Vec<Option<Complete>>> {
        let records = store::by_keys(sql, kinds, keys)?;
        let mut records: Sorted<i64, Record> = records.into_iter().map(|record| (record.key, record)).collect();
        let (mut there, mut found) = (Vec::with_capacity(keys.len()), Vec::with_capacity(keys.len()));
        for key in keys {
            let record = records.remove(key);
            there.push(record.is_some());
            found.extend(record);
        }
        let complete = match with_related {
            true if !found.is_empty() => related::complete(sql, kinds, found, members)?,
            _ => found.into_iter().map(|record| Complete { stored: record.stored, left_out: false }).collect(),
        };
        let mut complete = complete.into_iter();
        let mut all = Vec::with_capacity(keys.len());
        for there in there {
            let one = if there { complete.next() } else { None };
            if there && one.is_none() {
                break;
            }
            all.push(one);
        }
        Ok(all)
    }
}

/// Whether an index has that order: by `id`, or by the kind's unique name.
fn is_indexed(sort: &sort::Sort, kinds: Kinds, by: &str) -> bool {
    let name = match (by, kinds) {
        ("name", Kinds::Users) => "userName",
        ("name", Kinds::Groups) => "displayName",
        _ => "id",
    };
    sort.by.urn.is_none() && sort.by.sub.is_none() && sort.by.name == name
}

/// Everything of a query but its page: a cursor holds for this query alone.
fn fingerprint(sources: &[Source], list: &List) -> String {
    let filters: Vec<Value> = sources
        .iter()
        .map(|source| json!([source.kinds.name(), source.filter.as_ref().map(Filter::to_string)]))
        .collect();
    let text = json!([filters, list.sort]).to_string();
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    crate::id::TokenHash(digest).hex().chars().take(16).collect()
}

fn bound(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}
