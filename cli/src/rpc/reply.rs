//! What nodes answer, as far as the commands read it.
//!
//! `--json` hands the node's whole answer through; these types hold what is shown to people or
//! decided upon. Fields that are unknown here are ignored, so that an older client reads a newer
//! node.

use serde::Deserialize;
use serde_json::{Value, json};
use starling_ledger::transaction::{RawTransaction, WireId};

use crate::error::Outcome;
use crate::exit::Exit;
use crate::quorum::clock;
use crate::verify::unhex;

/// The state in which there is nothing to tell.
const RUNNING: &str = "RUNNING";

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
    /// The state of the node; left out by releases that do not know it.
    #[serde(default)]
    state: Option<State>,
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
    /// What the node takes on nobody's word.
    #[serde(default)]
    pub(crate) trust_warning: Option<String>,
    /// How much memory it takes.
    #[serde(default)]
    pub(crate) memory: Memory,
}

/// How much memory a node takes.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Memory {
    /// The setting `memory_mib`; 0 from a node that has none.
    #[serde(default)]
    pub(crate) limit_mib: u32,
    /// What is resident now.
    #[serde(default)]
    pub(crate) resident_bytes: Option<u64>,
}

/// The state of a node.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct State {
    /// `RUNNING`, `ALONE` and so on.
    pub(crate) word: String,
    /// Why, in a sentence.
    #[serde(default)]
    pub(crate) reason: String,
    /// Whether the node has what the network has, and the network goes on.
    #[serde(default)]
    pub(crate) ready: bool,
    /// Since when, milliseconds since 1970.
    #[serde(default)]
    pub(crate) since_ms: u64,
}

impl Status {
    /// Returns the state of the node. A release that does not know it tells a halt, and no more.
    pub(crate) fn state(&self) -> State {
        let halted = self.consensus.halted;
        let told = || State {
            word: if halted { "HALTED" } else { RUNNING }.to_owned(),
            reason: String::new(),
            ready: !halted,
            since_ms: self.consensus.halted_since_ms.unwrap_or(0),
        };
        self.state.clone().unwrap_or_else(told)
    }
}

impl State {
    /// Says whether there is nothing to tell.
    pub(crate) fn is_running(&self) -> bool {
        self.word == RUNNING
    }

    /// Returns the exit code of a command that was to find all well. Only a halt is the network's.
    pub(crate) fn exit(&self) -> Exit {
        match (self.ready, self.word.as_str()) {
            (true, _) => Exit::Ok,
            (false, "HALTED") => Exit::Halted,
            (false, "OTHER NETWORK") => Exit::WrongNetwork,
            (false, _) => Exit::Failure,
        }
    }

    /// Writes word and reason, and since when.
    pub(crate) fn words(&self) -> String {
        let since = match self.since_ms {
            0 => String::new(),
            ms => format!(" since {}", clock(ms)),
        };
        format!("{}{since}: {}", self.word, self.reason)
    }
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
    /// What it does as a validator.
    #[serde(default)]
    pub(crate) duty: Duty,
    /// Another process answers with its validator key, said in a sentence.
    #[serde(default)]
    pub(crate) second_process: Option<String>,
    /// By how many milliseconds its clock is ahead of the neighbours'.
    #[serde(default)]
    pub(crate) clock_offset_ms: Option<i64>,
}

/// What a node does as a validator.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Duty {
    /// `follows`, `signs`, `waits`, `watches`, `skips_height` or `excluded`.
    #[serde(default)]
    pub(crate) state: String,
    /// Why it does not sign, in words.
    #[serde(default)]
    pub(crate) why: Option<String>,
    /// When it will, in words.
    #[serde(default)]
    pub(crate) until: Option<String>,
}

impl Duty {
    /// Says whether this is decided within moments.
    pub(crate) fn is_passing(&self) -> bool {
        self.state == "waits"
    }

    /// Says why a validator does not vote; `None` where it votes, or is none.
    pub(crate) fn silence(&self) -> Option<String> {
        let word = match self.state.as_str() {
            "waits" => "waiting",
            "watches" => "watching",
            "skips_height" => "voting from the next block on",
            "excluded" => "EXCLUDED",
            _ => return None,
        };
        let told = self.why.iter().chain(&self.until);
        let told = told.map(String::as_str).collect::<Vec<_>>().join("; ");
        Some(if told.is_empty() {
            word.to_owned()
        } else {
            format!("{word}: {told}")
        })
    }
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

/// What an answer about the state comes with.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct AsOf {
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
    /// Hash of the authority that may act for it, hex; `None` if the ledger does not know it.
    #[serde(default)]
    pub(crate) authority: Option<String>,
    /// Hash chain over its own transactions, hex; left out where the ledger does not know it.
    #[serde(default)]
    pub(crate) history: Option<String>,
    /// The block whose state this is, and the proof.
    #[serde(flatten)]
    pub(crate) at: AsOf,
}

/// The answer to `record`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Record {
    /// Whether the ledger holds it.
    pub(crate) exists: bool,
    /// The block it was made in.
    #[serde(default)]
    pub(crate) recorded_height: Option<u64>,
    /// The time of that block, milliseconds since 1970.
    #[serde(default)]
    pub(crate) recorded_ms: Option<u64>,
    /// The sender's text.
    #[serde(default)]
    pub(crate) note: Option<String>,
    /// The block whose state this is, and the proof.
    #[serde(flatten)]
    pub(crate) at: AsOf,
}

