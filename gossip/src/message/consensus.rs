//! The consensus lane: hello and pings, votes, proposals, certificates, what neighbours have, and
//! the roll call.

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};
use bytes::Bytes;
use starling_ledger::block::BlockHash;
use starling_ledger::certificate::CommitSignature;
use starling_ledger::codec::{encode, list};
use starling_ledger::evidence::Evidence;
use starling_ledger::keys::Signature;
use starling_ledger::validators::VALIDATORS_MAX;
use starling_ledger::vote::{Height, Round, SignedProposal, SignedVote, VoteType};

use super::roll::{MAX_ROLL_BYTES, RollMessage};
use super::{Bits, FrameError, Hello, kind_of, known};
use crate::lane::MAX_CONSENSUS_FRAME_BYTES;

/// A hello with all its addresses is under 500 bytes.
const MAX_HELLO_BYTES: usize = 1 << 10;
/// A kind and one number.
const MAX_PING_BYTES: usize = 16;
/// Two sets of at most 125 bytes and a few numbers.
const MAX_HAVE_BYTES: usize = 512;

/// A frame of the consensus lane.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ConsensusFrame {
    /// The first frame of a link, and never again.
    Hello(Hello),
    /// Asks for a [`ConsensusFrame::Pong`] with the same number.
    Ping(u64),
    /// Answers a ping.
    Pong(u64),
    /// What is flooded.
    Message(ConsensusMessage),
    /// What the sender has of a round; only neighbours hear it.
    Have(Have),
    /// Asks who is there, or answers; flooded.
    Roll(RollMessage),
    /// The sender's clock, milliseconds since 1970: follows each pong. A release that does not know
    /// it passes it by.
    Time(u64),
}

/// What agreement is made of; flooded, and known by the hash of its encoding.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ConsensusMessage {
    /// A proposal; its block travels on the blocks lane.
    Proposal(SignedProposal),
    /// A vote.
    Vote(SignedVote),
    /// Prevotes of more than two thirds for one block.
    Polka(PolkaCertificate),
    /// Votes that let a node enter or leave a round.
    RoundSkip(RoundCertificate),
    /// Proof that a validator signed two values for one step.
    Evidence(Box<Evidence>),
}

/// Prevotes of one round for one block.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct PolkaCertificate {
    /// The height of the block.
    pub height: Height,
    /// The round of the prevotes.
    pub round: Round,
    /// The block.
    pub block: BlockHash,
    /// The signatures, strictly ascending by position in the validator set.
    pub signatures: Vec<CommitSignature>,
}

/// Which votes a [`RoundCertificate`] holds, and what they allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum SkipKind {
    /// Votes of more than a third in a later round: that round can be entered.
    Prevote,
    /// Precommits of more than two thirds without agreement: the round can be left.
    Precommit,
}

/// Votes of one round for whatever block.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct RoundCertificate {
    /// The height of the votes.
    pub height: Height,
    /// Their round.
    pub round: Round,
    /// What they allow.
    pub kind: SkipKind,
    /// The votes, strictly ascending by position in the validator set, then by step.
    pub signatures: Vec<RoundSignature>,
}

/// One vote of a [`RoundCertificate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RoundSignature {
    /// Position of the voter in the validator set.
    pub validator: u16,
    /// The step voted in.
    pub vote_type: VoteType,
    /// The block voted for; `None` is nil.
    pub block: Option<BlockHash>,
    /// The voter's signature over the vote.
    pub signature: Signature,
}

/// What a node has of one round of its height, so that neighbours can send what is missing.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Have {
    /// The height.
    pub height: Height,
    /// The round.
    pub round: Round,
    /// It has the round's proposal.
    pub proposal: bool,
    /// The round in which it knows a polka for that proposal, if it does.
    pub valid_round: Option<Round>,
    /// It has the block of that proposal.
    pub has_block: bool,
    /// Whose prevotes it has, by position in the validator set.
    pub prevotes: Bits,
    /// Whose precommits it has.
    pub precommits: Bits,
}

impl ConsensusFrame {
    /// Encodes the frame.
    pub fn encode(&self) -> Bytes {
        encode(self).into()
    }

    /// Decodes a frame; `None` is a kind that this release does not know.
    ///
    /// # Errors
    /// [`FrameError`] if a known kind breaks its rules.
    pub fn decode(bytes: &[u8]) -> Result<Option<Self>, FrameError> {
        match kind_of(bytes)? {
            0 => known::<Self, MAX_HELLO_BYTES>(bytes),
            1 | 2 | 6 => known::<Self, MAX_PING_BYTES>(bytes),
            3 => known::<Self, MAX_CONSENSUS_FRAME_BYTES>(bytes),
            4 => known::<Self, MAX_HAVE_BYTES>(bytes),
            5 => known::<Self, MAX_ROLL_BYTES>(bytes),
            _ => Ok(None),
        }
    }
}

impl<C> Decode<C> for PolkaCertificate {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let polka = Self {
            height: Decode::decode(decoder)?,
            round: Decode::decode(decoder)?,
            block: Decode::decode(decoder)?,
            signatures: list(decoder, VALIDATORS_MAX, "signatures")?,
        };
        let ascending = polka
            .signatures
            .is_sorted_by(|left, right| left.validator < right.validator);
        if !ascending {
            return Err(DecodeError::Other("polka signers out of order"));
        }
        Ok(polka)
    }
}

bincode::impl_borrow_decode!(PolkaCertificate);

impl<C> Decode<C> for RoundCertificate {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let certificate = Self {
            height: Decode::decode(decoder)?,
            round: Decode::decode(decoder)?,
            kind: Decode::decode(decoder)?,
            signatures: list(decoder, 2 * VALIDATORS_MAX, "votes")?,
        };
        let place = |entry: &RoundSignature| (entry.validator, entry.vote_type);
        let ascending = certificate
            .signatures
            .is_sorted_by(|left, right| place(left) < place(right));
        if !ascending {
            return Err(DecodeError::Other("votes of a round out of order"));
        }
        Ok(certificate)
    }
}

bincode::impl_borrow_decode!(RoundCertificate);
