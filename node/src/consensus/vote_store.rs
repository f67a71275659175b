//! Everything admitted at one height: proposals and votes by content, and what they prove.
//!
//! The engine counts the first vote of a validator for a step; this store keeps different ones,
//! for three reasons: they are evidence, a quorum may need either, and neighbours may lack either.
//! It goes on collecting after the decision, so that late precommits still count as presence.
//!
//! # Limits
//! [`MAX_ROUNDS_KEPT`] rounds behind the current one and `MAX_ROUNDS_AHEAD` ahead of it; in each,
//! two proposals and two votes per validator and step, up to four where the votes are for proposed
//! blocks. At 100 validators that is 27 rounds of 400 to 800 votes of 180 bytes: 4 MiB if all of
//! them equivocate all the time, 36 KiB for an ordinary height; ten times that at 1,000.

use std::collections::BTreeMap;
use std::sync::Arc;

use starling_gossip::message::{Bits, PolkaCertificate, RoundCertificate};
use starling_ledger::block::BlockHash;
use starling_ledger::certificate::{CommitCertificate, CommitSignature};
use starling_ledger::evidence::Evidence;
use starling_ledger::keys::PublicKey;
use starling_ledger::validators::{ValidatorSet, VotingPower};
use starling_ledger::vote::{Height, Round, SignedProposal, SignedVote, VoteType};

/// Rounds kept behind the current one: what neighbours that lag may still need, and evidence.
pub const MAX_ROUNDS_KEPT: Round = 16;
/// Most different votes of one validator for one step: two prove the offence.
const MAX_VOTES_PER_STEP: usize = 2;
/// Most, if the further ones are for proposed blocks: any of them may be the one a quorum needs.
const MAX_CONTESTED_VOTES: usize = 4;
/// Most different proposals of one round: two prove the offence.
const MAX_PROPOSALS_PER_ROUND: usize = 2;
/// Most pieces of evidence found at a height. Our choice: what fits into one block.
const MAX_EVIDENCE: usize = 64;

/// What became of a message that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It was not known.
    New,
    /// It was known, or there are two others already.
    Known,
}

type Step = (Round, VoteType);

/// The messages of one height.
///
/// # Invariants
/// All of them are of `height`, signed by the members they name, proposals by the proposer of their
/// round; the caller has checked it.
pub struct VoteStore {
    height: Height,
    validators: Arc<ValidatorSet>,
    positions: BTreeMap<PublicKey, u16>,
    proposals: BTreeMap<Round, Vec<SignedProposal>>,
    votes: BTreeMap<Step, BTreeMap<u16, Vec<SignedVote>>>,
    polkas: BTreeMap<Round, PolkaCertificate>,
    skip: Option<RoundCertificate>,
    evidence: Vec<Evidence>,
    /// How many pieces were found, also those taken since.
    found: usize,
}

impl VoteStore {
    /// Makes an empty store for a height.
    pub fn new(height: Height, validators: Arc<ValidatorSet>) -> Self {
        let members = validators.members().iter().zip(0u16..);
        let positions = members.map(|(member, at)| (member.key, at)).collect();
        Self {
            height,
            validators,
            positions,
            proposals: BTreeMap::new(),
            votes: BTreeMap::new(),
            polkas: BTreeMap::new(),
            skip: None,
            evidence: Vec::new(),
            found: 0,
        }
    }

    /// Returns the height.
    pub const fn height(&self) -> Height {
        self.height
    }

    /// Returns who votes at this height.
    pub const fn validators(&self) -> &Arc<ValidatorSet> {
        &self.validators
    }

    /// Returns the position of the member with this key.
    pub fn position(&self, key: &PublicKey) -> Option<u16> {
        self.positions.get(key).copied()
    }

    /// Says whether this vote, signature aside, is stored or would not be.
    pub fn has_vote(&self, signed: &SignedVote) -> bool {
        let step = (signed.vote.round, signed.vote.vote_type);
        let position = self.position(&signed.vote.validator);
        let known = position.and_then(|position| self.votes.get(&step)?.get(&position));
        known.is_some_and(|known| {
            let full = known.len() >= MAX_VOTES_PER_STEP
                && (known.len() >= MAX_CONTESTED_VOTES || !self.is_proposed(signed.vote.block));
            full || known.iter().any(|other| other.vote == signed.vote)
        })
    }

