//! What validators sign while they agree: votes and proposals.
//!
//! # Source
//! Buchman, Kwon, Milosevic: "The latest gossip on BFT consensus" (2018), messages of algorithm 1.

use bincode::{Decode, Encode};

use crate::block::BlockHash;
use crate::codec::encode;
use crate::hash::{Context, Hash};
use crate::keys::{PublicKey, Signature, SignatureScheme, Signer};

/// The number of a block, from 1; 0 is the genesis.
pub type Height = u64;
/// The number of an attempt to agree at one height, from 0.
pub type Round = u32;

/// The two steps of voting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum VoteType {
    /// The first vote of a round.
    Prevote,
    /// The second, which commits.
    Precommit,
}

/// A vote for a block, or for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Vote {
    /// The step.
    pub vote_type: VoteType,
    /// The height voted at.
    pub height: Height,
    /// The round voted in.
    pub round: Round,
    /// The block voted for; `None` is nil.
    pub block: Option<BlockHash>,
    /// The consensus key of the voter.
    pub validator: PublicKey,
}

/// A proposal of a block for one round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Proposal {
    /// The height proposed at.
    pub height: Height,
    /// The round proposed in.
    pub round: Round,
    /// The block proposed.
    pub block: BlockHash,
    /// The round in which the block had a polka (proof of lock), if it is proposed again.
    pub pol_round: Option<Round>,
    /// The consensus key of the proposer.
    pub proposer: PublicKey,
}

/// A vote with its signature, not checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct SignedVote {
    /// What is signed.
    pub vote: Vote,
    /// The voter's signature over [`Vote::sign_hash`].
    pub signature: Signature,
}

/// A proposal with its signature, not checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct SignedProposal {
    /// What is signed.
    pub proposal: Proposal,
    /// The proposer's signature over [`Proposal::sign_hash`].
    pub signature: Signature,
}

impl Vote {
    /// Returns what the signature covers, on the network of `genesis`.
    pub fn sign_hash(&self, genesis: &Hash) -> Hash {
        Hash::of(Context::Vote, &[&genesis.0, &encode(self)])
    }

    /// Signs the vote.
    pub fn sign(self, genesis: &Hash, signer: &dyn Signer) -> SignedVote {
        SignedVote {
            signature: signer.sign(&self.sign_hash(genesis).0),
            vote: self,
        }
    }
}

impl Proposal {
    /// Returns what the signature covers, on the network of `genesis`.
    pub fn sign_hash(&self, genesis: &Hash) -> Hash {
        Hash::of(Context::Proposal, &[&genesis.0, &encode(self)])
    }

    /// Signs the proposal.
    pub fn sign(self, genesis: &Hash, signer: &dyn Signer) -> SignedProposal {
        SignedProposal {
            signature: signer.sign(&self.sign_hash(genesis).0),
            proposal: self,
        }
    }
}

impl SignedVote {
    /// Says whether the voter signed this on the network of `genesis`.
    pub fn verify(&self, scheme: &dyn SignatureScheme, genesis: &Hash) -> bool {
        scheme.verify(
            &self.vote.validator,
            &self.vote.sign_hash(genesis).0,
            &self.signature,
        )
    }
}

impl SignedProposal {
    /// Says whether the proposer signed this on the network of `genesis`.
    pub fn verify(&self, scheme: &dyn SignatureScheme, genesis: &Hash) -> bool {
        let hash = self.proposal.sign_hash(genesis);
        scheme.verify(&self.proposal.proposer, &hash.0, &self.signature)
    }
}
