//! The one reader of members: straight from the text of the body to ids. An element in one of the usual forms is never
//! built. For any other element, the parts that the repairs need are built, one element at a time.

use super::Reading;
use crate::dialect::{self, Repair};
use crate::error::{Code, Error, Result};
use crate::id::MemberId;
use crate::scim::guided::JsonInText;
use crate::scim::json::{Checked, JsonShape, kind_name};
use crate::scim::member::{self, Member};
use crate::scim::schema::{Attribute, ResourceType};
use serde_json::Value;
use std::borrow::Cow;

/// The value of `members` in a request.
pub(super) enum MembersValue<'b> {
    /// `null`.
    Null,
    /// A list, which may be empty.
    List(Vec<Member<'b>>),
    /// `{}` in the place of a list. Where members are set it is an empty list; where members are removed it names none.
    Empty,
    /// Any other value, by its kind.
    Other(&'static str),
}

impl MembersValue<'_> {
    /// Returns the ids of all members that are named.
    ///
    /// # Errors
    /// 400 as [`member::wanted_ids`], and for a value that is no list.
    pub(super) fn ids_to_add(&self, group: &str) -> Result<Vec<MemberId>> {
        match self {
            MembersValue::Empty => Ok(Vec::new()),
            said => member::wanted_ids(said.listed_members()?, group),
        }
    }

    /// Returns the ids of all members to remove.
    ///
    /// # Errors
    /// 400 as [`member::leaving_ids`], and for a value that is no list.
    pub(super) fn ids_to_remove(&self) -> Result<Vec<MemberId>> {
        member::leaving_ids(self.listed_members()?)
    }

    fn listed_members(&self) -> Result<&[Member<'_>]> {
        let what = match self {
            MembersValue::List(members) => return Ok(members),
            MembersValue::Other(what) => what,
            MembersValue::Null => "null",
            MembersValue::Empty => "an empty object",
        };
        Err(Error::new(Code::InvalidMember, format!("members must be an array, not {what}. Nothing was changed.")))
    }
}

/// Reads the value of `members`.
///
/// # Errors
/// 413 for an element that holds more than any resource can keep.
pub(super) fn read_members<'b>(
    kind: &ResourceType,
    text: Checked<'b>,
    reading: &mut Reading,
) -> Result<MembersValue<'b>> {
    let attribute = members_attribute(kind)?;
    if text.is_null() {
        return Ok(MembersValue::Null);
    }
    // First the form that Keycloak's plug-ins send: JSON once more inside a text.
    if let Some(members) = in_text(attribute, text, reading)? {
        return Ok(MembersValue::List(members));
    }
    // Then a list, which is read element by element and never built whole: it may have 100,000 members.
    let elements = text.elements().or_else(|| inside_its_name(text, attribute, reading));
    let Some(elements) = elements else {
        // Not the empty list that `[]` in a text is: it may be a template's variable without a value.
        if text.text().is_some_and(|text| text.is_empty()) {
            return Ok(MembersValue::Other("an empty text"));
        }
        return Ok(match build_repaired(attribute, text, reading)? {
            Value::Array(items) if items.is_empty() && text.shape() == JsonShape::Object => MembersValue::Empty,
            Value::Array(items) => MembersValue::List(items.iter().map(from_built).collect()),
            Value::Null => MembersValue::Null,
            value => MembersValue::Other(kind_name(&value)),
        });
    };
    let mut members = Vec::with_capacity(elements.len());
    for element in elements {
        members.extend(read_element(attribute, element, reading)?);
    }
    Ok(MembersValue::List(members))
}

/// Reads one member that stands in the place of a list.
///
/// # Errors
/// As [`read_members`].
pub(super) fn read_lone_member<'b>(
    kind: &ResourceType,
    text: Checked<'b>,
    reading: &mut Reading,
) -> Result<MembersValue<'b>> {
    Ok(MembersValue::List(read_element(members_attribute(kind)?, text, reading)?.into_iter().collect()))
}

fn members_attribute(kind: &ResourceType) -> Result<&Attribute> {
    kind.attribute("members").ok_or_else(|| Error::internal("a group without members"))
}

