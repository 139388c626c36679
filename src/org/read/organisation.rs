//! What the Console reads. Nothing here changes anything.

use super::snapshot;
use crate::directory::options::Options;
use crate::directory::query::Query;
use crate::directory::reply::Answer;
use crate::error::{Error, Result};
use crate::id::{OrgId, Timestamp};
use crate::org::admin::settings;
use crate::org::admin::tokens::{self, show};
use crate::org::provision::growth;
use crate::store::{Sql, changes, tokens as store};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

/// Answers one query.
pub(crate) fn read(sql: &dyn Sql, org: &OrgId, query: &Query, now: Timestamp) -> Result<Answer> {
    match query {
        Query::Organisation => organisation(sql, org, now),
        Query::Tokens => {
            let tokens: Vec<Value> = store::all(sql)?.iter().map(|token| show(token, now)).collect();
            answer(&json!({ "tokens": tokens }))
        }
        Query::Snapshot { position } => snapshot::piece(sql, position.as_deref(), snapshot::WORK),
        Query::Import => crate::org::import::status(sql, org),
        Query::Schemas => crate::org::admin::schemas::list(sql),
        Query::Schema { urn } => crate::org::admin::schemas::get(sql, urn),
        Query::Users(_) | Query::User { .. } | Query::Groups(_) | Query::Group { .. } | Query::Members { .. } => {
            Err(Error::internal("the directory is read by `state`"))
        }
        Query::Changes { .. } => Err(Error::internal("changes are read by `feed`")),
        Query::Journal(_) => Err(Error::internal("the journal is read by `journal`")),
    }
}

/// The organisation's settings and where its sequence stands.
pub(crate) fn organisation(sql: &dyn Sql, org: &OrgId, now: Timestamp) -> Result<Answer> {
    let (settings, head) = (settings(sql)?, changes::head(sql)?);
    let full = growth::warnings(sql, settings.options.quota(), &head, org)?;
    let (health, last_push) = tokens::health(sql, org, settings.scim_enabled, full, now)?;
    let released = settings.guard_is_released(now).then(|| settings.guard_released_until.rfc3339());
    answer(&json!({
        "id": org, "displayName": settings.display_name, "saml": { "configured": settings.saml_configured },
        "scim": { "enabled": settings.scim_enabled }, "sync": show_sync(&settings.options),
        "guard": settings.options.guard(), "guardReleasedUntil": released,
        "jurisdiction": settings.residency.jurisdiction, "locationHint": settings.residency.location_hint,
        "quota": settings.options.quota(), "storedBytes": sql.size()?,
        "reservedGroupNames": settings.options.reserved_group_names.unwrap_or_default(), "counts": head.totals, "lastSeq": head.seq,
        "lastChangeAt": (head.seq > 0).then(|| head.at.rfc3339()),
        "oldestSeq": changes::oldest(sql)?, "lastPushAt": last_push.map(Timestamp::rfc3339), "health": health,
    }))
}

fn show_sync(options: &Options) -> Value {
    let sync = options.sync();
    let on = |option: Option<bool>| option.unwrap_or(true);
    json!({
        "createUsers": on(sync.create_users), "updateProfiles": on(sync.update_profiles),
        "deactivateUsers": on(sync.deactivate_users), "pushGroups": on(sync.push_groups),
    })
}

/// A Console answer, rendered.
pub(crate) fn answer(value: &Value) -> Result<Answer> {
    Ok(Answer::Json(to_raw_value(value).map_err(Error::internal)?))
}
