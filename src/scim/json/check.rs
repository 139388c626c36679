//! Checks the JSON of a body and counts its values, without building anything: a body may be as long as a group's
//! members need, and no tree of its values is small enough to build before they are counted.

use super::DEPTH_MAX;
use crate::error::quoted;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;

/// The most values of a body: objects, arrays and single values. A value takes at most some 50 bytes of memory in the
/// form in which the edge reads it, so they fit into 20 MiB.
pub const VALUES_MAX: usize = 400_000;
/// The most elements of arrays under the names `members` and `value`: a group of 100,000 members, pushed whole, and half
/// as many again.
pub const ELEMENTS_MAX: usize = 150_000;
/// The most names of an element that counts as one value. A member has four (RFC 7643 section 4.2).
const FLAT_NAMES_MAX: usize = 8;
/// How deep in a body a text may stand whose JSON is read.
const TEXT_DEPTH: usize = 10;
/// Up to how many names of an object are compared one by one.
const FEW_NAMES: usize = 8;

/// The number of values in one body, those in texts that hold JSON included.
#[derive(Debug, Default)]
pub struct Count {
    values: Cell<usize>,
    elements: Cell<usize>,
    /// The limit that was exceeded, in words.
    exceeded: Cell<Option<&'static str>>,
}

impl Count {
    fn add_values<E: Error>(&self, more: usize) -> Result<(), E> {
        self.add(&self.values, more, VALUES_MAX, "JSON values")
    }

    fn add<E: Error>(&self, counter: &Cell<usize>, more: usize, most: usize, what: &'static str) -> Result<(), E> {
        counter.set(counter.get().saturating_add(more));
        if counter.get() <= most {
            return Ok(());
        }
        self.exceeded.set(Some(what));
        Err(E::custom(what))
    }

    /// Returns the limit that was exceeded, if any.
    pub(super) fn exceeded(&self) -> Option<&'static str> {
        self.exceeded.get()
    }
}

/// Reads one value and drops it.
pub(super) struct Check<'c> {
    count: &'c Count,
    depth: usize,
    /// True under the name `members` or `value`.
    listed: bool,
    /// True for an element of an array under such a name.
    element: bool,
}

/// The outcome of reading one value.
pub(super) struct Seen {
    /// True for a value that is neither array nor object; its holder counts it.
    single: bool,
    /// True if U+0000 is in it, outside of an object.
    pub(super) nul: bool,
}

impl<'c> Check<'c> {
    /// Reads a whole body.
    pub(super) fn new(count: &'c Count) -> Self {
        Self { count, depth: DEPTH_MAX, listed: false, element: false }
    }

    /// Reads the JSON in a text of a body. `listed`: the text stands where the members of a group do.
    pub(super) fn of_text(count: &'c Count, listed: bool) -> Self {
        Self { count, depth: DEPTH_MAX - TEXT_DEPTH, listed, element: false }
    }

    fn one_level_down<E: Error>(&self) -> Result<Self, E> {
        let depth =
            self.depth.checked_sub(1).ok_or_else(|| E::custom(format!("nested deeper than {DEPTH_MAX} levels")))?;
        Ok(Self { count: self.count, depth, listed: false, element: false })
    }
}

impl<'de> DeserializeSeed<'de> for Check<'_> {
    type Value = Seen;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Seen, D::Error> {
        deserializer.deserialize_any(self)
    }
}

const SINGLE: Seen = Seen { single: true, nul: false };

impl<'de> Visitor<'de> for Check<'_> {
    type Value = Seen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Seen, E> {
        Ok(SINGLE)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Seen, E> {
        Ok(SINGLE)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Seen, E> {
        Ok(SINGLE)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Seen, E> {
        Ok(SINGLE)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Seen, E> {
        Ok(SINGLE)
    }

    fn visit_str<E>(self, text: &str) -> Result<Seen, E> {
        Ok(Seen { single: true, nul: text.contains('\0') })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Seen, A::Error> {
        self.count.add_values(1)?;
        let mut nul = false;
        let element = || Ok(Self { element: self.listed, ..self.one_level_down()? });
        while let Some(seen) = access.next_element_seed(element()?)? {
            // The exemption for members has a limit of its own.
            if self.listed {
                self.count.add(&self.count.elements, 1, ELEMENTS_MAX, "elements under members and value")?;
            }
            self.count.add_values(usize::from(seen.single))?;
            nul |= seen.nul;
        }
        Ok(Seen { single: false, nul })
    }

    /// Reads an object. The single values of an element's object are not counted until it turns out to hold more than
    /// these.
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Seen, A::Error> {
        self.count.add_values(1)?;
        // Names have no case, so a later parser would keep one of two equal ones and drop the other.
        let mut names = SeenNames::default();
        // A member of a group counts as one value, so that 100,000 of them fit under the limit.
        let (mut flat, mut uncounted) = (self.element, 0);
        while let Some(name) = access.next_key_seed(Name)? {
            if names.holds_name(&name) {
                return Err(A::Error::custom(format!(
                    "the key {name} stands twice in one object",
                    name = quoted(&name)
                )));
            }
            // Members of a group stand under these two names, in a resource and in a PATCH.
            let listed = name.eq_ignore_ascii_case("members") || name.eq_ignore_ascii_case("value");
            let seen = access.next_value_seed(Self { listed, ..self.one_level_down()? })?;
            // SQLite ends a text there: it would be stored, compared and found as a shorter one.
            if seen.nul || name.contains('\0') {
                return Err(A::Error::custom(format!(
                    "{name} holds the character U+0000, which cannot be stored",
                    name = quoted(&name)
                )));
            }
            names.add_name(name);
            // With too many names, or a nested value, the object is no member, and all of it counts.
            uncounted += usize::from(seen.single);
            flat = flat && seen.single && uncounted <= FLAT_NAMES_MAX;
            if !flat {
                self.count.add_values(std::mem::take(&mut uncounted))?;
            }
        }
        Ok(Seen { single: false, nul: false })
    }
}

/// The names of one object, to find those that differ in case alone.
#[derive(Default)]
struct SeenNames<'a> {
    few: Vec<Cow<'a, str>>,
    /// In lower case.
    many: BTreeSet<String>,
}

impl<'a> SeenNames<'a> {
    fn holds_name(&self, name: &str) -> bool {
        if self.many.is_empty() {
            self.few.iter().any(|known| known.eq_ignore_ascii_case(name))
        } else {
            self.many.contains(&name.to_ascii_lowercase())
        }
    }

    fn add_name(&mut self, name: Cow<'a, str>) {
        // Most objects have few names: no copy, no tree.
        if self.few.len() < FEW_NAMES && self.many.is_empty() {
            self.few.push(name);
        } else {
            self.many.extend(std::mem::take(&mut self.few).iter().map(|name| name.to_ascii_lowercase()));
            self.many.insert(name.to_ascii_lowercase());
        }
    }
}

/// Reads a name or a text, without a copy where it has no escapes.
pub(super) struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}
