//! Where execution reads what nothing has changed yet.

use super::BlockError;
use crate::staking::Candidates;
use crate::state::State;
use crate::state_key::StateKey;

/// Entries before the block: those of a state, or those that were read of it earlier.
pub(super) trait Source {
    /// Returns the entry of a key, if there is one.
    fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BlockError>;

    /// Returns the candidates, and how many more there are that cannot matter to the reader.
    fn read_candidates(&self) -> Result<(Candidates, usize), BlockError>;
}

impl Source for State {
    fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BlockError> {
        Ok(self.get(key)?)
    }

    fn read_candidates(&self) -> Result<(Candidates, usize), BlockError> {
        let bytes = self.get(&StateKey::Candidates.to_bytes())?;
        let entry = "Candidates";
        let bytes = bytes.ok_or(BlockError::Missing { entry })?;
        Ok((Candidates::from_bytes(&bytes)?, 0))
    }
}
