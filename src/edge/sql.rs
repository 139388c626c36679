//! [`Sql`] on the object's storage. Every call into the platform that can throw is bound as one that can fail, so that
//! no error is thrown through wasm.

use super::platform;
use crate::error::{Error, Result};
use crate::store::crossing::{self, Ran};
use crate::store::{Param, Row, Sql};
use js_sys::Object;
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

    #[wasm_bindgen(method, catch, getter, js_name = databaseSize)]
    fn database_size(this: &JsSql) -> std::result::Result<f64, JsValue>;
}

// A statement costs one crossing: each cell that is fetched by itself costs three, and a page of users has thousands.
#[wasm_bindgen(inline_js = r#"
export function run(sql, statement, params) {
  const cursor = sql.exec(statement, ...JSON.parse(params));
  return JSON.stringify([cursor.raw().toArray(), cursor.rowsRead, cursor.rowsWritten]);
}
"#)]
extern "C" {
    /// Runs a statement with the parameters of a JSON list. Returns its rows, each a list, and the numbers of rows read
    /// and written, as [`crossing::read_ran`] reads them.
    #[wasm_bindgen(catch)]
    fn run(sql: &JsSql, statement: &str, params: &str) -> std::result::Result<String, JsValue>;
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
        let ran =
            run(&self.sql, sql, &crossing::write_params(params)?).map_err(|error| platform::failed(&error, sql))?;
        let Ran { rows, read, written } = crossing::read_ran(&ran)?;
        if cfg!(feature = "test-hooks") {
            self.read.set(self.read.get() + read);
            self.written.set(self.written.get() + written);
        }
        Ok(rows)
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
