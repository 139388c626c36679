//! The organisation as the Console reads it: its settings, its counts and its health.

use crate::directory::console::{Configured, Enabled, Organisation, SyncOptions, Time};
use crate::directory::options::Options;
use crate::directory::reply::Answer;
use crate::error::Result;
use crate::id::{OrgId, Timestamp};
use crate::org::admin::tokens;
use crate::org::provision::growth;
use crate::org::settings;
use crate::store::{Sql, changes};

/// Answers the organisation's settings and the end of its sequence.
pub(crate) fn organisation(sql: &dyn Sql, org: &OrgId, now: Timestamp) -> Result<Answer> {
    let (settings, head) = (settings::read_settings(sql)?, changes::read_head(sql)?);
    let full = growth::quota_warnings(sql, settings.options.quota(), &head, org)?;
    // Warnings of quotas and of tokens are one list for the admin.
    let (health, last_push) = tokens::connection_health(sql, org, settings.scim_enabled, full, now)?;
    let released = settings.guard_is_released(now).then_some(settings.guard_released_until.into());
    Answer::console_answer(&Organisation {
        id: org,
        display_name: settings.display_name,
        saml: Configured { configured: settings.saml_configured },
        scim: Enabled { enabled: settings.scim_enabled },
        sync: show_sync(&settings.options),
        guard: settings.options.guard(),
        guard_released_until: released,
        quota: settings.options.quota(),
        stored_bytes: sql.size()?,
        reserved_group_names: settings.options.reserved_group_names.unwrap_or_default(),
        jurisdiction: settings.residency.jurisdiction,
        location_hint: settings.residency.location_hint,
        counts: head.totals,
        last_seq: head.seq,
        last_change_at: (head.seq > 0).then_some(head.at.into()),
        oldest_seq: changes::oldest_seq(sql)?,
        last_push_at: last_push.map(Time),
        health,
    })
}

fn show_sync(options: &Options) -> SyncOptions {
    let sync = options.sync();
    let on = |option: Option<bool>| option.unwrap_or(true);
    SyncOptions {
        create_users: on(sync.create_users),
        update_profiles: on(sync.update_profiles),
        deactivate_users: on(sync.deactivate_users),
        push_groups: on(sync.push_groups),
    }
}
