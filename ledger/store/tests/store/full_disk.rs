//! A disk that fills up while the ledger grows.
//!
//! The test needs no small disk: names that RocksDB will use next are links to `/dev/full`, a
//! device of Linux that refuses every write for want of space.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use starling_ledger::storage::{Column, Storage, StorageError, StorageFault, WriteBatch};
use starling_store::RocksStorage;
use tempfile::tempdir;

use crate::blocks::{open, tip, write_block};

/// Makes every file that RocksDB opens next with that ending refuse its bytes.
fn fill_disk(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let links = (1..1000).map(|number| folder.join(format!("rocksdb/{number:06}.{ending}")));
    links
        .filter(|link| symlink("/dev/full", link).is_ok())
        .collect()
}

/// Writes until the engine gives up, which it must do before it has taken much more than it keeps
/// in memory.
fn write_until_refused(storage: &RocksStorage) -> StorageError {
    for number in 0..300_u32 {
        let mut batch = WriteBatch::new();
        batch.put(Column::State, number.to_be_bytes(), vec![7; 1 << 20]);
        if let Err(error) = storage.write(batch) {
            return error;
        }
    }
    panic!("300 MiB went to a full disk");
}

fn stops_when_full(ending: &str) {
    let folder = tempdir().unwrap();
    let reserve = folder.path().join("reserve");
    let storage = open(folder.path()).unwrap();
    write_block(&storage, 1).unwrap();
    assert!(reserve.exists());
    let links = fill_disk(folder.path(), ending);
    let error = write_until_refused(&storage);
    for link in &links {
        let _ = fs::remove_file(link);
    }
    assert_eq!(
        write_block(&storage, 2),
        Err(error.clone()),
        "it does not resume by itself"
    );
    assert_eq!(tip(&storage), Ok(1));
    if error.is_no_space() {
        assert!(!reserve.exists(), "the reserve is given back");
    }
    drop(storage);
    let storage = open(folder.path()).unwrap();
    assert!(reserve.exists());
    write_block(&storage, 2).unwrap();
    assert_eq!(tip(&storage), Ok(2));
    if ending == "log" {
        assert_eq!(error.fault(), StorageFault::DiskFull, "{error}");
    }
}

#[test]
fn stops_for_good_when_the_log_finds_no_space() {
    stops_when_full("log");
}

#[test]
fn stops_for_good_when_a_table_finds_no_space() {
    stops_when_full("sst");
}

#[test]
fn does_not_start_without_its_reserve() {
    let folder = tempdir().unwrap();
    symlink("/dev/full", folder.path().join("reserve")).unwrap();
    let error = open(folder.path()).err().unwrap();
    assert_eq!(error.fault(), StorageFault::DiskFull);
}