    /// Says whether this proposal, signature aside, is stored or would not be.
    pub fn has_proposal(&self, signed: &SignedProposal) -> bool {
        let known = self.proposals.get(&signed.proposal.round);
        known.is_some_and(|known| {
            known.len() >= MAX_PROPOSALS_PER_ROUND
                || known.iter().any(|other| other.proposal == signed.proposal)
        })
    }

    /// Stores a vote of a member.
    pub fn insert_vote(&mut self, signed: SignedVote) -> Stored {
        let Some(position) = self.position(&signed.vote.validator) else {
            return Stored::Known;
        };
        if self.has_vote(&signed) {
            return Stored::Known;
        }
        let step = (signed.vote.round, signed.vote.vote_type);
        let known = self.votes.entry(step).or_default();
        let known = known.entry(position).or_default();
        if let Some(first) = known.first()
            && self.found < MAX_EVIDENCE
        {
            self.found += 1;
            self.evidence.push(Evidence::of_votes(*first, signed));
        }
        known.push(signed);
        Stored::New
    }

    /// Stores a proposal of its round's proposer.
    pub fn insert_proposal(&mut self, signed: SignedProposal) -> Stored {
        if self.has_proposal(&signed) {
            return Stored::Known;
        }
        let known = self.proposals.entry(signed.proposal.round).or_default();
        if let Some(first) = known.first()
            && self.found < MAX_EVIDENCE
        {
            self.found += 1;
            self.evidence.push(Evidence::of_proposals(*first, signed));
        }
        known.push(signed);
        Stored::New
    }

    /// Stores a polka that was checked.
    pub fn insert_polka(&mut self, polka: PolkaCertificate) {
        self.polkas.entry(polka.round).or_insert(polka);
    }

    /// Stores the certificate that allows the latest round.
    pub fn insert_skip(&mut self, skip: RoundCertificate) {
        if self.skip.as_ref().is_none_or(|old| old.round <= skip.round) {
            self.skip = Some(skip);
        }
    }

    /// Returns the certificate that allows the latest round known.
    pub const fn skip(&self) -> Option<&RoundCertificate> {
        self.skip.as_ref()
    }

    /// Takes the evidence found since the last call.
    pub fn take_evidence(&mut self) -> Vec<Evidence> {
        std::mem::take(&mut self.evidence)
    }

    /// Returns the proposals of a round.
    pub fn proposals(&self, round: Round) -> &[SignedProposal] {
        self.proposals.get(&round).map_or(&[], Vec::as_slice)
    }

    /// Visits all proposals, by round.
    pub fn all_proposals(&self) -> impl Iterator<Item = &SignedProposal> {
        self.proposals.values().flatten()
    }

    /// Visits the votes of a step, by position.
    pub fn votes(&self, step: Step) -> impl Iterator<Item = (u16, &SignedVote)> {
        let voters = self.votes.get(&step).into_iter().flatten();
        voters.flat_map(|(position, votes)| votes.iter().map(move |vote| (*position, vote)))
    }

    /// Visits all votes, by round and step.
    pub fn all_votes(&self) -> impl Iterator<Item = &SignedVote> {
        self.votes.values().flat_map(BTreeMap::values).flatten()
    }

    /// Returns whose votes of a step are here.
    pub fn voters(&self, step: Step) -> Bits {
        let voters = self.votes.get(&step).into_iter().flatten();
        voters.map(|(position, _)| usize::from(*position)).collect()
    }

    /// Says whether the member at `position` has voted in a step.
    pub fn has_voted(&self, step: Step, position: u16) -> bool {
        let voters = self.votes.get(&step);
        voters.is_some_and(|voters| voters.contains_key(&position))
    }

    /// Returns the power of all who voted in a step, for whatever.
    pub fn power(&self, step: Step) -> VotingPower {
        let voters = self.votes.get(&step).into_iter().flatten();
        voters.map(|(position, _)| self.power_of(*position)).sum()
    }

