//! Evidence of double signatures, as blocks hold it.

use serde::Serialize;
use starling_ledger::codec::encode;
use starling_ledger::evidence::Evidence;

use super::hex;

/// The answer to `evidence`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EvidenceReply {
    /// The last final block.
    pub latest: u64,
    /// The first block looked at.
    pub from: u64,
    /// The last block looked at; `from - 1` if there was none.
    pub to: u64,
    /// What they hold, in the order of the ledger.
    pub evidence: Vec<EvidencePiece>,
}

/// One piece of evidence in a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EvidencePiece {
    /// The block it is in.
    pub height: u64,
    /// Its place in that block.
    pub index: usize,
    /// Its hash, which the block's evidence root covers.
    pub hash: String,
    /// What was signed twice: `votes` or `proposals`.
    pub kind: &'static str,
    /// The consensus key that signed both.
    pub key: String,
    /// The height both are about.
    pub offence_height: u64,
    /// Its encoding: both messages with their signatures.
    pub raw: String,
}

impl EvidencePiece {
    /// Describes the piece at `index` of the block at `height`.
    pub fn new(height: u64, index: usize, evidence: &Evidence) -> Self {
        Self {
            height,
            index,
            hash: evidence.hash().to_string(),
            kind: match evidence {
                Evidence::Votes(..) => "votes",
                Evidence::Proposals(..) => "proposals",
            },
            key: evidence.key().to_string(),
            offence_height: evidence.height(),
            raw: hex(&encode(evidence)),
        }
    }
}
