//! What came of a run.

use std::fmt;

use starling_gossip::Instant;
use starling_ledger::vote::Height;

use super::config::Config;
use super::oracles::Breach;
use super::oracles::staking::Figures;

/// Figures of a run in which every oracle held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The greatest height.
    pub height: Height,
    /// Virtual time at the end.
    pub end: Instant,
    /// Events that happened.
    pub events: u64,
    /// Frames that arrived.
    pub frames: u64,
    /// Final transactions.
    pub transactions: usize,
    /// Transactions that clients submitted, also the invalid and the repeated ones.
    pub submitted: u64,
    /// Blocks that were made in a round above 0.
    pub rounds_above_0: u64,
    /// Blocks that a node got by sync.
    pub synced: u64,
    /// Crashes that happened.
    pub crashes: u64,
    /// Clean stops that happened.
    pub stops: u64,
    /// Submissions that a node called accepted, and had not forgotten after a start.
    pub promises_kept: u64,
    /// Time from the end of faults to the first new block, milliseconds.
    pub resumed_ms: u64,
    /// Frames that asked a neighbour for the body of a block.
    pub bodies_asked: u64,
    /// Bodies, and requests for them, that were left out for lack of budget or room.
    pub bodies_dropped: u64,
    /// The mean time from one block to the next, milliseconds.
    pub mean_ms: u64,
    /// The longest time from one block to the next, milliseconds.
    pub longest_ms: u64,
    /// By how much a node was later than the first with the same block at most, milliseconds.
    pub latest_ms: u64,
    /// What happened to stakes and validators.
    pub staking: Figures,
    /// Hash over all events and actions, in hex.
    pub trace: String,
}

/// A run in which an oracle did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The run.
    pub config: Config,
    /// What broke.
    pub breach: Breach,
    /// When.
    pub at: Instant,
    /// Where each node's store had come to.
    pub heights: Vec<Height>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            config,
            breach,
            at,
            heights,
        } = self;
        write!(
            f,
            "seed {}: {breach}\nat {at} of virtual time, heights {heights:?}\n\
             replay: cargo run --release -p starling-tests --bin sim -- {} --verbose",
            config.seed,
            config.arguments()
        )
    }
}
