//! Which blocks of a height were proposed or certified, which were executed, and which the engine
//! knows.
//!
//! The engine is told of a block only if its hash matches a proposal signed by the proposer of that
//! proposal's round, or a certificate: two unsigned blocks would fill its table for a round, and
//! the honest proposal would be refused.
//!
//! # Limits
//! [`MAX_CLAIMED`] blocks with a claim and [`MAX_UNCLAIMED`] without one, 100 bytes each.

use std::collections::BTreeMap;
use std::time::Duration;

use starling_gossip::Instant;
use starling_ledger::block::BlockHash;
use starling_ledger::vote::Round;

/// Most blocks with a proposal or certificate. Two per kept round fit.
const MAX_CLAIMED: usize = 64;
/// Most executed blocks that wait for their proposal: they travel on another lane and may be first.
const MAX_UNCLAIMED: usize = 16;
/// How often a block that does not come is asked for.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Why a block may be shown to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Claim {
    round: Round,
    /// It is proposed again, or certified: its time no longer matters.
    settled: bool,
    fed: bool,
    asked: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Verdict {
    valid: bool,
    timely: bool,
}

/// The blocks of one height.
#[derive(Clone, Debug, Default)]
pub(super) struct Blocks {
    claims: BTreeMap<BlockHash, Claim>,
    verdicts: BTreeMap<BlockHash, Verdict>,
}

impl Blocks {
    /// Takes note of a checked proposal or certificate; `settled` if the time of the block no
    /// longer matters.
    pub(super) fn claim(&mut self, block: BlockHash, round: Round, settled: bool) {
        if let Some(claim) = self.claims.get_mut(&block) {
            claim.settled |= settled;
            return;
        }
        if self.claims.len() >= MAX_CLAIMED {
            let oldest = self.claims.iter().min_by_key(|(_, claim)| claim.round);
            if let Some(oldest) = oldest.map(|(block, _)| *block) {
                self.claims.remove(&oldest);
            }
        }
        let claim = Claim {
            round,
            settled,
            fed: false,
            asked: None,
        };
        self.claims.insert(block, claim);
    }

    /// Takes note that the engine knows a block from the log.
    pub(super) fn fed_from_log(&mut self, block: BlockHash, round: Round) {
        self.claim(block, round, false);
        if let Some(claim) = self.claims.get_mut(&block) {
            claim.fed = true;
        }
    }

    /// Forgets what the engine knows, because it is a new one.
    pub(super) fn unfeed(&mut self) {
        for claim in self.claims.values_mut() {
            claim.fed = false;
        }
    }

    /// Takes note of an executed block.
    pub(super) fn checked(&mut self, block: BlockHash, valid: bool, timely: bool) {
        let unclaimed = |block: &BlockHash| !self.claims.contains_key(block);
        let waiting = self
            .verdicts
            .keys()
            .filter(|block| unclaimed(block))
            .count();
        if unclaimed(&block) && waiting >= MAX_UNCLAIMED {
            let first = self.verdicts.keys().copied().find(|block| unclaimed(block));
            if let Some(first) = first {
                self.verdicts.remove(&first);
            }
        }
        let verdict = self
            .verdicts
            .entry(block)
            .or_insert(Verdict { valid, timely });
        verdict.timely |= timely;
    }

    /// Returns the verdict on a block.
    pub(super) fn verdict(&self, block: &BlockHash) -> Option<bool> {
        self.verdicts.get(block).map(|verdict| verdict.valid)
    }

    /// Takes the round and verdict of a block that the engine may now be told of, and was not yet.
    pub(super) fn take_ready(&mut self, block: &BlockHash) -> Option<(Round, bool)> {
        let verdict = self.verdicts.get(block)?;
        let claim = self.claims.get_mut(block)?;
        let ready = !verdict.valid || verdict.timely || claim.settled;
        if claim.fed || !ready {
            return None;
        }
        claim.fed = true;
        Some((claim.round, verdict.valid))
    }

    /// Says whether to ask for this block now, and takes note of it.
    pub(super) fn ask(&mut self, block: &BlockHash, now: Instant) -> Option<Round> {
        if self.verdicts.contains_key(block) {
            return None;
        }
        let claim = self.claims.get_mut(block)?;
        if claim.asked.is_some_and(|asked| now < asked + ASK_AGAIN) {
            return None;
        }
        claim.asked = Some(now);
        Some(claim.round)
    }

    /// Visits the claimed blocks.
    pub(super) fn claimed(&self) -> impl Iterator<Item = BlockHash> {
        self.claims.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use starling_ledger::hash::Hash;

    fn block(byte: u8) -> BlockHash {
        BlockHash(Hash([byte; 32]))
    }

    #[test]
    fn shows_no_block_without_a_claim() {
        let mut blocks = Blocks::default();
        blocks.checked(block(1), true, true);
        assert_eq!(blocks.take_ready(&block(1)), None);
        blocks.claim(block(1), 3, false);
        assert_eq!(blocks.take_ready(&block(1)), Some((3, true)));
        assert_eq!(blocks.take_ready(&block(1)), None, "once");
    }

    #[test]
    fn holds_back_a_fresh_block_until_it_is_timely_or_settled() {
        let mut blocks = Blocks::default();
        blocks.claim(block(1), 0, false);
        blocks.checked(block(1), true, false);
        assert_eq!(blocks.take_ready(&block(1)), None);
        let mut settled = blocks.clone();
        settled.claim(block(1), 1, true);
        assert_eq!(settled.take_ready(&block(1)), Some((0, true)));
        blocks.checked(block(1), true, true);
        assert_eq!(blocks.take_ready(&block(1)), Some((0, true)));
    }

    #[test]
    fn stays_within_its_bounds() {
        let mut blocks = Blocks::default();
        for byte in 0..=255 {
            blocks.checked(block(byte), true, true);
        }
        assert!(blocks.verdicts.len() <= MAX_UNCLAIMED);
        for byte in 0..=255 {
            blocks.claim(block(byte), Round::from(byte), false);
        }
        assert!(blocks.claims.len() <= MAX_CLAIMED);
    }
}
