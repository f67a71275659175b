//! Agreement: the machine around the engine.
//!
//! The engine ([`engine::Engine`]) is the algorithm for one height. This machine is all else that
//! agreement needs, and has no clock, thread, socket or file:
//!
//! - *Admission*: a message reaches the engine only if its sender is a member (a proposal: the
//!   round's proposer), its signature is right (checked once, [`memo`]), and its round is near.
//! - *Durability*: what the engine was fed is logged ([`wal`]), what was signed is guarded
//!   ([`guard`]), and both are on disk before anything that follows from them is seen.
//! - *Loss*: neighbours exchange what they have of a height and send each other what is missing.
//! - *Content*: votes are told apart by content ([`vote_store`]); a commit certificate that its
//!   precommits make counts whatever the engine counted.
//! - *Offences*: what contradicting messages prove waits in [`evidence_pool`] for a block, and is
//!   shared with neighbours.
//! - *Sets*: each height has the validators that its caller names; a key that joins signs from
//!   its first height on, one that leaves follows along.
//! - *Pace*: a height begins when there is a reason ([`timers::Timing`]).
//! - *Care*: after a lost guard the node watches before it signs ([`watch`]).
//!
//! The caller sends [`Input::StartHeight`] first, and again after each commit, whether it was
//! decided here or came by sync. Only members of the set sign; all others follow along.
//!
//! # Invariants
//! - No [`Action::Flood`] of an own message and no [`Action::Decided`] leaves before the `Persist`
//!   it depends on is answered.
//! - Two different messages for one (height, round, step) are never signed.
//! - What is decided was checked by this node and found valid.
//!
//! # Source
//! Buchman, Kwon, Milosevic: "The latest gossip on BFT consensus" (2018).

mod action;
mod admission;
mod blocks;
mod certificates;
mod decision;
pub mod engine;
mod epochs;
mod evidence;
pub mod evidence_pool;
pub mod frame;
pub mod guard;
mod have;
mod height;
mod keys;
pub mod malachite;
pub mod memo;
mod outbox;
mod presence;
mod run;
pub mod timers;
pub mod vote_store;
pub mod wal;
pub mod watch;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use starling_gossip::{Instant, PeerId};
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::hash::Hash;
use starling_ledger::keys::{PublicKey, SignatureScheme, Signer};
use starling_ledger::validators::ValidatorSet;
use starling_ledger::vote::{Height, SignedVote};

pub use self::action::{
    Action, ConsensusEvent, ConsensusFault, HaltReason, Input, PersistId, SpectatorReason,
};
pub use self::presence::ConsensusStatus;

use self::admission::Early;
use self::engine::NewEngine;
use self::epochs::Epochs;
use self::evidence_pool::EvidencePool;
use self::guard::{GuardState, OwnMessage};
use self::have::Neighbour;
use self::height::HeightState;
use self::memo::SignatureMemo;
use self::outbox::Outbox;
use self::presence::Presence;
use self::timers::{Timers, Timing};
use self::vote_store::VoteStore;
use self::wal::{LogEntry, LogRecord};
use self::watch::Watch;

/// How the machine is set up.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The network's timeouts.
    pub timing: Timing,
    /// The engine of the product is [`malachite::new_engine`].
    pub new_engine: NewEngine,
    /// A person vouches that nobody else signs with this key: do not watch before signing.
    pub sign_at_once: bool,
    /// Blocks of an epoch: within one, the validators stay the same.
    pub epoch_blocks: u64,
}

/// What the disk still knew at start.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// The records of the log file, of whatever heights.
    pub log: Vec<LogRecord>,
    /// The guard; `None` if its file is missing or damaged.
    pub guard: Option<GuardState>,
}

/// The last height, after its decision.
struct LastHeight {
    store: VoteStore,
    decision: Option<CommitCertificate>,
}

