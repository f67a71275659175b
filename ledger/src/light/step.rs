//! Steps: what leads from a trusted point to a later header.

use bincode::{Decode, Encode};

use crate::block::BlockHeader;
use crate::certificate::CommitCertificate;
use crate::validators::ValidatorSet;

/// A certified header, with the validator sets that a verifier cannot know yet.
///
/// There is one way to write a step: a set comes along exactly where it is needed, anything else is
/// refused.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct LightStep {
    /// The header.
    pub header: BlockHeader,
    /// Its certificate.
    pub certificate: CommitCertificate,
    /// The validators that signed it, where they are not those of the point before.
    pub validators: Option<ValidatorSet>,
    /// The validators that sign the next block, where they are not those that signed this one.
    pub next_validators: Option<ValidatorSet>,
}

impl LightStep {
    /// Returns the step to a header that names no set but the one trusted already.
    pub const fn plain(header: BlockHeader, certificate: CommitCertificate) -> Self {
        Self {
            header,
            certificate,
            validators: None,
            next_validators: None,
        }
    }
}
