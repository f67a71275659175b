//! The shell of the product: sockets, disks, threads and clocks around the core.
//!
//! One task owns the core and feeds it: what is durable first, then links, results and requests as
//! they come. Everything that can wait, waits elsewhere: `workers` checks, `disk` appends and
//! reads blocks, `consensus_log` syncs the consensus log, `mempool_files` what is submitted, and
//! the HTTP interface has a runtime of its own.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this is the shell: clocks, threads and files live here"
)]

mod address_file;
mod appender;
mod clock;
mod consensus_log;
mod control;
mod disk;
mod driver;
mod fork_file;
mod handle;
mod mempool_files;
mod names;
mod pruning;
mod ranges;
pub mod replay;
mod run_mark;
pub mod snapshot_files;
mod snapshots;
mod threads;
mod trace;
mod workers;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use starling_gossip::GossipConfig;
use starling_gossip::drops::Drops;
use starling_gossip::input::ConfiguredPeer;
use starling_gossip::random::Seed;
use starling_gossip::transport::{BindError, Transport, TransportConfig, TransportEvents};
use starling_ledger::block::BlockHash;
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::chain::{ChainError, ChainStore, HistoryIndex, Vouched, keep_blocks_min};
use starling_ledger::execution::Tip;
use starling_ledger::genesis::Genesis;
use starling_ledger::keys::{Ed25519, PublicKey, SecretKey, Signer};
use starling_ledger::light;
use starling_ledger::storage::Storage;
use starling_ledger::vote::Height;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use crate::consensus::recovery::{Opened, Owner};
use crate::core::{Core, CoreConfig, HaltReason, Restored};
use crate::http::{HostName, HttpServer};
use crate::memory::{MemoryPlan, Part};
use crate::work::Worker;

pub use appender::FileError;
pub use clock::wall_ms;
pub use consensus_log::{LogError, SignGuard};
pub use control::{Checkpoint, ask};
pub use handle::{About, LostLines, NodeHandle, NumberedEvent, Unavailable};
pub use names::NamedPeer;
pub use snapshots::SNAPSHOTS_KEPT;

use address_file::AddressFile;
use clock::Clock;
use consensus_log::LogFiles;
use control::Control;
use disk::Disk;
use driver::{Driver, Inboxes};
use mempool_files::MempoolFiles;
use names::Names;
use pruning::Pruning;
use ranges::Ranges;
use run_mark::RunMark;
use snapshots::Snapshots;
use workers::Workers;

/// Threads that check transactions. Our choice: one of the smallest machine's two cores; the other
/// is for blocks, consensus and the disk.
const CHECK_THREADS: usize = 1;

/// What a node is started with.
pub struct RuntimeConfig {
    /// The folder of this node; its store is open already.
    pub data_dir: PathBuf,
    /// The network.
    pub genesis: Genesis,
    /// The store, locked by this process.
    pub storage: Arc<dyn Storage>,
    /// The key this node is known by.
    pub node_key: SecretKey,
    /// The key it signs votes with, on a validator.
    pub validator_key: Option<SecretKey>,
    /// A person vouches that nobody else signs with the validator key: do not watch before signing.
    pub sign_at_once: bool,
    /// Where it listens for peers.
    pub listen: SocketAddr,
    /// Where it serves HTTP.
    pub http: SocketAddr,
    /// Where peers are told to dial it; where it listens, if nothing is said.
    pub advertise: Vec<SocketAddr>,
    /// Names it is spoken to by over HTTP, beside its addresses and `localhost`.
    pub http_hosts: Vec<HostName>,
    /// Peers to dial, with their ids where known.
    pub peers: Vec<ConfiguredPeer>,
    /// The same by their hosts' names.
    pub named_peers: Vec<NamedPeer>,
    /// A block that a person vouches for.
    pub vouched_for: Option<light::Checkpoint>,
    /// How many of the last blocks to keep; `None` keeps all.
    pub keep_blocks: Option<u64>,
    /// Whether to keep the index of each account's own transactions.
    pub history_index: bool,
    /// Copies the open store, for backups; `None` where the store cannot be copied.
    pub checkpoint: Option<Checkpoint>,
    /// Epochs from one snapshot to the next; 0 makes none.
    pub snapshot_epochs: u64,
    /// How much memory it takes; the store was opened with its part.
    pub memory: MemoryPlan,
    /// Counts what is lost of the log; whoever writes the log has the other end.
    pub lost_lines: LostLines,
}

