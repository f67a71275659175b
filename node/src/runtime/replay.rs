//! Replaying a stored chain: every final block is checked again and executed into a fresh store.
//!
//! `starling db resync` does this when the state is not to be trusted any more, `db rollback` up to
//! an earlier block, and `db check --full` to see whether anything differs. It is a pipeline of
//! three stages, on threads of its own:
//!
//! ```text
//!     read ──► check (pool): decode, hash, verify signatures in batches   `stage`
//!                 │ in the order of heights
//!                 ▼
//!              execute: every rule of a block, on the state of its parent
//!                 │
//!                 ▼
//!              write: synced batches, several small blocks in one           `writer`
//! ```
//!
//! Everything that is checked at the tip is checked here. With a [`Checkpoint`] the headers up to
//! it are first followed down from its hash; if they lead to the chain that is there, the
//! signatures of the transactions at or below it are taken for right, and all else (certificates,
//! evidence, roots, effects) is checked all the same.
//!
//! A replay goes on where the target ends, so it can be stopped at any time.
//!
//! # Limits
//! `GROUPS_MAX` groups of at most `GROUP_BYTES_MAX` (or one block) are under way, decoded at
//! about five times their size, and `WRITES_MAX` blocks wait for the disk: under 300 MiB at the
//! worst.

mod stage;
mod writer;

use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;

use starling_ledger::block::BlockHash;
use starling_ledger::certificate::CertificateError;
use starling_ledger::chain::{ChainError, ChainReader, ChainStore};
use starling_ledger::codec::CodecError;
use starling_ledger::execution::{BlockError, Checks, Tip, execute};
use starling_ledger::hash::Hash;
use starling_ledger::keys::Ed25519;
use starling_ledger::light::Checkpoint;
use starling_ledger::storage::{Storage, StorageError};
use starling_ledger::vote::Height;

use stage::{Checked, Stage};
use writer::Writer;

/// Most groups of blocks that are read and not yet executed. Our choice: two for each of two
/// threads.
const GROUPS_MAX: usize = 4;
/// Most bytes of a group of several blocks. Our choice: one full block, or thousands of empty ones.
const GROUP_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Most blocks of a group. Our choice: keeps the results of one group small.
const GROUP_BLOCKS_MAX: usize = 256;
/// Most executed blocks that wait for the disk.
const WRITES_MAX: usize = 16;
/// Most changes of the state that are kept in memory before execution waits for the disk and goes
/// on from there. Our choice: three full blocks, about 100 MiB.
const UNSETTLED_CHANGES_MAX: usize = 120_000;

/// How to replay.
#[derive(Clone, Copy, Debug)]
pub struct ReplayPlan {
    /// The last block to replay; without it, the last there is.
    pub end: Option<Height>,
    /// A block that a person vouches for: signatures of transactions at or below it are not checked
    /// again.
    pub checkpoint: Option<Checkpoint>,
    /// Whether the index of histories is made.
    pub history: bool,
    /// Threads that check, beside those that execute and write.
    pub threads: usize,
}

/// How far a replay has come. What it names is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The last block that was written.
    pub height: Height,
    /// The last block there is.
    pub end: Height,
    /// Transactions executed so far, by this call.
    pub transactions: u64,
}

