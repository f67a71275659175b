//! A validator that signs two values for every step, and tells some neighbours the one, some the
//! other, some both.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use starling_gossip::message::{ConsensusFrame, ConsensusMessage};
use starling_gossip::{Lane, LinkId};
use starling_ledger::block::BlockHash;
use starling_ledger::hash::Hash;
use starling_ledger::keys::{PublicKey, Signer};
use starling_ledger::vote::{Height, SignedProposal, SignedVote};

use super::Adversary;
use crate::simulator::chance::Chance;

/// Most frames whose counterpart is remembered; older ones get a new one, which is a third value.
const COUNTERPARTS_MAX: usize = 4_096;

/// Signs two values for every step.
pub struct Equivocator {
    signer: Arc<dyn Signer>,
    genesis: Hash,
    chance: Chance,
    /// What goes out beside a frame of its own.
    counterparts: BTreeMap<Bytes, Bytes>,
    /// Steps for which it has signed two values.
    offences: u64,
    /// A block that was proposed at the latest height.
    proposed: Option<(Height, BlockHash)>,
}

impl Equivocator {
    /// Makes one with the key of `signer`.
    #[must_use]
    pub fn new(seed: u64, index: usize, signer: Arc<dyn Signer>, genesis: Hash) -> Self {
        let chance = Chance::new(seed, &format!("equivocator {index}"));
        Self {
            signer,
            genesis,
            chance,
            counterparts: BTreeMap::new(),
            offences: 0,
            proposed: None,
        }
    }

    fn counterpart(&mut self, frame: &Bytes) -> Option<Bytes> {
        if let Some(known) = self.counterparts.get(frame) {
            return Some(known.clone());
        }
        let Ok(Some(ConsensusFrame::Message(message))) = ConsensusFrame::decode(frame) else {
            return None;
        };
        self.look(&message);
        let own = self.signer.public_key();
        let other = match message {
            ConsensusMessage::Vote(signed) if signed.vote.validator == own => {
                ConsensusMessage::Vote(self.other_vote(signed))
            }
            ConsensusMessage::Proposal(signed) if signed.proposal.proposer == own => {
                ConsensusMessage::Proposal(self.other_proposal(signed))
            }
            _ => return None,
        };
        let other = ConsensusFrame::Message(other).encode();
        if self.counterparts.len() >= COUNTERPARTS_MAX {
            self.counterparts.pop_first();
        }
        self.offences += 1;
        self.counterparts.insert(frame.clone(), other.clone());
        Some(other)
    }

    /// Nil for a block, and for nil a block that somebody proposed.
    fn other_vote(&mut self, signed: SignedVote) -> SignedVote {
        let mut vote = signed.vote;
        let proposed = self.proposed.filter(|(height, _)| *height == vote.height);
        vote.block = match vote.block {
            Some(_) if self.chance.percent(50) => None,
            Some(_) => Some(self.nowhere()),
            None => Some(proposed.map_or_else(|| self.nowhere(), |(_, block)| block)),
        };
        vote.sign(&self.genesis, self.signer.as_ref())
    }

    /// A block that nobody has.
    fn other_proposal(&mut self, signed: SignedProposal) -> SignedProposal {
        let mut proposal = signed.proposal;
        proposal.block = self.nowhere();
        proposal.sign(&self.genesis, self.signer.as_ref())
    }

    fn nowhere(&mut self) -> BlockHash {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&self.chance.number().to_le_bytes());
        BlockHash(Hash(hash))
    }

    fn look(&mut self, message: &ConsensusMessage) {
        if let ConsensusMessage::Proposal(signed) = message {
            self.proposed = Some((signed.proposal.height, signed.proposal.block));
        }
    }

    fn is_of(message: &ConsensusMessage, key: &PublicKey) -> bool {
        match message {
            ConsensusMessage::Vote(signed) => signed.vote.validator == *key,
            ConsensusMessage::Proposal(signed) => signed.proposal.proposer == *key,
            ConsensusMessage::Evidence(evidence) => evidence.key() == *key,
            _ => false,
        }
    }
}

impl Adversary for Equivocator {
    fn outgoing(&mut self, _: LinkId, lane: Lane, bytes: Bytes) -> Vec<Bytes> {
        let other = if lane == Lane::Consensus {
            self.counterpart(&bytes)
        } else {
            None
        };
        match other {
            None => vec![bytes],
            Some(other) => match self.chance.between(0, 2) {
                0 => vec![bytes],
                1 => vec![other],
                _ => vec![bytes, other],
            },
        }
    }

    fn offences(&self) -> u64 {
        self.offences
    }

    /// It does not hear what is signed with its own key: its core would stop signing.
    fn hears(&mut self, lane: Lane, bytes: &Bytes) -> bool {
        if lane != Lane::Consensus {
            return true;
        }
        let Ok(Some(ConsensusFrame::Message(message))) = ConsensusFrame::decode(bytes) else {
            return true;
        };
        self.look(&message);
        !Self::is_of(&message, &self.signer.public_key())
    }
}
