//! The job that writes stored values of registered extensions in their schemas' spelling, and the folded document of
//! older rows. Until it is done every reader spells the documents that it reads, and filters and sorts read documents
//! instead of asking SQL: only the time that they take tells how far the job has come.
//!
//! The meaning of a document stays the same, so no version, no change and no time is written. A value that does not fit
//! its schema stays as it is.

use super::document;
use crate::error::Result;
use crate::id::Timestamp;
use crate::org::memory::Memory;
use crate::scim::schema::Kinds;
use crate::store::spelling::{self as store, SpelledDocument};
use crate::store::{Sql, changes, due, settings, transact};
use std::rc::Rc;

/// The job's row in `due`, and the setting that holds its progress.
pub(crate) const SPELL: &str = "spelling";
/// The setting that says for which change of an older build the job was begun.
const SPELLED_UP_TO: &str = "spelled-up-to";
/// How many documents are read at once: one has 256 KiB at most.
const AT_ONCE: i64 = 8;
/// The documents that a step reads, and the bytes after which it ends early.
const ROWS: usize = 240;
const BYTES: usize = 1024 * 1024;
/// The steps that a registration takes itself: at most some 250 ms. Users and groups take one at least.
const FIRST_STEPS: usize = 10;
/// The time that it waits for an import that is being written, in milliseconds.
const IMPORT_PAUSE: i64 = 60_000;

/// Makes the job due from the beginning: a schema was registered or has changed.
///
/// # Errors
/// Internal only.
pub(crate) fn begin_spelling(sql: &dyn Sql, now: Timestamp) -> Result<()> {
    settings::put_setting(sql, SPELL, "")?;
    due::set_due(sql, SPELL, Some(now))
}

/// Makes the job due if a build from before it wrote the last change: after a rollback to that build and the way forward again.
/// Once for each such change, or every start of the object would begin anew.
///
/// # Errors
/// Internal only.
pub(crate) fn begin_again(sql: &dyn Sql, now: Timestamp) -> Result<()> {
    let Some(last) = changes::unspelled_head(sql)?.map(|seq| seq.to_string()) else { return Ok(()) };
    if settings::get_setting(sql, SPELLED_UP_TO)?.as_ref() == Some(&last) {
        return Ok(());
    }
    transact(sql, || {
        settings::put_setting(sql, SPELLED_UP_TO, &last)?;
        begin_spelling(sql, now)
    })
}

/// Takes the first steps with the registration itself, so that a directory of up to some 2,000 documents is read in the new
/// spelling from the next request on. A larger one is left to the alarm.
///
/// # Errors
/// Internal only.
pub(crate) fn first_steps(sql: &dyn Sql, memory: &mut Memory, now: Timestamp) -> Result<()> {
    for _ in 0..FIRST_STEPS {
        if memory.importing.is_some() {
            break;
        }
        if transact(sql, || step(sql, memory, now))?.is_none() {
            return due::set_due(sql, SPELL, None);
        }
    }
    Ok(())
}

/// Takes one step; answers when the next one is due, `None` if nothing is left.
///
/// # Errors
/// Internal only.
pub(crate) fn step(sql: &dyn Sql, memory: &mut Memory, now: Timestamp) -> Result<Option<Timestamp>> {
    if memory.importing.is_some() {
        return Ok(Some(now.plus(IMPORT_PAUSE)));
    }
    let place = settings::get_setting(sql, SPELL)?.unwrap_or_default();
    // The stored place is where the step before stopped; without one the job begins with the users.
    let (kinds, mut key) = match place.split_once(' ') {
        Some(("groups", key)) => (Kinds::Groups, key.parse().unwrap_or_default()),
        Some((_, key)) => (Kinds::Users, key.parse().unwrap_or_default()),
        None => (Kinds::Users, 0),
    };
    let (mut rows, mut bytes) = (0, 0);
    while rows < ROWS && bytes < BYTES {
        let piece = store::documents_after(sql, kinds, key, AT_ONCE)?;
        // A short piece is the last one: the table has no more rows above the key.
        let is_last = (piece.len() as i64) < AT_ONCE;
        for document in &piece {
            key = document.key;
            rows += 1;
            bytes += document.doc.len();
            if let Some(spelled) = spell_document(memory, kinds, document)? {
                store::write_document(sql, kinds, &spelled)?;
            }
        }
        match (is_last, kinds) {
            (false, _) => {}
            (true, Kinds::Users) => {
                settings::put_setting(sql, SPELL, "groups 0")?;
                return Ok(Some(now));
            }
            (true, Kinds::Groups) => {
                Rc::make_mut(&mut memory.types).spell_on_reading(false);
                return Ok(None);
            }
        }
    }
    let name = if kinds == Kinds::Users { "users" } else { "groups" };
    settings::put_setting(sql, SPELL, &format!("{name} {key}"))?;
    Ok(Some(now))
}

/// Returns true until the job is done: stored values are to be spelled when they are read.
///
/// # Errors
/// Internal only.
pub(crate) fn is_due(sql: &dyn Sql) -> Result<bool> {
    Ok(due::all_jobs(sql)?.iter().any(|due| due.what == SPELL))
}

/// Returns the document as it would be written today; `None` if it is stored so.
fn spell_document(memory: &Memory, kinds: Kinds, stored: &SpelledDocument) -> Result<Option<SpelledDocument>> {
    let kind = memory.types.of_kind(kinds);
    let attributes = document::stored_attributes(kind, &stored.doc)?;
    let (doc, folded) = match kinds {
        Kinds::Users => {
            let content = document::user_content(kind, &attributes, true);
            (content.doc, content.folded)
        }
        Kinds::Groups => {
            let content = document::group_content(kind, &attributes);
            (content.doc, content.folded)
        }
    };
    let is_stored = doc == stored.doc && folded == stored.folded;
    Ok((!is_stored).then_some(SpelledDocument { key: stored.key, doc, folded }))
}
