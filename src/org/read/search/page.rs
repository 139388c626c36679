//! A page of the found resources: they are read with their groups or members, until the page is large enough.

use super::related::{self, Complete, at_once, size};
use super::scan::{Hit, Scan, Window, bound};
use crate::directory::reply::Answer;
use crate::directory::scim::Members;
use crate::error::Result;
use crate::org::read::cursor::Cursor;
use crate::scim::schema::Kinds;
use crate::store::Sql;
use crate::store::search::{self as store, ResourceRow};
use std::collections::BTreeMap;

/// The bytes of its resources after which a page ends early.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

impl Scan {
    /// Reads the page's resources, up to [`PAGE_BYTES`]. Returns also how many are shown, and the place of the last.
    pub(super) fn answer(
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
        // The hit beyond the page only tells that there are more.
        let mut wanted = hits.get(..bound(count).min(hits.len())).unwrap_or_default();
        let groups_alone = self.sources.iter().any(|source| source.kinds == Kinds::Groups);
        let part = at_once(if groups_alone { Kinds::Groups } else { Kinds::Users });
        // Resources are read in portions, until the page has its bytes: their size is known only then.
        'page: while !wanted.is_empty() {
            let read = self.read(sql, wanted.get(..part.min(wanted.len())).unwrap_or_default())?;
            let (hits, rest) = wanted.split_at_checked(read.len().max(1)).unwrap_or((wanted, &[]));
            wanted = rest;
            for (hit, one) in hits.iter().zip(read) {
                let size = one.as_ref().map_or(Ok(0), |one| size(sql, &one.stored, &self.base, PAGE_BYTES))?;
                // The first resource is always shown, whatever its size.
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

    /// Reads the resources of the first of these hits, which are all of one source or one alone: at least one. `None`
    /// for one that is gone meanwhile.
    fn read(&self, sql: &dyn Sql, hits: &[Hit]) -> Result<Vec<Option<Complete>>> {
        let source = hits.first().and_then(|hit| self.sources.get(hit.mark.source));
        let kinds = source.map_or(Kinds::Users, |source| source.kinds);
        let wanted: Vec<(i64, &str)> = hits.iter().map(|hit| (hit.key, hit.id())).collect();
        let mut read = self.complete(sql, kinds, &wanted, true, self.members == Members::Shown)?;
        let mixed = self.sources.len() > 1 && kinds == Kinds::Groups;
        read.iter_mut().flatten().for_each(|one| one.stored.group = mixed);
        Ok(read)
    }

    /// Returns the resources with the first of these keys and ids, with their groups or members if wanted. `None` for
    /// one that is gone, also if another one has its key by now.
    pub(super) fn complete(
        &self,
        sql: &dyn Sql,
        kinds: Kinds,
        wanted: &[(i64, &str)],
        with_related: bool,
        members: bool,
    ) -> Result<Vec<Option<Complete>>> {
        let keys: Vec<i64> = wanted.iter().map(|(key, _)| *key).collect();
        let records = store::by_keys(sql, kinds, &keys)?;
        let mut records: BTreeMap<i64, ResourceRow> = records.into_iter().map(|record| (record.key, record)).collect();
        let (mut there, mut found) = (Vec::with_capacity(keys.len()), Vec::with_capacity(keys.len()));
        for (key, id) in wanted {
            // Keys are used again, so the id decides whether this is the resource that was found.
            let record = records.remove(key).filter(|record| record.stored.id == *id);
            there.push(record.is_some());
            found.extend(record);
        }
        let complete = match with_related {
            true if !found.is_empty() => related::complete(sql, kinds, found, members)?,
            _ => found.into_iter().map(|record| Complete { stored: record.stored, left_out: false }).collect(),
        };
        let mut complete = complete.into_iter();
        let mut all = Vec::with_capacity(wanted.len());
        for there in there {
            let one = if there { complete.next() } else { None };
            // The rest did not fit into memory; the caller reads it next.
            if there && one.is_none() {
                break;
            }
            all.push(one);
        }
        Ok(all)
    }
}
