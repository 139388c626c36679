//! Bulk requests as the RFC has them (RFC 7644 section 3.7): names, limits, the order in which operations that refer to
//! each other run, and what stands for an id that is not known yet.
//!
//! Out of scope: reading the request (`ingest`), running it (`org`).

use crate::id::RequestId;
use std::collections::{BTreeMap, BTreeSet};

/// The URN of a request (RFC 7644 section 3.7).
pub const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// The URN of its answer.
pub const BULK_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
/// The most operations of one request.
pub const OPERATIONS_MAX: usize = 1000;

/// What stands for the ids that operations are yet to make, in a path or in JSON text. A placeholder has the form of
/// an id, so a request is read with it as it would be with the id; it holds the request's own id, which no client
/// knows beforehand, so nobody else's text is one.
#[derive(Debug)]
pub struct Placeholders {
    prefix: String,
}

impl Placeholders {
    /// Those of one request.
    pub fn new(request: &RequestId) -> Self {
        Self { prefix: format!("~{request}~") }
    }

    /// What stands for the id that the operation at this position makes.
    pub fn of(&self, operation: usize) -> String {
        format!("{}{operation}~", self.prefix)
    }

    /// The text with `name` in place of every placeholder.
    pub fn replace(&self, text: &str, name: impl Fn(usize) -> String) -> String {
        let mut parts = text.split(&self.prefix);
        let mut replaced = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            if let Some((number, rest)) = part.split_once('~')
                && let Ok(operation) = number.parse()
            {
                replaced.push_str(&name(operation));
                replaced.push_str(rest);
            }
        }
        replaced
    }
}

/// The steps in which operations run, given the positions that each refers to: after all that it refers to, otherwise
/// in the order of the request. A step of several is a circle of references, which can only be tried together.
pub fn order(refers: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let circles = circles(refers);
    let first_of: BTreeMap<usize, usize> = circles
        .iter()
        .flat_map(|circle| circle.iter().map(|one| (*one, circle.first().copied().unwrap_or(*one))))
        .collect();
    // By the first of each step: those it waits for, and those that wait for it.
    let mut waits: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    let mut awaited: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (one, others) in refers.iter().enumerate() {
        let Some(own) = first_of.get(&one) else { continue };
        for other in others.iter().filter_map(|other| first_of.get(other)).filter(|other| *other != own) {
            if waits.entry(*own).or_default().insert(*other) {
                awaited.entry(*other).or_default().push(*own);
            }
        }
    }
    let mut circles: BTreeMap<usize, Vec<usize>> =
        circles.into_iter().filter_map(|circle| Some((*circle.first()?, circle))).collect();
    let mut ready: BTreeSet<usize> = circles.keys().copied().filter(|first| !waits.contains_key(first)).collect();
    let mut steps = Vec::new();
    while let Some(first) = ready.pop_first() {
        steps.extend(circles.remove(&first));
        for waiting in awaited.remove(&first).unwrap_or_default() {
            if waits.get_mut(&waiting).is_some_and(|left| left.remove(&first) && left.is_empty()) {
                ready.insert(waiting);
            }
        }
    }
    steps
}

/// The strongly connected components (Kosaraju's algorithm), each in the order of the request.
fn circles(refers: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut referred = vec![Vec::new(); refers.len()];
    for (one, others) in refers.iter().enumerate() {
        for other in others {
            if let Some(by) = referred.get_mut(*other) {
                by.push(one);
            }
        }
    }
    let (mut seen, mut finished) = (BTreeSet::new(), Vec::new());
    (0..refers.len()).for_each(|one| visit(one, refers, &mut seen, &mut finished));
    seen.clear();
    let mut circles = Vec::new();
    for one in finished.into_iter().rev() {
        let mut circle = Vec::new();
        visit(one, &referred, &mut seen, &mut circle);
        circle.sort_unstable();
        if !circle.is_empty() {
            circles.push(circle);
        }
    }
    circles
}

/// Adds what can be reached and was not seen, each after what it leads to. Recurses once an operation at most.
fn visit(one: usize, edges: &[Vec<usize>], seen: &mut BTreeSet<usize>, finished: &mut Vec<usize>) {
    if !seen.insert(one) {
        return;
    }
    for next in edges.get(one).into_iter().flatten() {
        visit(*next, edges, seen, finished);
    }
    finished.push(one);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders() {
        for (refers, expected) in [
            (vec![], vec![]),
            (vec![vec![], vec![], vec![]], vec![vec![0], vec![1], vec![2]]),
            (vec![vec![2], vec![], vec![]], vec![vec![1], vec![2], vec![0]]),
            (vec![vec![1], vec![2], vec![]], vec![vec![2], vec![1], vec![0]]),
            (vec![vec![], vec![0], vec![0, 1]], vec![vec![0], vec![1], vec![2]]),
            (vec![vec![0]], vec![vec![0]]),
            (vec![vec![1], vec![0], vec![]], vec![vec![0, 1], vec![2]]),
            // Two circles, the second of which needs the first, and one who needs both.
            (
                vec![vec![1, 3], vec![2], vec![1, 4], vec![], vec![5], vec![4]],
                vec![vec![3], vec![4, 5], vec![1, 2], vec![0]],
            ),
        ] {
            assert_eq!(order(&refers), expected, "{refers:?}");
        }
        let chain: Vec<Vec<usize>> = (1..OPERATIONS_MAX).map(|next| vec![next]).chain([Vec::new()]).collect();
        assert_eq!(order(&chain).first(), Some(&vec![OPERATIONS_MAX - 1]));
        let full: Vec<Vec<usize>> = (0..300).map(|_| (0..300).collect()).collect();
        assert_eq!(order(&full).len(), 1);
    }

    #[test]
    fn placeholders() {
        let request = RequestId::parse("r-1").unwrap();
        let all = Placeholders::new(&request);
        assert_eq!(all.of(12), "~r-1~12~");
        let text = format!("a{}{}b", all.of(1), all.of(12));
        assert_eq!(all.replace(&text, |n| format!("<{n}>")), "a<1><12>b");
        assert_eq!(all.replace("~r-2~1~", |_| String::new()), "~r-2~1~");
    }
}
