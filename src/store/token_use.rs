//! The use of a token: when, from where and by which provider. It is collected in memory and saved by the alarm.

use super::{Param, Row, Sql};
use crate::error::Result;
use crate::id::Timestamp;

/// The use of a token, as it is stored or as memory adds to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenUse {
    /// The time at which it was let in first; `None` too if an earlier build noted only the last time.
    pub first_used: Option<Timestamp>,
    /// The time at which it was let in last.
    pub last_used: Option<Timestamp>,
    /// The address from which it was let in last.
    pub address: Option<String>,
    /// The provider that used it last, as far as a request told it.
    pub idp: Option<String>,
    /// The time of its last request, let in or not.
    pub last_request: Option<Timestamp>,
    /// The status that this request was answered with.
    pub last_status: Option<i64>,
    /// The requests that were let in since it was rotated.
    pub since_rotation: i64,
}

impl TokenUse {
    /// Adds a later use.
    pub fn add(&mut self, later: &Self) {
        self.first_used = self.first_used.or(later.first_used);
        self.last_used = later.last_used.or(self.last_used);
        self.last_request = later.last_request.or(self.last_request);
        self.last_status = later.last_status.or(self.last_status);
        self.since_rotation += later.since_rotation;
        for (known, new) in [(&mut self.address, &later.address), (&mut self.idp, &later.idp)] {
            if new.is_some() {
                known.clone_from(new);
            }
        }
    }
}

/// The columns of [`TokenUse`], in the order of its fields.
pub(super) const COLUMNS: &str =
    "first_used, last_used, last_address, last_idp, last_request, last_status, since_rotation";

/// Reads the columns of [`TokenUse`], which come one after the other.
pub(super) fn read_use(row: &mut Row) -> Result<TokenUse> {
    let (first_used, last_used) = (row.optional_integer()?.map(Timestamp), row.optional_integer()?.map(Timestamp));
    let (address, idp) = (row.optional_text()?, row.optional_text()?);
    let (last_request, last_status) = (row.optional_integer()?.map(Timestamp), row.optional_integer()?);
    let since_rotation = row.integer()?;
    Ok(TokenUse { first_used, last_used, address, idp, last_request, last_status, since_rotation })
}

/// Adds the use of a token that memory has collected to its row.
pub fn save(sql: &dyn Sql, id: &str, later: &TokenUse) -> Result<()> {
    let text = "UPDATE tokens SET first_used = coalesce(first_used, ?1), last_used = coalesce(?2, last_used), \
                last_address = coalesce(?3, last_address), last_idp = coalesce(?4, last_idp), \
                last_request = coalesce(?5, last_request), last_status = coalesce(?6, last_status), \
                since_rotation = since_rotation + ?7 WHERE id = ?8";
    let time = |at: Option<Timestamp>| at.map_or(Param::Null, |at| at.0.into());
    let params = [
        time(later.first_used),
        time(later.last_used),
        later.address.as_deref().into(),
        later.idp.as_deref().into(),
        time(later.last_request),
        later.last_status.map_or(Param::Null, Param::from),
        later.since_rotation.into(),
        id.into(),
    ];
    sql.query(text, &params).map(|_| ())
}
