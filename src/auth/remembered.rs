//! A map of bounded size for an isolate, whose entries end by themselves.

use crate::id::Timestamp;
use std::collections::BTreeMap;

/// A map of at most `most` entries, each until its time. If there is no room, a new entry replaces one: first one that
/// has ended, then the one least worth keeping, among equals the oldest.
#[derive(Debug)]
pub struct Remembered<K, V> {
    entries: BTreeMap<K, TimedEntry<V>>,
    most: usize,
}

#[derive(Debug)]
struct TimedEntry<V> {
    since: Timestamp,
    until: Timestamp,
    keep: bool,
    value: V,
}

impl<V> TimedEntry<V> {
    fn is_alive(&self, now: Timestamp) -> bool {
        self.since <= now && now < self.until
    }
}

impl<K: Ord + Clone, V> Remembered<K, V> {
    /// Makes an empty map of at most `most` entries.
    pub const fn new(most: usize) -> Self {
        Self { entries: BTreeMap::new(), most }
    }

    /// Returns the value of the key, if its time is not over at `now`. An entry that was inserted later than `now` is
    /// over: the clock went back.
    pub fn get(&self, key: &K, now: Timestamp) -> Option<&V> {
        self.entries.get(key).filter(|entry| entry.is_alive(now)).map(|entry| &entry.value)
    }

    /// Inserts a value until a time. An entry that is not worth keeping (`keep`) is replaced before all that are.
    pub fn insert(&mut self, key: K, value: V, keep: bool, now: Timestamp, until: Timestamp) {
        if self.entries.len() >= self.most && !self.entries.contains_key(&key) {
            // This looks once at each of at most `most` entries.
            let rank = |entry: &TimedEntry<V>| (entry.is_alive(now), entry.keep, entry.since);
            let first = self.entries.iter().min_by_key(|(_, entry)| rank(entry)).map(|(key, _)| key.clone());
            if let Some(first) = first {
                self.entries.remove(&first);
            }
        }
        self.entries.insert(key, TimedEntry { since: now, until, keep, value });
    }

    /// Removes one entry.
    pub fn remove(&mut self, key: &K) {
        self.entries.remove(key);
    }

    /// Removes the entries for which `keep` is false.
    pub fn retain(&mut self, mut keep: impl FnMut(&V) -> bool) {
        self.entries.retain(|_, entry| keep(&entry.value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_end_and_single_ones_make_room() {
        let at = Timestamp;
        let mut map = Remembered::new(3);
        map.insert("live", 1, true, at(1), at(100));
        map.insert("unknown", 2, false, at(2), at(100));
        map.insert("later", 3, true, at(3), at(20));
        assert_eq!(
            (map.get(&"later", at(19)), map.get(&"later", at(20)), map.get(&"later", at(2))),
            (Some(&3), None, None)
        );
        // The unknown one is replaced before the older, live one.
        map.insert("fourth", 4, true, at(10), at(100));
        assert_eq!((map.get(&"unknown", at(10)), map.get(&"live", at(10))), (None, Some(&1)));
        // The one that has ended is replaced before any other, even an unknown one.
        map.insert("fifth", 5, false, at(30), at(100));
        map.insert("sixth", 6, true, at(31), at(100));
        assert_eq!((map.get(&"fifth", at(31)), map.get(&"live", at(31))), (None, Some(&1)));
        // The oldest of equals is replaced; a key that is already there needs no room.
        map.insert("seventh", 7, true, at(32), at(100));
        assert_eq!((map.get(&"live", at(32)), map.get(&"fourth", at(32))), (None, Some(&4)));
        map.insert("seventh", 8, true, at(33), at(100));
        assert_eq!((map.get(&"seventh", at(33)), map.get(&"fourth", at(33))), (Some(&8), Some(&4)));
        map.remove(&"seventh");
        map.retain(|value| *value != 4);
        assert_eq!(
            (map.get(&"seventh", at(33)), map.get(&"fourth", at(33)), map.get(&"sixth", at(33))),
            (None, None, Some(&6))
        );
    }
}
