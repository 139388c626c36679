//! Builds the values of a checked body that a schema can keep, and nothing else: values of unknown attributes are
//! skipped, only their names are left for the journal. The result has the shape that was sent, because repairs judge by
//! it. It is cut where neither a repair nor a schema can use the rest.

mod in_text;
mod measure;

pub use self::in_text::{InTexts, JsonInText};
use self::measure::measure_text;
use super::json::{Checked, JsonShape};
use super::resource::{RESOURCE_MAX, is_kept, is_label, is_unassigned};
use super::schema::{Attribute, Schema, Type};
use crate::error::{Code, Error, Result};
use serde_json::{Map, Value};
use std::cell::Cell;
use std::rc::Rc;

/// The room that an array takes; an object takes twice as much.
const ARRAY: usize = 1;
const OBJECT: usize = 2;
/// The most arrays, or twice as many as objects, that are built of a request and hold a value. A resource cannot keep
/// more: in [`RESOURCE_MAX`] bytes an array such as `[0],` takes four, an object such as `{"a":0},` eight. An object
/// takes some 400 bytes of memory, so all of them take 13 MiB.
const ROOM: usize = RESOURCE_MAX / 4;
/// The most unknown names that are remembered. The journal keeps 50 notes of a request.
const NAMES_MAX: usize = 1000;
/// The longest unknown name that is remembered, in characters: as much as a note may have.
const NAME_MAX: usize = 1000;
/// The most names that are looked up as paths: those of 1,000 operations with 20 attributes each.
const PATHS_MAX: usize = 20_000;
/// How much is built a second time, as it was sent, to be compared with what is stored: in bytes, and in arrays and objects.
const AGAIN: (usize, usize) = (RESOURCE_MAX, ROOM / 4);
/// The most empty elements that are kept of one list, so that the repair which drops them is noted.
const EMPTY_MAX: usize = 64;
/// The most elements that are built of a list where one value belongs: a repair takes a list of one for its element.
const ONE_OF: usize = 2;

/// The room that is left to one request.
pub struct Guide {
    mends: bool,
    texts: Option<Rc<InTexts>>,
    room: Cell<usize>,
    names: Cell<usize>,
    paths: Cell<usize>,
    again: Cell<(usize, usize)>,
}

impl Guide {
    /// Makes the guide of one request. `mends`: repairs follow, which drop elements that have nothing but a label.
    /// `texts`: JSON in texts is read.
    pub fn new(mends: bool, texts: Option<Rc<InTexts>>) -> Self {
        let (room, names, paths) = (Cell::new(ROOM), Cell::new(NAMES_MAX), Cell::new(PATHS_MAX));
        Self { mends, texts, room, names, paths, again: Cell::new(AGAIN) }
    }

    /// Builds the JSON in a text, if it is read.
    fn in_text(
        &self,
        attribute: &Attribute,
        text: Checked<'_>,
        wanted: JsonInText,
        drops_labels: bool,
    ) -> Result<Option<Value>> {
        let Some(texts) = self.texts.as_ref().filter(|_| attribute.kind == Type::Complex) else { return Ok(None) };
        let Some(inner) = texts.json_in_text(text, wanted, |name| attribute.sub(name).is_some())? else {
            return Ok(None);
        };
        let inner = Checked::new(&inner);
        texts.read_inside(true, || match inner.elements() {
            Some(elements) => self.build_list(attribute, &elements, drops_labels).map(Some),
            None => self.build_complex(attribute, inner).map(Some),
        })
    }

    /// Builds all values of an attribute.
    ///
    /// # Errors
    /// 413 for more than any resource can keep.
    pub fn build_attribute(&self, attribute: &Attribute, text: Checked<'_>) -> Result<Value> {
        self.build_values(attribute, text, self.mends)
    }

    /// Builds the values that a removal lists. An element with nothing but a label names the elements to remove.
    ///
    /// # Errors
    /// As [`Guide::build_attribute`].
    pub fn build_removal(&self, attribute: &Attribute, text: Checked<'_>) -> Result<Value> {
        self.build_values(attribute, text, false)
    }

