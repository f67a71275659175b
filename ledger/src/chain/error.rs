//! What can go wrong with the stored chain.

use crate::genesis::GenesisError;
use crate::hash::Hash;
use crate::state::StateError;
use crate::storage::StorageError;
use crate::vote::Height;

/// An error of the stored chain. None of them is the fault of a block from outside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The disk refuses, or does not hold what was written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The folder is of another network: exit code 7.
    #[error("the data is of the network {stored}, this is the network {given}")]
    OtherNetwork {
        /// The network whose chain is stored.
        stored: Hash,
        /// The network that was asked for.
        given: Hash,
    },
    /// No chain has begun here.
    #[error("the storage holds no chain")]
    NoGenesis,
    /// The genesis breaks a rule.
    #[error("genesis: {0}")]
    Genesis(#[from] GenesisError),
    /// Block, effects and certificate are not of one block: a mistake of the caller.
    #[error("block {height}, its effects and its certificate do not belong together")]
    Mismatch {
        /// The height of the block.
        height: Height,
    },
}
