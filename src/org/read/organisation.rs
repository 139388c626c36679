//! The organisation as the Console reads it: its settings, its counts, and the connection to its identity provider.

use crate::directory::call::Call;
use crate::directory::console::{Configured, Enabled, GuardStatus, Organisation, SyncOptions};
use crate::directory::options::Options;
use crate::directory::reply::Answer;
use crate::error::Result;
use crate::id::Timestamp;
use crate::org::connection::{judge, read, usage};
use crate::org::memory::Memory;
use crate::org::provision::growth;
use crate::org::provision::guard::Lately;
use crate::org::settings;
use crate::store::{Sql, changes};

/// Answers the organisation's settings, the end of its sequence, and the state of its connection.
pub(crate) fn organisation(sql: &dyn Sql, memory: &mut Memory, call: &Call, now: Timestamp) -> Result<Answer> {
    let org = &call.org;
    let (settings, head) = (settings::read_settings(sql)?, changes::read_head(sql)?);
    let full = growth::quota_warnings(sql, settings.options.quota(), &head, org, now)?;
    let guard = match settings.options.guard() {
        Some(guard) => Some(GuardStatus {
            limit: guard.limit,
            window_seconds: guard.window_seconds,
            used: Lately::remembered(&mut memory.guard, sql, guard, now)?.count_lost(),
            blocked: memory.connection.as_ref().map_or(0, |facts| facts.last_day(now).0.blocked),
        }),
        None => None,
    };
    let tokens = usage::tokens(sql, memory)?;
    let judged = read::judged(sql, memory, &tokens, &settings, (full, org), now)?;
    let released = settings.guard_is_released(now).then_some(settings.guard_released_until.into());
    Answer::console_answer(&Organisation {
        id: org,
        display_name: settings.display_name,
        saml: Configured { configured: settings.saml_configured },
        scim: Enabled { enabled: settings.scim_enabled },
        sync: show_sync(&settings.options),
        guard,
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
        scim_base_url: &call.base,
        connection: read::shown(memory, &tokens, &judged, now),
        warnings: read::warnings(&judged, org, now),
        token_days_left: judge::token_days_left(&tokens, now),
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
