//! A little network in virtual time: gossip machines, wires with a delay, and nodes that accept
//! all.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use starling_gossip::config::GossipConfig;
use starling_gossip::fault::PeerFault;
use starling_gossip::input::{ConfiguredPeer, Verdict};
use starling_gossip::link::{DialFailure, Direction, DisconnectReason};
use starling_gossip::message::ConsensusMessage;
use starling_gossip::random::Seed;
use starling_gossip::{Action, Gossip, Input, Instant, Lane, LinkId, PeerId};
use starling_ledger::block::BlockHash;
use starling_ledger::hash::{Context, Hash};
use starling_ledger::transaction::{RawTransaction, WireId};

/// One way of a wire, and how long the node takes to check something.
pub(crate) const DELAY: Duration = Duration::from_millis(20);
const CHECK_TIME: Duration = Duration::from_millis(2);

/// How a node behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As it should.
    Honest,
    /// Connected, but nothing of it is sent any more.
    Mute,
    /// Answers no request for ranges.
    StallsRanges,
    /// Answers requests for ranges with junk.
    LiesRanges,
    /// Says that it keeps what it is asked for, and does not give it.
    LiesPruned,
    /// Keeps blocks from this height on.
    KeepsFrom(u64),
}

/// A node: the machine, and what the rest of the node was told.
pub(crate) struct Node {
    pub(crate) gossip: Gossip,
    pub(crate) manner: Manner,
    pub(crate) height: u64,
    /// Block n of its chain is `block(n)`.
    pub(crate) checked: BTreeMap<WireId, u32>,
    pub(crate) messages: Vec<ConsensusMessage>,
    pub(crate) blocks: Vec<(PeerId, Arc<[u8]>)>,
    /// Of those, above the sender's budget.
    pub(crate) over_budget: usize,
    pub(crate) applied: Vec<(PeerId, u64, usize)>,
    pub(crate) peer_events: Vec<(PeerId, bool)>,
    pub(crate) disconnects: Vec<String>,
    pub(crate) pending: Vec<RawTransaction>,
    /// Transactions it refuses.
    pub(crate) refuse_all: Option<Verdict>,
    alive: bool,
    wake_at: Option<Instant>,
}

struct Link {
    ends: [(usize, LinkId); 2],
}

enum Event {
    Input(usize, Input),
    Wake(usize),
    Dialed {
        from: usize,
        address: SocketAddr,
        peer: Option<PeerId>,
    },
}

pub(crate) struct Net {
    pub(crate) now: Instant,
    pub(crate) nodes: Vec<Node>,
    links: BTreeMap<LinkId, Link>,
    dead: BTreeSet<LinkId>,
    queue: BinaryHeap<Reverse<(Instant, u64)>>,
    events: BTreeMap<u64, Event>,
    next_event: u64,
    next_link: u64,
}

pub(crate) fn id(number: usize) -> PeerId {
    let hash = Hash::of(Context::LocalKey, &[&number.to_le_bytes()]);
    PeerId(hash.0)
}

pub(crate) fn address(number: usize) -> SocketAddr {
    SocketAddr::from((
        [10, 0, 0, u8::try_from(number + 1).expect("few nodes")],
        7_000,
    ))
}

pub(crate) fn genesis() -> Hash {
    Hash::of(Context::Genesis, &[b"test"])
}

pub(crate) fn block(height: u64) -> Arc<[u8]> {
    let mut bytes = vec![0xB1; 4_000];
    bytes[..8].copy_from_slice(&height.to_le_bytes());
    bytes.into()
}

pub(crate) fn transaction(number: u64) -> RawTransaction {
    let mut bytes = vec![0xAA; 200];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    RawTransaction(bytes.into())
}

