//! Damaged folders: an error that says so, or whole blocks up to a last one; never anything else.

use std::fs;
use std::path::{Path, PathBuf};

use starling_ledger::storage::{StorageError, StorageFault};
use tempfile::{TempDir, tempdir};

use crate::blocks::{open, tip, write_block};

const BLOCKS: u32 = 120;

/// Flipped bits per state of the folder: a start each.
const TRIALS: usize = 30;

/// A closed ledger. Its blocks are in the log; with `tables`, in tables.
fn ledger(tables: bool) -> TempDir {
    let folder = tempdir().unwrap();
    let storage = open(folder.path()).unwrap();
    for number in 1..=BLOCKS {
        write_block(&storage, number).unwrap();
    }
    drop(storage);
    if tables {
        // What is found in the log at a start goes into tables.
        drop(open(folder.path()).unwrap());
    }
    folder
}

/// The files of the ledger with that beginning or end, the largest first.
fn files(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    let entries = folder.join("rocksdb").read_dir().unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| {
        let name = file.file_name().unwrap().to_string_lossy();
        name.starts_with(pattern) || name.ends_with(pattern)
    });
    files.sort_by_key(|file| std::cmp::Reverse(file.metadata().unwrap().len()));
    assert!(!files.is_empty(), "no {pattern} in the folder");
    files
}

/// Whether the file is RocksDB's report of what it did, which nobody reads back.
fn is_report(file: &Path) -> bool {
    file.file_name()
        .unwrap()
        .to_string_lossy()
        .starts_with("LOG")
}

fn reread(folder: &Path) -> Result<u32, StorageError> {
    open(folder).and_then(|storage| tip(&storage))
}

/// Checks that damage to `file` was found, and that the error says where.
fn assert_found(result: Result<u32, StorageError>, file: &Path) {
    let error = result.expect_err("the damage was not found");
    assert_eq!(error.fault(), StorageFault::CorruptData, "{error}");
    let name = match file.extension() {
        // There is one log of writes; RocksDB does not tell its number.
        Some(extension) if extension == "log" => "*.log".into(),
        _ => file.file_name().unwrap().to_string_lossy(),
    };
    assert!(
        error.to_string().contains(&*name),
        "{error} does not name {name}"
    );
}

#[test]
fn a_flipped_byte_of_a_table_is_found_and_named() {
    let folder = ledger(true);
    let table = files(folder.path(), ".sst").remove(0);
    let whole = fs::read(&table).unwrap();
    // In the data; the trailer of a table has bytes that mean nothing.
    for position in [0, 100, whole.len() / 2] {
        let mut bytes = whole.clone();
        bytes[position] ^= 1;
        fs::write(&table, bytes).unwrap();
        assert_found(reread(folder.path()), &table);
    }
}

#[test]
fn a_cut_table_is_found_and_named() {
    for length in [0, 10, 1000] {
        let folder = ledger(true);
        let table = files(folder.path(), ".sst").remove(0);
        fs::OpenOptions::new()
            .write(true)
            .open(&table)
            .unwrap()
            .set_len(length)
            .unwrap();
        assert_found(reread(folder.path()), &table);
    }
}

#[test]
fn a_missing_file_is_found_and_named() {
    for pattern in [".sst", "MANIFEST", "CURRENT", ".log"] {
        let folder = ledger(pattern != ".log");
        let file = files(folder.path(), pattern).remove(0);
        fs::remove_file(&file).unwrap();
        assert_found(reread(folder.path()), &file);
    }
}

#[test]
fn a_flipped_byte_in_the_middle_of_the_log_is_found() {
    let folder = ledger(false);
    let log = files(folder.path(), ".log").remove(0);
    let mut bytes = fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&log, bytes).unwrap();
    assert_found(reread(folder.path()), &log);
}

#[test]
fn a_cut_log_leaves_the_whole_blocks_before_the_cut() {
    for cut in [1, 50, 400, 5000] {
        let folder = ledger(false);
        let log = files(folder.path(), ".log").remove(0);
        let length = log.metadata().unwrap().len();
        fs::OpenOptions::new()
            .write(true)
            .open(&log)
            .unwrap()
            .set_len(length - cut)
            .unwrap();
        let last = reread(folder.path()).unwrap();
        assert!(
            last < BLOCKS && u64::from(BLOCKS - last) <= cut / 300 + 1,
            "{last} after {cut}"
        );
        let storage = open(folder.path()).unwrap();
        write_block(&storage, last + 1).unwrap();
        assert_eq!(tip(&storage), Ok(last + 1));
    }
}

#[test]
fn no_flipped_bit_anywhere_shows_another_ledger() {
    let mut seed = 0x0051_a217_u64;
    let mut draw = |bound: usize| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % bound
    };
    for tables in [false, true] {
        let folder = ledger(tables);
        let originals: Vec<_> = files(folder.path(), "")
            .into_iter()
            .map(|file| (fs::read(&file).unwrap(), file))
            .filter(|(bytes, file)| !bytes.is_empty() && !is_report(file))
            .collect();
        for _ in 0..TRIALS {
            let (bytes, file) = &originals[draw(originals.len())];
            let mut bytes = bytes.clone();
            let position = draw(bytes.len());
            bytes[position] ^= 1 << draw(8);
            fs::write(file, bytes).unwrap();
            match reread(folder.path()) {
                Ok(last) => assert!(last <= BLOCKS),
                Err(error) => {
                    let fault = error.fault();
                    let told = [StorageFault::CorruptData, StorageFault::Configuration];
                    assert!(told.contains(&fault), "{}: {error}", file.display());
                }
            }
            fs::remove_dir_all(folder.path().join("rocksdb")).unwrap();
            fs::create_dir(folder.path().join("rocksdb")).unwrap();
            for (bytes, file) in &originals {
                fs::write(file, bytes).unwrap();
            }
        }
    }
}
