//! The parts of a push that an organisation accepts, and how much deprovisioning at once.

use super::quota::Quota;
use crate::error::{Code, Error, Result};
use crate::scim::json;
use serde::{Deserialize, Deserializer, Serialize};

/// The most reserved names.
pub const NAMES_MAX: usize = 100;
/// The longest reserved name, in characters.
pub const NAME_MAX: usize = 256;
/// The highest limit of the guard, and its shortest and longest window in seconds: changes are kept for longer.
const LIMIT_MAX: i64 = 1_000_000;
/// The longest release of the guard, in seconds: a day.
pub const RELEASE_MAX: i64 = 24 * 3600;
const WINDOW: std::ops::RangeInclusive<i64> = 60..=7 * 24 * 3600;

/// The options, as they are stored and as a request changes them: a field that is `None` in the request stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// The parts of a push that are accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync: Option<Sync>,
    /// The guard; `Some(None)` is off.
    #[serde(deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    pub guard: Option<Option<Guard>>,
    /// Names that a provider may not give to a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved_group_names: Option<Vec<String>>,
    /// The quota.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
}

/// The parts of a push that are accepted: each that is not `false`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(native, derive(schemars::JsonSchema), schemars(rename = "NewSyncOptions"))]
#[allow(missing_docs, reason = "the names say it")]
pub struct Sync {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_users: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_profiles: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deactivate_users: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push_groups: Option<bool>,
}

/// The limit on deprovisioning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub struct Guard {
    /// Users deactivated, deleted or renamed and members removed, each counted once.
    #[serde(deserialize_with = "json::deserialize_integer")]
    #[cfg_attr(native, schemars(range(min = 1, max = LIMIT_MAX)))]
    pub limit: i64,
    /// The window in seconds.
    #[serde(deserialize_with = "json::deserialize_integer")]
    #[cfg_attr(native, schemars(range(min = *WINDOW.start(), max = *WINDOW.end())))]
    pub window_seconds: i64,
}

/// Reads a field in which `null` has a meaning, unlike an omitted one.
///
/// # Errors
/// Those of the deserializer.
pub fn said<'a, T: Deserialize<'a>, D: Deserializer<'a>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl Options {
    /// Returns true if no option is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns these options with the changes of `new`.
    #[must_use]
    pub fn with_changes(self, new: &Self) -> Self {
        // Merged member by member: a request that switches one part off says nothing of the others.
        let sync = match (self.sync, new.sync) {
            (Some(old), Some(new)) => Some(Sync {
                create_users: new.create_users.or(old.create_users),
                update_profiles: new.update_profiles.or(old.update_profiles),
                deactivate_users: new.deactivate_users.or(old.deactivate_users),
                push_groups: new.push_groups.or(old.push_groups),
            }),
            (old, new) => new.or(old),
        };
        Self {
            sync,
            // `Some(None)` is a change too: it switches the guard off.
            guard: new.guard.or(self.guard),
            reserved_group_names: new.reserved_group_names.clone().or(self.reserved_group_names),
            quota: new.quota.or(self.quota),
        }
    }

    /// Returns the guard, if it is on.
    pub fn guard(&self) -> Option<Guard> {
        self.guard.flatten()
    }

    /// Returns the quota: the defaults if none was set.
    pub fn quota(&self) -> Quota {
        self.quota.unwrap_or_default()
    }

    /// Returns the parts of a push with their settings.
    pub fn sync(&self) -> Sync {
        self.sync.unwrap_or_default()
    }

    /// Returns the options, if every number and name is within its bounds.
    ///
    /// # Errors
    /// 400 that names the field.
    pub fn into_checked(self) -> Result<Self> {
        if let Some(Guard { limit, window_seconds }) = self.guard() {
            if !(1..=LIMIT_MAX).contains(&limit) {
                return Err(Error::new(
                    Code::InvalidField,
                    format!("guard.limit must be from 1 to {LIMIT_MAX}, not {limit}."),
                ));
            }
            if !WINDOW.contains(&window_seconds) {
                return Err(Error::new(
                    Code::InvalidField,
                    format!(
                        "guard.windowSeconds must be from {} to {}, not {window_seconds}.",
                        WINDOW.start(),
                        WINDOW.end()
                    ),
                ));
            }
        }
        let names = self.reserved_group_names.as_deref().unwrap_or_default();
        if names.len() > NAMES_MAX {
            let detail = format!("reservedGroupNames has {} names; at most {NAMES_MAX} are allowed.", names.len());
            return Err(Error::new(Code::InvalidField, detail));
        }
        match names.iter().find(|name| name.trim().is_empty() || name.chars().count() > NAME_MAX) {
            None => Ok(self),
            Some(name) => Err(Error::new(
                Code::InvalidField,
                format!(
                    "reservedGroupNames: each name must be 1 to {NAME_MAX} characters; one has {}.",
                    name.chars().count()
                ),
            )),
        }
    }
}
