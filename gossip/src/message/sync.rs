//! The sync lane: heights, and ranges of final blocks for peers that are behind.

use std::sync::Arc;

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};
use bytes::Bytes;
use starling_ledger::block::BlockHash;
use starling_ledger::codec::{bytes, encode, list_of};
use starling_ledger::vote::Height;

use super::{FrameError, kind_of, known};
use crate::lane::MAX_SYNC_FRAME_BYTES;

/// Most blocks of one range. Our choice: at 2 MiB a range, small blocks are 32 KiB each.
pub const MAX_RANGE_BLOCKS: usize = 64;
/// A kind, two numbers, a hash.
const MAX_STATUS_BYTES: usize = 64;

/// A frame of the sync lane.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum SyncFrame {
    /// The sender's last final block.
    Status {
        /// Its height.
        height: Height,
        /// Its hash; of height 0 the genesis hash.
        head: BlockHash,
    },
    /// Asks for final blocks.
    WantBlocks {
        /// The first height wanted.
        from: Height,
        /// How many, 1 to [`MAX_RANGE_BLOCKS`].
        count: u32,
    },
    /// Final blocks, as many as fit, none if the sender has not even the first.
    Blocks {
        /// The first height that was asked for.
        from: Height,
        /// The encodings, without gaps.
        blocks: RawBlocks,
    },
    /// The sender no longer keeps the blocks that were asked for.
    Pruned {
        /// The first height that was asked for.
        from: Height,
        /// The lowest height it keeps, above `from`.
        first: Height,
    },
}

/// Encodings of consecutive final blocks, at most [`MAX_RANGE_BLOCKS`]; not looked at here.
#[derive(Clone, Debug, PartialEq, Eq, Default, Encode)]
pub struct RawBlocks(pub Vec<Arc<[u8]>>);

impl SyncFrame {
    /// Bytes of a range without blocks: kind, height, number.
    pub const BLOCKS_HEADER_BYTES: usize = 20;
    /// Bytes that each block takes beside its own: its length.
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
            0 | 1 | 3 => known::<Self, MAX_STATUS_BYTES>(bytes),
            2 => known::<Self, MAX_SYNC_FRAME_BYTES>(bytes),
            _ => Ok(None),
        }
    }
}

impl<C> Decode<C> for RawBlocks {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let block = |decoder: &mut D| bytes(decoder, MAX_SYNC_FRAME_BYTES, "block").map(Arc::from);
        list_of(decoder, (MAX_RANGE_BLOCKS, "blocks"), block).map(Self)
    }
}

bincode::impl_borrow_decode!(RawBlocks);
