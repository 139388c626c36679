//! The organisations' resource types as this isolate knows them. The object tells when they are outdated, so nothing
//! here ever expires.

use crate::error::Result;
use crate::id::OrgId;
use crate::scim::schema::Types;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The size of the cache, in bytes of the documents' text: some 12 MiB of memory. Only organisations with registered
/// schemas are here, most with a few KiB.
const KEPT: usize = 4 * 1024 * 1024;

thread_local! {
    static TYPES: RefCell<BTreeMap<OrgId, (usize, Rc<Types>)>> = const { RefCell::new(BTreeMap::new()) };
}

/// Returns the types of an organisation, as far as they are known here.
pub(super) fn known(org: &OrgId) -> Rc<Types> {
    TYPES.with_borrow(|types| types.get(org).map(|(_, types)| Rc::clone(types))).unwrap_or_default()
}

/// Remembers the types that the object sent: an array of documents.
///
/// # Errors
/// Internal only.
pub(super) fn learn(org: &OrgId, generation: i64, documents: &str) -> Result<()> {
    let types = Types::read_registered(generation, documents)?;
    TYPES.with_borrow_mut(|known| {
        if known.values().map(|(size, _)| size).sum::<usize>() + documents.len() > KEPT {
            known.clear();
        }
        known.insert(org.clone(), (documents.len(), Rc::new(types)));
    });
    Ok(())
}
