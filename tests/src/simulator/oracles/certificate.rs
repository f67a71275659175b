//! O2: certificates, checked without the product's own check.

use std::collections::BTreeSet;
use std::sync::Arc;

use starling_ledger::block::BlockHeader;
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::hash::Hash;
use starling_ledger::keys::{PublicKey, SignatureScheme};
use starling_ledger::validators::ValidatorSet;
use starling_ledger::vote::{Vote, VoteType};

use super::Breach;

/// Whose certificates are checked.
pub struct Network {
    /// Its id.
    pub genesis: Hash,
    /// The true scheme.
    pub scheme: Arc<dyn SignatureScheme>,
    /// Its validators.
    pub validators: Arc<ValidatorSet>,
}

impl Network {
    /// Judges the certificate with which the block of `header` is taken for final.
    ///
    /// # Errors
    /// What it lacks.
    pub fn check(
        &self,
        header: &BlockHeader,
        certificate: &CommitCertificate,
    ) -> Result<(), Breach> {
        let breach = |what: &str| {
            Err(Breach::new(
                "O2",
                format!("the certificate of height {}: {what}", header.height),
            ))
        };
        if (certificate.height, certificate.block) != (header.height, header.hash()) {
            return breach("it is of another block");
        }
        let members = self.validators.members();
        let mut signers = BTreeSet::new();
        for one in &certificate.signatures {
            let Some(member) = members.get(usize::from(one.validator)) else {
                return breach("a signer is no validator");
            };
            let vote = Vote {
                vote_type: VoteType::Precommit,
                height: header.height,
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
    use starling_ledger::address::AccountId;
    use starling_ledger::block::{BlockHash, PROTOCOL_VERSION};
    use starling_ledger::certificate::CommitSignature;
    use starling_ledger::genesis::Genesis;

    fn network() -> Network {
        let genesis = Genesis::local("sim", 1, 3);
        Network {
            genesis: genesis.hash(),
            scheme: Signatures::Hash.scheme(),
            validators: genesis.validator_set().unwrap(),
        }
    }

    fn header() -> BlockHeader {
        BlockHeader {
            version: PROTOCOL_VERSION,
            upgrade_signal: PROTOCOL_VERSION,
            genesis: Hash::ZERO,
            height: 1,
            round: 0,
            parent: BlockHash(Hash::ZERO),
            time_ms: 1,
            proposer: AccountId([0; 32]),
            transaction_root: Hash::ZERO,
            transaction_count: 0,
            state_root: Hash::ZERO,
            validators_hash: Hash::ZERO,
            next_validators_hash: Hash::ZERO,
            evidence_root: Hash::ZERO,
            evidence_count: 0,
            parent_certificate_hash: Hash::ZERO,
        }
    }

    fn certificate(network: &Network, positions: &[u16]) -> CommitCertificate {
        let mut certificate = CommitCertificate {
            height: 1,
            round: 0,
            block: header().hash(),
            signatures: Vec::new(),
        };
        let signers: Vec<_> = (0..3)
            .map(|index| Signatures::Hash.signer(consensus_key(index)))
            .collect();
        for position in positions {
            let vote = certificate
                .precommit(&network.validators, *position)
                .unwrap();
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
        let network = network();
        assert_eq!(
            network.check(&header(), &certificate(&network, &[0, 1, 2])),
            Ok(())
        );
        assert!(
            network
                .check(&header(), &certificate(&network, &[0, 2]))
                .is_err()
        );
    }

    #[test]
    fn nobody_counts_twice_and_no_signature_is_borrowed() {
        let network = network();
        assert!(
            network
                .check(&header(), &certificate(&network, &[0, 1, 1]))
                .is_err()
        );
        let mut borrowed = certificate(&network, &[0, 1, 2]);
        borrowed.signatures[2].signature = borrowed.signatures[1].signature;
        assert!(network.check(&header(), &borrowed).is_err());
    }
}
