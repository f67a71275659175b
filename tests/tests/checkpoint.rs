//! `node run --checkpoint`, and two chains, with real processes and disks.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use starling_ledger::block::BlockHeader;
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::chain::{ChainStore, Pruner};
use starling_ledger::codec::decode;
use starling_ledger::genesis::Genesis;
use starling_ledger::hash::Hash;
use starling_ledger::keys::Ed25519;
use starling_ledger::light::Checkpoint;
use starling_ledger::storage::Storage;
use starling_ledger::vote::Height;
use starling_store::{OpenOptions, RocksStorage};
use starling_tests::forked_chain::{Branch, chain, checkpoint, genesis, write};
use starling_tests::testnet::{PATIENCE, binary};

/// The chains here were made at the begin of 2026; this vouches for them for a century, nearly.
const CENTURY_MS: u64 = 99 * 365 * 24 * 60 * 60 * 1_000;
const SHORT_MS: u64 = 60_000;
const TIP: Height = 12;

/// A folder with a genesis and a node's data.
struct Home {
    folder: tempfile::TempDir,
    genesis: Genesis,
    port: u16,
}

impl Home {
    /// With this chain in its ledger.
    fn new(genesis: &Genesis, branch: Branch, height: Height) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("genesis.toml"), genesis.to_toml()).expect("room");
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let port = socket.local_addr().expect("bound").port();
        let home = Self {
            folder,
            genesis: genesis.clone(),
            port,
        };
        fs::create_dir(home.data()).expect("room");
        if height > 0 {
            write(home.storage(), genesis, (branch, height));
        }
        home
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn storage(&self) -> Arc<dyn Storage> {
        let folder = self.data().join("ledger");
        Arc::new(RocksStorage::open(&folder, &OpenOptions::default()).expect("a ledger"))
    }

    fn tip(&self) -> Height {
        let (height, _) = ChainStore::new(self.storage())
            .read()
            .tip()
            .unwrap()
            .unwrap();
        height
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(["node", "run"]);
        if !more.contains(&"--http") {
            command.args(["--http", "127.0.0.1:0"]);
        }
        command.arg("--listen");
        command.arg(format!("127.0.0.1:{}", self.port));
        command
            .arg("--genesis")
            .arg(self.folder.path().join("genesis.toml"));
        command.arg("--data-dir").arg(self.data()).args(more);
        command
    }

    /// Runs a node that ends by itself.
    fn ends(&self, more: &[&str]) -> Output {
        let mut child = self.command(more);
        child.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = child.spawn().expect("it starts");
        let begin = Instant::now();
        while child.try_wait().expect("a child").is_none() {
            if begin.elapsed() > PATIENCE {
                let _ = child.kill();
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        child.wait_with_output().expect("it ended")
    }

    /// Runs a node until it is told to stop.
    fn runs(&self, more: &[&str]) -> Running {
        let mut child = self.command(more);
        Running(child.stderr(Stdio::null()).spawn().expect("it starts"))
    }

    fn evidence(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.data())
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let named = |path: &PathBuf| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("fork-")
        };
        entries.filter(named).collect()
    }

    fn peer(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// A node that is killed with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn given(genesis: &Genesis, branch: Branch, height: Height) -> Checkpoint {
    checkpoint(&chain(genesis, branch, height), height)
}

#[test]
fn a_checkpoint_is_compared_with_what_is_stored() {
    let genesis = genesis(CENTURY_MS);
    let home = Home::new(&genesis, Branch::Main, TIP);
    for height in [1, 6, TIP] {
        let (right, wrong) = (
            given(&genesis, Branch::Main, height),
            given(&genesis, Branch::From(1), height),
        );
        let output = home.ends(&["--checkpoint", &wrong.to_string()]);
        assert_eq!(output.status.code(), Some(9), "{}", words(&output));
        let told = words(&output);
        for hash in [right.hash, wrong.hash] {
            assert!(told.contains(&hash.to_string()), "{told}");
        }
        // With the right one the node runs: what ends it is the address it cannot have.
        let right = ["--checkpoint", &right.to_string(), "--http", "192.0.2.1:1"];
        let output = home.ends(&right);
        assert_ne!(output.status.code(), Some(9), "{}", words(&output));
        assert!(
            words(&output).contains("cannot listen for HTTP"),
            "{}",
            words(&output)
        );
    }
    assert_eq!(home.tip(), TIP);
}

#[test]
fn a_checkpoint_of_a_block_that_is_not_kept_cannot_be_checked_and_is_not_ignored() {
    let genesis = genesis(CENTURY_MS);
    let home = Home::new(&genesis, Branch::Main, TIP);
    let pruner = Pruner::new(ChainStore::new(home.storage())).unwrap();
    pruner.step(2).unwrap().unwrap();
    drop(pruner);
    let output = home.ends(&[
        "--checkpoint",
        &given(&genesis, Branch::Main, 5).to_string(),
    ]);
    assert_eq!(output.status.code(), Some(9), "{}", words(&output));
    assert!(
        words(&output).contains("begins with block 11"),
        "{}",
        words(&output)
    );
    // The last block of an epoch leaves its header: that can be compared.
    let wrong = given(&genesis, Branch::From(1), 8).to_string();
    let output = home.ends(&["--checkpoint", &wrong]);
    assert!(
        words(&output).contains("this is not the chain"),
        "{}",
        words(&output)
    );
    let right = given(&genesis, Branch::Main, 8).to_string();
    let output = home.ends(&["--checkpoint", &right, "--http", "192.0.2.1:1"]);
    assert_ne!(output.status.code(), Some(9), "{}", words(&output));
}

