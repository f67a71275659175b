//! The table of running timeouts, and how long each lasts.

use std::collections::BTreeMap;
use std::time::Duration;

use starling_gossip::Instant;
use starling_ledger::genesis::Parameters;
use starling_ledger::vote::Round;

use super::engine::TimeoutStep;

/// No step lasts longer, unless the genesis sets a longer one: a network that comes back after a
/// long halt, many rounds on, resumes within seconds.
const MAX_STEP: Duration = Duration::from_secs(2);
/// A timeout of zero would go round in one instant for ever.
const MIN_STEP: Duration = Duration::from_millis(1);
/// How often own votes are sent again while a round lasts. The spike's figure.
const REBROADCAST: Duration = Duration::from_secs(1);

/// The lengths of a network's timeouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Wait for a proposal in round 0.
    pub propose: Duration,
    /// Wait for votes in round 0.
    pub vote: Duration,
    /// What each round adds to both.
    pub step: Duration,
    /// Time between blocks when there is nothing to put in them.
    pub idle_block: Duration,
    /// Least time between a commit and the start of the next height.
    pub min_block: Duration,
}

impl From<&Parameters> for Timing {
    fn from(parameters: &Parameters) -> Self {
        Self {
            propose: Duration::from_millis(parameters.propose_timeout_ms),
            vote: Duration::from_millis(parameters.vote_timeout_ms),
            step: Duration::from_millis(parameters.timeout_step_ms),
            idle_block: Duration::from_millis(parameters.idle_block_ms),
            min_block: Duration::from_millis(parameters.min_block_ms),
        }
    }
}

impl Timing {
    /// Returns how long a timeout lasts in a round.
    pub fn duration(&self, step: TimeoutStep, round: Round) -> Duration {
        let base = match step {
            TimeoutStep::Propose => self.propose,
            TimeoutStep::Prevote | TimeoutStep::Precommit => self.vote,
            TimeoutStep::Rebroadcast => return REBROADCAST,
        };
        let grown = base.saturating_add(self.step.saturating_mul(round));
        grown.min(base.max(MAX_STEP)).max(MIN_STEP)
    }
}

/// Running timeouts.
///
/// A timeout that is cancelled or replaced is gone from the table, and the table is emptied between
/// heights, so that one of the past can never fire. Its size is bounded by steps and engine rounds:
/// the engine cancels all when a round begins.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    running: BTreeMap<(TimeoutStep, Round), Instant>,
}

impl Timers {
    /// Starts one, in the place of one that runs for the same step and round.
    pub(super) fn schedule(&mut self, step: TimeoutStep, round: Round, at: Instant) {
        self.running.insert((step, round), at);
    }

    /// Stops one.
    pub(super) fn cancel(&mut self, step: TimeoutStep, round: Round) {
        self.running.remove(&(step, round));
    }

    /// Stops all.
    pub(super) fn clear(&mut self) {
        self.running.clear();
    }

    /// Takes one that has passed, the earliest first.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<(TimeoutStep, Round)> {
        let due = self.running.iter().filter(|(_, at)| **at <= now);
        let (key, _) = due.min_by_key(|(_, at)| **at)?;
        let key = *key;
        self.running.remove(&key);
        Some(key)
    }

    /// Returns when the next one passes.
    pub(super) fn next(&self) -> Option<Instant> {
        self.running.values().min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_grow_by_a_fixed_step_up_to_two_seconds() {
        let timing = Timing {
            propose: Duration::from_millis(1_000),
            vote: Duration::from_millis(500),
            step: Duration::from_millis(250),
            idle_block: Duration::ZERO,
            min_block: Duration::ZERO,
        };
        let propose = |round| timing.duration(TimeoutStep::Propose, round).as_millis();
        assert_eq!([propose(0), propose(1), propose(4)], [1_000, 1_250, 2_000]);
        assert_eq!(propose(Round::MAX), 2_000);
        let vote = timing.duration(TimeoutStep::Precommit, 2);
        assert_eq!(vote, Duration::from_millis(1_000));
        let slow = Timing {
            propose: Duration::from_secs(5),
            ..timing
        };
        assert_eq!(slow.duration(TimeoutStep::Propose, 9).as_secs(), 5);
    }

    #[test]
    fn cancelled_and_replaced_timeouts_never_fire() {
        let mut timers = Timers::default();
        timers.schedule(TimeoutStep::Prevote, 0, Instant(5));
        timers.schedule(TimeoutStep::Prevote, 0, Instant(9));
        timers.schedule(TimeoutStep::Propose, 0, Instant(7));
        timers.cancel(TimeoutStep::Propose, 0);
        assert_eq!(timers.take_due(Instant(8)), None);
        let fired = timers.take_due(Instant(9));
        assert_eq!(fired, Some((TimeoutStep::Prevote, 0)));
        assert_eq!(timers.next(), None);
    }
}
