//! Admission: what a message must pass before the store, the neighbours and the engine see it.
//!
//! Cheap checks come first: height, membership, round, novelty; then the signature, once. What is
//! of the next height waits, within a quota per validator, until that height is started; what is of
//! the last one still completes its certificate and its evidence. A message that is merely of the
//! wrong time or set is dropped without blame: honest neighbours may see another state than this
//! node.
//!
//! # Limits
//! [`EARLY_QUOTA`] messages of the next height per validator.

use std::collections::BTreeMap;

use starling_gossip::message::ConsensusMessage;
use starling_gossip::{Instant, PeerId};
use starling_ledger::keys::PublicKey;
use starling_ledger::vote::{Height, Round, SignedProposal, SignedVote, VoteType};

use super::engine::{self, MAX_ROUNDS_AHEAD};
use super::guard::OwnMessage;
use super::vote_store::MAX_ROUNDS_KEPT;
use super::{Action, Consensus, ConsensusFault};
use crate::drops::Dropped;

/// Messages of the next height kept per validator: proposal and votes of two rounds. Before the
/// last block of an epoch is decided, validators are those of this epoch and those that a valid
/// block names for the next; who does not belong is dropped when the height starts.
const EARLY_QUOTA: usize = 6;

/// Signed messages of the next height.
#[derive(Clone, Debug, Default)]
pub(super) struct Early {
    height: Height,
    /// With who sent each: it has the block that a proposal names.
    messages: BTreeMap<PublicKey, Vec<(Option<PeerId>, ConsensusMessage)>>,
}

impl Early {
    /// Keeps a message of a member, if it is new and within the quota.
    fn keep(
        &mut self,
        height: Height,
        key: PublicKey,
        (from, message): (Option<PeerId>, &ConsensusMessage),
    ) {
        if self.height != height {
            self.height = height;
            self.messages.clear();
        }
        let kept = self.messages.entry(key).or_default();
        if kept.len() < EARLY_QUOTA && !kept.iter().any(|(_, known)| known == message) {
            kept.push((from, message.clone()));
        }
    }

    /// Says whether a message need not be checked again, because it is kept or would not be.
    fn is_full(&self, height: Height, key: &PublicKey, message: &ConsensusMessage) -> bool {
        let kept = self.messages.get(key).filter(|_| self.height == height);
        let is_kept = |kept: &Vec<_>| kept.iter().any(|(_, known)| known == message);
        kept.is_some_and(|kept| kept.len() >= EARLY_QUOTA || is_kept(kept))
    }

    /// Returns the latest message of a key.
    pub(super) fn latest_of(&self, key: &PublicKey) -> Option<OwnMessage> {
        let kept = self.messages.get(key)?.iter();
        let messages = kept.filter_map(|(_, message)| match message {
            ConsensusMessage::Vote(vote) => Some(OwnMessage::Vote(*vote)),
            ConsensusMessage::Proposal(proposal) => Some(OwnMessage::Proposal(*proposal)),
            _ => None,
        });
        messages.max_by_key(OwnMessage::place)
    }

    /// Takes what was kept for `height`, and forgets the rest.
    pub(super) fn take(&mut self, height: Height) -> Vec<(Option<PeerId>, ConsensusMessage)> {
        let messages = std::mem::take(&mut self.messages);
        if self.height != height {
            return Vec::new();
        }
        messages.into_values().flatten().collect()
    }
}

/// Where a height stands relative to the machine's.
enum When {
    Last,
    Current,
    Next,
    Elsewhere,
}

impl Consensus {
    /// Takes a message from outside.
    pub(super) fn admit(
        &mut self,
        now: Instant,
        from: Option<PeerId>,
        message: ConsensusMessage,
        out: &mut Vec<Action>,
    ) {
        match &message {
            ConsensusMessage::Vote(vote) => self.admit_vote(now, from, *vote, out),
            ConsensusMessage::Proposal(proposal) => {
                self.admit_proposal(now, from, *proposal, out);
            }
            ConsensusMessage::Polka(polka) => {
                if let Some(votes) = self.wanted_polka(polka) {
                    self.admit_certificate(now, from, (message, votes), out);
                }
            }
            ConsensusMessage::RoundSkip(skip) => {
                if let Some(votes) = self.wanted_skip(skip) {
                    self.admit_certificate(now, from, (message, votes), out);
                }
            }
            ConsensusMessage::Evidence(evidence) => {
                self.admit_evidence(now, from, **evidence, out);
            }
        }
    }

