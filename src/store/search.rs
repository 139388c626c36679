//! Users and groups in an order, piece by piece, for lists, searches and scans. A piece ends at a known place in the
//! order's index, so it takes a bounded time whatever its condition leaves out.

use super::filter::{Condition, count_related, has_many};
use super::{Param, Row, Sql, first_row, read_rows};
use crate::directory::reply::Stored;
use crate::error::{Error, Result};
use crate::id::Timestamp;
use crate::scim::json;
use crate::scim::schema::Kinds;

/// The orders that an index serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexOrder {
    /// By `id`: the order of creation, for ids made here.
    Id,
    /// By the unique name, folded: `userName`, or a group's `displayName`.
    Name,
}

/// The rows of a kind in an order.
#[derive(Clone, Copy, Debug)]
pub struct SearchRange<'a> {
    /// Users or groups.
    pub kinds: Kinds,
    /// The index.
    pub order: IndexOrder,
    /// True to read from the end.
    pub descending: bool,
    /// The place after which it begins.
    pub after: Option<&'a str>,
}

/// A row of either kind.
#[derive(Debug)]
pub struct ResourceRow {
    /// Its key.
    pub key: i64,
    /// Its place in the order of the read.
    pub place: String,
    /// The resource as it travels, without groups and members.
    pub stored: Stored,
}

impl SearchRange<'_> {
    fn table_name(&self) -> &'static str {
        match self.kinds {
            Kinds::Users => "users",
            Kinds::Groups => "groups",
        }
    }

    fn key_column(&self) -> &'static str {
        match (self.order, self.kinds) {
            (IndexOrder::Id, _) => "r.id",
            (IndexOrder::Name, Kinds::Users) => "r.user_name_key",
            (IndexOrder::Name, Kinds::Groups) => "r.display_name_key",
        }
    }

    /// Returns the columns of [`FoundRow`].
    fn place_columns(&self) -> &'static str {
        match (self.order, self.kinds) {
            (IndexOrder::Id, _) => "r.key, r.id",
            (IndexOrder::Name, Kinds::Users) => "r.key, r.user_name_key, r.id",
            (IndexOrder::Name, Kinds::Groups) => "r.key, r.display_name_key, r.id",
        }
    }

    fn read_place(&self, row: &mut Row) -> Result<FoundRow> {
        let (key, place) = (row.integer()?, row.text()?);
        let id = if self.order == IndexOrder::Id { None } else { Some(row.text()?) };
        Ok(FoundRow { key, place, id, open: false })
    }

    /// Returns `ORDER BY`, and the condition that leaves out gone resources.
    fn order_and_gone(&self) -> (&'static str, String) {
        let direction = if self.descending { " DESC" } else { "" };
        (" AND r.gone = 0", format!(" ORDER BY {}{direction}", self.key_column()))
    }

    /// Returns the comparison that continues in the order.
    fn comparison_sign(&self) -> &'static str {
        if self.descending { "<" } else { ">" }
    }
}

const COLUMNS: &str = "r.id, r.doc, r.version, r.created, r.modified";

