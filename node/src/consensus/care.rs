//! Care: what begins a watch, and what ends it.

use std::sync::Arc;

use starling_gossip::Instant;
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::validators::ValidatorSet;
use starling_ledger::vote::Height;

use super::doubt::Doubt;
use super::guard::{GuardError, OwnMessage};
use super::recovery::own_precommit;
use super::{Action, Consensus, ConsensusEvent, SpectatorReason};

impl Consensus {
    /// A height begins: whoever has a reason to watch begins to, and a watch may be over.
    pub(super) fn take_care(&mut self, now: Instant, height: Height, out: &mut Vec<Action>) {
        if let Some(doubt) = self.doubt.take() {
            self.begin_watch(doubt, None, out);
        }
        // Only what was decided here was watched; a height that came by sync is history.
        let watched = self.current.as_ref().is_some_and(|state| state.announced);
        if watched && self.watch.height_passed(now) {
            self.end_watch(now, height, out);
        }
    }

    /// The height has begun: a validator has to hear the others before it signs; and one that knows
    /// of no signature where blocks were made may have lost its folder.
    ///
    /// A network in its first minute is too young to tell that from a late start; there every
    /// certificate since the genesis is looked through.
    pub(super) fn take_part(&mut self, height: Height, out: &mut Vec<Action>) {
        let Some(state) = &self.current else { return };
        self.roll.retain(state.store.validators());
        if self.own_key(state).is_none() {
            return;
        }
        self.roll.open();
        let knows_nothing = self.guard.as_ref().is_some_and(|guard| guard.height() == 0);
        let late = height > 1 && !self.config.newborn && !self.config.sign_at_once;
        if knows_nothing && late && !self.watch.is_active() {
            self.begin_watch(Doubt::FolderNew, None, out);
        }
    }

    /// A node that is no validator now, and whose memory is whole, writes that down once: when it
    /// becomes one, a restart before its first vote is an ordinary one.
    pub(super) fn trust_memory(&mut self, out: &mut Vec<Action>) {
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
    pub(super) fn begin_watch(
        &mut self,
        doubt: Doubt,
        noted: Option<OwnMessage>,
        out: &mut Vec<Action>,
    ) {
        if !self.watch.is_active() {
            let doubt = doubt.clone();
            out.push(Action::Event(ConsensusEvent::Watching { doubt }));
        }
        self.watch.begin(doubt);
        let Some(guard) = &mut self.guard else { return };
        if noted.is_some() || !guard.is_watching() {
            guard.set_watching(true);
            let record = guard.record(noted.into_iter().collect());
            self.outbox.write_guard(record, out);
        }
    }

    /// Signs again, at `height` or above.
    pub(super) fn end_watch(&mut self, now: Instant, height: Height, out: &mut Vec<Action>) {
        self.roll.signs_again(now);
        out.push(Action::Event(ConsensusEvent::SigningAgain));
        if let Some(guard) = &mut self.guard {
            guard.set_watching(false);
            guard.begin_at(height);
            self.outbox.write_guard(guard.record(Vec::new()), out);
        }
    }

    /// Watches for messages of the own key that this node does not remember.
    pub(super) fn note_foreign(
        &mut self,
        now: Instant,
        message: OwnMessage,
        out: &mut Vec<Action>,
    ) {
        let Some(guard) = self.guard.as_mut().filter(|one| one.key() == message.key()) else {
            return;
        };
        let (height, round, _) = message.place();
        match guard.check(&message) {
            Ok(Some(_)) | Err(GuardError::Behind { .. }) => return,
            _ => {}
        }
        // Remembered, so that at least this value is not contradicted. It is no harm if that fails:
        // then the contradiction is there already, and not of our making.
        let noted = guard.note(message).is_ok().then_some(message);
        self.begin_watch(Doubt::SignatureUnknown { height, round }, noted, out);
        self.give_up(now, SpectatorReason::Watching, out);
    }

    /// Looks at a message that is of no use for agreement: if it is of the own key, from a height
    /// above what the guard knows, somebody else made it.
    pub(super) fn look_at_own(&mut self, now: Instant, message: OwnMessage, out: &mut Vec<Action>) {
        let guard = self.guard.as_ref();
        let unknown = guard.is_some_and(|guard| {
            guard.key() == message.key() && matches!(guard.check(&message), Ok(None))
        });
        if unknown && self.memo.own(&message) {
            self.note_foreign(now, message, out);
        }
    }

    /// Looks for the own signature in a certificate that came with a block.
    pub(super) fn note_certificate(
        &mut self,
        now: Instant,
        (validators, certificate): (&Arc<ValidatorSet>, &CommitCertificate),
        out: &mut Vec<Action>,
    ) {
        let Some(signer) = &self.signer else { return };
        let own = own_precommit(certificate, validators, &signer.public_key());
        if let Some(vote) = own.filter(|_| !self.config.sign_at_once) {
            self.note_foreign(now, OwnMessage::Vote(vote), out);
        }
    }
}