    /// Says whether somebody voted twice in a step.
    pub fn is_contested(&self, step: Step) -> bool {
        let voters = self.votes.get(&step).into_iter().flatten();
        voters.into_iter().any(|(_, votes)| votes.len() > 1)
    }

    /// Returns the blocks for which more than two thirds voted in a step, counting by content.
    ///
    /// Two of them mean that more than a third of the power voted twice.
    pub fn quorums(&self, step: Step) -> Vec<BlockHash> {
        if !self.validators.is_quorum(self.power(step)) {
            return Vec::new();
        }
        let mut tally: BTreeMap<BlockHash, VotingPower> = BTreeMap::new();
        for (position, signed) in self.votes(step) {
            if let Some(block) = signed.vote.block {
                *tally.entry(block).or_default() += self.power_of(position);
            }
        }
        let enough = tally.into_iter();
        let enough = enough.filter(|(_, power)| self.validators.is_quorum(*power));
        enough.map(|(block, _)| block).collect()
    }

    /// Returns the signatures of a step for one block, by position.
    pub fn signatures(&self, step: Step, block: BlockHash) -> Vec<CommitSignature> {
        let of_block = self
            .votes(step)
            .filter(|(_, signed)| signed.vote.block == Some(block));
        of_block
            .map(|(validator, signed)| CommitSignature {
                validator,
                signature: signed.signature,
            })
            .collect()
    }

    /// Returns the polka of a round, if one is known or the prevotes make one.
    pub fn polka(&self, round: Round) -> Option<PolkaCertificate> {
        if let Some(polka) = self.polkas.get(&round) {
            return Some(polka.clone());
        }
        let step = (round, VoteType::Prevote);
        let block = *self.quorums(step).first()?;
        Some(PolkaCertificate {
            height: self.height,
            round,
            block,
            signatures: self.signatures(step, block),
        })
    }

    /// Returns the commit certificates that the precommits of a round make.
    pub fn commits(&self, round: Round) -> Vec<CommitCertificate> {
        let step = (round, VoteType::Precommit);
        let blocks = self.quorums(step).into_iter();
        blocks
            .map(|block| CommitCertificate {
                height: self.height,
                round,
                block,
                signatures: self.signatures(step, block),
            })
            .collect()
    }

    /// Adds the precommits known here to a certificate of this height.
    pub fn complete(&self, certificate: &CommitCertificate) -> CommitCertificate {
        let mut complete = certificate.clone();
        if certificate.height == self.height {
            let step = (certificate.round, VoteType::Precommit);
            let known = self.signatures(step, certificate.block);
            complete.signatures.extend(known);
            // The sort is stable, so of two signatures of one member the certificate's own stays.
            complete.signatures.sort_by_key(|entry| entry.validator);
            complete.signatures.dedup_by_key(|entry| entry.validator);
        }
        complete
    }

    /// Forgets what is too far behind `round` to be needed, but for the polka of `valid_round`.
    pub fn prune(&mut self, round: Round, valid_round: Option<Round>) {
        let floor = round.saturating_sub(MAX_ROUNDS_KEPT);
        let Some(first) = self.votes.keys().next().map(|(round, _)| *round) else {
            return;
        };
        if first >= floor {
            return;
        }
        if let Some(valid) = valid_round
            && let Some(polka) = self.polka(valid)
        {
            self.insert_polka(polka);
        }
        let kept = |round: Round| round >= floor || Some(round) == valid_round;
        self.votes.retain(|(round, _), _| *round >= floor);
        self.proposals.retain(|round, _| kept(*round));
        self.polkas.retain(|round, _| kept(*round));
    }

    fn is_proposed(&self, block: Option<BlockHash>) -> bool {
        let mut blocks = self.all_proposals().map(|signed| signed.proposal.block);
        block.is_some_and(|block| blocks.any(|proposed| proposed == block))
    }

    fn power_of(&self, position: u16) -> VotingPower {
        let member = self.validators.members().get(usize::from(position));
        member.map_or(0, |member| member.power)
    }
}
