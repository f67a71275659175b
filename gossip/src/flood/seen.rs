//! A bounded memory of what was seen, the oldest out first, and who has it.

use std::collections::{BTreeMap, VecDeque};

use crate::link::LinkId;

/// Most links noted for one thing. Links are at most 56 at a time; ended ones make room.
const MAX_HOLDERS: usize = 64;

/// A bounded map that forgets its oldest key.
#[derive(Debug)]
pub(super) struct Seen<K, V> {
    entries: BTreeMap<K, V>,
    order: VecDeque<K>,
    limit: usize,
}

impl<K: Ord + Copy, V> Seen<K, V> {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            entries: BTreeMap::new(),
            order: VecDeque::new(),
            limit,
        }
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key)
    }

    /// Adds a value; returns the oldest if it had to go, or what stood under the same key.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        if let Some(old) = self.entries.insert(key, value) {
            return Some(old);
        }
        self.order.push_back(key);
        if self.order.len() <= self.limit {
            return None;
        }
        let oldest = self.order.pop_front()?;
        self.entries.remove(&oldest)
    }
}

/// The links on which a thing came or went.
#[derive(Clone, Debug, Default)]
pub(super) struct Holders(Vec<LinkId>);

impl Holders {
    pub(super) fn of(link: LinkId) -> Self {
        Self(vec![link])
    }

    /// Adds a link; says whether it was missing.
    pub(super) fn insert(&mut self, link: LinkId) -> bool {
        if self.0.contains(&link) {
            return false;
        }
        if self.0.len() >= MAX_HOLDERS {
            // Numbers of links only grow: the smallest ended long ago.
            let oldest = self.0.iter().enumerate().min_by_key(|(_, link)| **link);
            if let Some(place) = oldest.map(|(place, _)| place) {
                self.0.swap_remove(place);
            }
        }
        self.0.push(link);
        true
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = LinkId> {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_the_oldest_first() {
        let mut seen = Seen::new(2);
        assert_eq!(seen.insert(1, "a"), None);
        assert_eq!(seen.insert(2, "b"), None);
        assert_eq!(seen.insert(3, "c"), Some("a"));
        assert!(seen.get_mut(&1).is_none() && seen.get_mut(&2).is_some());
    }

    #[test]
    fn holders_are_bounded_and_keep_the_newest() {
        let mut holders = Holders::default();
        assert!((0..100).all(|link| holders.insert(LinkId(link))));
        assert_eq!(holders.iter().count(), MAX_HOLDERS);
        assert!(!holders.insert(LinkId(99)));
        assert!(holders.insert(LinkId(0)));
    }
}
