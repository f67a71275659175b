//! Evidence: two messages one key should never both have signed.
//!
//! # Invariants
//! Valid evidence holds two different messages of one key for one height, round and step, the
//! smaller first, so that one offence has one encoding.

use bincode::{Decode, Encode};

use crate::codec::encode;
use crate::hash::{Context, Hash};
use crate::keys::{PublicKey, SignatureScheme};
use crate::vote::{Height, SignedProposal, SignedVote};

/// Proof that a validator signed two values for one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Evidence {
    /// Two votes of one step.
    Votes(SignedVote, SignedVote),
    /// Two proposals of one round.
    Proposals(SignedProposal, SignedProposal),
}

/// Why evidence proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// The messages are not of one key, height, round and step.
    #[error("evidence compares messages of different steps or keys")]
    Unrelated,
    /// The messages are equal, or the greater stands first.
    #[error("evidence holds equal messages, or holds them in the wrong order")]
    Order,
    /// A signature is wrong.
    #[error("a signature of the evidence is wrong")]
    Signature,
}

impl Evidence {
    /// Makes evidence of two votes in their canonical order.
    pub fn of_votes(one: SignedVote, other: SignedVote) -> Self {
        Self::Votes(one.min(other), one.max(other))
    }

    /// Makes evidence of two proposals in their canonical order.
    pub fn of_proposals(one: SignedProposal, other: SignedProposal) -> Self {
        Self::Proposals(one.min(other), one.max(other))
    }

    /// Returns the hash that the evidence root of a block covers.
    pub fn hash(&self) -> Hash {
        Hash::of(Context::Evidence, &[&encode(self)])
    }

    /// Returns the consensus key accused.
    pub const fn key(&self) -> PublicKey {
        match self {
            Self::Votes(one, _) => one.vote.validator,
            Self::Proposals(one, _) => one.proposal.proposer,
        }
    }

    /// Returns the height of the offence.
    pub const fn height(&self) -> Height {
        match self {
            Self::Votes(one, _) => one.vote.height,
            Self::Proposals(one, _) => one.proposal.height,
        }
    }

    /// Checks that both messages are signed and contradict each other.
    ///
    /// # Errors
    /// [`EvidenceError`] names the first broken rule.
    pub fn verify(
        &self,
        scheme: &dyn SignatureScheme,
        genesis: &Hash,
    ) -> Result<(), EvidenceError> {
        let (related, ordered, signed) = match self {
            Self::Votes(one, other) => {
                let step = |signed: &SignedVote| {
                    let vote = signed.vote;
                    (vote.vote_type, vote.height, vote.round, vote.validator)
                };
                let signed = || one.verify(scheme, genesis) && other.verify(scheme, genesis);
                (step(one) == step(other), one.vote < other.vote, signed())
            }
            Self::Proposals(one, other) => {
                let step = |signed: &SignedProposal| {
                    let proposal = signed.proposal;
                    (proposal.height, proposal.round, proposal.proposer)
                };
                let signed = || one.verify(scheme, genesis) && other.verify(scheme, genesis);
                (
                    step(one) == step(other),
                    one.proposal < other.proposal,
                    signed(),
                )
            }
        };
        match (related, ordered, signed) {
            (false, _, _) => Err(EvidenceError::Unrelated),
            (_, false, _) => Err(EvidenceError::Order),
            (_, _, false) => Err(EvidenceError::Signature),
            _ => Ok(()),
        }
    }
}
