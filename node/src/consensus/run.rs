//! Running the engine: begin, feed, act on what it wants, and let out what the disk has.

use starling_gossip::Instant;
use starling_gossip::message::ConsensusMessage;
use starling_ledger::vote::{Height, Round};

use super::engine::{self, EngineError, EngineSetup, Output, TimeoutStep};
use super::guard::OwnMessage;
use super::keys::GuardedKeys;
use super::outbox::Visible;
use super::wal::LogEntry;
use super::{Action, Consensus, ConsensusEvent, HaltReason, SpectatorReason};

impl Consensus {
    /// Begins the current height: replays its log, then feeds what was admitted before.
    pub(super) fn begin(&mut self, now: Instant, out: &mut Vec<Action>) {
        let Some(state) = self.current.as_mut() else {
            return;
        };
        let height = state.height();
        let records = std::mem::take(&mut self.recovered);
        let entries = records.iter().filter(|record| record.height == height);
        let log: Vec<_> = entries
            .filter_map(|record| record.entry.to_input())
            .collect();
        for record in records.iter().filter(|record| record.height == height) {
            match &record.entry {
                LogEntry::Vote(vote) => _ = state.store.insert_vote(*vote),
                LogEntry::Proposal(signed) => {
                    let proposal = signed.proposal;
                    _ = state.store.insert_proposal(*signed);
                    let settled = proposal.pol_round.is_some();
                    state.blocks.claim(proposal.block, proposal.round, settled);
                }
                LogEntry::Value { round, block, .. } => state.blocks.fed_from_log(*block, *round),
                LogEntry::Polka(polka) => state.store.insert_polka(polka.clone()),
                LogEntry::Timeout { .. } | LogEntry::Body { .. } => {}
            }
        }
        let behind = self.guard.as_ref().is_some_and(|guard| {
            let logged = |message: &OwnMessage| match message {
                OwnMessage::Vote(vote) => log.contains(&engine::Input::Vote(*vote)),
                OwnMessage::Proposal(one) => log.contains(&engine::Input::Proposal(*one)),
            };
            guard.height() > height || guard.messages_at(height).any(|message| !logged(message))
        });
        if behind {
            self.spectate(SpectatorReason::LogBehindGuard, out);
        } else if self.watch.is_active() && self.signer.is_some() {
            self.spectate(SpectatorReason::Watching, out);
        }
        self.launch(now, &log, out);
    }

    /// Follows this height without signing.
    fn spectate(&mut self, reason: SpectatorReason, out: &mut Vec<Action>) {
        let Some(state) = self.current.as_mut() else {
            return;
        };
        if !std::mem::replace(&mut state.spectator, true) {
            let height = state.height();
            let event = ConsensusEvent::Spectating { height, reason };
            out.push(Action::Event(event));
        }
    }

    /// Gives up the running engine and follows the height with a new one that does not sign.
    pub(super) fn give_up(&mut self, now: Instant, reason: SpectatorReason, out: &mut Vec<Action>) {
        let Some(state) = &self.current else { return };
        if state.spectator || state.engine.is_none() {
            // A spectator's engine that fails is not replaced: sync, or the precommits themselves,
            // end the height.
            self.spectate(reason, out);
            return;
        }
        self.spectate(reason, out);
        self.relaunch(now, out);
    }

    /// The quiet time is over: sign again, at this height too if nothing of ours was ever seen at
    /// it.
    pub(super) fn join_after_watch(&mut self, now: Instant, out: &mut Vec<Action>) {
        let Some(state) = self.current.as_mut() else {
            return;
        };
        let height = state.height();
        let signed = self.guard.as_ref().map_or(0, |guard| guard.height());
        if state.spectator && signed < height && state.decision.is_none() {
            state.spectator = false;
            self.relaunch(now, out);
        }
    }

    /// Says whether the running engine is held: the process stood still, and waits for the roll.
    pub(super) fn is_stopped(&self) -> bool {
        let runs =
            |state: &super::height::HeightState| state.engine.is_some() && state.decision.is_none();
        self.is_held() && self.current.as_ref().is_some_and(runs)
    }

    /// The roll is complete: an engine that was held is told what came meanwhile.
    pub(super) fn release(&mut self, now: Instant, out: &mut Vec<Action>) {
        let state = self.current.as_ref();
        if state.is_some_and(|state| state.engine.is_some()) {
            self.feed_stored(now, out);
        }
    }

