//! Commit certificates: the proof that a block is final.
//!
//! # Invariants
//! A decoded [`CommitCertificate`] names its signers in strictly ascending order. That they hold
//! more than two thirds of the power, and signed, only [`CommitCertificate::verify`] says.

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};

use crate::block::BlockHash;
use crate::codec::{encode, list, refuse};
use crate::hash::{Context, Hash};
use crate::keys::{Signature, SignatureCheck, SignatureScheme};
use crate::validators::{VALIDATORS_MAX, ValidatorSet, VotingPower};
use crate::vote::{Height, Round, Vote, VoteType};

/// Precommits of one round for one block.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct CommitCertificate {
    /// The height of the block.
    pub height: Height,
    /// The round of the precommits.
    pub round: Round,
    /// The block.
    pub block: BlockHash,
    /// The signatures, ascending by position in the validator set.
    pub signatures: Vec<CommitSignature>,
}

/// One precommit of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CommitSignature {
    /// Position of the signer in the validator set.
    pub validator: u16,
    /// Its signature over the precommit.
    pub signature: Signature,
}

/// Why a certificate proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A signer outside the set.
    #[error("certificate names validator {index} of a set of {count}")]
    UnknownValidator {
        /// The position named.
        index: u16,
        /// Members of the set.
        count: usize,
    },
    /// Signers are not in strictly ascending order.
    #[error("certificate signers are not in strictly ascending order")]
    Order,
    /// A signature is wrong.
    #[error("certificate signature of validator {index} is wrong")]
    Signature {
        /// The position of the signer.
        index: u16,
    },
    /// Too little power signed.
    #[error("certificate has {signed} of {total} voting power, needs more than two thirds")]
    Power {
        /// The power that signed.
        signed: VotingPower,
        /// The power of the set.
        total: VotingPower,
    },
}

impl CommitCertificate {
    /// Returns its hash, which the next header names.
    pub fn hash(&self) -> Hash {
        Hash::of(Context::Certificate, &[&encode(self)])
    }

    /// Returns the precommit of the member at `index`, unsigned, if there is such a member.
    pub fn precommit(&self, validators: &ValidatorSet, index: u16) -> Option<Vote> {
        let member = validators.members().get(usize::from(index))?;
        Some(Vote {
            vote_type: VoteType::Precommit,
            height: self.height,
            round: self.round,
            block: Some(self.block),
            validator: member.key,
        })
    }

    /// Checks that more than two thirds of `validators` signed, and every signature.
    ///
    /// # Errors
    /// [`CertificateError`] names the first broken rule.
    pub fn verify(
        &self,
        scheme: &dyn SignatureScheme,
        genesis: &Hash,
        validators: &ValidatorSet,
    ) -> Result<VotingPower, CertificateError> {
        if !self
            .signatures
            .is_sorted_by(|left, right| left.validator < right.validator)
        {
            return Err(CertificateError::Order);
        }
        let signed = self.signed_power(validators)?;
        if !validators.is_quorum(signed) {
            return Err(CertificateError::Power {
                signed,
                total: validators.total_power(),
            });
        }
        self.check_signatures(scheme, genesis, validators)?;
        Ok(signed)
    }

    /// Checks the signatures, all together.
    fn check_signatures(
        &self,
        scheme: &dyn SignatureScheme,
        genesis: &Hash,
        validators: &ValidatorSet,
    ) -> Result<(), CertificateError> {
        let precommit = |entry: &CommitSignature| {
            let vote = self.precommit(validators, entry.validator);
            let vote = vote.ok_or(CertificateError::Order)?;
            Ok((vote.validator, vote.sign_hash(genesis)))
        };
        let signed = self.signatures.iter().map(precommit);
        let signed = signed.collect::<Result<Vec<_>, CertificateError>>()?;
        let checks = signed.iter().zip(&self.signatures);
        let checks: Vec<_> = checks
            .map(|((key, message), entry)| SignatureCheck {
                key,
                message: &message.0,
                signature: &entry.signature,
            })
            .collect();
        let verdicts = scheme.verify_each(&checks);
        assert_eq!(verdicts.len(), checks.len(), "one verdict for each check");
        let wrong = verdicts.iter().position(|right| !right);
        match wrong.and_then(|index| self.signatures.get(index)) {
            Some(entry) => Err(CertificateError::Signature {
                index: entry.validator,
            }),
            None => Ok(()),
        }
    }

    /// Returns the power of the named signers, without checking a signature.
    ///
    /// # Errors
    /// [`CertificateError::UnknownValidator`] if one is outside the set.
    pub fn signed_power(&self, validators: &ValidatorSet) -> Result<VotingPower, CertificateError> {
        let count = validators.members().len();
        self.signatures.iter().try_fold(0, |sum, entry| {
            let index = entry.validator;
            let member = validators.members().get(usize::from(index));
            let member = member.ok_or(CertificateError::UnknownValidator { index, count })?;
            Ok(sum + member.power)
        })
    }
}

impl<C> Decode<C> for CommitCertificate {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let certificate = Self {
            height: Decode::decode(decoder)?,
            round: Decode::decode(decoder)?,
            block: Decode::decode(decoder)?,
            signatures: list(decoder, VALIDATORS_MAX, "signatures")?,
        };
        let signers = &certificate.signatures;
        if !signers.is_sorted_by(|left, right| left.validator < right.validator) {
            return Err(refuse("certificate signers out of order"));
        }
        Ok(certificate)
    }
}

bincode::impl_borrow_decode!(CommitCertificate);
