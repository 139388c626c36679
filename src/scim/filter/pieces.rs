//! A filter on a resource with too many groups or members to hold in memory: the parts about them are judged piece by
//! piece, then the rest with their outcome.

use super::{Filter, Target};

impl Filter {
    /// Returns the parts of the filter that are about that core attribute and nothing else, in their order. For a
    /// multi-valued attribute with a value, a part is true if it is true of any piece of its values.
    pub fn parts_about(&self, name: &str) -> Vec<&Filter> {
        match self {
            Filter::And(parts) | Filter::Or(parts) => parts.iter().flat_map(|part| part.parts_about(name)).collect(),
            Filter::Not(inner) => inner.parts_about(name),
            Filter::Present(target) | Filter::Compare { target, .. } | Filter::Has { target, .. } => {
                if is_about(target, name) { vec![self] } else { Vec::new() }
            }
        }
    }

    /// Returns the filter with these outcomes in the place of [`Filter::parts_about`], in the same order.
    #[must_use]
    pub fn with_parts_about(&self, name: &str, outcomes: &mut dyn Iterator<Item = bool>) -> Filter {
        let mut all = |parts: &[Filter]| parts.iter().map(|part| part.with_parts_about(name, outcomes)).collect();
        match self {
            Filter::And(parts) => Filter::And(all(parts)),
            Filter::Or(parts) => Filter::Or(all(parts)),
            Filter::Not(inner) => Filter::Not(Box::new(inner.with_parts_about(name, outcomes))),
            Filter::Present(target) | Filter::Compare { target, .. } | Filter::Has { target, .. }
                if is_about(target, name) =>
            {
                // An empty `and` is true, an empty `or` is false.
                if outcomes.next().unwrap_or_default() { Filter::And(Vec::new()) } else { Filter::Or(Vec::new()) }
            }
            other => other.clone(),
        }
    }
}

fn is_about(target: &Target, name: &str) -> bool {
    target.urn.is_none() && target.name == name
}
