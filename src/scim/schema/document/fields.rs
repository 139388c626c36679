//! The keys of a Schema document: each is read once, with the type that it must have.

use crate::error::{Code, Error, Result, quoted};
use crate::scim::json;
use serde_json::{Map, Value};

/// The keys of one JSON object, read one by one; [`DocumentFields::expect_end`] refuses those that are left. `null` is absent.
pub(super) struct DocumentFields {
    /// The place that errors name.
    pub place: String,
    map: Map<String, Value>,
}

impl DocumentFields {
    /// Takes the object that stands at `place`.
    pub(super) fn new(place: String, map: Map<String, Value>) -> Self {
        Self { place, map }
    }

    /// Skips a key that may be there and says nothing.
    pub(super) fn skip_key(&mut self, key: &str) {
        take_key(&mut self.map, key);
    }

    /// Reads a string.
    pub(super) fn take_text(&mut self, key: &str) -> Result<Option<String>> {
        match take_key(&mut self.map, key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.error_about(&format!("{key} must be a string, not {}", json::kind_name(&other)))),
        }
    }

    /// Reads `true` or `false`; false if it is absent.
    pub(super) fn take_flag(&mut self, key: &str) -> Result<bool> {
        match take_key(&mut self.map, key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(other) => {
                Err(self.error_about(&format!("{key} must be true or false, not {}", json::kind_name(&other))))
            }
        }
    }

    /// Reads an array; empty if it is absent.
    pub(super) fn take_list(&mut self, key: &str) -> Result<Vec<Value>> {
        match take_key(&mut self.map, key) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items),
            Some(other) => Err(self.error_about(&format!("{key} must be an array, not {}", json::kind_name(&other)))),
        }
    }

    /// Reads an array of strings.
    pub(super) fn take_texts(&mut self, key: &str) -> Result<Vec<String>> {
        let items = self.take_list(key)?;
        let text = |item| match item {
            Value::String(text) => Ok(text),
            other => {
                Err(self.error_about(&format!("{key} must be an array of strings, not of {}", json::kind_name(&other))))
            }
        };
        items.into_iter().map(text).collect()
    }

    /// Reads one of the RFC's words for a characteristic.
    pub(super) fn take_word<T: Copy>(
        &mut self,
        key: &str,
        all: &[T],
        name: fn(T) -> &'static str,
        unsaid: T,
    ) -> Result<T> {
        let Some(text) = self.take_text(key)? else { return Ok(unsaid) };
        let found = all.iter().copied().find(|one| name(*one).eq_ignore_ascii_case(&text));
        let known = || all.iter().map(|one| name(*one)).collect::<Vec<_>>().join(", ");
        found.ok_or_else(|| {
            self.error_about(&format!("{key} must be one of {}, not {text}", known(), text = quoted(&text)))
        })
    }

    /// Refuses the first key that was not read: a misspelled characteristic would otherwise be lost in silence.
    pub(super) fn expect_end(&self) -> Result<()> {
        match self.map.keys().next() {
            None => Ok(()),
            Some(key) => Err(self.error_about(&format!("the key {key} is unknown", key = quoted(key)))),
        }
    }

    /// Returns the refusal that names the place.
    pub(super) fn error_about(&self, what: &str) -> Error {
        Error::new(Code::InvalidSchema, format!("{}: {what}.", self.place))
    }
}

/// Removes and returns the value of a key in any case; `null` is absent.
pub(super) fn take_key(map: &mut Map<String, Value>, key: &str) -> Option<Value> {
    let key = map.keys().find(|found| found.eq_ignore_ascii_case(key)).cloned()?;
    map.remove(&key).filter(|value| !value.is_null())
}
