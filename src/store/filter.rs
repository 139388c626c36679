//! Filters as SQL (RFC 7644 section 3.4.2.2). The text is put together from fixed fragments. Everything that a request
//! or a schema brings along, values, attribute names, addresses, is a constant in one JSON parameter, `?1`.
//!
//! A condition is about a row `r` of users or groups. `r.doc` is the canonical document; `coalesce(r.folded, r.doc)`
//! under `lower()` is the document folded (see [`super::folded`]), so that SQLite, which knows the case of ASCII alone,
//! compares as [`crate::fold::fold`] does. A comparison that SQL cannot make, or only at a length that the platform
//! refuses, is left open: the condition then finds more rows than the filter and says so, and [`Filter::matches`]
//! decides.

mod document;
mod related;

pub use related::RELATED_MAX;
pub(super) use related::{count_related, has_many};

use crate::scim::filter::{CompareOp, Filter, Target, Value};
use crate::scim::schema::{ENTERPRISE, Kinds, ResourceType};
use related::{Relation, is_one, is_related_key};
use serde_json::Value as Json;

/// A compiled filter.
#[derive(Debug)]
pub struct Condition {
    /// The condition: true of the rows that the filter may find, false or NULL otherwise.
    pub text: String,
    /// The constants: a JSON array, bound as `?1`.
    pub constants: String,
    /// True if the rows are exactly those that the filter finds, except for rows with more than [`RELATED_MAX`] groups
    /// or members if it goes through them.
    pub exact: bool,
    /// The number of times that it goes through a row's groups or members.
    pub passes: usize,
}

const AND: &str = " AND ";
const OR: &str = " OR ";
/// The highest expression: the platform allows 100 levels, and the statement around a condition takes some.
const HEIGHT_MAX: usize = 90;
/// The levels that one comparison takes.
const LEAF_HEIGHT: usize = 16;
/// The longest condition: the platform allows a statement of 100 KB.
const TEXT_MAX: usize = 80_000;

/// Returns the condition of a filter on users or groups. `base` is the SCIM base URL, with which addresses begin.
/// `looks_up` is true for a single statement, not for one of several pieces, so that the index of addresses may lead.
pub fn compile(filter: &Filter, kinds: Kinds, kind: &ResourceType, base: &str, looks_up: bool) -> Condition {
    let (constants, length, exact, passes) = (Vec::new(), 0, true, 0);
    let mut compiler = Compiler { kinds, kind, base, looks_up, constants, length, exact, passes };
    let text = compiler.compile_node(filter, &ConditionScope::Row, false, HEIGHT_MAX);
    let Compiler { constants, exact, passes, .. } = compiler;
    Condition { text, constants: Json::Array(constants).to_string(), exact, passes }
}

/// Returns the folded work addresses that a look-up asks for, if an index finds a few rows for each term of the filter,
/// so that one statement may look them all up. A name or an id has one row; an address may have many users.
pub fn look_up(filter: &Filter, kinds: Kinds) -> Option<Vec<&str>> {
    match filter {
        Filter::And(parts) => {
            parts.iter().filter_map(|part| look_up(part, kinds)).min_by_key(|addresses| !addresses.is_empty())
        }
        Filter::Or(parts) => parts.iter().try_fold(Vec::new(), |mut all, part| {
            all.extend(look_up(part, kinds)?);
            Some(all)
        }),
        Filter::Compare { target: Target { urn: None, name, sub: None }, op: CompareOp::Eq, .. } => {
            let is_unique = matches!(
                (kinds, name.as_str()),
                (_, "id" | "externalId") | (Kinds::Users, "userName") | (Kinds::Groups, "displayName")
            );
            is_unique.then(Vec::new)
        }
        Filter::Has { .. } => work_mail(filter).filter(|_| kinds == Kinds::Users).map(|address| vec![address]),
        _ => None,
    }
}

/// Returns the folded address of `emails[type eq "work" and value eq "…"]`.
fn work_mail(filter: &Filter) -> Option<&str> {
    let Filter::Has { target: Target { urn: None, name, sub: None }, filter } = filter else { return None };
    let parts = filter.conjuncts();
    let equal = |wanted: &str| {
        parts.iter().find_map(|part| match part {
            Filter::Compare { target, op: CompareOp::Eq, value: Value::Folded { key, .. } }
                if target.name == wanted =>
            {
                Some(key.as_str())
            }
            _ => None,
        })
    };
    (name == "emails" && equal("type") == Some("work")).then(|| equal("value"))?
}

struct Compiler<'a> {
    kinds: Kinds,
    kind: &'a ResourceType,
    base: &'a str,
    looks_up: bool,
    constants: Vec<Json>,
    length: usize,
    exact: bool,
    passes: usize,
}

/// Where the targets of a filter are looked up.
enum ConditionScope<'a> {
    /// The row.
    Row,
    /// A group of the user, or a member of the group.
    Relation(Relation),
    /// An element of a complex attribute, `e`.
    Element(&'a document::ElementRows),
}