    fn admit_vote(
        &mut self,
        now: Instant,
        from: Option<PeerId>,
        signed: SignedVote,
        out: &mut Vec<Action>,
    ) {
        let vote = signed.vote;
        let when = self.when(vote.height);
        let known = match when {
            When::Elsewhere => true,
            When::Next => self.is_known_early(&ConsensusMessage::Vote(signed)),
            When::Last => self.last.as_ref().is_none_or(|last| {
                last.store.position(&vote.validator).is_none() || last.store.has_vote(&signed)
            }),
            When::Current => self.current.as_ref().is_none_or(|state| {
                state.store.position(&vote.validator).is_none()
                    || !is_near(vote.round, state.round())
                    || state.store.has_vote(&signed)
            }),
        };
        if known {
            self.count_untimely(&when);
            return self.look_at_own(now, OwnMessage::Vote(signed), out);
        }
        if !self.memo.vote(&signed) {
            return penalize(from, ConsensusFault::Signature, out);
        }
        self.note_foreign(now, OwnMessage::Vote(signed), out);
        self.presence.heard(&vote.validator, now);
        let message = ConsensusMessage::Vote(signed);
        match when {
            When::Next => {
                let early = (from, &message);
                self.early.keep(vote.height, vote.validator, early);
            }
            When::Last => {
                if let Some(last) = self.last.as_mut() {
                    last.store.insert_vote(signed);
                }
            }
            _ => {
                if let Some(state) = self.current.as_mut() {
                    state.store.insert_vote(signed);
                }
            }
        }
        out.push(Action::Flood { message });
        if matches!(when, When::Current) {
            self.feed(now, engine::Input::Vote(signed), out);
            self.check_step(now, (vote.round, vote.vote_type), out);
        }
        self.check_last(vote.height, vote.round, out);
    }

    fn admit_proposal(
        &mut self,
        now: Instant,
        from: Option<PeerId>,
        signed: SignedProposal,
        out: &mut Vec<Action>,
    ) {
        let proposal = signed.proposal;
        let when = self.when(proposal.height);
        let known = match when {
            When::Elsewhere | When::Last => true,
            When::Next => self.is_known_early(&ConsensusMessage::Proposal(signed)),
            When::Current => self.current.as_ref().is_none_or(|state| {
                let set = state.store.validators();
                let turn = set.proposer(proposal.height, proposal.round).key;
                turn != proposal.proposer
                    || !is_near(proposal.round, state.round())
                    || state.store.has_proposal(&signed)
            }),
        };
        if known {
            self.count_untimely(&when);
            return self.look_at_own(now, OwnMessage::Proposal(signed), out);
        }
        if proposal.pol_round.is_some_and(|pol| pol >= proposal.round) {
            return penalize(from, ConsensusFault::ProofRound, out);
        }
        if !self.memo.proposal(&signed) {
            return penalize(from, ConsensusFault::Signature, out);
        }
        self.note_foreign(now, OwnMessage::Proposal(signed), out);
        self.presence.heard(&proposal.proposer, now);
        let message = ConsensusMessage::Proposal(signed);
        if matches!(when, When::Next) {
            let early = (from, &message);
            self.early.keep(proposal.height, proposal.proposer, early);
            return out.push(Action::Flood { message });
        }
        out.push(Action::Flood { message });
        let Some(state) = self.current.as_mut() else {
            return;
        };
        state.store.insert_proposal(signed);
        let settled = proposal.pol_round.is_some();
        state.blocks.claim(proposal.block, proposal.round, settled);
        if let Some(round) = state.blocks.ask(&proposal.block, now) {
            out.push(Action::WantBlock {
                height: proposal.height,
                block: proposal.block,
                round,
                from,
            });
        }
        self.feed(now, engine::Input::Proposal(signed), out);
        self.feed_blocks(now, out);
    }