/// Why a node stopped, or did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The chain on disk cannot be used.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The consensus log or sign guard cannot be used.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The journal of what is submitted here cannot be used.
    #[error(transparent)]
    Journal(#[from] FileError),
    /// Fewer blocks would be kept than a network needs of its nodes.
    #[error("keep_blocks is {found}; a node of this network keeps at least {min} blocks")]
    KeepBlocks {
        /// What was asked for.
        found: u64,
        /// The fewest that a node keeps.
        min: u64,
    },
    /// The ledger is not of the chain that a person vouches for.
    #[error(
        "block {} of this ledger is {found}, the checkpoint is {}: this is not the chain that the \
         checkpoint is of", .given.height, .given.hash
    )]
    Checkpoint {
        /// The checkpoint given.
        given: light::Checkpoint,
        /// The block that is stored at its height.
        found: BlockHash,
    },
    /// The checkpoint cannot be compared with anything.
    #[error("the checkpoint {given} cannot be checked: this ledger begins with block {first}")]
    CheckpointGone {
        /// The checkpoint given.
        given: light::Checkpoint,
        /// The first block that is kept.
        first: Height,
    },
    /// An earlier run stopped because the network has two chains.
    #[error(
        "this node has seen two chains of its network, and does not decide between them: {} holds \
         a block of each", .evidence.display()
    )]
    Forked {
        /// The evidence.
        evidence: PathBuf,
    },
    /// The port for peers cannot be bound.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The port for HTTP cannot be bound.
    #[error("cannot listen for HTTP on {address}: {source}")]
    Http {
        /// The address asked for.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The node stopped itself.
    #[error(transparent)]
    Halted(HaltReason),
    /// The machine refuses a thread or a runtime.
    #[error("the machine refuses what a node needs: {0}")]
    Machine(#[from] std::io::Error),
}

/// Runs a node until `stop` fires or it must stop by itself.
///
/// `ready` is called once, when both ports are open. What it started holds the store no more when
/// this returns, however the node ended; a handle that `ready` has kept does.
///
/// # Errors
/// [`RuntimeError`] says why it did not start, or stopped.
pub fn run(
    config: RuntimeConfig,
    stop: oneshot::Receiver<()>,
    ready: impl FnOnce(&NodeHandle),
) -> Result<(), RuntimeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("node")
        .enable_all()
        .build()?;
    let result = runtime.block_on(start(config, stop, ready));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    result
}

