//! Blocks: header, transactions, evidence, and the certificate of the parent.
//!
//! # Limits
//! A block encodes to at most [`BLOCK_BYTES_MAX`], whatever smaller limit the genesis sets.

use std::fmt;
use std::str::FromStr;

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};

use crate::address::AccountId;
use crate::certificate::CommitCertificate;
use crate::codec::{encode, list};
use crate::evidence::Evidence;
use crate::hash::{Context, Hash, HexError};
use crate::merkle::list_root;
use crate::transaction::RawTransaction;
use crate::vote::{Height, Round};

/// Most bytes of an encoded block on any network: 2 MiB of transactions and room for the rest.
pub const BLOCK_BYTES_MAX: usize = 3 * 1024 * 1024;
/// Most transactions of a block on any network.
pub const BLOCK_TRANSACTIONS_MAX: usize = 10_000;
/// Most pieces of evidence of a block. Our choice: a block of nothing else stays under 32 KiB.
pub const BLOCK_EVIDENCE_MAX: usize = 64;
/// The protocol version this release speaks.
pub const PROTOCOL_VERSION: u32 = 1;

/// The hash of a block's header.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct BlockHash(pub Hash);

/// What validators agree on; it commits to everything else in the block.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct BlockHeader {
    /// The rules this block follows.
    pub version: u32,
    /// The rules its proposer is ready for.
    pub upgrade_signal: u32,
    /// The network.
    pub genesis: Hash,
    /// The number of this block, from 1.
    pub height: Height,
    /// The round it was made in; it may be committed in a later one.
    pub round: Round,
    /// The block before; for block 1 the genesis hash.
    pub parent: BlockHash,
    /// Milliseconds since 1970, above the parent's.
    pub time_ms: u64,
    /// Whose turn it was: a function of the validators, height and round.
    pub proposer: AccountId,
    /// Root over the wire ids.
    pub transaction_root: Hash,
    /// Number of transactions.
    pub transaction_count: u32,
    /// Root of the state after this block.
    pub state_root: Hash,
    /// Hash of the validators that sign this block.
    pub validators_hash: Hash,
    /// Hash of the validators that sign the next.
    pub next_validators_hash: Hash,
    /// Root over the evidence.
    pub evidence_root: Hash,
    /// Number of pieces of evidence.
    pub evidence_count: u32,
    /// Hash of the parent's certificate in this block; [`Hash::ZERO`] in block 1.
    pub parent_certificate_hash: Hash,
}

/// A block as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct Block {
    /// What is agreed on.
    pub header: BlockHeader,
    /// The transactions, in the order of their effects.
    pub transactions: Vec<RawTransaction>,
    /// Offences shown, in the order of their effects.
    pub evidence: Vec<Evidence>,
    /// The certificate of the parent; `None` in block 1.
    pub parent_certificate: Option<CommitCertificate>,
}

/// What follows the header in the encoding of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlockBody {
    pub(crate) transactions: Vec<RawTransaction>,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) parent_certificate: Option<CommitCertificate>,
}

/// A final block: with the certificate that the node saw for it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct FinalBlock {
    /// The block.
    pub block: Block,
    /// The certificate seen.
    pub certificate: CommitCertificate,
}

impl BlockHeader {
    /// Returns the hash of the block.
    pub fn hash(&self) -> BlockHash {
        BlockHash(Hash::of(Context::Block, &[&encode(self)]))
    }
}

impl Block {
    /// Returns the root over the wire ids of `transactions`.
    pub fn transaction_root(transactions: &[RawTransaction]) -> Hash {
        let ids: Vec<_> = transactions.iter().map(|raw| raw.wire_id().0).collect();
        list_root(&ids)
    }

    /// Returns the root over `evidence`.
    pub fn evidence_root(evidence: &[Evidence]) -> Hash {
        let hashes: Vec<_> = evidence.iter().map(Evidence::hash).collect();
        list_root(&hashes)
    }

    /// Returns what the header names for the parent's certificate.
    pub fn certificate_hash(certificate: Option<&CommitCertificate>) -> Hash {
        certificate.map_or(Hash::ZERO, CommitCertificate::hash)
    }
}

impl<C> Decode<C> for Block {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let header = Decode::decode(decoder)?;
        let body = BlockBody::decode(decoder)?;
        Ok(Self {
            header,
            transactions: body.transactions,
            evidence: body.evidence,
            parent_certificate: body.parent_certificate,
        })
    }
}

bincode::impl_borrow_decode!(Block);

impl<C> Decode<C> for BlockBody {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(Self {
            transactions: list(decoder, BLOCK_TRANSACTIONS_MAX, "transactions")?,
            evidence: list(decoder, BLOCK_EVIDENCE_MAX, "evidence")?,
            parent_certificate: Decode::decode(decoder)?,
        })
    }
}

bincode::impl_borrow_decode!(BlockBody);

impl fmt::Display for BlockHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for BlockHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl FromStr for BlockHash {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        text.parse().map(Self)
    }
}
