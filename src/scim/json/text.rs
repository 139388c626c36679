//! JSON text that was checked: taken apart one level at a time, and built only where it is needed.

use super::check::Name;
use super::read;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::collections::BTreeSet;
use std::fmt;

/// The text of one value of a body that [`super::check_body`] has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked<'a>(&'a str);

/// The kind of value that a text is (RFC 8259 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "RFC 8259 section 3")]
pub enum JsonShape {
    Null,
    Boolean,
    Number,
    Text,
    Array,
    Object,
}

impl JsonShape {
    /// Returns the kind with its article, for sentences.
    pub fn name(self) -> &'static str {
        match self {
            JsonShape::Null => "null",
            JsonShape::Boolean => "a boolean",
            JsonShape::Number => "a number",
            JsonShape::Text => "a string",
            JsonShape::Array => "an array",
            JsonShape::Object => "an object",
        }
    }
}

impl<'a> Checked<'a> {
    /// The value that stands for one that was not sent.
    pub const NULL: Checked<'static> = Checked("null");

    /// Takes text that was checked, or that this service wrote itself, without blanks around it.
    pub fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// Returns the text itself.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// Returns what kind of value it is.
    pub fn shape(self) -> JsonShape {
        match self.0.as_bytes().first() {
            Some(b'{') => JsonShape::Object,
            Some(b'[') => JsonShape::Array,
            Some(b'"') => JsonShape::Text,
            Some(b't' | b'f') => JsonShape::Boolean,
            Some(b'n') | None => JsonShape::Null,
            Some(_) => JsonShape::Number,
        }
    }

    /// Returns true for `null`.
    pub fn is_null(self) -> bool {
        self.shape() == JsonShape::Null
    }

    /// Returns the text that the value is; `None` for any other kind.
    pub fn text(self) -> Option<Cow<'a, str>> {
        let mut deserializer = serde_json::Deserializer::from_slice(self.0.as_bytes());
        (self.shape() == JsonShape::Text).then(|| Name.deserialize(&mut deserializer).ok()).flatten()
    }

    /// Returns the elements of an array; `None` for anything else.
    pub fn elements(self) -> Option<Vec<Checked<'a>>> {
        (self.shape() == JsonShape::Array)
            .then(|| read::<CheckedList<'a>>(self.0.as_bytes()).ok().map(|list| list.0))
            .flatten()
    }

    /// Returns the names and values of an object; `None` for anything else.
    pub fn object(self) -> Option<Object<'a>> {
        (self.shape() == JsonShape::Object).then(|| read(self.0.as_bytes()).ok()).flatten()
    }

    /// Builds the whole value, which must be known to be small.
    pub fn value(self) -> Value {
        read(self.0.as_bytes()).unwrap_or_default()
    }
}

/// The most texts of a request that [`Texts`] holds.
const TEXTS_MAX: usize = 1000;

/// Texts that live as long as the body whose texts held them.
#[derive(Debug, Default)]
pub struct Texts {
    /// The slots, all made for the first text.
    slots: OnceCell<Vec<OnceCell<String>>>,
    used: Cell<usize>,
}

impl Texts {
    /// Keeps a text. Returns `None` if there are too many.
    pub fn keep(&self, text: String) -> Option<&str> {
        let slots = self.slots.get_or_init(|| std::iter::repeat_with(OnceCell::new).take(TEXTS_MAX).collect());
        let slot = slots.get(self.used.get())?;
        self.used.set(self.used.get() + 1);
        Some(slot.get_or_init(|| text))
    }
}

/// An object's values under their names, in the order of the names' bytes.
#[derive(Clone, Debug, Default)]
pub struct Object<'a>(Vec<(Cow<'a, str>, Checked<'a>)>);

impl<'a> Object<'a> {
    /// Returns the value of a name, whatever its case (RFC 7643 section 2.1).
    pub fn get(&self, wanted: &str) -> Option<Checked<'a>> {
        self.entry(wanted).map(|(_, value)| value)
    }

    /// Returns the name as it was sent, and its value.
    pub fn entry(&self, wanted: &str) -> Option<(&str, Checked<'a>)> {
        self.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted))
    }

    /// Returns the names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Checked<'a>)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), *value))
    }

    /// Removes a name and returns its value.
    pub fn take(&mut self, wanted: &str) -> Option<Checked<'a>> {
        let at = self.0.iter().position(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
        Some(self.0.remove(at).1)
    }

    /// Returns the object with the values that it holds under one name: the attributes of the core schema may stand in
    /// an object under its URN. A name outside wins over an equal one inside.
    #[must_use]
    pub fn with_inside(mut self, name: &str) -> Self {
        let Some(inside) = self.get(name).and_then(Checked::object) else { return self };
        self.take(name);
        let known: BTreeSet<String> = self.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        self.0.extend(inside.0.into_iter().filter(|(name, _)| !known.contains(&name.to_ascii_lowercase())));
        self.0.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        self
    }

    /// Returns the number of names.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns true if there is no name.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Object<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(name) = access.next_key_seed(Name)? {
                    entries.push((name, Checked(access.next_value::<&'de RawValue>()?.get())));
                }
                entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
                Ok(Object(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

struct CheckedList<'a>(Vec<Checked<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for CheckedList<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items;
        impl<'de> Visitor<'de> for Items {
            type Value = CheckedList<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<CheckedList<'de>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = access.next_element::<&'de RawValue>()? {
                    items.push(Checked(item.get()));
                }
                Ok(CheckedList(items))
            }
        }
        deserializer.deserialize_seq(Items)
    }
}
