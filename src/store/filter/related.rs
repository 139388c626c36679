//! Conditions on a user's groups and a group's members, which are rows and stand in no document.

use super::Compiler;
use crate::fold::fold;
use crate::scim::filter::{CompareOp, Filter, Target};
use crate::scim::schema::Kinds;

/// The most groups of a user, or members of a group, that a condition goes through. A row with more is always found: a
/// statement cannot pause, so its time must not depend on the number of groups.
pub const RELATED_MAX: i64 = 500;

/// Returns the SQL that counts the groups or members of a row `r`, no further than needed.
pub(in crate::store) fn count_related(kinds: Kinds) -> String {
    format!("(SELECT count(*) FROM ({} LIMIT {}))", related_rows(kinds), RELATED_MAX + 1)
}

/// Returns the SQL that is true of a row `r` with more than [`RELATED_MAX`] groups or members.
pub(in crate::store) fn has_many(kinds: Kinds) -> String {
    format!("EXISTS ({} LIMIT 1 OFFSET {RELATED_MAX})", related_rows(kinds))
}

fn related_rows(kinds: Kinds) -> String {
    let column = if kinds == Kinds::Users { "user_key" } else { "group_key" };
    format!("SELECT 1 FROM members h WHERE h.{column} = r.key")
}

/// Rows that stand for the elements of a computed attribute.
#[derive(Clone, Copy)]
pub(super) enum Relation {
    /// A user's `groups`.
    Groups,
    /// A group's `members`.
    Members,
}

impl Relation {
    /// Returns the rows of `r`, up to a further condition.
    pub(super) fn base_rows(self) -> &'static str {
        match self {
            Relation::Groups => {
                "SELECT 1 FROM members m JOIN groups g ON g.key = m.group_key WHERE m.user_key = r.key AND g.gone = 0"
            }
            Relation::Members => {
                "SELECT 1 FROM members m JOIN users u ON u.key = m.user_key AND u.gone = 0 WHERE m.group_key = r.key"
            }
        }
    }
}

impl Compiler<'_> {
    /// Joins the parts of an `or` that are about groups or members into one, so that they are read once and not once
    /// for each part. Returns `None` if there are not two of them.
    pub(super) fn join_related(&self, parts: &[Filter]) -> Option<Vec<Filter>> {
        let (mut others, mut inner, mut related) = (Vec::new(), Vec::new(), None);
        for part in parts {
            match part {
                Filter::Compare { target, op, value }
                    // `eq` is served by an index, and `ne` is true of a user without groups, which no row of a group
                    // can tell.
                    if !matches!(op, CompareOp::Eq | CompareOp::Ne) && self.relation_of(target).is_some() =>
                {
                    let name = target.sub.clone().unwrap_or_else(|| "value".to_owned());
                    inner.push(Filter::Compare {
                        target: Target { urn: None, name, sub: None },
                        op: *op,
                        value: value.clone(),
                    });
                    related = Some(&target.name);
                }
                // `groups[value eq "x"]` is served by an index and stays as it is.
                Filter::Has { target, filter } if self.relation_of(target).is_some() && !is_one(filter) => {
                    inner.push(filter.as_ref().clone());
                    related = Some(&target.name);
                }
                other => others.push(other.clone()),
            }
        }
        let name = related.filter(|_| inner.len() > 1)?.clone();
        others.push(Filter::Has { target: Target { urn: None, name, sub: None }, filter: Box::new(Filter::Or(inner)) });
        Some(others)
    }

    /// Returns the condition on a row's groups or members. If an index does not serve it, rows with too many of them
    /// are left open.
    pub(super) fn any_related(&mut self, text: String, is_served: bool, negated: bool) -> String {
        if is_served {
            return text;
        }
        self.passes += 1;
        // A row beyond the bound is found unseen; its caller reads the related rows in steps and lets the evaluator
        // decide.
        let many = has_many(self.kinds);
        if negated { format!("(NOT {many} AND {text})") } else { format!("({many} OR {text})") }
    }

    pub(super) fn relation_of(&self, target: &Target) -> Option<Relation> {
        match (self.kinds, &target.urn, target.name.as_str()) {
            (Kinds::Users, None, "groups") => Some(Relation::Groups),
            (Kinds::Groups, None, "members") => Some(Relation::Members),
            _ => None,
        }
    }

    /// Returns a sub-attribute of a computed attribute; its text is already folded.
    pub(super) fn related_value(&mut self, relation: Relation, sub: &str) -> String {
        match (relation, sub) {
            (Relation::Groups, "value") => "g.id".to_owned(),
            (Relation::Groups, "display") => "g.display_name_key".to_owned(),
            (Relation::Groups, "$ref") => self.address_text(Kinds::Groups, "g.id"),
            // `type` (RFC 7643 section 4.1.2): nested groups are refused, so every membership is direct.
            (Relation::Groups, _) => self.add_constant("direct"),
            (Relation::Members, "value") => "u.id".to_owned(),
            (Relation::Members, "$ref") => self.address_text(Kinds::Users, "u.id"),
            (Relation::Members, _) => self.add_constant(fold(Kinds::Users.name())),
        }
    }
}

/// Returns true for the sub-attributes of groups and members that an index finds.
pub(super) fn is_related_key(sub: &str) -> bool {
    matches!(sub, "value" | "display")
}

/// Returns true if the filter in the brackets names one group or member, so that an index finds it.
pub(super) fn is_one(inner: &Filter) -> bool {
    let mut parts = inner.conjuncts().into_iter();
    parts.any(|part| matches!(part, Filter::Compare { target, op: CompareOp::Eq, .. } if is_related_key(&target.name)))
}
