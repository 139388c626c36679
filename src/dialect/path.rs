//! Repairs of paths and filters. The grammar knows how to read each form; this module says which forms a dialect may
//! use, and under which name the journal notes one.

use super::{Repair, Repairs};
use crate::auth::Dialect;
use crate::scim::filter::{CompareOp, Filter, Form, Forms, Value};
use crate::scim::names::has_outer_blanks;
use crate::scim::schema::ENTERPRISE;
use percent_encoding::percent_decode_str;

/// Returns the forms that a dialect's paths and filters may have.
pub fn allowed_forms(dialect: Dialect) -> Forms {
    match Form::ALL.into_iter().find(|form| !repair_of_form(*form).is_on()) {
        _ if !dialect.habits().mends => Forms::Strict,
        None => Forms::Lenient,
        Some(off) => Forms::Without(off),
    }
}

/// Reads a text strictly if possible, else in the forms that are allowed, and notes those that it needed. Each form
/// that is not noted yet costs one more reading, so that is done for the first texts of a request only.
///
/// # Errors
/// The error that is left with all forms allowed.
pub fn read_in_forms<T, E>(forms: Forms, repairs: &mut Repairs, read: impl Fn(Forms) -> Result<T, E>) -> Result<T, E> {
    // A correct text costs this one reading alone.
    let strict = read(Forms::Strict);
    if strict.is_ok() || forms == Forms::Strict {
        return strict;
    }
    let found = read(forms)?;
    // The journal names each repair, so each allowed form is left out once to see whether the text needs it.
    if repairs.may_look() {
        let unknown = Form::ALL.into_iter().filter(|form| !repairs.was_noted(repair_of_form(*form)));
        let needed: Vec<Form> = unknown.filter(|form| read(Forms::Without(*form)).is_err()).collect();
        needed.into_iter().for_each(|form| _ = repairs.note_need(repair_of_form(form)));
    }
    Ok(found)
}

fn repair_of_form(form: Form) -> Repair {
    match form {
        Form::AfterValuePath => Repair::FilterAfterValuePath,
        Form::DotAfterUrn => Repair::UrnDot,
        Form::ShortName => Repair::ShortExtensionNames,
        Form::SingleValue => Repair::FilterOnSingleValue,
        Form::TextBoolean => Repair::StringBooleans,
        Form::TextNumber => Repair::StringNumbers,
        Form::Unquoted => Repair::UnquotedFilterValue,
    }
}

/// URNs that stand for the Enterprise User extension in older templates and samples.
const ENTERPRISE_ALIASES: [&str; 5] = [
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0User",
    "urn:scim:schemas:extension:enterprise:2.0:User",
    "urn:scim:schemas:extension:enterprise:2.0",
    "urn:scim:schemas:extension:enterprise:1.0",
];

/// Replaces such a URN in a key or path that is, or begins with, one.
pub fn urn_alias(text: String, repairs: &mut Repairs) -> String {
    let rest = |urn: &str| {
        let (head, rest) = text.split_at_checked(urn.len())?;
        (head.eq_ignore_ascii_case(urn) && (rest.is_empty() || rest.starts_with([':', '.']))).then_some(rest)
    };
    match ENTERPRISE_ALIASES.iter().find_map(|alias| rest(alias)) {
        // One alias is a prefix of the real URN and must not eat its end.
        Some(rest) if rest_of_the_true_one(&text).is_none() && repairs.note_need(Repair::UrnAliases) => {
            format!("{ENTERPRISE}{rest}")
        }
        _ => text,
    }
}

/// Returns the rest of a text that begins with the real URN: an alias may be its beginning.
fn rest_of_the_true_one(text: &str) -> Option<&str> {
    let (head, rest) = text.split_at_checked(ENTERPRISE.len())?;
    head.eq_ignore_ascii_case(ENTERPRISE).then_some(rest)
}

/// Lets equality with an encoded text also find the decoded one. Not below an `or`: that may be the work of this very
/// function.
pub fn with_decoded_texts(filter: Filter, repairs: &mut Repairs) -> Filter {
    match filter {
        Filter::And(parts) => Filter::And(parts.into_iter().map(|part| with_decoded_texts(part, repairs)).collect()),
        Filter::Has { target, filter } => {
            Filter::Has { target, filter: Box::new(with_decoded_texts(*filter, repairs)) }
        }
        Filter::Compare { target, op: CompareOp::Eq, value } => {
            let plain = match &value {
                // The value may really hold a percent sign, so the text as it was sent stays an alternative.
                Value::Exact(text) => percent_decoded(text).map(Value::Exact),
                Value::Folded { text, .. } => percent_decoded(text).map(Value::folded),
                _ => None,
            };
            let compare = |value| Filter::Compare { target: target.clone(), op: CompareOp::Eq, value };
            match plain {
                Some(plain) if repairs.note_need(Repair::EncodedFilterValue) => {
                    Filter::Or(vec![compare(value), compare(plain)])
                }
                _ => compare(value),
            }
        }
        other => other,
    }
}

/// Lets equality with a name that has white space around it also find the name without: it is stored without, or was
/// stored with it earlier.
pub fn with_names_cut(filter: Filter, repairs: &mut Repairs) -> Filter {
    match filter {
        Filter::And(parts) => Filter::And(parts.into_iter().map(|part| with_names_cut(part, repairs)).collect()),
        Filter::Or(parts) => {
            // The alternatives join the same `or`: its terms are looked up together, and a nested one would not be.
            let cuts: Vec<Filter> = parts.iter().filter_map(name_cut).filter(|cut| !parts.contains(cut)).collect();
            let more = if !cuts.is_empty() && repairs.note_need(Repair::OuterBlanks) { cuts } else { Vec::new() };
            let inner = |part| match part {
                Filter::Compare { .. } => part,
                part => with_names_cut(part, repairs),
            };
            Filter::Or(parts.into_iter().map(inner).chain(more).collect())
        }
        Filter::Not(inner) => Filter::Not(Box::new(with_names_cut(*inner, repairs))),
        filter => match name_cut(&filter) {
            Some(cut) if repairs.note_need(Repair::OuterBlanks) => Filter::Or(vec![filter, cut]),
            _ => filter,
        },
    }
}

