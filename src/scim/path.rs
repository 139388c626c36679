//! PATCH paths (RFC 7644 section 3.5.2, figure 7): `attrPath / valuePath [subAttr]`.
//!
//! Out of scope: what an operation does at its path (`patch`).

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

pub use super::filter::ResolveError;
use super::filter::parse::Parser;
use super::filter::resolve::{
    Definition, FoundPath, find_attribute, find_inside, has_elements, in_value_path, is_list_of_simple, not_complex,
};
use super::filter::{AttributePath, Expression, Filter, Form, Forms, Grammar, Target};
use crate::error::{Code, Error, Result};
use crate::scim::schema::{Attribute, ResourceType};

/// Reads a path. Attributes are not looked up.
pub fn parse(text: &str, forms: Forms) -> Result<RawPath> {
    let (attribute, filter, sub) = Parser::new(text, forms, Grammar::Path)?.read_path()?;
    Ok(RawPath { attribute, filter, sub })
}

/// A path as it was written. It prints as canonical text that is read as the same path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawPath {
    /// The attribute; without a filter, this has the sub-attribute.
    pub attribute: AttributePath,
    /// The filter in brackets.
    pub filter: Option<Expression>,
    /// The sub-attribute behind the brackets.
    pub sub: Option<String>,
}

impl RawPath {
    /// Looks the attributes up in the schemas of `resource`.
    pub fn resolve(&self, resource: &ResourceType, forms: Forms) -> Result<Resolved, ResolveError> {
        self.resolve_found(find_attribute(&self.attribute, resource, forms)?, forms)
    }

    /// Looks the attributes up in one schema of `resource`, the core's or an extension's.
    pub fn resolve_inside(&self, urn: &str, resource: &ResourceType, forms: Forms) -> Result<Resolved, ResolveError> {
        self.resolve_found(find_inside(urn, &self.attribute, resource)?, forms)
    }

    fn resolve_found(&self, found: FoundPath<'_>, forms: Forms) -> Result<Resolved, ResolveError> {
        let mut found = match found {
            FoundPath::Attribute(found) => found,
            FoundPath::Extension(_) if self.filter.is_some() => return Err(not_complex(&self.attribute)),
            FoundPath::Extension(schema) => {
                let target = Target { urn: Some(schema.id.to_string()), name: String::new(), sub: None };
                return Ok(Resolved { target, filter: None });
            }
        };
        let filter = match &self.filter {
            None => None,
            Some(filter) => Some(self.value_filter(filter, found, forms)?),
        };
        // An element of simple values is its own value.
        let is_value = |name: &str| is_list_of_simple(found.attribute) && name.eq_ignore_ascii_case("value");
        if let Some(name) = self.sub.as_deref().filter(|name| !is_value(name)) {
            let unknown = || ResolveError::Unknown(format!("{}.{name}", self.attribute));
            found.sub = Some(found.attribute.sub(name).ok_or_else(unknown)?);
        }
        Ok(Resolved { target: found.to_target(), filter })
    }

    fn value_filter(&self, filter: &Expression, found: Definition<'_>, forms: Forms) -> Result<Filter, ResolveError> {
        if found.sub.is_some() || !has_elements(&found) {
            return Err(not_complex(&self.attribute));
        }
        // Entra ID removes a manager with `manager[value eq "x"]`.
        if !found.attribute.multi && !forms.allow(Form::SingleValue) {
            let detail = format!("\"{}\" has a single value: leave out the filter in brackets", self.attribute);
            return Err(ResolveError::Refused(Error::new(Code::PathNeedlessFilter, detail)));
        }
        in_value_path(filter, found.attribute, forms).map_err(|error| match error {
            ResolveError::Unknown(name) => ResolveError::UnknownInFilter(name),
            other => other,
        })
    }
}

/// A path whose attributes exist. The serialised form is part of a versioned command between two deployed programs:
/// names are never changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resolved {
    /// The attribute and, if the path names one, its sub-attribute; an empty name is the extension as a whole.
    pub target: Target,
    /// The elements of the attribute that are meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
}

impl Resolved {
    /// Returns the definitions of the attribute and of its sub-attribute; `None` for a whole extension.
    pub fn definitions_in<'a>(&self, resource: &'a ResourceType) -> Option<(&'a Attribute, Option<&'a Attribute>)> {
        self.target.definitions_in(resource)
    }
}

impl Display for RawPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.attribute.fmt(f)?;
        if let Some(filter) = &self.filter {
            write!(f, "[{filter}]")?;
        }
        match &self.sub {
            None => Ok(()),
            Some(sub) => write!(f, ".{sub}"),
        }
    }
}

