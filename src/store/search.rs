//! Users and groups in an order, piece by piece: what lists, searches and scans read. A piece ends at a known place in
//! the order's index, so it takes a bounded time whatever its condition leaves over.

use super::filter::Condition;
use super::{Param, Row, Sql, each, first};
use crate::directory::reply::Stored;
use crate::error::{Error, Result};
use crate::id::Timestamp;
use crate::scim::schema::Kinds;
use serde_json::value::RawValue;

/// The orders that an index serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By `id`: that of creation, for ids made here.
    Id,
    /// By the unique name, folded: `userName`, or a group's `displayName`.
    Name,
}

/// Which rows of a kind, in which order.
#[derive(Clone, Copy, Debug)]
pub struct Range<'a> {
    /// Users or groups.
    pub kinds: Kinds,
    /// By which index.
    pub order: Order,
    /// From the end.
    pub descending: bool,
    /// Only what comes after this place.
    pub after: Option<&'a str>,
}

/// A row of either kind.
#[derive(Debug)]
pub struct Record {
    /// Its key.
    pub key: i64,
    /// Its place in the order that it was read in.
    pub place: String,
    /// As it travels, without groups and members.
    pub stored: Stored,
}

impl Range<'_> {
    fn table(&self) -> &'static str {
        match self.kinds {
            Kinds::Users => "users",
            Kinds::Groups => "groups",
        }
    }

    fn column(&self) -> &'static str {
        match (self.order, self.kinds) {
            (Order::Id, _) => "r.id",
            (Order::Name, Kinds::Users) => "r.user_name_key",
            (Order::Name, Kinds::Groups) => "r.display_name_key",
        }
    }

    /// `ORDER BY`, and before it what leaves out a resource that is gone.
    fn ends(&self) -> (&'static str, String) {
        let direction = if self.descending { " DESC" } else { "" };
        (" AND r.gone = 0", format!(" ORDER BY {}{direction}", self.column()))
    }

    /// The comparison that leads on in the order.
    fn beyond(&self) -> &'static str {
        if self.descending { "<" } else { ">" }
    }
}

const COLUMNS: &str = "r.id, r.doc, r.version, r.created, r.modified";

fn record(mut row: Row) -> Result<Record> {
    Ok(Record {
        key: row.integer()?,
        place: row.text()?,
        stored: Stored {
            id: row.text()?,
            doc: RawValue::from_string(row.text()?).map_err(Error::internal)?,
            version: row.integer()?,
            created: Timestamp(row.integer()?),
            modified: Timestamp(row.integer()?),
            group: false,
            groups: Vec::new(),
            members: None,
            rest: None,
        },
    })
}

/// Returns the place of the first row by which so many rows were passed, or documents of so many characters; `None` if there
/// are fewer left. The row at that place belongs to the piece, so each is one row long at least.
///
/// Most documents are small: one statement takes the sum of all the rows. Only where that is too much, running sums find
/// the place; SQLite makes them row by row and ends with the first that is reached, but reads each row several times.
///
/// # Errors
/// Internal only, as of every function here.
pub fn end_of_piece(sql: &dyn Sql, range: &Range<'_>, rows: i64, characters: i64) -> Result<Option<String>> {
    let (column, (_, order)) = (range.column(), range.ends());
    let mut params = vec![Param::from(rows), Param::from(characters)];
    let mut after = String::new();
    if let Some(place) = range.after {
        params.push(place.into());
        after = format!(" AND {column} {} ?3", range.beyond());
    }
    let from = format!("FROM {} r WHERE {column} IS NOT NULL{after}", range.table());
    let last = if range.descending { "min" } else { "max" };
    let text = format!(
        "SELECT count(*), {last}(place), coalesce(sum(characters), 0) <= ?2 FROM \
         (SELECT {column} AS place, length(r.doc) AS characters {from}{order} LIMIT ?1)"
    );
    let mut row = first(sql, &text, &params)?.ok_or_else(|| Error::internal("a sum has no row"))?;
    let (count, place, fits) = (row.integer()?, row.optional_text()?, row.integer()? == 1);
    if fits {
        return Ok(place.filter(|_| count == rows));
    }
    let text = format!(
        "SELECT place FROM (SELECT {column} AS place, \
         row_number() OVER ({order} ROWS UNBOUNDED PRECEDING) AS number, \
         sum(length(r.doc)) OVER ({order} ROWS UNBOUNDED PRECEDING) AS characters {from}) \
         WHERE number >= ?1 OR characters >= ?2 LIMIT 1"
    );
    first(sql, &text, &params)?.map(|mut row| row.text()).transpose()
}

/// The keys and places of the rows up to `until` that meet the condition.
///
/// # Errors
/// Internal only.
pub fn places(
    sql: &dyn Sql,
    range: &Range<'_>,
    until: Option<&str>,
    condition: &Condition,
) -> Result<Vec<(i64, String)>> {
    let rows = select(sql, &format!("r.key, {}", range.column()), range, until, condition)?;
    each(rows, |mut row| Ok((row.integer()?, row.text()?)))
}

fn select(
    sql: &dyn Sql,
    columns: &str,
    range: &Range<'_>,
    until: Option<&str>,
    condition: &Condition,
) -> Result<Vec<Row>> {
    let (column, (gone, order)) = (range.column(), range.ends());
    let mut params = vec![Param::Text(&condition.constants)];
    // Every parameter has to stand in the text, also of a condition without a constant.
    let mut text =
        format!("SELECT {columns} FROM {} r WHERE ?1 IS NOT NULL AND {}{gone}", range.table(), condition.text);
    if let Some(after) = range.after {
        params.push(after.into());
        text.push_str(&format!(" AND {column} {} ?2", range.beyond()));
    }
    if let Some(until) = until {
        params.push(until.into());
        let within = if range.descending { ">=" } else { "<=" };
        text.push_str(&format!(" AND {column} {within} ?{}", params.len()));
    }
    text.push_str(&order);
    sql.query(&text, &params)
}

/// A page of all rows: `count` of them after skipping `skip`.
///
/// # Errors
/// Internal only.
pub fn page(sql: &dyn Sql, range: &Range<'_>, skip: i64, count: i64) -> Result<Vec<(i64, String)>> {
    let (column, (gone, order)) = (range.column(), range.ends());
    let mut params = vec![Param::from(count), Param::from(skip)];
    let mut text = format!("SELECT r.key, {column} FROM {} r WHERE {column} IS NOT NULL{gone}", range.table());
    if let Some(after) = range.after {
        params.push(after.into());
        text.push_str(&format!(" AND {column} {} ?3", range.beyond()));
    }
    text.push_str(&format!("{order} LIMIT ?1 OFFSET ?2"));
    each(sql.query(&text, &params)?, |mut row| Ok((row.integer()?, row.text()?)))
}

/// The rows with these keys, in no order; one that is gone is left out.
///
/// # Errors
/// Internal only.
pub fn by_keys(sql: &dyn Sql, kinds: Kinds, keys: &[i64]) -> Result<Vec<Record>> {
    let range = Range { kinds, order: Order::Id, descending: false, after: None };
    let (gone, _) = range.ends();
    let text = format!(
        "SELECT r.key, r.id, {COLUMNS} FROM json_each(?) j JOIN {} r ON r.key = j.value WHERE 1{gone}",
        range.table()
    );
    let keys = serde_json::to_string(keys).map_err(Error::internal)?;
    each(sql.query(&text, &[Param::Text(&keys)])?, record)
}