pub(crate) fn config(number: usize, peers: &[usize]) -> GossipConfig {
    let configured = |peer: &usize| ConfiguredPeer {
        address: address(*peer),
        peer: None,
    };
    GossipConfig {
        me: id(number),
        genesis: genesis(),
        network: "local".to_owned(),
        listen: vec![SocketAddr::from(([0, 0, 0, 0], 7_000))],
        peers: peers.iter().map(configured).collect(),
        known: Vec::new(),
        head: (0, BlockHash(genesis())),
        seen_max: starling_gossip::flood::MAX_SEEN_TRANSACTIONS,
        seed: Seed::of(1_000 + number as u64),
    }
}

impl Net {
    /// A network in which node n knows the addresses of the nodes in `peers[n]`.
    pub(crate) fn new(peers: &[Vec<usize>]) -> Self {
        let configs = peers
            .iter()
            .enumerate()
            .map(|(number, peers)| config(number, peers));
        Self::of(configs.collect())
    }

    pub(crate) fn of(configs: Vec<GossipConfig>) -> Self {
        let mut net = Self {
            now: Instant(1_000_000),
            nodes: Vec::new(),
            links: BTreeMap::new(),
            dead: BTreeSet::new(),
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            next_event: 0,
            next_link: 0,
        };
        for config in configs {
            net.join(&config);
        }
        net
    }

    pub(crate) fn join(&mut self, config: &GossipConfig) -> usize {
        self.nodes.push(Node {
            gossip: Gossip::new(config),
            manner: Manner::Honest,
            height: config.head.0,
            checked: BTreeMap::new(),
            messages: Vec::new(),
            blocks: Vec::new(),
            over_budget: 0,
            applied: Vec::new(),
            peer_events: Vec::new(),
            disconnects: Vec::new(),
            pending: Vec::new(),
            refuse_all: None,
            alive: true,
            wake_at: None,
        });
        let number = self.nodes.len() - 1;
        self.plan(self.now, Event::Wake(number));
        number
    }

    fn plan(&mut self, at: Instant, event: Event) {
        let key = self.next_event;
        self.next_event += 1;
        self.events.insert(key, event);
        self.queue.push(Reverse((at, key)));
    }

    /// Gives a node an input now.
    pub(crate) fn input(&mut self, node: usize, input: Input) {
        if !self.nodes[node].alive {
            return;
        }
        let mut out = Vec::new();
        self.nodes[node].gossip.handle(self.now, input, &mut out);
        for action in out {
            self.act(node, action);
        }
        let wanted = self.nodes[node].gossip.next_deadline();
        if let Some(at) = wanted.map(|at| at.max(self.now)) {
            assert!(
                at > self.now,
                "node {node} wants to be woken at once, for ever"
            );
            if self.nodes[node]
                .wake_at
                .is_none_or(|planned| at < planned || planned <= self.now)
            {
                self.nodes[node].wake_at = Some(at);
                self.plan(at, Event::Wake(node));
            }
        }
    }

