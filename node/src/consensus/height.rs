//! The height that is being agreed on: its messages, its blocks, its engine, and when it begins.

use std::sync::Arc;

use starling_gossip::Instant;
use starling_ledger::block::BlockHash;
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::keys::PublicKey;
use starling_ledger::validators::ValidatorSet;
use starling_ledger::vote::{Height, Round};

use super::blocks::Blocks;
use super::engine::{Engine, Step};
use super::timers::Timing;
use super::vote_store::VoteStore;

/// Most sets that may sign the next height: blocks proposed for the last height of an epoch can
/// differ in what they do to the next set.
const MAX_NEXT: usize = 4;

/// Everything about the current height.
pub(super) struct HeightState {
    /// Messages.
    pub(super) store: VoteStore,
    /// Blocks.
    pub(super) blocks: Blocks,
    /// The engine, once the height has begun.
    pub(super) engine: Option<Box<dyn Engine>>,
    /// The node follows without signing.
    pub(super) spectator: bool,
    /// The proof of the decision, once there is one.
    pub(super) decision: Option<CommitCertificate>,
    /// The decision was handed on.
    pub(super) announced: bool,
    /// Sets other than this height's that valid blocks of this height name for the next one.
    next: Vec<Arc<ValidatorSet>>,
    /// Not before this the height begins.
    earliest: Instant,
    /// At this it begins without a reason.
    idle_end: Instant,
}

impl HeightState {
    /// Prepares a height whose parent is committed now.
    ///
    /// It begins at `earliest` if there is something to do, else after the idle time; `at_once` for
    /// block 1 and after a restart.
    pub(super) fn new(
        height: Height,
        validators: Arc<ValidatorSet>,
        now: Instant,
        timing: &Timing,
        at_once: bool,
    ) -> Self {
        let (earliest, idle_end) = if at_once {
            (now, now)
        } else {
            let earliest = now + timing.min_block;
            (earliest, earliest.max(now + timing.idle_block))
        };
        Self {
            store: VoteStore::new(height, validators),
            blocks: Blocks::default(),
            engine: None,
            spectator: false,
            decision: None,
            announced: false,
            next: Vec::new(),
            earliest,
            idle_end,
        }
    }

    /// Returns the height.
    pub(super) const fn height(&self) -> Height {
        self.store.height()
    }

    /// Takes note of who would sign the next height.
    pub(super) fn note_next(&mut self, validators: Arc<ValidatorSet>) {
        if self.next.len() < MAX_NEXT && !self.next.contains(&validators) {
            self.next.push(validators);
        }
    }

    /// Says whether `key` is of this height's set, or of one that may sign the next.
    pub(super) fn may_sign_next(&self, key: &PublicKey) -> bool {
        let mut next = self.next.iter();
        self.store.position(key).is_some() || next.any(|set| set.by_key(key).is_some())
    }

    /// Returns when the height begins; `None` if it has.
    ///
    /// # Source
    /// `work` is a mempool with something in it; a signed message of this height is a reason as
    /// well.
    pub(super) fn begins(&self, work: bool) -> Option<Instant> {
        if self.engine.is_some() || self.decision.is_some() {
            return None;
        }
        let message =
            self.store.all_votes().next().is_some() || self.store.all_proposals().next().is_some();
        Some(if work || message {
            self.earliest
        } else {
            self.idle_end
        })
    }

    /// Returns the current round.
    pub(super) fn round(&self) -> Round {
        self.engine.as_ref().map_or(0, |engine| engine.round())
    }

    /// Returns the current step.
    pub(super) fn step(&self) -> Step {
        self.engine
            .as_ref()
            .map_or(Step::Propose, |engine| engine.step())
    }

    /// Returns the latest round with a polka, and its block.
    pub(super) fn valid(&self) -> Option<(Round, BlockHash)> {
        self.engine.as_ref().and_then(|engine| engine.valid())
    }
}
