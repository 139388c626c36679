//! The start of an object: the migrations, and the reading of all that it remembers.

use crate::error::Result;
use crate::id::Timestamp;
use crate::org::admin::schemas;
use crate::org::import::state::read_writing;
use crate::org::jobs;
use crate::org::memory::Memory;
use crate::org::provision::spelling;
use crate::store::{Sql, schema};
use std::rc::Rc;

/// Applies the migrations and reads what the object remembers, once for each start of an object that is registered.
///
/// # Errors
/// Internal only.
pub(crate) fn load_memory(sql: &dyn Sql, memory: &mut Memory, now: Timestamp) -> Result<()> {
    if !memory.migrated {
        schema::migrate(sql, now)?;
        spelling::begin_again(sql, now)?;
        memory.types = Rc::new(schemas::read_types(sql)?);
        memory.importing = read_writing(sql)?;
        jobs::begin_periodic(sql, now)?;
        memory.migrated = true;
    }
    Ok(())
}
