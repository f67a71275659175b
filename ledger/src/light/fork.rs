//! Two chains of one network: do they part here, below, or not at all?
//!
//! A node keeps what it has; it compares what a neighbour has with it, one height at a time.

use std::sync::Arc;

use super::{Conflict, LightError};
use crate::block::BlockHeader;
use crate::certificate::CommitCertificate;
use crate::hash::Hash;
use crate::keys::SignatureScheme;
use crate::validators::ValidatorSet;

/// A final block of our own chain, with the validators that had to sign it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnBlock {
    /// Its header.
    pub header: BlockHeader,
    /// The certificate seen.
    pub certificate: CommitCertificate,
    /// Who had to sign it.
    pub validators: Arc<ValidatorSet>,
}

/// How a neighbour's block stands to ours of the same height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compared {
    /// It is the same.
    Same,
    /// It is another one, of other validators: the chains part further down.
    Apart,
    /// It is another one, and the validators of our own chain signed it as well: more than a third
    /// of their power lied.
    Contradiction(Box<Conflict>),
}

impl OwnBlock {
    /// Compares a neighbour's final block of the same height with this one.
    ///
    /// # Errors
    /// [`LightError`] where it is no final block of this network and height: the neighbour lies.
    pub fn compare(
        &self,
        scheme: &dyn SignatureScheme,
        genesis: &Hash,
        (header, certificate): (BlockHeader, CommitCertificate),
    ) -> Result<Compared, LightError> {
        let (expected, found) = (*genesis, header.genesis);
        if expected != found {
            return Err(LightError::Network { expected, found });
        }
        let (hash, height) = (header.hash(), header.height);
        if height != self.header.height || (certificate.block, certificate.height) != (hash, height)
        {
            let (found, height) = (certificate.block, certificate.height);
            return Err(LightError::OtherBlock { found, height });
        }
        if hash == self.header.hash() {
            return Ok(Compared::Same);
        }
        if header.validators_hash != self.header.validators_hash {
            return Ok(Compared::Apart);
        }
        certificate.verify(scheme, genesis, &self.validators)?;
        Ok(Compared::Contradiction(Box::new(Conflict {
            trusted: Some(self.header.clone()),
            trusted_certificate: Some(self.certificate.clone()),
            other: header,
            certificate,
        })))
    }
}
