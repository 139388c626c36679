//! The gate that every write of a user or a group passes: POST, the return of a user, PUT, PATCH, the operations of a
//! Bulk and the lines of an import.
//!
//! [`pass_gate`] takes the stored attributes and the proposed ones, and returns the attributes that may be stored, or the
//! refusal. It does not know the verb, only [`Mentions`], so the same change has the same result however it is sent. A rule
//! judges only what a request changes: a value that equals the stored one is not judged, and a stored value that breaks
//! a rule of today stays, with one note. Out of scope: who may be removed from a group or deactivated (the guard).

use super::mutation::Mutation;
use crate::directory::options::Options;
use crate::error::{Code, Error, Result, quoted};
use crate::fold::fold;
use crate::scim::Attributes;
use crate::scim::difference::differing;
use crate::scim::member::list_ids;
use crate::scim::resource::{check_growth, check_size};
use crate::scim::schema::ResourceType;
use crate::scim::{binary, constraints, extension, limits, names, unregistered};
use serde_json::Value;

/// A proposed resource, before it is judged.
pub(crate) struct Proposal<'a> {
    /// The type of the resource, with the organisation's extensions.
    pub(crate) kind: &'a ResourceType,
    /// The attributes as [`stored_attributes`](super::document::stored_attributes) returns them; `None` for a new resource.
    pub(crate) old: Option<&'a Attributes>,
    /// The proposed attributes.
    pub(crate) new: Attributes,
    /// Which parts of a resource the request mentions, changed or not.
    pub(crate) said: Mentions,
}

/// Which parts of a resource a request mentions, changed or not.
#[derive(Clone, Copy)]
pub(crate) struct Mentions {
    /// True for the whole resource: omitted attributes were not mentioned, so those that a client may not change stay.
    pub(crate) whole: bool,
    /// True if it mentions `active`.
    pub(crate) active: bool,
    /// True if it mentions any other attribute.
    pub(crate) profile: bool,
    /// True if it removes an attribute by its name.
    pub(crate) removal: bool,
}

impl Mentions {
    /// Returns the parts that a POST or a PUT of these attributes mentions.
    pub(crate) fn of_whole(attributes: &Attributes) -> Self {
        Self { whole: true, active: attributes.contains_key("active"), profile: true, removal: false }
    }
}

/// The outcome: attributes that may be stored.
pub(crate) struct Passed {
    /// The attributes, without the parts that are switched off.
    pub(crate) attributes: Attributes,
    /// The parts that were left out, and stored values that break a rule, in sentences for the journal.
    pub(crate) notes: Vec<String>,
    /// The parts that the request mentioned.
    pub(crate) said: Mentions,
}

/// Judges a change. In this order:
///
/// 1. White space around a new name is removed. Attributes that a client may not clear and omitted from a whole
///    resource are restored.
/// 2. The parts that the organisation's sync options switch off are left out.
/// 3. Immutable values stay, required ones are there.
/// 4. Names and lengths, the number of values, base64 in binary values, the size.
/// 5. The name of a group is not reserved.
///
/// # Errors
/// 403 if nothing is left of the request, 400 `mutability` or `invalidValue` that names the attribute, 409 `uniqueness`
/// for a reserved name, 413 for the size.
pub(crate) fn pass_gate(mutation: &Mutation<'_>, proposal: Proposal<'_>) -> Result<Passed> {
    let Proposal { kind, old, mut new, said } = proposal;
    let mut notes = Vec::new();
    // Step 1.
    if mutation.trims_names() {
        cut_name(kind, old, &mut new);
    }
    if let Some(old) = old {
        if said.whole {
            constraints::keep_immutable(kind, old, &mut new);
        }
        if kind.name == "User" {
            // Step 2, for users alone: groups are switched off as a whole.
            take_out(mutation.options, old, &mut new, said, &mut notes)?;
        }
        // Step 3, and below with step 4, where the first broken rule is reported.
        constraints::check_immutable(kind, old, &new)?;
    }
    if let Some(error) = broken_rule(kind, old, &new, said.removal) {
        return Err(error);
    }
    // A stored resource above the limit of today may shrink or stay; it may not grow.
    match old {
        None => check_size(kind, &new)?,
        Some(old) => check_growth(kind, old, &new)?,
    }
    if kind.name == "Group" {
        // Step 5.
        check_name(mutation, old, &new)?;
    }
    // The request passed because it did not touch the rule; the note tells the admin what would be refused as new.
    if old.is_some_and(|old| *old != new)
        && let Some(error) = broken_rule(kind, None, &new, false).or_else(|| extension::first_misfit(kind, &new))
    {
        let rule = error.detail.split(". ").next().unwrap_or_default();
        notes.push(format!("Stored before and kept, though it would be refused today: {rule}."));
    }
    notes.extend(unregistered::change_notes(kind, old, &new));
    Ok(Passed { attributes: new, notes, said })
}

