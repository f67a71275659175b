//! The transactions lane: flooded transactions, in batches.

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};
use bytes::Bytes;
use starling_ledger::codec::{encode, list};
use starling_ledger::transaction::RawTransaction;

use super::{FrameError, kind_of, known};
use crate::lane::MAX_TRANSACTIONS_FRAME_BYTES;

/// Most transactions of a push: as many as fit into a frame if each is nothing but its length.
pub const MAX_TRANSACTIONS_PER_FRAME: usize = MAX_TRANSACTIONS_FRAME_BYTES / 8;

/// A frame of the transactions lane.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
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

impl<C> Decode<C> for TransactionFrame {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(match u32::decode(decoder)? {
            0 => Self::Push(list(decoder, MAX_TRANSACTIONS_PER_FRAME, "transactions")?),
            _ => return Err(DecodeError::Other("no frame of the transactions lane")),
        })
    }
}

bincode::impl_borrow_decode!(TransactionFrame);
