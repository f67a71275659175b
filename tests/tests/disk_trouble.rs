//! The real binary on a disk that fails, is full, or lost something: it stops with the code for it,
//! says which file, acknowledges nothing after, and starts cleanly when the disk is well again.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use starling_tests::testnet::{Testnet, wait_for};

/// A network of one validator, stopped, with some blocks.
struct Lone {
    testnet: Testnet,
    ports: TcpListener,
}

impl Lone {
    fn new() -> Self {
        let testnet = Testnet::up(1);
        for amount in ["1", "2", "3"] {
            testnet.ok(&["send", "alice", "bob", amount]);
        }
        let ports = testnet.stop_and_hold();
        Self { testnet, ports }
    }

    fn config(&self) -> PathBuf {
        self.testnet.folder().join("n1/node.toml")
    }

    fn ledger(&self) -> PathBuf {
        self.testnet.data_of("n1").join("ledger/rocksdb")
    }

    /// Runs the node until it ends, with `inject` done to its system calls.
    fn run(&self, inject: &str) -> Output {
        self.run_with(inject, &[])
    }

    /// The same, only to those calls that concern one of `files` of the ledger.
    fn run_with(&self, inject: &str, files: &[String]) -> Output {
        let mut command = Command::new("strace");
        self.testnet.environment(&mut command);
        let calls = inject.split(':').next().expect("the calls come first");
        command
            .args(["-f", "-qq", "-o", "/dev/null", "-e"])
            .arg(format!("trace={calls}"))
            .args(["-e", &format!("inject={inject}")])
            .args(
                files
                    .iter()
                    .flat_map(|file| ["-P".into(), self.ledger().join(file)]),
            )
            .arg(self.testnet.binary())
            .args(["node", "run", "--config"])
            .arg(self.config());
        command.output().expect("strace is installed: make deps")
    }

    /// Returns the last block on the disk.
    fn tip(&self) -> u64 {
        let stats = self.testnet.data(&["db", "stats", "n1"]);
        stats["tip"].as_u64().expect("a height")
    }

    /// Checks that the ledger is whole, and that the network goes on.
    fn goes_on(self) {
        let before = self.tip();
        drop(self.ports);
        self.testnet.data(&["db", "check", "n1", "--full"]);
        self.testnet.ok(&["testnet", "up", "-d"]);
        wait_for("new blocks", || {
            (self.testnet.height_of("n1") > before + 2).then_some(())
        });
        self.testnet.stop();
    }
}

/// The last block that a node called final.
fn last_final(log: &str) -> u64 {
    let heights = log.lines().filter(|line| line.contains("block final"));
    let height = |line: &str| {
        let (_, rest) = line.split_once("height=")?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    heights.filter_map(height).next_back().unwrap_or(0)
}

#[test]
fn a_sync_that_fails_stops_the_node_and_nothing_is_acknowledged_after_it() {
    let lone = Lone::new();
    for number in [8, 13, 21] {
        let inject = format!("fdatasync,fsync:error=EIO:when={number}+");
        let output = lone.run(&inject);
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(74), "{number}: {log}");
        assert!(last_final(&log) <= lone.tip(), "{log}");
        assert!(!log.contains("panicked"), "{log}");
    }
    lone.goes_on();
}

#[test]
fn a_full_disk_stops_the_node_and_it_starts_cleanly_when_there_is_room() {
    let lone = Lone::new();
    for number in [9, 18] {
        let output = lone.run(&format!("fdatasync,fsync:error=ENOSPC:when={number}+"));
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(73), "{number}: {log}");
        assert!(last_final(&log) <= lone.tip(), "{log}");
    }
    lone.goes_on();
}

/// Each start names its files anew, with the next numbers.
#[test]
fn a_disk_that_is_full_for_one_kind_of_file_stops_the_node_as_well() {
    let lone = Lone::new();
    let names: [fn(u32) -> String; 2] = [
        |number| format!("{number:06}.log"),
        |number| format!("MANIFEST-{number:06}"),
    ];
    for (name, number) in names.into_iter().zip([3, 2]) {
        let files: Vec<_> = (1..100).map(name).collect();
        let inject = format!("write,pwrite64,writev:error=ENOSPC:when={number}+");
        let output = lone.run_with(&inject, &files);
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(73), "{}: {log}", name(0));
        assert!(last_final(&log) <= lone.tip(), "{log}");
    }
    lone.goes_on();
}