/// Judges the attributes of a line of an import. It restores a stored state, of this or another organisation, so it is
/// its own `old`: a value that breaks a rule of today stays, or a backup could not be restored. A resource needs a
/// name, and must fit.
///
/// # Errors
/// 400 `invalidValue` for a core attribute that is missing, 413 for the size.
pub(crate) fn check_imported(kind: &ResourceType, attributes: &Attributes) -> Result<()> {
    constraints::check_core(kind, attributes)?;
    check_size(kind, attributes)
}

/// Returns the first rule that `new` breaks and `old` does not.
fn broken_rule(kind: &ResourceType, old: Option<&Attributes>, new: &Attributes, removal: bool) -> Option<Error> {
    if let Some(path) = constraints::missing_required(kind, old, new, 1).into_iter().next() {
        return Some(missing_attribute(kind, &path, removal && old.is_some()));
    }
    let none = Attributes::new();
    let stored = old.unwrap_or(&none);
    // Each rule sees the stored value too: a value that equals it is not judged.
    let names = names::check_name(kind, old, new);
    names
        .and_then(|()| unregistered::check_count(kind, stored, new))
        .and_then(|()| limits::check_changed(stored, new))
        .and_then(|()| binary::check_encoding(kind, stored, new))
        .err()
}

/// Removes white space around a new name. A name that is stored with it stays as it is sent: renaming it could be
/// refused, and a deactivation with it.
fn cut_name(kind: &ResourceType, old: Option<&Attributes>, new: &mut Attributes) {
    let attribute = names::name_attribute(kind);
    let stored = old.and_then(|old| old.get(attribute));
    if let Some(name) = new.get_mut(attribute).filter(|name| stored != Some(name))
        && let Some(cut) = name.as_str().filter(|text| names::has_outer_blanks(text)).map(|text| text.trim().to_owned())
    {
        *name = Value::String(cut);
    }
}

/// Returns the refusal for a required attribute without a value. RFC 7644 section 3.5.2.2: removing it by its name is
/// `mutability`.
fn missing_attribute(kind: &ResourceType, path: &str, removal: bool) -> Error {
    if removal {
        let detail = format!("{path} is required and cannot be removed; replace its value instead.");
        return Error::new(Code::RequiredAttribute, detail);
    }
    constraints::required_refusal(kind, path)
}

/// Returns 403 if users may not be created.
pub(crate) fn may_create(options: &Options) -> Result<()> {
    check_sync_option(options.sync().create_users, "Creating users", "createUsers")
}

/// Returns 403 if users may not be deactivated, which a DELETE would do too.
pub(crate) fn may_delete(options: &Options) -> Result<()> {
    check_sync_option(options.sync().deactivate_users, "Deactivating and deleting users", "deactivateUsers")
}

/// Returns 403 if groups may not be pushed.
pub(crate) fn may_push(options: &Options) -> Result<()> {
    check_sync_option(options.sync().push_groups, "Pushing groups", "pushGroups")
}

