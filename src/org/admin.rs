//! The Console's changes: the organisation's settings, its tokens and schemas, and its end.

pub mod erase;
pub mod records;
pub(crate) mod rights;
pub(crate) mod schemas;
pub(crate) mod tokens;

use crate::directory::admin::Admin;
use crate::directory::call::Call;
use crate::directory::reply::Answer;
use crate::error::{Code, Error, Result};
use crate::id::Timestamp;
use crate::org::access::Caller;
use crate::org::memory::Memory;
use crate::org::read::organisation;
use crate::org::settings::{self, Settings};
use crate::store::{Sql, transact};

/// Runs one of the Console's changes.
pub(crate) fn run_admin_call(
    sql: &dyn Sql,
    memory: &mut Memory,
    call: &Call,
    admin: &Admin,
    caller: &Caller,
    now: Timestamp,
) -> Result<Answer> {
    let by = caller.console.as_ref();
    match admin {
        Admin::Configure { .. } => {
            if transact(sql, || configure_org(sql, admin, now))? {
                memory.unsaved.facts_changed |= memory.connection.get_or_insert_default().forget_judged();
            }
            organisation::organisation(sql, memory, call, now)
        }
        Admin::ReleaseGuard { seconds } => {
            let guard_released_until = now.plus(seconds.saturating_mul(1000));
            transact(sql, || {
                settings::save_settings(sql, &Settings { guard_released_until, ..settings::read_settings(sql)? })
            })?;
            organisation::organisation(sql, memory, call, now)
        }
        Admin::MintToken { id, hash, token, replaces } => {
            tokens::mint_token(sql, by, (id, hash), token, replaces.as_ref(), now)
        }
        Admin::RevokeToken { id, children } => transact(sql, || tokens::revoke_token(sql, by, id, *children, now)),
        Admin::RotateToken(rotation) => tokens::rotate_token(sql, by, rotation, now),
        Admin::BeginImport
        | Admin::ImportLines { .. }
        | Admin::FinishImport
        | Admin::EndImport
        | Admin::PutSchema { .. }
        | Admin::DeleteSchema { .. }
        | Admin::Erase => Err(Error::internal("this changes with the memory")),
    }
}

/// Changes the settings. Returns true if SCIM was switched on or off.
fn configure_org(sql: &dyn Sql, admin: &Admin, now: Timestamp) -> Result<bool> {
    let Admin::Configure { display_name, saml, scim, options, residency } = admin else { return Ok(false) };
    let old = settings::read_settings(sql)?;
    let new = Settings {
        display_name: display_name.as_ref().unwrap_or(&old.display_name).clone(),
        // The registry knows the place; a call that does not say it leaves it.
        residency: if residency.is_empty() { &old.residency } else { residency }.clone(),
        saml_configured: saml.unwrap_or(old.saml_configured),
        scim_enabled: scim.unwrap_or(old.scim_enabled),
        scim_switched: if scim.is_some_and(|on| on != old.scim_enabled) { now } else { old.scim_switched },
        options: old.options.clone().with_changes(options),
        guard_released_until: old.guard_released_until,
    };
    check_saml_first(new.scim_enabled, new.saml_configured)?;
    // An equal request writes no row.
    if new != old {
        settings::save_settings(sql, &new)?;
    }
    Ok(new.scim_enabled != old.scim_enabled)
}

/// Checks the order of SAML and SCIM.
///
/// # Errors
/// 409 for SCIM without SAML.
pub fn check_saml_first(scim_enabled: bool, saml_configured: bool) -> Result<()> {
    if !scim_enabled || saml_configured {
        return Ok(());
    }
    Err(Error::new(
        Code::SamlMissing,
        "SCIM can be enabled only once the organisation's SAML single sign-on is configured: users that are pushed \
         before it could not sign in. Send \"saml\": {\"configured\": true} first, or with it.",
    ))
}