/// What is done to a file.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Flip,
    Cut,
    Delete,
}

/// The largest file of the ledger with that beginning or end.
fn file(folder: &Path, pattern: &str) -> PathBuf {
    let entries = fs::read_dir(folder).expect("a ledger");
    let matching = entries.map(|entry| entry.expect("a ledger").path());
    let matching = matching.filter(|path| {
        let name = path.file_name().expect("a name").to_string_lossy();
        name.starts_with(pattern) || name.ends_with(pattern)
    });
    let size = |path: &PathBuf| path.metadata().map_or(0, |about| about.len());
    matching.max_by_key(size).expect("such a file")
}

fn damage(path: &Path, how: Damage) {
    let bytes = fs::read(path).expect("a file");
    match how {
        Damage::Flip => {
            let mut bytes = bytes;
            let middle = bytes.len() / 2;
            bytes[middle] ^= 4;
            fs::write(path, bytes).expect("a file");
        }
        Damage::Cut => fs::write(path, &bytes[..bytes.len() / 2]).expect("a file"),
        Damage::Delete => fs::remove_file(path).expect("a file"),
    }
}

#[test]
fn damage_is_found_and_its_file_is_named() {
    let lone = Lone::new();
    // What is in the log goes into tables at a start.
    lone.testnet.ok(&["testnet", "up", "-d"]);
    wait_for("a block", || {
        (lone.testnet.height_of("n1") > 1).then_some(())
    });
    lone.testnet.stop();
    let folder = lone.ledger();
    let cases = [
        (".sst", Damage::Flip),
        (".sst", Damage::Cut),
        (".sst", Damage::Delete),
        ("MANIFEST", Damage::Flip),
        ("MANIFEST", Damage::Delete),
        ("CURRENT", Damage::Flip),
        ("CURRENT", Damage::Delete),
    ];
    for (pattern, how) in cases {
        let path = file(&folder, pattern);
        let whole = fs::read(&path).expect("a file");
        damage(&path, how);
        let (code, envelope) = lone.testnet.envelope(&["db", "check", "n1"]);
        assert_eq!(code, 65, "{pattern} {how:?}: {envelope}");
        let told = envelope["error"]["message"].as_str().expect("words");
        let name = path.file_name().expect("a name").to_string_lossy();
        let named = told.contains(&*name) || (pattern == "CURRENT" && told.contains("MANIFEST"));
        assert!(named, "{pattern} {how:?}: {told}");
        let next = envelope["error"]["next"].as_str().expect("what to do");
        assert!(next.contains("resync") || next.contains("away"), "{next}");
        fs::write(&path, whole).expect("a file");
    }
    let options = file(&folder, "OPTIONS");
    fs::remove_file(options).expect("a file");
    lone.goes_on();
}

#[test]
fn a_node_does_not_start_on_a_ledger_that_lost_a_file() {
    let lone = Lone::new();
    let path = file(&lone.ledger(), "MANIFEST");
    let whole = fs::read(&path).expect("a file");
    fs::remove_file(&path).expect("a file");
    let config = lone.config();
    let config = config.to_str().expect("plain text");
    let output = lone.testnet.run(&["node", "run", "--config", config]);
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(65), "{words}");
    assert!(words.contains("MANIFEST"), "{words}");
    fs::write(&path, whole).expect("a file");
    lone.goes_on();
}

#[test]
fn a_resync_keeps_what_is_good() {
    let lone = Lone::new();
    let before = lone.tip();
    let data: Value = lone.testnet.data(&["db", "resync", "n1"]);
    assert_eq!(data["tip"].as_u64(), Some(before), "{data}");
    assert_eq!(data["bad_block"], Value::Null);
    lone.goes_on();
}