fn check_sync_option(option: Option<bool>, what: &str, name: &str) -> Result<()> {
    if option != Some(false) {
        return Ok(());
    }
    Err(Error::new(
        Code::SyncOff,
        format!(
            "{what} is switched off for this organisation (sync.{name}). Nothing was changed. Switch it on in the \
             Cloud Console, or stop the identity provider from sending it."
        ),
    ))
}

/// Removes the switched-off parts from a user's proposed attributes. A first `externalId` is no profile: the provider
/// finds the user again by it.
fn take_out(
    options: &Options,
    old: &Attributes,
    new: &mut Attributes,
    said: Mentions,
    notes: &mut Vec<String>,
) -> Result<()> {
    let sync = options.sync();
    let mut left = false;
    // Only `active` turning false counts: a request may repeat a stored false.
    let is_off = |attributes: &Attributes| attributes.get("active") == Some(&Value::Bool(false));
    if sync.deactivate_users == Some(false) && is_off(new) && !is_off(old) {
        put_back("active", old, new);
        notes.push("Deactivating users is switched off (sync.deactivateUsers): active was skipped.".to_owned());
    } else {
        left |= said.active;
    }
    if sync.update_profiles == Some(false) {
        // The first `externalId` passes, or the provider would search for the user again each time.
        let linked = |name: &String| name == "externalId" && !old.contains_key(name);
        let changed: Vec<String> = differing(old, new).cloned().collect();
        left |= changed.iter().any(linked);
        let taken: Vec<&str> =
            changed.iter().filter(|name| *name != "active" && !linked(name)).map(String::as_str).collect();
        taken.iter().for_each(|name| put_back(name, old, new));
        // An unchanged profile has nothing to skip.
        left |= said.profile && taken.is_empty();
        if !taken.is_empty() {
            let detail =
                format!("Profile updates are switched off (sync.updateProfiles): {} skipped.", list_ids(&taken));
            notes.push(detail);
        }
    } else {
        left |= said.profile;
    }
    // A request of which something was done is a success with notes; only one without any effect is refused.
    if !left && !notes.is_empty() {
        notes.push("Nothing was left of the request; the options are set in the Cloud Console.".to_owned());
        return Err(Error::new(Code::SyncOff, notes.join(" ")));
    }
    Ok(())
}

fn put_back(name: &str, old: &Attributes, new: &mut Attributes) {
    match old.get(name) {
        Some(value) => new.insert(name.to_owned(), value.clone()),
        None => new.remove(name),
    };
}

/// Returns 409 for a new name of a group that the organisation reserves; `uniqueness` covers names that "are reserved"
/// (RFC 7644 section 3.12).
fn check_name(mutation: &Mutation<'_>, old: Option<&Attributes>, new: &Attributes) -> Result<()> {
    let name = |attributes: &Attributes| attributes.get("displayName").and_then(Value::as_str).map(str::to_owned);
    let (was, name) = (old.and_then(name), name(new).unwrap_or_default());
    // A change of case alone is no new name.
    if was.is_some_and(|was| fold(&was) == fold(&name)) || !is_reserved(mutation, &name) {
        return Ok(());
    }
    let detail = format!(
        "The displayName {name} is reserved in this organisation (reservedGroupNames), or looks like a name that is. \
         Rename the group in the identity provider, or take the name off the list in the Cloud Console.",
        name = quoted(&name)
    );
    Err(Error::new(Code::GroupNameReserved, detail))
}

/// Returns true if a group's name looks like a reserved one.
pub(crate) fn is_reserved(mutation: &Mutation<'_>, name: &str) -> bool {
    let reserved = mutation.reserved_names();
    !reserved.is_empty() && names::skeletons(name).iter().any(|one| reserved.contains(one))
}

/// Returns the refusal of members for a group whose name is reserved by now, if nothing else is left of the request.
pub(crate) fn no_members(name: &str) -> Error {
    let detail = format!(
        "No members are added to the group {name}: its name is reserved in this organisation (reservedGroupNames). \
         Nothing was changed. Rename the group in the identity provider, or take the name off the list in the Cloud \
         Console.",
        name = quoted(name)
    );
    Error::new(Code::GroupNameReserved, detail)
}