    /// Counts a message that is left out because of its height.
    fn count_untimely(&mut self, when: &When) {
        match when {
            When::Elsewhere => self.drops.count(Dropped::MessageOtherHeight),
            When::Next => self.drops.count(Dropped::MessageEarly),
            When::Last | When::Current => {}
        }
    }

    /// Looks for what the votes of a step prove by content, where the engine may have counted less.
    pub(super) fn check_step(
        &mut self,
        now: Instant,
        step: (Round, VoteType),
        out: &mut Vec<Action>,
    ) {
        let (round, vote_type) = step;
        if vote_type == VoteType::Precommit {
            return self.check_commit(now, round, out);
        }
        let Some(state) = self.current.as_mut() else {
            return;
        };
        let Some(polka) = state.store.polka(round) else {
            return;
        };
        state.blocks.claim(polka.block, round, true);
        let unseen = state.valid().is_none_or(|(valid, _)| valid < round);
        let contested = state.store.is_contested(step);
        self.ask_for_blocks(now, out);
        self.feed_blocks(now, out);
        if unseen && contested {
            self.feed(now, engine::Input::Polka(polka), out);
        }
    }

    /// Looks for a second commit certificate at the last height.
    fn check_last(&mut self, height: Height, round: Round, out: &mut Vec<Action>) {
        let Some(last) = self
            .last
            .as_ref()
            .filter(|last| last.store.height() == height)
        else {
            return;
        };
        let Some(one) = &last.decision else { return };
        let mut certificates = last.store.commits(round).into_iter();
        let conflict = certificates.find(|other| other.block != one.block);
        if let Some(other) = conflict {
            let reason = super::HaltReason::Conflict {
                one: Box::new(one.clone()),
                other: Box::new(other),
            };
            self.halt(reason, out);
        }
    }

    /// Takes note of an own message that leaves now, and of a round certificate that let us in.
    pub(super) fn note_own(&mut self, now: Instant, message: &ConsensusMessage) {
        let last = self.last.as_mut().map(|last| &mut last.store);
        let current = self.current.as_mut().map(|state| &mut state.store);
        for store in [current, last].into_iter().flatten() {
            match message {
                ConsensusMessage::Vote(signed) if signed.vote.height == store.height() => {
                    store.insert_vote(*signed);
                    self.presence.heard(&signed.vote.validator, now);
                }
                ConsensusMessage::Proposal(signed) if signed.proposal.height == store.height() => {
                    store.insert_proposal(*signed);
                }
                ConsensusMessage::RoundSkip(skip) if skip.height == store.height() => {
                    store.insert_skip(skip.clone());
                }
                _ => {}
            }
        }
    }

    fn is_known_early(&self, message: &ConsensusMessage) -> bool {
        let (height, key) = match message {
            ConsensusMessage::Vote(signed) => (signed.vote.height, signed.vote.validator),
            ConsensusMessage::Proposal(signed) => {
                (signed.proposal.height, signed.proposal.proposer)
            }
            _ => return true,
        };
        let state = self.current.as_ref();
        let member = state.is_some_and(|state| state.may_sign_next(&key));
        !member || self.early.is_full(height, &key, message)
    }

    fn when(&self, height: Height) -> When {
        let Some(current) = self.current.as_ref().map(|state| state.height()) else {
            return When::Elsewhere;
        };
        if height == current {
            When::Current
        } else if height == current.saturating_add(1) {
            When::Next
        } else if height.saturating_add(1) == current {
            When::Last
        } else {
            When::Elsewhere
        }
    }
}

fn is_near(round: Round, current: Round) -> bool {
    round <= current.saturating_add(MAX_ROUNDS_AHEAD)
        && round.saturating_add(MAX_ROUNDS_KEPT) >= current
}

pub(super) fn penalize(from: Option<PeerId>, fault: ConsensusFault, out: &mut Vec<Action>) {
    if let Some(peer) = from {
        out.push(Action::Penalize { peer, fault });
    }
}
