//! The registry: the organisations that exist. One object of its own holds it, and only Console calls come here: KV's
//! lists are stale, and an organisation must be known before its object is called for the first time.

use crate::directory::registry::{RegistryCall, RegistryEntry, RegistryReply};
use crate::error::{Code, Error, Result};
use crate::id::{OrgId, Timestamp};
use crate::store::{Sql, registry as store, transact};

/// Executes one call. `Put`, `Get` and `Erase` return the one entry.
///
/// # Errors
/// 404 for one that is not registered, 409 for one that is being erased, or internal.
pub fn execute(sql: &dyn Sql, call: &RegistryCall, now: Timestamp) -> RegistryReply {
    store::create_table(sql)?;
    match call {
        RegistryCall::Put { org, display_name, residency } => transact(sql, || {
            store::insert_organisation(sql, org, display_name.as_deref(), residency, now)?;
            get(sql, org)
        }),
        RegistryCall::Rename { org, display_name } => {
            store::rename_organisation(sql, org, display_name).map(|()| Vec::new())
        }
        RegistryCall::Get { org } => get(sql, org),
        RegistryCall::Erase { org } => transact(sql, || {
            store::mark_erasing(sql, org)?;
            find(sql, org).map(|entry| vec![entry])
        }),
        RegistryCall::Forget { org } => store::delete_erasing(sql, org).map(|()| Vec::new()),
        RegistryCall::List => store::first_page(sql),
        RegistryCall::Page { after, limit } => store::page_after(sql, after, *limit),
    }
}

fn find(sql: &dyn Sql, org: &OrgId) -> Result<RegistryEntry> {
    store::by_id(sql, org)?.ok_or_else(|| {
        Error::new(
            Code::OrganisationNotFound,
            format!("There is no organisation {org}. PUT /v1/orgs/{org} registers it."),
        )
    })
}

/// Returns the entry of an organisation that is not being erased.
fn get(sql: &dyn Sql, org: &OrgId) -> RegistryReply {
    let entry = find(sql, org)?;
    if entry.erasing {
        let detail = format!(
            "Organisation {org} is being erased. Repeat DELETE /v1/orgs/{org}?confirm={org} until it answers 204; then \
             it can be registered anew."
        );
        return Err(Error::new(Code::OrganisationErased, detail));
    }
    Ok(vec![entry])
}
