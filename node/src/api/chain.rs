//! What is read from the chain: transactions, blocks, the genesis.
//!
//! Whatever can be proven comes with header, certificate and proof in the ledger's own encoding, so
//! that a client takes no node's word.

use serde::Serialize;
use starling_ledger::block::{Block, BlockHeader};
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::codec::encode;

use super::{Names, hex};

/// The answer to `transaction`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TransactionReply {
    /// The id asked for.
    pub id: String,
    /// `final`, `pending` or `unknown`.
    pub status: &'static str,
    /// The block it is in.
    pub height: Option<u64>,
    /// Its place in that block.
    pub index: Option<u32>,
    /// Its encoding.
    pub raw: Option<String>,
    /// The block's header, encoded.
    pub header: Option<String>,
    /// The header's certificate, encoded.
    pub certificate: Option<String>,
    /// The proof of inclusion, encoded.
    pub proof: Option<String>,
    /// Of an unknown one, on a node that does not keep all blocks: the first block that it keeps.
    /// The transaction may be in one below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_kept: Option<u64>,
}

/// The answer to `submit`: of this transaction, or of the same one under other signatures that is
/// here already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SubmitReply {
    /// Its id.
    pub id: String,
    /// Hash of its whole encoding.
    pub wire_id: String,
    /// `accepted`, `known` if it waited here before, or `final`.
    pub status: &'static str,
    /// The block it is in, if it is final.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    /// How many neighbours this node has.
    pub neighbours: Option<usize>,
}

/// What a header says, and how many signed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BlockSummary {
    /// Its height.
    pub height: u64,
    /// Its hash.
    pub hash: String,
    /// The block before.
    pub parent: String,
    /// The round it was made in.
    pub round: u32,
    /// Its time.
    pub time_ms: u64,
    /// The account whose turn it was.
    pub proposer: String,
    /// The name it goes by on local networks.
    pub proposer_name: Option<String>,
    /// Number of transactions.
    pub transaction_count: u32,
    /// Root over their wire ids.
    pub transaction_root: String,
    /// Root of the state after it.
    pub state_root: String,
    /// Hash of the validators that signed it.
    pub validators_hash: String,
    /// How many signed the certificate seen here.
    pub signed: usize,
}

/// The answer to `block`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BlockReply {
    /// What the header says.
    #[serde(flatten)]
    pub summary: BlockSummary,
    /// The round it was committed in.
    pub commit_round: u32,
    /// Ids of its transactions, in order.
    pub transactions: Vec<String>,
    /// The certificate, encoded.
    pub certificate: String,
    /// The whole block, encoded.
    pub raw: String,
}

/// The answer to `blocks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BlocksReply {
    /// The last final block.
    pub latest: u64,
    /// The blocks asked for, ascending.
    pub blocks: Vec<BlockSummary>,
}

/// The answer to `genesis`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GenesisReply {
    /// The network's name.
    pub network: String,
    /// The network's id: the document's hash.
    pub hash: String,
    /// The document's encoding.
    pub raw: String,
    /// The document as people write it.
    pub toml: String,
}

impl BlockSummary {
    /// Describes a final block.
    pub fn new(header: &BlockHeader, certificate: &CommitCertificate, names: &Names) -> Self {
        Self {
            height: header.height,
            hash: certificate.block.to_string(),
            parent: header.parent.to_string(),
            round: header.round,
            time_ms: header.time_ms,
            proposer: names.address(header.proposer),
            proposer_name: names.validator(&header.proposer),
            transaction_count: header.transaction_count,
            transaction_root: header.transaction_root.to_string(),
            state_root: header.state_root.to_string(),
            validators_hash: header.validators_hash.to_string(),
            signed: certificate.signatures.len(),
        }
    }
}

impl BlockReply {
    /// Describes a final block with all that is in it; `ids` are those of its transactions.
    pub fn new(
        block: &Block,
        certificate: &CommitCertificate,
        ids: Vec<String>,
        names: &Names,
    ) -> Self {
        Self {
            summary: BlockSummary::new(&block.header, certificate, names),
            commit_round: certificate.round,
            transactions: ids,
            certificate: hex(&encode(certificate)),
            raw: hex(&encode(block)),
        }
    }
}
