//! Looks at the node's state every second, and tells when it is entered and left.
//!
//! What the state is, [`NodeState::judge`] says. A state is told once it has lasted
//! [`TOLD_AFTER`]: a node that starts is alone for a moment.

use std::sync::Arc;
use std::time::Duration;

use starling_gossip::Instant;
use starling_ledger::vote::Height;

use super::{Action, Core, Event, Now, Pending};
use crate::consensus::{ConsensusStatus, Duty};
use crate::node_state::{ClockFacts, Facts, Halt, NodeState, Standing, StateWord};
use crate::share::percent;
use crate::work::Work;

/// How often to look.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a state has to last to be told. Our choice: a start, or a dial after a lost link, is
/// over by then.
const TOLD_AFTER: Duration = Duration::from_secs(2);

/// How long after fetched blocks more of them are expected. Our choice: as long as a neighbour that
/// failed to deliver twice is not asked.
const FETCHED_LATELY: Duration = Duration::from_secs(20);

/// A state was entered, or is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateNews {
    /// It began some moments ago.
    Entered(NodeState),
    /// It is over.
    Over {
        /// Which.
        word: StateWord,
        /// What the node is in now.
        now: StateWord,
    },
}

/// What was seen at the last look.
pub(super) struct Look {
    next: Instant,
    /// The word, and since when.
    word: (StateWord, Now),
    /// The word that was told last.
    told: StateWord,
    /// The height at the last look, and blocks a second since the one before.
    height: (Instant, Height),
    pace: u64,
}

impl Look {
    pub(super) const fn new(now: Now, height: Height) -> Self {
        Self {
            next: now.instant,
            word: (StateWord::Running, now),
            told: StateWord::Running,
            height: (now.instant, height),
            pace: 0,
        }
    }

    pub(super) const fn next_deadline(&self) -> Instant {
        self.next
    }

    /// Returns since when the node has been in a state, milliseconds since 1970.
    pub(super) fn since_ms(&self, word: StateWord, now: Now) -> u64 {
        match self.word {
            (shown, since) if shown == word => since.wall_ms,
            _ => now.wall_ms,
        }
    }

    /// Takes what was judged; returns what is to be told.
    fn take(&mut self, now: Now, height: Height, state: NodeState) -> Vec<StateNews> {
        let (before, last) = self.height;
        let passed_ms = u64::try_from(now.instant.since(before).as_millis()).unwrap_or(u64::MAX);
        let blocks = height.saturating_sub(last).saturating_mul(1_000);
        self.pace = blocks.checked_div(passed_ms).unwrap_or(self.pace);
        self.height = (now.instant, height);
        self.next = now.instant + LOOK_EVERY;
        if self.word.0 != state.word {
            self.word = (state.word, now);
        }
        let is_news = self.told != state.word;
        if !is_news || now.instant.since(self.word.1.instant) < TOLD_AFTER {
            return Vec::new();
        }
        let word = std::mem::replace(&mut self.told, state.word);
        let over = StateNews::Over {
            word,
            now: state.word,
        };
        let over = (word != StateWord::Running).then_some(over);
        let entered = (state.word != StateWord::Running).then_some(StateNews::Entered(state));
        over.into_iter().chain(entered).collect()
    }
}

impl Core {
    /// Looks, if it is time.
    pub(super) fn look(&mut self) {
        if self.look.next > self.now.instant {
            return;
        }
        let status = self.consensus.status(self.now.instant);
        let state = self.judge(self.now, &status);
        let news = self.look.take(self.now, self.tip.height, state);
        let news = news.into_iter().map(|one| Action::Event(Event::State(one)));
        self.out.extend(news);
    }

    /// Judges the node's state.
    pub(super) fn judge(&self, now: Now, consensus: &ConsensusStatus) -> NodeState {
        let neighbours = self.gossip.answering(now.instant);
        let failed = match neighbours {
            0 => self.gossip.failed(),
            _ => Vec::new(),
        };
        let set = &self.settled.validators;
        let watching = match &consensus.duty {
            Duty::Watches(watching) => {
                let until = watching.until(now.instant);
                Some(format!("{}; {until}", watching.doubt))
            }
            _ => None,
        };
        let all = set.members().len();
        NodeState::judge(&Facts {
            wall_ms: now.wall_ms,
            neighbours,
            links: self.neighbours.len(),
            suffices: self.consensus.is_alone(),
            failed,
            height: self.settled.height,
            head_time_ms: self.settled.time_ms,
            best_height: self.gossip.best_height(now.instant),
            syncing: self.gossip.is_syncing(),
            lags: self.lags(now.instant),
            pace: self.look.pace,
            pruned_from: self.gossip.pruned_from(),
            halt: consensus
                .halted_since
                .map(|_| self.describe_halt(consensus)),
            heard: (all.saturating_sub(consensus.silent.len()), all),
            quorum: set.is_quorum(consensus.present_power),
            standing: self.standing,
            watching,
            clock: self.judge_clocks(now.instant),
        })
    }

