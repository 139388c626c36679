//! The registry: which organisations exist. One object of its own holds it, and only Console calls come here: KV's
//! lists are stale, and an organisation has to be known before its object is called for the first time.

use crate::error::{Error, Kind, Result};
use crate::id::{OrgId, Timestamp};
use crate::store::{Param, Row, Sql, first, transact};
use serde::{Deserialize, Serialize};

/// A call of the registry.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Ask {
    /// Registers an organisation, or renames a registered one if a name is given.
    Put {
        org: OrgId,
        display_name: Option<String>,
    },
    Get {
        org: OrgId,
    },
    List,
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

/// Executes one call: `Get` answers one entry or 404.
///
/// # Errors
/// 404, or internal.
pub fn execute(sql: &dyn Sql, ask: &Ask, now: Timestamp) -> Reply {
    sql.query(TABLE, &[])?;
    match ask {
        Ask::Put { org, display_name } => transact(sql, || {
            let text = "INSERT INTO organisations (id, display_name, state, created) VALUES (?1, coalesce(?2, ?1), \
                        'registered', ?3) ON CONFLICT (id) DO UPDATE SET display_name = ?2 WHERE ?2 IS NOT NULL";
            sql.query(text, &[Param::Text(org.as_str()), display_name.as_deref().into(), now.0.into()])?;
            get(sql, org)
        }),
        Ask::Get { org } => get(sql, org),
        Ask::List => {
            let text = "SELECT id, display_name, created FROM organisations ORDER BY id";
            sql.query(text, &[])?.into_iter().map(entry).collect()
        }
    }
}

fn get(sql: &dyn Sql, org: &OrgId) -> Reply {
    let text = "SELECT id, display_name, created FROM organisations WHERE id = ?";
    let row = first(sql, text, &[org.as_str().into()])?;
    let missing =
        || Error::new(Kind::NotFound, format!("There is no organisation {org}. PUT /v1/orgs/{org} registers it."));
    Ok(vec![entry(row.ok_or_else(missing)?)?])
}

fn entry(mut row: Row) -> Result<Entry> {
    let id = OrgId::parse(&row.text()?).ok_or_else(|| Error::internal("a stored organisation's name is none"))?;
    Ok(Entry { id, display_name: row.text()?, created: Timestamp(row.integer()?).rfc3339() })
}
