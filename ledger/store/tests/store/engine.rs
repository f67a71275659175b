//! What the engine promises while nothing is broken.

use starling_ledger::storage::schema::{SCHEMA_KEY, SCHEMA_VERSION};
use starling_ledger::storage::{
    Column, Storage, StorageError, StorageFault, View, WriteBatch, conformance,
};
use starling_store::{OpenOptions, RocksStorage, WRITE_BYTES_MAX};
use tempfile::tempdir;

use crate::blocks::{open, tip, write_block};

#[test]
fn conforms() {
    let folder = tempdir().unwrap();
    conformance::run(&open(folder.path()).unwrap());
}

#[test]
fn what_was_written_is_there_after_reopening() {
    let folder = tempdir().unwrap();
    for round in 0..3 {
        let storage = open(folder.path()).unwrap();
        assert_eq!(tip(&storage), Ok(round * 10));
        for number in round * 10 + 1..=round * 10 + 10 {
            write_block(&storage, number).unwrap();
        }
    }
}

#[test]
fn a_folder_is_opened_once() {
    let folder = tempdir().unwrap();
    let storage = open(folder.path()).unwrap();
    let refused = open(folder.path()).err().unwrap();
    let (text, process) = (
        folder.path().display().to_string(),
        Some(std::process::id()),
    );
    assert_eq!(
        refused,
        StorageError::Locked {
            folder: text,
            process
        }
    );
    assert_eq!(refused.fault(), StorageFault::FolderLocked);
    write_block(&storage, 1).unwrap();
    drop(storage);
    assert_eq!(tip(&open(folder.path()).unwrap()), Ok(1));
}

#[test]
fn a_snapshot_outlives_its_storage_and_keeps_the_folder() {
    let folder = tempdir().unwrap();
    let storage = open(folder.path()).unwrap();
    write_block(&storage, 1).unwrap();
    let snapshot = storage.snapshot().unwrap();
    write_block(&storage, 2).unwrap();
    drop(storage);
    assert_eq!(tip(snapshot.as_ref()), Ok(1));
    let refused = open(folder.path()).err().unwrap();
    assert_eq!(refused.fault(), StorageFault::FolderLocked);
    drop(snapshot);
    assert_eq!(tip(&open(folder.path()).unwrap()), Ok(2));
}

#[test]
fn an_unfinished_first_start_is_begun_anew() {
    let folder = tempdir().unwrap();
    std::fs::create_dir(folder.path().join("rocksdb.new")).unwrap();
    std::fs::write(folder.path().join("rocksdb.new/MANIFEST-000001"), b"half").unwrap();
    let storage = open(folder.path()).unwrap();
    assert_eq!(tip(&storage), Ok(0));
    assert!(!folder.path().join("rocksdb.new").exists());
}

#[test]
fn refuses_a_newer_schema_and_changes_nothing() {
    let folder = tempdir().unwrap();
    let storage = open(folder.path()).unwrap();
    let mut batch = WriteBatch::new();
    batch.put(Column::Meta, SCHEMA_KEY, (SCHEMA_VERSION + 1).to_le_bytes());
    storage.write(batch).unwrap();
    drop(storage);
    let files = || {
        let files = folder.path().join("rocksdb").read_dir().unwrap();
        let describe = |file: std::fs::DirEntry| (file.path(), std::fs::read(file.path()).unwrap());
        let mut files: Vec<_> = files.map(|file| describe(file.unwrap())).collect();
        files.sort();
        files
    };
    let before = files();
    let expected = StorageError::Schema {
        found: SCHEMA_VERSION + 1,
        known: SCHEMA_VERSION,
    };
    for _ in 0..2 {
        assert_eq!(open(folder.path()).err(), Some(expected.clone()));
    }
    assert!(files() == before, "a refused folder was changed");
}

#[test]
fn reading_only_works_beside_a_writer() {
    let folder = tempdir().unwrap();
    let storage = open(folder.path()).unwrap();
    write_block(&storage, 1).unwrap();
    let reading = RocksStorage::open_read_only(folder.path(), &OpenOptions::default()).unwrap();
    write_block(&storage, 2).unwrap();
    assert_eq!(tip(&reading), Ok(1));
    assert_eq!(write_block(&reading, 2), Err(StorageError::ReadOnly));
    assert_eq!(tip(&storage), Ok(2));
}

#[test]
fn reading_only_makes_no_ledger() {
    let folder = tempdir().unwrap();
    let refused = RocksStorage::open_read_only(folder.path(), &OpenOptions::default()).err();
    assert_eq!(refused.unwrap().fault(), StorageFault::Configuration);
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
fn sizes_grow_with_what_a_column_holds() {
    let folder = tempdir().unwrap();
    let storage = open(folder.path()).unwrap();
    let of = |column| {
        let sizes = storage.sizes().unwrap();
        assert_eq!(sizes.len(), Column::ALL.len());
        sizes
            .into_iter()
            .find(|(other, _)| *other == column)
            .unwrap()
            .1
    };
    let (body, peer) = (of(Column::Body), of(Column::Peer));
    let mut batch = WriteBatch::new();
    batch.put(Column::Body, b"block", vec![1; 3 << 20]);
    storage.write(batch).unwrap();
    assert!(of(Column::Body) >= body + (3 << 20));
    assert_eq!(of(Column::Peer), peer);
}

#[test]
fn a_batch_beyond_the_limit_is_refused_whole() {
    let folder = tempdir().unwrap();
    let storage = open(folder.path()).unwrap();
    let mut batch = WriteBatch::new();
    batch.put(Column::Peer, b"small", b"");
    batch.put(Column::Peer, b"large", vec![0; WRITE_BYTES_MAX]);
    assert_eq!(storage.write(batch).unwrap_err().fault(), StorageFault::Io);
    assert_eq!(storage.get(Column::Peer, b"small"), Ok(None));
}
