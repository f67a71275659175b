//! A few nodes with disks that were written before, in virtual time, and nothing else: for what a
//! whole simulated network cannot come to by itself, such as two chains.
//!
//! There are no faults and no chance but the seed of each node. All nodes only follow; their clocks
//! show an hour after the genesis.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use starling_gossip::input::ConfiguredPeer;
use starling_gossip::link::{DialFailure, Direction, DisconnectReason};
use starling_gossip::{Instant, LinkId, PeerId};
use starling_ledger::execution::Tip;
use starling_ledger::genesis::Genesis;
use starling_ledger::keys::Ed25519;
use starling_ledger::light::Checkpoint;
use starling_ledger::storage::{MemoryStorage, Storage as _};
use starling_node::core::{Action, Event, HaltReason, Input, Now};

use super::node::{Node, Setting, address, append, at_address, peer_id};

/// How old the network is when the nodes start.
const AN_HOUR_MS: u64 = 60 * 60 * 1_000;
/// One way of a wire, and what work and disks take.
const DELAY: Duration = Duration::from_millis(10);

/// One of the nodes: what it was given, and what became of it.
#[derive(Default)]
pub struct Told {
    /// Why it stopped.
    pub halted: Option<HaltReason>,
    /// What nobody should miss.
    pub warnings: Vec<String>,
    /// Why it ended links.
    pub ended: Vec<String>,
}

/// The nodes and all that is under way between them.
pub struct Stage {
    settings: Vec<Setting>,
    nodes: Vec<Node>,
    told: Vec<Told>,
    liars: BTreeSet<usize>,
    links: BTreeMap<LinkId, [(usize, LinkId); 2]>,
    queue: BTreeMap<(Instant, u64), (usize, Input)>,
    now: Instant,
    next: u64,
}

/// What a node begins with.
pub struct Player {
    /// Its disk.
    pub disk: Arc<MemoryStorage>,
    /// The block that its operator vouches for.
    pub checkpoint: Option<Checkpoint>,
    /// Whether it goes on with its chain whatever it is shown.
    pub is_liar: bool,
}

impl Stage {
    /// Starts the nodes; each knows the addresses of all.
    ///
    /// # Panics
    /// If one does not start.
    #[must_use]
    pub fn new(genesis: &Genesis, players: Vec<Player>) -> Self {
        let peer = |index| ConfiguredPeer {
            address: address(index),
            peer: Some(peer_id(index)),
        };
        let peers: Vec<_> = (0..players.len()).map(peer).collect();
        let mut stage = Self {
            settings: Vec::new(),
            nodes: Vec::new(),
            told: Vec::new(),
            liars: BTreeSet::new(),
            links: BTreeMap::new(),
            queue: BTreeMap::new(),
            now: Instant::START,
            next: 0,
        };
        for (index, player) in players.into_iter().enumerate() {
            let setting = Setting {
                genesis: genesis.clone(),
                peers: peers.clone(),
                checkpoint: player.checkpoint,
                scheme: Arc::new(Ed25519),
                age_ms: AN_HOUR_MS,
            };
            if player.is_liar {
                stage.liars.insert(index);
            }
            let mut node = Node::new(index, &setting, None).expect("the genesis is right");
            node.storage = player.disk;
            let seed = u64::try_from(index).unwrap_or_default();
            let started = node.start(stage.now, &setting, seed);
            let (_, actions) = started.expect("the disk holds a chain");
            stage.nodes.push(node);
            stage.settings.push(setting);
            stage.told.push(Told::default());
            stage.carry_out(index, actions);
        }
        stage
    }

