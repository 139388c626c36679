//! Organisations: their settings and how they are.

use super::{Connection, ConnectionWarning, Time};
use crate::directory::quota::Quota;
use crate::directory::registry::RegistryEntry;
use crate::id::{OrgId, Seq};
use serde::Serialize;

/// A page of organisations in the order of their names.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub struct Organisations {
    /// The organisations.
    pub organisations: Vec<RegistryEntry>,
    /// `after` of the next page; null on the last one.
    pub next: Option<OrgId>,
}

impl Organisations {
    /// Returns the page of these organisations; those behind `limit` only tell that there are more.
    pub fn page(mut entries: Vec<RegistryEntry>, limit: i64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(0);
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next = entries.last().filter(|_| more).map(|entry| entry.id.clone());
        Self { organisations: entries, next }
    }
}

/// An organisation's settings, what it holds, and how it is.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Organisation<'a> {
    /// The name in every address.
    pub id: &'a OrgId,
    /// The name for people.
    pub display_name: String,
    /// Single sign-on, without which SCIM cannot be enabled.
    pub saml: Configured,
    /// Whether identity providers may push.
    pub scim: Enabled,
    /// The parts of a push that are accepted.
    pub sync: SyncOptions,
    /// The limit on deprovisioning; null while the guard is off.
    pub guard: Option<GuardStatus>,
    /// Until when the guard lets everything through.
    pub guard_released_until: Option<Time>,
    /// The most that the organisation may hold.
    pub quota: Quota,
    /// The size of the storage, as quota.bytes counts it.
    pub stored_bytes: i64,
    /// Names that a provider may not give to a group.
    pub reserved_group_names: Vec<String>,
    /// The jurisdiction that its data stays in.
    pub jurisdiction: Option<String>,
    /// Near where its object was to be made.
    pub location_hint: Option<String>,
    /// The totals of the directory.
    pub counts: Counts,
    /// The position of the last change.
    pub last_seq: Seq,
    /// When that change was made.
    pub last_change_at: Option<Time>,
    /// The position of the oldest change that is still kept.
    pub oldest_seq: Option<Seq>,
    /// The base URL for the identity provider, without a slash at its end.
    pub scim_base_url: &'a str,
    /// The connection to the identity provider.
    pub connection: Connection<'a>,
    /// The problems, each with the way out.
    pub warnings: Vec<ConnectionWarning>,
    /// Whole days until the next token that the provider uses ends; before its first request, until the last live token
    /// ends. null if none of them has an end, or none is alive.
    pub token_days_left: Option<i64>,
}

/// The limit on deprovisioning, and how much of it is used.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GuardStatus {
    /// Users deactivated, deleted or renamed and members removed, each counted once.
    pub limit: i64,
    /// The window in seconds.
    pub window_seconds: i64,
    /// How many there were in the window.
    pub used: i64,
    /// The pushes that the guard refused in the last 24 hours.
    pub blocked: i64,
}

/// Single sign-on.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub struct Configured {
    /// True if the organisation's SAML is configured.
    pub configured: bool,
}

/// SCIM.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub struct Enabled {
    /// True if the organisation takes part in SCIM.
    pub enabled: bool,
}

/// The parts of a push that are accepted.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SyncOptions {
    /// New users.
    pub create_users: bool,
    /// Changes of users' attributes.
    pub update_profiles: bool,
    /// Deactivations and deletions of users.
    pub deactivate_users: bool,
    /// Groups and their members.
    pub push_groups: bool,
}

/// The totals of a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Users, inactive ones too.
    pub users: i64,
    /// Active users.
    pub active_users: i64,
    /// Groups.
    pub groups: i64,
    /// Memberships of users in groups.
    pub memberships: i64,
}
