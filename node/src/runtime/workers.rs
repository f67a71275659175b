//! Threads for work above 100 µs: a pool for transactions, and one thread for blocks.
//!
//! Blocks have a thread of their own, so that no number of transactions delays a proposal.

use std::io;
use std::sync::{Arc, mpsc};

use rayon::ThreadPool;
use tokio::sync::mpsc::UnboundedSender;

use super::threads::Thread;
use crate::core::WorkId;
use crate::work::{Work, WorkResult, Worker};

/// Most pieces of block work that wait. The core has at most a proposal and a range under way, and
/// a few blocks of other rounds.
const BLOCK_WORK_MAX: usize = 64;

/// Hands work to threads; results arrive at the channel given at the start.
///
/// What has begun ends before this is gone; what waits is left out where nobody takes results any
/// more.
pub(super) struct Workers {
    worker: Arc<Worker>,
    transactions: Pool,
    blocks: mpsc::SyncSender<(WorkId, Work)>,
    results: UnboundedSender<(WorkId, WorkResult)>,
    _runner: Thread,
}

/// A pool of threads that check transactions. All they were given is done before it is gone.
pub(super) struct Pool {
    pool: ThreadPool,
    _threads: Vec<Thread>,
}

impl Pool {
    /// Starts `threads` threads.
    ///
    /// # Errors
    /// An I/O error if a thread cannot be started.
    pub(super) fn start(threads: usize) -> io::Result<Self> {
        let mut started = Vec::new();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .spawn_handler(|thread| {
                let name = format!("check-{}", thread.index());
                started.push(Thread::start(&name, || thread.run())?);
                Ok(())
            })
            .build()
            .map_err(io::Error::other)?;
        Ok(Self {
            pool,
            _threads: started,
        })
    }

    /// Hands over a piece of work.
    pub(super) fn spawn(&self, work: impl FnOnce() + Send + 'static) {
        self.pool.spawn(work);
    }
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
    ) -> io::Result<Self> {
        let worker = Arc::new(worker);
        let transactions = Pool::start(threads)?;
        let (blocks, queue) = mpsc::sync_channel::<(WorkId, Work)>(BLOCK_WORK_MAX);
        let (runner, done) = (Arc::clone(&worker), results.clone());
        let runner = Thread::start("blocks", move || {
            for (id, work) in queue {
                if done.is_closed() || done.send((id, runner.run(work))).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self {
            worker,
            transactions,
            blocks,
            results,
            _runner: runner,
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
            if !results.is_closed() {
                let _ = results.send((id, worker.run(work)));
            }
        });
        true
    }
}
