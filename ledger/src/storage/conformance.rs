//! What every storage must do, as code that each engine's tests run.
//!
//! It is here and not in a test folder because engines live in other packages. It panics where a
//! rule is broken.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Column, Entry, Storage, View, WriteBatch};

/// What a storage should hold.
type Model = BTreeMap<Vec<u8>, Vec<u8>>;

const WHY: &str = "no fault was injected";

/// Runs the whole suite on an empty storage.
///
/// # Panics
/// Where the storage breaks a rule.
pub fn run(storage: &dyn Storage) {
    reads_what_was_written(storage);
    columns_are_apart(storage);
    the_later_of_two_changes_stands(storage);
    ranges_are_deleted_in_the_order_of_changes(storage);
    scans_are_ordered_and_bounded(storage);
    snapshots_do_not_change(storage);
    agrees_with_a_model(storage);
}

/// Writes one value.
fn put(storage: &dyn Storage, column: Column, key: &[u8], value: &[u8]) {
    let mut batch = WriteBatch::new();
    batch.put(column, key, value);
    storage.write(batch).expect(WHY);
}

fn get(view: &dyn View, column: Column, key: &[u8]) -> Option<Vec<u8>> {
    view.get(column, key).expect(WHY)
}

fn keys(entries: Vec<Entry>) -> Vec<Vec<u8>> {
    entries.into_iter().map(|(key, _)| key).collect()
}

/// Removes everything, so that each rule starts with an empty storage.
fn clear(storage: &dyn Storage) {
    let mut batch = WriteBatch::new();
    for column in Column::ALL {
        for key in keys(storage.scan(column, b"", None, usize::MAX).expect(WHY)) {
            batch.delete(column, key);
        }
    }
    storage.write(batch).expect(WHY);
}

fn reads_what_was_written(storage: &dyn Storage) {
    clear(storage);
    assert_eq!(get(storage, Column::State, b"a"), None);
    put(storage, Column::State, b"a", b"1");
    put(storage, Column::State, b"", b"the empty key");
    put(storage, Column::State, b"b", b"");
    assert_eq!(get(storage, Column::State, b"a"), Some(b"1".to_vec()));
    assert_eq!(
        get(storage, Column::State, b""),
        Some(b"the empty key".to_vec())
    );
    assert_eq!(
        get(storage, Column::State, b"b"),
        Some(Vec::new()),
        "an empty value is a value"
    );
    let found = storage
        .multi_get(Column::State, &[b"b", b"none", b"a", b"a"])
        .expect(WHY);
    let one = Some(b"1".to_vec());
    assert_eq!(found, [Some(Vec::new()), None, one.clone(), one]);
    assert_eq!(storage.multi_get(Column::State, &[]).expect(WHY), []);
    storage
        .write(WriteBatch::new())
        .expect("an empty batch is a batch");
    let large = vec![7; 2 << 20];
    put(storage, Column::Body, b"a block of 2 MiB", &large);
    assert_eq!(get(storage, Column::Body, b"a block of 2 MiB"), Some(large));
}

fn columns_are_apart(storage: &dyn Storage) {
    clear(storage);
    let mut batch = WriteBatch::new();
    for column in Column::ALL {
        batch.put(column, b"key", column.name());
    }
    storage.write(batch).expect(WHY);
    for column in Column::ALL {
        let expected = (b"key".to_vec(), column.name().as_bytes().to_vec());
        assert_eq!(storage.scan(column, b"", None, 9).expect(WHY), [expected]);
    }
    let mut batch = WriteBatch::new();
    batch.delete(Column::Peer, b"key");
    storage.write(batch).expect(WHY);
    assert_eq!(get(storage, Column::Peer, b"key"), None);
    assert!(get(storage, Column::Meta, b"key").is_some());
}

