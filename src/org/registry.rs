//! The registry: which organisations exist. One object of its own holds it, and only Console calls come here: KV's
//! lists are stale, and an organisation has to be known before its object is called for the first time.

use crate::directory::residency::Residency;
use crate::error::{Code, Error, Result};
use crate::id::{OrgId, Timestamp};
use crate::store::{Param, Row, Sql, each, first, transact};
use serde::{Deserialize, Serialize};

/// A call of the registry.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Ask {
    /// Registers an organisation; one that is registered stays as it is.
    Put {
        org: OrgId,
        display_name: Option<String>,
        #[serde(default, skip_serializing_if = "Residency::is_empty")]
        residency: Residency,
    },
    /// Gives a registered organisation another name; of one that is not, nothing happens.
    Rename {
        org: OrgId,
        display_name: String,
    },
    Get {
        org: OrgId,
    },
    /// Marks a registered organisation as one that is being erased.
    Erase {
        org: OrgId,
    },
    /// Forgets an organisation that is being erased.
    Forget {
        org: OrgId,
    },
    /// The first organisations, up to one more than [`PAGE`].
    List,
    /// Those after a name, so many at most.
    Page {
        after: OrgId,
        limit: i64,
    },
}

/// An organisation as the registry knows it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its name in every address.
    pub id: OrgId,
    /// For people.
    pub display_name: String,
    /// When it was registered, RFC 3339.
    pub created: String,
    /// The jurisdiction that its object is in, if it was registered with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<String>,
    /// Near where its object was to be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_hint: Option<String>,
    /// Its erasure has begun and has not come to its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub erasing: bool,
}

impl Entry {
    /// Where its object is.
    pub fn residency(self) -> Residency {
        Residency { jurisdiction: self.jurisdiction, location_hint: self.location_hint }
    }
}

/// How many organisations a page has at most: 5,000 with the longest names are shown in less than 8 MiB.
pub const PAGE: i64 = 5_000;

/// Returns the call for a page of organisations: one more than `limit` of them, which says that there are more.
pub fn page(after: Option<OrgId>, limit: i64) -> Ask {
    match after {
        None => Ask::List,
        Some(after) => Ask::Page { after, limit: limit + 1 },
    }
}

/// Returns the page of these organisations, of which those behind `limit` only say that there are more.
pub fn shown(mut entries: Vec<Entry>, limit: i64) -> serde_json::Value {
    let limit = usize::try_from(limit).unwrap_or(0);
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| more).map(|entry| entry.id.clone());
    serde_json::json!({ "organisations": entries, "next": next })
}

/// What the registry answers.
pub type Reply = Result<Vec<Entry>>;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS organisations (
    id TEXT PRIMARY KEY,
    display_name TEXT NOT NULL,
    jurisdiction TEXT,
    location_hint TEXT,
    state TEXT NOT NULL CHECK (state IN ('registered', 'erasing')),
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID";

const ENTRY: &str = "SELECT id, display_name, created, jurisdiction, location_hint, state FROM organisations";

/// Executes one call. `Put`, `Get` and `Erase` answer the one entry.
///
/// # Errors
/// 404 for one that is not registered, 409 for one that is being erased, or internal.
pub fn execute(sql: &dyn Sql, ask: &Ask, now: Timestamp) -> Reply {
    sql.query(TABLE, &[])?;
    match ask {
        Ask::Put { org, display_name, residency } => transact(sql, || {
            let text = "INSERT INTO organisations (id, display_name, jurisdiction, location_hint, state, created) \
                        VALUES (?1, coalesce(?2, ?1), ?3, ?4, 'registered', ?5) ON CONFLICT (id) DO NOTHING";
            let params = [
                Param::Text(org.as_str()),
                display_name.as_deref().into(),
                residency.jurisdiction.as_deref().into(),
                residency.location_hint.as_deref().into(),
                now.0.into(),
            ];
            sql.query(text, &params)?;
            get(sql, org)
        }),
        Ask::Rename { org, display_name } => {
            let text = "UPDATE organisations SET display_name = ?2 WHERE id = ?1 AND display_name <> ?2";
            sql.query(text, &[org.as_str().into(), display_name.as_str().into()])?;
            Ok(Vec::new())
        }
        Ask::Get { org } => get(sql, org),
        Ask::Erase { org } => transact(sql, || {
            let text = "UPDATE organisations SET state = 'erasing' WHERE id = ? AND state = 'registered'";
            sql.query(text, &[org.as_str().into()])?;
            find(sql, org).map(|entry| vec![entry])
        }),
        Ask::Forget { org } => {
            let text = "DELETE FROM organisations WHERE id = ? AND state = 'erasing'";
            sql.query(text, &[org.as_str().into()])?;
            Ok(Vec::new())
        }
        Ask::List => {
            let text = format!("{ENTRY} ORDER BY id LIMIT ?");
            each(sql.query(&text, &[(PAGE + 1).into()])?, entry)
        }
        Ask::Page { after, limit } => {
            let text = format!("{ENTRY} WHERE id > ? ORDER BY id LIMIT ?");
            each(sql.query(&text, &[after.as_str().into(), (*limit).into()])?, entry)
        }
    }
}

fn find(sql: &dyn Sql, org: &OrgId) -> Result<Entry> {
    let row = first(sql, &format!("{ENTRY} WHERE id = ?"), &[org.as_str().into()])?;
    let missing = || {
        Error::new(
            Code::OrganisationNotFound,
            format!("There is no organisation {org}. PUT /v1/orgs/{org} registers it."),
        )
    };
    entry(row.ok_or_else(missing)?)
}

fn get(sql: &dyn Sql, org: &OrgId) -> Reply {
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

fn entry(mut row: Row) -> Result<Entry> {
    let id = OrgId::parse(&row.text()?).ok_or_else(|| Error::internal("a stored organisation's name is none"))?;
    let (display_name, created) = (row.text()?, Timestamp(row.integer()?).rfc3339());
    let (jurisdiction, location_hint) = (row.optional_text()?, row.optional_text()?);
    Ok(Entry { id, display_name, created, jurisdiction, location_hint, erasing: row.text()? == "erasing" })
}
