//! What a node knows of itself: one snapshot for status, metrics and people.

use std::sync::Arc;

use starling_gossip::drops::Drops;
use starling_gossip::input::ConfiguredPeer;
use starling_ledger::block::BlockHash;
use starling_ledger::hash::Hash;
use starling_ledger::validators::ValidatorSet;
use starling_ledger::vote::Height;

use super::{Core, Counts, Now};
use crate::consensus::{ConsensusStatus, Duty};
use crate::drops::Dropped;
use crate::node_state::{NodeState, Standing, StateWord};

/// A snapshot of the node at one moment.
#[derive(Clone, Debug)]
pub struct Status {
    /// When it was taken.
    pub now: Now,
    /// Height of the last block.
    pub height: Height,
    /// Its hash.
    pub head: BlockHash,
    /// Its time, milliseconds since 1970.
    pub head_time_ms: u64,
    /// The root after it.
    pub state_root: Hash,
    /// The validators of the next height.
    pub validators: Arc<ValidatorSet>,
    /// Where agreement stands.
    pub consensus: ConsensusStatus,
    /// Whether blocks are being fetched.
    pub syncing: bool,
    /// The highest height a neighbour claims.
    pub best_height: Height,
    /// Neighbours that are up.
    pub neighbours: usize,
    /// Transactions that wait.
    pub mempool_count: usize,
    /// Bytes of their encodings.
    pub mempool_bytes: usize,
    /// The state of the node, in a word and why.
    pub state: NodeState,
    /// Since when it has been in that state, milliseconds since 1970.
    pub state_since_ms: u64,
    /// What the ledger says of this validator.
    pub standing: Standing,
    /// By how much this clock is ahead of the neighbours', once one told its time.
    pub clock_offset_ms: Option<i64>,
    /// What was counted of proposals, evidence and own blocks.
    pub counts: Counts,
    /// What this node takes on nobody's word, in a sentence; `None` where somebody vouches.
    pub trust_warning: Option<String>,
    /// What gossip counted.
    pub counters: starling_gossip::counters::Counters,
    /// What the rest of the node left out.
    pub drops: Drops<Dropped>,
}

impl Core {
    /// Says what the node does as a validator.
    pub fn duty(&self) -> Duty {
        self.consensus.status(self.now.instant).duty
    }

    /// Returns the addresses of peers, for the next start.
    pub fn known_addresses(&self) -> Vec<ConfiguredPeer> {
        self.gossip.known_addresses()
    }

    /// Takes a snapshot.
    pub fn status(&self, now: Now) -> Status {
        let Self { settled: tip, .. } = self;
        let mut consensus = self.consensus.status(now.instant);
        let state = self.judge(now, &consensus);
        if state.word != StateWord::Halted {
            // Whoever hears nobody for a reason of its own knows nothing of the network.
            consensus.halted_since = None;
        }
        Status {
            now,
            height: tip.height,
            head: tip.hash,
            head_time_ms: tip.time_ms,
            state_root: tip.state.root(),
            validators: Arc::clone(&tip.validators),
            consensus,
            syncing: self.gossip.is_syncing(),
            best_height: self.gossip.best_height(now.instant),
            neighbours: self.neighbours.len(),
            mempool_count: self.mempool.count(),
            mempool_bytes: self.mempool.size_bytes(),
            state_since_ms: self.look.since_ms(state.word, now),
            state,
            standing: self.standing,
            clock_offset_ms: self.clocks.offset_ms(),
            counts: self.counts,
            trust_warning: self.trust.words(),
            counters: self.gossip.counters(),
            drops: self.drops.clone() + self.consensus.drops(),
        }
    }
}