fn the_later_of_two_changes_stands(storage: &dyn Storage) {
    clear(storage);
    let mut batch = WriteBatch::new();
    batch.put(Column::State, b"put, put", b"1");
    batch.put(Column::State, b"put, put", b"2");
    batch.put(Column::State, b"put, delete", b"1");
    batch.delete(Column::State, b"put, delete");
    batch.delete(Column::State, b"delete, put");
    batch.put(Column::State, b"delete, put", b"2");
    batch.delete(Column::State, b"absent");
    storage.write(batch).expect(WHY);
    let entries = storage.scan(Column::State, b"", None, 9).expect(WHY);
    let expected = [b"delete, put", &b"put, put"[..]].map(|key| (key.to_vec(), b"2".to_vec()));
    assert_eq!(entries, expected);
}

fn ranges_are_deleted_in_the_order_of_changes(storage: &dyn Storage) {
    clear(storage);
    for key in [&b"a"[..], b"b", b"bb", b"c", b"d"] {
        put(storage, Column::Body, key, b"old");
        put(storage, Column::Header, key, b"old");
    }
    let before = storage.snapshot().expect(WHY);
    let mut batch = WriteBatch::new();
    batch.put(Column::Body, b"bbb", b"goes with the range");
    batch.delete_range(Column::Body, b"b", b"d");
    batch.put(Column::Body, b"c", b"new");
    batch.delete_range(Column::Body, b"x", b"x");
    batch.delete_range(Column::Body, b"d", b"a");
    storage.write(batch).expect(WHY);
    let left = |view: &dyn View, column| keys(view.scan(column, b"", None, 9).expect(WHY));
    assert_eq!(left(storage, Column::Body), [b"a", b"c", b"d"]);
    assert_eq!(get(storage, Column::Body, b"c"), Some(b"new".to_vec()));
    assert_eq!(get(storage, Column::Body, b"bb"), None);
    assert_eq!(left(storage, Column::Header).len(), 5);
    assert_eq!(left(before.as_ref(), Column::Body).len(), 5);
    for to in [None, Some(&b"c"[..])] {
        storage.reclaim(Column::Body, b"", to).expect(WHY);
        assert_eq!(left(storage, Column::Body), [b"a", b"c", b"d"]);
        assert_eq!(left(before.as_ref(), Column::Body).len(), 5);
    }
}

fn scans_are_ordered_and_bounded(storage: &dyn Storage) {
    clear(storage);
    let sorted: [&[u8]; 6] = [b"", &[0], &[0, 0], &[0x7f], &[0x80], &[0xff, 0xff]];
    let mut batch = WriteBatch::new();
    for key in sorted.iter().rev() {
        batch.put(Column::Header, *key, *key);
    }
    storage.write(batch).expect(WHY);
    let scan = |from: &[u8], to: Option<&[u8]>, limit: usize| {
        let forward = keys(storage.scan(Column::Header, from, to, limit).expect(WHY));
        let back = keys(
            storage
                .scan_back(Column::Header, from, to, limit)
                .expect(WHY),
        );
        (forward, back)
    };
    let ascending = sorted.map(<[u8]>::to_vec);
    let mut descending = ascending.clone();
    descending.reverse();
    assert_eq!(
        scan(b"", None, usize::MAX),
        (ascending.to_vec(), descending.to_vec())
    );
    assert_eq!(
        scan(b"", None, 2),
        (ascending[..2].to_vec(), descending[..2].to_vec())
    );
    let (forward, back) = scan(&[0, 0], Some(&[0x80]), usize::MAX);
    assert_eq!(forward, ascending[2..4], "from is in, to is out");
    assert_eq!(back, descending[2..4], "from is in, to is out");
    let (forward, back) = scan(&[0, 1], Some(&[0x90]), 1);
    assert_eq!((forward, back), (vec![vec![0x7f]], vec![vec![0x80]]));
    for (from, to, limit) in [
        (&[9][..], &[9][..], 9),
        (&[9], &[8], 9),
        (&[1], &[2], 9),
        (&[], &[9], 0),
    ] {
        assert_eq!(scan(from, Some(to), limit), (vec![], vec![]));
    }
}

