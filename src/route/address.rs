//! The path and the query of a SCIM address, as clients make it whose base URL already has a query.
//!
//! A client that appends its path to `https://HOST/acme/scim/v2?aadOptscim062020` sends
//! `?aadOptscim062020/Users?filter=...`: path and parameters then stand in the query. If they were not read there, the
//! request would be answered as if it had no filter.

/// The parameters of a list (RFC 7644 sections 3.4.2 and 3.9, RFC 9865 section 2).
const PARAMETERS: [&str; 8] =
    ["filter", "startIndex", "count", "cursor", "attributes", "excludedAttributes", "sortBy", "sortOrder"];
/// The first segment of a path below the base URL (RFC 7644 section 3.2).
const ENDPOINTS: [&str; 8] =
    ["Users", "Groups", "Bulk", ".search", "Me", "ServiceProviderConfig", "ResourceTypes", "Schemas"];

/// Finds a path in the query of a base URL. Returns the path, and the query that follows it.
///
/// The path begins at a slash behind a flag (`aadOptscim062020/Users`, `connection=abc/Users`): at the first one before
/// the name of an endpoint, else at the first one. It ends at the next `?` or `&`. A slash in a parameter of SCIM is a
/// part of its value. `%2F` and `%3F` count as well: a client's library may have encoded the whole as one parameter.
pub(super) fn path_in_query(query: &str) -> Option<(&str, &str)> {
    let marks = address_marks(query);
    let mut flag = 0;
    for (at, mark) in marks.iter().enumerate() {
        let text = query.get(flag..)?;
        match mark.byte {
            b'&' | b'?' => flag = mark.end,
            b'/' if is_parameter(leading_letters(text)) => return None,
            b'/' => {
                let ends = |mark: &&AddressMark| matches!(mark.byte, b'&' | b'?');
                let rest = marks.get(at..)?;
                let end = rest.iter().find(ends).map_or((query.len(), query.len()), |mark| (mark.at, mark.end));
                let slashes = rest.iter().filter(|mark| mark.byte == b'/' && mark.at < end.0);
                let begin = slashes.clone().find(|mark| is_endpoint(query.get(mark.end..end.0))).unwrap_or(mark);
                return Some((query.get(begin.at..end.0)?, query.get(end.1..)?));
            }
            _ => {}
        }
    }
    None
}

/// Splits a query into its parameters. `+` is a space, empty parts are dropped: identity providers leave a trailing `&`
/// or `?`.
///
/// A further `?` separates too, outside double quotes and before a parameter of SCIM with its `=`: `x=1?filter=...` is
/// a base URL with a query and what a client appended to it. Elsewhere it is a part of a value: `displayName eq
/// "who?"`.
pub(super) fn parameters(query: &str) -> Vec<(String, String)> {
    let pieces = query.trim_matches('?').split('&').flat_map(separated_pieces);
    pieces.filter_map(|piece| parameter_pair(&piece)).collect()
}

fn parameter_pair(text: &str) -> Option<(String, String)> {
    let (name, value) = form_urlencoded::parse(text.as_bytes()).next()?;
    (!name.is_empty()).then(|| (name.into_owned(), value.into_owned()))
}

/// Splits a part at each `?` that separates. An encoded `?` separates only behind a name that is no parameter of SCIM,
/// because no one else reads such a value. A quotation that is never closed does not count.
fn separated_pieces(part: &str) -> Vec<String> {
    let marks = address_marks(part);
    let quotes = marks.iter().filter(|mark| mark.byte == b'"').count();
    let (mut pieces, mut piece, mut from, mut is_known) =
        (Vec::new(), String::new(), 0, is_parameter(leading_letters(part)));
    let (mut passed, mut passed_before) = (0, 0);
    for mark in &marks {
        passed += usize::from(mark.byte == b'"');
        let is_quoted = (passed - passed_before) % 2 == 1 && passed < quotes;
        if mark.byte != b'?' || is_quoted || (mark.is_encoded && is_known) {
            continue;
        }
        if let Some((name, value)) = begun_parameter(part.get(mark.end..).unwrap_or_default(), mark.is_encoded) {
            piece.push_str(part.get(from..mark.at).unwrap_or_default());
            pieces.push(std::mem::replace(&mut piece, format!("{name}=")));
            (from, is_known, passed_before) = (part.len() - value.len(), true, passed);
        }
    }
    piece.push_str(part.get(from..).unwrap_or_default());
    pieces.push(piece);
    pieces
}