    fn relaunch(&mut self, now: Instant, out: &mut Vec<Action>) {
        if let Some(state) = self.current.as_mut()
            && state.engine.is_some()
        {
            state.blocks.unfeed();
            self.timers.clear();
            self.launch(now, &[], out);
        }
    }

    fn launch(&mut self, now: Instant, log: &[engine::Input], out: &mut Vec<Action>) {
        let Some(state) = &self.current else { return };
        let setup = EngineSetup {
            height: state.height(),
            validators: state.store.validators().clone(),
            key: self.own_key(state).filter(|_| !state.spectator),
        };
        let mut new = (self.config.new_engine)(setup);
        let mark = self.outbox.mark();
        let mut outputs = Vec::new();
        let result = self.call(|keys| new.start(log, keys, &mut outputs));
        if let Some(state) = self.current.as_mut() {
            state.engine = Some(new);
        }
        self.after_call(now, (result, outputs, mark), out);
        self.feed_stored(now, out);
    }

    /// Feeds everything admitted so far, proposals first.
    fn feed_stored(&mut self, now: Instant, out: &mut Vec<Action>) {
        let Some(state) = &self.current else { return };
        let proposals = state.store.all_proposals();
        let mut inputs: Vec<_> = proposals.map(|one| engine::Input::Proposal(*one)).collect();
        let rounds = inputs.len();
        inputs.extend(
            state
                .store
                .all_votes()
                .map(|vote| engine::Input::Vote(*vote)),
        );
        for (count, input) in inputs.into_iter().enumerate() {
            if count == rounds {
                self.feed_blocks(now, out);
            }
            self.feed(now, input, out);
        }
        self.feed_blocks(now, out);
        self.check_commits(now, out);
    }

    /// Tells the engine of every block it may now know.
    pub(super) fn feed_blocks(&mut self, now: Instant, out: &mut Vec<Action>) {
        if self.is_stopped() {
            return;
        }
        let Some(state) = self.current.as_mut().filter(|state| state.engine.is_some()) else {
            return;
        };
        let claimed: Vec<_> = state.blocks.claimed().collect();
        let mut ready = Vec::new();
        for block in claimed {
            if let Some((round, valid)) = state.blocks.take_ready(&block) {
                ready.push(engine::Input::Value {
                    round,
                    block,
                    valid,
                });
            }
        }
        for input in ready {
            self.feed(now, input, out);
        }
    }

    /// Feeds one input, if the height has begun and is not decided.
    pub(super) fn feed(&mut self, now: Instant, input: engine::Input, out: &mut Vec<Action>) {
        if self.is_stopped() {
            return;
        }
        let Some(state) = self
            .current
            .as_mut()
            .filter(|state| state.decision.is_none())
        else {
            return;
        };
        let Some(mut engine) = state.engine.take() else {
            return;
        };
        let mark = self.outbox.mark();
        let mut outputs = Vec::new();
        let result = self.call(|keys| engine.feed(input, keys, &mut outputs));
        if let Some(state) = self.current.as_mut() {
            state.engine = Some(engine);
        }
        self.after_call(now, (result, outputs, mark), out);
    }

