//! The connection as the Console reads it.

use super::facts::{HOUR, Request};
use super::judge::{EndedUse, Finding, Judgement, Known, judge};
use crate::directory::console::{Connection, ConnectionWarning, EntryToken, LastRefusal, LastRequest, NearMiss, Time};
use crate::error::{Result, Warning};
use crate::id::{OrgId, Timestamp};
use crate::org::address::sentence_with_org;
use crate::org::import::state::{Writing, directory_busy};
use crate::org::memory::Memory;
use crate::org::settings::Settings;
use crate::store::Sql;
use crate::store::journal::DAY;
use crate::store::refused as store;
use crate::store::tokens::StoredToken;

/// The time after it was last seen for which a group that must be flattened is warned of, in milliseconds.
const FLATTEN_SHOWN: i64 = 7 * DAY;
/// The time for which a job that was set aside is warned of: it is tried again after a day, and then set aside anew.
const JOB_SHOWN: i64 = DAY + HOUR;

/// Judges the connection, with `full` as the warnings of quotas.
///
/// # Errors
/// Internal only.
pub(crate) fn judged(
    sql: &dyn Sql,
    memory: &Memory,
    tokens: &[StoredToken],
    settings: &Settings,
    (full, org): (Vec<Finding>, &OrgId),
    now: Timestamp,
) -> Result<Judgement> {
    let mut stored = full;
    if let Some(seen) = store::nested_groups(sql, now.plus(-FLATTEN_SHOWN))? {
        let detail = format!(
            "{} groups were refused because they have groups as members: only their users could be members. GET \
             /v1/orgs/{org}/journal?reason=nested lists them. Flatten them in the identity provider, or push the nested \
             groups instead.",
            seen.count
        );
        let flatten = Finding::new(Warning::GroupsToFlatten, seen.first, detail);
        stored.push(Finding { until: seen.last.plus(FLATTEN_SHOWN), count: Some(seen.count), ..flatten });
    }
    let jobs = store::jobs_set_aside(sql, now.plus(-JOB_SHOWN))?;
    if jobs.is_empty() && memory.importing == Some(Writing::SetAside) {
        let detail = directory_busy(Writing::SetAside, org).detail;
        stored.push(Finding { since: None, ..Finding::new(Warning::JobSetAside, now, detail) });
    }
    for seen in jobs {
        let aside = Finding::new(Warning::JobSetAside, seen.first, seen.about);
        stored.push(Finding { until: seen.last.plus(JOB_SHOWN), count: Some(seen.count), ..aside });
    }
    let facts = memory.connection.clone().unwrap_or_default();
    let refusals = ended_uses(sql, memory, tokens, now)?;
    let known = Known {
        enabled: settings.scim_enabled,
        switched: settings.scim_switched,
        tokens,
        facts: &facts,
        refusals: &refusals,
        stored,
    };
    Ok(judge(known, now))
}

/// Returns the requests with tokens that have ended; repeats are counted in memory first.
fn ended_uses(sql: &dyn Sql, memory: &Memory, tokens: &[StoredToken], now: Timestamp) -> Result<Vec<EndedUse>> {
    if !tokens.iter().any(|token| token.usage.last_status == Some(401) && !token.is_alive(now)) {
        return Ok(Vec::new());
    }
    let repeats = |of: &str| {
        let keys = memory
            .unsaved
            .repeats
            .iter()
            .filter(|(key, _)| key.token == of && matches!(key.code.as_str(), "token-revoked" | "token-expired"));
        keys.map(|(_, (count, _))| count).sum::<i64>()
    };
    let stored = store::with_ended_tokens(sql)?.into_iter();
    Ok(stored
        .map(|seen| EndedUse { count: seen.count + repeats(&seen.about), since: seen.first, token: seen.about })
        .collect())
}

/// Returns the connection as the Console shows it.
pub(crate) fn shown<'a>(
    memory: &'a Memory,
    tokens: &'a [StoredToken],
    judged: &Judgement,
    now: Timestamp,
) -> Connection<'a> {
    let facts = memory.connection.as_ref();
    let token = |id: &'a str| {
        let found = tokens.iter().find(|token| token.id.as_str() == id);
        EntryToken { id, name: found.map(|token| token.settings.name.as_str()) }
    };
    let last = |one: &'a Request| LastRequest {
        at: one.at.into(),
        method: &one.method,
        path: &one.path,
        status: one.status,
        token: token(&one.token),
        address: one.address.as_deref(),
    };
    Connection {
        state: judged.state(now),
        idp: facts.map(|facts| facts.idp.as_str()).filter(|idp| !idp.is_empty()),
        last_request: facts.and_then(|facts| facts.last.as_ref()).map(last),
        last_push_at: facts.and_then(|facts| facts.last_push).map(Time),
        last_refusal: facts.and_then(|facts| facts.refusal.as_ref()).map(|(one, code)| LastRefusal {
            at: one.at.into(),
            method: &one.method,
            path: &one.path,
            status: one.status,
            code,
            request_id: &one.id,
            token: token(&one.token),
        }),
        near_miss: facts.and_then(|facts| facts.miss.as_ref()).map(|miss| NearMiss {
            at: miss.last.at.into(),
            method: &miss.last.method,
            path: &miss.last.path,
            token: token(&miss.last.token),
            address: miss.last.address.as_deref(),
            first_at: miss.first_at.into(),
            count: miss.count,
        }),
    }
}

/// Returns the warnings that hold now, with the organisation's address in their sentences.
pub(crate) fn warnings(judged: &Judgement, org: &OrgId, now: Timestamp) -> Vec<ConnectionWarning> {
    let holding = judged.findings.iter().filter(|one| one.holds(now));
    let shown = |one: &Finding| ConnectionWarning {
        code: one.code,
        detail: sentence_with_org(&one.detail, org),
        since: one.since.map(Time),
        count: one.count,
    };
    holding.map(shown).collect()
}
