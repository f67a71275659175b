//! Votes and proposals from the ledger's form to Malachite's and back.

use malachite_types as mt;
use malachite_types::NilOrVal;
use starling_ledger::vote::{self, VoteType};

use super::context::{Address, Height, Proposal, Value, Vote};

impl From<&vote::Vote> for Vote {
    fn from(vote: &vote::Vote) -> Self {
        Self {
            height: Height(vote.height),
            round: mt::Round::new(vote.round),
            vote_type: match vote.vote_type {
                VoteType::Prevote => mt::VoteType::Prevote,
                VoteType::Precommit => mt::VoteType::Precommit,
            },
            value: vote
                .block
                .map_or(NilOrVal::Nil, |block| NilOrVal::Val(Value(block))),
            address: Address(vote.validator),
        }
    }
}

impl From<&Vote> for vote::Vote {
    fn from(vote: &Vote) -> Self {
        Self {
            vote_type: match vote.vote_type {
                mt::VoteType::Prevote => VoteType::Prevote,
                mt::VoteType::Precommit => VoteType::Precommit,
            },
            height: vote.height.0,
            round: vote.round.as_u32().unwrap_or(0),
            block: match vote.value {
                NilOrVal::Nil => None,
                NilOrVal::Val(Value(block)) => Some(block),
            },
            validator: vote.address.0,
        }
    }
}

impl From<&vote::Proposal> for Proposal {
    fn from(proposal: &vote::Proposal) -> Self {
        Self {
            height: Height(proposal.height),
            round: mt::Round::new(proposal.round),
            value: Value(proposal.block),
            pol_round: mt::Round::from(proposal.pol_round),
            address: Address(proposal.proposer),
        }
    }
}

impl From<&Proposal> for vote::Proposal {
    fn from(proposal: &Proposal) -> Self {
        Self {
            height: proposal.height.0,
            round: proposal.round.as_u32().unwrap_or(0),
            block: proposal.value.0,
            pol_round: proposal.pol_round.as_u32(),
            proposer: proposal.address.0,
        }
    }
}
