//! The places where readers that page by index left off. They live in memory: an eviction forgets them.

use std::collections::BTreeMap;

/// The places where readers that page through everything stopped, so that the next page starts there: one place for
/// each token and query.
#[derive(Debug, Default)]
pub(crate) struct Pages(BTreeMap<(String, String), (i64, String)>);

/// The most readers that are remembered: some 200 KB.
const READERS: usize = 1000;

impl Pages {
    /// Returns the place after which the resource of that index comes, if the last page ended there.
    pub(crate) fn end(&self, token: &str, query: &str, index: i64) -> Option<String> {
        let key = (token.to_owned(), query.to_owned());
        self.0.get(&key).filter(|(next, _)| *next == index).map(|(_, place)| place.clone())
    }

    /// Remembers that the last page of a query ended at that place.
    pub(crate) fn remember(&mut self, token: &str, query: &str, next: i64, place: String) {
        // A forgotten reader only pays for skipped rows again.
        if self.0.len() >= READERS {
            self.0.clear();
        }
        self.0.insert((token.to_owned(), query.to_owned()), (next, place));
    }
}
