//! Why a snapshot is refused.

use crate::block::BlockHash;
use crate::certificate::CertificateError;
use crate::chain::ChainError;
use crate::codec::CodecError;
use crate::hash::Hash;
use crate::light::LightError;
use crate::state::{ChunkError, StatePath, TilingError};
use crate::vote::Height;

/// Why a snapshot is refused, or cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// Not the encoding of a manifest.
    #[error("the manifest is {0}")]
    Codec(#[from] CodecError),
    /// A manifest of another format.
    #[error("the snapshot has format {found}, this version reads {known}")]
    Version {
        /// The format found.
        found: u32,
        /// The one format this release knows.
        known: u32,
    },
    /// A snapshot of another network.
    #[error("the snapshot is of the network {found}, expected {expected}")]
    Network {
        /// The network of the genesis.
        expected: Hash,
        /// What the header names.
        found: Hash,
    },
    /// Validators that the header does not name.
    #[error("the validators in the manifest are not those that the header names")]
    Validators,
    /// The certificate is of another block.
    #[error("the certificate is of block {found} at height {height}, not of the header")]
    OtherBlock {
        /// The block it names.
        found: BlockHash,
        /// The height it names.
        height: Height,
    },
    /// A certificate that proves nothing.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Nobody vouches for the block.
    #[error(transparent)]
    Light(Box<LightError>),
    /// The list of chunks is none of a state.
    #[error(transparent)]
    Tiling(#[from] TilingError),
    /// The list of chunks is of another state.
    #[error("the list of chunks leads to the state root {found}, the header names {expected}")]
    StateRoot {
        /// What the header names.
        expected: Hash,
        /// What the list leads to.
        found: Hash,
    },
    /// What is no chunk of the state.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// A chunk that the manifest does not list.
    #[error("no chunk at {path} is listed")]
    Unlisted {
        /// Where it stands.
        path: StatePath,
    },
    /// A chunk that came before.
    #[error("the chunk at {path} came twice")]
    Twice {
        /// Where it stands.
        path: StatePath,
    },
    /// A chunk of another size than the manifest says.
    #[error("a chunk of {found} bytes, the manifest says {expected}")]
    Length {
        /// What the manifest says.
        expected: u64,
        /// The bytes found.
        found: u64,
    },
    /// The manifest lies about a chunk that is part of the state.
    #[error("the manifest says {expected} entries of the chunk at {path}, it has {found}")]
    Counts {
        /// Where it stands.
        path: StatePath,
        /// What the manifest says.
        expected: u32,
        /// What the chunk has.
        found: u32,
    },
    /// Chunks are missing.
    #[error("{count} chunks are missing, the first is number {first}")]
    Missing {
        /// How many.
        count: usize,
        /// The position of the first in the list.
        first: usize,
    },
    /// The storage to restore into holds something.
    #[error("a snapshot is restored into an empty storage only")]
    NotEmpty,
    /// The storage refuses, or the chain in it cannot be read.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl From<crate::storage::StorageError> for SnapshotError {
    fn from(error: crate::storage::StorageError) -> Self {
        Self::Chain(error.into())
    }
}

impl From<LightError> for SnapshotError {
    fn from(error: LightError) -> Self {
        Self::Light(Box::new(error))
    }
}
