//! Evidence on its way: from two contradicting messages, or a neighbour, into the pool and on to
//! the other neighbours.
//!
//! Contradicting messages are flooded like all others, so most nodes find the offence themselves.
//! Evidence is flooded all the same: whoever missed one of the messages, or was off, may be the
//! next to propose.
//!
//! # Limits
//! A neighbour that comes up is offered [`MAX_OFFERED`] pieces.

use starling_gossip::message::ConsensusMessage;
use starling_gossip::{Instant, PeerId};
use starling_ledger::evidence::Evidence;
use starling_ledger::keys::PublicKey;
use starling_ledger::vote::Height;

use super::admission::penalize;
use super::guard::OwnMessage;
use super::{Action, Consensus, ConsensusEvent, ConsensusFault};

/// Most pieces for a new neighbour: 25 KiB, and more than a network of any honest size has.
const MAX_OFFERED: usize = 64;

impl Consensus {
    /// Returns the offences that a block of `height` may punish.
    pub fn evidence(&self, height: Height) -> Vec<Evidence> {
        self.evidence.for_block(height)
    }

    /// A final block punishes these keys.
    pub(super) fn punished(&mut self, keys: Vec<PublicKey>, out: &mut Vec<Action>) {
        let own = self.signer.as_ref().map(|signer| signer.public_key());
        for key in keys {
            if own == Some(key) {
                out.push(Action::Event(ConsensusEvent::Excluded));
            }
            self.evidence.punished(key);
        }
    }

    /// Takes evidence of a neighbour.
    ///
    /// Of a height or validator that this node knows nothing of it is dropped without blame, and so
    /// is what was punished: only what proves nothing in any state is a fault.
    pub(super) fn admit_evidence(
        &mut self,
        now: Instant,
        from: Option<PeerId>,
        evidence: Evidence,
        out: &mut Vec<Action>,
    ) {
        let messages = match evidence {
            Evidence::Votes(one, other) => [one, other].map(OwnMessage::Vote),
            Evidence::Proposals(one, other) => [one, other].map(OwnMessage::Proposal),
        };
        for message in messages {
            self.look_at_own(now, message, out);
        }
        let height = self.current.as_ref().map_or(0, |state| state.height());
        let known_signer = self.epochs.signs(evidence.height(), &evidence.key());
        if evidence.height() > height || !known_signer || !self.evidence.wants(&evidence) {
            return;
        }
        if self.memo.evidence(&evidence).is_err() {
            return penalize(from, ConsensusFault::Evidence, out);
        }
        for message in messages {
            self.note_foreign(now, message, out);
        }
        self.spread(evidence, out);
    }

    /// Takes over what the messages of the current and the last height prove.
    pub(super) fn collect_evidence(&mut self, out: &mut Vec<Action>) {
        let last = self.last.as_mut().map(|last| &mut last.store);
        let current = self.current.as_mut().map(|state| &mut state.store);
        let stores = [last, current].into_iter().flatten();
        let found: Vec<_> = stores.flat_map(|store| store.take_evidence()).collect();
        for evidence in found {
            let offence = ConsensusEvent::Offence(Box::new(evidence));
            out.push(Action::Event(offence));
            self.spread(evidence, out);
        }
    }

    /// Offers a neighbour that comes up what is not punished yet.
    pub(super) fn offer_evidence(&self, peer: PeerId, out: &mut Vec<Action>) {
        let offered = self.evidence.all().take(MAX_OFFERED);
        out.extend(offered.map(|evidence| Action::SendTo {
            peer,
            message: ConsensusMessage::Evidence(Box::new(*evidence)),
        }));
    }

    fn spread(&mut self, evidence: Evidence, out: &mut Vec<Action>) {
        if self.evidence.insert(evidence) {
            let message = ConsensusMessage::Evidence(Box::new(evidence));
            out.push(Action::Flood { message });
        }
    }
}
