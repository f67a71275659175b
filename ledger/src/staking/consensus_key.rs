//! What the state remembers of a consensus key, for ever.

use bincode::{Decode, Encode};

use crate::address::AccountId;
use crate::codec::{CodecError, decode, encode};
use crate::vote::Height;

/// Most bytes of the entry of a consensus key.
pub const CONSENSUS_KEY_BYTES: usize = 32 + 8 + 9 + 1;

/// Whose a consensus key is, when it counted, and whether it still may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ConsensusKey {
    /// The account that named it first.
    pub account: AccountId,
    /// The first height at which it could sign.
    pub from: Height,
    /// The last height at which it could, if it was replaced or its stake fully unbonded.
    pub until: Option<Height>,
    /// Whether it signed two values for one step; it never counts again.
    pub excluded: bool,
}

impl ConsensusKey {
    /// Says whether the key could sign at `height`.
    pub fn covers(&self, height: Height) -> bool {
        self.from <= height && self.until.is_none_or(|until| height <= until)
    }

    /// Encodes it for the state.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Decodes an entry of the state.
    ///
    /// # Errors
    /// [`CodecError`] if the bytes are not such an entry.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        decode::<_, CONSENSUS_KEY_BYTES>(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covers_both_ends_of_its_interval() {
        let mut key = ConsensusKey {
            account: AccountId([1; 32]),
            from: 5,
            until: Some(8),
            excluded: false,
        };
        let covered = |key: &ConsensusKey| (0..12).filter(|at| key.covers(*at)).collect::<Vec<_>>();
        assert_eq!(covered(&key), [5, 6, 7, 8]);
        assert_eq!(ConsensusKey::from_bytes(&key.to_bytes()), Ok(key));
        key.until = None;
        assert_eq!(covered(&key), [5, 6, 7, 8, 9, 10, 11]);
        key.until = Some(4);
        assert_eq!(covered(&key), [0; 0]);
    }
}
