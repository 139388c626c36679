//! The body of a request to a resource: media type, JSON, `schemas`, `id`, then the attributes with their repairs.

use super::{CommandBody, Reading, Request, echo, members};
use crate::dialect::{self, Repair, Repairs};
use crate::error::{Code, Error, Result, excerpt, quoted};
use crate::id::MemberId;
use crate::scim::json::{Checked, JsonShape, Object};
use crate::scim::patch::PatchOp;
use crate::scim::path::Resolved;
use crate::scim::resource::{self, Resource};
use crate::scim::schema::ResourceType;
use crate::scim::unregistered::{self, Unresolved};
use crate::scim::{constraints, json, names, urn};
use serde_json::{Map, Value};

pub(super) fn read_user(
    id: Option<&str>,
    request: &Request<'_>,
    data: CommandBody<'_>,
    reading: &mut Reading,
) -> Result<Resource> {
    let (_, body) = read_body(request, data, reading)?;
    let body = body.with_inside(&request.types.user.schema.id);
    check_id(id, &body)?;
    resource_of(&request.types.user, &body, id.is_some(), reading)
}

pub(super) fn read_group(
    id: Option<&str>,
    request: &Request<'_>,
    data: CommandBody<'_>,
    reading: &mut Reading,
) -> Result<(Resource, Option<Vec<MemberId>>)> {
    let kind = &request.types.group;
    let (_, body) = read_body(request, data, reading)?;
    let mut body = body.with_inside(&kind.schema.id);
    check_id(id, &body)?;
    // Taken out first: members are rows, never a part of the document, and a list may have 100,000.
    let sent = body.take("members");
    let resource = resource_of(kind, &body, id.is_some(), reading)?;
    let name = resource.attributes.get("displayName").and_then(Value::as_str).unwrap_or_default();
    let label = id.map_or_else(|| quoted(name), str::to_owned);
    let members = match sent.map(|value| members::read_members(kind, value, reading)).transpose()? {
        None => None,
        Some(members::MembersValue::Null)
            if reading.runs_repairs() && reading.repairs.note_need(Repair::NullAsAbsent) =>
        {
            None
        }
        Some(members::MembersValue::Null) => Some(Vec::new()),
        Some(said) => Some(said.ids_to_add(&label)?),
    };
    Ok((resource, members))
}

/// Reads the body of a POST or of a PUT.
fn resource_of(kind: &ResourceType, body: &Object<'_>, is_put: bool, reading: &mut Reading) -> Result<Resource> {
    let (sent, (body, unresolved)) = (body, split_known(kind, body, reading)?);
    // Noted apart, to know whether the body was mended: only then may its values differ from what was sent.
    let mut repairs = reading.repairs.for_part();
    let body = if reading.runs_repairs() { dialect::mend_body(kind, body, &mut repairs) } else { body };
    let is_mended = reading.repairs.take_in(repairs);
    // After the repairs, which may turn a text into the list that it stands for.
    let named = body.iter().find(|(key, _)| key.eq_ignore_ascii_case("schemas")).map(|(_, value)| value);
    let urns = named.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    reading.accept_schemas(check_named(&kind.schema.id, urns))?;
    let mut read = resource::read_resource(kind, body)?;
    if !is_put {
        read = read.without_refusals()?;
    } else if is_mended || !read.refused.is_empty() || !read.unknown.is_empty() {
        // A PUT sends back what was read, and for that no rule is asked.
        let echoes = echo::of_body(kind, sent, &read.refused, reading)?;
        read.unknown = echo::names_without_echo(&echoes, read.unknown);
        read.resource.echoes = echoes;
    }
    read.resource.unresolved = unresolved;
    constraints::check_core(kind, &read.resource.attributes)?;
    reading.note_outer_blanks(read.resource.attributes.get(names::name_attribute(kind)));
    reading.note_dropped(read.unknown);
    Ok(read.resource)
}

/// Splits a body into the values that may be kept, under the names that were sent, and the names of the rest.
/// Attributes of unregistered extensions are apart, because only the object can tell where their URN ends.
fn split_known(
    kind: &ResourceType,
    body: &Object<'_>,
    reading: &Reading,
) -> Result<(Map<String, Value>, Vec<Unresolved>)> {
    let (mut map, mut unresolved) = (Map::new(), Vec::new());
    for (name, value) in body.iter() {
        keep_value(kind, name, value, reading, &mut map, &mut unresolved)?;
    }
    Ok((map, unresolved))
}

