//! The most that an organisation may hold. Only the root key sets it. Data beyond the quota does not grow, and can
//! always be removed.

use crate::error::{Code, Error, Result, excerpt, quoted};
use crate::id::NUMBER_MAX;
use crate::scim::json;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The default for users: an import of so many was tried.
const USERS: i64 = 1_000_000;
/// The default for groups.
const GROUPS: i64 = 100_000;
/// The default for stored bytes, 8 GiB: the platform ends at 10 GB, and a step of a job needs room.
const BYTES: i64 = 8 << 30;

/// The most that an organisation may hold, each `None` without a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub struct Quota {
    /// Users, inactive ones included.
    pub users: Option<i64>,
    /// Groups.
    pub groups: Option<i64>,
    /// Bytes of the storage, as the storage counts them: the directory, its history, the journal, everything.
    pub bytes: Option<i64>,
}

impl Default for Quota {
    fn default() -> Self {
        Self { users: Some(USERS), groups: Some(GROUPS), bytes: Some(BYTES) }
    }
}

impl Quota {
    /// Reads the member `quota` of a Console request. `null` stands for the defaults; an omitted member has its
    /// default, and `null` in a member means no limit.
    ///
    /// # Errors
    /// 400 that names the member.
    pub fn read_quota(value: &Value) -> Result<Self> {
        let refuse = |detail: String| Err(Error::new(Code::InvalidField, detail));
        // Read by hand, because null and a missing member mean different things here.
        let members = match value {
            Value::Null => return Ok(Self::default()),
            Value::Object(members) => members,
            other => {
                let form = "quota must be an object with users, groups and bytes, or null for the defaults";
                return refuse(format!("{form}, not {}.", excerpt(other)));
            }
        };
        let mut quota = Self::default();
        for (name, value) in members {
            let member = match name.as_str() {
                "users" => &mut quota.users,
                "groups" => &mut quota.groups,
                "bytes" => &mut quota.bytes,
                _ => {
                    return refuse(format!("quota has no member {}; it has users, groups and bytes.", quoted(name)));
                }
            };
            *member = match value {
                Value::Null => None,
                value => match json::as_integer(value).filter(|number| (0..=NUMBER_MAX).contains(number)) {
                    Some(number) => Some(number),
                    None => {
                        let form = format!("a whole number from 0 to {NUMBER_MAX}, or null for no limit");
                        return refuse(format!("quota.{name} must be {form}, not {}.", excerpt(value)));
                    }
                },
            };
        }
        Ok(quota)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_said() {
        let default = Quota::default();
        for (said, expected) in [
            (json!(null), Ok(default)),
            (json!({}), Ok(default)),
            (json!({"users": 5}), Ok(Quota { users: Some(5), ..default })),
            (json!({"groups": null, "bytes": 0}), Ok(Quota { groups: None, bytes: Some(0), ..default })),
            (json!({"bytes": NUMBER_MAX}), Ok(Quota { bytes: Some(NUMBER_MAX), ..default })),
            (json!({"bytes": NUMBER_MAX + 1}), Err("quota.bytes must be a whole number")),
            (json!({"users": -1}), Err("quota.users must be a whole number from 0 to 9007199254740991, or null")),
            (json!({"users": 5.0}), Ok(Quota { users: Some(5), ..default })),
            (json!({"users": 1.5}), Err("quota.users must be")),
            (json!({"users": "5"}), Err("quota.users must be")),
            (json!({"groups": true}), Err("quota.groups must be")),
            (json!({"groups": [1]}), Err("quota.groups must be")),
            (json!({"user": 5}), Err("quota has no member \"user\"")),
            (json!({"Users": 5}), Err("quota has no member \"Users\"")),
            (json!(5), Err("quota must be an object")),
            (json!([]), Err("quota must be an object")),
            (json!("null"), Err("quota must be an object")),
        ] {
            match (Quota::read_quota(&said), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{said}"),
                (Err(error), Err(part)) => assert!(error.detail.contains(part), "{said}: {error}"),
                (found, expected) => panic!("{said}: {found:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn what_is_stored_is_read_again() {
        for quota in [Quota::default(), Quota { users: None, groups: Some(0), bytes: None }] {
            let text = serde_json::to_string(&quota).unwrap_or_default();
            assert_eq!(serde_json::from_str::<Quota>(&text).ok(), Some(quota), "{text}");
        }
        assert_eq!(serde_json::from_str::<Quota>("{\"later\":1}").ok(), Some(Quota::default()));
    }
}