/// Makes [`Repair::JsonInText`]: one member, or a list of them.
fn in_text(attribute: &Attribute, text: Checked<'_>, reading: &mut Reading) -> Result<Option<Vec<Member<'static>>>> {
    let texts = reading.texts.clone();
    if !reading.runs_repairs() || !Repair::JsonInText.is_on() {
        return Ok(None);
    }
    let Some(inner) = texts.json_in_text(text, JsonInText::Members, |name| attribute.sub(name).is_some())? else {
        return Ok(None);
    };
    let inner = Checked::new(&inner);
    let mut members = Vec::new();
    for element in inner.elements().unwrap_or_else(|| vec![inner]) {
        members.extend(texts.read_inside(true, || read_element(attribute, element, reading))?.map(Member::into_owned));
    }
    Ok(Some(members))
}

/// Makes [`Repair::NestedList`].
fn inside_its_name<'b>(text: Checked<'b>, attribute: &Attribute, reading: &mut Reading) -> Option<Vec<Checked<'b>>> {
    let object = text.object().filter(|object| reading.runs_repairs() && object.len() == 1)?;
    let (_, inner) = object.iter().next().filter(|(name, _)| *name == attribute.name)?;
    inner.elements().filter(|_| reading.repairs.note_need(Repair::NestedList))
}

/// Builds and repairs a value that is no list.
fn build_repaired(attribute: &Attribute, text: Checked<'_>, reading: &mut Reading) -> Result<Value> {
    let value = reading.guide.build_attribute(attribute, text)?;
    Ok(if reading.runs_repairs() { dialect::mend_value(attribute, value, &mut reading.repairs) } else { value })
}

/// Reads one element; `None` if a repair drops it.
fn read_element<'b>(attribute: &Attribute, text: Checked<'b>, reading: &mut Reading) -> Result<Option<Member<'b>>> {
    if let Some(member) = read_usual_form(attribute, text, reading) {
        return Ok(Some(member));
    }
    // Built for this element alone, so the room it takes is given back.
    let value = reading.guide.dropped_at_once(|guide| guide.build_element(attribute, text))?;
    if !reading.runs_repairs() {
        return Ok(Some(from_built(&value)));
    }
    let mended = dialect::mend_value(attribute, Value::Array(vec![value]), &mut reading.repairs);
    Ok(mended.as_array().and_then(|items| items.first()).map(from_built))
}

/// Reads a text, or an object whose known parts are texts; `None` for any other value, or one that needs a repair.
fn read_usual_form<'b>(attribute: &Attribute, text: Checked<'b>, reading: &mut Reading) -> Option<Member<'b>> {
    if let Some(id) = text.text() {
        let bare = !reading.runs_repairs();
        // Left to the repair of JSON in texts: no id begins with a brace.
        let may_be_json = id.trim_start().starts_with('{');
        let is_usual = bare || !id.is_empty() && !may_be_json && reading.repairs.note_need(Repair::StringForObject);
        return is_usual
            .then(|| Member::new(if bare { JsonShape::Text } else { JsonShape::Object }.name(), Some(id), None, None));
    }
    let (mut id, mut kind, mut reference) = (None, None, None);
    for (name, value) in text.object()?.iter() {
        let Some(sub) = attribute.sub(name) else { continue };
        let said = match value.shape() {
            JsonShape::Text => value.text(),
            JsonShape::Null => None,
            _ => return None,
        };
        match sub.name.as_ref() {
            "value" => id = said,
            "type" => kind = said,
            // A blank address needs a repair (Saviynt), so the element is built.
            "$ref" if said.as_ref().is_some_and(|said| !said.is_empty() && said.trim().is_empty()) => return None,
            "$ref" => reference = said,
            _ => {}
        }
    }
    Some(Member::new(JsonShape::Object.name(), id, kind.as_deref(), reference.as_deref()))
}

/// Reads a member that was built.
fn from_built(value: &Value) -> Member<'static> {
    let text = |wanted: &str| {
        let (_, value) = value.as_object()?.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
        value.as_str().map(str::to_owned)
    };
    let id = text("value").or_else(|| value.as_str().map(str::to_owned));
    Member::new(kind_name(value), id.map(Cow::Owned), text("type").as_deref(), text("$ref").as_deref())
}