    /// Lets time pass.
    pub fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            let wake =
                (0..self.nodes.len()).filter_map(|index| Some((self.deadline(index)?, index)));
            let wake = wake.min();
            let news = self.queue.keys().next().copied();
            let (at, index, input) = match (wake, news) {
                (Some((at, index)), None) => (at, index, Input::Wake),
                (Some((at, index)), Some((news, _))) if at < news => (at, index, Input::Wake),
                (_, Some(key)) if key.0 <= end => {
                    let (index, input) = self.queue.remove(&key).expect("it was there");
                    (key.0, index, input)
                }
                _ => break,
            };
            if at > end {
                break;
            }
            self.now = self.now.max(at);
            self.handle(index, input);
        }
        self.now = end;
    }

    /// Returns what became of a node.
    #[must_use]
    pub fn told(&self, index: usize) -> &Told {
        &self.told[index]
    }

    /// Returns the last block on a node's disk.
    ///
    /// # Panics
    /// If the disk does not hold a chain.
    #[must_use]
    pub fn tip(&self, index: usize) -> Tip {
        let storage = Arc::clone(&self.nodes[index].storage);
        let chain = starling_ledger::chain::ChainStore::new(storage as _);
        chain.tip().expect("a chain")
    }

    /// Returns what a node says of the trust it has.
    #[must_use]
    pub fn trust_warning(&self, index: usize) -> Option<String> {
        let life = self.nodes[index].life.as_ref()?;
        life.core.status(self.now()).trust_warning
    }

    const fn now(&self) -> Now {
        Now {
            instant: self.now,
            wall_ms: 0,
        }
    }

    /// Returns with how many peers a node talks.
    #[must_use]
    pub fn neighbours(&self, index: usize) -> usize {
        let life = self.nodes[index].life.as_ref();
        life.map_or(0, |life| life.core.status(self.now()).neighbours)
    }

    /// Returns whom a node is linked to.
    #[must_use]
    pub fn peers(&self, index: usize) -> BTreeSet<usize> {
        let of = |ends: &[(usize, LinkId); 2]| match ends {
            [(one, _), (other, _)] if *one == index => Some(*other),
            [(one, _), (other, _)] if *other == index => Some(*one),
            _ => None,
        };
        self.links.values().filter_map(of).collect()
    }

    fn deadline(&self, index: usize) -> Option<Instant> {
        let alive = self.told[index].halted.is_none();
        let life = self.nodes[index].life.as_ref().filter(|_| alive)?;
        Some(life.deadline()?.max(self.now))
    }

    fn handle(&mut self, index: usize, input: Input) {
        if self.told[index].halted.is_some() {
            return;
        }
        let setting = &self.settings[index];
        let actions = self.nodes[index].handle(self.now, setting, input);
        self.carry_out(index, actions);
    }

    fn tell(&mut self, index: usize, input: Input) {
        self.next += 1;
        let at = self.now + DELAY;
        self.queue.insert((at, self.next), (index, input));
    }

    fn carry_out(&mut self, index: usize, actions: Vec<Action>) {
        for action in actions {
            if self.told[index].halted.is_some() {
                return;
            }
            self.act(index, action);
        }
    }

    fn act(&mut self, index: usize, action: Action) {
        let life = self.nodes[index].life.as_mut().expect("it was started");
        let answer = match action {
            Action::Dial { address, peer } => return self.dial(index, (address, peer)),
            Action::Disconnect { link, reason } => return self.disconnect(index, link, reason),
            Action::Send { link, lane, bytes } => {
                let Some((to, link)) = self.other_end(index, link) else {
                    return;
                };
                let frame = starling_gossip::Input::Frame { link, lane, bytes };
                return self.tell(to, Input::Gossip(frame));
            }
            Action::Work { id, work } => Input::Worked {
                id,
                result: life.worker.run(work),
            },
            Action::Commit { block, certificate } => {
                append(&life.chain, &block, &certificate).expect("the disk takes it");
                let node = &self.nodes[index];
                node.storage.sync();
                let view = node.storage.snapshot().expect("readable");
                let height = certificate.height;
                Input::Committed { height, view }
            }
            Action::Log(write) => Input::Logged { id: write.id },
            Action::Keep(write) => Input::Kept { up_to: write.id },
            Action::ReadBlocks { peer, from, count } => {
                let blocks = life.read(from, count).expect("readable");
                Input::BlocksRead { peer, from, blocks }
            }
            Action::ReadOwn { height } => {
                // Who never compares never finds out.
                if self.liars.contains(&index) {
                    return;
                }
                life.read_own(height).expect("readable")
            }
            Action::Event(Event::Warning(words)) => return self.told[index].warnings.push(words),
            Action::Event(_) | Action::Answer { .. } => return,
            Action::Halt(reason) => {
                self.told[index].halted = Some(reason);
                return;
            }
        };
        self.tell(index, answer);
    }

    fn dial(&mut self, from: usize, (to, peer): (SocketAddr, Option<PeerId>)) {
        let target = at_address(to).filter(|target| *target != from && *target < self.nodes.len());
        let Some(target) = target else {
            let failed = starling_gossip::Input::DialFailed {
                address: to,
                peer,
                reason: DialFailure::TimedOut,
            };
            return self.tell(from, Input::Gossip(failed));
        };
        let numbers = [self.next + 1_000_000, self.next + 2_000_000];
        let ends = [(from, LinkId(numbers[0])), (target, LinkId(numbers[1]))];
        for (at, ((index, link), direction)) in ends
            .into_iter()
            .zip([Direction::Outbound, Direction::Inbound])
            .enumerate()
        {
            let (other, _) = ends[1 - at];
            self.links.insert(link, ends);
            let connected = starling_gossip::Input::Connected {
                peer: peer_id(other),
                link,
                address: address(other),
                direction,
            };
            self.tell(index, Input::Gossip(connected));
        }
    }

    fn disconnect(&mut self, index: usize, link: LinkId, text: String) {
        let Some(ends) = self.links.get(&link).copied() else {
            return;
        };
        self.told[index].ended.push(text.clone());
        for (end, link) in ends {
            self.links.remove(&link);
            let reason = match end == index {
                true => DisconnectReason::Local { text: text.clone() },
                false => DisconnectReason::Remote { text: text.clone() },
            };
            let gone = starling_gossip::Input::Disconnected { link, reason };
            self.tell(end, Input::Gossip(gone));
        }
    }

    fn other_end(&self, index: usize, link: LinkId) -> Option<(usize, LinkId)> {
        let ends = self.links.get(&link)?;
        ends.iter().find(|(end, _)| *end != index).copied()
    }
}
