//! One line of an import, read strictly: a line of a snapshot, or a part of it. All checks of a line by itself are made
//! here, with the name of the field.

use crate::error::{Code, Error, Result, quoted};
use crate::id::{GroupId, MemberId, NUMBER_MAX, Timestamp, UserId};
use crate::org::provision::{document, gate};
use crate::scim::resource::{self, Read};
use crate::scim::schema::{ResourceType, Types};
use crate::scim::{extension, json};
use crate::store::import::{self as import_rows, Marks};
use crate::store::{Sql, groups as group_rows, users as user_rows};
use serde_json::{Map, Value};

/// The most members of one line.
const USERS_MAX: usize = 10_000;

type LineFields = Map<String, Value>;

/// Sentences about values that are kept as they were sent, at most [`TOLD_MAX`].
pub(super) type KeptValues = Vec<String>;

/// The most sentences of one line.
const TOLD_MAX: usize = 20;

/// A line, read and checked.
pub(super) enum Line {
    From,
    User(String, Box<user_rows::UserContent>, Marks),
    Group(String, Box<group_rows::GroupContent>, Marks),
    /// A group's id, and members' ids as a JSON array.
    Members(String, String),
    /// An id and `User` or `Group`.
    Tombstone(String, &'static str),
    Change(ImportedChange),
    End(End),
}

/// The content of a change of the feed.
pub(super) struct ImportedChange {
    pub(super) id: String,
    /// The resource as it was when the feed was read.
    pub(super) resource: Option<Box<Line>>,
    pub(super) deleted: Option<&'static str>,
    /// Groups that the user left, with versions of groups.
    pub(super) left: Option<String>,
    pub(super) versions: Vec<(String, i64, Timestamp)>,
    /// Members added and removed.
    pub(super) members: Option<(String, String)>,
}

/// The last line.
pub(super) struct End {
    pub(super) lines: i64,
    /// `users`, `activeUsers`, `groups`, `memberships`, `tombstones`.
    pub(super) counts: [i64; 5],
}

pub(super) const COUNTS: [&str; 5] = ["users", "activeUsers", "groups", "memberships", "tombstones"];

/// Reads a line. `told` gets a sentence for each value that stays as it was sent, since its schema does not allow it.
///
/// # Errors
/// 400 that names the field.
pub(super) fn read_line(text: &str, types: &Types, now: Timestamp, told: &mut KeptValues) -> Result<Line> {
    let mut line = json::read_object(text.as_bytes())?;
    // The last line alone has several fields; every other line has one, which names its kind.
    if line.contains_key("at") {
        let counts = object_of(take_field(&mut line, "counts"), "counts")?;
        let lines = whole_number(take_field(&mut line, "lines"), "lines")?;
        whole_number(take_field(&mut line, "at"), "at")?;
        refuse_unknown_fields(&line)?;
        return read_end(counts, lines).map(Line::End);
    }
    let mut fields = line.into_iter();
    let Some((name, value)) = fields.next() else { return Err(invalid_line("This line is an empty object.")) };
    refuse_unknown_fields(&fields.collect())?;
    match name.as_str() {
        "from" => whole_number(Some(value), "from").map(|_| Line::From),
        "user" => read_user(object_of(Some(value), "user")?, types, now, told),
        "group" => read_group(object_of(Some(value), "group")?, types, now, told),
        "members" => {
            let mut fields = object_of(Some(value), "members")?;
            let (id, users) = (take_group_id(&mut fields)?, take_field(&mut fields, "users"));
            if users.as_ref().and_then(Value::as_array).is_some_and(|users| users.len() > USERS_MAX) {
                return Err(invalid_line(format!("users has more than {USERS_MAX} ids: use several lines.")));
            }
            let users = ids_text(users, "users")?;
            refuse_unknown_fields(&fields)?;
            Ok(Line::Members(id, users))
        }
        "tombstone" => {
            let mut fields = object_of(Some(value), "tombstone")?;
            let id = take_id(&mut fields)?;
            let kind = take_resource_type(&mut fields)?;
            refuse_unknown_fields(&fields)?;
            Ok(Line::Tombstone(id, kind))
        }
        "change" => read_change(object_of(Some(value), "change")?, types, now, told).map(Line::Change),
        _ => Err(invalid_line(format!(
            "{name} is not a line of an import. Lines are from, user, group, members, tombstone, change, at.",
            name = quoted(&name)
        ))),
    }
}

fn read_end(mut counts: LineFields, lines: i64) -> Result<End> {
    let mut read = [0; 5];
    for (count, name) in read.iter_mut().zip(COUNTS) {
        *count = whole_number(take_field(&mut counts, name), name)?;
    }
    refuse_unknown_fields(&counts)?;
    Ok(End { lines, counts: read })
}

fn read_user(mut fields: LineFields, types: &Types, now: Timestamp, told: &mut KeptValues) -> Result<Line> {
    let id = take_id(&mut fields)?;
    let marks = read_marks(&mut fields, now)?;
    let active = flag_of(take_field(&mut fields, "active"), "active")?;
    let attributes = object_of(take_field(&mut fields, "attributes"), "attributes")?;
    refuse_unknown_fields(&fields)?;
    let mut attributes = canonical_attributes(&types.user, attributes, told)?;
    // A stored user always has `active`.
    let said = attributes.entry("active").or_insert(Value::Bool(active.unwrap_or(true)));
    if active.is_some_and(|active| *said != Value::Bool(active)) {
        return Err(invalid_line("active and attributes.active differ. Send one of them, or the same value in both."));
    }
    gate::check_imported(&types.user, &attributes)?;
    let content = document::user_content(&types.user, &attributes, true);
    Ok(Line::User(id, Box::new(content), marks))
}

fn read_group(mut fields: LineFields, types: &Types, now: Timestamp, told: &mut KeptValues) -> Result<Line> {
    let id = take_group_id(&mut fields)?;
    let marks = read_marks(&mut fields, now)?;
    let attributes = object_of(take_field(&mut fields, "attributes"), "attributes")?;
    refuse_unknown_fields(&fields)?;
    if let Some(name) = attributes.keys().find(|name| name.eq_ignore_ascii_case("members")) {
        return Err(invalid_line(format!("attributes.{name}: members have lines of their own, {{\"members\": ...}}.")));
    }
    let attributes = canonical_attributes(&types.group, attributes, told)?;
    gate::check_imported(&types.group, &attributes)?;
    let content = document::group_content(&types.group, &attributes);
    Ok(Line::Group(id, Box::new(content), marks))
}

/// Returns the attributes as they would be stored. Values of an extension that its schema does not allow are from
/// before it was registered, and stay as they are.
fn canonical_attributes(kind: &ResourceType, attributes: LineFields, told: &mut KeptValues) -> Result<LineFields> {
    let (mut core, mut kept) = (LineFields::new(), LineFields::new());
    // Each extension is tried alone, so that one that its schema refuses does not take the others with it.
    for (name, value) in attributes {
        if !name.contains(':') {
            core.insert(name, value);
            continue;
        }
        let alone = LineFields::from_iter([(name.clone(), value.clone())]);
        let unfit = match resource::read_resource(kind, alone).and_then(Read::without_refusals) {
            Ok(read) => read.unknown.into_iter().map(|name| format!("{} is unknown", quoted(&name))).collect(),
            Err(error) => vec![error.detail.trim_end_matches('.').to_owned()],
        };
        if unfit.is_empty() {
            core.insert(name, value);
            continue;
        }
        let room = TOLD_MAX.saturating_sub(told.len());
        told.extend(unfit.into_iter().take(room).map(|what| format!("{what}: kept as it was sent.")));
        kept.insert(name, value);
    }
    let read = resource::read_resource(kind, core)?.without_refusals()?;
    if let Some(name) = read.unknown.first() {
        return Err(invalid_line(format!("attributes.{name} is not an attribute of a {}.", kind.name)));
    }
    let mut attributes = read.resource.attributes;
    attributes.append(&mut kept);
    Ok(extension::adopt_spelling(kind, attributes))
}

/// Reads a change as the feed shows it. A directory needs neither its caller nor its time.
fn read_change(mut fields: LineFields, types: &Types, now: Timestamp, told: &mut KeptValues) -> Result<ImportedChange> {
    // They tell a reader where the change stands; the import has its own order.
    for name in ["seq", "at"] {
        take_field(&mut fields, name);
    }
    let kind = text_of(take_field(&mut fields, "kind"), "kind")?;
    let known = ["created", "updated", "deactivated", "reactivated", "deleted", "members"];
    if !known.contains(&kind.as_str()) {
        return Err(invalid_line(format!(
            "A change of the kind {kind} cannot be imported: take the snapshot again.",
            kind = quoted(&kind)
        )));
    }
    let what = take_resource_type(&mut fields)?;
    let id = take_id(&mut fields)?;
    // A user who leaves a group raises that group's version, which a later read compares with an ETag.
    let versions = match take_field(&mut fields, "groupVersions") {
        Some(Value::Array(all)) => all.into_iter().map(|one| read_version(one, now)).collect::<Result<_>>()?,
        Some(_) => return Err(invalid_line("groupVersions must be an array.")),
        None => Vec::new(),
    };
    let left = take_field(&mut fields, "groups").map(|groups| ids_text(Some(groups), "groups")).transpose()?;
    let mut change = ImportedChange { id, resource: None, deleted: None, left, versions, members: None };
    if kind == "members" {
        let (added, removed) = (
            ids_text(take_field(&mut fields, "added"), "added")?,
            ids_text(take_field(&mut fields, "removed"), "removed")?,
        );
        change.members = Some((added, removed));
        // A group that is gone by now has no version.
        if fields.contains_key("version") {
            let marks = read_marks(&mut fields, now)?;
            change.versions.push((change.id.clone(), marks.version, marks.modified));
        }
    } else if let Some(Value::Object(mut attributes)) = take_field(&mut fields, "resource") {
        attributes.remove("schemas");
        let mut line = std::mem::take(&mut fields);
        line.insert("id".to_owned(), Value::from(change.id.as_str()));
        line.insert("attributes".to_owned(), Value::Object(attributes));
        change.resource = Some(Box::new(if what == "User" {
            read_user(line, types, now, told)
        } else {
            read_group(line, types, now, told)
        }?));
    } else if kind == "deleted" {
        change.deleted = Some(what);
    }
    refuse_unknown_fields(&fields)?;
    Ok(change)
}

fn read_version(value: Value, now: Timestamp) -> Result<(String, i64, Timestamp)> {
    let mut fields = object_of(Some(value), "groupVersions")?;
    let (id, marks) = (take_group_id(&mut fields)?, read_marks(&mut fields, now)?);
    refuse_unknown_fields(&fields)?;
    Ok((id, marks.version, marks.modified))
}

fn read_marks(fields: &mut LineFields, now: Timestamp) -> Result<Marks> {
    let version = take_field(fields, "version").map_or(Ok(1), |version| whole_number(Some(version), "version"))?;
    // There must be room for as many later ones: SQL's numbers are exact up to 2^53.
    if !(1..1 << 52).contains(&version) {
        return Err(invalid_line("version must be 1 or more, and less than 2^52."));
    }
    let mut time = |name: &str| match take_field(fields, name) {
        None => Ok(now),
        Some(value) => {
            let text = text_of(Some(value), name)?;
            let wrong = || {
                invalid_line(format!(
                    "{name} must be a time such as 2027-01-31T09:30:00Z, not {text}.",
                    text = quoted(&text)
                ))
            };
            Timestamp::parse(&text).ok_or_else(wrong)
        }
    };
    Ok(Marks { version, created: time("created")?, modified: time("modified")? })
}

fn take_field(fields: &mut LineFields, name: &str) -> Option<Value> {
    fields.remove(name)
}

fn take_id(fields: &mut LineFields) -> Result<String> {
    let id = text_of(take_field(fields, "id"), "id")?;
    match UserId::parse(&id) {
        Some(_) => Ok(id),
        None => Err(invalid_line(format!("id must be 1 to 128 of A-Z a-z 0-9 - _ . ~, not {:?}.", cut_text(&id)))),
    }
}

fn take_group_id(fields: &mut LineFields) -> Result<String> {
    let id = take_id(fields)?;
    GroupId::parse(&id).map(|_| id).ok_or_else(|| Error::internal("ids have one form"))
}

fn take_resource_type(fields: &mut LineFields) -> Result<&'static str> {
    match text_of(take_field(fields, "resourceType"), "resourceType")?.as_str() {
        "User" => Ok("User"),
        "Group" => Ok("Group"),
        other => Err(invalid_line(format!("resourceType must be User or Group, not {:?}.", cut_text(other)))),
    }
}

