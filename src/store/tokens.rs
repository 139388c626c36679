//! The tokens of an organisation. Only this table decides whether one is alive.

use super::columns::parameters;
use super::token_use::{self, TokenUse};
use super::{Param, Row, Sql, first_row, read_rows};
use crate::auth::{Dialect, TokenKind};
use crate::directory::admin::{Scope, TokenSettings};
use crate::error::{Error, Result};
use crate::id::{Timestamp, TokenHash, TokenId};
use crate::scim::json;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A stored token, without its secret, which is never stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredToken {
    /// Its key.
    pub hash: TokenHash,
    /// Its public name in the Console's API.
    pub id: TokenId,
    /// The settings that the admin chose.
    pub settings: TokenSettings,
    /// The time of minting.
    pub created: Timestamp,
    /// The time of revocation.
    pub revoked: Option<Timestamp>,
    /// Its use, as far as it is saved. Only [`all_tokens`] reads it: no request needs it to be let in.
    pub usage: TokenUse,
    /// The token that it was rotated to.
    pub replaced_by: Option<String>,
    /// The token that minted it, or [`ROOT`]; `None` if that was not noted yet.
    pub minted_by: Option<String>,
}

/// The minter of a token that was minted with the root key.
pub const ROOT: &str = "root";

impl StoredToken {
    /// Returns true if it is valid at `now`. Revoked is a state, whatever the clock says; expired is a time.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.settings.expires_at.is_none_or(|end| end > now)
    }
}

/// The columns that minting fills.
macro_rules! minted {
    () => {
        "hash, id, name, kind, dialect, scope, created, expires, address_ranges, minted_by"
    };
}

const MINTED: &str = minted!();
const COLUMNS: &str = concat!(minted!(), ", revoked, replaced_by");

fn read_token(row: &mut Row) -> Result<StoredToken> {
    let broken = || Error::internal("a stored token is invalid");
    let hash = TokenHash::parse(&row.text()?).ok_or_else(broken)?;
    let id = TokenId::parse(&row.text()?).ok_or_else(broken)?;
    let (name, kind, dialect): (_, TokenKind, Dialect) =
        (row.text()?, read_word(&row.text()?)?, read_word(&row.text()?)?);
    let scope: Option<Scope> = row.optional_text()?.map(|text| read_word(&text)).transpose()?;
    let created = Timestamp(row.integer()?);
    let expires_at = row.optional_integer()?.map(Timestamp);
    let address_ranges = row.optional_text()?.map(|text| json::read_own(&text)).transpose()?.unwrap_or_default();
    let minted_by = row.optional_text()?;
    let revoked = row.optional_integer()?.map(Timestamp);
    let settings = TokenSettings { name, kind, dialect, scope, expires_at, address_ranges };
    let replaced_by = row.optional_text()?;
    let usage = TokenUse::default();
    Ok(StoredToken { hash, id, settings, created, revoked, usage, replaced_by, minted_by })
}

/// Reads an enumeration's name, as serde spells it.
fn read_word<T: for<'a> Deserialize<'a>>(text: &str) -> Result<T> {
    json::read_own(&format!("\"{text}\""))
}

/// Writes what [`read_word`] reads.
fn spell_word(value: impl Serialize) -> Result<String> {
    serde_json::to_string(&value).map(|quoted| quoted.trim_matches('"').to_owned()).map_err(Error::internal)
}

/// Returns the token with that hash.
pub fn by_hash(sql: &dyn Sql, hash: &TokenHash) -> Result<Option<StoredToken>> {
    let text = format!("SELECT {COLUMNS} FROM tokens WHERE hash = ?");
    first_row(sql, &text, &[hash.hex().as_str().into()])?.map(|mut row| read_token(&mut row)).transpose()
}

/// Returns the token with that public id.
pub fn by_id(sql: &dyn Sql, id: &TokenId) -> Result<Option<StoredToken>> {
    first_row(sql, &format!("SELECT {COLUMNS} FROM tokens WHERE id = ?"), &[id.as_str().into()])?
        .map(|mut row| read_token(&mut row))
        .transpose()
}

/// Returns all tokens with their use, the oldest first.
pub fn all_tokens(sql: &dyn Sql) -> Result<Vec<StoredToken>> {
    let text = format!("SELECT {COLUMNS}, {} FROM tokens ORDER BY created, id", token_use::COLUMNS);
    read_rows(sql.query(&text, &[])?, |mut row| {
        let token = read_token(&mut row)?;
        Ok(StoredToken { usage: token_use::read_use(&mut row)?, ..token })
    })
}

/// Counts the tokens.
pub fn count_tokens(sql: &dyn Sql) -> Result<i64> {
    first_row(sql, "SELECT count(*) FROM tokens ", &[])?.map_or(Ok(0), |mut row| row.integer())
}

/// Forgets the tokens that ended before a time.
pub fn forget_ended(sql: &dyn Sql, before: Timestamp) -> Result<()> {
    sql.query("DELETE FROM tokens WHERE revoked < ?1 OR expires < ?1", &[before.0.into()]).map(|_| ())
}