    fn call(
        &mut self,
        run: impl FnOnce(&mut GuardedKeys<'_>) -> Result<(), EngineError>,
    ) -> CallResult {
        let mut keys = GuardedKeys {
            memo: &mut self.memo,
            signing: self.signer.as_deref().zip(self.guard.as_mut()),
            signed: Vec::new(),
            refused: None,
        };
        let result = run(&mut keys);
        let GuardedKeys {
            signed, refused, ..
        } = keys;
        if refused.is_none() && result.is_ok() {
            for message in signed {
                self.outbox.signed(message);
            }
        }
        (result, refused)
    }

    fn after_call(
        &mut self,
        now: Instant,
        (result, outputs, mark): (CallResult, Vec<Output>, usize),
        out: &mut Vec<Action>,
    ) {
        match result {
            (Err(error @ EngineError::Diverged(_)), _) => {
                self.halt(HaltReason::Replay(error.to_string()), out);
            }
            (Err(error), _) => {
                let reason = SpectatorReason::EngineFailed(error.to_string());
                self.give_up(now, reason, out);
            }
            (Ok(()), Some(error)) => {
                self.give_up(now, SpectatorReason::GuardRefused(error), out);
            }
            (Ok(()), None) => {
                let mut decided = None;
                for output in outputs {
                    match output {
                        Output::Decided(certificate) => decided = Some(certificate),
                        other => self.act(now, other, out),
                    }
                }
                self.seal(mark, out);
                self.flush(now, out);
                if let Some(certificate) = decided {
                    self.decide(now, certificate, out);
                }
            }
        }
    }

    /// Asks for durability of everything recorded, before what was queued since `mark`.
    pub(super) fn seal(&mut self, mark: usize, out: &mut Vec<Action>) {
        self.outbox.seal(mark, self.guard.as_ref(), out);
    }

    fn act(&mut self, now: Instant, output: Output, out: &mut Vec<Action>) {
        let Some(state) = self.current.as_mut() else {
            return;
        };
        let height = state.height();
        match output {
            // A node that only watches has nothing to derive again after a crash; and what it was
            // fed before it joined in is not what it was fed since.
            Output::Log(_) if state.spectator => {}
            Output::Log(input) => self.outbox.log(height, &input),
            Output::Publish(message) => self.publish(height, message),
            Output::BuildBlock(round) => out.push(Action::BuildBlock { height, round }),
            Output::Restream(block) => self.outbox.push(Visible::SendBlock(height, block)),
            Output::RoundStarted(round) => {
                let proposer = state.store.validators().proposer(height, round).key;
                let valid = state.valid().map(|(round, _)| round);
                state.store.prune(round, valid);
                self.next_have = now;
                out.push(Action::Event(ConsensusEvent::RoundStarted {
                    height,
                    round,
                    proposer,
                }));
            }
            Output::Schedule(step, round) => {
                let at = now + self.config.timing.duration(step, round);
                self.timers.schedule(step, round, at);
            }
            Output::Cancel(step, round) => self.timers.cancel(step, round),
            Output::CancelAll => self.timers.clear(),
            // Taken by the caller, after everything before it is sealed.
            Output::Decided(_) => {}
        }
    }

    fn publish(&mut self, height: Height, message: ConsensusMessage) {
        let fresh = match &message {
            ConsensusMessage::Proposal(signed) if signed.proposal.pol_round.is_none() => {
                Some(signed.proposal.block)
            }
            _ => None,
        };
        self.outbox.push(Visible::Publish(message));
        if let Some(block) = fresh {
            self.outbox.push(Visible::SendBlock(height, block));
        }
    }

    pub(super) fn timed_out(
        &mut self,
        now: Instant,
        step: TimeoutStep,
        round: Round,
        out: &mut Vec<Action>,
    ) {
        let height = self.current.as_ref().map_or(0, |state| state.height());
        if step == TimeoutStep::Rebroadcast {
            self.ask_for_blocks(now, out);
            self.announce(now, out);
        } else {
            out.push(Action::Event(ConsensusEvent::TimedOut {
                height,
                round,
                step,
            }));
        }
        self.feed(now, engine::Input::Timeout(step, round), out);
    }

    fn is_current(&self, height: Height) -> bool {
        let state = self.current.as_ref();
        state.is_some_and(|state| state.height() == height)
    }

    /// Lets out what the disk has.
    pub(super) fn flush(&mut self, now: Instant, out: &mut Vec<Action>) {
        while let Some(visible) = self.outbox.pop() {
            match visible {
                Visible::Publish(message) => {
                    self.note_own(now, &message);
                    let vote = match &message {
                        ConsensusMessage::Vote(signed) => Some(signed.vote),
                        _ => None,
                    };
                    out.push(Action::Flood { message });
                    if let Some(vote) = vote.filter(|vote| self.is_current(vote.height)) {
                        // The own vote may complete what the engine does not count.
                        self.check_step(now, (vote.round, vote.vote_type), out);
                    }
                }
                Visible::SendBlock(height, block) => out.push(Action::Restream { height, block }),
                Visible::Decided(certificate) => {
                    if !self.is_current(certificate.height) {
                        // Sync was quicker than the disk: the height is behind us.
                        continue;
                    }
                    out.push(Action::Decided {
                        height: certificate.height,
                        round: certificate.round,
                        block: certificate.block,
                        certificate,
                    });
                }
            }
        }
    }
}

type CallResult = (Result<(), EngineError>, Option<super::guard::GuardError>);
