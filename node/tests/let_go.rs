//! A node that has stopped holds its store no more: no thread of it reads on while the process
//! ends.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test of the shell runs on real threads and sockets"
)]

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use starling_ledger::chain::keep_blocks_min;
use starling_ledger::genesis::{Genesis, local_consensus_key};
use starling_ledger::keys::SecretKey;
use starling_ledger::storage::{
    Column, Entry, MemoryStorage, Storage, StorageError, View, WriteBatch, schema,
};
use starling_node::runtime::{self, LostLines, RuntimeConfig};
use tokio::sync::oneshot;

/// How long anything may take before the test gives up; nothing is asserted about speed.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a read of the disk takes: long enough that a stop falls into some.
const READ_TIME: Duration = Duration::from_millis(2);
const READERS: usize = 4;
const STOPS: usize = 3;

/// A store, or a view of one, that takes its time and counts who holds it.
struct Slow<S: ?Sized> {
    held: Arc<()>,
    inner: Arc<S>,
}

impl<S: View + ?Sized> View for Slow<S> {
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        thread::sleep(READ_TIME);
        self.inner.get(column, key)
    }

    fn multi_get(
        &self,
        column: Column,
        keys: &[&[u8]],
    ) -> Result<Vec<Option<Vec<u8>>>, StorageError> {
        thread::sleep(READ_TIME);
        self.inner.multi_get(column, keys)
    }

    fn scan(
        &self,
        column: Column,
        from: &[u8],
        to: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StorageError> {
        self.inner.scan(column, from, to, limit)
    }

    fn scan_back(
        &self,
        column: Column,
        from: &[u8],
        to: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StorageError> {
        self.inner.scan_back(column, from, to, limit)
    }
}

impl Storage for Slow<MemoryStorage> {
    fn write(&self, batch: WriteBatch) -> Result<(), StorageError> {
        self.inner.write(batch)
    }

    fn snapshot(&self) -> Result<Arc<dyn View>, StorageError> {
        let (held, inner) = (Arc::clone(&self.held), self.inner.snapshot()?);
        Ok(Arc::new(Slow { held, inner }))
    }
}

fn free_address() -> SocketAddr {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback is there");
    socket.local_addr().expect("it is bound")
}

/// A validator of a network of one, with every thread that a node may have.
fn config(folder: &tempfile::TempDir, storage: Arc<dyn Storage>) -> RuntimeConfig {
    let genesis = Genesis::local("local", 1_000, 1);
    RuntimeConfig {
        data_dir: folder.path().to_owned(),
        keep_blocks: Some(keep_blocks_min(&genesis.parameters)),
        genesis,
        storage,
        node_key: SecretKey::local("node"),
        validator_key: Some(local_consensus_key("n1")),
        sign_at_once: true,
        vouched_for: None,
        history_index: true,
        checkpoint: Some(Arc::new(|_| Some(Ok(())))),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        http: free_address(),
        advertise: Vec::new(),
        named_peers: Vec::new(),
        http_hosts: Vec::new(),
        peers: Vec::new(),
        snapshot_epochs: 1,
        memory: starling_node::memory::MemoryPlan::default(),
        lost_lines: LostLines::default(),
    }
}

fn read_blocks(http: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(http)?;
    let path = "/rpc/blocks?from=1&count=100";
    let head = format!("GET {path} HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    io::copy(&mut stream, &mut io::sink()).map(|_| ())
}

/// Runs a node for some blocks, and returns how many hold its store when it has stopped.
fn held_after_a_stop() -> usize {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let inner = Arc::new(MemoryStorage::new());
    schema::prepare(&*inner).expect("a fresh store");
    let held = Arc::new(());
    let storage = Slow {
        held: Arc::clone(&held),
        inner,
    };
    let config = config(&folder, Arc::new(storage));
    let http = config.http;
    let (stop, stopped) = oneshot::channel();
    let (ready, is_ready) = mpsc::channel();
    let node = thread::spawn(move || {
        runtime::run(config, stopped, |handle| {
            let _ = ready.send(handle.watch_status());
        })
    });
    let status = is_ready.recv_timeout(PATIENCE).expect("the node starts");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    // The last ones are broken off.
                    let _ = read_blocks(http);
                }
            });
        }
        let begun = Instant::now();
        let height = || status.borrow().as_ref().map_or(0, |status| status.height);
        while height() < 5 {
            assert!(begun.elapsed() < PATIENCE, "waited in vain for blocks");
            thread::sleep(Duration::from_millis(20));
        }
        let _ = stop.send(());
        node.join().expect("no panic").expect("a clean stop");
        let left = Arc::strong_count(&held) - 1;
        over.store(true, Ordering::Relaxed);
        left
    })
}

#[test]
fn a_stopped_node_has_let_go_of_its_store() {
    for _ in 0..STOPS {
        assert_eq!(held_after_a_stop(), 0);
    }
}
