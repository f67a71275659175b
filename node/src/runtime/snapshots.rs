//! The thread that makes snapshots at epoch boundaries, while the node goes on.
//!
//! It holds an immutable version of the state and nothing that anybody waits for. What fails there,
//! a full disk above all, is said in the log and stops nothing. It rests as long as it works, so
//! that it takes half of one core and half of the disk at the most.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use starling_ledger::chain::ChainStore;
use starling_ledger::execution::Tip;
use starling_ledger::vote::Height;

use super::snapshot_files::{self, SnapshotFileError};
use super::threads::Thread;

/// Complete snapshots that are kept. Our choice: while somebody fetches one, another is made.
pub const SNAPSHOTS_KEPT: usize = 2;
/// Longest rest after a chunk, so that a disk that hangs is not waited for twice.
const REST_MAX: Duration = Duration::from_secs(1);

/// Makes snapshots at epoch boundaries; nothing where they are turned off.
pub(super) struct Snapshots {
    thread: Option<SnapshotThread>,
    interval: Interval,
}

/// After which blocks a snapshot is made.
#[derive(Clone, Copy, Debug)]
struct Interval {
    epoch_blocks: u64,
    /// Epochs from one snapshot to the next; 0 turns them off.
    epochs: u64,
}

struct SnapshotThread {
    stop: Arc<AtomicBool>,
    queue: mpsc::SyncSender<Tip>,
    thread: Thread,
}

/// What the thread works with.
struct Maker {
    chain: Arc<ChainStore>,
    folder: PathBuf,
    stop: Arc<AtomicBool>,
}

impl Snapshots {
    /// Starts the thread, if snapshots are wanted every so many `epochs`.
    ///
    /// # Errors
    /// An I/O error if the thread cannot be started.
    pub(super) fn start(
        chain: &Arc<ChainStore>,
        data_dir: &Path,
        epoch_blocks: u64,
        epochs: u64,
    ) -> std::io::Result<Self> {
        let interval = Interval {
            epoch_blocks,
            epochs,
        };
        if epochs == 0 {
            return Ok(Self {
                thread: None,
                interval,
            });
        }
        let stop = Arc::new(AtomicBool::new(false));
        let maker = Maker {
            chain: Arc::clone(chain),
            folder: snapshot_files::folder_of(data_dir),
            stop: Arc::clone(&stop),
        };
        // One that is being made and none that waits: a boundary that comes too soon is left out.
        let (queue, tips) = mpsc::sync_channel::<Tip>(0);
        let thread = Thread::start("snapshots", move || maker.run(tips))?;
        let thread = Some(SnapshotThread {
            stop,
            queue,
            thread,
        });
        Ok(Self { thread, interval })
    }

    /// Begins a snapshot if one is due after the block of `tip`, which is on disk and settled.
    pub(super) fn offer(&self, tip: &Tip) {
        let Some(thread) = &self.thread else {
            return;
        };
        if self.interval.is_due(tip.height) && thread.queue.try_send(tip.clone()).is_err() {
            tracing::warn!(
                height = tip.height,
                "no snapshot: the last one is still being made"
            );
        }
    }
}

impl Drop for SnapshotThread {
    /// Breaks off what is being made; the thread no longer reads the store after.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.thread.wake();
    }
}

impl Interval {
    const fn is_due(self, height: Height) -> bool {
        let blocks = self.epoch_blocks.saturating_mul(self.epochs);
        height > 0 && blocks > 0 && height.is_multiple_of(blocks)
    }
}

impl Maker {
    fn run(self, tips: mpsc::Receiver<Tip>) {
        if let Err(error) = snapshot_files::remove_partial(&self.folder) {
            tracing::warn!("what was left of a snapshot cannot be removed: {error}");
        }
        for tip in tips {
            let begun = Instant::now();
            match self.make(&tip) {
                Ok(()) => tracing::info!(
                    height = tip.height,
                    seconds = begun.elapsed().as_secs(),
                    "snapshot made"
                ),
                Err(SnapshotFileError::Stopped) => return,
                Err(error) if error.is_no_space() => {
                    tracing::warn!(
                        height = tip.height,
                        "no snapshot, the disk is full: {error}"
                    );
                }
                Err(error) => tracing::warn!(height = tip.height, "no snapshot: {error}"),
            }
        }
    }

    fn make(&self, tip: &Tip) -> Result<(), SnapshotFileError> {
        let certificate = self.chain.read().certificate(tip.height)?;
        let certificate = certificate.ok_or(SnapshotFileError::Genesis)?;
        let mut since = Instant::now();
        let mut pace = || {
            // Woken up only to be told that it is over.
            thread::park_timeout(since.elapsed().min(REST_MAX));
            if self.stop.load(Ordering::Acquire) {
                return ControlFlow::Break(());
            }
            since = Instant::now();
            ControlFlow::Continue(())
        };
        snapshot_files::make(&self.folder, tip, certificate, &mut pace)?;
        snapshot_files::keep_last(&self.folder, SNAPSHOTS_KEPT)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::thread;

    use starling_ledger::execution::Tip;

    use super::{Interval, Snapshots};
    use crate::runtime::snapshot_files::{self, tests::chain_of_one};

    /// Offers the block until the thread has taken it, and what it makes of it is there.
    fn until(snapshots: &Snapshots, tip: &Tip, done: impl Fn() -> bool) {
        while !done() {
            snapshots.offer(tip);
            thread::yield_now();
        }
    }

    #[test]
    fn a_snapshot_that_fails_stops_nothing_and_the_next_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let (chain, tip, _) = chain_of_one();
        let snapshots = Snapshots::start(&chain, folder.path(), 1, 1).unwrap();
        let place = snapshot_files::folder_of(folder.path());
        // A file stands where the folder should be.
        fs::write(&place, b"").unwrap();
        for _ in 0..100 {
            snapshots.offer(&tip);
            thread::yield_now();
        }
        fs::remove_file(&place).unwrap();
        until(&snapshots, &tip, || {
            snapshot_files::list(&place).is_ok_and(|list| list == [1])
        });
        drop(snapshots);
        assert_eq!(fs::read_dir(&place).unwrap().count(), 1);
    }

    #[test]
    fn what_is_being_made_is_broken_off_at_a_stop() {
        let folder = tempfile::tempdir().unwrap();
        let (chain, tip, _) = chain_of_one();
        let snapshots = Snapshots::start(&chain, folder.path(), 1, 1).unwrap();
        let place = snapshot_files::folder_of(folder.path());
        until(&snapshots, &tip, || place.exists());
        drop(snapshots);
        let left = fs::read_dir(&place).unwrap();
        let names: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        assert!(names.is_empty() || names == ["1"], "{names:?}");
    }

    #[test]
    fn none_are_made_where_they_are_turned_off() {
        let folder = tempfile::tempdir().unwrap();
        let (chain, tip, _) = chain_of_one();
        let snapshots = Snapshots::start(&chain, folder.path(), 1, 0).unwrap();
        snapshots.offer(&tip);
        drop(snapshots);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_snapshot_is_due_after_the_last_block_of_every_so_many_epochs() {
        let due = |epoch_blocks, epochs| {
            let interval = Interval {
                epoch_blocks,
                epochs,
            };
            (0..=40).filter(move |height| interval.is_due(*height))
        };
        assert!(due(10, 1).eq([10, 20, 30, 40]));
        assert!(due(10, 2).eq([20, 40]));
        assert_eq!(due(10, 0).count(), 0);
        assert_eq!(due(u64::MAX, u64::MAX).count(), 0);
    }
}
