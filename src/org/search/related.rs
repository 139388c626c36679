//! What a page needs besides the rows of its resources: the groups of users, the members of groups.

use crate::directory::reply::{GroupRef, Stored};
use crate::error::Result;
use crate::scim::schema::Kinds;
use crate::sorted::Sorted;
use crate::store::search::Record;
use crate::store::{Sql, members};

/// How many users are read at once; a group is read alone, with its members.
const USERS_AT_ONCE: usize = 50;

/// What belongs to some resources and is not in their rows.
#[derive(Default)]
pub(super) struct Related {
    groups: Sorted<i64, Vec<GroupRef>>,
    members: Option<Sorted<i64, Vec<String>>>,
}

impl Related {
    pub(super) fn of(sql: &dyn Sql, kinds: Kinds, records: &[Record], with_members: bool) -> Result<Self> {
        let keys: Vec<i64> = records.iter().map(|record| record.key).collect();
        Ok(match kinds {
            Kinds::Users => Self { groups: members::of_users(sql, &keys)?, members: None },
            Kinds::Groups if with_members => {
                Self { groups: Sorted::new(), members: Some(members::of_groups(sql, &keys)?) }
            }
            Kinds::Groups => Self::default(),
        })
    }

    pub(super) fn complete(&mut self, record: &Record) -> Stored {
        let stored = &record.stored;
        Stored {
            id: stored.id.clone(),
            doc: stored.doc.clone(),
            groups: self.groups.remove(&record.key).unwrap_or_default(),
            members: self.members.as_mut().map(|members| members.remove(&record.key).unwrap_or_default()),
            ..*stored
        }
    }
}

/// What a resource takes in a page, in bytes; groups and members by what one of them comes to.
pub(super) fn size(stored: &Stored) -> usize {
    stored.doc.get().len() + 250 * stored.groups.len() + 150 * stored.members.as_ref().map_or(0, Vec::len)
}

pub(super) fn at_once(kinds: Kinds) -> usize {
    match kinds {
        Kinds::Users => USERS_AT_ONCE,
        Kinds::Groups => 1,
    }
}
