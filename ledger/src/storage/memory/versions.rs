//! Ordered maps whose values are kept in versions, so that a snapshot is a number.
//!
//! # Invariants
//! - The versions of a key ascend; the last one is what is true now.
//! - An older version, or a last one that says "deleted", is kept only while a snapshot can see it
//!   or the key behind it: when the last such snapshot closes, it goes. Without snapshots each key
//!   has exactly one version.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use crate::storage::Column;

/// All columns in all versions that somebody can still see.
#[derive(Debug, Default)]
pub(super) struct Versions {
    columns: [BTreeMap<Vec<u8>, Chain>; Column::ALL.len()],
    /// The number of the last batch.
    now: u64,
    /// How many snapshots are open at each number.
    open: BTreeMap<u64, usize>,
    /// Keys that hold more than they would without snapshots, with the number of the batch that
    /// caused it, ascending.
    stale: VecDeque<(u64, Column, Vec<u8>)>,
}

/// The bounds of a scan.
pub(super) type KeyRange<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// The versions of one key: number of the batch, and value or nothing.
type Chain = Vec<(u64, Option<Vec<u8>>)>;

impl Versions {
    /// Begins a batch: what is set from here on is invisible to the snapshots that are open.
    pub(super) fn begin(&mut self) {
        self.now += 1;
    }

    /// Sets or removes a value in the batch that was begun; returns what was there.
    pub(super) fn set(
        &mut self,
        column: Column,
        key: Vec<u8>,
        value: Option<Vec<u8>>,
    ) -> Option<Vec<u8>> {
        let now = self.now;
        let map = &mut self.columns[column as usize];
        if self.open.is_empty() {
            let old = match value {
                Some(value) => map.insert(key, vec![(now, Some(value))]),
                None => map.remove(&key),
            };
            return old
                .and_then(|mut chain| chain.pop())
                .and_then(|(_, value)| value);
        }
        let chain = map.entry(key.clone()).or_default();
        let before = chain.last().and_then(|(_, value)| value.clone());
        match chain.last_mut() {
            Some((number, last)) if *number == now => *last = value,
            _ => chain.push((now, value)),
        }
        self.stale.push_back((now, column, key));
        before
    }

    /// The value of a key as a snapshot of that number sees it.
    pub(super) fn value(&self, at: u64, column: Column, key: &[u8]) -> Option<&[u8]> {
        visible(self.columns[column as usize].get(key)?, at)
    }

    /// The entries of a range as a snapshot of that number sees them.
    pub(super) fn range<'a>(
        &'a self,
        at: u64,
        column: Column,
        range: KeyRange<'_>,
    ) -> impl DoubleEndedIterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        self.columns[column as usize]
            .range::<[u8], _>(range)
            .filter_map(move |(key, chain)| Some((key.as_slice(), visible(chain, at)?)))
    }

    /// Opens a snapshot of what is true now; returns its number.
    pub(super) fn open(&mut self) -> u64 {
        *self.open.entry(self.now).or_default() += 1;
        self.now
    }

    /// Closes a snapshot, and forgets what only it could see.
    pub(super) fn close(&mut self, at: u64) {
        if let Some(count) = self.open.get_mut(&at) {
            *count -= 1;
            if *count == 0 {
                self.open.remove(&at);
            }
        }
        let oldest = self.open.keys().next().copied().unwrap_or(u64::MAX);
        while self
            .stale
            .front()
            .is_some_and(|(number, ..)| *number <= oldest)
        {
            if let Some((_, column, key)) = self.stale.pop_front() {
                self.trim(oldest, column, &key);
            }
        }
    }

    /// Drops the versions of a key that no snapshot from `oldest` on can see.
    fn trim(&mut self, oldest: u64, column: Column, key: &[u8]) {
        let map = &mut self.columns[column as usize];
        let Some(chain) = map.get_mut(key) else {
            return;
        };
        let seen = chain
            .iter()
            .rposition(|(number, _)| *number <= oldest)
            .unwrap_or(0);
        chain.drain(..seen);
        if let [(number, None)] = chain.as_slice()
            && *number <= oldest
        {
            map.remove(key);
        }
    }

    /// How many versions of all keys are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.columns
            .iter()
            .flat_map(BTreeMap::values)
            .map(Vec::len)
            .sum()
    }
}

/// The value a snapshot of that number sees.
fn visible(chain: &Chain, at: u64) -> Option<&[u8]> {
    chain
        .iter()
        .rev()
        .find(|(number, _)| *number <= at)?
        .1
        .as_deref()
}