/// Stores a new token that the token `minter` made, or [`ROOT`].
pub fn insert_token(
    sql: &dyn Sql,
    id: &TokenId,
    hash: &TokenHash,
    settings: &TokenSettings,
    minter: &str,
    now: Timestamp,
) -> Result<()> {
    let text = format!("INSERT INTO tokens ({MINTED}) VALUES ({})", parameters(MINTED));
    // Words are stored as they travel, so a new dialect needs no migration.
    let (hash, kind, dialect) = (hash.hex(), spell_word(settings.kind)?, spell_word(settings.dialect)?);
    let scope = settings.scope.map(spell_word).transpose()?;
    // NULL for any address, as in rows from before the column.
    let ranges = (!settings.address_ranges.is_empty()).then(|| json!(settings.address_ranges).to_string());
    let params = [
        Param::Text(&hash),
        Param::Text(id.as_str()),
        Param::Text(&settings.name),
        Param::Text(&kind),
        Param::Text(&dialect),
        scope.as_deref().into(),
        now.0.into(),
        settings.expires_at.map_or(Param::Null, |end| end.0.into()),
        ranges.as_deref().into(),
        Param::Text(minter),
    ];
    sql.query(&text, &params).map(|_| ())
}

/// Ends a token at that time, and names the one to use instead. Its record in KV is due from `now` on. A token that ends at
/// once is revoked, so that it stays ended whatever the clock says.
pub fn replace_token(sql: &dyn Sql, id: &TokenId, by: &TokenId, end: Timestamp, now: Timestamp) -> Result<()> {
    sql.due_changed();
    // KV is told by a job: the object cannot wait for another service inside a transaction.
    let text = "UPDATE tokens SET expires = ?1, replaced_by = ?2, record_due = ?3, \
                revoked = CASE WHEN ?1 <= ?3 THEN ?1 ELSE revoked END WHERE id = ?4";
    sql.query(text, &[end.0.into(), by.as_str().into(), now.0.into(), id.as_str().into()]).map(|_| ())
}

/// Revokes a token; one that was revoked before stays as it is. Its record in KV is due from `now` on.
pub fn revoke_token(sql: &dyn Sql, id: &TokenId, now: Timestamp) -> Result<()> {
    sql.due_changed();
    let text = "UPDATE tokens SET revoked = ?, record_due = ? WHERE id = ? AND revoked IS NULL";
    sql.query(text, &[now.0.into(), now.0.into(), id.as_str().into()]).map(|_| ())
}

/// Returns the tokens that a token minted, those that they minted, and so on, without revoked ones: the oldest first.
pub fn descendants(sql: &dyn Sql, id: &TokenId) -> Result<Vec<StoredToken>> {
    // UNION leaves out tokens that were found before, so a token that names itself ends the search.
    let text = format!(
        "WITH RECURSIVE minted (child) AS (SELECT id FROM tokens WHERE minted_by = ?1 AND minted_by <> 'root' \
         UNION SELECT tokens.id FROM minted JOIN tokens ON minted_by = child AND minted_by <> 'root') \
         SELECT {COLUMNS} FROM tokens WHERE id IN (SELECT child FROM minted) AND id <> ?1 AND revoked IS NULL \
         ORDER BY created, id"
    );
    read_rows(sql.query(&text, &[id.as_str().into()])?, |mut row| read_token(&mut row))
}

/// Ends all tokens now; those that have ended stay as they are. No record is due: KV's are about to be deleted.
pub fn revoke_all(sql: &dyn Sql, now: Timestamp) -> Result<()> {
    let text = "UPDATE tokens SET revoked = coalesce(revoked, ?), record_due = NULL \
                WHERE revoked IS NULL OR record_due IS NOT NULL";
    sql.query(text, &[now.0.into()]).map(|_| ())
}

/// Returns the tokens whose records in KV are due at `now`, at most `count`, each with the time since when: the oldest
/// first. A record that is due after `furthest` was put off while the clock was wrong, and counts as due.
pub fn records_due(
    sql: &dyn Sql,
    now: Timestamp,
    furthest: Timestamp,
    count: i64,
) -> Result<Vec<(StoredToken, Timestamp)>> {
    let text = format!(
        "SELECT record_due, {COLUMNS} FROM tokens WHERE record_due <= ? OR record_due > ? ORDER BY record_due LIMIT ?"
    );
    read_rows(sql.query(&text, &[now.0.into(), furthest.0.into(), count.into()])?, |mut row| {
        let due = Timestamp(row.integer()?);
        read_token(&mut row).map(|token| (token, due))
    })
}

/// Returns when the next record in KV is due.
pub fn next_record_due(sql: &dyn Sql) -> Result<Option<Timestamp>> {
    let row = first_row(sql, "SELECT min(record_due) FROM tokens WHERE record_due IS NOT NULL", &[])?;
    Ok(row.map(|mut row| row.optional_integer()).transpose()?.flatten().map(Timestamp))
}

/// Sets when a record in KV is due, `None` for never, unless the token has changed since it was due at `due`.
pub fn set_record_due(sql: &dyn Sql, hash: &TokenHash, due: Timestamp, next: Option<Timestamp>) -> Result<()> {
    sql.due_changed();
    // Compared with the old time, because the token may have changed again while KV was being written.
    let text = "UPDATE tokens SET record_due = ? WHERE hash = ? AND record_due = ?";
    sql.query(text, &[next.map_or(Param::Null, |at| at.0.into()), hash.hex().as_str().into(), due.0.into()]).map(|_| ())
}

/// Returns some of the tokens' hashes, at most `count`.
pub fn token_hashes(sql: &dyn Sql, count: i64) -> Result<Vec<TokenHash>> {
    let rows = sql.query("SELECT hash FROM tokens LIMIT ?", &[count.into()])?;
    let broken = || Error::internal("a stored token is invalid");
    read_rows(rows, |mut row| TokenHash::parse(&row.text()?).ok_or_else(broken))
}

/// Forgets a token.
pub fn delete_token(sql: &dyn Sql, hash: &TokenHash) -> Result<()> {
    sql.query("DELETE FROM tokens WHERE hash = ?", &[hash.hex().as_str().into()]).map(|_| ())
}
