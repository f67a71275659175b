//! Checking a node's answers with nothing but the genesis: headers, accounts, records,
//! transactions.
//!
//! A header is believed for the certificate of the validators it was signed by. The validators of
//! the genesis sign every block of this protocol version, so one certificate is all it takes; what
//! a believed header commits to is then proven by hashes alone.

use crate::account::Account;
use crate::address::AccountId;
use crate::block::{BlockHash, BlockHeader};
use crate::certificate::{CertificateError, CommitCertificate};
use crate::codec::CodecError;
use crate::genesis::{Genesis, GenesisError};
use crate::hash::Hash;
use crate::keys::SignatureScheme;
use crate::merkle::ListProof;
use crate::record::Record;
use crate::state::{ProofError, StateProof};
use crate::state_key::StateKey;
use crate::transaction::WireId;
use crate::vote::Height;

/// Why an answer is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LightError {
    /// The genesis has no valid validators.
    #[error("genesis: {0}")]
    Genesis(#[from] GenesisError),
    /// A header of another network.
    #[error("the header is of the network {found}, expected {expected}")]
    Network {
        /// The network of the genesis.
        expected: Hash,
        /// What the header names.
        found: Hash,
    },
    /// A header that other validators signed, or that hands over to others.
    #[error("the header names other validators than the genesis")]
    Validators,
    /// A certificate of another block.
    #[error("the certificate is of block {found} at height {height}, not of the header")]
    OtherBlock {
        /// The block it names.
        found: BlockHash,
        /// The height it names.
        height: Height,
    },
    /// A certificate that proves nothing.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A proof that does not lead to the header's state root.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The proof holds, and the entry in it is malformed.
    #[error("the entry proven is {0}")]
    Entry(#[from] CodecError),
    /// A proof that does not lead to the header's transaction root.
    #[error("the transaction is not proven to be in the block")]
    Transaction,
}

/// Checks that the validators of `genesis` made the block of `header` final.
///
/// # Errors
/// [`LightError`] names the first broken rule.
pub fn verify_header(
    scheme: &dyn SignatureScheme,
    genesis: &Genesis,
    header: &BlockHeader,
    certificate: &CommitCertificate,
) -> Result<(), LightError> {
    let (expected, found) = (genesis.hash(), header.genesis);
    if expected != found {
        return Err(LightError::Network { expected, found });
    }
    let validators = genesis.validator_set()?;
    let set = validators.hash();
    if header.validators_hash != set || header.next_validators_hash != set {
        return Err(LightError::Validators);
    }
    let (found, height) = (certificate.block, certificate.height);
    if found != header.hash() || height != header.height {
        return Err(LightError::OtherBlock { found, height });
    }
    certificate.verify(scheme, &expected, &validators)?;
    Ok(())
}

/// Returns the account `id` in the state after the block of `header`, or `None` if the proof shows
/// that there is none.
///
/// # Errors
/// [`LightError::Proof`] if the proof is not of this state and account.
pub fn verify_account(
    header: &BlockHeader,
    proof: &StateProof,
    id: &AccountId,
) -> Result<Option<Account>, LightError> {
    let value = proof.verify(&header.state_root, &StateKey::account(id))?;
    Ok(value.map(Account::from_bytes).transpose()?)
}

/// Returns the record that `sender` made of `digest`, or `None` if the proof shows that there is
/// none.
///
/// # Errors
/// [`LightError::Proof`] if the proof is not of this state and record.
pub fn verify_record(
    header: &BlockHeader,
    proof: &StateProof,
    sender: &AccountId,
    digest: &Hash,
) -> Result<Option<Record>, LightError> {
    let value = proof.verify(&header.state_root, &StateKey::record(sender, digest))?;
    Ok(value.map(Record::from_bytes).transpose()?)
}

/// Checks that the block of `header` holds the transaction `id` at the proof's position.
///
/// # Errors
/// [`LightError::Transaction`] if the proof does not show it.
pub fn verify_transaction(
    header: &BlockHeader,
    proof: &ListProof,
    id: &WireId,
) -> Result<(), LightError> {
    let counted = proof.count == header.transaction_count;
    match counted && proof.verify(&header.transaction_root, &id.0) {
        true => Ok(()),
        false => Err(LightError::Transaction),
    }
}

#[cfg(test)]
mod tests;
