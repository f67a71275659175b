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
//! - *Care*: nothing is signed before enough of the others were heard ([`roll`]); and where
//!   something may have been signed that is not known here, the node watches first ([`watch`]).
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
mod care;
mod certificates;
mod decision;
pub mod doubt;
mod duty;
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
pub mod recovery;
pub mod roll;
mod roll_call;
mod run;
pub mod timers;
pub mod vote_store;
pub mod wal;
pub mod watch;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use starling_gossip::drops::Drops;
use starling_gossip::{Instant, PeerId};
use starling_ledger::block::BlockHash;
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::hash::Hash;
use starling_ledger::keys::{PublicKey, SignatureScheme, Signer};
use starling_ledger::validators::ValidatorSet;
use starling_ledger::vote::{Height, SignedVote};

pub use self::action::{
    Action, ConsensusEvent, ConsensusFault, HaltReason, Input, PersistId, SpectatorReason,
};
pub use self::doubt::Doubt;
pub use self::duty::Duty;
pub use self::presence::ConsensusStatus;
pub use self::recovery::Recovered;
pub use self::watch::Watching;

use self::admission::Early;
use self::engine::NewEngine;
use self::epochs::Epochs;
use self::evidence_pool::EvidencePool;
use self::guard::{GuardError, GuardState, OwnMessage};
use self::have::Neighbour;
use self::height::HeightState;
use self::memo::SignatureMemo;
use self::outbox::Outbox;
use self::presence::Presence;
use self::roll::Roll;
use self::timers::{Timers, Timing};
use self::vote_store::VoteStore;
use self::wal::{LogEntry, LogRecord};
use self::watch::Watch;
use crate::drops::Dropped;

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
    /// The network is in its first minute.
    pub newborn: bool,
    /// Drawn at the start of the process; nobody can guess it.
    pub instance: u64,
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
    /// Why to watch; taken when the first height begins.
    doubt: Option<Doubt>,
    watch: Watch,
    roll: Roll,
    recovered: Vec<LogRecord>,
    outbox: Outbox,
    timers: Timers,
    presence: Presence,
    current: Option<HeightState>,
    last: Option<LastHeight>,
    early: Early,
    drops: Drops<Dropped>,
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
        let mut memo = SignatureMemo::new(scheme, genesis);
        let (log, guard, doubt) = match key {
            Some(key) => remember(recovered, key, &mut memo),
            None => (recovered.log, None, None),
        };
        let doubt = doubt.filter(|_| !config.sign_at_once);
        let guard = guard.map(|mut guard| {
            if config.sign_at_once {
                guard.set_watching(false);
            }
            guard
        });
        Self {
            config,
            signer,
            memo,
            guard,
            doubt,
            watch: Watch::default(),
            roll: Roll::new(config.instance, config.sign_at_once),
            recovered: log,
            outbox: Outbox::default(),
            timers: Timers::default(),
            presence: Presence::new(),
            current: None,
            last: None,
            early: Early::default(),
            drops: Drops::default(),
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
            } => {
                self.note_certificate(now, (&validators, &certificate), out);
                self.parent(validators, certificate);
            }
            Input::Certified {
                validators,
                certificate,
            } => self.note_certificate(now, (&validators, &certificate), out),
            Input::StoodStill => self.stood_still(out),
            Input::Roll { from, message } => self.admit_roll(now, from, message, out),
            Input::NextValidators { height, validators } => {
                if let Some(state) = self.current.as_mut().filter(|one| one.height() == height) {
                    state.note_next(validators);
                }
            }
            Input::Punished(keys) => self.punished(keys, out),
            Input::EvidenceRefused(refused) => {
                refused.iter().for_each(|one| self.evidence.refused(one));
            }
            Input::WorkToDo(work) => self.work = work,
            Input::Message { from, message } => self.admit(now, from, message, out),
            Input::Have { from, have } => self.answer_have(now, from, &have, out),
            Input::PeerUp(peer) => {
                self.neighbours.insert(peer, Neighbour::default());
                self.next_have = now;
                self.roll.hurry(now);
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
        let ticks = self.tells() && !self.neighbours.is_empty();
        [
            self.timers.next().filter(|_| !self.is_stopped()),
            state.begins(self.work).filter(|_| !self.is_held()),
            self.next_roll(),
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

    /// Says whether the body of a block must stay at hand: it is decided, or may be proposed again.
    pub fn needs_block(&self, hash: &BlockHash) -> bool {
        self.current.as_ref().is_some_and(|state| {
            let decided = state.decision.as_ref().map(|decision| decision.block);
            let valid = state.valid().map(|(_, block)| block);
            [decided, valid].contains(&Some(*hash))
        })
    }

    /// Returns what was left out.
    pub const fn drops(&self) -> &Drops<Dropped> {
        &self.drops
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
                duty: Duty::Follows,
                second_process: false,
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
            duty: self.duty(state),
            second_process: self.roll.has_twin(now),
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
        self.take_care(now, height, out);
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
        for (from, message) in self.early.take(height) {
            self.admit(now, from, message, out);
        }
        self.take_part(height, out);
        self.trust_memory(out);
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
        self.settle_roll(now, out);
        let due = self
            .current
            .as_ref()
            .and_then(|state| state.begins(self.work));
        if due.is_some_and(|at| at <= now) && !self.is_held() {
            self.begin(now, out);
        }
        while !self.is_stopped()
            && let Some((step, round)) = self.timers.take_due(now)
        {
            self.timed_out(now, step, round, out);
        }
        if self.watch.quiet_passed(now) {
            // At the height at hand only if nothing of ours was ever seen there.
            let height = self.current.as_ref().map_or(0, HeightState::height);
            self.end_watch(now, height.saturating_sub(1), out);
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

/// Puts together what is known of the own key: the guard, what the log adds to it, and what is
/// stored. Returns the log, the guard, and why they may not be whole.
fn remember(
    recovered: Recovered,
    key: PublicKey,
    memo: &mut SignatureMemo,
) -> (Vec<LogRecord>, Option<GuardState>, Option<Doubt>) {
    let Recovered {
        mut log,
        guard,
        mut doubt,
        stored,
    } = recovered;
    let guard = guard.filter(|guard| guard.key() == key);
    if guard.is_none() {
        doubt = doubt.or(Some(Doubt::GuardMissing));
    }
    let mut guard = guard.unwrap_or_else(|| GuardState::new(key));
    if guard.is_watching() {
        doubt = doubt.or(Some(Doubt::WatchInterrupted));
    }
    let right = |record: &LogRecord| match &record.entry {
        LogEntry::Vote(vote) => memo.vote(vote),
        LogEntry::Proposal(proposal) => memo.proposal(proposal),
        _ => true,
    };
    if !log.iter().all(right) {
        log.clear();
        doubt = doubt.or(Some(Doubt::LogForeign));
    }
    // The log is written first, so it may hold own messages that the guard has not seen.
    for message in log.iter().filter_map(|record| own_message(record, &key)) {
        // One behind the guard's height is settled; a contradiction is found by replay.
        let _ = guard.note(message);
    }
    if let Some(message) = stored.map(OwnMessage::Vote)
        && matches!(
            guard.check(&message),
            Ok(None) | Err(GuardError::OtherValue { .. })
        )
    {
        let (height, round, _) = message.place();
        let _ = guard.note(message);
        doubt = doubt.or(Some(Doubt::SignatureUnknown { height, round }));
    }
    (log, Some(guard), doubt)
}

fn own_message(record: &LogRecord, key: &PublicKey) -> Option<OwnMessage> {
    let message = match record.entry {
        LogEntry::Vote(vote) => OwnMessage::Vote(vote),
        LogEntry::Proposal(proposal) => OwnMessage::Proposal(proposal),
        _ => return None,
    };
    (message.key() == *key).then_some(message)
}
