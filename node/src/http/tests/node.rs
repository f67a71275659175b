//! A node that a test plays: it says what the core would say.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use starling_gossip::link::{Direction, LinkId};
use starling_gossip::overlay::{FailedPeer, Failure, PeerStatus};
use starling_gossip::{Instant, PeerId};
use starling_ledger::block::Block;
use starling_ledger::genesis::local_consensus_key;
use starling_ledger::hash::Hash;
use starling_ledger::keys::{Ed25519, Signer as _};
use starling_ledger::transaction::{RawTransaction, TransactionId, VerifiedTransaction};
use tokio::sync::mpsc;

use super::chain::Chain;
use crate::consensus::ConsensusStatus;
use crate::consensus::engine::Step;
use crate::core::{Answer, Counts, Event, Now, Request, Status};
use crate::http::{HttpLimits, HttpServer, serve_within};
use crate::memory::MemoryPlan;
use crate::node_state::{NodeState, Standing, StateWord};
use crate::runtime::{About, NodeHandle};

/// The next nonce that the core tells of every account.
pub(super) const NEXT_NONCE: u64 = 9;
/// Since when the node runs, microseconds.
const UPTIME: Instant = Instant(60_000_000);
const WALL_MS: u64 = 1_700_000_100_000;
/// The name it is given.
pub(super) const NAME: &str = "node.example";

/// A node and its HTTP interface.
pub(super) struct Node {
    pub(super) chain: Chain,
    pub(super) handle: NodeHandle,
    server: HttpServer,
}

/// The product's bounds, but for how often it looks around.
pub(super) fn quick() -> HttpLimits {
    HttpLimits {
        keep_alive: Duration::from_millis(50),
        watch_interval: Duration::from_millis(10),
        ..HttpLimits::default()
    }
}

impl Node {
    /// Starts a node of three blocks; the second holds two payments. A third payment waits.
    pub(super) fn start(limits: HttpLimits) -> Self {
        Self::start_with(limits, |genesis, waiting, inbox| {
            std::thread::spawn(move || play(genesis, &waiting, inbox));
        })
    }

    /// Starts the same node with a core that has stopped.
    pub(super) fn without_core(limits: HttpLimits) -> Self {
        Self::start_with(limits, |_, _, _| {})
    }

