//! The address lane: where peers can be dialed.

use std::net::SocketAddr;

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};
use bytes::Bytes;
use starling_ledger::codec::{encode, list};

use super::hello::MAX_LISTEN_ADDRESSES;
use super::{FrameError, kind_of, known};
use crate::lane::MAX_ADDRESS_FRAME_BYTES;
use crate::peer_id::PeerId;

/// Most nodes of one answer. Our choice: a few kilobytes, more than a node has links.
pub const MAX_ADDRESSES_PER_FRAME: usize = 64;
/// A kind.
const MAX_WANT_BYTES: usize = 8;

/// A frame of the address lane.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub enum AddressFrame {
    /// Asks for addresses.
    Want,
    /// At most [`MAX_ADDRESSES_PER_FRAME`] nodes, which the receiver has to try for itself.
    Addresses(Vec<NodeAddress>),
}

/// A node and where it is said to listen.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct NodeAddress {
    /// The node's key.
    pub peer: PeerId,
    /// 1 to [`MAX_LISTEN_ADDRESSES`] addresses.
    pub addresses: Vec<SocketAddr>,
}

impl AddressFrame {
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
            0 => known::<Self, MAX_WANT_BYTES>(bytes),
            1 => known::<Self, MAX_ADDRESS_FRAME_BYTES>(bytes),
            _ => Ok(None),
        }
    }
}

impl<C> Decode<C> for AddressFrame {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(match u32::decode(decoder)? {
            0 => Self::Want,
            1 => Self::Addresses(list(decoder, MAX_ADDRESSES_PER_FRAME, "nodes")?),
            _ => return Err(DecodeError::Other("no frame of the address lane")),
        })
    }
}

bincode::impl_borrow_decode!(AddressFrame);

impl<C> Decode<C> for NodeAddress {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let node = Self {
            peer: Decode::decode(decoder)?,
            addresses: list(decoder, MAX_LISTEN_ADDRESSES, "addresses")?,
        };
        if node.addresses.is_empty() {
            return Err(DecodeError::Other("a node with no address"));
        }
        Ok(node)
    }
}

bincode::impl_borrow_decode!(NodeAddress);
