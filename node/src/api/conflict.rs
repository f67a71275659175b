//! Two certified blocks that contradict each other, as a file that everybody can check.

use serde::Serialize;
use starling_ledger::codec::encode;
use starling_ledger::hash::Hash;
use starling_ledger::light::Conflict;

use super::hex;

/// What stands in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConflictReply {
    /// The network's id.
    pub genesis: String,
    /// The header that was believed; none for the genesis.
    pub trusted_header: Option<String>,
    /// Its certificate, where it was seen.
    pub trusted_certificate: Option<String>,
    /// The other header.
    pub other_header: String,
    /// Its certificate.
    pub other_certificate: String,
}

impl ConflictReply {
    /// Describes a conflict of the network `genesis`.
    #[must_use]
    pub fn new(genesis: &Hash, conflict: &Conflict) -> Self {
        let trusted = conflict.trusted.as_ref();
        let certificate = conflict.trusted_certificate.as_ref();
        Self {
            genesis: genesis.to_string(),
            trusted_header: trusted.map(|header| hex(&encode(header))),
            trusted_certificate: certificate.map(|certificate| hex(&encode(certificate))),
            other_header: hex(&encode(&conflict.other)),
            other_certificate: hex(&encode(&conflict.certificate)),
        }
    }
}