fn read_record(mut row: Row) -> Result<ResourceRow> {
    Ok(ResourceRow {
        key: row.integer()?,
        place: row.text()?,
        stored: Stored {
            id: row.text()?,
            doc: json::raw_of_text(row.text()?)?,
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

/// The limits of one piece.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    /// Rows.
    pub rows: i64,
    /// Characters of their documents, and the weight of their groups or members.
    pub weight: i64,
    /// The weight of a group or member, up to a thousand of each row: 0 where they are not read.
    pub related: i64,
}

/// A piece of a range.
#[derive(Debug)]
pub struct RangePiece {
    /// The place of its last row; `None` if it reaches the range's end.
    pub until: Option<String>,
    /// The number of rows in it.
    pub rows: i64,
    /// Their weight.
    pub weight: i64,
}

/// Returns the piece that ends with the first row that reaches a limit. It has at least one row, if there is any.
///
/// Most documents are small: one statement takes the sum of all the rows. Only where that is too much, running sums
/// find the place; SQLite makes them row by row and ends with the first that is reached, but reads each row several
/// times.
pub fn find_piece(sql: &dyn Sql, range: &SearchRange<'_>, most: Most) -> Result<RangePiece> {
    let (column, (_, order)) = (range.key_column(), range.order_and_gone());
    let mut params = vec![Param::from(most.rows), Param::from(most.weight)];
    // The text has `?3` only with a place: SQLite refuses a parameter that the text does not name.
    let mut after = String::new();
    if let Some(place) = range.after {
        params.push(place.into());
        after = format!(" AND {column} {} ?3", range.comparison_sign());
    }
    let from = format!("FROM {} r WHERE {column} IS NOT NULL{after}", range.table_name());
    // Groups and members of a row are read with it later, so they count before they are read.
    let weight = match most.related {
        0 => "length(r.doc)".to_owned(),
        one => format!("length(r.doc) + {one} * {}", count_related(range.kinds)),
    };
    let last = if range.descending { "min" } else { "max" };
    let text = format!(
        "SELECT count(*), {last}(place), coalesce(sum(weight), 0) FROM \
         (SELECT {column} AS place, {weight} AS weight {from}{order} LIMIT ?1) WHERE ?2 > 0"
    );
    // First attempt: all rows of the piece at once, with one sum.
    let mut row = first_row(sql, &text, &params)?.ok_or_else(|| Error::internal("a sum has no row"))?;
    let (rows, place, weight_of_all) = (row.integer()?, row.optional_text()?, row.integer()?);
    if weight_of_all <= most.weight {
        return Ok(RangePiece { until: place.filter(|_| rows == most.rows), rows, weight: weight_of_all });
    }
    // Second attempt, for large documents: running sums, which end with the first row that is too much.
    let text = format!(
        "SELECT place, number, weight FROM (SELECT {column} AS place, \
         row_number() OVER ({order} ROWS UNBOUNDED PRECEDING) AS number, \
         sum({weight}) OVER ({order} ROWS UNBOUNDED PRECEDING) AS weight {from}) \
         WHERE number >= ?1 OR weight >= ?2 LIMIT 1"
    );
    match first_row(sql, &text, &params)? {
        None => Ok(RangePiece { until: None, rows, weight: weight_of_all }),
        Some(mut row) => Ok(RangePiece { until: Some(row.text()?), rows: row.integer()?, weight: row.integer()? }),
    }
}

/// A row that was found, to be read in a later step: its key may belong to another row by then, its `id` never does.
#[derive(Clone, Debug)]
pub struct FoundRow {
    /// Its key.
    pub key: i64,
    /// Its place in the order of the read.
    pub place: String,
    /// Its `id`, if its place is another text.
    pub id: Option<String>,
    /// True if it has so many groups or members that the condition did not read them: the filter may find it.
    pub open: bool,
}

impl FoundRow {
    /// Returns its `id`.
    #[must_use]
    pub fn id(&self) -> &str {
        self.id.as_deref().unwrap_or(&self.place)
    }
}

/// Returns the rows up to `until` that meet the condition, at most `most` of them.
pub fn find_matches(
    sql: &dyn Sql,
    range: &SearchRange<'_>,
    until: Option<&str>,
    condition: &Condition,
) -> Result<Vec<FoundRow>> {
    let open = if condition.passes > 0 { has_many(range.kinds) } else { "0".to_owned() };
    let rows = select_piece(sql, &format!("{}, {open}", range.place_columns()), range, until, condition)?;
    read_rows(rows, |mut row| {
        let found = range.read_place(&mut row)?;
        Ok(FoundRow { open: row.integer()? == 1, ..found })
    })
}

fn select_piece(
    sql: &dyn Sql,
    columns: &str,
    range: &SearchRange<'_>,
    until: Option<&str>,
    condition: &Condition,
) -> Result<Vec<Row>> {
    // The condition comes before the bounds in the text; SQLite leads by the order's index all the same.
    let (column, (gone, order)) = (range.key_column(), range.order_and_gone());
    let mut params = vec![Param::Text(&condition.constants)];
    // Every parameter must stand in the text, also of a condition without a constant.
    let mut text =
        format!("SELECT {columns} FROM {} r WHERE ?1 IS NOT NULL AND {}{gone}", range.table_name(), condition.text);
    if let Some(after) = range.after {
        params.push(after.into());
        text.push_str(&format!(" AND {column} {} ?2", range.comparison_sign()));
    }
    if let Some(until) = until {
        params.push(until.into());
        let within = if range.descending { ">=" } else { "<=" };
        text.push_str(&format!(" AND {column} {within} ?{}", params.len()));
    }
    text.push_str(&order);
    sql.query(&text, &params)
}

/// Counts the users who may have one of these folded addresses, up to `most`: their first address is one of them, or
/// they have several.
pub fn count_addressed(sql: &dyn Sql, addresses: &[&str], most: i64) -> Result<i64> {
    let text = "SELECT (SELECT count(*) FROM (SELECT 1 FROM json_each(?1) j CROSS JOIN users u ON u.mail_key = j.value \
                LIMIT ?2)) + (SELECT count(*) FROM (SELECT 1 FROM users WHERE more_mail = 1 LIMIT ?2))";
    let addresses = serde_json::to_string(addresses).map_err(Error::internal)?;
    let row = first_row(sql, text, &[addresses.as_str().into(), most.into()])?;
    row.map_or(Ok(0), |mut row| row.integer())
}

/// Returns a page of all rows: `count` of them after skipping `skip`.
pub fn find_page(sql: &dyn Sql, range: &SearchRange<'_>, skip: i64, count: i64) -> Result<Vec<FoundRow>> {
    let (column, (gone, order)) = (range.key_column(), range.order_and_gone());
    let mut params = vec![Param::from(count), Param::from(skip)];
    let columns = range.place_columns();
    let mut text = format!("SELECT {columns} FROM {} r WHERE {column} IS NOT NULL{gone}", range.table_name());
    if let Some(after) = range.after {
        params.push(after.into());
        text.push_str(&format!(" AND {column} {} ?3", range.comparison_sign()));
    }
    text.push_str(&format!("{order} LIMIT ?1 OFFSET ?2"));
    read_rows(sql.query(&text, &params)?, |mut row| range.read_place(&mut row))
}

/// Returns the rows with these keys, in no order; gone resources are left out.
pub fn by_keys(sql: &dyn Sql, kinds: Kinds, keys: &[i64]) -> Result<Vec<ResourceRow>> {
    let range = SearchRange { kinds, order: IndexOrder::Id, descending: false, after: None };
    let (gone, _) = range.order_and_gone();
    let text = format!(
        "SELECT r.key, r.id, {COLUMNS} FROM json_each(?) j JOIN {} r ON r.key = j.value WHERE 1{gone}",
        range.table_name()
    );
    let keys = serde_json::to_string(keys).map_err(Error::internal)?;
    read_rows(sql.query(&text, &[Param::Text(&keys)])?, read_record)
}
