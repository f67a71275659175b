//! Certificates between Malachite's form and the wire's, and their synchronous verification.

use malachite_types as mt;
use malachite_types::{CertificateError, NilOrVal, SignedMessage};
use starling_gossip::message::{PolkaCertificate, RoundCertificate, RoundSignature, SkipKind};
use starling_ledger::certificate::{CommitCertificate, CommitSignature};
use starling_ledger::vote::{SignedVote, VoteType};

use super::context::{Address, Context, Height, Members, Sig, Value, Vote};
use crate::consensus::engine::Keys;

type SignedMalachiteVote = SignedMessage<Context, Vote>;

/// How much power a certificate needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// More than two thirds.
    Quorum,
    /// More than one third: one of the voters is honest.
    OneHonest,
}

/// Checks that the voters are members, have the power, and signed.
#[expect(
    clippy::result_large_err,
    reason = "the type that Malachite's effects are answered with"
)]
pub(super) fn check(
    votes: impl Iterator<Item = SignedMalachiteVote>,
    members: &Members,
    need: Need,
    keys: &mut dyn Keys,
) -> Result<(), CertificateError<Context>> {
    let mut counted: Vec<u16> = Vec::new();
    let mut signed = 0u64;
    for vote in votes {
        let address = vote.message.address;
        let member = members
            .member(&address)
            .ok_or(CertificateError::UnknownValidator(address))?;
        if !keys.check_vote(&from_malachite(&vote)) {
            return Err(CertificateError::VerificationError(None));
        }
        if !counted.contains(&member.position) {
            counted.push(member.position);
            signed = signed.saturating_add(mt::Validator::voting_power(member));
        }
    }
    let total = members.set.total_power();
    let enough = match need {
        Need::Quorum => members.set.is_quorum(signed),
        Need::OneHonest => u128::from(signed) * 3 > u128::from(total),
    };
    if enough {
        Ok(())
    } else {
        Err(CertificateError::NotEnoughVotingPower {
            signed,
            total,
            expected: total,
        })
    }
}

/// Turns a signed vote into the ledger's.
pub(super) fn from_malachite(vote: &SignedMalachiteVote) -> SignedVote {
    SignedVote {
        vote: (&vote.message).into(),
        signature: vote.signature.0,
    }
}

/// Turns the ledger's signed vote into Malachite's.
pub(super) fn to_malachite(vote: &SignedVote) -> SignedMalachiteVote {
    SignedMessage::new((&vote.vote).into(), Sig(vote.signature))
}

/// Puts the precommits of a decision into the ledger's certificate.
pub(super) fn commit(
    certificate: &mt::CommitCertificate<Context>,
    members: &Members,
) -> CommitCertificate {
    let signatures = certificate.commit_signatures.iter();
    CommitCertificate {
        height: certificate.height.0,
        round: certificate.round.as_u32().unwrap_or(0),
        block: certificate.value_id.0,
        signatures: ascending(
            signatures.map(|entry| (&entry.address, &entry.signature)),
            members,
        ),
    }
}

/// Puts a polka into the form that travels.
pub(super) fn polka(
    certificate: &mt::PolkaCertificate<Context>,
    members: &Members,
) -> PolkaCertificate {
    let signatures = certificate.polka_signatures.iter();
    PolkaCertificate {
        height: certificate.height.0,
        round: certificate.round.as_u32().unwrap_or(0),
        block: certificate.value_id.0,
        signatures: ascending(
            signatures.map(|entry| (&entry.address, &entry.signature)),
            members,
        ),
    }
}

/// Reads a polka that travelled; signers outside the set are left out, so that it fails for power.
pub(super) fn read_polka(
    polka: &PolkaCertificate,
    members: &Members,
) -> mt::PolkaCertificate<Context> {
    let signature = |entry: &CommitSignature| {
        let member = members.set.members().get(usize::from(entry.validator))?;
        Some(mt::PolkaSignature::new(
            Address(member.key),
            Sig(entry.signature),
        ))
    };
    mt::PolkaCertificate {
        height: Height(polka.height),
        round: mt::Round::new(polka.round),
        value_id: Value(polka.block),
        polka_signatures: polka.signatures.iter().filter_map(signature).collect(),
    }
}

/// Puts a round certificate into the form that travels.
pub(super) fn round_skip(
    certificate: &mt::RoundCertificate<Context>,
    members: &Members,
) -> RoundCertificate {
    let entry = |signed: &mt::RoundSignature<Context>| {
        Some(RoundSignature {
            validator: members.member(&signed.address)?.position,
            vote_type: match signed.vote_type {
                mt::VoteType::Prevote => VoteType::Prevote,
                mt::VoteType::Precommit => VoteType::Precommit,
            },
            block: match signed.value_id {
                NilOrVal::Nil => None,
                NilOrVal::Val(Value(block)) => Some(block),
            },
            signature: signed.signature.0,
        })
    };
    let mut signatures: Vec<_> = certificate
        .round_signatures
        .iter()
        .filter_map(entry)
        .collect();
    let place = |entry: &RoundSignature| (entry.validator, entry.vote_type);
    signatures.sort_unstable_by_key(place);
    signatures.dedup_by_key(|entry| place(entry));
    RoundCertificate {
        height: certificate.height.0,
        round: certificate.round.as_u32().unwrap_or(0),
        kind: match certificate.cert_type {
            mt::RoundCertificateType::Skip => SkipKind::Prevote,
            mt::RoundCertificateType::Precommit => SkipKind::Precommit,
        },
        signatures,
    }
}

/// Reads a round certificate that travelled; voters outside the set are left out.
pub(super) fn read_round_skip(
    certificate: &RoundCertificate,
    members: &Members,
) -> mt::RoundCertificate<Context> {
    let signature = |entry: &RoundSignature| {
        let member = members.set.members().get(usize::from(entry.validator))?;
        Some(mt::RoundSignature::new(
            match entry.vote_type {
                VoteType::Prevote => mt::VoteType::Prevote,
                VoteType::Precommit => mt::VoteType::Precommit,
            },
            entry
                .block
                .map_or(NilOrVal::Nil, |block| NilOrVal::Val(Value(block))),
            Address(member.key),
            Sig(entry.signature),
        ))
    };
    mt::RoundCertificate {
        height: Height(certificate.height),
        round: mt::Round::new(certificate.round),
        cert_type: match certificate.kind {
            SkipKind::Prevote => mt::RoundCertificateType::Skip,
            SkipKind::Precommit => mt::RoundCertificateType::Precommit,
        },
        round_signatures: certificate
            .signatures
            .iter()
            .filter_map(signature)
            .collect(),
    }
}

fn ascending<'a>(
    signatures: impl Iterator<Item = (&'a Address, &'a Sig)>,
    members: &Members,
) -> Vec<CommitSignature> {
    let mut signatures: Vec<_> = signatures
        .filter_map(|(address, signature)| {
            Some(CommitSignature {
                validator: members.member(address)?.position,
                signature: signature.0,
            })
        })
        .collect();
    signatures.sort_unstable_by_key(|entry| entry.validator);
    signatures.dedup_by_key(|entry| entry.validator);
    signatures
}
