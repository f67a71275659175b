//! Calling the roll, and answering it: the machine's side of [`roll`](super::roll).

use starling_gossip::message::{MAX_SHOWN, OwnMessage, RollAnswer, RollCall, RollMessage};
use starling_gossip::{Instant, PeerId};
use starling_ledger::keys::PublicKey;

use super::admission::penalize;
use super::doubt::Doubt;
use super::guard::GuardState;
use super::roll::FRESH;
use super::{Action, Consensus, ConsensusEvent, ConsensusFault, SpectatorReason};
use crate::drops::Dropped;

/// Most messages of an answer that are looked at. An honest one shows one of each caller.
const MAX_LOOKED_AT: usize = 2;

impl Consensus {
    /// Says whether the height waits for the roll. A node that watches signs nothing anyway, and
    /// follows.
    pub(super) fn is_held(&self) -> bool {
        let member = self.current.as_ref().and_then(|state| self.own_key(state));
        member.is_some() && self.roll.is_open() && !self.watch.is_active()
    }

    /// The process stood still for a while: whoever replaced it may have signed meanwhile.
    pub(super) fn stood_still(&mut self, out: &mut Vec<Action>) {
        if !self.config.sign_at_once && self.roll.reopen() {
            out.push(Action::Event(ConsensusEvent::StoodStill));
        }
    }

    /// Takes a call or an answer.
    ///
    /// What was answered from below the last height was said long ago: it is not passed on.
    pub(super) fn admit_roll(
        &mut self,
        now: Instant,
        from: Option<PeerId>,
        message: RollMessage,
        out: &mut Vec<Action>,
    ) {
        let Some(state) = &self.current else { return };
        let key = match &message {
            RollMessage::Call(call, _) => call.validator,
            RollMessage::Answer(answer, _) => answer.validator,
        };
        let past = match &message {
            RollMessage::Call(..) => false,
            RollMessage::Answer(answer, _) => answer.height.saturating_add(1) < state.height(),
        };
        if past || !state.may_sign_next(&key) {
            return;
        }
        if !self.memo.roll(&message) {
            return penalize(from, ConsensusFault::Signature, out);
        }
        if !self.roll.allows(key, now) {
            return self.drops.count(Dropped::RollOverBudget);
        }
        match &message {
            RollMessage::Call(call, _) => self.called(now, call, out),
            RollMessage::Answer(answer, _) => self.answered(now, answer, out),
        }
        out.push(Action::FloodRoll { message });
    }

    /// Somebody calls, and a validator answers. The own key in another process may be a recording:
    /// an own call shows whether it runs.
    fn called(&mut self, now: Instant, call: &RollCall, out: &mut Vec<Action>) {
        let member = self.current.as_ref().and_then(|state| self.own_key(state));
        let Some(own) = member else { return };
        if own == call.validator {
            if call.instance == self.roll.instance() {
                return;
            }
            if !self.roll.is_open() && !self.watch.is_active() && self.roll.probes(now) {
                self.call_roll(now, out);
            }
        }
        let id = call.id(self.memo.genesis());
        self.roll.ask(call.validator, (id, call.known));
    }

    /// Somebody answers.
    fn answered(&mut self, now: Instant, answer: &RollAnswer, out: &mut Vec<Action>) {
        let Some(called) = self.roll.answered(&answer.calls) else {
            return;
        };
        let own = self.signer.as_ref().map(|signer| signer.public_key());
        if own == Some(answer.validator) {
            if answer.instance != self.roll.instance() {
                self.second_process(now, answer, out);
            }
            return;
        }
        let shown = answer.shown.iter().filter(|one| own == Some(one.key()));
        for message in shown.take(MAX_LOOKED_AT) {
            if self.memo.own(message) {
                self.note_foreign(now, *message, out);
            }
        }
        self.roll.hear(answer.validator, answer.height, called);
    }

    /// The own key answered from another process.
    fn second_process(&mut self, now: Instant, answer: &RollAnswer, out: &mut Vec<Action>) {
        let instance = answer.instance;
        self.roll.twin_answered(now);
        if self.roll.is_news(instance) {
            out.push(Action::Event(ConsensusEvent::SecondProcess { instance }));
        }
        let yields = self.roll.yields(now) && !answer.watching;
        if yields || self.watch.is_active() {
            self.begin_watch(Doubt::SecondProcess, None, out);
            self.give_up(now, SpectatorReason::Watching, out);
        }
    }

