//! Four whole nodes in one process, over real sockets, with stores in memory.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test of the shell runs on real threads and sockets"
)]

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use starling_gossip::input::ConfiguredPeer;
use starling_ledger::genesis::{Genesis, local_consensus_key};
use starling_ledger::keys::SecretKey;
use starling_ledger::storage::{MemoryStorage, schema};
use starling_node::runtime::{self, LostLines, NodeHandle, RuntimeConfig, RuntimeError};
use tokio::sync::oneshot;

/// How long anything may take before the test gives up; nothing is asserted about speed.
const PATIENCE: Duration = Duration::from_secs(60);

struct Node {
    handle: NodeHandle,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Result<(), RuntimeError>>,
    _folder: tempfile::TempDir,
}

fn genesis() -> Genesis {
    Genesis::from_toml(include_str!("../../genesis/local.toml"))
        .expect("the local genesis is valid")
}

fn free_port() -> u16 {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("loopback is there");
    socket.local_addr().expect("it is bound").port()
}

fn start(index: usize, ports: &[u16]) -> Node {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let storage = MemoryStorage::new();
    schema::prepare(&storage).expect("a fresh store");
    let address = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    let peers = ports
        .iter()
        .enumerate()
        .filter(|(other, _)| *other != index);
    let peers = peers.map(|(_, port)| ConfiguredPeer {
        address: address(*port),
        peer: None,
    });
    let config = RuntimeConfig {
        data_dir: folder.path().to_owned(),
        genesis: genesis(),
        storage: Arc::new(storage),
        node_key: SecretKey::local(&format!("node {index}")),
        validator_key: Some(local_consensus_key(&format!("n{}", index + 1))),
        sign_at_once: false,
        vouched_for: None,
        keep_blocks: None,
        history_index: true,
        checkpoint: None,
        listen: address(ports[index]),
        http: address(0),
        advertise: Vec::new(),
        named_peers: Vec::new(),
        http_hosts: Vec::new(),
        peers: peers.collect(),
        snapshot_epochs: 0,
        memory: starling_node::memory::MemoryPlan::default(),
        lost_lines: LostLines::default(),
    };
    let (stop, stopped) = oneshot::channel();
    let (ready, is_ready) = mpsc::channel();
    let thread = thread::spawn(move || {
        runtime::run(config, stopped, |handle| {
            let _ = ready.send(handle.clone());
        })
    });
    let handle = is_ready.recv_timeout(PATIENCE).expect("the node starts");
    Node {
        handle,
        stop,
        thread,
        _folder: folder,
    }
}

fn wait_for<S: std::fmt::Debug>(what: &str, status: impl Fn() -> S, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(
            start.elapsed() < PATIENCE,
            "waited in vain for {what}: {:?}",
            status()
        );
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn four_validators_agree_over_real_sockets() {
    let ports: Vec<u16> = (0..4).map(|_| free_port()).collect();
    let nodes: Vec<Node> = (0..4).map(|index| start(index, &ports)).collect();
    let height = |node: &Node| node.handle.status().map_or(0, |status| status.height);
    let status = || {
        nodes
            .iter()
            .map(|node| node.handle.status())
            .collect::<Vec<_>>()
    };
    wait_for("five blocks", status, || {
        nodes.iter().all(|node| height(node) >= 5)
    });
    for at in 1..=5 {
        let hash = |node: &Node| {
            let header = node
                .handle
                .chain()
                .read()
                .header(at)
                .expect("the store reads");
            header.expect("the block is final").hash()
        };
        let first = hash(&nodes[0]);
        assert!(
            nodes.iter().all(|node| hash(node) == first),
            "block {at} differs"
        );
    }
    for node in nodes {
        let _ = node.stop.send(());
        node.thread.join().expect("no panic").expect("a clean stop");
    }
}
