//! Tips: what a child needs to know of its parent.

use std::sync::Arc;

use super::{BlockError, Executed};
use crate::address::AccountId;
use crate::block::{BlockHash, BlockHeader};
use crate::genesis::Genesis;
use crate::hash::Hash;
use crate::state::State;
use crate::validators::ValidatorSet;
use crate::vote::{Height, Round};

/// A block, or the genesis, with the state after it: the place where a chain goes on.
///
/// Cloning is cheap. A tip need not be final: a proposal's child can be built on it.
#[derive(Clone, Debug)]
pub struct Tip {
    /// The header; `None` is the genesis.
    pub header: Option<BlockHeader>,
    /// The hash a child names as its parent: for the genesis, its hash.
    pub hash: BlockHash,
    /// Its height; 0 is the genesis.
    pub height: Height,
    /// Its time, milliseconds since 1970.
    pub time_ms: u64,
    /// The validators that signed it.
    pub signed_by: Arc<ValidatorSet>,
    /// The validators that sign the next block.
    pub validators: Arc<ValidatorSet>,
    /// The state after it.
    pub state: State,
    /// The network.
    pub genesis: Arc<Genesis>,
    /// The network's id.
    pub genesis_hash: Hash,
}

impl Tip {
    /// Returns the tip before block 1; `state` is the state of the genesis, `validators` its
    /// validators.
    pub fn genesis(genesis: Arc<Genesis>, state: State, validators: Arc<ValidatorSet>) -> Self {
        let genesis_hash = genesis.hash();
        Self {
            header: None,
            hash: BlockHash(genesis_hash),
            height: 0,
            time_ms: genesis.time_ms,
            signed_by: Arc::clone(&validators),
            validators,
            state,
            genesis,
            genesis_hash,
        }
    }

    /// Returns the tip after the child with `header`, which did what `executed` says.
    #[must_use]
    pub fn child(&self, executed: &Executed, header: &BlockHeader) -> Self {
        Self {
            header: Some(header.clone()),
            hash: executed.header_hash,
            height: header.height,
            time_ms: header.time_ms,
            signed_by: Arc::clone(&self.validators),
            validators: Arc::clone(&executed.next_validators),
            state: executed.state.state.clone(),
            genesis: Arc::clone(&self.genesis),
            genesis_hash: self.genesis_hash,
        }
    }

    /// Returns whose turn `round` of the next height is.
    pub fn proposer(&self, round: Round) -> AccountId {
        // At the last height there is no next one, which `next_height` reports.
        let height = self.height.saturating_add(1);
        self.validators.proposer(height, round).account
    }

    /// Returns the height of a child.
    ///
    /// # Errors
    /// [`BlockError::HeightExhausted`] after the last.
    pub fn next_height(&self) -> Result<Height, BlockError> {
        self.height
            .checked_add(1)
            .ok_or(BlockError::HeightExhausted)
    }
}
