//! What a client that takes no node's word reads: steps along the validators, and headers.
//!
//! All encodings are the ledger's own, in hex; a client checks every one of them.

use serde::Serialize;

use super::ProofReply;

/// The answer to `light_steps`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LightStepsReply {
    /// The height that the client trusts; 0 is the genesis.
    pub from: u64,
    /// The height it wants to reach.
    pub to: u64,
    /// The last final block.
    pub latest: u64,
    /// Whether the steps lead to `to`; if not, the client asks again from the last of them.
    pub complete: bool,
    /// The steps, encoded, ascending.
    pub steps: Vec<String>,
}

/// The answer to `light_header`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LightHeaderReply {
    /// Its height.
    pub height: u64,
    /// The block's hash.
    pub hash: String,
    /// The header, encoded.
    pub header: String,
    /// Its certificate, encoded.
    pub certificate: String,
    /// The validators that sign the next block, encoded.
    pub next_validators: String,
}

/// The answer to `light_validators`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LightValidatorsReply {
    /// The hash asked for, which headers name.
    pub hash: String,
    /// The set, encoded.
    pub validators: String,
}

/// The answer to `light_headers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LightHeadersReply {
    /// The height of the first.
    pub from: u64,
    /// The headers, encoded, descending: each is the parent of the one before.
    pub headers: Vec<String>,
}

/// The answer to `history`, as of one final block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HistoryReply {
    /// The address asked for.
    pub address: String,
    /// The nonce asked for.
    pub nonce: u64,
    /// The account's next nonce.
    pub next: u64,
    /// The history before the nonce asked for; zero where that was not used yet.
    pub before: String,
    /// The ids of the account's transactions from that nonce on.
    pub ids: Vec<String>,
    /// What proves the account.
    #[serde(flatten)]
    pub proof: ProofReply,
}
