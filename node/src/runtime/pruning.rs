//! The thread that removes old blocks, on a node that does not keep all.
//!
//! It is told of each block that was appended, and works when there is enough to do: steps are
//! batches of their own between those of the disk thread. What a step removed gives its space back
//! at a later block, when no view of the store from before the step is in use.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender};

use starling_ledger::chain::{ChainError, ChainStore, Pruner, STEP_BLOCKS_MAX};
use tokio::sync::mpsc::UnboundedSender;

use super::disk::DiskResult;
use super::threads::Thread;

/// Space is given back when a quarter as many blocks were removed as are kept. Our choice: so the
/// indexes, which have to be written anew for it, are written four times for each block.
const RECLAIM_SHARE: u64 = 4;

/// Tells the thread of progress. What it does is broken off when this is dropped, after the last
/// block was appended.
pub(super) struct Pruning {
    chain: ChainStore,
    is_over: Arc<AtomicBool>,
    appended: SyncSender<()>,
    _thread: Thread,
}

impl Pruning {
    /// Starts the thread, which begins with what is there already.
    ///
    /// # Errors
    /// [`ChainError`] if the chain cannot be read; an I/O error in `results` if the machine refuses
    /// a thread.
    pub(super) fn start(
        chain: &ChainStore,
        keep_blocks: u64,
        results: UnboundedSender<DiskResult>,
    ) -> Result<std::io::Result<Self>, ChainError> {
        let pruner = Pruner::new(chain.clone())?;
        let (sender, appended) = mpsc::sync_channel(1);
        // One more than fits is as good as one: the thread looks at the chain itself.
        let _ = sender.try_send(());
        let is_over = Arc::new(AtomicBool::new(false));
        let mut work = Work {
            pruner,
            keep_blocks,
            removed: 0,
            is_over: Arc::clone(&is_over),
        };
        let thread = Thread::start("prune", move || {
            for () in appended {
                if let Err(error) = work.go_on() {
                    // The driver is gone when it does not listen.
                    let _ = results.send(DiskResult::Failed(error));
                    return;
                }
            }
        });
        Ok(thread.map(|thread| Self {
            chain: chain.clone(),
            is_over,
            appended: sender,
            _thread: thread,
        }))
    }

    /// A block was appended.
    pub(super) fn appended(&self) {
        // Where the thread is busy it looks again when it is done; where it failed it has said so.
        let _ = self.appended.try_send(());
    }
}

impl Drop for Pruning {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        // Writing indexes anew may take minutes.
        self.chain.close();
    }
}

/// What the thread does.
struct Work {
    pruner: Pruner,
    keep_blocks: u64,
    /// Blocks that were removed and still take space.
    removed: u64,
    /// Nobody waits for it any more.
    is_over: Arc<AtomicBool>,
}

impl Work {
    fn go_on(&mut self) -> Result<(), ChainError> {
        if self.removed >= (self.keep_blocks / RECLAIM_SHARE).max(STEP_BLOCKS_MAX) {
            self.pruner.reclaim()?;
            tracing::debug!(blocks = self.removed, "the space of old blocks is free");
            self.removed = 0;
        }
        while self.pruner.excess(self.keep_blocks)? >= STEP_BLOCKS_MAX {
            if self.is_over.load(Ordering::Acquire) {
                return Ok(());
            }
            let Some(step) = self.pruner.step(self.keep_blocks)? else {
                return Ok(());
            };
            self.removed = self
                .removed
                .saturating_add(step.first.saturating_sub(step.from));
            tracing::debug!(first = step.first, "old blocks removed");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use starling_ledger::genesis::Genesis;
    use starling_ledger::storage::{Column, MemoryStorage, Storage, WriteBatch};
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    #[test]
    fn a_chain_that_cannot_be_read_stops_the_node() {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
        let chain = ChainStore::new(Arc::clone(&storage));
        chain
            .init_genesis(&Genesis::local("local", 1_000, 4))
            .unwrap();
        let mut batch = WriteBatch::new();
        batch.put(Column::Meta, b"first", [9]);
        storage.write(batch).unwrap();
        let (results, mut failed) = unbounded_channel();
        let pruning = Pruning::start(&chain, 200, results).unwrap().unwrap();
        match failed.blocking_recv() {
            Some(DiskResult::Failed(ChainError::Storage(error))) => assert!(error.is_corrupt()),
            _ => panic!("the damage was not told"),
        }
        pruning.appended();
    }
}
