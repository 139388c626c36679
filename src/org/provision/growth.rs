//! Growth, and what there is no room for. An organisation holds at most its quota (`directory::quota`). Beyond it
//! nothing new is stored: users and groups are not created, members are not added, a resource gets no larger. Such a
//! part is left out of a request and noted, as one is that the sync options switch off; a request of which nothing is
//! left is refused. Removals (DELETE, a deactivation, a removal) are never judged here.
//!
//! Every change is kept for a while, so where the history is full ([`crate::org::provision::history`]) a resource
//! changes only by removals.
//!
//! [`limit_reached`] is the one place that decides whether stored bytes may grow, for every reason there is.

use super::mutation::Mutation;
use crate::directory::quota::Quota;
use crate::error::{Code, Error, Result, Warning};
use crate::id::{OrgId, Timestamp};
use crate::org::connection::judge::Finding;
use crate::scim::growth::{only_removals, without_growth};
use crate::scim::member::list_ids;
use crate::scim::schema::Kinds;
use crate::store::Sql;
use crate::store::changes::{Head, Totals, is_full};
use serde_json::{Map, Value};

/// The operations that still work, and the first of two ways out.
const GO_ON: &str = "Deletions, deactivations and removals go on. Delete what is not needed";

/// The reason why nothing may be added, and the parts of one request that were left out for it.
#[derive(Debug)]
pub(crate) struct Full {
    code: Code,
    /// The limit that is reached, its use, and what to do. It is the same for a repeated request.
    why: String,
    taken: Vec<String>,
    /// True to leave out also changes that grow nothing.
    only_removals: bool,
    retry_after: Option<i64>,
}

/// Says whether stored bytes may grow; `None` if they may. `grows` says whether the resource itself would: only then the storage
/// is asked for its size.
///
/// # Errors
/// Internal only.
pub(crate) fn limit_reached(mutation: &Mutation<'_>, grows: bool) -> Result<Option<Full>> {
    match history_limit(mutation)? {
        None if grows => bytes_limit(mutation.sql, mutation.options.quota(), mutation.org()),
        full => Ok(full),
    }
}

/// Returns the sentence of [`Code::QuotaChanges`].
fn history_full(org: &OrgId) -> String {
    format!(
        "This organisation keeps 2.25 GB of changes, the most that is allowed: nothing is added or changed. \
         Deletions, deactivations and removals go on. Changes older than 72 hours are forgotten within the hour, \
         which makes room. Find the token that sends so many (GET /v1/orgs/{org}/journal names the token of each \
         request) and slow or revoke it."
    )
}

/// Returns why the history takes no more, or no more from the token for now.
fn history_limit(mutation: &Mutation<'_>) -> Result<Option<Full>> {
    let full = |code, why, retry_after| Some(Full { code, why, taken: Vec::new(), only_removals: true, retry_after });
    // The rate is judged first: it passes by itself, and its sentence says when.
    if mutation.wait.is_some() {
        let why = "This token adds changes faster than is allowed: 256 MiB at once, then 75 KB a second. Until it has \
                   waited, nothing is added or changed. Deletions, deactivations and removals go on.";
        return Ok(full(Code::HistoryRate, why.to_owned(), mutation.wait));
    }
    Ok(if mutation.history_is_full()? { full(Code::QuotaChanges, history_full(mutation.org()), None) } else { None })
}

/// Judges the return of a user.
///
/// # Errors
/// As [`limit_reached`] for the history.
pub(crate) fn may_return(mutation: &Mutation<'_>) -> Result<()> {
    history_limit(mutation)?.map_or(Ok(()), |full| Err(full.refusal()))
}

/// Judges the stored bytes of a call that is no SCIM request.
///
/// # Errors
/// Internal only.
pub(crate) fn bytes_limit(sql: &dyn Sql, quota: Quota, org: &OrgId) -> Result<Option<Full>> {
    let Some(most) = quota.bytes else { return Ok(None) };
    let used = sql.size()?;
    Ok((used >= most).then(|| {
        let held = format!("The organisation stores {} MiB", used >> 20);
        Full::new(Code::QuotaBytes, &held, ("bytes", most), &format!("nothing can be added. {GO_ON}"), org)
    }))
}

/// The bytes that an import may exceed the quota by before its parts are refused too, 512 MiB: it is stored beside the
/// directory that it replaces, and only [`may_import`] can tell what will be left.
const IMPORT_ROOM: i64 = 512 << 20;

/// Judges another part of an import.
///
/// # Errors
/// 400 `quota-bytes`.
pub(crate) fn may_send_part(sql: &dyn Sql, quota: Quota, org: &OrgId) -> Result<()> {
    let quota = Quota { bytes: quota.bytes.map(|most| most.saturating_add(IMPORT_ROOM)), ..quota };
    bytes_limit(sql, quota, org)?.map_or(Ok(()), |full| Err(full.refusal()))
}

/// Judges an import of so many users and groups, all of which is stored already.
///
/// # Errors
/// 400 `quota-users`, `quota-groups` or `quota-bytes`.
pub(crate) fn may_import(sql: &dyn Sql, quota: Quota, (users, groups): (i64, i64), org: &OrgId) -> Result<()> {
    let limits = [(Code::QuotaUsers, "users", users, quota.users), (Code::QuotaGroups, "groups", groups, quota.groups)];
    // The whole import is refused before it changes anything, so the admin can split it.
    for (code, name, count, most) in limits {
        if let Some(most) = most.filter(|most| count > *most) {
            let held = format!("The import brings {count} {name}");
            let then = "nothing was imported. Leave some out";
            return Err(Full::new(code, &held, (name, most), then, org).refusal());
        }
    }
    bytes_limit(sql, quota, org)?.map_or(Ok(()), |full| Err(full.refusal()))
}

