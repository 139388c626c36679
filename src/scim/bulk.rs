//! Bulk requests (RFC 7644 section 3.7): names, limits, the order in which operations that refer to each other run, and
//! the placeholder for an id that is not known yet.
//!
//! Out of scope: reading the request (`ingest`), running it (`org`).

use crate::id::RequestId;

/// The URN of a request (RFC 7644 section 3.7).
pub const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// The URN of a Bulk answer.
pub const BULK_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
/// The most operations of one request.
pub const OPERATIONS_MAX: usize = 1000;

/// The texts that stand for ids which operations are yet to make, in a path or in JSON text. A placeholder has the form
/// of an id, so a request is read with it as it would be with the id. It holds the request's own id, which no client
/// knows beforehand, so no client's text is a placeholder.
#[derive(Debug)]
pub struct Placeholders {
    prefix: String,
}

impl Placeholders {
    /// Returns the placeholders of one request.
    pub fn new(request: &RequestId) -> Self {
        Self { prefix: format!("~{request}~") }
    }

    /// Returns the placeholder for the id that the operation at this position makes.
    pub fn of_operation(&self, operation: usize) -> String {
        format!("{}{operation}~", self.prefix)
    }

    /// Returns the text with `name` in place of every placeholder.
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

/// Returns the steps in which operations run. `refers` holds the positions that each operation refers to: it runs after
/// them, otherwise in the order of the request. A step of several operations is a circle of references, which can only
/// be tried together.
pub fn execution_steps(refers: &[Vec<usize>]) -> Vec<Vec<usize>> {
    // 1. Operations that refer to each other, in a circle, belong to one step.
    let referred = reversed_edges(refers);
    let root_of = component_roots(refers, &referred);
    // Steps are numbered by their first operation.
    let (mut circles, mut step_of): (Vec<Vec<usize>>, Vec<usize>) = (Vec::new(), Vec::new());
    for (one, root) in root_of.iter().enumerate() {
        // Quadratic at worst, in at most OPERATIONS_MAX operations.
        let earlier = root_of.iter().position(|other| other == root).and_then(|first| step_of.get(first).copied());
        let step = earlier.unwrap_or(circles.len());
        match circles.get_mut(step) {
            Some(circle) => circle.push(one),
            None => circles.push(vec![one]),
        }
        step_of.push(step);
    }
    // 2. A step runs once those that it refers to have run.
    let step_of = |one: usize| step_of.get(one).copied().unwrap_or_default();
    // The number of open references of each step to other steps; `None` once it has run.
    let mut open: Vec<Option<usize>> = circles
        .iter()
        .enumerate()
        .map(|(step, circle)| Some(referred_operations(circle, refers).filter(|other| step_of(*other) != step).count()))
        .collect();
    let mut steps = Vec::with_capacity(circles.len());
    // The first step that is ready, so that the order of the request stays where references allow it. Each turn
    // ends one step; circles stand inside of steps, so one is always ready.
    while let Some(step) = open.iter().position(|open| *open == Some(0)) {
        let circle = circles.get_mut(step).map(std::mem::take).unwrap_or_default();
        if let Some(open) = open.get_mut(step) {
            *open = None;
        }
        // Those that waited for this step wait for one reference less.
        for waiting in referred_operations(&circle, &referred).map(step_of).filter(|waiting| *waiting != step) {
            if let Some(Some(open)) = open.get_mut(waiting) {
                *open -= 1;
            }
        }
        steps.push(circle);
    }
    steps
}

/// Returns the operations that these ones refer to.
fn referred_operations<'a>(circle: &'a [usize], edges: &'a [Vec<usize>]) -> impl Iterator<Item = usize> + 'a {
    circle.iter().filter_map(|one| edges.get(*one)).flatten().copied()
}

fn reversed_edges(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut reversed = vec![Vec::new(); edges.len()];
    for (one, others) in edges.iter().enumerate() {
        for other in others {
            if let Some(by) = reversed.get_mut(*other) {
                by.push(one);
            }
        }
    }
    reversed
}

/// Returns for each operation one that stands for its strongly connected component (Kosaraju's algorithm).
fn component_roots(refers: &[Vec<usize>], referred: &[Vec<usize>]) -> Vec<usize> {
    let (mut seen, mut finished) = (vec![false; refers.len()], Vec::new());
    (0..refers.len()).for_each(|one| visit_reachable(one, refers, &mut seen, &mut finished));
    seen.fill(false);
    let mut root_of = vec![0; refers.len()];
    for root in finished.into_iter().rev() {
        let mut circle = Vec::new();
        visit_reachable(root, referred, &mut seen, &mut circle);
        for one in circle {
            if let Some(place) = root_of.get_mut(one) {
                *place = root;
            }
        }
    }
    root_of
}

/// Adds the operations that can be reached and were not seen, each after those that it leads to. Recurses once for an
/// operation at most.
fn visit_reachable(one: usize, edges: &[Vec<usize>], seen: &mut [bool], finished: &mut Vec<usize>) {
    if seen.get_mut(one).is_none_or(|seen| std::mem::replace(seen, true)) {
        return;
    }
    for next in edges.get(one).into_iter().flatten() {
        visit_reachable(*next, edges, seen, finished);
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
            // Two circles, the second of which needs the first, and one operation that needs both.
            (
                vec![vec![1, 3], vec![2], vec![1, 4], vec![], vec![5], vec![4]],
                vec![vec![3], vec![4, 5], vec![1, 2], vec![0]],
            ),
        ] {
            assert_eq!(execution_steps(&refers), expected, "{refers:?}");
        }
        let chain: Vec<Vec<usize>> = (1..OPERATIONS_MAX).map(|next| vec![next]).chain([Vec::new()]).collect();
        assert_eq!(execution_steps(&chain).first(), Some(&vec![OPERATIONS_MAX - 1]));
        let full: Vec<Vec<usize>> = (0..300).map(|_| (0..300).collect()).collect();
        assert_eq!(execution_steps(&full).len(), 1);
    }

    #[test]
    fn placeholders() {
        let request = RequestId::parse("r-1").unwrap();
        let all = Placeholders::new(&request);
        assert_eq!(all.of_operation(12), "~r-1~12~");
        let text = format!("a{}{}b", all.of_operation(1), all.of_operation(12));
        assert_eq!(all.replace(&text, |n| format!("<{n}>")), "a<1><12>b");
        assert_eq!(all.replace("~r-2~1~", |_| String::new()), "~r-2~1~");
    }
}
