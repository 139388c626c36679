//! The start of an object: the migrations, and the reading of all that it remembers.

use crate::error::Result;
use crate::id::Timestamp;
use crate::org::admin::schemas;
use crate::org::connection::facts::Facts;
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
        // An older build may have written values meanwhile, in a spelling that this one does not look under.
        spelling::begin_again(sql, now)?;
        // From here on memory repeats the storage; every change of one changes the other in the same call.
        memory.types = Rc::new(schemas::read_types(sql)?);
        memory.importing = read_writing(sql)?;
        // After a fault those in memory stay: they may not be stored yet.
        if memory.connection.is_none() {
            memory.connection = Some(Facts::stored(sql)?);
        }
        // Jobs that this version added get their first time here, also in organisations that are years old.
        jobs::begin_periodic(sql, now)?;
        memory.migrated = true;
    }
    Ok(())
}
