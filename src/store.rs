//! SQL text and rows. Everything that the object keeps is read and written here, by one small synchronous trait with
//! two implementations: the platform's storage in the Worker, rusqlite under the platform's limits in native tests. No
//! rule of SCIM is decided here; constraints in the schema hold what must always be true.
//!
//! Errors of this module and those below it are internal only, unless an item says otherwise.

pub mod changes;
mod columns;
pub mod due;
mod facts;
pub mod feed;
pub mod filter;
pub mod folded;
pub mod groups;
pub mod import;
pub mod journal;
pub mod members;
pub mod memberships;
pub mod refused;
pub mod registry;
pub mod schema;
pub mod schemas;
pub mod search;
pub mod settings;
pub mod snapshot;
pub mod spelling;
pub mod subject;
pub mod token_use;
pub mod tokens;
pub mod tombstones;
pub mod users;

use crate::error::{Error, Result};
use crate::id::NUMBER_MAX;

/// The largest text that is bound or read back, in bytes. The platform's limit is 2 MB a row; local workerd enforces
/// none, so the adapters do.
pub const TEXT_MAX: usize = 1024 * 1024;

/// A bound parameter. Integers arrive in SQL as REAL, as the platform binds them: columns are STRICT.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "SQL's own types")]
pub enum Param<'a> {
    Null,
    Integer(Exact),
    Text(&'a str),
}

/// An integer that stays the same as a floating point number, which the platform binds: a larger one would reach SQL as
/// a value that no INTEGER column takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exact(i64);

impl Exact {
    /// Returns the number.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl From<i64> for Exact {
    /// Returns the nearest such number. No stored number is beyond it, so a look-up beyond it finds the same.
    fn from(value: i64) -> Self {
        Self(value.clamp(-NUMBER_MAX, NUMBER_MAX))
    }
}

impl From<i64> for Param<'_> {
    fn from(value: i64) -> Self {
        Param::Integer(value.into())
    }
}

impl<'a> From<&'a str> for Param<'a> {
    fn from(value: &'a str) -> Self {
        Param::Text(value)
    }
}

impl<'a> From<Option<&'a str>> for Param<'a> {
    fn from(value: Option<&'a str>) -> Self {
        value.map_or(Param::Null, Param::Text)
    }
}

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "SQL's own types")]
pub enum Cell {
    Null,
    Integer(i64),
    Text(String),
}

/// Reads each row by `read`. A plain loop: `collect` would be in the upload with all its adapters for each type.
///
/// # Errors
/// As `read`.
pub fn read_rows<T>(rows: Vec<Row>, read: impl Fn(Row) -> Result<T>) -> Result<Vec<T>> {
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        all.push(read(row)?);
    }
    Ok(all)
}

/// One row. Its cells are taken from left to right.
#[derive(Debug)]
pub struct Row(std::vec::IntoIter<Cell>);

impl Row {
    /// Makes a row of these cells.
    pub fn new(cells: Vec<Cell>) -> Self {
        Self(cells.into_iter())
    }

    /// Returns the next cell as an integer.
    ///
    /// # Errors
    /// Internal, if it is not one: the schema is not the one that this code was written for.
    pub fn integer(&mut self) -> Result<i64> {
        match self.0.next() {
            // The migrations fix each column's type, so another type means that code and schema are of different
            // builds.
            Some(Cell::Integer(value)) => Ok(value),
            other => Err(Error::internal(format!("expected an integer, read {other:?}"))),
        }
    }

    /// Returns the next cell as text.
    pub fn text(&mut self) -> Result<String> {
        self.optional_text()?.ok_or_else(|| Error::internal("expected text, read NULL"))
    }

    /// Returns the next cell as text or NULL.
    pub fn optional_text(&mut self) -> Result<Option<String>> {
        match self.0.next() {
            Some(Cell::Text(value)) => Ok(Some(value)),
            Some(Cell::Null) => Ok(None),
            other => Err(Error::internal(format!("expected text, read {other:?}"))),
        }
    }

    /// Returns the next cell as an integer or NULL.
    pub fn optional_integer(&mut self) -> Result<Option<i64>> {
        match self.0.next() {
            Some(Cell::Integer(value)) => Ok(Some(value)),
            Some(Cell::Null) => Ok(None),
            other => Err(Error::internal(format!("expected an integer, read {other:?}"))),
        }
    }
}

/// SQLite, synchronously.
pub trait Sql {
    /// Runs one statement and returns all its rows.
    ///
    /// # Errors
    /// Internal, for any error of SQLite. No row is returned by a statement that failed.
    fn query(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>>;

    /// Runs `body` in a transaction: rolled back if it fails or panics, committed otherwise. Transactions nest.
    ///
    /// # Errors
    /// The error of `body`, or internal.
    fn transaction(&self, body: &mut dyn FnMut() -> Result<()>) -> Result<()>;

    /// Returns the size of the storage in bytes, without free pages, as seen in the open transaction.
    ///
    /// # Errors
    /// Internal, for any error of the platform.
    fn size(&self) -> Result<i64>;

    /// Notes that a row of `due` was written, so that the platform's alarm is checked after the call.
    fn due_changed(&self);
}

/// Runs [`Sql::transaction`] with a value.
///
/// # Errors
/// As [`Sql::transaction`].
pub fn transact<T>(sql: &dyn Sql, mut body: impl FnMut() -> Result<T>) -> Result<T> {
    let mut value = None;
    sql.transaction(&mut || {
        // The trait is used as `dyn`, so its method cannot be generic: the value leaves by this variable.
        value = Some(body()?);
        Ok(())
    })?;
    value.ok_or_else(|| Error::internal("the transaction did not run"))
}

/// Returns the first row, if any.
pub fn first_row(sql: &dyn Sql, text: &str, params: &[Param<'_>]) -> Result<Option<Row>> {
    Ok(sql.query(text, params)?.into_iter().next())
}

/// Writes many values as JSON parameters, in pieces that stay below [`TEXT_MAX`].
pub fn json_pieces<T: serde::Serialize>(values: &[T]) -> Result<Vec<String>> {
    // An id has at most 128 bytes: 131 with its quotes and comma.
    values.chunks(TEXT_MAX / 140).map(|chunk| serde_json::to_string(chunk).map_err(Error::internal)).collect()
}

/// Reads the rows of users or groups with these keys, in no order; gone ones are left out.
fn rows_by_keys<T>(
    sql: &dyn Sql,
    (columns, table): (&str, &str),
    keys: &[i64],
    read: impl Fn(Row) -> Result<T>,
) -> Result<Vec<T>> {
    let keys = serde_json::to_string(keys).map_err(Error::internal)?;
    // CROSS JOIN keeps the keys on the outside: each is looked up, and the table is not scanned.
    let text = format!(
        "SELECT {columns} FROM (SELECT value FROM json_each(?)) CROSS JOIN {table} ON key = value AND gone = 0"
    );
    read_rows(sql.query(&text, &[Param::Text(&keys)])?, read)
}
