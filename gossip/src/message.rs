//! What peers say to each other: one enum of frames per lane.
//!
//! A frame is the [`starling_ledger::codec`] encoding of its lane's enum, so it begins with a `u32`
//! that names its kind. A kind this release does not know is skipped, so that minor versions
//! interoperate; a known kind with malformed content is a fault of the peer. `WIRE.md` describes
//! every message and limit.
//!
//! # Limits
//! Each kind has a `MAX_…_BYTES` that is checked before anything is decoded or allocated.

pub mod address;
pub mod bits;
pub mod block;
pub mod consensus;
pub mod hello;
pub mod roll;
pub mod sync;
pub mod transaction;

pub use address::{AddressFrame, NodeAddress};
pub use bits::Bits;
pub use block::BlockFrame;
pub use consensus::{
    ConsensusFrame, ConsensusMessage, Have, PolkaCertificate, RoundCertificate, RoundSignature,
    SkipKind,
};
pub use hello::{Hello, MAX_LISTEN_ADDRESSES, WIRE_VERSION};
pub use roll::{
    CallId, MAX_SHOWN, OwnMessage, Place, RollAnswer, RollCall, RollMessage, SignedStep,
};
pub use sync::SyncFrame;
pub use transaction::TransactionFrame;

use bincode::Decode;
use starling_ledger::codec::{CodecError, decode};

/// Why bytes are no frame of their lane.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Fewer bytes than the number of a kind has.
    #[error("{size_bytes} bytes do not name a kind of frame")]
    NoKind {
        /// Length of the frame.
        size_bytes: usize,
    },
    /// A known kind with content that breaks its rules.
    #[error("frame of kind {kind}: {source}")]
    Content {
        /// The kind.
        kind: u32,
        /// The rule broken.
        source: CodecError,
    },
}

/// Reads the number of a frame's kind.
fn kind_of(bytes: &[u8]) -> Result<u32, FrameError> {
    match bytes {
        [a, b, c, d, ..] => Ok(u32::from_le_bytes([*a, *b, *c, *d])),
        _ => Err(FrameError::NoKind {
            size_bytes: bytes.len(),
        }),
    }
}

/// Decodes a frame of a kind that this release knows.
fn known<T: Decode<()>, const LIMIT: usize>(bytes: &[u8]) -> Result<Option<T>, FrameError> {
    let kind = kind_of(bytes)?;
    decode::<T, LIMIT>(bytes)
        .map(Some)
        .map_err(|source| FrameError::Content { kind, source })
}
