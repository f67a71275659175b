//! The transactions lane: flooded transactions, in batches.

use bincode::{Decode, Encode};
use bytes::Bytes;
use starling_ledger::codec::encode;
use starling_ledger::transaction::RawTransaction;

use super::{FrameError, kind_of, known};
use crate::lane::MAX_TRANSACTIONS_FRAME_BYTES;

/// A frame of the transactions lane.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum TransactionFrame {
    /// Transactions that the sender checked, each at most
    /// [`TRANSACTION_BYTES_MAX`](starling_ledger::transaction::TRANSACTION_BYTES_MAX).
    Push(Vec<RawTransaction>),
}

impl TransactionFrame {
    /// Bytes of a push without transactions: its kind and their number.
    pub const PUSH_HEADER_BYTES: usize = 12;
    /// Bytes that each transaction takes beside its own: its length.
    pub const ENTRY_HEADER_BYTES: usize = 8;

    /// Encodes the frame.
    pub fn encode(&self) -> Bytes {
        encode(self).into()
    }

    /// Decodes a frame; `None` is a kind that this release does not know.
    ///
    /// # Errors
    /// [`FrameError`] if a known kind breaks its rules.
    pub fn decode(bytes: &[u8]) -> Result<Option<Self>, FrameError> {
        match kind_of(bytes)? {
            0 => known::<Self, MAX_TRANSACTIONS_FRAME_BYTES>(bytes),
            _ => Ok(None),
        }
    }
}
