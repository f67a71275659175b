//! A map that is a short list while it is small, as that of one transaction is, and a tree beyond.
//!
//! A node of a tree has room for eleven entries from the beginning. Those of accounts take over a
//! kilobyte, which costs as much as running a transfer that touches two of them.

use std::collections::BTreeMap;

/// Entries of a list that is full. Our choice: a payment to a handful of others is a list.
const LIST_FULL: usize = 8;

/// A map in the order of its keys.
pub(super) enum Slots<K, V> {
    /// Ascending by key.
    List(Vec<(K, V)>),
    /// What was once more than a list has room for.
    Tree(BTreeMap<K, V>),
}

impl<K: Copy + Ord, V> Slots<K, V> {
    /// Starts empty.
    pub(super) const fn new() -> Self {
        Self::List(Vec::new())
    }

    /// Returns the value of `key`, which is made where there is none.
    pub(super) fn get_or_make<E>(
        &mut self,
        key: K,
        make: impl FnOnce() -> Result<V, E>,
    ) -> Result<&mut V, E> {
        use std::collections::btree_map::Entry::{Occupied, Vacant};
        match self.with_room() {
            Self::List(list) => {
                let at = match list.binary_search_by(|(known, _)| known.cmp(&key)) {
                    Ok(at) => at,
                    Err(at) => {
                        list.insert(at, (key, make()?));
                        at
                    }
                };
                Ok(&mut list[at].1)
            }
            Self::Tree(tree) => match tree.entry(key) {
                Occupied(entry) => Ok(entry.into_mut()),
                Vacant(entry) => Ok(entry.insert(make()?)),
            },
        }
    }

    /// Sets the value of `key`.
    pub(super) fn insert(&mut self, key: K, value: V) {
        match self.with_room() {
            Self::List(list) => match list.binary_search_by(|(known, _)| known.cmp(&key)) {
                Ok(at) => list[at].1 = value,
                Err(at) => list.insert(at, (key, value)),
            },
            Self::Tree(tree) => {
                tree.insert(key, value);
            }
        }
    }

    /// Iterates over the entries, ascending by key.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let (list, tree) = match self {
            Self::List(list) => (Some(list), None),
            Self::Tree(tree) => (None, Some(tree)),
        };
        let listed = list.into_iter().flatten().map(|(key, value)| (key, value));
        listed.chain(tree.into_iter().flatten())
    }

    /// Turns a full list into a tree.
    fn with_room(&mut self) -> &mut Self {
        if let Self::List(list) = self
            && list.len() >= LIST_FULL
        {
            *self = Self::Tree(std::mem::take(list).into_iter().collect());
        }
        self
    }
}

impl<K: Copy + Ord, V> FromIterator<(K, V)> for Slots<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let entries = entries.into_iter();
        if entries.size_hint().0 >= LIST_FULL {
            return Self::Tree(entries.collect());
        }
        let mut slots = Self::List(Vec::with_capacity(entries.size_hint().0));
        entries.for_each(|(key, value)| slots.insert(key, value));
        slots
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    type Entries = Vec<(u8, u16)>;

    fn entries() -> impl Strategy<Value = Entries> {
        vec((0u8..20, any::<u16>()), 0..24)
    }

    proptest! {
        #[test]
        fn is_a_map_of_any_size(
            first in entries(),
            then in entries(),
            wanted in vec(0u8..24, 0..24),
        ) {
            let mut slots: Slots<u8, u16> = first.iter().copied().collect();
            let mut map: BTreeMap<u8, u16> = first.into_iter().collect();
            prop_assert!(slots.iter().eq(&map));
            for (key, value) in then {
                slots.insert(key, value);
                map.insert(key, value);
                prop_assert!(slots.iter().eq(&map));
            }
            for key in wanted {
                let known = map.contains_key(&key);
                let refused = slots.get_or_make(key, || Err(())).map(|value| *value);
                prop_assert_eq!(refused.is_ok(), known);
                prop_assert!(slots.iter().eq(&map));
                *slots.get_or_make(key, || Ok::<_, ()>(7)).unwrap() ^= 1;
                *map.entry(key).or_insert(7) ^= 1;
                prop_assert!(slots.iter().eq(&map));
            }
        }
    }
}
