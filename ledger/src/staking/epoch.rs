//! Epochs: which heights belong to one, and when it ended.

use bincode::{Decode, Encode};

use crate::codec::{CodecError, decode, encode};
use crate::genesis::Parameters;
use crate::vote::Height;

/// The number of an epoch, from 0.
pub type Epoch = u64;

/// Length of an encoded end of an epoch.
pub const EPOCH_END_BYTES: usize = 8;

/// When an epoch ended, an entry of the state as long as a release or evidence may need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct EpochEnd {
    /// The time of its last block, milliseconds since 1970.
    pub time_ms: u64,
}

impl EpochEnd {
    /// Encodes it for the state.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Decodes an entry of the state.
    ///
    /// # Errors
    /// [`CodecError`] if the bytes are not such an entry.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        decode::<_, EPOCH_END_BYTES>(bytes)
    }
}

impl Parameters {
    /// Returns the epoch of `height`; the genesis, at height 0, counts as of epoch 0.
    pub const fn epoch(&self, height: Height) -> Epoch {
        height.saturating_sub(1) / self.blocks()
    }

    /// Says whether the block at `height` is the last of its epoch, which chooses the next set.
    pub const fn is_epoch_end(&self, height: Height) -> bool {
        height > 0 && height.is_multiple_of(self.blocks())
    }

    /// Returns the first height of `epoch`.
    pub const fn epoch_first(&self, epoch: Epoch) -> Height {
        epoch.saturating_mul(self.blocks()).saturating_add(1)
    }

    /// Returns the last height of `epoch`.
    pub const fn epoch_last(&self, epoch: Epoch) -> Height {
        epoch.saturating_add(1).saturating_mul(self.blocks())
    }

    /// Returns the slot of the state that holds the validators of `height`.
    pub const fn validators_slot(&self, height: Height) -> u8 {
        (self.epoch(height) % 2 == 1) as u8
    }

    /// A genesis that was checked has at least one.
    const fn blocks(&self) -> u64 {
        match self.epoch_blocks {
            0 => 1,
            blocks => blocks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genesis::Genesis;

    fn parameters(epoch_blocks: u64) -> Parameters {
        Parameters {
            epoch_blocks,
            ..Genesis::local("local", 1, 4).parameters
        }
    }

    #[test]
    fn every_height_is_of_one_epoch_and_the_last_of_it_ends_it() {
        for blocks in [1, 2, 5] {
            let parameters = parameters(blocks);
            for height in 1..=20 {
                let epoch = parameters.epoch(height);
                let (first, last) = (parameters.epoch_first(epoch), parameters.epoch_last(epoch));
                assert!(first <= height && height <= last);
                assert_eq!(last - first + 1, blocks);
                assert_eq!(parameters.is_epoch_end(height), height == last);
                assert_eq!(u64::from(parameters.validators_slot(height)), epoch % 2);
            }
        }
    }

    #[test]
    fn the_genesis_is_of_the_first_epoch_and_ends_none() {
        assert_eq!(parameters(1).epoch(0), 0);
        assert!(!parameters(1).is_epoch_end(0));
    }

    #[test]
    fn the_last_heights_do_not_wrap() {
        let parameters = parameters(1 << 32);
        assert_eq!(parameters.epoch(u64::MAX), (1 << 32) - 1);
        assert_eq!(parameters.epoch_last(u64::MAX), u64::MAX);
        assert_eq!(parameters.epoch_first(u64::MAX), u64::MAX);
    }
}
