//! What nodes answer, as far as the commands read it.
//!
//! `--json` hands the node's whole answer through; these types hold what is shown to people or
//! decided upon. Fields that are unknown here are ignored, so that an older client reads a newer
//! node.

use serde::Deserialize;

/// The answer to `status`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Status {
    /// The node's release.
    pub(crate) version: String,
    /// The network's name.
    pub(crate) network: String,
    /// `main`, `test` or `local`.
    pub(crate) kind: String,
    /// Hash of the genesis, hex.
    pub(crate) genesis: String,
    /// Symbol of the unit.
    pub(crate) symbol: String,
    /// Decimal places of the unit.
    pub(crate) decimals: u8,
    /// The node itself.
    #[serde(default)]
    pub(crate) node: NodeInfo,
    /// Height of the last final block.
    pub(crate) height: u64,
    /// Its hash, hex.
    pub(crate) head: String,
    /// Its time, milliseconds since 1970.
    pub(crate) head_time_ms: u64,
    /// State root after it, hex.
    pub(crate) state_root: String,
    /// The round being tried at the next height.
    #[serde(default)]
    pub(crate) round: u32,
    /// Whether blocks are being fetched.
    #[serde(default)]
    pub(crate) syncing: bool,
    /// The highest block a neighbour has.
    #[serde(default)]
    pub(crate) best_peer_height: Option<u64>,
    /// Number of neighbours.
    #[serde(default)]
    pub(crate) peers: u64,
    /// What waits to be put in a block.
    #[serde(default)]
    pub(crate) mempool: Mempool,
    /// Whether the network agrees.
    #[serde(default)]
    pub(crate) consensus: Consensus,
    /// Milliseconds since the start of the node.
    #[serde(default)]
    pub(crate) uptime_ms: u64,
    /// Whether the previous run ended without saying goodbye.
    #[serde(default)]
    pub(crate) unclean_start: bool,
    /// Blocks fetched from neighbours since the start.
    #[serde(default)]
    pub(crate) blocks_fetched: u64,
}

/// A node about itself.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct NodeInfo {
    /// Its peer id.
    #[serde(default)]
    pub(crate) id: String,
    /// Where neighbours reach it.
    #[serde(default)]
    pub(crate) listen: String,
    /// The account it votes for, if it is a validator.
    #[serde(default)]
    pub(crate) validator: Option<String>,
}

/// What waits to be put in a block.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(crate) struct Mempool {
    /// Transactions.
    #[serde(default)]
    pub(crate) count: u64,
    /// Their size.
    #[serde(default)]
    pub(crate) bytes: u64,
}

/// Whether the network agrees, as this node sees it.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Consensus {
    /// Whether too little voting power is there.
    #[serde(default)]
    pub(crate) halted: bool,
    /// Since when, milliseconds since 1970.
    #[serde(default)]
    pub(crate) halted_since_ms: Option<u64>,
    /// All validators.
    #[serde(default)]
    pub(crate) validators: Vec<Validator>,
}

/// One validator.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Validator {
    /// The account whose stake it is.
    pub(crate) account: String,
    /// The name it goes by on local networks.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// Voting power.
    pub(crate) power: u64,
    /// Whether it is heard.
    #[serde(default)]
    pub(crate) present: Option<bool>,
    /// Since when it is silent, milliseconds since 1970.
    #[serde(default)]
    pub(crate) silent_since_ms: Option<u64>,
}

/// The answer to `account`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Account {
    /// The next number on the ledger.
    pub(crate) nonce: u64,
    /// The next number, counting what waits in the mempool.
    pub(crate) next_nonce: u64,
    /// What it holds, base units.
    pub(crate) balance_base: u64,
    /// Whether the ledger knows it.
    pub(crate) exists: bool,
    /// The block whose state this is.
    pub(crate) height: u64,
    /// That block's header, encoded, hex.
    #[serde(default)]
    pub(crate) header: String,
    /// The header's certificate, encoded, hex.
    #[serde(default)]
    pub(crate) certificate: String,
    /// The proof of presence or absence, encoded, hex.
    #[serde(default)]
    pub(crate) proof: String,
}

/// The answer to `transaction`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Transaction {
    /// `final`, `pending` or `unknown`.
    pub(crate) status: String,
    /// The block it is in.
    #[serde(default)]
    pub(crate) height: Option<u64>,
    /// Its place in that block.
    #[serde(default)]
    pub(crate) index: Option<u32>,
    /// Its encoding, hex.
    #[serde(default)]
    pub(crate) raw: Option<String>,
    /// The block's header, encoded, hex.
    #[serde(default)]
    pub(crate) header: Option<String>,
    /// The header's certificate, encoded, hex.
    #[serde(default)]
    pub(crate) certificate: Option<String>,
    /// The proof of inclusion, encoded, hex.
    #[serde(default)]
    pub(crate) proof: Option<String>,
}

/// The answer to `submit`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Submitted {
    /// The id of the transaction.
    pub(crate) id: String,
    /// `accepted` or `known`.
    pub(crate) status: String,
    /// How many neighbours the node has.
    #[serde(default)]
    pub(crate) neighbours: Option<u64>,
    /// To how many it was sent.
    #[serde(default)]
    pub(crate) sent_to: Option<u64>,
}

/// The answer to `genesis`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Genesis {
    /// The encoding of the document, hex.
    #[serde(alias = "encoding", alias = "genesis")]
    pub(crate) raw: String,
}
