//! A filter on members, prepared to judge many ids. Everything that a member is follows from its id, so no element is
//! built. Parts that do not depend on the id are decided once, and `value eq "x"` of any number of ids is one look-up.

use super::super::filter::evaluate::compare_text;
use super::super::filter::{CompareOp, Filter, Target, Value as Wanted};
use serde_json::{Map, Value, json};

/// A prepared filter. It finds exactly the ids whose element [`Filter::matches`] finds.
#[derive(Debug)]
pub struct Judge<'a> {
    node: Node<'a>,
    terms: usize,
}

#[derive(Debug)]
enum Node<'a> {
    Always(bool),
    /// True for one of these ids, sorted.
    Among(Vec<&'a str>),
    Compare(CompareOp, &'a Wanted),
    All(Vec<Node<'a>>),
    Any(Vec<Node<'a>>),
    Not(Box<Node<'a>>),
}

impl<'a> Judge<'a> {
    /// Prepares a filter that [`super::prepare_filter`] returned.
    pub fn new(filter: &'a Filter) -> Self {
        // Members differ in their id only, so one example decides everything else.
        let any = Map::from_iter([("value".to_owned(), json!("x")), ("type".to_owned(), json!("User"))]);
        let node = prepare_node(filter, &any);
        Self { terms: node_terms(&node), node }
    }

    /// Returns the number of comparisons that one id may need, at least 1.
    pub fn count_terms(&self) -> usize {
        self.terms
    }

    /// Returns true if the filter finds the member with that id.
    pub fn fits_id(&self, id: &str) -> bool {
        node_fits(&self.node, id)
    }
}

/// Prepares one part. `any` is the element of some member, for comparisons that are the same for every member.
fn prepare_node<'a>(filter: &'a Filter, any: &Map<String, Value>) -> Node<'a> {
    match filter {
        Filter::And(parts) => Node::All(parts.iter().map(|part| prepare_node(part, any)).collect()),
        Filter::Or(parts) => {
            let (mut ids, mut nodes) = (Vec::new(), Vec::new());
            for part in parts {
                match prepare_node(part, any) {
                    // All `value eq` of one `or` become one sorted list, which is one look-up for each member.
                    Node::Among(more) => ids.extend(more),
                    other => nodes.push(other),
                }
            }
            ids.sort_unstable();
            ids.dedup();
            // First, because it is the cheapest.
            nodes.insert(0, Node::Among(ids));
            Node::Any(nodes)
        }
        Filter::Not(inner) => Node::Not(Box::new(prepare_node(inner, any))),
        Filter::Compare { target: Target { urn: None, name, sub: None }, op, value } if name == "value" => {
            match (op, value) {
                (CompareOp::Eq, Wanted::Exact(id)) => Node::Among(vec![id]),
                (_, Wanted::Exact(_) | Wanted::Folded { .. } | Wanted::Instant { .. }) => Node::Compare(*op, value),
                _ => Node::Always(filter.matches(any)),
            }
        }
        other => Node::Always(other.matches(any)),
    }
}

fn node_terms(node: &Node<'_>) -> usize {
    match node {
        Node::Always(_) | Node::Among(_) | Node::Compare(..) => 1,
        Node::All(parts) | Node::Any(parts) => parts.iter().map(node_terms).sum(),
        Node::Not(inner) => node_terms(inner),
    }
}

fn node_fits(node: &Node<'_>, id: &str) -> bool {
    match node {
        Node::Always(fits) => *fits,
        Node::Among(ids) => ids.binary_search(&id).is_ok(),
        Node::Compare(op, value) => compare_text(id, *op, value),
        Node::All(parts) => parts.iter().all(|part| node_fits(part, id)),
        Node::Any(parts) => parts.iter().any(|part| node_fits(part, id)),
        Node::Not(inner) => !node_fits(inner, id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filters() -> impl Strategy<Value = Filter> {
        let name = prop_oneof![4 => Just("value"), 1 => Just("type"), 1 => Just("$ref")];
        let text = "[abAB]{0,3}";
        let value = prop_oneof![
            5 => text.prop_map(Wanted::Exact),
            1 => text.prop_map(Wanted::folded),
            1 => Just(Wanted::folded("user")),
            1 => Just(Wanted::Number(7.into())),
            1 => Just(Wanted::Boolean(true)),
            1 => Just(Wanted::Instant { text: "x".to_owned(), ms: 1 }),
        ];
        let sub = prop_oneof![8 => Just(None), 1 => Just(Some("x".to_owned()))];
        let target = (name, sub).prop_map(|(name, sub)| Target { urn: None, name: name.to_owned(), sub });
        let op = prop_oneof![3 => Just(CompareOp::Eq), 2 => proptest::sample::select(&CompareOp::ALL)];
        let leaf = prop_oneof![
            6 => (target.clone(), op, value).prop_map(|(target, op, value)| Filter::Compare { target, op, value }),
            1 => target.prop_map(Filter::Present),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 2..5).prop_map(Filter::Or),
                proptest::collection::vec(inner.clone(), 2..4).prop_map(Filter::And),
                inner.prop_map(|inner| Filter::Not(Box::new(inner))),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_finds_what_the_filter_finds(filter in filters(), ids in proptest::collection::vec("[abAB]{1,3}", 1..20)) {
            let judge = Judge::new(&filter);
            for id in ids {
                let element = Map::from_iter([("value".to_owned(), json!(id)), ("type".to_owned(), json!("User"))]);
                prop_assert_eq!(judge.fits_id(&id), filter.matches(&element), "{} of {}", id, filter);
            }
        }
    }
}
