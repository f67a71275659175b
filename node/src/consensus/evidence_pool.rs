//! Proven offences that no final block has punished yet.
//!
//! One piece for each offender is enough: a block that holds it takes the whole punishment and ends
//! the key. The pool is memory only. After a restart it fills again from neighbours, who offer
//! theirs to every new link, and from what the offender goes on doing.
//!
//! # Limits
//! [`MAX_PIECES`] pieces of about 400 bytes, [`MAX_SETTLED`] keys and [`MAX_REFUSED`] hashes, 32
//! bytes each: under 1 MiB.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use starling_ledger::block::BLOCK_EVIDENCE_MAX;
use starling_ledger::evidence::Evidence;
use starling_ledger::hash::Hash;
use starling_ledger::keys::PublicKey;
use starling_ledger::vote::Height;

/// Most pieces kept. Our choice: one for every member of the largest set.
pub const MAX_PIECES: usize = 1_000;
/// Most keys remembered as punished. They leave the set at the end of the epoch, and with it what
/// they sign.
pub const MAX_SETTLED: usize = 2_000;
/// Most pieces remembered as refused, so that they do not come back with the next neighbour.
pub const MAX_REFUSED: usize = 2_000;

/// The pool.
///
/// # Invariants
/// Every piece was verified by the caller, and its key signed blocks at its height.
#[derive(Clone, Debug, Default)]
pub struct EvidencePool {
    pieces: BTreeMap<PublicKey, Evidence>,
    settled: Recent<PublicKey>,
    refused: Recent<Hash>,
}

/// What is remembered of late, the oldest out first.
#[derive(Clone, Debug)]
struct Recent<T> {
    known: BTreeSet<T>,
    order: VecDeque<T>,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self {
            known: BTreeSet::new(),
            order: VecDeque::new(),
        }
    }
}

impl<T: Ord + Copy> Recent<T> {
    fn insert(&mut self, item: T, most: usize) {
        if self.known.insert(item) {
            self.order.push_back(item);
        }
        if self.order.len() > most
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

impl EvidencePool {
    /// Says whether a piece would change anything.
    pub fn wants(&self, evidence: &Evidence) -> bool {
        let key = evidence.key();
        !self.pieces.contains_key(&key)
            && !self.settled.known.contains(&key)
            && !self.refused.known.contains(&evidence.hash())
    }

    /// Takes in a piece that was verified; says whether it is news.
    ///
    /// A full pool forgets the piece of the lowest height: it is the next to be too old.
    pub fn insert(&mut self, evidence: Evidence) -> bool {
        if !self.wants(&evidence) {
            return false;
        }
        self.pieces.insert(evidence.key(), evidence);
        if self.pieces.len() > MAX_PIECES {
            let oldest = self.pieces.iter().min_by_key(|(_, one)| one.height());
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                self.pieces.remove(&oldest);
            }
        }
        self.pieces.contains_key(&evidence.key())
    }

    /// Takes note that a final block has punished a key: nothing it did is of interest any more.
    pub fn punished(&mut self, key: PublicKey) {
        self.pieces.remove(&key);
        self.settled.insert(key, MAX_SETTLED);
    }

    /// Takes note that the ledger refuses a piece: too old, or not punishable.
    pub fn refused(&mut self, evidence: &Hash) {
        self.pieces.retain(|_, piece| piece.hash() != *evidence);
        self.refused.insert(*evidence, MAX_REFUSED);
    }

    /// Returns what a block of `height` may hold: of lower heights, the oldest first, as many as
    /// fit.
    pub fn for_block(&self, height: Height) -> Vec<Evidence> {
        let earlier = self.pieces.values().filter(|one| one.height() < height);
        let mut earlier: Vec<_> = earlier.copied().collect();
        earlier.sort_by_key(|one| (one.height(), one.hash()));
        earlier.truncate(BLOCK_EVIDENCE_MAX);
        earlier
    }

    /// Visits all pieces, by offender.
    pub fn all(&self) -> impl Iterator<Item = &Evidence> {
        self.pieces.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::tests::keyed::{GENESIS, KeyedSigner, key};
    use starling_ledger::block::BlockHash;
    use starling_ledger::vote::{Vote, VoteType};

    fn offence(index: usize, height: Height) -> Evidence {
        let vote = |block| {
            let vote = Vote {
                vote_type: VoteType::Prevote,
                height,
                round: 0,
                block,
                validator: key(index),
            };
            vote.sign(&GENESIS, &KeyedSigner(key(index)))
        };
        Evidence::of_votes(vote(None), vote(Some(BlockHash(Hash([1; 32])))))
    }

    #[test]
    fn keeps_one_piece_for_each_offender_until_a_block_punishes_it() {
        let mut pool = EvidencePool::default();
        assert!(pool.insert(offence(0, 5)));
        assert!(!pool.insert(offence(0, 6)) && !pool.insert(offence(0, 5)));
        assert!(pool.insert(offence(1, 6)));
        assert_eq!(pool.for_block(7), [offence(0, 5), offence(1, 6)]);
        assert_eq!(pool.for_block(6), [offence(0, 5)], "not of its own height");
        pool.punished(key(0));
        assert!(!pool.insert(offence(0, 8)), "the key is done with");
        assert_eq!(pool.all().count(), 1);
    }

    #[test]
    fn what_the_ledger_refuses_does_not_come_back_but_another_offence_may() {
        let mut pool = EvidencePool::default();
        pool.insert(offence(0, 5));
        pool.refused(&offence(0, 5).hash());
        assert!(!pool.wants(&offence(0, 5)));
        assert!(pool.insert(offence(0, 900)));
        pool.refused(&offence(0, 4).hash());
        assert_eq!(pool.all().count(), 1, "another piece of it was refused");
    }

    #[test]
    fn stays_within_its_bounds_and_forgets_the_oldest_first() {
        let mut pool = EvidencePool::default();
        for index in 0..=MAX_PIECES {
            pool.insert(offence(index, 1_000 - Height::try_from(index).unwrap() / 2));
        }
        assert_eq!(pool.all().count(), MAX_PIECES);
        assert_eq!(pool.for_block(2_000).len(), BLOCK_EVIDENCE_MAX);
        assert!(pool.all().all(|one| one.height() > 500));
        for index in 0..MAX_SETTLED + 50 {
            pool.punished(key(index));
        }
        assert_eq!(pool.settled.known.len(), MAX_SETTLED);
        assert_eq!(pool.settled.order.len(), MAX_SETTLED);
    }
}
