//! Paths: the steps that a node tells a verifier that is behind.
//!
//! From the set that the verifier trusts, each step leads as far as it can: to the goal itself, or
//! to the last block of the furthest epoch that a bisection finds reachable. The last block of the
//! verifier's own epoch always is. So a verifier that is a thousand epochs behind a set that hardly
//! changed needs one step, and one that changed all over needs one per epoch.
//!
//! Only the ends of epochs, the goal and the sets are read, which pruned nodes keep.
//!
//! # Limits
//! A path ends with the step that brings it to [`PATH_STEPS_MAX`] or [`PATH_BYTES_MAX`]; who asks
//! goes on from there. A step costs two reads for each halving of the epochs that are left.

use std::sync::Arc;

use super::trusted::power_of;
use super::{LightStep, SetRole};
use crate::block::BlockHeader;
use crate::certificate::CommitCertificate;
use crate::chain::{ChainError, ChainReader};
use crate::codec::encode;
use crate::hash::Hash;
use crate::validators::ValidatorSet;
use crate::vote::Height;

/// Most steps of one path. Our choice: checking as many with a hundred validators takes a quarter
/// of a second.
pub const PATH_STEPS_MAX: usize = 64;
/// Bytes from which on a path takes no further step.
pub const PATH_BYTES_MAX: usize = 512 * 1024;

/// Why there is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// The chain cannot be read, or has not begun.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The goal is not there yet.
    #[error("block {goal} is not there, the last is {tip}")]
    Ahead {
        /// The height asked for.
        goal: Height,
        /// The last height.
        tip: Height,
    },
    /// The goal is not above the start.
    #[error("block {goal} is not above block {from}")]
    Behind {
        /// The height that is trusted.
        from: Height,
        /// The height asked for.
        goal: Height,
    },
    /// A header that this node does not keep.
    #[error("block {height} is not kept here")]
    NotKept {
        /// Its height.
        height: Height,
    },
    /// A set that this node does not keep.
    #[error("the {role} validators of block {height} are not kept here")]
    NoSet {
        /// Which set.
        role: SetRole,
        /// The height of the header that names it.
        height: Height,
    },
}

/// Returns steps from the block at `from` (0 is the genesis) towards `goal`, at least one.
///
/// # Errors
/// [`PathError`] says what is missing.
pub fn path(reader: &ChainReader, from: Height, goal: Height) -> Result<Vec<LightStep>, PathError> {
    let (tip, _) = reader.tip()?.ok_or(ChainError::NoGenesis)?;
    if goal > tip {
        return Err(PathError::Ahead { goal, tip });
    }
    if goal <= from {
        return Err(PathError::Behind { from, goal });
    }
    let mut finder = Finder::new(reader, from)?;
    let (mut steps, mut bytes) = (Vec::new(), 0);
    while finder.at < goal && steps.len() < PATH_STEPS_MAX && bytes < PATH_BYTES_MAX {
        let step = finder.next(goal)?;
        bytes += encode(&step).len();
        steps.push(step);
    }
    Ok(steps)
}

struct Finder<'a> {
    reader: &'a ChainReader,
    epoch_blocks: u64,
    /// The height that is trusted.
    at: Height,
    /// The validators that sign the next block, with their hash.
    trusted: Named,
}

#[derive(Clone)]
struct Named {
    hash: Hash,
    set: Arc<ValidatorSet>,
}

/// A header that the trusted set vouches for.
struct Reachable {
    header: BlockHeader,
    certificate: CommitCertificate,
    signers: Named,
}

impl<'a> Finder<'a> {
    fn new(reader: &'a ChainReader, from: Height) -> Result<Self, PathError> {
        let genesis = reader.genesis()?.ok_or(ChainError::NoGenesis)?;
        let epoch_blocks = genesis.parameters.epoch_blocks.max(1);
        // Sets change with the last block of an epoch only.
        let last_change = from - from % epoch_blocks;
        let trusted = if last_change == 0 {
            let set = genesis.validator_set().map_err(ChainError::from)?;
            Named {
                hash: set.hash(),
                set,
            }
        } else {
            let header = header(reader, last_change)?;
            named(reader, SetRole::Next, &header)?
        };
        Ok(Self {
            reader,
            epoch_blocks,
            at: from,
            trusted,
        })
    }

    /// Finds the step that leads furthest towards `goal`, and takes it.
    fn next(&mut self, goal: Height) -> Result<LightStep, PathError> {
        let found = match self.reach(goal)? {
            Some(found) => found,
            None => self.furthest_epoch(goal)?,
        };
        let (header, signers) = (found.header, found.signers);
        let next = match header.next_validators_hash == signers.hash {
            true => None,
            false => Some(named(self.reader, SetRole::Next, &header)?),
        };
        let step = LightStep {
            validators: (signers.hash != self.trusted.hash)
                .then(|| ValidatorSet::clone(&signers.set)),
            next_validators: next.as_ref().map(|next| ValidatorSet::clone(&next.set)),
            certificate: found.certificate,
            header,
        };
        self.at = step.header.height;
        self.trusted = next.unwrap_or(signers);
        Ok(step)
    }

    /// Finds the last block of the furthest epoch before `goal` that can be reached.
    fn furthest_epoch(&self, goal: Height) -> Result<Reachable, PathError> {
        let epoch = |height: Height| height / self.epoch_blocks;
        let end = |epoch: u64| epoch.saturating_mul(self.epoch_blocks);
        let mut low = epoch(self.at).saturating_add(1);
        // The trusted set signs its own epoch to the end.
        let mut best = self.reach(end(low))?;
        let mut high = epoch(goal.saturating_sub(1)).max(low);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            match self.reach(end(middle))? {
                Some(found) => (low, best) = (middle, Some(found)),
                None => high = middle - 1,
            }
        }
        best.ok_or(PathError::NotKept { height: end(low) })
    }

    /// Reads the header at `height`, if the trusted set vouches for it.
    fn reach(&self, height: Height) -> Result<Option<Reachable>, PathError> {
        let header = header(self.reader, height)?;
        let certificate = self.reader.certificate(height)?;
        let certificate = certificate.ok_or(PathError::NotKept { height })?;
        let signers = match header.validators_hash == self.trusted.hash {
            true => self.trusted.clone(),
            false => {
                let signers = named(self.reader, SetRole::Signing, &header)?;
                let power = power_of(&self.trusted.set, &certificate, &signers.set);
                if !self.trusted.set.is_quorum(power) {
                    return Ok(None);
                }
                signers
            }
        };
        Ok(Some(Reachable {
            header,
            certificate,
            signers,
        }))
    }
}

fn header(reader: &ChainReader, height: Height) -> Result<BlockHeader, PathError> {
    let header = reader.header(height)?;
    header.ok_or(PathError::NotKept { height })
}

fn named(reader: &ChainReader, role: SetRole, header: &BlockHeader) -> Result<Named, PathError> {
    let height = header.height;
    let hash = match role {
        SetRole::Signing => header.validators_hash,
        SetRole::Next => header.next_validators_hash,
    };
    let set = reader.validators(&hash)?;
    let set = Arc::new(set.ok_or(PathError::NoSet { role, height })?);
    Ok(Named { hash, set })
}
