//! What the stored chain says of a block that comes from outside: of a checkpoint, and of another
//! chain's block at the same height.

use std::sync::Arc;

use super::{ChainError, ChainReader};
use crate::block::BlockHash;
use crate::light::{Checkpoint, OwnBlock};
use crate::vote::Height;

/// How a stored chain stands to a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vouched {
    /// The block at its height is the one.
    Holds,
    /// The chain has not come to its height.
    Ahead,
    /// The block at its height is another one.
    Differs {
        /// That block.
        found: BlockHash,
    },
    /// The block at its height is not kept, so that nobody can say.
    Gone {
        /// The lowest height that is kept; one above the tip where none is.
        first: Height,
    },
}

impl ChainReader {
    /// Compares the chain with a checkpoint.
    ///
    /// # Errors
    /// [`ChainError::NoGenesis`] in a fresh storage, [`ChainError::Storage`].
    pub fn vouched(&self, given: Checkpoint) -> Result<Vouched, ChainError> {
        let (tip, _) = self.tip()?.ok_or(ChainError::NoGenesis)?;
        if given.height > tip {
            return Ok(Vouched::Ahead);
        }
        // The last blocks of epochs leave their headers where the blocks were pruned.
        let Some(header) = self.header(given.height)? else {
            let first = self.first()?;
            return Ok(Vouched::Gone { first });
        };
        Ok(match header.hash() {
            found if found == given.hash => Vouched::Holds,
            found => Vouched::Differs { found },
        })
    }

    /// Returns the final block at `height` with the validators that had to sign it; `None` where it
    /// is not kept.
    ///
    /// # Errors
    /// [`ChainError::Storage`].
    pub fn own_block(&self, height: Height) -> Result<Option<OwnBlock>, ChainError> {
        let Some((header, certificate)) = self.header(height)?.zip(self.certificate(height)?)
        else {
            return Ok(None);
        };
        let validators = self.validators(&header.validators_hash)?;
        Ok(validators.map(|validators| OwnBlock {
            header,
            certificate,
            validators: Arc::new(validators),
        }))
    }
}
