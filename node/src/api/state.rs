//! What is read from the state: accounts and records, each with the proof of what is told.
//!
//! The state is that after one final block. A client that trusts the block's header needs nothing
//! but the proof.

use serde::Serialize;
use starling_ledger::account::Account;
use starling_ledger::hash::Hash;
use starling_ledger::record::Record;

/// What proves an entry of the state, or that there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProofReply {
    /// The block whose state this is.
    pub height: u64,
    /// That block's header, encoded; left out before block 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The header's certificate, encoded; left out before block 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The proof of presence or absence, encoded.
    pub proof: String,
}

/// The answer to `account`, as of one final block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountReply {
    /// The address asked for.
    pub address: String,
    /// The next nonce on the ledger.
    pub nonce: u64,
    /// The next nonce, counting what waits in this node's mempool.
    pub next_nonce: u64,
    /// What it holds.
    pub balance_base: u64,
    /// The same, as text.
    pub balance_base_text: String,
    /// Whether the ledger knows it.
    pub exists: bool,
    /// Hash of the authority that may act for it.
    pub authority: Option<String>,
    /// Hash chain over the ids of its transactions.
    pub history: Option<String>,
    /// What proves it.
    #[serde(flatten)]
    pub proof: ProofReply,
}

/// The answer to `record`, as of one final block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordReply {
    /// The address of the account asked for.
    pub address: String,
    /// The digest asked for.
    pub digest: String,
    /// Whether the ledger holds this record.
    pub exists: bool,
    /// The block it was made in.
    pub recorded_height: Option<u64>,
    /// The time of that block.
    pub recorded_ms: Option<u64>,
    /// The sender's text.
    pub note: Option<String>,
    /// What proves it.
    #[serde(flatten)]
    pub proof: ProofReply,
}

impl AccountReply {
    /// Describes an entry of the state, or that there is none; `waiting` is the next nonce after
    /// what waits here.
    pub fn new(address: String, entry: Option<Account>, waiting: u64, proof: ProofReply) -> Self {
        let nonce = entry.map_or(0, |account| account.nonce);
        let balance = entry.map_or(0, |account| account.balance);
        Self {
            address,
            nonce,
            next_nonce: nonce.max(waiting),
            balance_base: balance,
            balance_base_text: balance.to_string(),
            exists: entry.is_some(),
            authority: entry.map(|account| account.authority.to_string()),
            history: entry.map(|account| account.history.to_string()),
            proof,
        }
    }
}

impl RecordReply {
    /// Describes an entry of the state, or that there is none.
    pub fn new(address: String, digest: &Hash, entry: Option<Record>, proof: ProofReply) -> Self {
        Self {
            address,
            digest: digest.to_string(),
            exists: entry.is_some(),
            recorded_height: entry.as_ref().map(|record| record.height),
            recorded_ms: entry.as_ref().map(|record| record.time_ms),
            note: entry.map(|record| record.note),
            proof,
        }
    }
}
