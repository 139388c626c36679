//! A map kept as one sorted vector. Where entries are few, or all come at once, it does what `BTreeMap` does; that one is
//! in the upload once more, with a kilobyte, for each pair of types.

use std::borrow::Borrow;

/// A map. An insertion moves all that comes behind it, so it is not for what a client can make large bit by bit.
#[derive(Clone, Debug)]
pub struct Sorted<K, V>(Vec<(K, V)>);

impl<K: Ord, V> Sorted<K, V> {
    /// An empty map.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.0.binary_search_by(|(other, _)| other.borrow().cmp(key))
    }

    /// What stands under that key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.find(key).ok().and_then(|at| self.0.get(at)).map(|(_, value)| value)
    }

    /// The same, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.find(key).ok().and_then(|at| self.0.get_mut(at)).map(|(_, value)| value)
    }

    /// Puts a value there; answers the one that it replaces.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok(at) => self.0.get_mut(at).map(|(_, old)| std::mem::replace(old, value)),
            Err(at) => {
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    /// Takes out what stands there.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.find(key).ok().map(|at| self.0.remove(at).1)
    }

    /// Keeps those for which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&V) -> bool) {
        self.0.retain(|(_, value)| keep(value));
    }

    /// All, by their keys.
    pub fn iter(&self) -> impl Iterator<Item = &(K, V)> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes out all.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<K: Ord, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Sorted<K, V> {
    /// Of equal keys the last one holds.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(all: I) -> Self {
        let mut all: Vec<(K, V)> = all.into_iter().collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                std::mem::swap(later, kept);
            }
            same
        });
        Self(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_is_a_map(all in proptest::collection::vec((0..20u8, any::<bool>(), any::<u8>()), 0..60), key in 0..20u8) {
            let mut plain: BTreeMap<u8, u8> = all.iter().map(|(key, _, value)| (*key, *value)).collect();
            let mut sorted: Sorted<u8, u8> = all.iter().map(|(key, _, value)| (*key, *value)).collect();
            for (key, put, value) in all {
                if put {
                    prop_assert_eq!(sorted.insert(key, value), plain.insert(key, value));
                } else {
                    prop_assert_eq!(sorted.remove(&key), plain.remove(&key));
                }
                prop_assert_eq!(sorted.len(), plain.len());
            }
            prop_assert_eq!(sorted.get(&key), plain.get(&key));
            prop_assert_eq!(sorted.get_mut(&key), plain.get_mut(&key));
            sorted.retain(|value| value % 2 == 0);
            plain.retain(|_, value| *value % 2 == 0);
            prop_assert_eq!(sorted.is_empty(), plain.is_empty());
            prop_assert!(sorted.iter().map(|(key, value)| (key, value)).eq(plain.iter()));
            sorted.clear();
            prop_assert!(sorted.is_empty());
        }
    }
}
