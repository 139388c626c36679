//! [`Sql`] on SQLite as Cloudflare runs it: its limits, and every integer bound as REAL.

use rusqlite::limits::Limit;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, StatementStatus, ToSql, params_from_iter};
use scim_edge::error::{Code, Error, Result};
use scim_edge::store::{Cell, Param, Row, Sql, TEXT_MAX};
use std::cell::{Cell as Counter, RefCell};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub struct Sqlite {
    pub connection: Connection,
    depth: Counter<u32>,
    /// Steps of SQLite's machine so far: what a statement costs, whatever the machine.
    pub steps: Counter<i64>,
    /// Statements that may still run before one fails: the storage's fault, at a chosen place.
    pub fail_after: Counter<Option<u32>>,
    /// How a statement that fails does so.
    pub fails_as: Counter<Code>,
    /// A statement that names this panics, or fails: a step that never comes to its end.
    pub panics_at: Counter<&'static str>,
    pub fails_at: Counter<&'static str>,
    /// A due time was set: the object looks at its alarm.
    pub due_changed: Counter<bool>,
    /// How many bytes more there are than the storage takes: it need not be filled to be full.
    pub more_bytes: Counter<i64>,
    /// Every text that ran, where it is `Some`.
    pub recorded: RefCell<Option<BTreeSet<String>>>,
}

struct Bound<'a>(&'a Param<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Param::Null => ToSqlOutput::Owned(Value::Null),
            Param::Integer(number) => ToSqlOutput::Owned(Value::Real(number.get() as f64)),
            Param::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

impl Sqlite {
    pub fn new() -> Self {
        let connection = Connection::open_in_memory().unwrap();
        for (limit, value) in [
            (Limit::SQLITE_LIMIT_LENGTH, 2_000_000),
            (Limit::SQLITE_LIMIT_SQL_LENGTH, 100_000),
            (Limit::SQLITE_LIMIT_COLUMN, 100),
            (Limit::SQLITE_LIMIT_EXPR_DEPTH, 100),
            (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 5),
            (Limit::SQLITE_LIMIT_FUNCTION_ARG, 32),
            (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50),
            (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, 100),
        ] {
            connection.set_limit(limit, value).unwrap();
        }
        connection.execute_batch("PRAGMA foreign_keys = ON").unwrap();
        let (depth, steps, fail_after, panics_at, fails_at, due_changed, more_bytes) = Default::default();
        let (fails_as, recorded) = (Counter::new(Code::Internal), RefCell::new(None));
        Self { connection, depth, steps, fail_after, fails_as, panics_at, fails_at, due_changed, more_bytes, recorded }
    }

    /// How SQLite would run a statement: a line for each table, in the words of `EXPLAIN QUERY PLAN`.
    pub fn plan(&self, text: &str) -> rusqlite::Result<Vec<String>> {
        let mut statement = self.connection.prepare(&format!("EXPLAIN QUERY PLAN {text}"))?;
        let mut rows = statement.raw_query();
        let mut lines = Vec::new();
        while let Some(row) = rows.next()? {
            lines.push(row.get(3)?);
        }
        Ok(lines)
    }

    /// Rows written so far, index rows left out.
    pub fn written(&self) -> u64 {
        self.connection.query_row("SELECT total_changes()", [], |row| row.get::<_, i64>(0)).unwrap() as u64
    }
}

impl Sql for Sqlite {
    fn query(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>> {
        match self.fail_after.get() {
            Some(0) => return Err(Error::new(self.fails_as.get(), "the storage fails here")),
            left => self.fail_after.set(left.map(|left| left - 1)),
        }
        let named = |place: &Counter<&str>| !place.get().is_empty() && sql.contains(place.get());
        assert!(!named(&self.panics_at), "asked for");
        if named(&self.fails_at) {
            return Err(Error::new(self.fails_as.get(), "the storage fails at this"));
        }
        if let Some(texts) = self.recorded.borrow_mut().as_mut().filter(|texts| !texts.contains(sql)) {
            texts.insert(sql.to_owned());
        }
        let too_long = |param: &Param<'_>| matches!(param, Param::Text(text) if text.len() > TEXT_MAX);
        assert!(!params.iter().any(too_long), "a parameter above {TEXT_MAX} bytes in {sql}");
        let failed = |error| Error::internal(format!("{error} in {sql}"));
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(params.iter().map(Bound))).map_err(failed)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            let cells = (0..columns).map(|column| match row.get_ref(column).unwrap() {
                ValueRef::Null => Cell::Null,
                ValueRef::Integer(number) => Cell::Integer(number),
                ValueRef::Real(number) => Cell::Integer(number as i64),
                ValueRef::Text(text) => Cell::Text(String::from_utf8(text.to_vec()).unwrap()),
                ValueRef::Blob(_) => panic!("a blob from {sql}"),
            });
            found.push(Row::new(cells.collect()));
        }
        drop(rows);
        self.steps.set(self.steps.get() + i64::from(statement.reset_status(StatementStatus::VmStep)));
        Ok(found)
    }

    fn transaction(&self, body: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        let name = format!("s{}", self.depth.get());
        self.depth.set(self.depth.get() + 1);
        self.connection.execute_batch(&format!("SAVEPOINT {name}")).unwrap();
        let caught = catch_unwind(AssertUnwindSafe(body));
        let result = caught.unwrap_or_else(|_| Err(Error::internal("a panic in a transaction, which was rolled back")));
        self.depth.set(self.depth.get() - 1);
        let end =
            if result.is_ok() { format!("RELEASE {name}") } else { format!("ROLLBACK TO {name}; RELEASE {name}") };
        self.connection.execute_batch(&end).unwrap();
        result
    }

    fn size(&self) -> Result<i64> {
        let text = "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
        let size: i64 = self.connection.query_row(text, [], |row| row.get(0)).unwrap();
        Ok(size + self.more_bytes.get())
    }

    fn due_changed(&self) {
        self.due_changed.set(true);
    }
}