    fn start_with(
        limits: HttpLimits,
        core: impl FnOnce(Hash, Arc<VerifiedTransaction>, Inbox),
    ) -> Self {
        let mut chain = Chain::new();
        chain.commit(&[]);
        let payments = [chain.payment(0), chain.payment(1)];
        chain.commit(&payments);
        chain.commit(&[]);
        let (requests, inbox) = mpsc::channel(16);
        let about = About {
            memory: MemoryPlan::default(),
            listen: SocketAddr::from(([127, 0, 0, 1], 7000)),
            validator_key: Some(local_consensus_key("n1").public_key()),
            unclean_start: false,
        };
        let store = Arc::clone(&chain.store);
        let handle = NodeHandle::new(store, PeerId([7; 32]), about, requests);
        core(chain.tip.genesis_hash, chain.payment(2), inbox);
        handle.publish(status(&chain), &chain.tip);
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let names = vec![NAME.parse().unwrap()];
        let server = serve_within((any, names), handle.clone(), limits).unwrap();
        Self {
            chain,
            handle,
            server,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Stops the server and returns the handle.
    pub(super) fn stop(self) -> NodeHandle {
        self.server.stop();
        self.handle
    }

    /// Changes the status as `change` says.
    pub(super) fn publish(&self, change: impl FnOnce(&mut Status)) {
        let mut status = status(&self.chain);
        change(&mut status);
        self.handle.publish(status, &self.chain.tip);
    }

    /// Makes the next block final, and says so.
    pub(super) fn commit(&mut self, payments: &[Arc<VerifiedTransaction>]) {
        let block = self.chain.commit(payments);
        self.publish(|_| {});
        self.handle.announce(finalized(&block, payments));
    }
}

/// Says that two validators are silent, so that the network stands still.
pub(super) fn halt(status: &mut Status) {
    let consensus = &mut status.consensus;
    consensus.present_power = consensus.total_power / 2;
    consensus.halted_since = Some(Instant(50_000_000));
    consensus.silent = vec![(0, Instant(40_000_000)), (2, Instant(41_000_000))];
    status.state = NodeState {
        word: StateWord::Halted,
        ready: false,
        reason: "50.0 % of voting power, needs more than 66.7 %; silent: n2, n3".to_owned(),
    };
}

fn finalized(block: &Block, payments: &[Arc<VerifiedTransaction>]) -> Event {
    let ids: Vec<TransactionId> = payments.iter().map(|payment| payment.id()).collect();
    Event::Final {
        height: block.header.height,
        block: block.header.hash(),
        time_ms: block.header.time_ms,
        state_root: block.header.state_root,
        transactions: ids.into(),
        signed: 3,
        validators: 4,
        synced: false,
    }
}

fn status(chain: &Chain) -> Status {
    let tip = &chain.tip;
    let total_power = tip.validators.total_power();
    Status {
        now: Now {
            instant: UPTIME,
            wall_ms: WALL_MS,
        },
        height: tip.height,
        head: tip.hash,
        head_time_ms: tip.time_ms,
        state_root: tip.state.root(),
        validators: Arc::clone(&tip.validators),
        consensus: ConsensusStatus {
            height: tip.height + 1,
            round: 0,
            step: Step::Propose,
            begun: true,
            silent: Vec::new(),
            present_power: total_power,
            total_power,
            halted_since: None,
            duty: crate::consensus::Duty::Signs,
            second_process: false,
        },
        syncing: false,
        best_height: tip.height,
        neighbours: 3,
        mempool_count: 1,
        mempool_bytes: 200,
        state: NodeState {
            word: StateWord::Running,
            ready: true,
            reason: "4 of 4 validators are heard".to_owned(),
        },
        state_since_ms: WALL_MS,
        standing: Standing::default(),
        clock_offset_ms: Some(-12),
        counts: Counts {
            proposals_early: 3,
            evidence_refused: 2,
            ..Counts::default()
        },
        trust_warning: None,
        counters: Default::default(),
        drops: Default::default(),
    }
}

fn failed() -> FailedPeer {
    FailedPeer {
        target: "n9:7000".to_owned(),
        peer: None,
        failures: 2,
        at: UPTIME,
        failure: Failure::NoSuchName("no such host".to_owned()),
    }
}

/// Answers as a core would.
fn play(genesis: Hash, waiting: &VerifiedTransaction, mut inbox: Inbox) {
    while let Some((request, answer)) = inbox.blocking_recv() {
        let told = match request {
            Request::Submit(raw) => submit(genesis, waiting, &raw),
            Request::NextNonce(_) => Answer::NextNonce(Some(NEXT_NONCE)),
            Request::Pending(id) => {
                Answer::Pending((id == waiting.id()).then(|| waiting.raw().clone()))
            }
            Request::Peers => Answer::Peers(vec![(peer(), Some(-7))]),
            Request::FailedPeers => Answer::FailedPeers(vec![failed()]),
        };
        drop(answer.send(told));
    }
}

type Inbox = mpsc::Receiver<(Request, tokio::sync::oneshot::Sender<Answer>)>;

fn submit(genesis: Hash, waiting: &VerifiedTransaction, raw: &RawTransaction) -> Answer {
    match raw.verify(&Ed25519, &genesis) {
        Ok(found) if found.body().nonce < waiting.body().nonce => Answer::Refused {
            code: "nonce",
            reason: "the nonce is used".to_owned(),
        },
        Ok(found) if found.id() == waiting.id() && found.wire_id() != waiting.wire_id() => {
            Answer::Refused {
                code: "underpriced",
                reason: "the nonce is taken".to_owned(),
            }
        }
        Ok(found) => Answer::Submitted {
            id: found.id(),
            wire_id: found.wire_id(),
            known: found.id() == waiting.id(),
        },
        Err(error) => Answer::Refused {
            code: "invalid",
            reason: error.to_string(),
        },
    }
}

fn peer() -> PeerStatus {
    PeerStatus {
        peer: PeerId([8; 32]),
        link: LinkId(1),
        address: SocketAddr::from(([127, 0, 0, 1], 7001)),
        direction: Direction::Inbound,
        since: Instant(59_000_000),
        height: 3,
        srtt: Some(Duration::from_micros(250)),
        bytes_in: 10,
        bytes_out: 20,
    }
}
