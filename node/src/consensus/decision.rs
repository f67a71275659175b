//! Blocks and decisions: what the engine hears of blocks, and when a decision is handed on.

use std::collections::BTreeSet;

use starling_gossip::Instant;
use starling_ledger::block::BlockHash;
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::vote::{Height, Round, VoteType};

use super::engine::{self, TimeoutStep};
use super::outbox::Visible;
use super::{Action, Consensus, HaltReason};

impl Consensus {
    pub(super) fn built(
        &mut self,
        now: Instant,
        (height, round, block): (Height, Round, BlockHash),
        out: &mut Vec<Action>,
    ) {
        let Some(state) = self.current.as_mut().filter(|one| one.height() == height) else {
            return;
        };
        state.blocks.checked(block, true, true);
        state.blocks.fed_from_log(block, round);
        self.feed(now, engine::Input::Built { round, block }, out);
    }

    pub(super) fn block_checked(
        &mut self,
        now: Instant,
        (height, block): (Height, BlockHash),
        (valid, timely): (bool, bool),
        out: &mut Vec<Action>,
    ) {
        let Some(state) = self.current.as_mut().filter(|one| one.height() == height) else {
            return;
        };
        state.blocks.checked(block, valid, timely);
        self.feed_blocks(now, out);
        self.announce(now, out);
    }

    /// Asks again for proposed and certified blocks that have not come.
    pub(super) fn ask_for_blocks(&mut self, now: Instant, out: &mut Vec<Action>) {
        let Some(state) = self.current.as_mut() else {
            return;
        };
        let height = state.height();
        let claimed: Vec<_> = state.blocks.claimed().collect();
        for block in claimed {
            if let Some(round) = state.blocks.ask(&block, now) {
                out.push(Action::WantBlock {
                    height,
                    block,
                    round,
                    from: None,
                });
            }
        }
    }

    /// Takes a valid commit certificate for the current height.
    pub(super) fn decide(
        &mut self,
        now: Instant,
        certificate: CommitCertificate,
        out: &mut Vec<Action>,
    ) {
        let Some(state) = self.current.as_mut() else {
            return;
        };
        match &state.decision {
            Some(known) if known.block == certificate.block => return,
            Some(known) => {
                let reason = HaltReason::Conflict {
                    one: Box::new(known.clone()),
                    other: Box::new(certificate),
                };
                return self.halt(reason, out);
            }
            None => {}
        }
        state
            .blocks
            .claim(certificate.block, certificate.round, true);
        state.decision = Some(certificate);
        self.timers.clear();
        self.announce(now, out);
    }

    /// Hands on the decision once its block is known to be valid.
    pub(super) fn announce(&mut self, now: Instant, out: &mut Vec<Action>) {
        let Some(state) = self.current.as_mut().filter(|state| !state.announced) else {
            return;
        };
        let Some(certificate) = state.decision.clone() else {
            return;
        };
        let (height, block) = (certificate.height, certificate.block);
        match state.blocks.verdict(&block) {
            Some(true) => {
                state.announced = true;
                let mark = self.outbox.mark();
                self.outbox.push(Visible::Decided(certificate));
                self.seal(mark, out);
                self.flush(now, out);
            }
            Some(false) => {
                let reason = HaltReason::CertifiedInvalid { height, block };
                self.halt(reason, out);
            }
            None => {
                // The timer of the engine that asked for blocks so far is gone with the decision.
                let at = now + self.config.timing.duration(TimeoutStep::Rebroadcast, 0);
                self.timers.schedule(TimeoutStep::Rebroadcast, 0, at);
                self.ask_for_blocks(now, out);
            }
        }
    }

    /// Looks for a commit certificate in the precommits of every round.
    pub(super) fn check_commits(&mut self, now: Instant, out: &mut Vec<Action>) {
        let Some(state) = &self.current else { return };
        let rounds: BTreeSet<_> = state
            .store
            .all_votes()
            .filter(|signed| signed.vote.vote_type == VoteType::Precommit)
            .map(|signed| signed.vote.round)
            .collect();
        for round in rounds {
            self.check_commit(now, round, out);
        }
    }

    /// Looks for a commit certificate in the precommits of a round, counted by content.
    pub(super) fn check_commit(&mut self, now: Instant, round: Round, out: &mut Vec<Action>) {
        let Some(state) = &self.current else { return };
        for certificate in state.store.commits(round) {
            self.decide(now, certificate, out);
        }
    }
}