/// The machine.
pub struct Consensus {
    config: Config,
    signer: Option<Arc<dyn Signer>>,
    memo: SignatureMemo,
    guard: Option<GuardState>,
    /// The guard was lost; decided at the first height, where a new network begins at 1.
    guard_lost: bool,
    watch: Watch,
    recovered: Vec<LogRecord>,
    outbox: Outbox,
    timers: Timers,
    presence: Presence,
    current: Option<HeightState>,
    last: Option<LastHeight>,
    early: Early,
    epochs: Epochs,
    evidence: EvidencePool,
    neighbours: BTreeMap<PeerId, Neighbour>,
    next_have: Instant,
    work: bool,
    halted: bool,
}

impl Consensus {
    /// Makes the machine of a node; without `signer` it only follows.
    ///
    /// A guard of another key counts as lost.
    pub fn new(
        config: Config,
        signer: Option<Arc<dyn Signer>>,
        scheme: Arc<dyn SignatureScheme>,
        genesis: Hash,
        recovered: Recovered,
    ) -> Self {
        let key = signer.as_ref().map(|signer| signer.public_key());
        let mut guard = recovered.guard.filter(|guard| Some(guard.key()) == key);
        if let Some(guard) = guard.as_mut().filter(|_| config.sign_at_once) {
            guard.set_watching(false);
        }
        // A guard that knows of nothing is as good as lost, except at block 1 of a new network.
        let knows_nothing = guard.as_ref().is_none_or(|guard| guard.height() == 0);
        let guard_lost = key.is_some() && knows_nothing && !config.sign_at_once;
        if let Some(key) = key {
            let guard = guard.get_or_insert_with(|| GuardState::new(key));
            // The log is written first, so it may hold own messages that the guard has not seen.
            for record in &recovered.log {
                if let Some(message) = own_message(record, &key) {
                    // One behind the guard's height is settled; a contradiction is found by replay.
                    let _ = guard.note(message);
                }
            }
        }
        Self {
            config,
            signer,
            memo: SignatureMemo::new(scheme, genesis),
            guard,
            guard_lost,
            watch: Watch::default(),
            recovered: recovered.log,
            outbox: Outbox::default(),
            timers: Timers::default(),
            presence: Presence::new(),
            current: None,
            last: None,
            early: Early::default(),
            epochs: Epochs::new(config.epoch_blocks),
            evidence: EvidencePool::default(),
            neighbours: BTreeMap::new(),
            next_have: Instant::START,
            work: false,
            halted: false,
        }
    }

    /// Takes one input to its end.
    pub fn handle(&mut self, now: Instant, input: Input, out: &mut Vec<Action>) {
        if self.halted {
            return;
        }
        match input {
            Input::StartHeight { height, validators } => {
                self.start_height(now, height, validators, out);
            }
            Input::Parent {
                validators,
                certificate,
            } => self.parent(validators, certificate),
            Input::NextValidators { height, validators } => {
                if let Some(state) = self.current.as_mut().filter(|one| one.height() == height) {
                    state.note_next(validators);
                }
            }
            Input::Punished(keys) => keys.into_iter().for_each(|key| self.evidence.punished(key)),
            Input::EvidenceRefused(refused) => {
                refused.iter().for_each(|one| self.evidence.refused(one));
            }
            Input::WorkToDo(work) => self.work = work,
            Input::Message { from, message } => self.admit(now, from, message, out),
            Input::Have { from, have } => self.answer_have(now, from, &have, out),
            Input::PeerUp(peer) => {
                self.neighbours.insert(peer, Neighbour::default());
                self.next_have = now;
                self.offer_evidence(peer, out);
            }
            Input::PeerDown(peer) => {
                self.neighbours.remove(&peer);
            }
            Input::Built {
                height,
                round,
                block,
            } => self.built(now, (height, round, block), out),
            Input::BlockChecked {
                height,
                block,
                valid,
                timely,
                ..
            } => self.block_checked(now, (height, block), (valid, timely), out),
            Input::Persisted { id } => {
                self.outbox.persisted(id);
                self.flush(now, out);
            }
            Input::Wake => {}
        }
        self.settle(now, out);
    }

