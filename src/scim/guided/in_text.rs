//! JSON inside a text: some clients send an object, or a list of objects, as the text of it.

use crate::error::Result;
use crate::scim::json::{self, Checked, Count};
use std::cell::Cell;

/// The reading of JSON that stands in a text where the schema wants an object or a list of objects.
#[derive(Debug, Default)]
pub struct InTexts {
    /// The values of the whole body, those in such texts included.
    pub count: Count,
    /// True once a text was read so.
    pub used: Cell<bool>,
    /// True while the value being built came out of such a text: no text inside it is read.
    inside: Cell<bool>,
}

/// The JSON that a text may hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum JsonInText {
    /// An object.
    Object,
    /// An object, or a list of objects.
    Objects,
    /// The same where the members of a group are named, which may be very many.
    Members,
}

impl InTexts {
    /// Calls `read` for a value that came out of a text, if `from_text`.
    pub fn read_inside<T>(&self, from_text: bool, read: impl FnOnce() -> T) -> T {
        let before = self.inside.replace(from_text || self.inside.get());
        let done = read();
        self.inside.set(before);
        done
    }

    /// Takes the JSON out of a text: an object with at least one name that is known or, where that is `wanted`, a list of
    /// such. `None` for any other text.
    ///
    /// # Errors
    /// 413 if the body holds too many values, these included.
    pub fn json_in_text(
        &self,
        text: Checked<'_>,
        wanted: JsonInText,
        knows: impl Fn(&str) -> bool,
    ) -> Result<Option<String>> {
        // JSON in a text of a text would nest without a limit.
        let Some(text) = text.text().filter(|_| !self.inside.get()) else { return Ok(None) };
        let Some(inner) = json::inside_text(&text, wanted == JsonInText::Members, &self.count)? else {
            return Ok(None);
        };
        // A text that only looks like JSON, such as a note in braces, stays a text.
        let known = |one: &Checked<'_>| one.object().is_some_and(|map| map.iter().any(|(name, _)| knows(name)));
        let elements = inner.elements();
        let fits = match &elements {
            None => known(&inner),
            Some(elements) => wanted != JsonInText::Object && !elements.is_empty() && elements.iter().all(known),
        };
        Ok(fits.then(|| {
            self.used.set(true);
            inner.as_str().to_owned()
        }))
    }
}
