//! The exchange of what neighbours have, by which consensus survives any loss of messages.
//!
//! While a height lasts, every [`HAVE_EVERY`] each neighbour is told what is here of the current
//! round, and answers with what is missing: proposal, block, votes; the certificate that lets a
//! node that lags enter a later round; and, so that no lock is hidden, polka, proposal and block of
//! a later valid round. A neighbour that is still at the last height gets the precommits that
//! decided it.
//!
//! A vote is sent only if it was here when the same neighbour last told the same round: what has
//! just come is on its way by flooding. At 20–40 % loss an engine whose neighbours fill gaps is
//! 2.5–13 times as quick as a bare one (the spike's measurement).
//!
//! # Limits
//! One answer per neighbour and [`ANSWER_EVERY`], of at most [`MAX_ANSWER`] messages and one block
//! a second.

use std::time::Duration;

use starling_gossip::message::{Bits, ConsensusMessage, Have};
use starling_gossip::{Instant, PeerId};
use starling_ledger::block::BlockHash;
use starling_ledger::vote::{Height, Round, VoteType};

use super::vote_store::VoteStore;
use super::{Action, Consensus};
use crate::drops::Dropped;

/// How often neighbours are told.
pub(super) const HAVE_EVERY: Duration = Duration::from_millis(150);
/// Least time between two answers to one neighbour.
pub(super) const ANSWER_EVERY: Duration = Duration::from_millis(100);
/// Most messages of an answer: 46 KiB of votes.
pub(super) const MAX_ANSWER: usize = 256;
/// Least time before the same body is sent to the same neighbour again.
const BLOCK_AGAIN: Duration = Duration::from_secs(1);
/// Least time before a neighbour is shown the same valid round again.
const VALID_AGAIN: Duration = Duration::from_millis(500);
/// Least time before a neighbour at the last height is sent everything again.
const LAST_AGAIN: Duration = Duration::from_millis(500);

/// What is known of a neighbour.
#[derive(Clone, Debug, Default)]
pub(super) struct Neighbour {
    /// Where it was when it last told, and what was here then.
    told: Option<Told>,
    answered: Option<Instant>,
    block: Option<(BlockHash, Instant)>,
    last_height: Option<Instant>,
    valid: Option<(Round, Instant)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    height: Height,
    round: Round,
    proposal: bool,
    prevotes: Bits,
    precommits: Bits,
}

impl Consensus {
    /// Tells the neighbours, if it is time.
    pub(super) fn exchange(&mut self, now: Instant, out: &mut Vec<Action>) {
        if now < self.next_have || self.neighbours.is_empty() {
            return;
        }
        let Some(have) = self.have() else { return };
        self.next_have = now + HAVE_EVERY;
        for peer in self.neighbours.keys() {
            let (peer, have) = (*peer, have.clone());
            out.push(Action::SendHave { peer, have });
        }
    }

    /// Says whether the height has begun, or is held back: then neighbours are told what is here.
    pub(super) fn tells(&self) -> bool {
        let state = self.current.as_ref();
        state.is_some_and(|state| state.engine.is_some()) || self.is_held()
    }

    /// Returns what is here of the current round.
    fn have(&self) -> Option<Have> {
        let state = self.current.as_ref().filter(|_| self.tells())?;
        let round = state.round();
        let proposals = state.store.proposals(round);
        let has_block = proposals
            .iter()
            .any(|signed| state.blocks.verdict(&signed.proposal.block).is_some());
        Some(Have {
            height: state.height(),
            round,
            proposal: !proposals.is_empty(),
            valid_round: state.valid().map(|(round, _)| round),
            has_block,
            prevotes: state.store.voters((round, VoteType::Prevote)),
            precommits: state.store.voters((round, VoteType::Precommit)),
        })
    }

    /// Sends a neighbour what it is missing.
    pub(super) fn answer_have(
        &mut self,
        now: Instant,
        peer: PeerId,
        have: &Have,
        out: &mut Vec<Action>,
    ) {
        let Some(current) = self.current.as_ref().map(|state| state.height()) else {
            return;
        };
        let Some(neighbour) = self.neighbours.get_mut(&peer) else {
            return;
        };
        let rested = |at: Option<Instant>, rest| at.is_none_or(|at| now >= at + rest);
        if !rested(neighbour.answered, ANSWER_EVERY) {
            return self.drops.count(Dropped::HaveTooSoon);
        }
        neighbour.answered = Some(now);
        if have.height == current {
            self.fill_current(now, peer, have, out);
        } else if have.height.saturating_add(1) == current
            && rested(neighbour.last_height, LAST_AGAIN)
        {
            neighbour.last_height = Some(now);
            self.fill_last(now, peer, have, out);
        }
    }