fn ids_text(value: Option<Value>, name: &str) -> Result<String> {
    let Some(Value::Array(all)) = &value else { return Err(wrong_field(name, "an array of ids", value.as_ref())) };
    match all.iter().find(|id| id.as_str().and_then(MemberId::parse).is_none()) {
        None => Ok(Value::Array(all.clone()).to_string()),
        Some(other) => Err(wrong_field(name, "an array of ids", Some(other))),
    }
}

fn whole_number(value: Option<Value>, name: &str) -> Result<i64> {
    let number = value.as_ref().and_then(Value::as_i64).filter(|number| (0..=NUMBER_MAX).contains(number));
    number.ok_or_else(|| wrong_field(name, "a whole number from 0", value.as_ref()))
}

fn text_of(value: Option<Value>, name: &str) -> Result<String> {
    match value {
        Some(Value::String(text)) => Ok(text),
        other => Err(wrong_field(name, "a text", other.as_ref())),
    }
}

fn flag_of(value: Option<Value>, name: &str) -> Result<Option<bool>> {
    match value {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(flag)),
        other => Err(wrong_field(name, "true or false", other.as_ref())),
    }
}

fn object_of(value: Option<Value>, name: &str) -> Result<LineFields> {
    match value {
        Some(Value::Object(fields)) => Ok(fields),
        other => Err(wrong_field(name, "an object", other.as_ref())),
    }
}

fn refuse_unknown_fields(left: &LineFields) -> Result<()> {
    match left.keys().next() {
        None => Ok(()),
        Some(name) => Err(invalid_line(format!("Unknown field {:?}. Remove it.", cut_text(name)))),
    }
}

fn wrong_field(name: &str, expected: &str, found: Option<&Value>) -> Error {
    match found {
        None => invalid_line(format!("{name} is missing; it must be {expected}.")),
        Some(value) => invalid_line(format!("{name} must be {expected}, not {}.", json::kind_name(value))),
    }
}

fn cut_text(text: &str) -> String {
    text.chars().take(128).collect()
}

fn invalid_line(detail: impl Into<String>) -> Error {
    Error::new(Code::ImportLine, detail)
}

/// Stores a user or group that a line brings, in the place of the line with that key.
pub(super) fn put_resource(sql: &dyn Sql, key: i64, line: &Line) -> Result<()> {
    match line {
        Line::User(id, content, marks) => import_rows::put_user(sql, key, id, content, *marks),
        Line::Group(id, content, marks) => import_rows::put_group(sql, key, id, content, *marks),
        _ => Err(import_rows::unreadable_line(key)),
    }
}
