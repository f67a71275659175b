//! A validator comes back with less than it knew: nobody signs twice, nobody is slashed, and who
//! may have forgotten something says so and does not vote.
//!
//! `STARLING_ROUNDS` says how often each way is gone (default 1).

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use starling_tests::testnet::{Testnet, wait_for};

const NODES: [&str; 4] = ["n1", "n2", "n3", "n4"];
/// The validator it happens to.
const VICTIM: &str = "n4";
/// Blocks that a copied folder lacks.
const LACKING: u64 = 5;
/// How long two processes with one key are left side by side.
const BESIDE: Duration = Duration::from_secs(4);
/// How long a folder of the past is left alone: longer than a watch in quiet takes.
const ALONE: Duration = Duration::from_secs(40);

/// A process beside the testnet's own.
struct Beside {
    process: Child,
    url: String,
    listen: String,
    log: PathBuf,
}

impl Beside {
    /// Starts a node on `folder` with these neighbours; with `key` it is the victim's validator.
    fn start(testnet: &Testnet, folder: &Path, peers: &[String], key: bool) -> Self {
        let http = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let listen = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let http = http.local_addr().expect("an address").to_string();
        let listen = listen.local_addr().expect("an address").to_string();
        let mut command = testnet.command(&["node", "run"]);
        command.args(["--listen", &listen, "--http", &http]);
        command
            .arg("--genesis")
            .arg(testnet.folder().join("genesis.toml"));
        command.arg("--data-dir").arg(folder);
        for peer in peers {
            command.args(["--peer", peer]);
        }
        if key {
            let key = testnet.folder().join(VICTIM).join("validator.key");
            command.arg("--validator-key").arg(key);
        }
        let log = folder.with_extension("log");
        let file = fs::File::create(&log).expect("a log");
        command.stdout(Stdio::null()).stderr(file);
        Self {
            process: command.spawn().expect("the binary starts"),
            url: format!("http://{http}"),
            listen,
            log,
        }
    }

    fn node(&self, testnet: &Testnet) -> Option<Value> {
        let (_, status) = testnet.envelope(&["status", "--node", &self.url]);
        // A node that is not ready has an exit code of its own.
        (status["ok"] == true).then(|| status["data"]["node"].clone())
    }

