//! The tables, as migrations that are only ever appended, and the ledger of the applied ones.

use super::{Param, Sql, first_row, transact};
use crate::error::Result;
use crate::fold::FOLD_VERSION;
use crate::id::Timestamp;

/// Every migration adds; an applied one is never edited. Each statement stands alone, as the platform runs them.
const MIGRATIONS: &[&[&str]] = &[
    &[
        // A user's key is above 0 and a group's below, so that neither can ever stand for the other.
        "CREATE TABLE users (
        key INTEGER PRIMARY KEY CHECK (key > 0),
        id TEXT NOT NULL UNIQUE,
        user_name TEXT NOT NULL,
        user_name_key TEXT NOT NULL UNIQUE,
        external_id TEXT,
        mail_key TEXT,
        more_mail INTEGER NOT NULL CHECK (more_mail IN (0, 1)),
        active INTEGER NOT NULL CHECK (active IN (0, 1)),
        doc TEXT NOT NULL,
        version INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        created INTEGER NOT NULL,
        modified INTEGER NOT NULL
    ) STRICT",
        "CREATE UNIQUE INDEX users_external_id ON users (external_id) WHERE external_id IS NOT NULL",
        "CREATE INDEX users_mail ON users (mail_key) WHERE mail_key IS NOT NULL",
        "CREATE INDEX users_more_mail ON users (key) WHERE more_mail = 1",
        "CREATE TABLE groups (
        key INTEGER PRIMARY KEY CHECK (key < 0),
        id TEXT NOT NULL UNIQUE,
        display_name TEXT NOT NULL,
        display_name_key TEXT UNIQUE,
        external_id TEXT,
        doc TEXT NOT NULL,
        gone INTEGER NOT NULL CHECK (gone IN (0, 1)),
        version INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        created INTEGER NOT NULL,
        modified INTEGER NOT NULL,
        CHECK (gone = 1 OR display_name_key IS NOT NULL)
    ) STRICT",
        "CREATE UNIQUE INDEX groups_external_id ON groups (external_id) WHERE external_id IS NOT NULL",
        // A group cannot be a member: user_key refers to users, and no group's key is a user's.
        "CREATE TABLE members (
        group_key INTEGER NOT NULL REFERENCES groups (key),
        user_key INTEGER NOT NULL REFERENCES users (key),
        PRIMARY KEY (group_key, user_key)
    ) STRICT, WITHOUT ROWID",
        "CREATE INDEX members_user ON members (user_key, group_key)",
        "CREATE TABLE changes (
        seq INTEGER PRIMARY KEY,
        request_seq INTEGER NOT NULL,
        at INTEGER NOT NULL,
        request_id TEXT NOT NULL,
        idempotency_key TEXT,
        token TEXT,
        idp TEXT NOT NULL,
        repairs TEXT NOT NULL,
        kind TEXT NOT NULL,
        resource TEXT NOT NULL,
        id TEXT NOT NULL,
        before TEXT,
        users INTEGER NOT NULL,
        active_users INTEGER NOT NULL,
        groups INTEGER NOT NULL,
        memberships INTEGER NOT NULL
    ) STRICT",
        "CREATE TABLE refusals (
        fingerprint TEXT PRIMARY KEY,
        outcome TEXT NOT NULL,
        first_at INTEGER NOT NULL,
        last_at INTEGER NOT NULL,
        request_id TEXT NOT NULL,
        token TEXT,
        idp TEXT NOT NULL,
        method TEXT NOT NULL,
        resource TEXT NOT NULL,
        error TEXT NOT NULL,
        names TEXT NOT NULL,
        count INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID",
        "CREATE TABLE tombstones (id TEXT PRIMARY KEY, kind TEXT NOT NULL) STRICT, WITHOUT ROWID",
        "CREATE TABLE tokens (
        hash TEXT PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        dialect TEXT NOT NULL,
        scope TEXT,
        created INTEGER NOT NULL,
        expires INTEGER,
        revoked INTEGER,
        last_used INTEGER
    ) STRICT, WITHOUT ROWID",
        "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
        "CREATE TABLE schemas (urn TEXT PRIMARY KEY, doc TEXT NOT NULL, generation INTEGER NOT NULL) STRICT, WITHOUT ROWID",
        "CREATE TABLE jobs (id TEXT PRIMARY KEY, kind TEXT NOT NULL, state TEXT NOT NULL) STRICT, WITHOUT ROWID",
        "CREATE TABLE due (what TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    ],
    &[
        // The folded document, where SQLite's lower() makes something else of it.
        "ALTER TABLE users ADD COLUMN folded TEXT",
        "ALTER TABLE groups ADD COLUMN folded TEXT",
    ],
    &[
        // For the journal. NULL in changes from before it.
        "ALTER TABLE changes ADD COLUMN method TEXT",
        "ALTER TABLE changes ADD COLUMN status INTEGER",
        "CREATE TABLE traffic (
        day INTEGER NOT NULL,
        idp TEXT NOT NULL,
        applied INTEGER NOT NULL,
        unchanged INTEGER NOT NULL,
        refused INTEGER NOT NULL,
        PRIMARY KEY (day, idp)
    ) STRICT, WITHOUT ROWID",
    ],
    &[
        // A JSON array, and the token that is to be used instead.
        "ALTER TABLE tokens ADD COLUMN address_ranges TEXT",
        "ALTER TABLE tokens ADD COLUMN replaced_by TEXT",
    ],
    &[
        // The lines of an import, until they are checked and written. A key is the part times 2^20 and the line in it.
        "CREATE TABLE import_parts (part INTEGER PRIMARY KEY, lines INTEGER NOT NULL, whole INTEGER NOT NULL) STRICT",
        "CREATE TABLE import_users (
        key INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        user_name TEXT NOT NULL,
        user_name_key TEXT NOT NULL,
        external_id TEXT,
        mail_key TEXT,
        more_mail INTEGER NOT NULL,
        active INTEGER NOT NULL,
        doc TEXT NOT NULL,
        folded TEXT,
        version INTEGER NOT NULL,
        created INTEGER NOT NULL,
        modified INTEGER NOT NULL
    ) STRICT",
        "CREATE INDEX import_users_name ON import_users (user_name_key)",
        "CREATE INDEX import_users_external_id ON import_users (external_id) WHERE external_id IS NOT NULL",
        "CREATE TABLE import_groups (
        key INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        display_name TEXT NOT NULL,
        display_name_key TEXT NOT NULL,
        external_id TEXT,
        doc TEXT NOT NULL,
        folded TEXT,
        version INTEGER NOT NULL,
        created INTEGER NOT NULL,
        modified INTEGER NOT NULL
    ) STRICT",
        "CREATE INDEX import_groups_name ON import_groups (display_name_key)",
        "CREATE INDEX import_groups_external_id ON import_groups (external_id) WHERE external_id IS NOT NULL",
        "CREATE TABLE import_lines (key INTEGER PRIMARY KEY, kind TEXT NOT NULL, text TEXT NOT NULL) STRICT",
        "CREATE TABLE import_members (
        group_key INTEGER NOT NULL,
        user_key INTEGER NOT NULL,
        PRIMARY KEY (group_key, user_key)
    ) STRICT, WITHOUT ROWID",
        "CREATE TABLE import_tombstones (id TEXT PRIMARY KEY, kind TEXT NOT NULL) STRICT, WITHOUT ROWID",
    ],
    &[
        // How many steps of a job were begun since the last one that came to its end.
        "ALTER TABLE due ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0",
        // The position that the resource had before the change, and that of the change that deleted it: the history of one
        // resource is a chain. NULL at its creation, and from before this.
        "ALTER TABLE changes ADD COLUMN previous_seq INTEGER",
        "ALTER TABLE tombstones ADD COLUMN seq INTEGER",
    ],
    &[
        // Since when KV's record of the token must be written again; NULL if it says what the row says.
        "ALTER TABLE tokens ADD COLUMN record_due INTEGER",
        "CREATE INDEX tokens_record_due ON tokens (record_due) WHERE record_due IS NOT NULL",
    ],
    &[
        // A user or group that was deleted with very many memberships: its row stays until the last of them is out, and
        // every read leaves it out.
        "ALTER TABLE users ADD COLUMN gone INTEGER NOT NULL DEFAULT 0 CHECK (gone IN (0, 1))",
        "CREATE INDEX users_gone ON users (key) WHERE gone = 1",
        "CREATE INDEX groups_gone ON groups (key) WHERE gone = 1",
    ],
    &[
        // The token that minted it, or `root`; NULL from before this.
        "ALTER TABLE tokens ADD COLUMN minted_by TEXT",
        "CREATE INDEX tokens_minted_by ON tokens (minted_by) WHERE minted_by <> 'root'",
    ],
    &[
        // How much of what the guard counts a change took out; NULL from before this. And what the clock said, if that was
        // another time than `at`, which never goes back.
        "ALTER TABLE changes ADD COLUMN lost INTEGER",
        "ALTER TABLE changes ADD COLUMN clock INTEGER",
    ],
    &[
        // Refusals by code and token, so that none takes another's room. A job copies what `refusals` holds; nothing is
        // written there any more.
        "CREATE TABLE refused (
        code TEXT NOT NULL,
        token TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        outcome TEXT NOT NULL,
        first_at INTEGER NOT NULL,
        last_at INTEGER NOT NULL,
        request_id TEXT NOT NULL,
        idp TEXT NOT NULL,
        method TEXT NOT NULL,
        resource TEXT NOT NULL,
        error TEXT NOT NULL,
        names TEXT NOT NULL,
        count INTEGER NOT NULL,
        bytes INTEGER GENERATED ALWAYS AS (32 + length(CAST(code || token || fingerprint || outcome || request_id || idp ||
            method || resource || error || names AS BLOB))) VIRTUAL,
        PRIMARY KEY (code, token, fingerprint)
    ) STRICT, WITHOUT ROWID",
    ],
    &[
        // The bytes of the change's row and of all rows before it, so that what is kept is one subtraction. NULL in changes
        // from before this, whose `before` has each attribute whole and no differences.
        "ALTER TABLE changes ADD COLUMN bytes INTEGER",
    ],
    &[
        // The order in which ids were deleted, for forgetting the oldest.
        "CREATE INDEX tombstones_seq ON tombstones (seq)",
    ],
    // Stored documents are written in today's spelling, with its folded document, by a job.
    &["INSERT INTO due (what, at, attempts) SELECT 'spelling', 0, 0 WHERE EXISTS (SELECT 1 FROM users) OR \
       EXISTS (SELECT 1 FROM groups)"],
    // How what the change stored is spelled; NULL if a build from before this wrote it.
    &["ALTER TABLE changes ADD COLUMN spelled INTEGER"],
    &[
        // The use of a token: NULL before its first request since this.
        "ALTER TABLE tokens ADD COLUMN first_used INTEGER",
        "ALTER TABLE tokens ADD COLUMN last_address TEXT",
        "ALTER TABLE tokens ADD COLUMN last_idp TEXT",
        "ALTER TABLE tokens ADD COLUMN last_request INTEGER",
        "ALTER TABLE tokens ADD COLUMN last_status INTEGER",
        "ALTER TABLE tokens ADD COLUMN since_rotation INTEGER NOT NULL DEFAULT 0",
    ],
];

