//! The rules of a block that need no state: header, limits, evidence, certificate of the parent.
//!
//! The cheapest come first, so that a bad block costs little.

use super::{BlockError, Checks, Tip};
use crate::block::{BLOCK_EVIDENCE_MAX, Block, BlockHeader, PROTOCOL_VERSION};
use crate::certificate::CommitCertificate;
use crate::evidence::Evidence;
use crate::keys::SignatureScheme;
use crate::merkle::list_root;
use crate::transaction::WireId;

/// Checks what the header says about itself, its parent and the validators.
pub(super) fn check_header(parent: &Tip, header: &BlockHeader) -> Result<(), BlockError> {
    check_version(header)?;
    let (expected, found) = (parent.genesis_hash, header.genesis);
    if found != expected {
        return Err(BlockError::Genesis { expected, found });
    }
    let (expected, found) = (parent.next_height()?, header.height);
    if found != expected {
        return Err(BlockError::Height { expected, found });
    }
    let (expected, found) = (parent.hash, header.parent);
    if found != expected {
        return Err(BlockError::Parent { expected, found });
    }
    let (parent_ms, found_ms) = (parent.time_ms, header.time_ms);
    if found_ms <= parent_ms {
        return Err(BlockError::Time {
            parent_ms,
            found_ms,
        });
    }
    check_validators(parent, header)
}

fn check_version(header: &BlockHeader) -> Result<(), BlockError> {
    let (expected, found) = (PROTOCOL_VERSION, header.version);
    if found != expected {
        return Err(BlockError::Version { expected, found });
    }
    let (version, found) = (header.version, header.upgrade_signal);
    if found < version {
        return Err(BlockError::UpgradeSignal { version, found });
    }
    Ok(())
}

fn check_validators(parent: &Tip, header: &BlockHeader) -> Result<(), BlockError> {
    let expected = parent.validators.hash();
    let found = header.validators_hash;
    if found != expected {
        return Err(BlockError::Validators { expected, found });
    }
    // The last block of an epoch may hand over to others: that is checked after its effects.
    let found = header.next_validators_hash;
    let is_epoch_end = parent.genesis.parameters.is_epoch_end(header.height);
    if found != expected && !is_epoch_end {
        return Err(BlockError::NextValidators { expected, found });
    }
    let round = header.round;
    if header.proposer != parent.proposer(round) {
        return Err(BlockError::Proposer { round });
    }
    Ok(())
}

/// Checks count, size and root of the transactions; returns their wire ids.
pub(super) fn check_transactions(parent: &Tip, block: &Block) -> Result<Vec<WireId>, BlockError> {
    let parameters = &parent.genesis.parameters;
    let found = block.transactions.len();
    let (header, max) = (
        block.header.transaction_count,
        parameters.block_transactions_max,
    );
    if u32::try_from(found) != Ok(header) {
        return Err(BlockError::TransactionCount { header, found });
    }
    if header > max {
        return Err(BlockError::TooManyTransactions { found, max });
    }
    let (found, max) = (
        block.transactions.iter().map(|raw| raw.0.len()).sum(),
        parameters.block_bytes_max,
    );
    if u32::try_from(found).is_ok_and(|found| found <= max) {
        let wire_ids: Vec<_> = block.transactions.iter().map(|raw| raw.wire_id()).collect();
        let hashes: Vec<_> = wire_ids.iter().map(|id| id.0).collect();
        let (header, found) = (block.header.transaction_root, list_root(&hashes));
        if header != found {
            return Err(BlockError::TransactionRoot { header, found });
        }
        return Ok(wire_ids);
    }
    Err(BlockError::TooManyBytes { found, max })
}

/// Checks count, root, order and proof of the evidence.
pub(super) fn check_evidence(
    block: &Block,
    scheme: &dyn SignatureScheme,
) -> Result<(), BlockError> {
    let (header, found) = (block.header.evidence_count, block.evidence.len());
    if u32::try_from(found) != Ok(header) {
        return Err(BlockError::EvidenceCount { header, found });
    }
    let max = BLOCK_EVIDENCE_MAX;
    if found > max {
        return Err(BlockError::TooMuchEvidence { found, max });
    }
    let hashes: Vec<_> = block.evidence.iter().map(Evidence::hash).collect();
    let (header, found) = (block.header.evidence_root, list_root(&hashes));
    if header != found {
        return Err(BlockError::EvidenceRoot { header, found });
    }
    if !hashes.is_sorted_by(|left, right| left < right) {
        return Err(BlockError::EvidenceOrder);
    }
    for (index, evidence) in block.evidence.iter().enumerate() {
        evidence
            .verify(scheme, &block.header.genesis)
            .map_err(|error| BlockError::Evidence { index, error })?;
    }
    Ok(())
}

/// Checks that the block carries a valid certificate of its parent.
pub(super) fn check_certificate(
    parent: &Tip,
    block: &Block,
    checks: &Checks<'_>,
) -> Result<(), BlockError> {
    let certificate = block.parent_certificate.as_ref();
    let (header, found) = (
        block.header.parent_certificate_hash,
        Block::certificate_hash(certificate),
    );
    if header != found {
        return Err(BlockError::CertificateHash { header, found });
    }
    check_certificate_form(parent, certificate)?;
    match certificate {
        Some(certificate) if checks.verified_certificate != Some(found) => {
            certificate.verify(checks.scheme, &parent.genesis_hash, &parent.signed_by)?;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Checks that the certificate is there exactly if the parent is a block, and is the parent's.
pub(super) fn check_certificate_form(
    parent: &Tip,
    certificate: Option<&CommitCertificate>,
) -> Result<(), BlockError> {
    let (header, certificate) = match (&parent.header, certificate) {
        (None, None) => return Ok(()),
        (Some(header), Some(certificate)) => (header, certificate),
        (header, _) => {
            let expected = header.is_some();
            return Err(BlockError::CertificatePresence { expected });
        }
    };
    let (found, height) = (certificate.block, certificate.height);
    if found != parent.hash || height != parent.height {
        return Err(BlockError::CertificateBlock { found, height });
    }
    let (found, made) = (certificate.round, header.round);
    if found < made {
        return Err(BlockError::CertificateRound { found, made });
    }
    Ok(())
}
