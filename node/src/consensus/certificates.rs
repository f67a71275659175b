//! Admission of certificates: power first, then every signature, then each vote and the whole.

use std::collections::BTreeSet;

use starling_gossip::message::{ConsensusMessage, PolkaCertificate, RoundCertificate, SkipKind};
use starling_gossip::{Instant, PeerId};
use starling_ledger::keys::PublicKey;
use starling_ledger::validators::ValidatorSet;
use starling_ledger::vote::{SignedVote, Vote, VoteType};

use super::admission::penalize;
use super::engine::{self, MAX_ROUNDS_AHEAD};
use super::guard::OwnMessage;
use super::vote_store::VoteStore;
use super::{Action, Consensus, ConsensusFault};

impl Consensus {
    /// Returns the votes of a polka, if it tells something new about the current height.
    pub(super) fn wanted_polka(&self, polka: &PolkaCertificate) -> Option<Vec<SignedVote>> {
        let state = self.current.as_ref()?;
        let known = state.store.polka(polka.round);
        if polka.height != state.height()
            || state.decision.is_some()
            || polka.round > state.round().saturating_add(MAX_ROUNDS_AHEAD)
            || known.is_some_and(|known| known.block == polka.block)
        {
            return None;
        }
        let vote = |entry: (u16, _)| {
            Some(SignedVote {
                vote: Vote {
                    vote_type: VoteType::Prevote,
                    height: polka.height,
                    round: polka.round,
                    block: Some(polka.block),
                    validator: member_key(&state.store, entry.0)?,
                },
                signature: entry.1,
            })
        };
        let entries = polka.signatures.iter();
        entries
            .map(|entry| vote((entry.validator, entry.signature)))
            .collect()
    }

    /// Returns the votes of a round certificate, if it tells something new about the current
    /// height.
    pub(super) fn wanted_skip(&self, skip: &RoundCertificate) -> Option<Vec<SignedVote>> {
        let state = self.current.as_ref()?;
        let past = match skip.kind {
            SkipKind::Prevote => skip.round <= state.round(),
            SkipKind::Precommit => skip.round < state.round(),
        };
        // A certificate of a far round is welcome: it proves that honest validators are there.
        if skip.height != state.height() || state.decision.is_some() || past {
            return None;
        }
        let mut votes = Vec::with_capacity(skip.signatures.len());
        for entry in &skip.signatures {
            votes.push(SignedVote {
                vote: Vote {
                    vote_type: entry.vote_type,
                    height: skip.height,
                    round: skip.round,
                    block: entry.block,
                    validator: member_key(&state.store, entry.validator)?,
                },
                signature: entry.signature,
            });
        }
        let all_known = votes.iter().all(|vote| state.store.has_vote(vote));
        (!all_known).then_some(votes)
    }

    /// Takes a certificate that is wanted, with the votes it holds.
    pub(super) fn admit_certificate(
        &mut self,
        now: Instant,
        from: Option<PeerId>,
        (message, votes): (ConsensusMessage, Vec<SignedVote>),
        out: &mut Vec<Action>,
    ) {
        let Some(state) = &self.current else { return };
        let set = state.store.validators().clone();
        let need = match &message {
            ConsensusMessage::RoundSkip(skip) if skip.kind == SkipKind::Prevote => Need::OneHonest,
            ConsensusMessage::RoundSkip(_) => Need::QuorumOfPrecommits,
            _ => Need::Quorum,
        };
        if !need.is_met(&votes, &set) {
            return penalize(from, ConsensusFault::Certificate, out);
        }
        if !votes.iter().all(|vote| self.memo.vote(vote)) {
            return penalize(from, ConsensusFault::Signature, out);
        }
        for vote in &votes {
            self.note_foreign(now, OwnMessage::Vote(*vote), out);
            self.presence.heard(&vote.vote.validator, now);
        }
        let Some(state) = self.current.as_mut() else {
            return;
        };
        for vote in &votes {
            state.store.insert_vote(*vote);
        }
        let input = match &message {
            ConsensusMessage::Polka(polka) => {
                state.store.insert_polka(polka.clone());
                state.blocks.claim(polka.block, polka.round, true);
                engine::Input::Polka(polka.clone())
            }
            ConsensusMessage::RoundSkip(skip) => {
                state.store.insert_skip(skip.clone());
                engine::Input::RoundSkip(skip.clone())
            }
            _ => return,
        };
        out.push(Action::Flood { message });
        self.ask_for_blocks(now, out);
        self.feed_blocks(now, out);
        self.feed(now, input, out);
        if let Some(vote) = votes.first() {
            self.check_step(now, (vote.vote.round, VoteType::Prevote), out);
            self.check_step(now, (vote.vote.round, VoteType::Precommit), out);
        }
    }
}

/// What a certificate must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Quorum,
    QuorumOfPrecommits,
    OneHonest,
}

impl Need {
    /// Says whether the named voters, each counted once, have the power.
    fn is_met(self, votes: &[SignedVote], set: &ValidatorSet) -> bool {
        let prevote = |vote: &SignedVote| vote.vote.vote_type == VoteType::Prevote;
        if self == Self::QuorumOfPrecommits && votes.iter().any(prevote) {
            return false;
        }
        let members = set.members().iter();
        let voted: BTreeSet<_> = votes.iter().map(|vote| vote.vote.validator).collect();
        let power: u64 = members
            .filter(|member| voted.contains(&member.key))
            .map(|member| member.power)
            .sum();
        match self {
            Self::Quorum | Self::QuorumOfPrecommits => set.is_quorum(power),
            Self::OneHonest => u128::from(power) * 3 > u128::from(set.total_power()),
        }
    }
}

fn member_key(store: &VoteStore, position: u16) -> Option<PublicKey> {
    let member = store.validators().members().get(usize::from(position))?;
    Some(member.key)
}