    /// Returns how far the furthest neighbour claims to be, where blocks were fetched of late. A
    /// claim that never leads to blocks makes nobody behind.
    fn lags(&self, now: Instant) -> Option<Height> {
        let fetched = self.pipeline.fetched?;
        let lately = now.since(fetched) < FETCHED_LATELY;
        lately.then(|| self.gossip.claimed_height())
    }

    fn judge_clocks(&self, now: Instant) -> ClockFacts {
        let early = self.clocks.early(now);
        ClockFacts {
            own_ms: self.clocks.own_ms(),
            told: self.clocks.count(),
            theirs: early.map(|(account, ahead_ms)| (self.names.show(&account), ahead_ms)),
        }
    }

    fn describe_halt(&self, consensus: &ConsensusStatus) -> Halt {
        let members = self.settled.validators.members();
        let silent = consensus.silent.iter();
        let silent = silent.filter_map(|(position, _)| members.get(usize::from(*position)));
        Halt {
            share: percent(consensus.present_power, consensus.total_power),
            silent: silent.map(|one| self.names.show(&one.account)).collect(),
        }
    }

    /// Has the ledger asked what it says of this validator, where that may have changed: at the
    /// start and of an epoch, after a punishment, and while it does not count.
    pub(super) fn look_up_standing(&mut self, punished: bool) {
        let Some(key) = self.validator_key else {
            return;
        };
        let epoch = self.settled.genesis.parameters.epoch_blocks.max(1);
        let begins = self.settled.height.is_multiple_of(epoch);
        let is_out = self.standing != Standing::default();
        let is_member = self.settled.validators.by_key(&key).is_some();
        if begins || punished || is_out || !is_member || !self.standing_known {
            let tip = self.settled.clone();
            self.hand_out(Work::ReadStanding { key, tip }, Pending::Standing);
        }
    }

    /// A worker has read it.
    pub(super) fn standing_read(&mut self, standing: Option<Standing>) {
        if let Some(standing) = standing {
            self.standing = standing;
            self.standing_known = true;
        }
    }

    /// Counts a block that was not signed here although it was this validator's to sign: the last
    /// one, of which `block` carries the precommits that came late as well.
    pub(super) fn count_missed(&mut self, block: &crate::work::ExecutedBlock) {
        let signed_by = Arc::clone(&self.tip.signed_by);
        let own = self.validator_key.and_then(|key| signed_by.by_key(&key));
        let carried = block.block.parent_certificate.as_ref();
        if let (Some((position, _)), Some(carried)) = (own, carried) {
            let mut signers = carried.signatures.iter();
            let signed = signers.any(|one| usize::from(one.validator) == position);
            self.counts.blocks_missed += u64::from(!signed);
        }
    }
}

/// What a node counts of proposals, evidence and its own blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Valid proposals that had to wait, since their time was ahead of this clock.
    pub proposals_early: u64,
    /// Proposals that break a rule.
    pub proposals_invalid: u64,
    /// Evidence for which nobody is punished.
    pub evidence_refused: u64,
    /// Blocks that this validator should have signed.
    pub blocks_missed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Now {
        Now {
            instant: Instant::START + Duration::from_secs(seconds),
            wall_ms: 1_000 * seconds,
        }
    }

    fn state(word: StateWord) -> NodeState {
        NodeState {
            word,
            ready: false,
            reason: String::new(),
        }
    }

    #[test]
    fn a_state_is_told_once_when_it_has_lasted_and_again_when_it_is_over() {
        let mut look = Look::new(at(0), 0);
        let (alone, running) = (state(StateWord::Alone), state(StateWord::Running));
        assert_eq!(look.take(at(0), 0, alone.clone()), []);
        assert_eq!(look.take(at(1), 0, running.clone()), [], "a start");
        assert_eq!(look.take(at(5), 0, alone.clone()), []);
        let entered = StateNews::Entered(alone.clone());
        assert_eq!(look.take(at(7), 0, alone.clone()), [entered]);
        assert_eq!(look.take(at(8), 0, alone.clone()), []);
        assert_eq!(look.since_ms(StateWord::Alone, at(9)), 5_000);
        assert_eq!(look.take(at(10), 0, running.clone()), []);
        let over = StateNews::Over {
            word: StateWord::Alone,
            now: StateWord::Running,
        };
        assert_eq!(look.take(at(12), 0, running), [over]);
    }

    #[test]
    fn the_pace_is_that_of_the_last_look() {
        let mut look = Look::new(at(0), 10);
        look.take(at(2), 90, state(StateWord::Behind));
        assert_eq!(look.pace, 40);
    }
}