async fn start(
    config: RuntimeConfig,
    mut stop: oneshot::Receiver<()>,
    ready: impl FnOnce(&NodeHandle),
) -> Result<(), RuntimeError> {
    let clock = Clock::start();
    let chain = open_chain(&config)?;
    if !settle_history(&chain, &mut stop)? {
        return Ok(());
    }
    let tip = chain.tip()?;
    let certificate = chain.read().certificate(tip.height)?;
    let key = config.validator_key.as_ref().map(Signer::public_key);
    let (files, recovered) = LogFiles::open(&config.data_dir, owner(&tip, key), chain.read())?;
    let (submissions, restored) = MempoolFiles::open(&config.data_dir, tip.genesis_hash)?;
    let (logged, logged_inbox) = mpsc::unbounded_channel();
    let (kept, kept_inbox) = mpsc::unbounded_channel();
    let (disked, disk_inbox) = mpsc::unbounded_channel();
    let (worked, work_inbox) = mpsc::unbounded_channel();
    let (requests, request_inbox) = mpsc::channel(handle::REQUESTS_MAX);
    let (transport, links) = bind(&config)?;
    let mark = RunMark::set(&config.data_dir)?;
    let control = hear_operator(&config, &chain);
    let about = about((&transport, key), &mark, config.memory);
    let handle = NodeHandle::new(Arc::clone(&chain), transport.id(), about, requests)
        .of(&config.data_dir, config.lost_lines.clone());
    let http = serve_http(&config, &handle)?;
    let worker = worker(&config, &tip);
    let (addresses, known) = AddressFile::read(&config.data_dir);
    let found = (recovered, restored, known);
    let core_config = core_config(&config, (&tip, certificate), &transport, found)?;
    let (names, names_inbox) = Names::start(&config.named_peers);
    let start = |keep_blocks| Pruning::start(&chain, keep_blocks, disked.clone());
    let pruning = config.keep_blocks.map(start).transpose()?.transpose()?;
    let mut actions = Vec::new();
    let core = Core::new(clock.now(), tip, core_config, &mut actions);
    let driver = Driver {
        core,
        clock,
        disk: Disk::start(&chain, Arc::clone(&config.storage), pruning, disked)?,
        workers: Workers::start(worker, CHECK_THREADS, worked)?,
        log: files.start(logged)?,
        submissions: submissions.start(kept)?,
        transport,
        handle: handle.clone(),
        at_once: VecDeque::new(),
        dialed: BTreeMap::new(),
        drops: Drops::default(),
        ranges: Ranges::default(),
        published: None,
        snapshots: start_snapshots(&config, &chain)?,
        folder: config.data_dir.clone(),
        names,
        addresses,
    };
    ready(&handle);
    let inboxes = Inboxes {
        logged_inbox,
        kept_inbox,
        disk_inbox,
        work_inbox,
        request_inbox,
        names_inbox,
        links,
    };
    let result = driver.run(actions, inboxes, stop).await;
    drop((http, control));
    result?.finish();
    mark.clear().map_err(RuntimeError::from)
}

fn worker(config: &RuntimeConfig, tip: &Tip) -> Worker {
    let worker = Worker::new(Arc::new(Ed25519), tip.genesis_hash);
    worker.with_memo(config.memory.bytes(Part::Verified))
}

fn bind(config: &RuntimeConfig) -> Result<(Transport, TransportEvents), BindError> {
    let node_key = config.node_key.clone().into();
    let mut transport = TransportConfig::new(node_key, config.listen);
    transport.limits.queued_bytes_max = config.memory.bytes(Part::LinksOut);
    transport.limits.arriving_bytes_max = config.memory.bytes(Part::LinksIn);
    Transport::bind(transport)
}

/// Says what the node was started as.
fn about(
    (transport, validator_key): (&Transport, Option<PublicKey>),
    mark: &RunMark,
    memory: MemoryPlan,
) -> About {
    About {
        memory,
        listen: transport.address(),
        validator_key,
        unclean_start: mark.found,
    }
}

/// Says whose files these are.
const fn owner(tip: &Tip, key: Option<PublicKey>) -> Owner {
    Owner {
        key,
        genesis: tip.genesis_hash,
        height: tip.height,
    }
}

/// Begins the chain, or opens it as the config wants it; not where it was seen to have forked.
fn open_chain(config: &RuntimeConfig) -> Result<Arc<ChainStore>, RuntimeError> {
    if let Some(evidence) = fork_file::find(&config.data_dir)? {
        return Err(RuntimeError::Forked { evidence });
    }
    let chain = ChainStore::new(Arc::clone(&config.storage))
        .with_history(config.history_index)
        .with_page_cache(config.memory.bytes(Part::Pages));
    chain.init_genesis(&config.genesis)?;
    check_keep_blocks(config)?;
    check_vouched(config, &chain)?;
    Ok(Arc::new(chain))
}

/// Compares what is stored with the checkpoint; what is still to come the core compares.
fn check_vouched(config: &RuntimeConfig, chain: &ChainStore) -> Result<(), RuntimeError> {
    let Some(given) = config.vouched_for else {
        return Ok(());
    };
    match chain.read().vouched(given)? {
        Vouched::Holds | Vouched::Ahead => Ok(()),
        Vouched::Differs { found } => Err(RuntimeError::Checkpoint { given, found }),
        Vouched::Gone { first } => Err(RuntimeError::CheckpointGone { given, first }),
    }
}