/// Returns true once the object was registered: before that nothing is ever written, not even these tables.
pub fn exists(sql: &dyn Sql) -> Result<bool> {
    Ok(first_row(sql, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migrations'", &[])?.is_some())
}

/// Applies the missing migrations, each with its line in the ledger in one transaction. If one fails, nothing of it is
/// kept.
pub fn migrate(sql: &dyn Sql, now: Timestamp) -> Result<()> {
    if !exists(sql)? {
        sql.query("CREATE TABLE migrations (version INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT", &[])?;
    }
    // The ledger alone says what was applied: tables may have been made by an earlier build.
    let applied = match first_row(sql, "SELECT coalesce(max(version), 0) FROM migrations", &[])? {
        Some(mut row) => row.integer()?,
        None => 0,
    };
    for (version, statements) in (1_i64..).zip(MIGRATIONS).skip_while(|(version, _)| *version <= applied) {
        transact(sql, || {
            for statement in *statements {
                sql.query(statement, &[])?;
            }
            // The keys in the indexes are folded by this table of Unicode; another one would not find them.
            if version == 1 {
                let fold = FOLD_VERSION.to_string();
                sql.query("INSERT INTO settings (name, value) VALUES ('fold', ?)", &[Param::Text(&fold)])?;
            }
            sql.query("INSERT INTO migrations (version, at) VALUES (?, ?)", &[version.into(), now.0.into()])
        })?;
    }
    Ok(())
}

/// Returns the newest version, to check whether a registered object is up to date.
pub fn newest() -> i64 {
    MIGRATIONS.len() as i64
}
