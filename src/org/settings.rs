//! The settings of an organisation, as they are stored.

use crate::directory::options::{Options, RELEASE_MAX};
use crate::directory::residency::Residency;
use crate::error::{Error, Result};
use crate::id::Timestamp;
use crate::scim::json;
use crate::store::{Sql, settings as store};
use serde::{Deserialize, Serialize};

/// The settings of an organisation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Settings {
    /// The name for people.
    pub(crate) display_name: String,
    /// True if its SAML single sign-on is configured: SCIM cannot come first.
    pub(crate) saml_configured: bool,
    /// True if it takes part in SCIM; off until it is turned on.
    pub(crate) scim_enabled: bool,
    /// The time at which that was switched; 0 if it was not since this is noted.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) scim_switched: Timestamp,
    /// The parts of a push that it accepts, and the guard.
    #[serde(skip_serializing_if = "Options::is_empty")]
    pub(crate) options: Options,
    /// The place of the object, as the registry has it.
    #[serde(skip_serializing_if = "Residency::is_empty")]
    pub(crate) residency: Residency,
    /// The end of the guard's release.
    pub(crate) guard_released_until: Timestamp,
}

fn is_zero(time: &Timestamp) -> bool {
    time.0 == 0
}

impl Settings {
    /// Returns true while the guard is released. A release is never longer than [`RELEASE_MAX`]: one that ends later
    /// was made while the clock was wrong, and is over.
    pub(crate) fn guard_is_released(&self, now: Timestamp) -> bool {
        // The upper bound matters only after the clock was wrong: no admin can release it for longer.
        self.guard_released_until > now && self.guard_released_until <= now.plus(RELEASE_MAX * 1000)
    }
}

const SETTINGS: &str = "organisation";

/// Reads the settings as they are stored.
///
/// # Errors
/// Internal only.
pub(crate) fn read_settings(sql: &dyn Sql) -> Result<Settings> {
    match store::get_setting(sql, SETTINGS)? {
        Some(text) => json::read_own(&text),
        // An object that was never configured behaves as one with SCIM switched off.
        None => Ok(Settings::default()),
    }
}

/// Stores the settings.
///
/// # Errors
/// Internal only.
pub(crate) fn save_settings(sql: &dyn Sql, settings: &Settings) -> Result<()> {
    store::put_setting(sql, SETTINGS, &serde_json::to_string(settings).map_err(Error::internal)?)
}