    pub(crate) fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(Reverse((at, key))) = self.queue.peek().copied() {
            if at > end {
                break;
            }
            self.queue.pop();
            self.now = at;
            match self.events.remove(&key).expect("each key is planned once") {
                Event::Input(node, input) => self.input(node, input),
                Event::Wake(node) => self.input(node, Input::Wake),
                Event::Dialed {
                    from,
                    address,
                    peer,
                } => self.dialed(from, address, peer),
            }
        }
        self.now = end;
    }

    fn dialed(&mut self, from: usize, to: SocketAddr, peer: Option<PeerId>) {
        let found = (0..self.nodes.len()).find(|node| address(*node) == to);
        let found = found.filter(|node| self.nodes[*node].alive);
        let reason = match found {
            None => Some(DialFailure::TimedOut),
            Some(node) if node == from => Some(DialFailure::SelfDial),
            Some(node) => {
                peer.filter(|peer| *peer != id(node))
                    .map(|expected| DialFailure::WrongKey {
                        expected,
                        found: id(node),
                    })
            }
        };
        if let Some(reason) = reason {
            self.input(
                from,
                Input::DialFailed {
                    address: to,
                    peer,
                    reason,
                },
            );
        } else if let Some(node) = found {
            self.connect(from, node);
        }
    }

    /// Makes a link that `from` dialed.
    pub(crate) fn connect(&mut self, from: usize, to: usize) -> (LinkId, LinkId) {
        let (one, other) = (LinkId(self.next_link), LinkId(self.next_link + 1));
        self.next_link += 2;
        let ends = [(from, one), (to, other)];
        self.links.insert(one, Link { ends });
        self.links.insert(other, Link { ends });
        let connected = |peer, link, address, direction| Input::Connected {
            peer,
            link,
            address,
            direction,
        };
        let outbound = connected(id(to), one, address(to), Direction::Outbound);
        let mut seen_at = address(from);
        seen_at.set_port(40_000);
        let inbound = connected(id(from), other, seen_at, Direction::Inbound);
        self.plan(self.now + DELAY, Event::Input(to, inbound));
        self.input(from, outbound);
        (one, other)
    }

    fn other_end(&self, node: usize, link: LinkId) -> Option<(usize, LinkId)> {
        let ends = self.links.get(&link)?.ends;
        ends.into_iter().find(|end| *end != (node, link))
    }

    fn hang_up(&mut self, node: usize, link: LinkId, reason: DisconnectReason) {
        let other = self.other_end(node, link);
        if let Some((other, its_link)) = other.filter(|(_, its)| !self.dead.contains(its)) {
            self.dead.insert(its_link);
            let gone = Input::Disconnected {
                link: its_link,
                reason,
            };
            self.plan(self.now + DELAY, Event::Input(other, gone));
        }
        self.dead.insert(link);
    }

    /// Sends bytes as `node` would.
    pub(crate) fn send(&mut self, node: usize, (link, lane, bytes): (LinkId, Lane, Bytes)) {
        if self.dead.contains(&link) || self.nodes[node].manner == Manner::Mute {
            return;
        }
        if let Some((other, its_link)) = self.other_end(node, link) {
            let frame = Input::Frame {
                link: its_link,
                lane,
                bytes,
            };
            self.plan(self.now + DELAY, Event::Input(other, frame));
        }
    }

    fn act(&mut self, node: usize, action: Action) {
        let state = &mut self.nodes[node];
        match action {
            Action::Dial { address, peer } => {
                self.plan(
                    self.now + DELAY,
                    Event::Dialed {
                        from: node,
                        address,
                        peer,
                    },
                );
            }
            Action::Disconnect { link, reason } => {
                state.disconnects.push(reason.clone());
                self.hang_up(node, link, DisconnectReason::Remote { text: reason });
            }
            Action::Send { link, lane, bytes } => self.send(node, (link, lane, bytes)),
            Action::CheckTransactions { batch, .. } => self.check(node, batch),
            Action::Consensus { message, .. } => {
                state.messages.push(message.clone());
                self.plan(
                    self.now + CHECK_TIME,
                    Event::Input(
                        node,
                        Input::FloodConsensus {
                            message,
                            force: false,
                        },
                    ),
                );
            }
            Action::Block {
                from,
                raw,
                over_budget,
            } => {
                state.over_budget += usize::from(over_budget);
                state.blocks.push((from, raw));
            }
            Action::ServeBlock { peer, height, .. } => {
                self.plan(
                    self.now + CHECK_TIME,
                    Event::Input(
                        node,
                        Input::SendBlock {
                            peer,
                            raw: block(height),
                        },
                    ),
                );
            }
            Action::ServeBlocks { peer, from, count } => self.serve(node, (peer, from, count)),
            Action::ApplyRange { peer, from, blocks } => self.apply(node, (peer, from, blocks)),
            Action::PeerUp { peer } => {
                state.peer_events.push((peer, true));
                let transactions = state.pending.clone();
                let offer = Input::Offer { peer, transactions };
                self.plan(self.now + CHECK_TIME, Event::Input(node, offer));
            }
            Action::PeerDown { peer } => state.peer_events.push((peer, false)),
            _ => {}
        }
    }

    fn check(&mut self, node: usize, batch: Vec<RawTransaction>) {
        let state = &mut self.nodes[node];
        let verdict = state.refuse_all.clone().unwrap_or(Verdict::Accepted);
        let mut answers = Vec::new();
        for raw in batch {
            let wire_id = raw.wire_id();
            *state.checked.entry(wire_id).or_default() += 1;
            answers.push(Input::TransactionChecked {
                wire_id,
                verdict: verdict.clone(),
            });
        }
        for answer in answers {
            self.plan(self.now + CHECK_TIME, Event::Input(node, answer));
        }
    }

    fn serve(&mut self, node: usize, (peer, from, count): (PeerId, u64, u32)) {
        let heights = from..from + u64::from(count);
        let blocks = match self.nodes[node].manner {
            Manner::StallsRanges => return,
            Manner::KeepsFrom(first) if from < first => {
                let answer = Input::ServePruned { peer, from, first };
                self.plan(self.now + CHECK_TIME, Event::Input(node, answer));
                return;
            }
            Manner::LiesPruned => {
                let first = from;
                let answer = Input::ServePruned { peer, from, first };
                self.plan(self.now + CHECK_TIME, Event::Input(node, answer));
                return;
            }
            Manner::LiesRanges => heights.map(|_| block(u64::MAX)).collect(),
            _ => heights.map(block).collect(),
        };
        let answer = Input::Serve { peer, from, blocks };
        self.plan(self.now + CHECK_TIME, Event::Input(node, answer));
    }

    fn apply(&mut self, node: usize, (peer, from, blocks): (PeerId, u64, Vec<Arc<[u8]>>)) {
        let state = &mut self.nodes[node];
        assert_eq!(from, state.height + 1, "ranges come in order");
        state.applied.push((peer, from, blocks.len()));
        let good = blocks
            .iter()
            .zip(from..)
            .take_while(|(raw, height)| **raw == block(*height));
        let ok_up_to = from - 1 + good.count() as u64;
        let is_whole = ok_up_to + 1 == from + blocks.len() as u64;
        let fault = PeerFault::InvalidRange {
            reason: "hash chain".to_owned(),
        };
        let fault = (!is_whole).then_some(fault);
        state.height = ok_up_to;
        let at = self.now + CHECK_TIME;
        let head = Input::Head {
            height: ok_up_to,
            hash: BlockHash(Hash::ZERO),
        };
        self.plan(at, Event::Input(node, head));
        let checked = Input::RangeChecked {
            peer,
            from,
            ok_up_to,
            fault,
        };
        self.plan(at, Event::Input(node, checked));
    }

    /// Gives a node a chain of this height.
    pub(crate) fn set_height(&mut self, node: usize, height: u64) {
        self.nodes[node].height = height;
        self.input(
            node,
            Input::Head {
                height,
                hash: BlockHash(Hash::ZERO),
            },
        );
    }

    /// Ends a node; its peers notice as when a process dies.
    pub(crate) fn kill(&mut self, node: usize) {
        self.nodes[node].alive = false;
        let of_node =
            |(link, it): (&LinkId, &Link)| it.ends.contains(&(node, *link)).then_some(*link);
        let links: Vec<_> = self.links.iter().filter_map(of_node).collect();
        for link in links {
            self.hang_up(node, link, DisconnectReason::Reset);
        }
    }

    /// The peers of a node, in numbers.
    pub(crate) fn peers(&self, node: usize) -> BTreeSet<usize> {
        let up = self.nodes[node].gossip.peers();
        let number = |peer: PeerId| (0..self.nodes.len()).find(|other| id(*other) == peer);
        up.iter().filter_map(|status| number(status.peer)).collect()
    }

    /// Links that neither end has given up, between two nodes.
    pub(crate) fn live_links(&self, one: usize, other: usize) -> usize {
        let ends: Vec<_> = self
            .links
            .iter()
            .filter(|(link, _)| !self.dead.contains(link))
            .collect();
        let between = ends.iter().filter(|(link, it)| {
            it.ends[0].1 == **link && {
                let pair = (it.ends[0].0, it.ends[1].0);
                pair == (one, other) || pair == (other, one)
            }
        });
        between.count()
    }
}