impl Compiler<'_> {
    /// Compiles one part. `negated` is true under an odd number of `not`: an open comparison must then find too few
    /// rows, not too many.
    fn compile_node(&mut self, filter: &Filter, scope: &ConditionScope<'_>, negated: bool, height: usize) -> String {
        // SQLite would refuse the statement. The rows found are then judged by the evaluator, which has no such limits.
        if height < LEAF_HEIGHT || self.length > TEXT_MAX {
            return self.leave_open(negated);
        }
        let text = match filter {
            Filter::And(parts) => return self.join_chain(parts, AND, scope, negated, height),
            Filter::Or(parts) => {
                // Each part would go through up to 500 related rows of every user: a filter of many parts would be as
                // many passes.
                let joined = self.join_related(parts).filter(|_| matches!(scope, ConditionScope::Row));
                return self.join_chain(joined.as_deref().unwrap_or(parts), OR, scope, negated, height);
            }
            // An open comparison below `not` must be false, not true, so that the whole still finds too much.
            Filter::Not(inner) => return format!("NOT ({})", self.compile_node(inner, scope, !negated, height - 1)),
            Filter::Present(target) => self.compile_present(target, scope, negated),
            Filter::Compare { target, op, value } => self.compile_compare(target, *op, value, scope, negated),
            Filter::Has { target, filter: inner } => self.compile_has(filter, target, inner, negated, height),
        };
        self.length += text.len();
        text
    }

    /// Joins a chain as a balanced tree: its height is the logarithm of its length.
    fn join_chain(
        &mut self,
        parts: &[Filter],
        word: &str,
        scope: &ConditionScope<'_>,
        negated: bool,
        height: usize,
    ) -> String {
        match parts.split_at_checked(parts.len() / 2) {
            // A list of 200 terms in a row would be 200 levels deep, and the platform allows 100.
            Some((left, right)) if !left.is_empty() => {
                let below = height.saturating_sub(1);
                let left = self.join_chain(left, word, scope, negated, below);
                format!("({left}{word}{})", self.join_chain(right, word, scope, negated, below))
            }
            _ => match parts.first() {
                Some(one) => self.compile_node(one, scope, negated, height),
                None => if word == AND { "1" } else { "0" }.to_owned(),
            },
        }
    }

    /// Leaves a comparison open: it finds too many rows rather than too few.
    fn leave_open(&mut self, negated: bool) -> String {
        self.exact = false;
        if negated { "0" } else { "1" }.to_owned()
    }

    fn add_constant(&mut self, value: impl Into<Json>) -> String {
        // A value of the request is never part of the SQL text, so no value can change the statement.
        self.constants.push(value.into());
        format!("json_extract(?1, '$[{}]')", self.constants.len() - 1)
    }

    /// Returns the address of a resource; `id` is its column.
    fn address_text(&mut self, kinds: Kinds, id: &str) -> String {
        let prefix = self.add_constant(format!("{}/{}/", self.base, kinds.endpoint()));
        format!("({prefix} || {id})")
    }

    /// Returns the column of an attribute that has one, with its text folded where it is compared so.
    fn column_of(&mut self, target: &Target) -> Option<String> {
        if target.urn.is_some() {
            return None;
        }
        Some(match (self.kinds, target.name.as_str(), target.sub.as_deref()) {
            (_, "id", None) => "r.id".to_owned(),
            (_, "externalId", None) => "r.external_id".to_owned(),
            (Kinds::Users, "userName", None) => "r.user_name_key".to_owned(),
            (Kinds::Groups, "displayName", None) => "r.display_name_key".to_owned(),
            (_, "meta", Some("created")) => "r.created".to_owned(),
            (_, "meta", Some("lastModified")) => "r.modified".to_owned(),
            (kinds, "meta", Some("location")) => self.address_text(kinds, "r.id"),
            (kinds, "meta", Some("resourceType")) => self.add_constant(kinds.name()),
            _ => return None,
        })
    }

    fn compile_present(&mut self, target: &Target, scope: &ConditionScope<'_>, negated: bool) -> String {
        match scope {
            ConditionScope::Relation(_) => "1".to_owned(),
            ConditionScope::Element(elements) => self.element_present(elements, target),
            ConditionScope::Row => match (self.relation_of(target), target.name.as_str(), &target.urn) {
                (Some(relation), ..) => format!("EXISTS ({})", relation.base_rows()),
                (None, "externalId", None) => "r.external_id IS NOT NULL".to_owned(),
                // These are in no document; the service sets them for every resource.
                (None, "id" | "meta" | "schemas", None) => "1".to_owned(),
                _ if self.kind.spelled_on_reading => self.leave_open(negated),
                _ => self.document_present(target),
            },
        }
    }

    fn compile_compare(
        &mut self,
        target: &Target,
        op: CompareOp,
        value: &Value,
        scope: &ConditionScope<'_>,
        negated: bool,
    ) -> String {
        match scope {
            ConditionScope::Element(elements) => self.element_compare(elements, target, op, value, negated),
            ConditionScope::Relation(relation) => {
                let column = self.related_value(*relation, &target.name);
                self.compare_column(&column, op, value, negated)
            }
            ConditionScope::Row => {
                if let Some(relation) = self.relation_of(target) {
                    let column = self.related_value(relation, target.sub.as_deref().unwrap_or("value"));
                    let (rows, fits) = (relation.base_rows(), self.compare_column(&column, op, value, false));
                    // No value is not equal to any (RFC 7644 section 3.4.2.2), so `ne` finds users without a group too.
                    let none = if op == CompareOp::Ne { format!("NOT EXISTS ({rows}) OR ") } else { String::new() };
                    let is_served = op == CompareOp::Eq && is_related_key(target.sub.as_deref().unwrap_or("value"));
                    return self.any_related(format!("({none}EXISTS ({rows} AND {fits}))"), is_served, negated);
                }
                match self.column_of(target) {
                    Some(column) => self.compare_column(&column, op, value, negated),
                    // A version names the groups that are shown with a user.
                    None if target.urn.is_none() && target.name == "meta" => self.leave_open(negated),
                    // The folded document may be older than the document, too.
                    None if self.kind.spelled_on_reading => self.leave_open(negated),
                    None => self.document_compare(target, op, value, negated),
                }
            }
        }
    }

    fn compile_has(&mut self, whole: &Filter, target: &Target, inner: &Filter, negated: bool, height: usize) -> String {
        if let Some(relation) = self.relation_of(target) {
            let fits = self.compile_node(inner, &ConditionScope::Relation(relation), negated, height - 4);
            return self.any_related(format!("EXISTS ({} AND {fits})", relation.base_rows()), is_one(inner), negated);
        }
        if target.urn.is_none() && target.name == "meta" || self.kind.spelled_on_reading && work_mail(whole).is_none() {
            return self.leave_open(negated);
        }
        // The rows around a value path take four levels of the expression.
        let exact = self.document_has(target, inner, negated, height - 4);
        match work_mail(whole).filter(|_| self.kinds == Kinds::Users && self.looks_up && !negated) {
            None => exact,
            // The first work address has an index; users with other addresses are read.
            Some(key) => {
                let key = self.add_constant(key);
                format!(
                    "(r.key IN (SELECT key FROM users WHERE mail_key = {key} UNION ALL \
                     SELECT key FROM users WHERE more_mail = 1) AND {exact})"
                )
            }
        }
    }

    /// Compares a column, or an expression like one: NULL where there is no value.
    fn compare_column(&mut self, column: &str, op: CompareOp, value: &Value, negated: bool) -> String {
        let constant = match value {
            Value::Exact(text) | Value::Folded { key: text, .. } => self.add_constant(text.as_str()),
            Value::Instant { ms, .. } => self.add_constant(*ms),
            Value::Boolean(boolean) => self.add_constant(i64::from(*boolean)),
            Value::Number(number) => self.add_constant(Json::Number(number.clone())),
        };
        match op {
            CompareOp::Ne => format!("{column} IS NOT {constant}"),
            // An index serves `=`; NULL is as good as false, but not under NOT.
            CompareOp::Eq if negated => format!("{column} IS {constant}"),
            _ if negated => format!("coalesce({}, 0)", comparison_text(column, op, &constant, value)),
            _ => comparison_text(column, op, &constant, value),
        }
    }
}

