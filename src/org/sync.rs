//! The sync options: a part of a push that is switched off is taken out of the request, and the journal says so. Only a
//! request of which nothing is left is refused.

use super::work::Work;
use crate::directory::options::Options;
use crate::error::{Code, Error, Result, quoted};
use crate::fold::fold;
use crate::scim::member::listed;
use serde_json::{Map, Value};

type Attributes = Map<String, Value>;

/// What a request says, whatever it comes to.
#[derive(Clone, Copy)]
pub(super) struct Said {
    /// Something of `active`.
    pub(super) active: bool,
    /// Something of other attributes.
    pub(super) profile: bool,
}

/// 403 if users are not to be created.
pub(super) fn may_create(options: &Options) -> Result<()> {
    allowed(options.sync().create_users, "Creating users", "createUsers")
}

/// 403 if users are not to be deactivated, which a DELETE would be too.
pub(super) fn may_delete(options: &Options) -> Result<()> {
    allowed(options.sync().deactivate_users, "Deactivating and deleting users", "deactivateUsers")
}

/// 403 if groups are not pushed.
pub(super) fn may_push(options: &Options) -> Result<()> {
    allowed(options.sync().push_groups, "Pushing groups", "pushGroups")
}

fn allowed(option: Option<bool>, what: &str, name: &str) -> Result<()> {
    if option != Some(false) {
        return Ok(());
    }
    Err(Error::new(
        Code::SyncOff,
        format!(
            "{what} is switched off for this organisation (sync.{name}). Nothing was changed. Switch it on in the Cloud \
             Console, or stop the identity provider from sending it."
        ),
    ))
}

/// The attributes that a changed user is to have, without the parts that are switched off. A first `externalId` is no
/// profile: it is how the provider finds the user again.
pub(super) fn permitted(
    work: &mut Work<'_>,
    (stored, was_active): (&Attributes, bool),
    mut new: Attributes,
    said: Said,
) -> Result<Attributes> {
    let sync = work.options.sync();
    let (mut left, mut notes) = (false, Vec::new());
    if sync.deactivate_users == Some(false) && was_active && new.get("active") == Some(&Value::Bool(false)) {
        put_back("active", stored, &mut new);
        notes.push("Deactivating users is switched off (sync.deactivateUsers): active was passed over.".to_owned());
    } else {
        left |= said.active;
    }
    if sync.update_profiles == Some(false) {
        let linked = |name: &String| name == "externalId" && !stored.contains_key(name);
        let changed: Vec<String> = super::users::differing(stored, &new).keys().cloned().collect();
        left |= changed.iter().any(linked);
        let taken: Vec<&str> =
            changed.iter().filter(|name| *name != "active" && !linked(name)).map(String::as_str).collect();
        taken.iter().for_each(|name| put_back(name, stored, &mut new));
        // A profile that is as it is stored has nothing that could be passed over.
        left |= said.profile && taken.is_empty();
        if !taken.is_empty() {
            let detail =
                format!("Profile updates are switched off (sync.updateProfiles): {} passed over.", listed(&taken));
            notes.push(detail);
        }
    } else {
        left |= said.profile;
    }
    if !left && !notes.is_empty() {
        notes.push("Nothing was left of the request; the options are set in the Cloud Console.".to_owned());
        return Err(Error::new(Code::SyncOff, notes.join(" ")));
    }
    work.notes.append(&mut notes);
    Ok(new)
}

fn put_back(name: &str, stored: &Attributes, new: &mut Attributes) {
    match stored.get(name) {
        Some(value) => new.insert(name.to_owned(), value.clone()),
        None => new.remove(name),
    };
}

/// 409 for a group's name that the organisation keeps for itself; `uniqueness` covers names that "are reserved" (RFC
/// 7644 section 3.12).
pub(super) fn check_name(options: &Options, key: &str, name: &str) -> Result<()> {
    let reserved = options.reserved_group_names.as_deref().unwrap_or_default();
    if !reserved.iter().any(|reserved| fold(reserved) == key) {
        return Ok(());
    }
    let detail = format!(
        "The displayName {name} is reserved in this organisation (reservedGroupNames). Rename the group in the \
         identity provider, or take the name off the list in the Cloud Console.",
        name = quoted(name)
    );
    Err(Error::new(Code::GroupNameReserved, detail))
}
