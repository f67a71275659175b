//! The answer to `status`.

use std::sync::Arc;

use serde::Serialize;
use starling_gossip::time::Instant;
use starling_ledger::address::NetworkKind;
use starling_ledger::genesis::Genesis;
use starling_ledger::validators::Validator;

use super::{DutyReply, MemoryReply, NEEDED, Names, permille};
use crate::core::{Now, Status};

/// The answer to `status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatusReply {
    /// The node's release.
    pub version: &'static str,
    /// The network's name.
    pub network: String,
    /// `main`, `test` or `local`.
    pub kind: &'static str,
    /// The network's id: hash of its genesis.
    pub genesis: String,
    /// Symbol of the unit.
    pub symbol: String,
    /// Decimal places of the unit.
    pub decimals: u8,
    /// The state of the node, the same everywhere.
    pub state: StateReply,
    /// The node itself.
    pub node: NodeReply,
    /// Height of the last final block.
    pub height: u64,
    /// Its hash.
    pub head: String,
    /// Its time.
    pub head_time_ms: u64,
    /// Root of the state after it.
    pub state_root: String,
    /// The round tried at the next height.
    pub round: u32,
    /// The step of that round.
    pub step: String,
    /// Whether blocks are being fetched.
    pub syncing: bool,
    /// The highest block a neighbour claims.
    pub best_peer_height: u64,
    /// Number of neighbours.
    pub peers: usize,
    /// What waits to be put in a block.
    pub mempool: MempoolReply,
    /// Whether the network agrees.
    pub consensus: ConsensusReply,
    /// Time since the start of the node.
    pub uptime_ms: u64,
    /// Whether the previous run ended without saying goodbye.
    pub unclean_start: bool,
    /// Blocks fetched from neighbours since the start.
    pub blocks_fetched: u64,
    /// What the node takes on nobody's word, such as validators named longer ago than the trust
    /// period.
    pub trust_warning: Option<String>,
    /// How much memory it takes.
    pub memory: MemoryReply,
}

/// The state of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StateReply {
    /// `RUNNING`, `ALONE`, `OTHER NETWORK`, `CLOCK`, `PRUNED`, `BEHIND`, `HALTED`, `EXCLUDED`,
    /// `JAILED` or `WATCHING`.
    pub word: &'static str,
    /// Why, in a sentence.
    pub reason: String,
    /// Whether the node has what the network has, and the network goes on.
    pub ready: bool,
    /// Since when it has been in that state.
    pub since_ms: u64,
}

/// A node about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeReply {
    /// Its peer id.
    pub id: String,
    /// Where neighbours reach it.
    pub listen: String,
    /// Where it serves HTTP.
    pub http: String,
    /// The account it votes for, if it is a validator.
    pub validator: Option<String>,
    /// Whether it signs at this height.
    pub signing: bool,
    /// What it does as a validator.
    pub duty: DutyReply,
    /// Another process answers with its validator key, said in a sentence.
    pub second_process: Option<&'static str>,
    /// By how many milliseconds its clock is ahead of the neighbours', once one told its time.
    pub clock_offset_ms: Option<i64>,
}

/// What waits to be put in a block; also the answer to `mempool`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MempoolReply {
    /// Transactions.
    pub count: usize,
    /// Bytes of their encodings.
    pub bytes: usize,
}

/// Whether the network agrees, as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConsensusReply {
    /// Whether it stands still for lack of voting power.
    pub halted: bool,
    /// Since when.
    pub halted_since_ms: Option<u64>,
    /// Voting power that is heard, in thousandths.
    pub present_permille: u32,
    /// What is needed, in words.
    pub needed: &'static str,
    /// All validators of the next height.
    pub validators: Vec<ValidatorStatus>,
}

