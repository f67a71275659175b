//! A simulated node: the product's core with a disk, a clock and workers, as the runtime would give
//! it.

use std::collections::{BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use starling_gossip::input::ConfiguredPeer;
use starling_gossip::random::Seed;
use starling_gossip::{GossipConfig, Instant, LinkId, PeerId};
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::chain::ChainStore;
use starling_ledger::genesis::{Genesis, local_consensus_key};
use starling_ledger::keys::{SecretKey, SignatureScheme, Signer};
use starling_ledger::light::Checkpoint;
use starling_ledger::storage::{Durability, MemoryStorage, Storage};
use starling_ledger::transaction::RawTransaction;
use starling_ledger::vote::Height;
use starling_node::consensus::Duty;
use starling_node::consensus::recovery::{self, Opened, Owner};
use starling_node::core::{Action, Core, CoreConfig, Input, Now};
use starling_node::mempool::Limits;
use starling_node::work::{ExecutedBlock, Worker};

use super::chance::Chance;
use super::log_files::LogFiles;
use super::mempool_files::MempoolFiles;
use super::queue::NodeId;

/// Microseconds on every node's monotonic clock when it starts. Not zero, and not the time of the
/// run, so that nothing may take the one for the other.
const BOOT_MICROS: u64 = 1_000_000;
/// Makes the number of a process another one than its seed.
const INSTANCE: u64 = 0x5241_4E44_4F4D_4C59;
/// Most bytes of one answer to a neighbour, as in the product.
const READ_BYTES_MAX: usize = 2 * 1024 * 1024;

/// What all nodes of a network share.
pub struct Setting {
    /// The network.
    pub genesis: Genesis,
    /// Who is where.
    pub peers: Vec<ConfiguredPeer>,
    /// A block that whoever starts the nodes vouches for.
    pub checkpoint: Option<Checkpoint>,
    /// How the nodes check signatures.
    pub scheme: Arc<dyn SignatureScheme>,
    /// How long before the run the genesis was written.
    pub age_ms: u64,
}

/// One node: what survives a crash, and the life it leads at the moment.
pub struct Node {
    /// Its position and which of its lives this is, or was.
    pub id: NodeId,
    /// The key its peers know.
    pub peer: PeerId,
    /// The key it signs votes with, on a validator.
    pub signer: Option<Arc<dyn Signer>>,
    /// Its disk.
    pub storage: Arc<MemoryStorage>,
    /// Its log and guard.
    pub files: LogFiles,
    /// What waits.
    pub waiting: MempoolFiles,
    /// By how much its wall clock is wrong, milliseconds.
    pub skew_ms: i64,
    /// The last height its disk called durable.
    pub committed: Height,
    /// `None` while it is without power.
    pub life: Option<Life>,
}

/// From a start to a crash.
pub struct Life {
    /// The product.
    pub core: Core,
    /// Its workers.
    pub worker: Worker,
    /// Its chain.
    pub chain: ChainStore,
    /// When it began, in the time of the run.
    boot: Instant,
    /// When it is woken next, in the time of the run.
    pub wake_at: Option<Instant>,
    /// Links that it knows.
    pub links: BTreeSet<LinkId>,
    /// Commits under way, the oldest first.
    pub commits: VecDeque<(Arc<ExecutedBlock>, CommitCertificate)>,
    /// When disk and log are free again.
    pub free_at: (Instant, Instant),
    /// Pieces of work under way.
    pub works: usize,
}

/// Returns where node `index` listens.
#[must_use]
pub fn address(index: usize) -> SocketAddr {
    let [high, low] = u16::try_from(index + 1).unwrap_or(u16::MAX).to_be_bytes();
    SocketAddr::from((Ipv4Addr::new(10, 0, high, low), 7_000))
}

/// Returns which node listens at `address`.
#[must_use]
pub fn at_address(address: SocketAddr) -> Option<usize> {
    match address {
        SocketAddr::V4(address) if address.port() == 7_000 => match address.ip().octets() {
            [10, 0, high, low] => usize::from(u16::from_be_bytes([high, low])).checked_sub(1),
            _ => None,
        },
        _ => None,
    }
}

impl Node {
    /// Makes a node that has never run.
    ///
    /// # Errors
    /// What the product says of the genesis.
    pub fn new(
        index: usize,
        setting: &Setting,
        signer: Option<Arc<dyn Signer>>,
    ) -> Result<Self, String> {
        Ok(Self {
            id: NodeId { index, life: 0 },
            peer: peer_id(index),
            signer,
            storage: new_disk(setting)?,
            files: LogFiles::default(),
            waiting: MempoolFiles::default(),
            skew_ms: 0,
            committed: 0,
            life: None,
        })
    }

    /// Starts it from its disk, as the runtime does; returns the height of its tip, and the first
    /// actions.
    ///
    /// # Errors
    /// What the product would refuse to start with.
    pub fn start(
        &mut self,
        now: Instant,
        setting: &Setting,
        seed: u64,
    ) -> Result<(Height, Vec<Action>), String> {
        let chain = ChainStore::new(Arc::clone(&self.storage) as Arc<dyn Storage>);
        chain
            .init_genesis(&setting.genesis)
            .map_err(|error| error.to_string())?;
        let tip = chain.tip().map_err(|error| error.to_string())?;
        let certificate = chain
            .read()
            .certificate(tip.height)
            .map_err(|error| error.to_string())?;
        let key = self.signer.as_ref().map(|signer| signer.public_key());
        let owner = Owner {
            key,
            genesis: tip.genesis_hash,
            height: tip.height,
        };
        let found = self.recover(owner, &chain)?;
        let restored = self.waiting.recover(tip.genesis_hash)?;
        let worker = Worker::new(Arc::clone(&setting.scheme), tip.genesis_hash);
        let own = address(self.id.index);
        let others = setting.peers.iter().filter(|peer| peer.address != own);
        let gossip = GossipConfig {
            me: self.peer,
            genesis: tip.genesis_hash,
            network: tip.genesis.name.clone(),
            listen: vec![own],
            peers: others.copied().collect(),
            known: Vec::new(),
            head: (tip.height, tip.hash),
            seen_max: starling_gossip::flood::MAX_SEEN_TRANSACTIONS,
            seed: Seed::of(seed),
        };
        let config = CoreConfig {
            gossip,
            signer: self.signer.clone(),
            scheme: Arc::clone(&setting.scheme),
            sign_at_once: false,
            mempool: Limits::default(),
            recovered: found.recovered,
            instance: seed ^ INSTANCE,
            bodies: found.bodies,
            certificate,
            checkpoint: setting.checkpoint,
            restored,
        };
        self.id.life += 1;
        let height = tip.height;
        let mut actions = Vec::new();
        let clock = Now {
            instant: Instant(BOOT_MICROS),
            wall_ms: self.wall_ms(now, setting),
        };
        self.life = Some(Life {
            core: Core::new(clock, tip, config, &mut actions),
            worker,
            chain,
            boot: now,
            wake_at: None,
            links: BTreeSet::new(),
            commits: VecDeque::new(),
            free_at: (now, now),
            works: 0,
        });
        Ok((height, actions))
    }

    /// Reads its files, and looks for own signatures that they do not know.
    fn recover(&mut self, owner: Owner, chain: &ChainStore) -> Result<Opened, String> {
        let mut found = self.files.recover(owner)?;
        if let Some((key, known)) = owner.key.zip(found.recovered.guard.as_ref()) {
            let span = (known.height(), owner.height);
            let stored = recovery::stored_signature(chain.read(), &key, span);
            found.recovered.stored = stored.map_err(|error| error.to_string())?;
        }
        Ok(found)
    }

    /// Says whether it signs as a validator.
    #[must_use]
    pub fn signs(&self) -> bool {
        let life = self.life.as_ref();
        life.is_some_and(|life| life.core.duty() == Duty::Signs)
    }

    /// Loses power. A commit under way is on the disk as a whole or not at all; which, is drawn.
    pub fn crash(&mut self, chance: &mut Chance) {
        let Some(life) = self.life.take() else { return };
        for (block, certificate) in &life.commits {
            let survives = chance.percent(30) && append(&life.chain, block, certificate).is_ok();
            if !survives {
                break;
            }
            self.storage.sync();
        }
        drop(life);
        let kept = chance.position(self.storage.unsynced() + 1);
        self.storage.crash(kept);
        self.files.crash(chance);
        self.waiting.crash(chance);
    }

    /// Stops in good order; returns what waited. What is under way to the disk may still get lost,
    /// as in the product.
    pub fn stop(&mut self, chance: &mut Chance) -> Vec<RawTransaction> {
        let life = self.life.as_ref();
        let waiting = life.map_or_else(Vec::new, |life| life.core.waiting());
        let genesis = life.map(|life| life.core.settled().genesis_hash);
        if let Some(genesis) = genesis {
            self.waiting.dump(genesis, &waiting);
        }
        self.crash(chance);
        waiting
    }

    /// Gets a new disk, on which there is nothing but the genesis.
    ///
    /// # Errors
    /// What the product says of the genesis.
    pub fn wipe(&mut self, setting: &Setting) -> Result<(), String> {
        self.storage = new_disk(setting)?;
        self.files = LogFiles::default();
        self.waiting = MempoolFiles::default();
        self.committed = 0;
        Ok(())
    }

    /// Hands an input to the core; returns its actions. Nothing comes of it without power.
    pub fn handle(&mut self, now: Instant, setting: &Setting, input: Input) -> Vec<Action> {
        let wall_ms = self.wall_ms(now, setting);
        let mut actions = Vec::new();
        if let Some(life) = &mut self.life {
            let now = Now {
                instant: life.local(now),
                wall_ms,
            };
            life.core.handle(now, input, &mut actions);
        }
        actions
    }

    fn wall_ms(&self, now: Instant, setting: &Setting) -> u64 {
        let right = setting
            .genesis
            .time_ms
            .saturating_add(setting.age_ms)
            .saturating_add(now.as_millis());
        right.saturating_add_signed(self.skew_ms)
    }
}

impl Life {
    /// Turns a time of the run into one of this life's clock.
    fn local(&self, now: Instant) -> Instant {
        Instant(now.0 - self.boot.0 + BOOT_MICROS)
    }

    /// Returns when the core wants to be woken, in the time of the run.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let local = self.core.next_deadline()?;
        Some(Instant(
            local
                .0
                .saturating_sub(BOOT_MICROS)
                .saturating_add(self.boot.0),
        ))
    }

    /// Reads final blocks as the product does.
    ///
    /// # Errors
    /// What the product would stop with.
    pub fn read(&self, from: Height, count: u32) -> Result<Vec<Arc<[u8]>>, String> {
        let mut blocks: Vec<Arc<[u8]>> = Vec::new();
        let mut size_bytes = 0;
        for height in from..from.saturating_add(u64::from(count)) {
            let raw = self
                .chain
                .read()
                .raw_final_block(height)
                .map_err(|error| error.to_string())?;
            let Some(raw) = raw else { break };
            size_bytes += raw.len();
            if size_bytes > READ_BYTES_MAX && !blocks.is_empty() {
                break;
            }
            blocks.push(raw.into());
        }
        Ok(blocks)
    }
}