/// Reads the name of a SCIM parameter at the beginning. Returns it and the text behind its `=`, which may be encoded as
/// the `?` before it.
fn begun_parameter(text: &str, is_encoded: bool) -> Option<(&str, &str)> {
    let name = leading_letters(text);
    let value = text.get(name.len()..).filter(|_| is_parameter(name))?;
    let encoded = || value.split_at_checked(3).filter(|(head, _)| is_encoded && head.eq_ignore_ascii_case("%3D"));
    Some((name, value.strip_prefix('=').or_else(|| encoded().map(|(_, rest)| rest))?))
}

/// A character with a meaning in an address.
struct AddressMark {
    at: usize,
    end: usize,
    byte: u8,
    is_encoded: bool,
}

/// Finds `&`, `/`, `?` and `"`, plain or percent-encoded. A quote behind a backslash is a part of the quotation, and an
/// encoded `&` of its value.
fn address_marks(text: &str) -> Vec<AddressMark> {
    let (mut marks, mut at, mut escaped) = (Vec::new(), 0, false);
    while let Some(first) = text.as_bytes().get(at) {
        let code = text.get(at + 1..at + 3).filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let (byte, end, is_encoded) = match code {
            Some(byte) => (byte, at + 3, true),
            None => (*first, at + 1, false),
        };
        let counts = match byte {
            b'"' => !escaped,
            b'/' | b'?' => true,
            b'&' => !is_encoded,
            _ => false,
        };
        if counts {
            marks.push(AddressMark { at, end, byte, is_encoded });
        }
        escaped = byte == b'\\' && !escaped;
        at = end;
    }
    marks
}

/// Returns the letters at the beginning.
fn leading_letters(text: &str) -> &str {
    text.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default()
}

fn is_parameter(name: &str) -> bool {
    PARAMETERS.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn is_endpoint(text: Option<&str>) -> bool {
    let segment = text.unwrap_or_default().split(['/', '%']).next().unwrap_or_default();
    ENDPOINTS.iter().any(|known| known.eq_ignore_ascii_case(segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (query, expected) in [
            ("aadOptscim062020/Users?filter=a", Some(("/Users", "filter=a"))),
            ("aadOptscim062020/Users&filter=a", Some(("/Users", "filter=a"))),
            ("aadOptscim062020/Groups/g-1", Some(("/Groups/g-1", ""))),
            ("aadOptscim062020&x=1/Users??filter=a", Some(("/Users", "?filter=a"))),
            ("connection=https://a.b/c/Users/u?count=1", Some(("/Users/u", "count=1"))),
            (
                "aadOptscim062020%2FUsers%3ffilter=userName+eq+%22a%22&count=1",
                Some(("%2FUsers", "filter=userName+eq+%22a%22&count=1")),
            ),
            ("flag/", Some(("/", ""))),
            ("flag/Nothing/Here?x", Some(("/Nothing/Here", "x"))),
            ("x?y/Users", Some(("/Users", ""))),
            ("filter=meta.location eq \"https://h/Users/1\"", None),
            ("aadOptscim062020&filter=title eq \"a/b\"", None),
            ("cursor=a/b", None),
            ("aadOptscim062020", None),
            ("", None),
        ] {
            assert_eq!(path_in_query(query), expected, "{query}");
        }
    }

    #[test]
    fn further_question_marks() {
        for (query, expected) in [
            ("x=1?filter=a+b&count=2", "x=1|filter=a b|count=2"),
            ("aadOptscim062020?filter=a", "aadOptscim062020=|filter=a"),
            ("x=1?Filter=a?startIndex=3", "x=1|Filter=a|startIndex=3"),
            ("count=5?filter=a", "count=5|filter=a"),
            ("x=1%3Ffilter%3Da", "x=1|filter=a"),
            ("?filter=a?", "filter=a"),
            ("filter=displayName eq \"who?\"", "filter=displayName eq \"who?\""),
            ("filter=displayName+eq+%22who?count=1%22", "filter=displayName eq \"who?count=1\""),
            ("filter=title eq \"a\\\"?count=1\"?count=2", "filter=title eq \"a\\\"?count=1\"|count=2"),
            ("filter=title eq \"a%3Fcount=1\"", "filter=title eq \"a?count=1\""),
            ("filter=title eq a%3Fcount=1", "filter=title eq a?count=1"),
            ("filter=title eq who?then=1", "filter=title eq who?then=1"),
            ("x=\"?filter=a", "x=\"|filter=a"),
            ("x=1?filters=a", "x=1?filters=a"),
            ("&&=b&c", "c="),
        ] {
            let found =
                parameters(query).into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
            assert_eq!(found.join("|"), expected, "{query}");
        }
    }
}