#[test]
fn a_new_node_stops_at_the_checkpoint_that_its_peers_contradict() {
    let genesis = genesis(SHORT_MS);
    let (liar, new) = (
        Home::new(&genesis, Branch::From(1), TIP),
        Home::new(&genesis, Branch::Main, 0),
    );
    let _running = liar.runs(&[]);
    let right = given(&genesis, Branch::Main, 7);
    let output = new.ends(&["--peer", &liar.peer(), "--checkpoint", &right.to_string()]);
    assert_eq!(output.status.code(), Some(9), "{}", words(&output));
    let told = words(&output);
    let found = given(&genesis, Branch::From(1), 7).hash;
    assert!(told.contains(&found.to_string()), "{told}");
    assert!(told.contains(&right.hash.to_string()), "{told}");
    // What was still on its way to the disk is lost, and nothing else came.
    assert!(new.tip() < right.height);
}

/// Either may find out first, and then the other has nobody to ask any more.
#[test]
fn two_chains_stop_a_node_with_the_evidence_in_its_folder_and_again_when_it_is_restarted() {
    let genesis = genesis(CENTURY_MS);
    let sides = [(Branch::Main, TIP), (Branch::From(2), TIP + 3)];
    let homes = sides.map(|(branch, height)| Home::new(&genesis, branch, height));
    let mut running = [
        homes[0].runs(&["--peer", &homes[1].peer()]),
        homes[1].runs(&[]),
    ];
    let begin = Instant::now();
    let (at, code) = loop {
        let ended = running
            .iter_mut()
            .map(|node| node.0.try_wait().expect("a child"));
        if let Some((at, Some(status))) = ended.enumerate().find(|(_, ended)| ended.is_some()) {
            break (at, status.code());
        }
        assert!(begin.elapsed() < PATIENCE, "nobody noticed");
        std::thread::sleep(Duration::from_millis(20));
    };
    drop(running);
    let (home, (branch, height)) = (&homes[at], sides[at]);
    assert_eq!(code, Some(70));
    let evidence = home.evidence();
    assert_eq!(evidence.len(), 1);
    let (ours, theirs) = read(&home.genesis, &evidence[0]);
    assert_eq!(ours.height, theirs.height);
    assert_ne!(ours.hash(), theirs.hash());
    assert_eq!(ours.hash(), given(&genesis, branch, ours.height).hash);
    let before = fs::read(&evidence[0]).unwrap();
    let output = home.ends(&[]);
    assert_eq!(output.status.code(), Some(70), "{}", words(&output));
    let told = words(&output);
    assert!(told.contains("seen two chains"), "{told}");
    assert_eq!(fs::read(&evidence[0]).unwrap(), before);
    assert_eq!(home.tip(), height);
}

/// Reads the evidence as anybody could who has the genesis, and checks both certificates.
fn read(genesis: &Genesis, path: &Path) -> (BlockHeader, BlockHeader) {
    let text = fs::read_to_string(path).unwrap();
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    let bytes = |name: &str| starling_node::api::unhex(file[name].as_str().unwrap()).unwrap();
    let network: Hash = genesis.hash();
    assert_eq!(file["genesis"], network.to_string());
    let founders = genesis.validator_set().unwrap();
    let read = |side: &str| {
        let header = bytes(&format!("{side}_header"));
        let header: BlockHeader = decode::<_, 1024>(&header).unwrap();
        let certificate = bytes(&format!("{side}_certificate"));
        let certificate: CommitCertificate = decode::<_, { 70 * 1024 }>(&certificate).unwrap();
        assert_eq!(certificate.block, header.hash());
        certificate.verify(&Ed25519, &network, &founders).unwrap();
        header
    };
    (read("trusted"), read("other"))
}

/// Either may find out first, and lets go of the other; neither stops.
#[test]
fn keys_of_long_ago_stop_no_process() {
    let genesis = genesis(SHORT_MS);
    let (home, other) = (
        Home::new(&genesis, Branch::Main, TIP),
        Home::new(&genesis, Branch::From(2), TIP + 3),
    );
    let peer = other.peer();
    let sides: [(&Home, &[&str]); 2] = [(&home, &["--peer", &peer]), (&other, &[])];
    let mut running = sides.map(|(home, more)| {
        let log = fs::File::create(home.log()).expect("room");
        Running(home.command(more).stderr(log).spawn().expect("it starts"))
    });
    let begin = Instant::now();
    let warned = |home: &Home| {
        let told = fs::read_to_string(home.log()).expect("a log");
        let mut lines = told.lines();
        lines.any(|line| line.contains("WARN") && line.contains("keys that may have left"))
    };
    while !sides.iter().any(|(home, _)| warned(home)) {
        assert!(begin.elapsed() < PATIENCE, "nobody noticed");
        std::thread::sleep(Duration::from_millis(20));
    }
    for ((home, _), node) in sides.iter().zip(&mut running) {
        assert_eq!(node.0.try_wait().expect("a child"), None);
        assert_eq!(home.evidence(), Vec::<PathBuf>::new());
    }
}
