//! [`Sql`] on the object's storage. Every call into the platform that can throw is bound as one that can fail, so that
//! no error is thrown through wasm.

use super::platform;
use crate::error::{Error, Result};
use crate::store::{Cell as Value, Param, Row, Sql, TEXT_MAX};
use js_sys::{Array, Object};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// `DurableObjectStorage`.
    #[wasm_bindgen(extends = Object)]
    #[derive(Clone, Debug)]
    pub(super) type JsStorage;

    #[wasm_bindgen(method, getter)]
    fn sql(this: &JsStorage) -> JsSql;

    #[wasm_bindgen(method, catch, js_name = transactionSync)]
    fn transaction_sync(
        this: &JsStorage,
        body: &mut dyn FnMut() -> std::result::Result<JsValue, JsValue>,
    ) -> std::result::Result<JsValue, JsValue>;

    /// `SqlStorage`.
    #[wasm_bindgen(extends = Object)]
    #[derive(Clone, Debug)]
    type JsSql;

    #[wasm_bindgen(method, catch, variadic)]
    fn exec(this: &JsSql, query: &str, bindings: &Array) -> std::result::Result<JsCursor, JsValue>;

    #[wasm_bindgen(method, catch, getter, js_name = databaseSize)]
    fn database_size(this: &JsSql) -> std::result::Result<f64, JsValue>;

    /// `SqlStorageCursor`.
    #[wasm_bindgen(extends = Object)]
    #[derive(Clone, Debug)]
    type JsCursor;

    #[wasm_bindgen(method, catch)]
    fn raw(this: &JsCursor) -> std::result::Result<JsRows, JsValue>;

    #[wasm_bindgen(method, catch, getter, js_name = rowsRead)]
    fn rows_read(this: &JsCursor) -> std::result::Result<f64, JsValue>;

    #[wasm_bindgen(method, catch, getter, js_name = rowsWritten)]
    fn rows_written(this: &JsCursor) -> std::result::Result<f64, JsValue>;

    /// The outcome of `raw()`: all rows in one crossing, each an array.
    #[wasm_bindgen(extends = Object)]
    #[derive(Clone, Debug)]
    type JsRows;

    #[wasm_bindgen(method, catch, js_name = toArray)]
    fn to_array(this: &JsRows) -> std::result::Result<Array, JsValue>;
}

/// The storage of one object.
pub(super) struct Storage {
    storage: JsStorage,
    sql: JsSql,
    /// True if a due time was set since the last [`Storage::due_was_set`].
    due_changed: Cell<bool>,
    /// Rows read and written, and where to panic: test builds only.
    read: Cell<f64>,
    written: Cell<f64>,
    panic_at: Cell<Option<u32>>,
    exhausts: Cell<bool>,
    fault: RefCell<Option<Fault>>,
}

/// An error that the platform is to throw, in a test build.
struct Fault {
    /// The error, as for [`platform::pretended`].
    what: String,
    /// The first statement that fails, and all that follow do; `None` where the transaction is committed.
    at: Option<u32>,
}

impl Storage {
    pub(super) fn new(state: &worker::State) -> Self {
        Self::of(state.storage().as_raw().unchecked_ref::<JsStorage>().clone())
    }

    fn of(storage: JsStorage) -> Self {
        let sql = storage.sql();
        let (due_changed, read, written, panic_at, exhausts, fault) = Default::default();
        Self { storage, sql, due_changed, read, written, panic_at, exhausts, fault }
    }

    /// Returns true if a due time was set since the last call.
    pub(super) fn due_was_set(&self) -> bool {
        self.due_changed.take()
    }

    /// Returns the same storage, for work that continues after a call. It counts for itself.
    pub(super) fn again(&self) -> Self {
        Self::of(self.storage.clone())
    }

    /// Resets the counters, and makes the given statement panic or fail: test builds only. `fault` is the platform's
    /// error and where it comes, `full 3` at the third statement or `full commit`.
    pub(super) fn test(&self, panic_at: Option<u32>, fault: Option<&str>) {
        self.read.set(0.0);
        self.written.set(0.0);
        self.panic_at.set(panic_at);
        let fault = fault
            .and_then(|fault| fault.split_once(' '))
            .filter(|(_, at)| *at == "commit" || at.parse::<u32>().is_ok());
        self.fault.replace(fault.map(|(what, at)| Fault { what: what.to_owned(), at: at.parse().ok() }));
    }