/// Returns the comparison with the name without white space around it.
fn name_cut(filter: &Filter) -> Option<Filter> {
    let Filter::Compare { target, op: CompareOp::Eq, value: Value::Folded { text, .. } } = filter else { return None };
    let is_name = target.urn.is_none() && target.sub.is_none() && ["userName", "displayName"].contains(&&*target.name);
    (is_name && has_outer_blanks(text) && !text.trim().is_empty()).then(|| Filter::Compare {
        target: target.clone(),
        op: CompareOp::Eq,
        value: Value::folded(text.trim()),
    })
}

/// Decodes a percent-encoded text; `None` for any other.
fn percent_decoded(text: &str) -> Option<String> {
    let plain = percent_decode_str(text).decode_utf8().ok()?;
    (plain != text).then(|| plain.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::filter;
    use crate::scim::schema::tables::user_type;

    #[test]
    fn aliases() {
        for (sent, meant) in [
            ("urn:scim:schemas:extension:enterprise:2.0", ""),
            ("urn:ietf:params:scim:schemas:extension:enterprise:2.0User", ""),
            ("URN:ietf:params:scim:schemas:extension:enterprise:2.0:department", ":department"),
            ("urn:scim:schemas:extension:enterprise:2.0:User:manager.value", ":manager.value"),
            ("urn:scim:schemas:extension:enterprise:1.0.department", ".department"),
        ] {
            let mut repairs = Repairs::default();
            let mended = urn_alias(sent.to_owned(), &mut repairs);
            assert_eq!(
                (mended, repairs.into_names().join(" ")),
                (format!("{ENTERPRISE}{meant}"), "urn_aliases".to_owned())
            );
        }
        for same in [ENTERPRISE, "urn:scim:schemas:extension:enterprise:3.0", "urn:x", "userName"]
            .into_iter()
            .map(str::to_owned)
            .chain([format!("{ENTERPRISE}:department"), ENTERPRISE.to_lowercase()])
        {
            assert_eq!(urn_alias(same.clone(), &mut Repairs::default()), same);
        }
    }

    /// 2,000 texts of 4 KiB fit into one body.
    #[test]
    fn a_text_is_read_twice_and_the_first_ones_more_often() {
        let mut repairs = Repairs::default();
        let readings = std::cell::Cell::new(0);
        for n in 0..2_000 {
            let form = if n == 50 { Form::Unquoted } else { Form::TextBoolean };
            let read = |forms: Forms| {
                readings.set(readings.get() + 1);
                if forms.allow(form) { Ok(()) } else { Err(()) }
            };
            assert_eq!(super::read_in_forms(Forms::Lenient, &mut repairs, read), Ok(()));
        }
        assert_eq!(repairs.into_names(), ["string_booleans", "unquoted_filter_value"]);
        assert!(readings.get() < 2 * 2_000 + 100 * 7, "{}", readings.get());
    }

    #[test]
    fn encoded_once_too_often() {
        for (sent, meant) in [
            (r#"userName eq "a%40b.uk""#, r#"userName eq "a%40b.uk" or userName eq "a@b.uk""#),
            (r#"emails[value eq "a%2Bb"]"#, r#"emails[value eq "a%2Bb" or value eq "a+b"]"#),
            (r#"active eq true and userName eq "100%""#, r#"active eq true and userName eq "100%""#),
            (r#"userName sw "a%40""#, r#"userName sw "a%40""#),
            (r#"userName eq "%ff""#, r#"userName eq "%ff""#),
        ] {
            let user = user_type();
            let parsed =
                |text: &str| filter::parse(text, Forms::Strict).unwrap().resolve(&user, Forms::Strict).unwrap();
            let mended = with_decoded_texts(parsed(sent), &mut Repairs::default());
            assert_eq!(mended, parsed(meant), "{sent}");
            assert_eq!(with_decoded_texts(mended.clone(), &mut Repairs::default()), mended, "{sent}, twice");
        }
    }

    #[test]
    fn names_with_and_without_white_space() {
        let parsed =
            |text: &str| filter::parse(text, Forms::Lenient).unwrap().resolve(&user_type(), Forms::Lenient).unwrap();
        for (sent, meant) in [
            (r#"userName eq "a b""#, r#"userName eq "a b""#),
            (r#"userName eq " ""#, r#"userName eq " ""#),
            (r#"title eq "a ""#, r#"title eq "a ""#),
            (r#"userName sw "a ""#, r#"userName sw "a ""#),
            (r#"userName eq "a ""#, r#"userName eq "a " or userName eq "a""#),
            (r#"id eq "i" and displayName eq " a""#, r#"id eq "i" and (displayName eq " a" or displayName eq "a")"#),
            (r#"id eq "i" or userName eq "\ta""#, r#"id eq "i" or userName eq "\ta" or userName eq "a""#),
            (r#"not (userName eq "a ")"#, r#"not (userName eq "a " or userName eq "a")"#),
        ] {
            let cut = with_names_cut(parsed(sent), &mut Repairs::default());
            assert_eq!(cut, parsed(meant), "{sent}");
            assert_eq!(with_names_cut(cut.clone(), &mut Repairs::default()), cut, "{sent}, twice");
        }
    }
}