    /// Builds all values of an attribute. `drops_labels`: elements with nothing but a label are dropped later.
    fn build_values(&self, attribute: &Attribute, text: Checked<'_>, drops_labels: bool) -> Result<Value> {
        if !attribute.multi {
            return self.build_element(attribute, text);
        }
        if let Some(built) = self.in_text(attribute, text, JsonInText::Objects, drops_labels)? {
            return Ok(built);
        }
        if let Some(elements) = text.elements() {
            return self.build_list(attribute, &elements, drops_labels);
        }
        // A list may stand inside its own name; a repair takes it out.
        if let Some(object) = text.object()
            && object.len() == 1
            && let Some((name, inner)) = object.iter().next()
            && name == attribute.name
            && let Some(elements) = inner.elements()
        {
            let list = self.build_list(attribute, &elements, drops_labels)?;
            return Ok(Value::Object(Map::from_iter([(name.to_owned(), list)])));
        }
        self.build_element(attribute, text)
    }

    /// Builds a list without the elements that are dropped later, except the first of them.
    fn build_list(&self, attribute: &Attribute, elements: &[Checked<'_>], drops_labels: bool) -> Result<Value> {
        let (mut kept, mut empty) = (Vec::new(), 0);
        for element in elements {
            let (room, names) = (self.room.get(), self.names.get());
            let value = self.build_element(attribute, *element)?;
            // A client may send thousands of empty elements: they are dropped later and must take no room until then.
            if drops_labels && is_label(attribute, &value) || says_nothing(attribute, &value) {
                empty += 1;
                if empty > EMPTY_MAX {
                    self.room.set(room);
                    self.names.set(names);
                    continue;
                }
            }
            kept.push(value);
        }
        self.take_room(if kept.is_empty() { 0 } else { ARRAY })?;
        Ok(Value::Array(kept))
    }

    /// Builds one value of an attribute: an element of its list, or its only value.
    ///
    /// # Errors
    /// As [`Guide::build_attribute`].
    pub fn build_element(&self, attribute: &Attribute, text: Checked<'_>) -> Result<Value> {
        match (text.shape(), attribute.kind) {
            (JsonShape::Array, _) => {
                // A list where one value belongs: its first elements are enough to refuse it, or to repair it.
                let elements = text.elements().unwrap_or_default();
                self.take_room(if elements.is_empty() { 0 } else { ARRAY })?;
                elements.into_iter().take(ONE_OF).map(|element| self.build_element(attribute, element)).collect()
            }
            (JsonShape::Object, Type::Complex) => self.build_complex(attribute, text),
            (JsonShape::Object, _) => self.build_wrapper(attribute, text),
            (JsonShape::Text, Type::Complex) => {
                Ok(self.in_text(attribute, text, JsonInText::Object, false)?.unwrap_or_else(|| text.value()))
            }
            _ => Ok(text.value()),
        }
    }

    fn build_complex(&self, attribute: &Attribute, text: Checked<'_>) -> Result<Value> {
        let mut map = Map::new();
        for (name, value) in text.object().unwrap_or_default().iter() {
            let of = match attribute.sub(name) {
                // SCIM 1.1 has it for the value of a manager; a repair renames it.
                None if name == "managerId" => attribute.sub("value"),
                of => of,
            };
            match of {
                Some(sub) => {
                    map.insert(name.to_owned(), self.build_if_kept(sub, value)?);
                }
                None => self.remember_unknown(name, &mut map),
            }
        }
        self.take_room(if map.is_empty() { 0 } else { OBJECT })?;
        Ok(Value::Object(map))
    }

    /// Builds the object around a plain value, which a repair takes out. For any other value only its kind is built.
    fn build_wrapper(&self, attribute: &Attribute, text: Checked<'_>) -> Result<Value> {
        let object = text.object().unwrap_or_default();
        let mut map = Map::new();
        if let Some((name, value)) = object.iter().find(|(name, _)| *name == "value") {
            map.insert(name.to_owned(), self.build_element(attribute, value)?);
        // One name is enough for the refusal to say that an object stands here.
        } else if let Some((name, _)) = object.iter().next() {
            map.insert(cut_name(name), Value::Null);
        }
        self.take_room(if map.is_empty() { 0 } else { OBJECT })?;
        Ok(Value::Object(map))
    }

    /// Builds the value of an attribute. For one that only the server sets, or that is not kept, neither arrays nor
    /// objects are built.
    ///
    /// # Errors
    /// As [`Guide::build_attribute`].
    pub fn build_if_kept(&self, attribute: &Attribute, text: Checked<'_>) -> Result<Value> {
        let holds = matches!(text.shape(), JsonShape::Array | JsonShape::Object);
        if holds && !is_kept(attribute) && attribute.name != "schemas" {
            return Ok(Value::Null);
        }
        self.build_attribute(attribute, text)
    }

    /// Builds the attributes of an extension that its schema knows.
    ///
    /// # Errors
    /// As [`Guide::build_attribute`].
    pub fn build_extension(&self, schema: &Schema, text: Checked<'_>) -> Result<Value> {
        if let Some(texts) = &self.texts
            && let Some(inner) =
                texts.json_in_text(text, JsonInText::Object, |name| schema.attribute(name).is_some())?
        {
            return texts.read_inside(true, || self.build_extension(schema, Checked::new(&inner)));
        }
        let Some(object) = text.object() else {
            return Ok(if text.shape() == JsonShape::Array { Value::Array(Vec::new()) } else { text.value() });
        };
        let mut map = Map::new();
        for (name, value) in object.iter() {
            match schema.attribute(name) {
                Some(attribute) => {
                    map.insert(name.to_owned(), self.build_if_kept(attribute, value)?);
                }
                None => self.remember_unknown(name, &mut map),
            }
        }
        self.take_room(if map.is_empty() { 0 } else { OBJECT })?;
        Ok(Value::Object(map))
    }

    /// Builds the whole of an unregistered extension.
    ///
    /// # Errors
    /// 413 for more than any resource can keep.
    pub fn build_whole(&self, text: Checked<'_>) -> Result<Value> {
        let (bytes, room) = measure_text(text.as_str());
        // Measured before anything is built: the text may be as long as a body.
        if bytes > RESOURCE_MAX {
            return Err(too_large());
        }
        self.take_room(room)?;
        Ok(text.value())
    }

    /// Builds a value once more, whole and as it was sent. `None` if that is too much.
    #[must_use]
    pub fn build_again(&self, text: Checked<'_>) -> Option<Value> {
        let ((bytes, room), (left, room_left)) = (measure_text(text.as_str()), self.again.get());
        self.again.set((left.checked_sub(bytes)?, room_left.checked_sub(room)?));
        Some(text.value())
    }

    /// Remembers the name of an unknown attribute; its value stays unread.
    pub fn remember_unknown(&self, name: &str, map: &mut Map<String, Value>) {
        if let Some(left) = self.names.get().checked_sub(1) {
            self.names.set(left);
            map.insert(cut_name(name), Value::Null);
        }
    }

    /// Counts a name that is looked up as a path.
    ///
    /// # Errors
    /// 413 for more than [`PATHS_MAX`] in one request.
    pub fn look_up(&self) -> Result<()> {
        let detail = || format!("The body names more than {PATHS_MAX} attributes. Send fewer operations at once.");
        let left = self.paths.get().checked_sub(1).ok_or_else(|| Error::new(Code::BodyTooManyValues, detail()))?;
        self.paths.set(left);
        Ok(())
    }

    /// Builds a value that is dropped before any other is built, so that it takes no room.
    ///
    /// # Errors
    /// As [`Guide::build_attribute`].
    pub fn dropped_at_once(&self, build: impl FnOnce(&Self) -> Result<Value>) -> Result<Value> {
        let (room, names) = (self.room.get(), self.names.get());
        let value = build(self);
        self.room.set(room);
        self.names.set(names);
        value
    }

    fn take_room(&self, room: usize) -> Result<()> {
        self.room.set(self.room.get().checked_sub(room).ok_or_else(too_large)?);
        Ok(())
    }
}

fn says_nothing(attribute: &Attribute, value: &Value) -> bool {
    let kept = |(name, value): (&String, &Value)| attribute.sub(name).is_some_and(is_kept) && !is_unassigned(value);
    is_unassigned(value)
        || attribute.kind == Type::Complex && value.as_object().is_some_and(|map| !map.iter().any(kept))
}

fn too_large() -> Error {
    let detail = format!(
        "The attributes hold more values than a resource of {RESOURCE_MAX} bytes can keep. Send fewer values or \
         operations at once."
    );
    Error::new(Code::ResourceTooLarge, detail)
}

fn cut_name(name: &str) -> String {
    name.chars().take(NAME_MAX).collect()
}