/// The percentage of a quota from which on the organisation is warned.
const WARNED: i64 = 80;

/// Returns a warning for each quota that is used up, or nearly, with how much is used, and one for a full history.
///
/// # Errors
/// Internal only.
pub(crate) fn quota_warnings(
    sql: &dyn Sql,
    quota: Quota,
    head: &Head,
    org: &OrgId,
    now: Timestamp,
) -> Result<Vec<Finding>> {
    let totals = head.totals;
    let all = [
        ("users", totals.users, quota.users, "no more users can be created"),
        ("groups", totals.groups, quota.groups, "no more groups can be created"),
        ("bytes", sql.size()?, quota.bytes, "nothing can be added, neither users, groups and members nor attributes"),
    ];
    let warn = |(name, used, most, then): (&str, i64, Option<i64>, &str)| {
        // A quota of 0 is used up from the beginning, and cannot be divided by.
        let percent = match most? {
            0 => 100,
            most => used.saturating_mul(100) / most,
        };
        let sentence = || {
            format!(
                "quota.{name} is used to {percent} %: {used} of {}. At 100 % {then}. Delete what is not needed, or \
                 have the operator of this service, who has the root key, raise it (PATCH /v1/orgs/{org}).",
                most.unwrap_or_default()
            )
        };
        let finding = || Finding::new(Warning::QuotaNearlyUsed, now, sentence());
        (percent >= WARNED).then(|| Finding { since: None, count: Some(used), ..finding() })
    };
    let history = || Finding { since: None, ..Finding::new(Warning::HistoryFull, now, history_full(org)) };
    let history = is_full(sql, head)?.then(history);
    Ok(all.into_iter().filter_map(warn).chain(history).collect())
}

/// Judges creating a user or a group.
///
/// # Errors
/// 400 `quota-users`, `quota-groups` or as [`limit_reached`].
pub(crate) fn may_create(mutation: &Mutation<'_>, kind: Kinds) -> Result<()> {
    match count_limit(mutation.options.quota(), mutation.totals, kind, mutation.org()) {
        Some(full) => Err(full.refusal()),
        // The number is judged before the bytes: it is known without asking the storage.
        None => limit_reached(mutation, true)?.map_or(Ok(()), |full| Err(full.refusal())),
    }
}

/// Returns why one more user or group is beyond the quota.
fn count_limit(quota: Quota, totals: Totals, kind: Kinds, org: &OrgId) -> Option<Full> {
    let (code, used, most, name) = match kind {
        Kinds::Users => (Code::QuotaUsers, totals.users, quota.users?, "users"),
        Kinds::Groups => (Code::QuotaGroups, totals.groups, quota.groups?, "groups"),
    };
    let held = match kind {
        Kinds::Users => format!("The organisation has {used} users, inactive ones included"),
        Kinds::Groups => format!("The organisation has {used} groups"),
    };
    let then = format!("no more {name} can be created. {GO_ON}");
    (used >= most).then(|| Full::new(code, &held, (name, most), &then, org))
}

impl Full {
    fn new(code: Code, held: &str, (name, most): (&str, i64), then: &str, org: &OrgId) -> Self {
        let why = format!(
            "{held}, and quota.{name} is {most}: {then}, or have the operator of this service, who has the root key, \
             raise quota.{name} (PATCH /v1/orgs/{org})."
        );
        Self { code, why, taken: Vec::new(), only_removals: false, retry_after: None }
    }

    /// Returns the refusal of a request of which nothing is left.
    pub(crate) fn refusal(&self) -> Error {
        let taken = if self.taken.is_empty() { String::new() } else { format!(" It would add: {}.", self.left_out()) };
        let error = Error::new(self.code, format!("{}{taken} Nothing was changed.", self.why));
        Error { retry_after: self.retry_after, ..error }
    }

    fn left_out(&self) -> String {
        list_ids(&self.taken.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Returns the proposed attributes without the parts that make the resource larger than `stored`.
    ///
    /// # Errors
    /// 400 `tooMany` beyond the call's budget.
    pub(crate) fn fit_attributes(
        &mut self,
        mutation: &Mutation<'_>,
        stored: &Map<String, Value>,
        new: &Map<String, Value>,
        document: &str,
    ) -> Result<Map<String, Value>> {
        // Finding the parts that grow reads the document once more.
        mutation.spend_document(document)?;
        let fit = if self.only_removals { only_removals } else { without_growth };
        let (fitted, taken) = fit(stored, new);
        self.taken.extend(taken);
        Ok(fitted)
    }

    /// Returns true if a request about a user has an effect because it mentions `active`: it deactivates, if nothing
    /// else is executed.
    pub(crate) fn takes_active(&self, said: bool, active: bool) -> bool {
        said && !(self.only_removals && active)
    }

    /// Notes that so many members are not added.
    pub(crate) fn without_members(&mut self, count: usize) {
        match count {
            0 => {}
            1 => self.taken.push("1 member".to_owned()),
            _ => self.taken.push(format!("{count} members")),
        }
    }

    /// Ends a request of which parts may have been left out: notes them, if anything `is_left` of it.
    ///
    /// # Errors
    /// 400, if nothing is left.
    pub(crate) fn settle_request(self, mutation: &mut Mutation<'_>, about: &str, is_left: bool) -> Result<()> {
        if self.taken.is_empty() {
            return Ok(());
        }
        if !is_left {
            return Err(self.refusal());
        }
        mutation.notes.push(format!("{} Taken out of the request about {about}: {}.", self.why, self.left_out()));
        Ok(())
    }
}