    /// Returns when [`Input::Wake`] is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.halted {
            return None;
        }
        let state = self.current.as_ref()?;
        let ticks = state.engine.is_some() && !self.neighbours.is_empty();
        [
            self.timers.next(),
            state.begins(self.work),
            ticks.then_some(self.next_have),
            self.watch.quiet_end(),
            self.presence.next_look(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Returns the certificate with all the precommits that came late, for the next block to carry.
    pub fn late_certificate(&self, seen: &CommitCertificate) -> CommitCertificate {
        let last = self.last.as_ref().map(|last| &last.store);
        let current = self.current.as_ref().map(|state| &state.store);
        let store = [current, last].into_iter().flatten();
        let mut store = store.filter(|store| store.height() == seen.height);
        store
            .next()
            .map_or_else(|| seen.clone(), |store| store.complete(seen))
    }

    /// Takes note that a signature was checked elsewhere and is right.
    pub fn remember_checked(
        &mut self,
        message: &Hash,
        key: &PublicKey,
        signature: &starling_ledger::keys::Signature,
    ) {
        self.memo.remember(message, key, signature);
    }

    /// Says what the machine is doing.
    pub fn status(&self, now: Instant) -> ConsensusStatus {
        let Some(state) = &self.current else {
            return ConsensusStatus {
                height: 0,
                round: 0,
                step: engine::Step::Propose,
                begun: false,
                silent: Vec::new(),
                present_power: 0,
                total_power: 0,
                halted_since: None,
                signing: false,
            };
        };
        let timing = &self.config.timing;
        let silent = self.presence.silent(state, timing, now);
        let present_power = presence::present_power(state, &silent);
        ConsensusStatus {
            height: state.height(),
            round: state.round(),
            step: state.step(),
            begun: state.engine.is_some(),
            present_power,
            total_power: state.store.validators().total_power(),
            halted_since: self
                .presence
                .halted_since(state, timing, now, present_power),
            signing: self.own_key(state).is_some() && !state.spectator,
            silent,
        }
    }

    fn start_height(
        &mut self,
        now: Instant,
        height: Height,
        validators: Arc<ValidatorSet>,
        out: &mut Vec<Action>,
    ) {
        self.epochs.note(height, &validators);
        let members = validators.members().iter().map(|member| member.key);
        self.presence.committed(now, members, &self.config.timing);
        if std::mem::take(&mut self.presence.told) {
            out.push(Action::Event(ConsensusEvent::Resumed));
        }
        let first = self.current.is_none();
        let was_watching = self.guard.as_ref().is_some_and(GuardState::is_watching);
        if first && (was_watching || self.guard_lost && height > 1) {
            self.begin_watch(now, None, out);
        }
        // Only what was decided here was watched; a height that came by sync is history.
        let watched = self.current.as_ref().is_some_and(|state| state.announced);
        if watched && self.watch.height_passed() {
            self.end_watch(height, out);
        }
        let at_once = first || height == 1;
        let next = HeightState::new(height, validators, now, &self.config.timing, at_once);
        let before = self.current.replace(next);
        self.last = before
            .filter(|state| state.height() + 1 == height)
            .map(|state| LastHeight {
                store: state.store,
                decision: state.decision,
            });
        self.timers.clear();
        self.next_have = now;
        for message in self.early.take(height) {
            self.admit(now, None, message, out);
        }
        self.trust_memory(out);
    }

    /// A node that is no validator now, and whose memory is whole, writes that down once: when it
    /// becomes one, a restart before its first vote is an ordinary one.
    fn trust_memory(&mut self, out: &mut Vec<Action>) {
        let Some(state) = &self.current else { return };
        let stranger = self.own_key(state).is_none() && !self.watch.is_active();
        let height = state.height();
        if let Some(guard) = self.guard.as_mut().filter(|guard| guard.height() == 0)
            && stranger
        {
            guard.begin_at(height);
            self.outbox.write_guard(guard.record(Vec::new()), out);
        }
    }

    /// Signs nothing for a while, and has the guard remember that beyond a restart. `noted` is a
    /// message of somebody else that the guard has just taken note of.
    fn begin_watch(&mut self, now: Instant, noted: Option<OwnMessage>, out: &mut Vec<Action>) {
        self.watch.begin(now);
        let Some(guard) = &mut self.guard else { return };
        if noted.is_some() || !guard.is_watching() {
            guard.set_watching(true);
            let record = guard.record(noted.into_iter().collect());
            self.outbox.write_guard(record, out);
        }
    }

    /// Signs again, at `height` or above.
    fn end_watch(&mut self, height: Height, out: &mut Vec<Action>) {
        out.push(Action::Event(ConsensusEvent::SigningAgain));
        if let Some(guard) = &mut self.guard {
            guard.set_watching(false);
            guard.begin_at(height);
            self.outbox.write_guard(guard.record(Vec::new()), out);
        }
    }

    /// Takes the decision of the last height from elsewhere.
    fn parent(&mut self, validators: Arc<ValidatorSet>, certificate: CommitCertificate) {
        let height = self.current.as_ref().map_or(0, |state| state.height());
        let known = self
            .last
            .as_ref()
            .is_some_and(|last| last.decision.is_some());
        if known || certificate.height.saturating_add(1) != height {
            return;
        }
        self.epochs.note(certificate.height, &validators);
        let before = self.last.take().map(|last| last.store);
        let before = before.filter(|store| store.height() == certificate.height);
        let mut store = before.unwrap_or_else(|| VoteStore::new(certificate.height, validators));
        for entry in &certificate.signatures {
            if let Some(vote) = certificate.precommit(store.validators(), entry.validator) {
                let signature = entry.signature;
                store.insert_vote(SignedVote { vote, signature });
            }
        }
        self.last = Some(LastHeight {
            store,
            decision: Some(certificate),
        });
    }

    /// The own key, if it is a member's at this height.
    fn own_key(&self, state: &HeightState) -> Option<PublicKey> {
        let key = self.signer.as_ref()?.public_key();
        state.store.position(&key).map(|_| key)
    }

    /// Does whatever is due: begins the height, fires timeouts, exchanges, tells of a halt.
    fn settle(&mut self, now: Instant, out: &mut Vec<Action>) {
        let due = self
            .current
            .as_ref()
            .and_then(|state| state.begins(self.work));
        if due.is_some_and(|at| at <= now) {
            self.begin(now, out);
        }
        while let Some((step, round)) = self.timers.take_due(now) {
            self.timed_out(now, step, round, out);
        }
        if self.watch.quiet_passed(now) {
            // At the height at hand only if nothing of ours was ever seen there.
            let height = self.current.as_ref().map_or(0, HeightState::height);
            self.end_watch(height.saturating_sub(1), out);
            self.join_after_watch(now, out);
        }
        self.collect_evidence(out);
        self.exchange(now, out);
        self.tell_halt(now, out);
    }

    fn tell_halt(&mut self, now: Instant, out: &mut Vec<Action>) {
        if !self.presence.looks(now) {
            return;
        }
        let Some(state) = &self.current else { return };
        let timing = &self.config.timing;
        let silent = self.presence.silent(state, timing, now);
        let present = presence::present_power(state, &silent);
        let since = self.presence.halted_since(state, timing, now, present);
        if since.is_none() {
            return;
        }
        let members = state.store.validators().members();
        let silent = silent
            .iter()
            .filter_map(|(position, _)| members.get(usize::from(*position)))
            .map(|member| member.key)
            .collect();
        out.push(Action::Event(ConsensusEvent::Halted {
            present,
            total: state.store.validators().total_power(),
            silent,
        }));
        self.presence.told = true;
    }

    fn halt(&mut self, reason: HaltReason, out: &mut Vec<Action>) {
        self.halted = true;
        out.push(Action::Halt { reason });
    }
}

fn own_message(record: &LogRecord, key: &PublicKey) -> Option<OwnMessage> {
    let message = match record.entry {
        LogEntry::Vote(vote) => OwnMessage::Vote(vote),
        LogEntry::Proposal(proposal) => OwnMessage::Proposal(proposal),
        _ => return None,
    };
    (message.key() == *key).then_some(message)
}