/// Opens the control socket. A node without one is worse for its operator, not for the network.
fn hear_operator(config: &RuntimeConfig, chain: &Arc<ChainStore>) -> Option<Control> {
    let checkpoint = config.checkpoint.clone()?;
    Control::start(&config.data_dir, chain, checkpoint)
        .inspect_err(|error| tracing::warn!(%error, "no control socket: backups are not possible"))
        .ok()
}

/// Puts together what the core begins with.
fn core_config(
    config: &RuntimeConfig,
    (tip, certificate): (&Tip, Option<CommitCertificate>),
    transport: &Transport,
    (recovered, restored, known): (Opened, Restored, Vec<ConfiguredPeer>),
) -> Result<CoreConfig, RuntimeError> {
    let signer = config.validator_key.clone();
    Ok(CoreConfig {
        gossip: gossip_config(config, tip, transport, known)?,
        signer: signer.map(|key| Arc::new(key) as Arc<dyn Signer>),
        scheme: Arc::new(Ed25519),
        sign_at_once: config.sign_at_once,
        mempool: config.memory.mempool(),
        recovered: recovered.recovered,
        instance: u64::from_le_bytes(random()?),
        bodies: recovered.bodies,
        certificate,
        checkpoint: config.vouched_for,
        restored,
    })
}

/// Refuses to keep fewer blocks than a network needs of its nodes.
fn check_keep_blocks(config: &RuntimeConfig) -> Result<(), RuntimeError> {
    let min = keep_blocks_min(&config.genesis.parameters);
    match config.keep_blocks {
        Some(found) if found < min => Err(RuntimeError::KeepBlocks { found, min }),
        _ => Ok(()),
    }
}

/// Builds or drops the index of histories, where the node was told otherwise before. Nothing else
/// runs yet, so nothing is appended meanwhile. Returns `false` where the node is to stop before.
fn settle_history(
    chain: &ChainStore,
    stop: &mut oneshot::Receiver<()>,
) -> Result<bool, ChainError> {
    while let Some(state) = chain.settle_history()? {
        if !matches!(stop.try_recv(), Err(TryRecvError::Empty)) {
            return Ok(false);
        }
        match state {
            HistoryIndex::Building { next } => {
                tracing::info!(next, "building the index of histories");
            }
            HistoryIndex::Complete => tracing::info!("the index of histories is complete"),
            _ => tracing::info!("the index of histories was dropped"),
        }
    }
    Ok(true)
}

fn start_snapshots(config: &RuntimeConfig, chain: &Arc<ChainStore>) -> std::io::Result<Snapshots> {
    let epoch_blocks = config.genesis.parameters.epoch_blocks;
    let (folder, epochs) = (&config.data_dir, config.snapshot_epochs);
    Snapshots::start(chain, folder, epoch_blocks, epochs)
}

fn serve_http(config: &RuntimeConfig, handle: &NodeHandle) -> Result<HttpServer, RuntimeError> {
    let address = config.http;
    if !address.ip().to_canonical().is_loopback() {
        tracing::warn!(
            http = %address,
            "HTTP is served beyond this machine: whoever reaches it may read and submit"
        );
    }
    crate::http::serve(address, config.http_hosts.clone(), handle.clone())
        .map_err(|source| RuntimeError::Http { address, source })
}

fn gossip_config(
    config: &RuntimeConfig,
    tip: &Tip,
    transport: &Transport,
    known: Vec<ConfiguredPeer>,
) -> Result<GossipConfig, RuntimeError> {
    let mut listen = config.advertise.clone();
    if listen.is_empty() {
        listen.push(transport.address());
    }
    Ok(GossipConfig {
        me: transport.id(),
        genesis: tip.genesis_hash,
        network: config.genesis.name.clone(),
        listen,
        peers: config.peers.clone(),
        known,
        head: (tip.height, tip.hash),
        seen_max: config.memory.seen_max(),
        seed: Seed::new(random()?),
    })
}

fn random<const BYTES: usize>() -> std::io::Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(bytes)
}
