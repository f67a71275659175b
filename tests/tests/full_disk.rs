//! A disk that really fills up: 64 MiB in memory, in the place of a node's folder, filled to the
//! last byte while the node works. It stops with the code for it; with room again it starts
//! cleanly.
//!
//! Mounting needs root, and a test that cannot mount fails.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use starling_tests::testnet::{Testnet, wait_for};

/// Test cases, CRA-09.
const DISK: &str = "size=64m";

/// A disk in memory, in the place of a folder.
struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Moves the content of `folder` onto a disk that is mounted there.
    fn under(folder: PathBuf) -> Self {
        let aside = folder.with_extension("aside");
        fs::rename(&folder, &aside).expect("a folder");
        fs::create_dir(&folder).expect("a folder");
        done(
            Command::new("mount")
                .args(["-t", "tmpfs", "-o", DISK, "tmpfs"])
                .arg(&folder),
        );
        let disk = Self { folder };
        done(
            Command::new("cp")
                .arg("-a")
                .arg(aside.join("."))
                .arg(&disk.folder),
        );
        disk
    }

    /// Takes the room that is left, but for so many bytes.
    fn leave(&self, bytes: u64) {
        let filler = File::options().write(true).open(self.fill());
        let filler = filler.expect("the filler");
        let length = filler.metadata().expect("the filler").len();
        let length = length.checked_sub(bytes).expect("that much was free");
        filler.set_len(length).expect("the filler");
    }

    /// Takes all room that is left; what was taken is given back by deleting the file.
    fn fill(&self) -> PathBuf {
        let path = self.folder.join("filler");
        let mut file = File::create(&path).expect("a file");
        for block in [1 << 16, 1 << 10, 1] {
            while file.write_all(&vec![7; block]).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        done(Command::new("umount").arg("--lazy").arg(&self.folder));
    }
}

fn done(command: &mut Command) {
    let output = command
        .output()
        .expect("mount, umount and cp are installed");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {told}");
}

/// The height of a node that answers.
fn height(testnet: &Testnet, url: &str) -> Option<u64> {
    let (_, answer) = testnet.envelope(&["status", "--node", url]);
    answer["data"]["height"].as_u64()
}

/// Starts the node alone, with what it says in a file.
fn start(testnet: &Testnet, log: &Path) -> Child {
    let config = testnet.folder().join("n1/node.toml");
    let mut command = testnet.command(&["node", "run", "--config"]);
    command
        .arg(config)
        .stderr(File::create(log).expect("a file"));
    command.spawn().expect("the binary starts")
}

#[test]
fn a_disk_that_fills_up_under_load_stops_the_node_and_nothing_is_lost() {
    let testnet = Testnet::up(1);
    let genesis = testnet.folder().join("genesis.toml");
    let genesis = genesis.to_str().expect("UTF-8");
    let ports = testnet.stop_and_hold();
    let base = ports.local_addr().expect("an address").port();
    let url = format!("http://127.0.0.1:{}", base + 1);
    let at = ["--node", &url];
    let disk = SmallDisk::under(testnet.data_of("n1"));
    for round in 0..2 {
        let log = testnet.home().join(format!("log{round}"));
        let mut node = start(&testnet, &log);
        let before = wait_for("the node", || height(&testnet, &url));
        let load = [&["load", "--rate", "300", "--count", "100000"], &at[..]].concat();
        let mut load = testnet.command(&load).spawn().expect("the binary starts");
        let grown = || height(&testnet, &url).filter(|height| *height > before + 2);
        wait_for("blocks", grown);
        let filler = disk.fill();
        let status = wait_for("its end", || node.try_wait().expect("a child"));
        load.kill().expect("a child");
        load.wait().expect("a child");
        let told = fs::read_to_string(&log).expect("a log");
        assert_eq!(status.code(), Some(73), "{told}");
        assert!(!told.contains("panicked"), "{told}");
        let last = last_final(&told);
        fs::remove_file(filler).expect("the filler");
        testnet.data(&["db", "check", "n1", "--full"]);
        let stats = testnet.data(&["db", "stats", "n1"]);
        let tip = stats["tip"].as_u64().expect("a height");
        assert!((last..=last + 1).contains(&tip), "{tip} after {last}");
    }
    let mut node = start(&testnet, &testnet.home().join("log"));
    wait_for("the node", || height(&testnet, &url));
    testnet.ok(&[
        &["send", "alice", "bob", "1", "--genesis", genesis],
        &at[..],
    ]
    .concat());
    node.kill().expect("a child");
    node.wait().expect("a child");
}

#[test]
fn a_small_ledger_is_executed_again_where_little_room_is_left() {
    let testnet = Testnet::up(1);
    testnet.ok(&["send", "alice", "bob", "1"]);
    testnet.stop();
    let disk = SmallDisk::under(testnet.data_of("n1"));
    disk.leave(28 << 20);
    let checked = testnet.data(&["db", "check", "n1", "--full"]);
    assert_eq!(checked["depth"], "full");
}

/// The last block that a node called final.
fn last_final(log: &str) -> u64 {
    let lines = log.lines().filter(|line| line.contains("block final"));
    let height = |line: &str| {
        let (_, rest) = line.split_once("height=")?;
        rest.split(|digit: char| !digit.is_ascii_digit())
            .next()?
            .parse()
            .ok()
    };
    lines
        .filter_map(height)
        .next_back()
        .expect("a block was final")
}
