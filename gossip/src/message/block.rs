//! The blocks lane: whole blocks of the height being decided.

use std::sync::Arc;

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};
use bytes::Bytes;
use starling_ledger::block::{BLOCK_BYTES_MAX, BlockHash};
use starling_ledger::codec::{self, encode};
use starling_ledger::vote::Height;

use super::{FrameError, kind_of, known};

/// A block, its kind and its length.
const MAX_BLOCK_BYTES: usize = BLOCK_BYTES_MAX + 16;
/// A kind, a height and a hash.
const MAX_WANT_BYTES: usize = 64;

/// A frame of the blocks lane.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub enum BlockFrame {
    /// A block as the ledger encodes it, the header first; not looked at here.
    Block(Arc<[u8]>),
    /// Asks for a block of the height being decided; who has it not stays silent.
    WantBlock {
        /// Its height.
        height: Height,
        /// Its hash.
        hash: BlockHash,
    },
}

impl BlockFrame {
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
            0 => known::<Self, MAX_BLOCK_BYTES>(bytes),
            1 => known::<Self, MAX_WANT_BYTES>(bytes),
            _ => Ok(None),
        }
    }
}

impl<C> Decode<C> for BlockFrame {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(match u32::decode(decoder)? {
            0 => Self::Block(codec::bytes(decoder, BLOCK_BYTES_MAX, "block")?.into()),
            1 => Self::WantBlock {
                height: Decode::decode(decoder)?,
                hash: Decode::decode(decoder)?,
            },
            _ => return Err(DecodeError::Other("no frame of the blocks lane")),
        })
    }
}

bincode::impl_borrow_decode!(BlockFrame);
