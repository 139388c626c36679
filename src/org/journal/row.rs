//! The length of a journal's row. A text that does not fit is cut, never refused: first the names, then the notes, then
//! the sentence, at last whom it is about. A row that was cut says so (`"cut": true` in its error), and a text that was cut ends with `…`.

use serde_json::Value;

/// The largest row, in bytes.
pub(crate) const ROW_MAX: usize = 4096;
/// The longest name that is kept, in characters. No id is longer than 128.
const NAME_MAX: usize = 300;
/// The bytes of a row beside its texts.
const FIXED: usize = 32;
/// The member of the error that says whom the entry is about.
pub(crate) const ABOUT: &str = "about";
const CUT: &str = "…";
/// The note that the journal shows at a row that was cut.
pub(crate) const NOTE: &str = "This entry was cut: an entry has at most 4 KiB.";

/// Returns a name as it is kept.
pub(crate) fn cut_name(text: &str) -> String {
    match text.char_indices().nth(NAME_MAX) {
        Some((at, _)) => text.get(..at).unwrap_or_default().to_owned() + CUT,
        None => text.to_owned(),
    }
}

/// Cuts the texts that do not fit into a row whose other texts have `rest` bytes. Returns the error, as JSON, and the
/// names that are left.
pub(crate) fn fit_row(mut why: Value, mut names: Vec<String>, rest: usize) -> (String, Vec<String>) {
    let room = ROW_MAX.saturating_sub(FIXED + rest);
    let text = why.to_string();
    if text.len() + array_bytes(&names) <= room {
        return (text, names);
    }
    // Step 1: names are cut first, since a sentence without its end is harder to understand.
    set_member(&mut why, "cut", true.into());
    let left = |why: &Value| room.saturating_sub(why.to_string().len());
    let over = |why: &Value| (why.to_string().len() + array_bytes(&[])).saturating_sub(room);
    names.truncate(count_fitting(&names, left(&why)));
    // Step 2: then the notes.
    if over(&why) > 0
        && let Some(notes) = why.get_mut("notes").map(Value::take)
    {
        let mut notes: Vec<String> = serde_json::from_value(notes).unwrap_or_default();
        set_member(&mut why, "notes", Value::Array(Vec::new()));
        // An array takes the two bytes that an empty one has.
        notes.truncate(count_fitting(&notes, left(&why)));
        set_member(&mut why, "notes", notes.into());
    }
    // Step 3: then the sentence.
    let excess = over(&why);
    if excess > 0
        && let Some(Value::String(detail)) = why.get_mut("detail")
    {
        let shown = detail.chars().map(escaped_bytes).sum::<usize>();
        *detail = beginning_of(detail, shown.saturating_sub(excess));
    }
    // Step 4: names of characters that are long in JSON may still be too much; the `id` is short.
    for name in ["displayNameKey", "userNameKey", "displayName", "externalId", "userName"] {
        if over(&why) > 0
            && let Some(about) = why.get_mut(ABOUT).and_then(Value::as_object_mut)
        {
            about.remove(name);
        }
    }
    (why.to_string(), names)
}

/// Sets a member of an object.
pub(crate) fn set_member(why: &mut Value, name: &str, value: Value) {
    if let Some(map) = why.as_object_mut() {
        map.insert(name.to_owned(), value);
    }
}

/// Returns the number of texts that fit into a JSON array of at most `room` bytes.
fn count_fitting(texts: &[String], room: usize) -> usize {
    let mut bytes = 1;
    let fits = |text: &&String| {
        bytes += element_bytes(text);
        bytes <= room
    };
    texts.iter().take_while(fits).count()
}

/// Returns the length of the texts as a JSON array, in bytes.
fn array_bytes(texts: &[String]) -> usize {
    texts.iter().map(|text| element_bytes(text)).sum::<usize>().max(1) + 1
}

/// Returns the length of a text in a JSON array: with its quotes, and a comma or the end of the array.
fn element_bytes(text: &str) -> usize {
    text.chars().map(escaped_bytes).sum::<usize>() + 3
}

/// Returns the beginning of a text, of at most `room` bytes in JSON.
fn beginning_of(text: &str, room: usize) -> String {
    let mut left = room.saturating_sub(CUT.len());
    let fits = |c: &char| {
        let fits = escaped_bytes(*c) <= left;
        left = left.saturating_sub(escaped_bytes(*c));
        fits
    };
    text.chars().take_while(fits).chain(CUT.chars()).collect()
}

/// Returns the length of a character in a JSON text, in bytes.
fn escaped_bytes(c: char) -> usize {
    match c {
        '"' | '\\' | '\u{8}' | '\u{c}' | '\n' | '\r' | '\t' => 2,
        _ if c < ' ' => 6,
        _ => c.len_utf8(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    proptest! {
        #[test]
        fn a_row_fits_and_says_what_is_left(
            detail in "[a-zé\"\\\\\n\u{1}\u{1F600}]{0,3000}",
            names in proptest::collection::vec("[a-zé\"\\\\\u{1}]{0,400}", 0..40),
            notes in proptest::collection::vec("[a-zé\"]{0,300}", 0..30),
            rest in 0..3500_usize,
        ) {
            let names: Vec<String> = names.iter().map(|text| cut_name(text)).collect();
            let why = json!({"code": "nested-group", "detail": detail, "notes": notes});
            let (error, kept) = fit_row(why.clone(), names.clone(), rest);
            let bytes = error.len() + serde_json::to_string(&kept).unwrap().len();
            prop_assert!(FIXED + rest + bytes <= ROW_MAX, "{bytes} bytes beside {rest}");
            let error: Value = serde_json::from_str(&error).unwrap();
            let (shown, noted) = (error["detail"].as_str().unwrap(), error["notes"].as_array().unwrap());
            prop_assert!(names.starts_with(&kept));
            prop_assert!(why["notes"].as_array().unwrap().starts_with(noted));
            prop_assert!(shown == detail || shown.strip_suffix(CUT).is_some_and(|begin| detail.starts_with(begin)));
            let whole = kept == names && noted.len() == notes.len() && shown == detail;
            prop_assert_eq!(error["cut"] == json!(true), !whole);
            // Names are cut first, then the notes, then the end of the sentence.
            prop_assert!(shown == detail || (kept.is_empty() && noted.is_empty()));
            prop_assert!(noted.len() == notes.len() || kept.is_empty());
        }
    }
}
