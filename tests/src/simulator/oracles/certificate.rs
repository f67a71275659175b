//! O2: certificates, checked without the product's own check.

use std::collections::BTreeSet;
use std::sync::Arc;

use starling_ledger::block::BlockHash;
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::hash::Hash;
use starling_ledger::keys::{PublicKey, SignatureScheme};
use starling_ledger::validators::ValidatorSet;
use starling_ledger::vote::{Height, Vote, VoteType};

use super::Breach;

/// Whose certificates are checked.
pub struct Network {
    /// Its id.
    pub genesis: Hash,
    /// The true scheme.
    pub scheme: Arc<dyn SignatureScheme>,
}

impl Network {
    /// Judges the certificate with which a block is taken for final, by the set of its height.
    ///
    /// # Errors
    /// What it lacks.
    pub fn check(
        &self,
        (height, block): (Height, BlockHash),
        certificate: &CommitCertificate,
        validators: &ValidatorSet,
    ) -> Result<(), Breach> {
        let breach = |what: &str| {
            let what = format!("the certificate of height {height}: {what}");
            Err(Breach::new("O2", what))
        };
        if (certificate.height, certificate.block) != (height, block) {
            return breach("it is of another block");
        }
        let members = validators.members();
        let mut signers = BTreeSet::new();
        for one in &certificate.signatures {
            let Some(member) = members.get(usize::from(one.validator)) else {
                return breach("a signer is no validator");
            };
            let vote = Vote {
                vote_type: VoteType::Precommit,
                height,
                round: certificate.round,
                block: Some(certificate.block),
                validator: member.key,
            };
            let message = vote.sign_hash(&self.genesis);
            if !self.scheme.verify(&member.key, &message.0, &one.signature) {
                return breach("a signature is wrong");
            }
            if !signers.insert(member.key) {
                return breach("somebody signs twice");
            }
        }
        let power = |counts: &dyn Fn(&PublicKey) -> bool| -> u128 {
            members
                .iter()
                .filter(|one| counts(&one.key))
                .map(|one| u128::from(one.power))
                .sum()
        };
        if power(&|key| signers.contains(key)) * 3 <= power(&|_| true) * 2 {
            return breach("not more than two thirds signed");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::keys::Signatures;
    use crate::simulator::node::consensus_key;
    use starling_ledger::certificate::CommitSignature;
    use starling_ledger::genesis::Genesis;
    use starling_ledger::keys::Signer as _;

    const PLACE: (Height, BlockHash) = (1, BlockHash(Hash([7; 32])));

    fn network() -> (Network, Arc<ValidatorSet>) {
        let genesis = Genesis::local("sim", 1, 3);
        let network = Network {
            genesis: genesis.hash(),
            scheme: Signatures::Hash.scheme(),
        };
        (network, genesis.validator_set().unwrap())
    }

    fn certificate(positions: &[u16]) -> CommitCertificate {
        let (network, set) = network();
        let (height, block) = PLACE;
        let mut certificate = CommitCertificate {
            height,
            round: 0,
            block,
            signatures: Vec::new(),
        };
        let signers: Vec<_> = (0..3)
            .map(|index| Signatures::Hash.signer(consensus_key(index)))
            .collect();
        for position in positions {
            let vote = certificate.precommit(&set, *position).unwrap();
            let signer = signers
                .iter()
                .find(|one| one.public_key() == vote.validator)
                .unwrap();
            let signature = vote.sign(&network.genesis, signer.as_ref()).signature;
            certificate.signatures.push(CommitSignature {
                validator: *position,
                signature,
            });
        }
        certificate
    }

    #[test]
    fn two_thirds_exactly_are_not_enough() {
        let (network, set) = network();
        let check = |positions: &[u16]| network.check(PLACE, &certificate(positions), &set);
        assert_eq!(check(&[0, 1, 2]), Ok(()));
        assert!(check(&[0, 2]).is_err());
    }

    #[test]
    fn nobody_counts_twice_and_no_signature_is_borrowed() {
        let (network, set) = network();
        let twice = certificate(&[0, 1, 1]);
        assert!(network.check(PLACE, &twice, &set).is_err());
        let mut borrowed = certificate(&[0, 1, 2]);
        borrowed.signatures[2].signature = borrowed.signatures[1].signature;
        assert!(network.check(PLACE, &borrowed, &set).is_err());
    }

    #[test]
    fn a_certificate_of_another_set_or_height_is_refused() {
        let (network, set) = network();
        let good = certificate(&[0, 1, 2]);
        assert_eq!(network.check(PLACE, &good, &set), Ok(()));
        let mut members = set.members().to_vec();
        members[0].key = consensus_key(9).public_key();
        let other = ValidatorSet::new(members).unwrap();
        assert!(network.check(PLACE, &good, &other).is_err());
        assert!(network.check((2, PLACE.1), &good, &set).is_err());
    }
}
