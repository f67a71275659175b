//! A process that appends blocks is killed in the middle of a system call; whoever opens its folder
//! finds every block that it called final, and no other.
//!
//! `strace` kills it at the n-th call of a kind (of one of its threads). `STARLING_KILLS=all` kills
//! at each of the first 300 syncs and at 1,000 other calls (`make crash`); without it a few are
//! drawn. The calls are those that RocksDB, the reserve and the lock make.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};

use starling_ledger::block::BlockHash;
use starling_ledger::storage::MemoryStorage;
use starling_store::{OpenOptions, RocksStorage};
use starling_tests::ledger_maker::LedgerMaker;

/// Blocks that are to be appended.
const HEIGHT: u64 = 320;
/// Transfers of each: with them a table is written every few dozen blocks.
const TRANSFERS: u64 = 4;

/// Kinds of calls that are interrupted, and how many of each at the most.
const SYNCS: (&str, usize) = ("fdatasync,fsync,sync_file_range", 300);
const OTHERS: [(&str, usize); 5] = [
    ("write", 400),
    ("openat", 300),
    ("unlink,unlinkat,rename,renameat,renameat2,mkdir", 150),
    ("ftruncate,fallocate", 150),
    ("close", 350),
];
/// Kills of a short run, per kind.
const SHORT: usize = 3;

/// What one run came to.
enum Run {
    /// It was killed.
    Killed,
    /// It ended before the n-th call came.
    Ended,
}

/// The hashes of the blocks 1, 2, ….
fn blocks() -> &'static [BlockHash] {
    static BLOCKS: OnceLock<Vec<BlockHash>> = OnceLock::new();
    BLOCKS.get_or_init(|| {
        let mut maker = LedgerMaker::new(Arc::new(MemoryStorage::new()), TRANSFERS);
        let next = |_| {
            maker.append();
            maker.head().1
        };
        (0..HEIGHT + 2).map(next).collect()
    })
}

fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_append"))
}

/// Appends until the n-th call of one of `calls`; checks what is left.
fn kill_at(calls: &str, number: usize) -> Run {
    let folder = tempfile::tempdir().expect("a folder");
    let inject = format!("inject={calls}:signal=SIGKILL:when={number}");
    let output = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &inject, "-e"])
        .arg(format!("trace={calls}"))
        .arg(binary())
        .arg(folder.path())
        .args([HEIGHT.to_string(), TRANSFERS.to_string()])
        .stderr(Stdio::piped())
        .output()
        .expect("strace is installed: make deps");
    let told = String::from_utf8_lossy(&output.stdout);
    let acknowledged = told.lines().filter_map(acknowledged).next_back();
    check(folder.path(), acknowledged.unwrap_or(0));
    match output.status.code() {
        Some(0) => Run::Ended,
        Some(code) if code != 137 => {
            let words = String::from_utf8_lossy(&output.stderr);
            panic!("{calls} {number}: it ended with {code}: {words}")
        }
        _ => Run::Killed,
    }
}

/// Reads one line of the appending process; the last may be cut off.
fn acknowledged(line: &str) -> Option<u64> {
    let (height, hash) = line.split_once(' ')?;
    (hash.len() == 64).then_some(())?;
    let height: u64 = height.parse().ok()?;
    let expected = blocks()[usize::try_from(height).ok()? - 1];
    assert_eq!(hash, expected.to_string(), "it made another block {height}");
    Some(height)
}

/// Opens the folder: every acknowledged block is there, at most the one in flight beside them, and
/// the ledger goes on.
fn check(folder: &Path, acknowledged: u64) {
    let storage = RocksStorage::open(folder, &OpenOptions::default());
    let storage = storage.unwrap_or_else(|error| panic!("after {acknowledged}: {error}"));
    let mut maker = LedgerMaker::new(Arc::new(storage), TRANSFERS);
    let (head, hash) = maker.head();
    assert!(
        head == acknowledged || head == acknowledged + 1,
        "block {acknowledged} was acknowledged, the ledger ends with {head}"
    );
    let read = maker.chain().read().clone();
    for height in 1..=head {
        let expected = blocks()[usize::try_from(height).expect("a small number") - 1];
        let block = read.block(height).expect("readable").expect("no gap");
        assert_eq!(block.header.hash(), expected, "block {height}");
    }
    assert_eq!(read.header(head + 1), Ok(None));
    if head > 0 {
        let expected = blocks()[usize::try_from(head).expect("a small number") - 1];
        assert_eq!(hash, expected);
    }
    maker.append();
    let next = blocks()[usize::try_from(head).expect("a small number")];
    assert_eq!(maker.head(), (head + 1, next));
}

/// Kills at calls 1, 2, … of a kind, or at a few of them; returns at how many it died.
fn campaign((calls, most): (&str, usize)) -> usize {
    let all = std::env::var("STARLING_KILLS").is_ok_and(|value| value == "all");
    let numbers: Vec<usize> = match all {
        true => (1..=most).collect(),
        // The first calls make the ledger; later ones append to it.
        false => (0..SHORT).map(|step| 1 + step * most / 7).collect(),
    };
    let mut killed = 0;
    for number in numbers {
        match kill_at(calls, number) {
            Run::Killed => killed += 1,
            Run::Ended => break,
        }
    }
    println!("{calls}: killed {killed} times");
    killed
}

#[test]
fn nothing_final_is_lost_when_a_sync_is_cut_off() {
    assert!(campaign(SYNCS) > 0);
}

#[test]
fn nothing_final_is_lost_when_another_call_is_cut_off() {
    let killed: Vec<_> = OTHERS.into_iter().map(campaign).collect();
    assert!(killed.iter().sum::<usize>() > 0);
}
