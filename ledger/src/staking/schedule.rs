//! What is due with time: the queue of releases, and the ends of epochs that are still needed.

use bincode::{Decode, Encode};

use super::Epoch;
use crate::address::AccountId;
use crate::codec::{CodecError, decode, encode};

/// Length of an encoded schedule.
pub const SCHEDULE_BYTES: usize = 3 * 8;
/// Length of an encoded place in the queue.
pub const QUEUED_RELEASE_BYTES: usize = 32;
/// Most releases paid by one block. Our choice: each changes an account, a stake and the queue, so
/// that all together cost less than 200 transfers.
pub const RELEASES_PER_BLOCK_MAX: usize = 100;
/// Most ends of epochs that a block forgets: twice as many as it can add, so that they never pile
/// up.
pub const EPOCH_ENDS_PER_BLOCK_MAX: usize = 2;

/// How far the queue of releases and the list of ends of epochs reach, one entry of the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Schedule {
    /// The number of the release that is paid next.
    pub release_first: u64,
    /// The number of the release that is queued next.
    pub release_next: u64,
    /// The first epoch whose end is kept; those before it ended more than `unbonding_ms` ago.
    pub epoch_first: Epoch,
}

/// A place in the queue of releases: whose first release is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct QueuedRelease {
    /// The account.
    pub account: AccountId,
}

impl Schedule {
    /// Encodes it for the state.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Decodes the entry of the state.
    ///
    /// # Errors
    /// [`CodecError`] if the bytes are not a schedule.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        decode::<_, SCHEDULE_BYTES>(bytes)
    }
}

impl QueuedRelease {
    /// Encodes it for the state.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Decodes an entry of the state.
    ///
    /// # Errors
    /// [`CodecError`] if the bytes are not such an entry.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        decode::<_, QUEUED_RELEASE_BYTES>(bytes)
    }
}