    fn fill_current(&mut self, now: Instant, peer: PeerId, have: &Have, out: &mut Vec<Action>) {
        let Some(state) = &self.current else { return };
        let store = &state.store;
        let here = Told {
            height: have.height,
            round: have.round,
            proposal: !store.proposals(have.round).is_empty(),
            prevotes: store.voters((have.round, VoteType::Prevote)),
            precommits: store.voters((have.round, VoteType::Precommit)),
        };
        let Some(neighbour) = self.neighbours.get_mut(&peer) else {
            return;
        };
        let before = neighbour.told.replace(here);
        let before = before.filter(|told| (told.height, told.round) == (have.height, have.round));
        let mut messages = Vec::new();
        let mut block = None;
        if let Some(before) = before {
            let proposals = store.proposals(have.round);
            if before.proposal && !have.proposal {
                messages.extend(proposals.iter().copied().map(ConsensusMessage::Proposal));
            }
            if before.proposal && !have.has_block {
                let mut blocks = proposals.iter().map(|signed| signed.proposal.block);
                block = blocks.find(|block| state.blocks.verdict(block).is_some());
            }
            let prevotes = (have.round, VoteType::Prevote);
            missing(
                store,
                prevotes,
                (&before.prevotes, &have.prevotes),
                &mut messages,
            );
            let precommits = (have.round, VoteType::Precommit);
            let bits = (&before.precommits, &have.precommits);
            missing(store, precommits, bits, &mut messages);
        }
        if have.round < state.round()
            && let Some(skip) = store.skip().filter(|skip| skip.round >= have.round)
        {
            messages.push(ConsensusMessage::RoundSkip(skip.clone()));
        }
        let shown = neighbour.valid;
        let shown =
            |valid| shown.is_some_and(|(round, at)| round == valid && now < at + VALID_AGAIN);
        if let Some((valid, value)) = state.valid()
            && have.valid_round.is_none_or(|known| known < valid)
            && !shown(valid)
            && let Some(polka) = store.polka(valid)
        {
            neighbour.valid = Some((valid, now));
            messages.push(ConsensusMessage::Polka(polka));
            let proposals = store.proposals(valid).iter();
            let of_value = proposals.filter(|signed| signed.proposal.block == value);
            messages.extend(of_value.copied().map(ConsensusMessage::Proposal));
            block = block.or(Some(value));
        }
        self.send(now, (peer, have.height), (messages, block), out);
    }

    /// Sends what decided the last height, whatever the neighbour says it has: an equivocator's
    /// vote may be another one there.
    fn fill_last(&mut self, now: Instant, peer: PeerId, have: &Have, out: &mut Vec<Action>) {
        let Some(last) = &self.last else { return };
        let Some(decision) = &last.decision else {
            return;
        };
        let block = decision.block;
        let proposals = last.store.all_proposals();
        let of_block = proposals.filter(|signed| signed.proposal.block == block);
        let mut messages: Vec<_> = of_block
            .take(1)
            .copied()
            .map(ConsensusMessage::Proposal)
            .collect();
        let step = (decision.round, VoteType::Precommit);
        let votes = last.store.votes(step).map(|(_, vote)| vote);
        let of_block = votes.filter(|signed| signed.vote.block == Some(block));
        messages.extend(of_block.copied().map(ConsensusMessage::Vote));
        let block = (!have.has_block || have.round != decision.round).then_some(block);
        self.send(now, (peer, have.height), (messages, block), out);
    }

    fn send(
        &mut self,
        now: Instant,
        (peer, height): (PeerId, Height),
        (messages, block): (Vec<ConsensusMessage>, Option<BlockHash>),
        out: &mut Vec<Action>,
    ) {
        for message in messages.into_iter().take(MAX_ANSWER) {
            out.push(Action::SendTo { peer, message });
        }
        let Some((block, neighbour)) = block.zip(self.neighbours.get_mut(&peer)) else {
            return;
        };
        let again = neighbour
            .block
            .is_some_and(|(sent, at)| sent == block && now < at + BLOCK_AGAIN);
        if !again {
            neighbour.block = Some((block, now));
            out.push(Action::SendBlock {
                peer,
                height,
                block,
            });
        }
    }
}

/// Adds the votes of a step that were here before and that the neighbour lacks.
fn missing(
    store: &VoteStore,
    step: (Round, VoteType),
    (here, there): (&Bits, &Bits),
    messages: &mut Vec<ConsensusMessage>,
) {
    let lacking = store.votes(step).filter(|(position, _)| {
        let position = usize::from(*position);
        here.contains(position) && !there.contains(position)
    });
    messages.extend(lacking.map(|(_, vote)| ConsensusMessage::Vote(*vote)));
}
