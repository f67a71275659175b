//! The thread that appends final blocks to the store and reads blocks for neighbours.

use std::sync::{Arc, mpsc};

use starling_gossip::PeerId;
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::chain::{ChainError, ChainStore};
use starling_ledger::light::OwnBlock;
use starling_ledger::storage::{Storage, View};
use starling_ledger::vote::Height;
use tokio::sync::mpsc::UnboundedSender;

use super::pruning::Pruning;
use super::threads::Thread;
use crate::work::ExecutedBlock;

/// Most commits that wait. A fetched range has at most 64 blocks, and the core waits for it to
/// settle.
const COMMITS_MAX: usize = 256;
/// Most reads for neighbours that wait; what comes on top is not answered, and asked for elsewhere.
const READS_MAX: usize = 64;
/// Most reads for the core that wait: it asks for one at a time.
const OWN_READS_MAX: usize = 4;
/// Most bytes of one answer to a neighbour. Our choice: half a frame of the sync lane.
const READ_BYTES_MAX: usize = 2 * 1024 * 1024;

/// What comes back from the disk.
pub(super) enum DiskResult {
    /// A block is on disk.
    Committed {
        /// Its height.
        height: Height,
        /// The store as it is now.
        view: Arc<dyn View>,
    },
    /// Blocks for a neighbour.
    Read {
        /// Who asked.
        peer: PeerId,
        /// Height of the first.
        from: Height,
        /// Encodings of final blocks.
        blocks: Vec<Arc<[u8]>>,
    },
    /// One of our own blocks for the core.
    ReadOwn {
        /// Its height.
        height: Height,
        /// The block; `None` if it is no longer kept.
        own: Option<Box<OwnBlock>>,
    },
    /// What a neighbour asked for is no longer kept.
    Pruned {
        /// Who asked.
        peer: PeerId,
        /// Height of the first block asked for.
        from: Height,
        /// The lowest height that is kept.
        first: Height,
    },
    /// The store failed; nothing is acknowledged after this.
    Failed(ChainError),
}

/// Hands blocks to the disk.
///
/// What has begun ends before this is gone; what waits is left out where nobody takes results any
/// more.
pub(super) struct Disk {
    commits: mpsc::SyncSender<(Arc<ExecutedBlock>, CommitCertificate)>,
    reads: mpsc::SyncSender<(PeerId, Height, u32)>,
    own_reads: mpsc::SyncSender<Height>,
    _threads: [Thread; 3],
}

impl Disk {
    /// Starts the threads; `pruning` hears of each block.
    ///
    /// # Errors
    /// An I/O error if a thread cannot be started.
    pub(super) fn start(
        chain: &Arc<ChainStore>,
        storage: Arc<dyn Storage>,
        pruning: Option<Pruning>,
        results: UnboundedSender<DiskResult>,
    ) -> std::io::Result<Self> {
        let (commits, queue) =
            mpsc::sync_channel::<(Arc<ExecutedBlock>, CommitCertificate)>(COMMITS_MAX);
        let (store, done) = (Arc::clone(chain), results.clone());
        let writer = Thread::start("disk", move || {
            for (block, certificate) in queue {
                let result = commit(&store, storage.as_ref(), &block, &certificate);
                let failed = result.is_err();
                if let Some(pruning) = pruning.as_ref().filter(|_| !failed) {
                    pruning.appended();
                }
                if done
                    .send(result.unwrap_or_else(DiskResult::Failed))
                    .is_err()
                    || failed
                {
                    return;
                }
            }
        })?;
        let (reads, queue) = mpsc::sync_channel::<(PeerId, Height, u32)>(READS_MAX);
        let (own_reads, compare) = serve_core(chain, results.clone())?;
        let reader = Arc::clone(chain);
        let serve = Thread::start("serve", move || {
            for (peer, from, count) in queue {
                let result = read(&reader, (peer, from), count);
                let result = result.unwrap_or_else(DiskResult::Failed);
                if results.send(result).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self {
            commits,
            reads,
            own_reads,
            _threads: [writer, serve, compare],
        })
    }

    /// Appends a block; `false` if the disk is gone or too far behind.
    pub(super) fn commit(&self, block: Arc<ExecutedBlock>, certificate: CommitCertificate) -> bool {
        self.commits.try_send((block, certificate)).is_ok()
    }

    /// Reads blocks for a neighbour; `false` if too many wait.
    pub(super) fn read(&self, peer: PeerId, from: Height, count: u32) -> bool {
        self.reads.try_send((peer, from, count)).is_ok()
    }

    /// Reads one of our own blocks for the core; `false` if the disk is gone.
    pub(super) fn read_own(&self, height: Height) -> bool {
        self.own_reads.try_send(height).is_ok()
    }
}

fn commit(
    chain: &ChainStore,
    storage: &dyn Storage,
    block: &ExecutedBlock,
    certificate: &CommitCertificate,
) -> Result<DiskResult, ChainError> {
    let batch = ChainStore::append_batch(&block.block, &block.executed, certificate)?;
    chain.append(batch)?;
    let view = storage.snapshot()?;
    Ok(DiskResult::Committed {
        height: certificate.height,
        view,
    })
}

/// Starts the thread that reads our own blocks, so that neighbours never delay it.
fn serve_core(
    chain: &Arc<ChainStore>,
    results: UnboundedSender<DiskResult>,
) -> std::io::Result<(mpsc::SyncSender<Height>, Thread)> {
    let (wishes, queue) = mpsc::sync_channel::<Height>(OWN_READS_MAX);
    let reader = Arc::clone(chain);
    let serve = move || {
        for height in queue {
            let own = reader.snapshot().and_then(|view| view.own_block(height));
            let own = own.map(|own| own.map(Box::new));
            let result = own.map(|own| DiskResult::ReadOwn { height, own });
            if results
                .send(result.unwrap_or_else(DiskResult::Failed))
                .is_err()
            {
                return;
            }
        }
    };
    Ok((wishes, Thread::start("compare", serve)?))
}

fn read(
    chain: &ChainStore,
    (peer, from): (PeerId, Height),
    count: u32,
) -> Result<DiskResult, ChainError> {
    // One view, so that no block is removed between the two questions.
    let reader = chain.snapshot()?;
    let first = reader.first()?;
    if from < first {
        return Ok(DiskResult::Pruned { peer, from, first });
    }
    let mut blocks = Vec::new();
    let mut size_bytes = 0;
    for height in from..from.saturating_add(u64::from(count)) {
        let Some(raw) = reader.raw_final_block(height)? else {
            break;
        };
        size_bytes += raw.len();
        if size_bytes > READ_BYTES_MAX && !blocks.is_empty() {
            break;
        }
        blocks.push(raw.into());
    }
    Ok(DiskResult::Read { peer, from, blocks })
}