impl Life {
    /// Reads one of our own blocks for the core, as the product does.
    ///
    /// # Errors
    /// What the product would stop with.
    pub fn read_own(&self, height: Height) -> Result<Input, String> {
        let own = self.chain.read().own_block(height);
        let own = own.map_err(|error| error.to_string())?;
        let own = own.map(Box::new);
        Ok(Input::OwnRead { height, own })
    }
}

fn new_disk(setting: &Setting) -> Result<Arc<MemoryStorage>, String> {
    let storage = Arc::new(MemoryStorage::with_durability(Durability::Buffered));
    let chain = ChainStore::new(Arc::clone(&storage) as Arc<dyn Storage>);
    chain
        .init_genesis(&setting.genesis)
        .map_err(|error| error.to_string())?;
    storage.sync();
    Ok(storage)
}

/// Writes a final block, as the product's disk thread does.
///
/// # Errors
/// What the product would stop with.
pub fn append(
    chain: &ChainStore,
    block: &ExecutedBlock,
    certificate: &CommitCertificate,
) -> Result<(), String> {
    ChainStore::append_batch(&block.block, &block.executed, certificate)
        .and_then(|batch| chain.append(batch))
        .map_err(|error| error.to_string())
}

/// Returns the key under which the peers of node `index` know it.
#[must_use]
pub fn peer_id(index: usize) -> PeerId {
    let key = SecretKey::local(&format!("n{} node", index + 1)).public_key();
    PeerId(*key.as_bytes())
}

/// Returns the secret key with which validator `index` signs votes.
#[must_use]
pub fn consensus_key(index: usize) -> SecretKey {
    local_consensus_key(&format!("n{}", index + 1))
}