    /// Calls, looks whether the roll is complete, and answers, each when it is time.
    pub(super) fn settle_roll(&mut self, now: Instant, out: &mut Vec<Action>) {
        let Some(state) = &self.current else { return };
        let Some(key) = self.own_key(state) else {
            // Nobody answers who is no validator, and there is nothing to sign.
            return self.watch.roll(now, true);
        };
        let set = state.store.validators().clone();
        let height = state.height();
        let heard = |since| set.is_quorum(self.roll.power(&set, &key, (height, since)));
        let (ever, fresh) = (heard(Instant::START), heard(now.before(FRESH)));
        let again = self.roll.confirms().is_some_and(heard) || self.is_alone();
        self.watch.roll(now, fresh);
        if ever {
            self.roll.confirm(now);
        }
        let waits = self.roll.is_open() || self.watch.is_active();
        if waits && !self.is_alone() && self.roll.next_call(fresh) <= now {
            self.call_roll(now, out);
        }
        if again && self.roll.close(now) {
            out.push(Action::Event(ConsensusEvent::RollComplete { height }));
            self.release(now, out);
        }
        if self.roll.next_answer().is_some_and(|at| at <= now) {
            self.answer_roll(now, key, out);
        }
    }

    /// Returns when the roll wants to be looked at.
    pub(super) fn next_roll(&self) -> Option<Instant> {
        let state = self.current.as_ref()?;
        self.own_key(state)?;
        let waits = self.roll.is_open() || self.watch.is_active();
        let fresh = self.watch.quiet_end().is_some();
        let call = (waits && !self.is_alone()).then(|| self.roll.next_call(fresh));
        call.into_iter().chain(self.roll.next_answer()).min()
    }

    /// Says whether the own power alone is a quorum: there is nobody whom to ask.
    pub fn is_alone(&self) -> bool {
        let Some((state, signer)) = self.current.as_ref().zip(self.signer.as_ref()) else {
            return false;
        };
        let set = state.store.validators();
        let own = set.by_key(&signer.public_key());
        own.is_some_and(|(_, member)| set.is_quorum(member.power))
    }

    fn call_roll(&mut self, now: Instant, out: &mut Vec<Action>) {
        let Some(signer) = self.signer.clone() else {
            return;
        };
        let known = self.guard.as_ref().and_then(GuardState::latest);
        let call = self.roll.call(now, signer.public_key(), known);
        let genesis = *self.memo.genesis();
        self.roll.called(now, call.id(&genesis));
        let message = call.sign(&genesis, signer.as_ref());
        out.push(Action::FloodRoll { message });
    }

    fn answer_roll(&mut self, now: Instant, key: PublicKey, out: &mut Vec<Action>) {
        let (mut calls, mut shown) = (Vec::new(), Vec::new());
        for (caller, asked) in self.roll.take_asked(now) {
            let known = asked.iter().map(|(_, known)| *known).min().flatten();
            let newer = self
                .latest_of(&caller)
                .filter(|one| Some(one.place()) > known);
            if newer.is_some() && shown.len() == MAX_SHOWN {
                asked.into_iter().for_each(|one| self.roll.ask(caller, one));
                continue;
            }
            shown.extend(newer);
            calls.extend(asked.into_iter().map(|(id, _)| id));
        }
        let Some((state, signer)) = self.current.as_ref().zip(self.signer.as_ref()) else {
            return;
        };
        calls.sort_unstable();
        calls.dedup();
        let answer = RollAnswer {
            validator: key,
            instance: self.roll.instance(),
            height: state.height(),
            watching: self.watch.is_active(),
            calls,
            shown,
        };
        let message = answer.sign(self.memo.genesis(), signer.as_ref());
        out.push(Action::FloodRoll { message });
    }

    /// Returns the latest message of a key that is held here, of the next height to the last.
    fn latest_of(&self, key: &PublicKey) -> Option<OwnMessage> {
        let mut latest = self.early.latest_of(key);
        let current = self.current.as_ref().map(|state| &state.store);
        let last = self.last.as_ref().map(|last| &last.store);
        for store in [current, last].into_iter().flatten() {
            latest = latest.or_else(|| latest_in(store, key));
        }
        latest
    }
}

fn latest_in(store: &super::vote_store::VoteStore, key: &PublicKey) -> Option<OwnMessage> {
    let votes = store.all_votes().copied().map(OwnMessage::Vote);
    let proposals = store.all_proposals().copied().map(OwnMessage::Proposal);
    let of_key = votes.chain(proposals).filter(|one| one.key() == *key);
    of_key.max_by_key(OwnMessage::place)
}