    /// Throws the error that a test asks for, at this statement or at the end of a transaction.
    fn faulty(&self, commits: bool) -> std::result::Result<(), JsValue> {
        match &mut *self.fault.borrow_mut() {
            Some(Fault { what, at: Some(0) }) => Err(platform::pretended(what)),
            Some(Fault { what, at: None }) if commits => Err(platform::pretended(what)),
            Some(Fault { at: Some(left), .. }) if !commits => {
                *left -= 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Makes the next step of a job use up all memory, which ends this instance: test builds only.
    pub(super) fn exhaust(&self) {
        self.exhausts.set(true);
    }

    /// Notes that a step of a job begins: test builds only.
    pub(super) fn step(&self, attempt: &str) {
        if self.exhausts.take() {
            worker::console_error!("memory is used up at {attempt}");
            let mut held = Vec::new();
            loop {
                held.push(std::hint::black_box(Vec::<u8>::with_capacity(64 << 20)));
            }
        }
    }

    /// Returns `read,written` since [`Storage::test`].
    pub(super) fn rows(&self) -> String {
        format!("{},{}", self.read.get(), self.written.get())
    }

    fn tested(&self) {
        match self.panic_at.get() {
            Some(0) => {
                self.panic_at.set(None);
                #[allow(clippy::panic, reason = "what the tests ask for, in a test build")]
                {
                    panic!("asked for");
                }
            }
            Some(left) => self.panic_at.set(Some(left - 1)),
            None => {}
        }
    }
}

impl Sql for Storage {
    fn query(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>> {
        if cfg!(feature = "test-hooks") {
            self.tested();
            self.faulty(false).map_err(|error| platform::failed(&error, sql))?;
        }
        let bindings = Array::new();
        for param in params {
            bindings.push(&match param {
                Param::Null => JsValue::NULL,
                Param::Integer(number) => JsValue::from_f64(number.get() as f64),
                Param::Text(text) if text.len() > TEXT_MAX => return Err(too_long(text.len())),
                Param::Text(text) => JsValue::from_str(text),
            });
        }
        let failed = |error: JsValue| platform::failed(&error, sql);
        let cursor = self.sql.exec(sql, &bindings).map_err(failed)?;
        let rows = cursor.raw().and_then(|rows| rows.to_array()).map_err(failed)?;
        if cfg!(feature = "test-hooks") {
            self.read.set(self.read.get() + cursor.rows_read().map_err(failed)?);
            self.written.set(self.written.get() + cursor.rows_written().map_err(failed)?);
        }
        rows.iter()
            .map(|row| row.unchecked_into::<Array>().iter().map(cell).collect::<Result<_>>().map(Row::new))
            .collect()
    }

    fn transaction(&self, body: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        let mut refused: Option<Error> = None;
        // A panic in `body` becomes an error, so the transaction rolls back; after it only `refused` is read, which is
        // set whole.
        let mut parts = AssertUnwindSafe((body, &mut refused, self));
        let result = self.storage.transaction_sync(&mut move || {
            let (body, refused, storage) = &mut *parts;
            match catch_unwind(AssertUnwindSafe(body)) {
                Ok(Ok(())) if cfg!(feature = "test-hooks") => storage.faulty(true).map(|()| JsValue::UNDEFINED),
                Ok(Ok(())) => Ok(JsValue::UNDEFINED),
                Ok(Err(error)) => {
                    **refused = Some(error);
                    Err(JsValue::NULL)
                }
                Err(_) => {
                    **refused = Some(Error::internal("a panic in a transaction, which was rolled back"));
                    Err(JsValue::NULL)
                }
            }
        });
        match (refused, result) {
            (Some(error), _) => Err(error),
            (None, Err(error)) => Err(platform::failed(&error, "at the end of a transaction")),
            (None, Ok(_)) => Ok(()),
        }
    }

    fn size(&self) -> Result<i64> {
        let size = self.sql.database_size().map_err(|error| platform::failed(&error, "databaseSize"))?;
        Ok(size as i64)
    }

    fn due_changed(&self) {
        self.due_changed.set(true);
    }
}

fn cell(value: JsValue) -> Result<Value> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    if let Some(number) = value.as_f64() {
        return Ok(Value::Integer(number as i64));
    }
    match value.as_string() {
        Some(text) if text.len() > TEXT_MAX => Err(too_long(text.len())),
        Some(text) => Ok(Value::Text(text)),
        None => Err(Error::internal("a value that is neither a number nor text")),
    }
}

fn too_long(bytes: usize) -> Error {
    Error::internal(format!("a text of {bytes} bytes; at most {TEXT_MAX} are bound or read"))
}