/// Keeps one value of a body.
fn keep_value(
    kind: &ResourceType,
    name: &str,
    value: Checked<'_>,
    reading: &Reading,
    map: &mut Map<String, Value>,
    unresolved: &mut Vec<Unresolved>,
) -> Result<()> {
    // The repair is not noted here: the value is built first and mended, and the repair noted, afterwards.
    let key = match reading.runs_repairs() {
        true => dialect::urn_alias(name.to_owned(), &mut Repairs::default()),
        false => name.to_owned(),
    };
    let built = if let Some(attribute) = kind.attribute(&key) {
        reading.guide.build_if_kept(attribute, value)?
    } else if let Some(schema) = kind.extension(&key) {
        reading.guide.build_extension(schema, value)?
    } else if let Some(path) = place_of_path(kind, &key, reading)?
        && let Some((attribute, sub)) = path.definitions_in(kind)
    {
        reading.guide.build_if_kept(sub.unwrap_or(attribute), value)?
    // An extension that is not registered: kept whole, because its schema may come later.
    } else if value.shape() == JsonShape::Object && urn::is_extension(&key) {
        reading.guide.build_whole(value)?
    } else if reading.runs_repairs() && unregistered::is_unregistered(kind, &key) {
        if !value.is_null() {
            reading.guide.look_up()?;
            let value = reading.guide.build_whole(value)?;
            unresolved.push(Unresolved { op: PatchOp::Replace, path: key, value, number: None });
        }
        return Ok(());
    } else {
        // Not built: an unknown value may be as large as the body. Its name alone is kept, for the note.
        reading.guide.remember_unknown(name, map);
        return Ok(());
    };
    map.insert(name.to_owned(), built);
    Ok(())
}

/// Returns the place of an attribute whose name is a path, which is a repair.
fn place_of_path(kind: &ResourceType, key: &str, reading: &Reading) -> Result<Option<Resolved>> {
    if !reading.runs_repairs() || !kind.may_name(key) {
        return Ok(None);
    }
    reading.guide.look_up()?;
    Ok(dialect::place_of_key(kind, key, &mut Repairs::default()))
}

/// Checks that `schemas` names what the body is (RFC 7643 section 3).
pub(super) fn check_schemas(wanted: &str, body: &Object<'_>) -> Result<()> {
    let urns = body.get("schemas").and_then(Checked::elements).unwrap_or_default();
    check_named(wanted, urns.into_iter().filter_map(Checked::text))
}

fn check_named(wanted: &str, urns: impl IntoIterator<Item = impl AsRef<str>>) -> Result<()> {
    match urns.into_iter().any(|urn| urn.as_ref().eq_ignore_ascii_case(wanted)) {
        true => Ok(()),
        false => Err(Error::new(Code::SchemasMissing, format!("schemas must name {wanted}."))),
    }
}

/// Returns the checked body and its first level.
pub(super) fn read_body<'b>(
    request: &Request<'b>,
    data: CommandBody<'b>,
    reading: &Reading,
) -> Result<(Checked<'b>, Object<'b>)> {
    if let CommandBody::Data(data) = data {
        return Ok((data, data.object().unwrap_or_default()));
    }
    let encoding = request.content_encoding.unwrap_or_default().trim();
    // The bytes count more than the header: without one, the JSON reader's error would not tell that they are
    // compressed.
    let encoding = if json::is_gzip(request.body) { "gzip" } else { encoding };
    if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
        let detail = format!(
            "The body is compressed ({}), and this service reads plain JSON only: switch compression of requests off \
             in the client, and send no Content-Encoding.",
            excerpt(encoding)
        );
        return Err(Error::new(Code::UnsupportedMediaType, detail));
    }
    let media = request.content_type.unwrap_or_default().to_ascii_lowercase();
    // RFC 7644 section 3.1 names two media types, but clients send `text/plain` or none at all with good JSON.
    let foreign = ["xml", "html", "form", "multipart", "image/", "audio/", "video/"];
    if !media.contains("json") && foreign.iter().any(|part| media.contains(part)) {
        let media = media.split(';').next().unwrap_or_default();
        let detail = format!("Content-Type is {}; send application/scim+json.", excerpt(media));
        return Err(Error::new(Code::UnsupportedMediaType, detail));
    }
    json::checked_object(request.body, &reading.texts.count)
}

/// Checks the `id` of a PUT, which may repeat it but not change it.
pub(super) fn check_id(id: Option<&str>, body: &Object<'_>) -> Result<()> {
    match (id, body.get("id")) {
        (Some(id), Some(sent)) if sent.text().as_deref() != Some(id) && !sent.is_null() => {
            let detail = format!(
                "The id in the body is {}, but the id in the address is {}. An id never changes: send the id of the \
                 address, or none.",
                excerpt(sent.as_str()),
                excerpt(id)
            );
            Err(Error::new(Code::IdChanged, detail))
        }
        _ => Ok(()),
    }
}
