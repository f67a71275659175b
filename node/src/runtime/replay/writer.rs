//! The third stage: writes executed blocks, several small ones in one synced batch.

use std::sync::mpsc;
use std::thread::{self, Scope};

use starling_ledger::block::Block;
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::chain::{ChainError, ChainStore};
use starling_ledger::execution::Executed;
use starling_ledger::vote::Height;

use super::ReplayError;

/// Bytes of a batch after which no more blocks join it. Our choice: about one full block.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// A block with its effects and its certificate.
pub(super) type Written = (Block, Executed, CommitCertificate);

/// The way to the thread that writes.
pub(super) struct Writer {
    blocks: mpsc::SyncSender<Written>,
    results: mpsc::Receiver<Result<Height, ChainError>>,
    /// The last height that is on the disk.
    height: Height,
}

impl Writer {
    /// Starts to write to `chain`, whose tip is at `height`; at most `waiting` blocks wait.
    ///
    /// # Errors
    /// An I/O error if a thread cannot be started.
    pub(super) fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        chain: ChainStore,
        height: Height,
        waiting: usize,
    ) -> std::io::Result<Self> {
        let (blocks, queue) = mpsc::sync_channel::<Written>(waiting);
        let (done, results) = mpsc::channel();
        thread::Builder::new()
            .name("replay-write".into())
            .spawn_scoped(scope, move || {
                while let Ok(first) = queue.recv() {
                    let result = write(&chain, first, &queue);
                    let failed = result.is_err();
                    // Whoever gave up on account of a later block still wants this one written.
                    let _ = done.send(result);
                    if failed {
                        return;
                    }
                }
            })?;
        Ok(Self {
            blocks,
            results,
            height,
        })
    }

    /// Hands over the next block; waits while too many wait.
    ///
    /// # Errors
    /// [`ReplayError::Target`] if an earlier one could not be written.
    pub(super) fn write(&mut self, block: Written) -> Result<(), ReplayError> {
        match self.blocks.send(block) {
            Ok(()) => Ok(()),
            Err(_) => self.wait_for(Height::MAX).map(drop),
        }
    }

    /// Returns the last height on the disk, without waiting.
    ///
    /// # Errors
    /// [`ReplayError::Target`] if a block could not be written.
    pub(super) fn written(&mut self) -> Result<Height, ReplayError> {
        while let Ok(result) = self.results.try_recv() {
            self.height = result.map_err(ReplayError::Target)?;
        }
        Ok(self.height)
    }

    /// Waits until `height` is on the disk.
    ///
    /// # Errors
    /// [`ReplayError::Target`] if a block could not be written.
    pub(super) fn wait_for(&mut self, height: Height) -> Result<(), ReplayError> {
        while self.height < height {
            let result = self.results.recv();
            let result = result.expect("the writer reports each batch, and its last error");
            self.height = result.map_err(ReplayError::Target)?;
        }
        Ok(())
    }
}

/// Writes a block, and what waits behind it as far as it is small.
fn write(
    chain: &ChainStore,
    first: Written,
    queue: &mpsc::Receiver<Written>,
) -> Result<Height, ChainError> {
    let mut height = first.0.header.height;
    let batch_of = |(block, executed, certificate): Written| {
        ChainStore::append_batch(&block, &executed, &certificate)
    };
    let mut batch = batch_of(first)?;
    while batch.size_bytes() < BATCH_BYTES
        && let Ok(next) = queue.try_recv()
    {
        height = next.0.header.height;
        batch.append(batch_of(next)?);
    }
    chain.append(batch)?;
    Ok(height)
}
