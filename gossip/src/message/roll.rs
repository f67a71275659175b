//! The roll call: a validator asks who is there before it signs, and the others answer.
//!
//! An answer names the calls it answers, which nobody could know before they were made: one that
//! was recorded earlier answers nothing. Both are signed, flooded, and known by their encoding.
//!
//! # Limits
//! [`MAX_ROLL_BYTES`] for a frame; an answer names at most [`VALIDATORS_MAX`] calls, and shows at
//! most [`MAX_SHOWN`] messages.

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};
use starling_ledger::codec::{encode, list};
use starling_ledger::hash::{Context, Hash};
use starling_ledger::keys::{PublicKey, Signature, Signer};
use starling_ledger::validators::VALIDATORS_MAX;
use starling_ledger::vote::{Height, Round, SignedProposal, SignedVote, VoteType};

/// Most bytes of a frame: 1,000 calls of 16 bytes, 64 messages of at most 184, and some numbers.
pub const MAX_ROLL_BYTES: usize = 32 << 10;
/// Most messages that an answer shows. Our choice: only callers that have forgotten something are
/// shown one each; the others wait for the next answer.
pub const MAX_SHOWN: usize = 64;

/// The step a message is for; two different messages of one step contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum SignedStep {
    /// The proposal of a round.
    Proposal,
    /// The prevote of a round.
    Prevote,
    /// The precommit of a round.
    Precommit,
}

/// Where a message belongs.
pub type Place = (Height, Round, SignedStep);

/// A message of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum OwnMessage {
    /// A vote.
    Vote(SignedVote),
    /// A proposal.
    Proposal(SignedProposal),
}

/// What a validator asks before it signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct RollCall {
    /// Who asks.
    pub validator: PublicKey,
    /// Drawn by its process at its start; nobody can guess it.
    pub instance: u64,
    /// Counts the calls of that process.
    pub number: u64,
    /// The latest message that it knows to have signed.
    pub known: Option<Place>,
}

/// Names a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct CallId(pub [u8; 16]);

/// Answers calls.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct RollAnswer {
    /// Who answers.
    pub validator: PublicKey,
    /// The instance of its process.
    pub instance: u64,
    /// The height it is agreeing on.
    pub height: Height,
    /// It signs nothing at the moment, because somebody else may sign with its key.
    pub watching: bool,
    /// The calls it answers, strictly ascending.
    pub calls: Vec<CallId>,
    /// The latest message of each caller that knows of none as late.
    pub shown: Vec<OwnMessage>,
}

/// A call or an answer, with its signature, not checked yet.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum RollMessage {
    /// A call, and the caller's signature over [`RollCall::sign_hash`].
    Call(RollCall, Signature),
    /// An answer, and the signature over [`RollAnswer::sign_hash`].
    Answer(RollAnswer, Signature),
}

impl OwnMessage {
    /// Returns height, round and step.
    pub const fn place(&self) -> Place {
        match self {
            Self::Vote(SignedVote { vote, .. }) => {
                let step = match vote.vote_type {
                    VoteType::Prevote => SignedStep::Prevote,
                    VoteType::Precommit => SignedStep::Precommit,
                };
                (vote.height, vote.round, step)
            }
            Self::Proposal(SignedProposal { proposal, .. }) => {
                (proposal.height, proposal.round, SignedStep::Proposal)
            }
        }
    }

    /// Returns the key that signed.
    pub const fn key(&self) -> PublicKey {
        match self {
            Self::Vote(signed) => signed.vote.validator,
            Self::Proposal(signed) => signed.proposal.proposer,
        }
    }

    /// Says whether both mean the same, whatever their signatures are.
    pub fn says_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Vote(one), Self::Vote(two)) => one.vote == two.vote,
            (Self::Proposal(one), Self::Proposal(two)) => one.proposal == two.proposal,
            _ => false,
        }
    }
}

impl RollCall {
    /// Returns what the signature covers, on the network of `genesis`.
    pub fn sign_hash(&self, genesis: &Hash) -> Hash {
        Hash::of(Context::RollCall, &[&genesis.0, &encode(self)])
    }

    /// Returns the name by which it is answered.
    pub fn id(&self, genesis: &Hash) -> CallId {
        let hash = self.sign_hash(genesis);
        let (head, _) = hash.0.split_first_chunk().expect("a hash has 32 bytes");
        CallId(*head)
    }

    /// Signs the call.
    pub fn sign(self, genesis: &Hash, signer: &dyn Signer) -> RollMessage {
        let signature = signer.sign(&self.sign_hash(genesis).0);
        RollMessage::Call(self, signature)
    }
}

impl RollAnswer {
    /// Returns what the signature covers, on the network of `genesis`.
    pub fn sign_hash(&self, genesis: &Hash) -> Hash {
        Hash::of(Context::RollAnswer, &[&genesis.0, &encode(self)])
    }

    /// Signs the answer.
    pub fn sign(self, genesis: &Hash, signer: &dyn Signer) -> RollMessage {
        let signature = signer.sign(&self.sign_hash(genesis).0);
        RollMessage::Answer(self, signature)
    }
}

impl<C> Decode<C> for RollAnswer {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let answer = Self {
            validator: Decode::decode(decoder)?,
            instance: Decode::decode(decoder)?,
            height: Decode::decode(decoder)?,
            watching: Decode::decode(decoder)?,
            calls: list(decoder, VALIDATORS_MAX, "calls")?,
            shown: list(decoder, MAX_SHOWN, "messages shown")?,
        };
        if !answer.calls.is_sorted_by(|left, right| left < right) {
            return Err(DecodeError::Other("calls out of order"));
        }
        Ok(answer)
    }
}

bincode::impl_borrow_decode!(RollAnswer);
