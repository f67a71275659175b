//! What the engine in memory does beyond the shared suite: lose, fail, forget.

use super::{Durability, MAX_UNSYNCED_BATCHES, MemoryStorage, lock};
use crate::storage::{
    Column, Storage, StorageError, StorageOperation, View, WriteBatch, conformance,
};

fn put(key: &[u8], value: &[u8]) -> WriteBatch {
    let mut batch = WriteBatch::new();
    batch.put(Column::State, key, value);
    batch
}

/// Writes a block of two entries that must stay together.
fn write_pair(storage: &MemoryStorage, number: u8) {
    let mut batch = put(&[number], &[number]);
    batch.put(Column::Header, [number], [number]);
    batch.put(Column::Meta, b"tip", [number]);
    storage.write(batch).unwrap();
}

fn full() -> StorageError {
    StorageError::NoSpace {
        operation: StorageOperation::Write,
        reason: "injected".into(),
    }
}

#[test]
fn conforms() {
    conformance::run(&MemoryStorage::new());
    conformance::run(&MemoryStorage::with_durability(Durability::Buffered));
}

#[test]
fn a_crash_keeps_a_prefix_of_whole_batches() {
    for kept in 0..=4_u8 {
        let storage = MemoryStorage::with_durability(Durability::Buffered);
        write_pair(&storage, 1);
        storage.sync();
        for number in 2..=5 {
            write_pair(&storage, number);
        }
        assert_eq!(storage.unsynced(), 4);
        assert_eq!(storage.crash(usize::from(kept)), usize::from(4 - kept));
        let tip = 1 + kept;
        assert_eq!(storage.get(Column::Meta, b"tip"), Ok(Some(vec![tip])));
        for number in 1..=5 {
            let expected = (number <= tip).then(|| vec![number]);
            assert_eq!(storage.get(Column::State, &[number]), Ok(expected.clone()));
            assert_eq!(storage.get(Column::Header, &[number]), Ok(expected));
        }
        assert_eq!(storage.crash(0), 0, "what survived a crash is on the disk");
    }
}

#[test]
fn a_crash_brings_deleted_and_replaced_values_back() {
    let storage = MemoryStorage::with_durability(Durability::Buffered);
    let mut first = put(b"deleted", b"a");
    first.append(put(b"replaced", b"b"));
    storage.write(first).unwrap();
    storage.sync();
    let mut second = put(b"replaced", b"c");
    second.append(put(b"replaced", b"d"));
    second.delete(Column::State, b"deleted");
    second.append(put(b"new", b"e"));
    storage.write(second).unwrap();
    storage.crash(0);
    let entries = storage.scan(Column::State, b"", None, 9).unwrap();
    let expected = [
        (b"deleted".to_vec(), b"a".to_vec()),
        (b"replaced".to_vec(), b"b".to_vec()),
    ];
    assert_eq!(entries, expected);
}

#[test]
fn a_synced_storage_loses_nothing() {
    let storage = MemoryStorage::new();
    write_pair(&storage, 1);
    assert_eq!(storage.crash(0), 0);
    assert_eq!(storage.get(Column::Meta, b"tip"), Ok(Some(vec![1])));
}

#[test]
fn what_is_unsynced_is_bounded() {
    let storage = MemoryStorage::with_durability(Durability::Buffered);
    for _ in 0..MAX_UNSYNCED_BATCHES + 10 {
        storage.write(put(b"key", b"value")).unwrap();
    }
    assert_eq!(storage.unsynced(), MAX_UNSYNCED_BATCHES);
}

#[test]
fn after_the_first_failed_write_all_fail_until_the_restart() {
    let storage = MemoryStorage::new();
    storage.fail_write(2, full());
    for number in 1..=2 {
        write_pair(&storage, number);
    }
    for _ in 0..3 {
        assert_eq!(storage.write(put(b"lost", b"")), Err(full()));
    }
    assert_eq!(storage.get(Column::State, b"lost"), Ok(None));
    assert_eq!(storage.get(Column::Meta, b"tip"), Ok(Some(vec![2])));
    storage.crash(0);
    assert_eq!(storage.write(put(b"after", b"")), Ok(()));
}

#[test]
fn a_damaged_entry_is_reported_by_every_read_that_meets_it() {
    let storage = MemoryStorage::new();
    for number in 1..=3 {
        write_pair(&storage, number);
    }
    storage.damage(Column::State, &[2]);
    assert!(storage.get(Column::State, &[2]).unwrap_err().is_corrupt());
    assert!(
        storage
            .multi_get(Column::State, &[&[1], &[2]])
            .unwrap_err()
            .is_corrupt()
    );
    assert!(
        storage
            .scan(Column::State, b"", None, 9)
            .unwrap_err()
            .is_corrupt()
    );
    assert_eq!(storage.scan(Column::State, &[3], None, 9).unwrap().len(), 1);
    write_pair(&storage, 2);
    assert_eq!(storage.get(Column::State, &[2]), Ok(Some(vec![2])));
}

#[test]
fn versions_are_forgotten_with_the_snapshots_that_saw_them() {
    let storage = MemoryStorage::new();
    write_pair(&storage, 1);
    let kept = |storage: &MemoryStorage| lock(&storage.engine).versions.kept();
    let before = kept(&storage);
    let mut snapshots = Vec::new();
    for round in 0..10 {
        snapshots.push(storage.snapshot().unwrap());
        storage.write(put(&[1], &[round])).unwrap();
        storage.write(put(b"passing", b"")).unwrap();
        let mut delete = WriteBatch::new();
        delete.delete(Column::State, b"passing");
        storage.write(delete).unwrap();
    }
    assert!(kept(&storage) > before);
    snapshots.swap(0, 5);
    for (index, snapshot) in snapshots.into_iter().enumerate() {
        assert!(
            snapshot.get(Column::State, &[1]).unwrap().is_some(),
            "snapshot {index}"
        );
    }
    assert_eq!(kept(&storage), before);
}
