//! Votes, proposals, certificates, evidence, validators.

use starling_ledger::block::BlockHash;
use starling_ledger::certificate::{CommitCertificate, CommitSignature};
use starling_ledger::evidence::Evidence;
use starling_ledger::hash::{Context, Hash};
use starling_ledger::keys::SecretKey;
use starling_ledger::validators::{Validator, ValidatorSet};
use starling_ledger::vote::{Proposal, SignedProposal, SignedVote, Vote, VoteType};

use super::{SMALL_BYTES_MAX, Sample, account, key, network, sample};

pub(super) fn block_hash(name: &str) -> BlockHash {
    BlockHash(Hash::of(Context::Block, &[name.as_bytes()]))
}

fn vote(vote_type: VoteType, block: Option<BlockHash>) -> SignedVote {
    let vote = Vote {
        vote_type,
        height: 5,
        round: 1,
        block,
        validator: key("alice"),
    };
    vote.sign(&network(), &SecretKey::local("alice"))
}

fn proposal(block: BlockHash, pol_round: Option<u32>) -> SignedProposal {
    let proposal = Proposal {
        height: 5,
        round: 1,
        block,
        pol_round,
        proposer: key("alice"),
    };
    proposal.sign(&network(), &SecretKey::local("alice"))
}

pub(super) fn two_votes() -> Evidence {
    let other = vote(VoteType::Precommit, None);
    Evidence::of_votes(vote(VoteType::Precommit, Some(block_hash("one"))), other)
}

pub(super) fn certificate() -> CommitCertificate {
    let signature = |(position, name): (u16, &str)| {
        let precommit = Vote {
            vote_type: VoteType::Precommit,
            height: 1,
            round: 0,
            block: Some(block_hash("one")),
            validator: key(name),
        };
        CommitSignature {
            validator: position,
            signature: precommit
                .sign(&network(), &SecretKey::local(name))
                .signature,
        }
    };
    CommitCertificate {
        height: 1,
        round: 0,
        block: block_hash("one"),
        signatures: [(0, "alice"), (2, "carol")].map(signature).into(),
    }
}

pub(super) fn validators() -> ValidatorSet {
    let member = |(name, power)| Validator {
        account: account(name),
        key: key(name),
        power,
    };
    ValidatorSet::new([("alice", 10), ("bob", 20)].map(member).into()).unwrap()
}

pub(super) fn samples() -> Vec<Sample> {
    const FILE: &str = "consensus.txt";
    const LIMIT: usize = SMALL_BYTES_MAX;
    let prevote = vote(VoteType::Prevote, Some(block_hash("one")));
    let fresh = proposal(block_hash("one"), None);
    let locked = proposal(block_hash("two"), Some(0));
    let two_proposals = Evidence::of_proposals(fresh, locked);
    vec![
        sample::<_, LIMIT>(FILE, "vote", &prevote.vote),
        sample::<_, LIMIT>(FILE, "vote_sign_hash", &prevote.vote.sign_hash(&network())),
        sample::<_, LIMIT>(FILE, "signed_prevote", &prevote),
        sample::<_, LIMIT>(
            FILE,
            "signed_precommit_nil",
            &vote(VoteType::Precommit, None),
        ),
        sample::<_, LIMIT>(FILE, "proposal", &fresh.proposal),
        sample::<_, LIMIT>(
            FILE,
            "proposal_sign_hash",
            &fresh.proposal.sign_hash(&network()),
        ),
        sample::<_, LIMIT>(FILE, "signed_proposal", &fresh),
        sample::<_, LIMIT>(FILE, "signed_proposal_locked", &locked),
        sample::<_, LIMIT>(FILE, "certificate", &certificate()),
        sample::<_, LIMIT>(FILE, "certificate_hash", &certificate().hash()),
        sample::<_, LIMIT>(FILE, "evidence_votes", &two_votes()),
        sample::<_, LIMIT>(FILE, "evidence_votes_hash", &two_votes().hash()),
        sample::<_, LIMIT>(FILE, "evidence_proposals", &two_proposals),
        sample::<_, LIMIT>(FILE, "validator_set", &validators()),
        sample::<_, LIMIT>(FILE, "validator_set_hash", &validators().hash()),
    ]
}