/// Why a replay ended early. The target holds all blocks before the one at fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The stored chain cannot be read.
    #[error("the chain to replay: {0}")]
    Source(ChainError),
    /// The new store cannot be written.
    #[error("the new ledger: {0}")]
    Target(#[source] ChainError),
    /// There is no chain to replay.
    #[error("there is no chain to replay")]
    Empty,
    /// A block that should be there is not: pruned, or damage.
    #[error("block {height} is not stored here")]
    Missing {
        /// Its height.
        height: Height,
    },
    /// The target holds another chain, or more of one than there is to replay.
    #[error("the new ledger holds another block {height}")]
    OtherChain {
        /// The height of its last block.
        height: Height,
    },
    /// The stored chain ends before the checkpoint.
    #[error("the checkpoint is at height {height}, the stored chain ends at {end}")]
    CheckpointAbove {
        /// The height of the checkpoint.
        height: Height,
        /// The last height.
        end: Height,
    },
    /// The stored chain is not the one the checkpoint names.
    #[error("block {height} is {found}, the checkpoint asks for {expected}")]
    Checkpoint {
        /// The height at which they differ.
        height: Height,
        /// What the checkpoint leads to.
        expected: BlockHash,
        /// What is stored.
        found: BlockHash,
    },
    /// What is stored of a block is damaged.
    #[error("block {height}: {error}")]
    Damaged {
        /// Its height.
        height: Height,
        /// What is wrong.
        error: StorageError,
    },
    /// A stored block does not decode.
    #[error("block {height} {error}")]
    Codec {
        /// Its height.
        height: Height,
        /// What is wrong.
        error: CodecError,
    },
    /// A stored certificate is of another block.
    #[error("the certificate of block {height} is of another block")]
    OtherCertificate {
        /// The height of the block.
        height: Height,
    },
    /// A stored certificate proves nothing.
    #[error("block {height}: {error}")]
    Certificate {
        /// The height of the block.
        height: Height,
        /// What is wrong.
        error: CertificateError,
    },
    /// A stored block breaks a rule.
    #[error("block {height}: {error}")]
    Block {
        /// Its height.
        height: Height,
        /// Which rule.
        error: BlockError,
    },
    /// The machine refuses a thread.
    #[error("the machine refuses a thread: {0}")]
    Machine(#[from] std::io::Error),
}

/// Replays the chain of `source` into `target`, a fresh storage or one in which a replay of the
/// same chain was stopped. `progress` hears of each piece that is on the disk and may end it.
///
/// # Errors
/// [`ReplayError`] names the first block that is wrong, before anything of it is written.
pub fn replay(
    source: &ChainReader,
    target: &Arc<dyn Storage>,
    plan: &ReplayPlan,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Progress, ReplayError> {
    let genesis = source.genesis().map_err(ReplayError::Source)?;
    let genesis = genesis.ok_or(ReplayError::Empty)?;
    let end = match plan.end {
        Some(end) => end,
        None => {
            let tip = source.tip().map_err(ReplayError::Source)?;
            tip.ok_or(ReplayError::Empty)?.0
        }
    };
    let chain = ChainStore::new(Arc::clone(target)).with_history(plan.history);
    chain.init_genesis(&genesis).map_err(ReplayError::Target)?;
    let tip = chain.tip().map_err(ReplayError::Target)?;
    check_same_chain(source, &tip)?;
    if let Some(checkpoint) = &plan.checkpoint {
        follow_down(source, &tip, end, checkpoint)?;
    }
    let stage = Stage::start(
        source.clone(),
        tip.genesis_hash,
        tip.height.saturating_add(1)..=end,
        plan,
    )?;
    thread::scope(|scope| {
        let mut executor = Executor {
            writer: Writer::start(scope, chain, tip.height, WRITES_MAX)?,
            target: target.as_ref(),
            progress: Progress {
                height: tip.height,
                end,
                transactions: 0,
            },
            verified: None,
            unsettled: 0,
            tip,
        };
        for group in stage {
            for checked in group.blocks {
                executor.execute(checked)?;
            }
            if let Some(error) = group.failed {
                return Err(error);
            }
            let written = executor.written()?;
            if progress(written).is_break() {
                break;
            }
        }
        executor.settle()?;
        Ok(executor.progress)
    })
}

impl ReplayError {
    /// Returns the block that is wrong and what is wrong with it, where the stored chain is at
    /// fault and not the machine or what was asked.
    #[must_use]
    pub fn fault(&self) -> Option<(Height, String)> {
        let (height, reason) = match self {
            Self::Missing { height } => (height, "it is missing or incomplete".to_owned()),
            Self::Damaged { height, error } => (height, error.to_string()),
            Self::Codec { height, error } => (height, error.to_string()),
            Self::OtherCertificate { height } => {
                (height, "its certificate is of another block".to_owned())
            }
            Self::Certificate { height, error } => (height, error.to_string()),
            Self::Block { height, error } if error.is_deterministic() => {
                (height, error.to_string())
            }
            _ => return None,
        };
        Some((*height, reason))
    }
}

/// Checks that what the target holds already is the beginning of the chain of `source`.
fn check_same_chain(source: &ChainReader, tip: &Tip) -> Result<(), ReplayError> {
    let height = tip.height;
    if height == 0 {
        return Ok(());
    }
    let header = source.header(height).map_err(ReplayError::Source)?;
    let header = header.ok_or(ReplayError::Missing { height })?;
    match header.hash() == tip.hash {
        true => Ok(()),
        false => Err(ReplayError::OtherChain { height }),
    }
}

/// Follows the headers from the checkpoint down to the tip of the target.
fn follow_down(
    source: &ChainReader,
    tip: &Tip,
    end: Height,
    checkpoint: &Checkpoint,
) -> Result<(), ReplayError> {
    if checkpoint.height > end {
        let height = checkpoint.height;
        return Err(ReplayError::CheckpointAbove { height, end });
    }
    let differs = |height, expected, found| {
        Err(ReplayError::Checkpoint {
            height,
            expected,
            found,
        })
    };
    let mut expected = checkpoint.hash;
    for height in (1..=checkpoint.height).rev() {
        let header = source.header(height).map_err(ReplayError::Source)?;
        let header = header.ok_or(ReplayError::Missing { height })?;
        let found = header.hash();
        if found != expected {
            return differs(height, expected, found);
        }
        expected = header.parent;
    }
    match BlockHash(tip.genesis_hash) {
        genesis if genesis != expected => differs(0, expected, genesis),
        _ => Ok(()),
    }
}

/// The second stage: executes checked blocks in order and hands them to the third.
struct Executor<'a> {
    writer: Writer,
    target: &'a dyn Storage,
    tip: Tip,
    /// The hash of the last certificate that was verified here.
    verified: Option<Hash>,
    progress: Progress,
    /// Changes of the state since it was read from the disk.
    unsettled: usize,
}

impl Executor<'_> {
    fn execute(&mut self, checked: Checked) -> Result<(), ReplayError> {
        let Checked {
            block,
            certificate,
            transactions,
        } = checked;
        let height = self.tip.height.saturating_add(1);
        let failed = |error| ReplayError::Block { height, error };
        if certificate.block != block.header.hash() || certificate.height != height {
            return Err(ReplayError::OtherCertificate { height });
        }
        certificate
            .verify(&Ed25519, &self.tip.genesis_hash, &self.tip.validators)
            .map_err(|error| ReplayError::Certificate { height, error })?;
        let transactions = transactions
            .map_err(|(index, error)| failed(BlockError::Transaction { index, error }))?;
        let count = transactions.len();
        let once = Cell::new(transactions);
        let checks = Checks {
            scheme: &Ed25519,
            transactions: &|_| Ok(once.take()),
            verified_certificate: self.verified,
        };
        let executed = execute(&self.tip, &block, &checks).map_err(failed)?;
        self.tip = self.tip.child(&executed, &block.header);
        self.verified = Some(certificate.hash());
        self.progress.transactions += u64::try_from(count).expect("a block holds 10,000 at most");
        self.unsettled += executed.state.writes.len();
        self.writer.write((block, executed, certificate))?;
        if self.unsettled > UNSETTLED_CHANGES_MAX {
            self.settle()?;
        }
        Ok(())
    }

    /// Waits for the disk, and forgets what is there.
    fn settle(&mut self) -> Result<(), ReplayError> {
        self.writer.wait_for(self.tip.height)?;
        self.progress.height = self.tip.height;
        let view = self.target.snapshot();
        let view = view.map_err(|error| ReplayError::Target(error.into()))?;
        self.tip.state = self.tip.state.settled(view);
        self.unsettled = 0;
        Ok(())
    }

    /// Returns how far the disk is.
    fn written(&mut self) -> Result<Progress, ReplayError> {
        self.progress.height = self.writer.written()?;
        Ok(self.progress)
    }
}