fn snapshots_do_not_change(storage: &dyn Storage) {
    clear(storage);
    put(storage, Column::State, b"changed", b"old");
    put(storage, Column::State, b"deleted", b"old");
    let before = storage.snapshot().expect(WHY);
    let mut batch = WriteBatch::new();
    batch.put(Column::State, b"added", b"new");
    batch.put(Column::State, b"changed", b"new");
    batch.delete(Column::State, b"deleted");
    storage.write(batch).expect(WHY);
    let after = storage.snapshot().expect(WHY);
    clear(storage);
    let see = |view: &Arc<dyn View>| {
        let found = view
            .multi_get(Column::State, &[b"added", b"changed", b"deleted"])
            .expect(WHY);
        let entries = view.scan(Column::State, b"", None, 9).expect(WHY);
        let mut back = view.scan_back(Column::State, b"", None, 9).expect(WHY);
        back.reverse();
        assert_eq!(entries, back);
        (found, keys(entries))
    };
    let (old, new) = (Some(b"old".to_vec()), Some(b"new".to_vec()));
    let names = |names: [&[u8]; 2]| names.map(<[u8]>::to_vec).to_vec();
    assert_eq!(
        see(&before),
        (
            vec![None, old.clone(), old],
            names([b"changed", b"deleted"])
        )
    );
    drop(before);
    assert_eq!(
        see(&after),
        (vec![new.clone(), new, None], names([b"added", b"changed"]))
    );
    assert_eq!(get(storage, Column::State, b"changed"), None);
}

/// Random batches, reads and snapshots against sorted maps. The seed is fixed: a failure repeats.
fn agrees_with_a_model(storage: &dyn Storage) {
    clear(storage);
    let mut random = Random(0x5eed);
    let mut model = Model::new();
    let mut snapshots: Vec<(Arc<dyn View>, Model)> = Vec::new();
    for _ in 0..200 {
        storage
            .write(random_batch(&mut random, &mut model))
            .expect(WHY);
        let (from, to) = (random.key(), random.key());
        compare(storage, &model, &from, &to);
        match random.below(4) {
            0 => snapshots.push((storage.snapshot().expect(WHY), model.clone())),
            1 if !snapshots.is_empty() => {
                snapshots.swap_remove(random.below(snapshots.len()));
            }
            _ => {}
        }
        for (view, model) in &snapshots {
            compare(view.as_ref(), model, &from, &to);
        }
    }
}

/// Draws a batch and applies it to the model.
fn random_batch(random: &mut Random, model: &mut Model) -> WriteBatch {
    let mut batch = WriteBatch::new();
    for _ in 0..random.below(8) {
        let key = random.key();
        if random.below(3) == 0 {
            model.remove(&key);
            batch.delete(Column::State, key);
        } else {
            let value = random.key();
            model.insert(key.clone(), value.clone());
            batch.put(Column::State, key, value);
        }
    }
    batch
}

fn compare(view: &dyn View, model: &Model, from: &[u8], to: &[u8]) {
    assert_eq!(
        view.get(Column::State, from).expect(WHY).as_ref(),
        model.get(from)
    );
    let within = |key: &[u8]| key >= from && key < to;
    let expected: Vec<Entry> = model
        .iter()
        .filter(|(key, _)| within(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let forward = view
        .scan(Column::State, from, Some(to), usize::MAX)
        .expect(WHY);
    let mut back = view
        .scan_back(Column::State, from, Some(to), usize::MAX)
        .expect(WHY);
    back.reverse();
    assert_eq!(forward, expected);
    assert_eq!(back, expected);
}

/// A generator for the model test (`SplitMix64`, Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a usize fits");
        usize::try_from(self.next() % bound).expect("less than a usize")
    }

    /// A key of at most two bytes out of few, so that keys meet.
    fn key(&mut self) -> Vec<u8> {
        let length = self.below(3);
        (0..length)
            .map(|_| [0, 1, 0x7f, 0xff][self.below(4)])
            .collect()
    }
}
