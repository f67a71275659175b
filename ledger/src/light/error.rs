//! Why an answer is not believed: one name per rule.

use std::fmt;

use super::Checkpoint;
use crate::block::{BlockHash, BlockHeader};
use crate::certificate::{CertificateError, CommitCertificate};
use crate::codec::CodecError;
use crate::genesis::GenesisError;
use crate::hash::Hash;
use crate::state::ProofError;
use crate::transaction::TransactionError;
use crate::validators::VotingPower;
use crate::vote::Height;

/// Why an answer is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LightError {
    /// The genesis breaks a rule.
    #[error("genesis: {0}")]
    Genesis(#[from] GenesisError),
    /// A header of another network.
    #[error("this is of the network {found}, expected {expected}")]
    Network {
        /// The network of the genesis.
        expected: Hash,
        /// What the header names.
        found: Hash,
    },
    /// A header that follows rules this release does not know.
    #[error("the header of block {height} follows protocol version {found}, unknown here")]
    Version {
        /// Its height.
        height: Height,
        /// The version it names.
        found: u32,
    },
    /// A certificate of another block.
    #[error("the certificate is of block {found} at height {height}, not of the header")]
    OtherBlock {
        /// The block it names.
        found: BlockHash,
        /// The height it names.
        height: Height,
    },
    /// A header below the one that is trusted.
    #[error("block {found} is behind block {trusted}, which was verified before")]
    Behind {
        /// The height that is trusted.
        trusted: Height,
        /// The height of the header.
        found: Height,
    },
    /// A later block with an earlier time.
    #[error(
        "block {height} has the time {found_ms} ms, not after its forerunner's {trusted_ms} ms"
    )]
    Time {
        /// Its height.
        height: Height,
        /// The time of the trusted header.
        trusted_ms: u64,
        /// Its time.
        found_ms: u64,
    },
    /// A block from the future.
    #[error("block {height} has the time {found_ms} ms, far ahead of this clock's {now_ms} ms")]
    Future {
        /// Its height.
        height: Height,
        /// Its time.
        found_ms: u64,
        /// Now.
        now_ms: u64,
    },
    /// The trusted point is too old to vouch for its validators.
    #[error(
        "block {height} vouches for its validators no longer: {age_ms} ms old, the trust period \
         is {trust_period_ms} ms; a checkpoint is needed"
    )]
    Expired {
        /// The height of the trusted header.
        height: Height,
        /// Its age.
        age_ms: u64,
        /// The trust period of the network.
        trust_period_ms: u64,
    },
    /// A header that names other validators than its epoch has.
    #[error("the header of block {height} names other validators than its epoch has")]
    Validators {
        /// Its height.
        height: Height,
    },
    /// A header that hands over to other validators within an epoch.
    #[error("block {height} hands over to other validators, and is not the last of its epoch")]
    Handover {
        /// Its height.
        height: Height,
    },
    /// A set that is needed did not come along.
    #[error("the {role} validators of block {height} are missing")]
    SetMissing {
        /// Which set.
        role: SetRole,
        /// The height of the header.
        height: Height,
    },
    /// A set came along that is known already.
    #[error("the {role} validators of block {height} are told without need")]
    SetNeedless {
        /// Which set.
        role: SetRole,
        /// The height of the header.
        height: Height,
    },
    /// A set that is not the one the header names.
    #[error("the {role} validators told are not those that the header of block {height} names")]
    SetHash {
        /// Which set.
        role: SetRole,
        /// The height of the header.
        height: Height,
    },
    /// Too few of the validators trusted signed a header of others.
    #[error(
        "of the validators trusted at block {trusted}, {signed} of {total} voting power signed \
         block {height}, needs more than two thirds"
    )]
    TrustedPower {
        /// The height that is trusted.
        trusted: Height,
        /// The height of the header.
        height: Height,
        /// The trusted power that signed.
        signed: VotingPower,
        /// The trusted power in total.
        total: VotingPower,
    },
    /// A header that is not the parent of the one above.
    #[error("the header of block {height} is not the one that its child names as its parent")]
    Link {
        /// The height.
        height: Height,
    },
    /// A certificate that proves nothing.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Two certified blocks where there can be one: an attack, and the evidence of it.
    #[error("{0}")]
    Conflict(Box<Conflict>),
    /// A checkpoint that the chain contradicts.
    #[error("the checkpoint {given} is not the block {found} that stands at its height")]
    Checkpoint {
        /// The checkpoint given.
        given: Checkpoint,
        /// What was found at its height.
        found: BlockHash,
    },
    /// A receipt that begins at a checkpoint for which nobody vouches.
    #[error("this begins at the checkpoint {named}, which has to be vouched for from outside")]
    CheckpointNeeded {
        /// The checkpoint that the receipt begins at.
        named: Checkpoint,
    },
    /// Steps that lead nowhere, or too many.
    #[error("a chain of {count} steps")]
    Steps {
        /// How many there are.
        count: usize,
    },
    /// A proof that does not lead to the header's state root.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The proof holds, and the entry in it is malformed.
    #[error("the entry proven is {0}")]
    Entry(#[from] CodecError),
    /// A transaction that is none, or that nobody authorized.
    #[error(transparent)]
    Form(#[from] TransactionError),
    /// A proof that does not lead to the header's transaction root.
    #[error("the transaction is not proven to be in the block")]
    Transaction,
    /// Ids that are not the end of the account's history.
    #[error("the ids told are not the end of the account's history")]
    History,
}

/// Which of a header's two validator sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetRole {
    /// Those that sign the block.
    Signing,
    /// Those that sign the next.
    Next,
}

impl fmt::Display for SetRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signing => "signing",
            Self::Next => "next",
        })
    }
}

/// Two blocks that more than two thirds signed, and of which one contradicts the other: a third of
/// the power or more lied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The header trusted; `None` is the genesis.
    pub trusted: Option<BlockHeader>,
    /// Its certificate, where it was seen; a checkpoint comes without.
    pub trusted_certificate: Option<CommitCertificate>,
    /// The other header: of the same height, or a child that names another parent.
    pub other: BlockHeader,
    /// Its certificate.
    pub certificate: CommitCertificate,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (height, other) = (self.other.height, self.other.hash());
        match &self.trusted {
            Some(trusted) if trusted.height == height => {
                let hash = trusted.hash();
                write!(
                    f,
                    "two certified blocks at height {height}: {hash} and {other}"
                )
            }
            Some(trusted) => {
                let (below, hash) = (trusted.height, trusted.hash());
                write!(
                    f,
                    "the certified block {other} at height {height} has another parent than the \
                     certified block {hash} at height {below}"
                )
            }
            None => write!(f, "the certified block {other} does not follow the genesis"),
        }
    }
}