    fn told(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn rounds() -> usize {
    let rounds = std::env::var("STARLING_ROUNDS");
    rounds.map_or(1, |text| text.parse().expect("STARLING_ROUNDS is a number"))
}

/// Where the other validators listen.
fn others(testnet: &Testnet) -> Vec<String> {
    let listen = |node: &&str| {
        let status = testnet.status_of(node)?;
        Some(status["node"]["listen"].as_str()?.to_owned())
    };
    NODES
        .iter()
        .filter(|node| **node != VICTIM)
        .filter_map(listen)
        .collect()
}

fn victim(testnet: &Testnet) -> Option<Value> {
    Some(testnet.status_of(VICTIM)?["node"].clone())
}

fn signs(node: Option<Value>) -> Option<()> {
    (node?["signing"] == true).then_some(())
}

/// Makes blocks until there are `count` more.
fn go_on(testnet: &Testnet, count: u64) {
    let end = testnet.height_of("n1") + count;
    wait_for("blocks", || {
        testnet.data(&["send", "alice", "bob", "1"]);
        (testnet.height_of("n1") >= end).then_some(())
    });
}

fn copy(from: &Path, to: &Path) {
    let done = std::process::Command::new("cp")
        .arg("-a")
        .args([from, to])
        .status();
    assert!(done.expect("cp runs").success());
    let _ = fs::remove_file(to.join("control.sock"));
}

/// Copies the folder of the victim while it is stopped for a moment.
fn copy_of_victim(testnet: &Testnet, name: &str) -> PathBuf {
    let folder = testnet.home().join(name);
    testnet.ok(&["testnet", "kill", VICTIM]);
    copy(&testnet.data_of(VICTIM), &folder);
    testnet.ok(&["testnet", "start", VICTIM, "--timeout", "60s"]);
    folder
}

/// Nobody has signed twice, and nobody is out.
fn nobody_was_slashed(testnet: &Testnet) {
    for node in NODES {
        let offences = wait_for("the metrics", || {
            testnet.metric_of(node, "starling_consensus_offences_total")
        });
        assert_eq!(offences, 0, "{node} saw a double signature");
    }
    let status = testnet.status_of("n1").expect("n1 answers");
    let validators = status["consensus"]["validators"].as_array();
    assert_eq!(validators.map(Vec::len), Some(NODES.len()), "{status}");
}

#[test]
fn a_validator_that_comes_back_beside_its_replacement_watches() {
    let testnet = Testnet::up(NODES.len());
    for round in 0..rounds() {
        go_on(&testnet, LACKING);
        testnet.ok(&["testnet", "kill", VICTIM]);
        let folder = testnet.home().join(format!("replacement-{round}"));
        let replacement = Beside::start(&testnet, &folder, &others(&testnet), true);
        go_on(&testnet, 12);
        wait_for("the replacement to sign", || {
            signs(replacement.node(&testnet))
        });
        go_on(&testnet, LACKING);
        let told = testnet.ok(&["testnet", "start", VICTIM, "--timeout", "60s"]);
        assert!(!told.contains("voting"), "{told}");
        thread::sleep(BESIDE);
        go_on(&testnet, LACKING);
        let node = victim(&testnet).expect("it answers");
        assert_eq!(
            (&node["signing"], &node["duty"]["state"]),
            (&false.into(), &"watches".into())
        );
        nobody_was_slashed(&testnet);
        drop(replacement);
        go_on(&testnet, 12);
        wait_for("the validator to sign again", || signs(victim(&testnet)));
    }
    nobody_was_slashed(&testnet);
}

#[test]
fn a_copy_beside_the_running_validator_watches() {
    let testnet = Testnet::up(NODES.len());
    for round in 0..rounds() {
        let folder = copy_of_victim(&testnet, &format!("copy-{round}"));
        go_on(&testnet, LACKING);
        let copy = Beside::start(&testnet, &folder, &others(&testnet), true);
        wait_for("the copy to answer", || copy.node(&testnet));
        for _ in 0..2 {
            thread::sleep(BESIDE / 2);
            go_on(&testnet, 6);
            let node = copy.node(&testnet).expect("it answers");
            assert_eq!(node["signing"], false, "{node}\n{}", copy.told());
        }
        assert!(copy.told().contains("is a copy"), "{}", copy.told());
        assert_eq!(signs(victim(&testnet)), Some(()));
        nobody_was_slashed(&testnet);
    }
}

/// The world of a copy ends where it was made: its only neighbour follows, and is as old. Neither
/// an old folder nor an empty one signs there, however long it waits.
#[test]
fn nothing_is_signed_in_a_world_of_the_past() {
    let testnet = Testnet::up(NODES.len());
    go_on(&testnet, LACKING);
    let old = copy_of_victim(&testnet, "old");
    let world = testnet.home().join("world");
    copy(&old, &world);
    go_on(&testnet, LACKING);
    let past = Beside::start(&testnet, &world, &[], false);
    wait_for("the world of the past", || past.node(&testnet));
    let peers = [past.listen.clone()];
    let mut copies = Vec::new();
    for round in 0..rounds() {
        let folder = testnet.home().join(format!("old-{round}"));
        copy(&old, &folder);
        copies.push(Beside::start(&testnet, &folder, &peers, true));
        let folder = testnet.home().join(format!("empty-{round}"));
        copies.push(Beside::start(&testnet, &folder, &peers, true));
    }
    for _ in 0..4 {
        thread::sleep(ALONE / 4);
        for copy in &copies {
            let node = wait_for("the copy to answer", || copy.node(&testnet));
            assert_eq!(node["signing"], false, "{node}\n{}", copy.told());
        }
    }
    nobody_was_slashed(&testnet);
}

#[test]
fn a_new_ledger_under_an_older_guard_watches() {
    let testnet = Testnet::up(NODES.len());
    for round in 0..rounds() {
        let old = copy_of_victim(&testnet, &format!("guard-{round}"));
        go_on(&testnet, LACKING);
        testnet.ok(&["testnet", "kill", VICTIM]);
        let data = testnet.data_of(VICTIM);
        fs::remove_dir_all(data.join("ledger")).expect("a ledger");
        for file in ["sign-guard", "consensus.log"] {
            // Into the file that is there: it stays the same file, and so it looks whole.
            fs::copy(old.join(file), data.join(file)).expect("a file");
        }
        let told = testnet.ok(&["testnet", "start", VICTIM, "--timeout", "60s"]);
        assert!(told.contains("watching"), "{told}");
        go_on(&testnet, 12);
        wait_for("the validator to sign again", || signs(victim(&testnet)));
        nobody_was_slashed(&testnet);
    }
    assert!(testnet.log_of(VICTIM).contains("is not known here"));
}

/// All stop at once and start at once: the network goes on, and nobody watches.
#[test]
fn a_restart_of_all_is_an_ordinary_one() {
    let testnet = Testnet::up(NODES.len());
    for _ in 0..rounds() {
        go_on(&testnet, 2);
        for node in NODES {
            testnet.ok(&["testnet", "kill", node]);
        }
        testnet.stop();
        let begun = std::time::Instant::now();
        testnet.ok(&["testnet", "up", "-d"]);
        let sent = testnet.data(&["send", "alice", "bob", "1"]);
        assert_eq!(sent["status"], "final", "{sent}");
        println!("final {} ms after the command", begun.elapsed().as_millis());
        for node in NODES {
            wait_for("all to sign", || {
                signs(Some(testnet.status_of(node)?["node"].clone()))
            });
        }
    }
    for node in NODES {
        let log = testnet.log_of(node);
        assert!(!log.contains("watching"), "{node}: {log}");
    }
    nobody_was_slashed(&testnet);
}
