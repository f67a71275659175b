//! Who is there: which validators were heard, which are silent since when, and whether that halts
//! us.

use std::collections::BTreeMap;
use std::time::Duration;

use starling_gossip::Instant;
use starling_ledger::keys::PublicKey;
use starling_ledger::validators::VotingPower;
use starling_ledger::vote::{Height, Round, VoteType};

use super::duty::Duty;
use super::engine::Step;
use super::height::HeightState;
use super::timers::Timing;

/// Least time without a vote after which a validator is called silent: two rounds of the slowest
/// steps.
const MIN_SILENCE: Duration = Duration::from_secs(5);
/// Idle block times without a commit before a halt is declared. Our choice, as for the overlay's
/// suspicion.
const HALT_BLOCK_TIMES: u32 = 5;
/// How often to look for a halt once blocks are overdue.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Idle block times without a vote before a validator is silent.
const SILENT_BLOCK_TIMES: u32 = 3;

/// What the machine is doing, for `status` and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsensusStatus {
    /// The height being agreed on; 0 before the first.
    pub height: Height,
    /// The round.
    pub round: Round,
    /// The step.
    pub step: Step,
    /// The height has begun.
    pub begun: bool,
    /// Validators not heard lately: position in the set, and since when.
    pub silent: Vec<(u16, Instant)>,
    /// Power of the others.
    pub present_power: VotingPower,
    /// Power of all.
    pub total_power: VotingPower,
    /// Since when there was no block although there should have been, for lack of power.
    pub halted_since: Option<Instant>,
    /// What the node does as a validator.
    pub duty: Duty,
    /// Another process answers with this validator's key.
    pub second_process: bool,
}

impl ConsensusStatus {
    /// Says whether the node is a validator and signs at this height.
    pub fn signing(&self) -> bool {
        self.duty == Duty::Signs
    }
}

/// When each validator was last heard, and when the last block came.
#[derive(Clone, Debug)]
pub(super) struct Presence {
    heard: BTreeMap<PublicKey, Instant>,
    committed: Instant,
    /// When to look for a halt that was not told yet.
    look: Instant,
    /// The halt was told.
    pub(super) told: bool,
}

impl Presence {
    pub(super) fn new() -> Self {
        Self {
            heard: BTreeMap::new(),
            committed: Instant::START,
            look: Instant::START,
            told: false,
        }
    }

    /// Takes note of a commit; validators new to the set count as heard now.
    pub(super) fn committed(
        &mut self,
        now: Instant,
        members: impl Iterator<Item = PublicKey>,
        timing: &Timing,
    ) {
        self.committed = now;
        self.look = self.halts_at(timing);
        let known = std::mem::take(&mut self.heard);
        self.heard = members
            .map(|key| (key, known.get(&key).copied().unwrap_or(now)))
            .collect();
    }

    /// Takes note of a new vote.
    pub(super) fn heard(&mut self, key: &PublicKey, now: Instant) {
        if let Some(at) = self.heard.get_mut(key) {
            *at = now;
        }
    }

    /// Returns when to look for a halt.
    pub(super) fn next_look(&self) -> Option<Instant> {
        (!self.told).then_some(self.look)
    }

    /// Says whether to look for a halt now; the next time is a second later.
    pub(super) fn looks(&mut self, now: Instant) -> bool {
        let due = !self.told && self.look <= now;
        if due {
            self.look = now + LOOK_EVERY;
        }
        due
    }

    /// Returns when the halt begins if nothing comes.
    fn halts_at(&self, timing: &Timing) -> Instant {
        let patience = timing.idle_block.saturating_mul(HALT_BLOCK_TIMES);
        self.committed + patience.max(MIN_SILENCE)
    }

    /// Returns who is silent.
    ///
    /// Votes stop when a height is stuck, also those of validators that are there. So whoever has
    /// voted in the step that lacks votes is present, however long ago that was.
    pub(super) fn silent(
        &self,
        state: &HeightState,
        timing: &Timing,
        now: Instant,
    ) -> Vec<(u16, Instant)> {
        let patience = timing.idle_block.saturating_mul(SILENT_BLOCK_TIMES);
        let patience = patience.max(MIN_SILENCE);
        let stuck = stuck_step(state);
        let members = state.store.validators().members().iter().zip(0u16..);
        members
            .filter_map(|(member, position)| {
                let heard = self.heard.get(&member.key).copied().unwrap_or_default();
                let voted = stuck.is_some_and(|step| state.store.has_voted(step, position));
                (!voted && now > heard + patience).then_some((position, heard))
            })
            .collect()
    }

    /// Returns since when the network stands still for lack of power.
    pub(super) fn halted_since(
        &self,
        state: &HeightState,
        timing: &Timing,
        now: Instant,
        present: VotingPower,
    ) -> Option<Instant> {
        let overdue = now >= self.halts_at(timing);
        let lacking = !state.store.validators().is_quorum(present);
        (overdue && lacking).then_some(self.committed)
    }
}

/// Returns the first step of the current round in which too few have voted.
fn stuck_step(state: &HeightState) -> Option<(Round, VoteType)> {
    state.engine.as_ref()?;
    let round = state.round();
    let lacks = |vote_type| {
        let power = state.store.power((round, vote_type));
        !state.store.validators().is_quorum(power)
    };
    [VoteType::Prevote, VoteType::Precommit]
        .into_iter()
        .find(|vote_type| lacks(*vote_type))
        .map(|vote_type| (round, vote_type))
}

/// Returns the power of the members that are not in `silent`.
pub(super) fn present_power(state: &HeightState, silent: &[(u16, Instant)]) -> VotingPower {
    let members = state.store.validators().members().iter().zip(0u16..);
    members
        .filter(|(_, position)| !silent.iter().any(|(other, _)| other == position))
        .map(|(member, _)| member.power)
        .sum()
}