impl Display for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(filter) = &self.filter else {
            return self.target.fmt(f);
        };
        RawPath {
            attribute: AttributePath { sub: None, ..AttributePath::from(&self.target) },
            filter: Some(filter.into()),
            sub: self.target.sub.clone(),
        }
        .fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::scim::filter::tests::{group, user, value_filter};
    use crate::scim::schema::{ENTERPRISE, USER};

    #[track_caller]
    fn resolve(text: &str, forms: Forms) -> Result<Resolved, ResolveError> {
        let path = parse(text, forms).unwrap();
        assert_eq!(parse(&path.to_string(), forms).unwrap(), path);
        path.resolve(&user(), forms)
    }

    /// Checks that `text` is `json`, strict and lenient, and prints as `canonical`.
    #[track_caller]
    fn resolves(text: &str, canonical: &str, json: Json) {
        assert_eq!(resolve(text, Forms::Strict), resolve(text, Forms::Lenient));
        lenient(text, canonical, json);
    }

    #[track_caller]
    fn lenient(text: &str, canonical: &str, json: Json) {
        let path = resolve(text, Forms::Lenient).unwrap();
        assert_eq!(path.to_string(), canonical);
        assert_eq!(serde_json::to_value(&path).unwrap(), json);
        assert_eq!(serde_json::from_value::<Resolved>(json).unwrap(), path);
        assert_eq!(resolve(canonical, Forms::Lenient).unwrap(), path);
    }

    #[track_caller]
    fn unknown(text: &str, forms: Forms, name: &str) {
        assert_eq!(resolve(text, forms), Err(ResolveError::Unknown(name.into())));
    }

    #[track_caller]
    fn refused(text: &str, error: Error) {
        assert_eq!(resolve(text, Forms::Strict), Err(ResolveError::Refused(error)));
    }

    #[track_caller]
    fn malformed(text: &str, detail: &str) {
        let code = if detail.starts_with("path: ") { Code::PathTooComplex } else { Code::PathSyntax };
        for forms in [Forms::Strict, Forms::Lenient] {
            assert_eq!(parse(text, forms).unwrap_err(), Error::new(code, detail));
        }
    }

    fn work(name: &str, sub: &str) -> Json {
        let work = json!({"folded": {"text": "Work", "key": "work"}});
        let filter = json!({"cmp": {"target": {"name": "type"}, "op": "eq", "value": work}});
        json!({"target": {"name": name, "sub": sub}, "filter": filter})
    }

    #[test]
    fn attributes() {
        resolves("USERNAME", "userName", json!({"target": {"name": "userName"}}));
        resolves(" password ", "password", json!({"target": {"name": "password"}}));
        resolves("Name.FamilyName", "name.familyName", json!({"target": {"name": "name", "sub": "familyName"}}));
        resolves(&format!("{USER}:name"), "name", json!({"target": {"name": "name"}}));
        let number = format!("{ENTERPRISE}:employeeNumber");
        resolves(&number, &number, json!({"target": {"urn": ENTERPRISE, "name": "employeeNumber"}}));
        let manager = format!("{ENTERPRISE}:manager.value");
        resolves(
            &manager.to_ascii_uppercase(),
            &manager,
            json!({"target": {"urn": ENTERPRISE, "name": "manager", "sub": "value"}}),
        );
        resolves(&ENTERPRISE.to_lowercase(), ENTERPRISE, json!({"target": {"urn": ENTERPRISE, "name": ""}}));
    }

    #[test]
    fn value_paths() {
        let text = r#"emails[type eq "Work"].value"#;
        resolves(text, text, work("emails", "value"));
        resolves(
            r#"ADDRESSES [ TYPE EQ "Work" ].Formatted"#,
            r#"addresses[type eq "Work"].formatted"#,
            work("addresses", "formatted"),
        );
        lenient("emails[type eq Work].value", text, work("emails", "value"));
        let text = r#"roles[primary eq true]"#;
        lenient(
            r#"roles[primary eq "True"]"#,
            text,
            json!({"target": {"name": "roles"}, "filter":
                {"cmp": {"target": {"name": "primary"}, "op": "eq", "value": {"boolean": true}}}}),
        );
        for forms in [Forms::Strict, Forms::Lenient] {
            let path = parse(r#"members[value eq "6784"]"#, forms).unwrap().resolve(&group(), forms).unwrap();
            assert_eq!(path.filter.unwrap().assertions(), [("value", json!("6784"))]);
        }
    }

    #[test]
    fn lenient_forms() {
        let number = format!("{ENTERPRISE}:employeeNumber");
        let json = json!({"target": {"urn": ENTERPRISE, "name": "employeeNumber"}});
        lenient("employeenumber", &number, json.clone());
        lenient(&format!("{ENTERPRISE}.employeeNumber"), &number, json);
        unknown("employeenumber", Forms::Strict, "employeenumber");
        unknown(&format!("{ENTERPRISE}.employeeNumber"), Forms::Strict, &format!("{ENTERPRISE}.employeeNumber"));
        // In two extensions.
        unknown("department", Forms::Lenient, "department");

        let manager = format!("{ENTERPRISE}:manager[value eq \"x\"]");
        let json = json!({"target": {"urn": ENTERPRISE, "name": "manager"}, "filter":
            {"cmp": {"target": {"name": "value"}, "op": "eq", "value": {"exact": "x"}}}});
        for text in [r#"manager[value eq "x"]"#, &manager, &format!("{ENTERPRISE}.manager[value eq x]")] {
            lenient(text, &manager, json.clone());
        }
        let detail = format!("\"{ENTERPRISE}:manager\" has a single value: leave out the filter in brackets");
        refused(&manager, Error::new(Code::PathNeedlessFilter, detail));
    }

    #[test]
    fn unknown_attributes() {
        for forms in [Forms::Strict, Forms::Lenient] {
            unknown("nick", forms, "nick");
            unknown("userName.nick", forms, "userName.nick");
            unknown("emails[type pr].nick", forms, "emails.nick");
            let in_filter = Err(ResolveError::UnknownInFilter("emails.nick".into()));
            assert_eq!(resolve("emails[nick pr].value", forms), in_filter);
            unknown("urn:a:User:b", forms, "urn:a:User:b");
            unknown("urn:a:User", forms, "urn:a:User");
            unknown(USER, forms, USER);
        }
        let error = ResolveError::Unknown("nick".into()).into_error(Code::PathUnknownAttribute, &user());
        assert_eq!(
            error,
            Error::new(Code::PathUnknownAttribute, "User has no attribute \"nick\"").with_names(["nick"])
        );
    }

    #[test]
    fn refused_filters() {
        let bare = |name: &str| {
            let detail = format!("\"{name}\" has no sub-attributes, so a filter in brackets cannot follow it");
            Error::new(Code::FilterImpossible, detail)
        };
        refused("userName[value pr]", bare("userName"));
        refused("emails.value[value pr]", bare("emails.value"));
        refused(&format!("{ENTERPRISE}[manager pr]"), bare(ENTERPRISE));
        refused(
            "emails[primary gt true]",
            Error::new(Code::FilterImpossible, "\"primary\" is a boolean and cannot be compared by gt"),
        );
    }

    #[test]
    fn malformed_paths() {
        malformed("", "path, position 1: expected an attribute name, found the end");
        malformed("/userName", "path, position 1: expected an attribute name, found \"/userName\"");
        malformed("user name", "path, position 6: expected \"[\" or the end of the path, found \"name\"");
        malformed("emails[0]", "path, position 8: expected an attribute name, found \"0\"");
        malformed("emails[type pr", "path, position 15: expected and, or or \"]\", found the end");
        malformed("emails[type pr]value", "path, position 16: expected \".\" or the end of the path, found \"value\"");
        malformed("emails[type pr].", "path, position 17: expected the name of a sub-attribute, found the end");
        malformed("emails[type pr].a.b", "path, position 17: expected the name of a sub-attribute, found \"a.b\"");
        malformed("emails[type pr].a eq 1", "path, position 19: expected the end of the path, found \"eq\"");
        malformed(
            "emails[type equals 1]",
            "path, position 13: expected an operator (eq, ne, co, sw, ew, gt, ge, lt, le, pr), found \"equals\"",
        );
        malformed(&"a".repeat(4097), "path: longer than 4096 bytes");
        let mixed = format!("a[{}b pr or c pr{}]", "a pr or b pr and (".repeat(16), ")".repeat(16));
        malformed(&mixed, "path: nested more than 32 levels deep");
        malformed(&format!("a[{}", "(".repeat(32)), "path: nested more than 32 levels deep");
    }

    #[test]
    fn definitions() {
        let user = user();
        let names = |text: &str| {
            let path = resolve(text, Forms::Lenient).unwrap();
            path.definitions_in(&user).map(|(a, sub)| (a.name.to_string(), sub.map(|sub| sub.name.to_string())))
        };
        assert_eq!(names("emails[type pr].value"), Some(("emails".into(), Some("value".into()))));
        assert_eq!(names("schemas[value pr].value"), Some(("schemas".into(), None)));
        assert_eq!(names("manager"), Some(("manager".into(), None)));
        assert_eq!(names(ENTERPRISE), None);
    }

    proptest! {
        #[test]
        fn parse_print_parse(
            text in "(urn:a:2\\.0:User:)?[a-z]{1,6}",
            filter in value_filter(),
            sub in prop::option::of("[a-z]{1,6}"),
        ) {
            let RawPath { attribute, .. } = parse(&text, Forms::Strict).unwrap();
            let path = RawPath { attribute, filter: Some(filter), sub };
            prop_assume!(path.to_string().len() <= 4096);
            prop_assert_eq!(&parse(&path.to_string(), Forms::Strict).unwrap(), &path);
        }
    }
}