/// One validator, as this node hears it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ValidatorStatus {
    /// The account whose stake it is.
    pub account: String,
    /// The name it goes by on local networks.
    pub name: Option<String>,
    /// Voting power.
    pub power: u64,
    /// The same, as text.
    pub power_text: String,
    /// Voting power in thousandths of all.
    pub permille: u32,
    /// Whether it is heard.
    pub present: bool,
    /// Since when it is silent.
    pub silent_since_ms: Option<u64>,
}

/// What a status does not say of itself, because it never changes or is counted elsewhere.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The network.
    pub genesis: Arc<Genesis>,
    /// Its id.
    pub genesis_hash: String,
    /// What its accounts are called.
    pub names: Arc<Names>,
    /// The node.
    pub node: NodeReply,
    /// Whether the previous run ended without saying goodbye.
    pub unclean_start: bool,
    /// Blocks fetched from neighbours since the start.
    pub blocks_fetched: u64,
    /// Its memory.
    pub memory: MemoryReply,
}

impl StatusReply {
    /// Describes a node.
    pub fn new(status: &Status, around: Surroundings) -> Self {
        let genesis = &around.genesis;
        Self {
            version: env!("CARGO_PKG_VERSION"),
            network: genesis.name.clone(),
            kind: kind(genesis.kind),
            genesis: around.genesis_hash,
            symbol: genesis.symbol.clone(),
            decimals: genesis.decimals,
            state: StateReply {
                word: status.state.word.text(),
                reason: status.state.reason.clone(),
                ready: status.state.ready,
                since_ms: status.state_since_ms,
            },
            node: around.node,
            height: status.height,
            head: status.head.to_string(),
            head_time_ms: status.head_time_ms,
            state_root: status.state_root.to_string(),
            round: status.consensus.round,
            step: format!("{:?}", status.consensus.step).to_lowercase(),
            syncing: status.syncing,
            best_peer_height: status.best_height,
            peers: status.neighbours,
            mempool: MempoolReply::new(status),
            consensus: ConsensusReply::new(status, &around.names),
            uptime_ms: status.now.instant.0 / 1000,
            unclean_start: around.unclean_start,
            blocks_fetched: around.blocks_fetched,
            trust_warning: status.trust_warning.clone(),
            memory: around.memory,
        }
    }
}

impl MempoolReply {
    /// Describes what waits.
    pub fn new(status: &Status) -> Self {
        Self {
            count: status.mempool_count,
            bytes: status.mempool_bytes,
        }
    }
}

impl ConsensusReply {
    /// Describes agreement.
    pub fn new(status: &Status, names: &Names) -> Self {
        let consensus = &status.consensus;
        let members = status.validators.members().iter().zip(0u16..);
        let validators = members.map(|(member, position)| {
            let silent = consensus
                .silent
                .iter()
                .find(|(other, _)| *other == position);
            let since = silent.map(|(_, since)| wall_ms(status.now, *since));
            ValidatorStatus::new(member, status.validators.total_power(), since, names)
        });
        Self {
            halted: consensus.halted_since.is_some(),
            halted_since_ms: consensus
                .halted_since
                .map(|since| wall_ms(status.now, since)),
            present_permille: permille(consensus.present_power, consensus.total_power),
            needed: NEEDED,
            validators: validators.collect(),
        }
    }
}

impl ValidatorStatus {
    fn new(member: &Validator, total: u64, since: Option<u64>, names: &Names) -> Self {
        Self {
            account: names.address(member.account),
            name: names.validator(&member.account),
            power: member.power,
            power_text: member.power.to_string(),
            permille: permille(member.power, total),
            present: since.is_none(),
            silent_since_ms: since,
        }
    }
}

/// Returns the wall time of a moment before `now`.
fn wall_ms(now: Now, at: Instant) -> u64 {
    let ago = u64::try_from(now.instant.since(at).as_millis()).unwrap_or(u64::MAX);
    now.wall_ms.saturating_sub(ago)
}

const fn kind(kind: NetworkKind) -> &'static str {
    match kind {
        NetworkKind::Main => "main",
        NetworkKind::Test => "test",
        NetworkKind::Local => "local",
    }
}
