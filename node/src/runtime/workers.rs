//! Threads for work above 100 µs: a pool for transactions, and one thread for blocks.
//!
//! Blocks have a thread of their own, so that no number of transactions delays a proposal.

use std::sync::{Arc, mpsc};
use std::thread;

/// A pool of threads, under a name that other parts of the shell may use.
pub(super) use rayon::ThreadPool;
use tokio::sync::mpsc::UnboundedSender;

use crate::core::WorkId;
use crate::work::{Work, WorkResult, Worker};

/// Most pieces of block work that wait. The core has at most a proposal and a range under way, and
/// a few blocks of other rounds.
const BLOCK_WORK_MAX: usize = 64;

/// Hands work to threads; results arrive at the channel given at the start.
pub(super) struct Workers {
    worker: Arc<Worker>,
    transactions: ThreadPool,
    blocks: mpsc::SyncSender<(WorkId, Work)>,
    results: UnboundedSender<(WorkId, WorkResult)>,
}

/// Starts a pool of `threads` threads that check transactions.
///
/// # Errors
/// An I/O error if a thread cannot be started.
pub(super) fn pool(threads: usize) -> std::io::Result<ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("check-{index}"))
        .build()
        .map_err(std::io::Error::other)
}

impl Workers {
    /// Starts `threads` threads for transactions and one for blocks.
    ///
    /// The channel of results needs no bound of its own: the core bounds what is under way.
    ///
    /// # Errors
    /// An I/O error if a thread cannot be started.
    pub(super) fn start(
        worker: Worker,
        threads: usize,
        results: UnboundedSender<(WorkId, WorkResult)>,
    ) -> std::io::Result<Self> {
        let worker = Arc::new(worker);
        let transactions = pool(threads)?;
        let (blocks, queue) = mpsc::sync_channel::<(WorkId, Work)>(BLOCK_WORK_MAX);
        let (runner, done) = (Arc::clone(&worker), results.clone());
        thread::Builder::new()
            .name("blocks".into())
            .spawn(move || {
                for (id, work) in queue {
                    if done.send((id, runner.run(work))).is_err() {
                        return;
                    }
                }
            })?;
        Ok(Self {
            worker,
            transactions,
            blocks,
            results,
        })
    }

    /// Hands out one piece of work; `false` if the block thread is gone or too far behind.
    pub(super) fn run(&self, id: WorkId, work: Work) -> bool {
        if !matches!(work, Work::CheckTransactions { .. }) {
            return self.blocks.try_send((id, work)).is_ok();
        }
        let (worker, results) = (Arc::clone(&self.worker), self.results.clone());
        self.transactions.spawn(move || {
            // Nobody listens any more only while the node stops.
            let _ = results.send((id, worker.run(work)));
        });
        true
    }
}