/// Writes `left op constant`, for every operator but `ne`. SQLite orders text by its UTF-8 bytes, as Rust does.
fn comparison_text(left: &str, op: CompareOp, constant: &str, value: &Value) -> String {
    let empty = matches!(value, Value::Exact(text) | Value::Folded { key: text, .. } if text.is_empty());
    match op {
        CompareOp::Eq => format!("{left} = {constant}"),
        CompareOp::Ne => format!("{left} <> {constant}"),
        CompareOp::Gt => format!("{left} > {constant}"),
        CompareOp::Ge => format!("{left} >= {constant}"),
        CompareOp::Lt => format!("{left} < {constant}"),
        CompareOp::Le => format!("{left} <= {constant}"),
        CompareOp::Co | CompareOp::Sw | CompareOp::Ew if empty => format!("{left} IS NOT NULL"),
        CompareOp::Co => format!("instr({left}, {constant}) > 0"),
        CompareOp::Sw => format!("substr({left}, 1, length({constant})) = {constant}"),
        CompareOp::Ew => format!("substr({left}, -length({constant})) = {constant}"),
    }
}

/// Returns true if the attribute is surely stored in canonical form. Only those of the RFC's schemas are: an extension
/// may have been stored as it was sent, before it was registered.
fn is_canonical(target: &Target) -> bool {
    target.urn.as_deref().is_none_or(|urn| urn == ENTERPRISE)
}