/// The answer to `history`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct History {
    /// The hash chain before the nonce asked for, hex.
    pub(crate) before: String,
    /// The ids of the account's transactions from that nonce on, hex.
    pub(crate) ids: Vec<String>,
    /// The block whose state this is, and the proof.
    #[serde(flatten)]
    pub(crate) at: AsOf,
}

/// The answer to `stake`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Stake {
    /// Whether there is one.
    pub(crate) exists: bool,
    /// The key that votes for it, hex.
    #[serde(default)]
    pub(crate) consensus_key: Option<String>,
    /// What is bonded, base units.
    pub(crate) bonded_base: u64,
    /// `active` or `sitting_out`.
    #[serde(default)]
    pub(crate) status: Option<String>,
    /// What is being released.
    #[serde(default)]
    pub(crate) releases: Vec<Release>,
    /// The block whose state this is, and the proof.
    #[serde(flatten)]
    pub(crate) at: AsOf,
}

/// The answer to `consensus_key`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ConsensusKey {
    /// Whether an account ever named it.
    pub(crate) exists: bool,
    /// The account it belongs to.
    #[serde(default)]
    pub(crate) account: Option<String>,
    /// Whether it never counts again.
    pub(crate) excluded: bool,
    /// The block whose state this is, and the proof.
    #[serde(flatten)]
    pub(crate) at: AsOf,
}

/// Stake on its way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Release {
    /// Base units.
    pub(crate) amount_base: u64,
    /// The last epoch in which it has power.
    pub(crate) epoch: u64,
    /// The last height of that epoch.
    pub(crate) last_height: u64,
    /// From which block time on it is paid, milliseconds since 1970, once that epoch has ended.
    #[serde(default)]
    pub(crate) due_ms: Option<u64>,
}

/// The answer to `validators`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ValidatorSet {
    /// The height they sign.
    pub(crate) height: u64,
    /// The epoch of that height.
    pub(crate) epoch: u64,
    /// The last height of that epoch.
    pub(crate) epoch_last: u64,
    /// Voting power of all.
    pub(crate) total_power: u64,
    /// The members.
    pub(crate) validators: Vec<Member>,
    /// What would come if the epoch ended now.
    pub(crate) outlook: Option<Outlook>,
}

/// One member of a set.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Member {
    /// The account whose stake it is.
    pub(crate) account: String,
    /// Voting power.
    pub(crate) power: u64,
}

/// What would come if the epoch ended now.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Outlook {
    /// Members that sit out from the next epoch on.
    pub(crate) sitting_out: Vec<String>,
}

/// The answer to `candidates`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Candidates {
    /// Most members of a set.
    pub(crate) validators_max: u32,
    /// How many there are.
    pub(crate) total: usize,
    /// The first of them, the most stake first.
    pub(crate) candidates: Vec<Candidate>,
}

/// One who may be chosen next.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Candidate {
    /// The account whose stake it is.
    pub(crate) account: String,
    /// Base units.
    pub(crate) bonded_base: u64,
    /// Whether it would be chosen now.
    pub(crate) chosen: bool,
}

impl Stake {
    /// Describes it for programs, without the proof.
    pub(crate) fn describe(&self) -> Value {
        let releases = self.releases.iter().map(|release| {
            json!({
                "amount_base": release.amount_base,
                "epoch": release.epoch,
                "last_height": release.last_height,
                "due_ms": release.due_ms,
            })
        });
        json!({
            "exists": self.exists,
            "consensus_key": self.consensus_key,
            "bonded_base": self.bonded_base,
            "status": self.status,
            "releases": releases.collect::<Vec<_>>(),
            "height": self.at.height,
        })
    }
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

impl Transaction {
    /// Returns the wire id of the transaction told, if its bytes are.
    ///
    /// # Errors
    /// [`Exit::Verification`] if they are not hex.
    pub(crate) fn wire_id(&self) -> Outcome<Option<WireId>> {
        let raw = self.raw.as_ref().map(|raw| unhex("transaction", raw));
        let raw = raw.transpose()?;
        Ok(raw.map(|raw| RawTransaction(raw.into()).wire_id()))
    }
}

/// The answer to `light_steps`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct LightSteps {
    /// The steps, encoded, hex.
    pub(crate) steps: Vec<String>,
}

/// The answer to `light_header`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct LightHeader {
    /// The header, encoded, hex.
    pub(crate) header: String,
    /// The validators that sign the next block, encoded, hex.
    pub(crate) next_validators: String,
}

/// The answer to `light_validators`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct LightValidators {
    /// The set, encoded, hex.
    pub(crate) validators: String,
}

/// The answer to `light_headers`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct LightHeaders {
    /// The headers, encoded, hex, descending.
    pub(crate) headers: Vec<String>,
}

/// The answer to `submit`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Submitted {
    /// The id of the transaction.
    pub(crate) id: String,
    /// Hash of its whole encoding, hex.
    #[serde(default)]
    pub(crate) wire_id: Option<String>,
    /// `accepted`, `known` or `final`.
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
