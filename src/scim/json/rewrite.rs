//! JSON text with some of its texts replaced, in one pass and without a tree.

use super::check::Name;
use super::{Checked, DEPTH_MAX};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::fmt::{self, Display, Write};

/// Decides what replaces a text. It gets the place of the text, from the outside in, and the text. `None` leaves it.
pub type Replace<'r> = dyn FnMut(&[PathStep], &str) -> Option<String> + 'r;

/// One step on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathStep {
    /// The entry of an object.
    Name(String),
    /// The element of an array, from 0.
    Element(usize),
}

/// Writes the value again with its texts replaced, but not its names.
///
/// # Errors
/// Internal only: the text was checked.
pub fn rewrite_texts(text: Checked<'_>, replace: &mut Replace<'_>) -> crate::error::Result<String> {
    let mut out = String::with_capacity(text.as_str().len());
    let mut deserializer = serde_json::Deserializer::from_slice(text.as_str().as_bytes());
    Rewrite { out: &mut out, replace, place: &mut Vec::new(), depth: DEPTH_MAX }
        .deserialize(&mut deserializer)
        .map_err(crate::error::Error::internal)?;
    Ok(out)
}

struct Rewrite<'o, 'r> {
    out: &'o mut String,
    replace: &'o mut Replace<'r>,
    place: &'o mut Vec<PathStep>,
    depth: usize,
}

impl Rewrite<'_, '_> {
    fn write_value<E: serde::de::Error>(self, value: impl Display) -> Result<(), E> {
        write!(self.out, "{value}").map_err(E::custom)
    }
}

/// Writes a text in quotes.
fn write_quoted<E: serde::de::Error>(out: &mut String, text: &str) -> Result<(), E> {
    out.push_str(&serde_json::to_string(text).map_err(E::custom)?);
    Ok(())
}

impl<'de> DeserializeSeed<'de> for Rewrite<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Rewrite<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.write_value("null")
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.write_value(value)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.write_value(value)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.write_value(value)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.write_value(serde_json::Value::from(value))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        match (self.replace)(self.place, text) {
            Some(other) => write_quoted(self.out, &other),
            None => write_quoted(self.out, text),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| A::Error::custom("nested too deep"))?;
        self.out.push('[');
        let (start, mut number) = (self.out.len(), 0);
        loop {
            let end = self.out.len();
            if end > start {
                self.out.push(',');
            }
            self.place.push(PathStep::Element(number));
            number += 1;
            let inner = Rewrite { out: &mut *self.out, replace: &mut *self.replace, place: &mut *self.place, depth };
            let read = access.next_element_seed(inner)?;
            self.place.pop();
            if read.is_none() {
                self.out.truncate(end);
                break;
            }
        }
        self.out.push(']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| A::Error::custom("nested too deep"))?;
        self.out.push('{');
        let start = self.out.len();
        while let Some(name) = access.next_key_seed(Name)? {
            if self.out.len() > start {
                self.out.push(',');
            }
            write_quoted(self.out, &name)?;
            self.out.push(':');
            self.place.push(PathStep::Name(name.into_owned()));
            let (replace, place) = (&mut *self.replace, &mut *self.place);
            access.next_value_seed(Rewrite { out: &mut *self.out, replace, place, depth })?;
            self.place.pop();
        }
        self.out.push('}');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_texts_are_replaced() {
        let mut replace = |place: &[PathStep], text: &str| {
            assert_eq!(place.len(), if text == "inner" { 2 } else { 1 }, "{place:?}");
            (text == "old").then(|| "new \"é\"".to_owned())
        };
        let text =
            r#"{"old":"old","a":null,"b":[true,false,"inner"],"c":-1,"d":18446744073709551615,"e":1.5,"f":[],"g":{}}"#;
        let expected = text.replace(r#":"old""#, r#":"new \"é\"""#);
        assert_eq!(rewrite_texts(Checked::new(text), &mut replace), Ok(expected));
    }
}
