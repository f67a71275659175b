//! Properties of the state: it agrees with a plain map, its root is a function of the content, and
//! its proofs prove nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use starling_ledger::codec::{decode, encode};
use starling_ledger::hash::{Context, Hash};
use starling_ledger::state::{PAGE_BYTES_MAX, PROOF_BYTES_MAX, State, StateProof, StateUpdate};
use starling_ledger::storage::{Column, MemoryStorage, Storage, View, WriteBatch, WriteOperation};

type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;
type Content = BTreeMap<Vec<u8>, Vec<u8>>;

fn storage() -> Arc<dyn Storage> {
    Arc::new(MemoryStorage::new())
}

fn empty() -> State {
    State::empty(
        storage()
            .snapshot()
            .expect("the engine in memory takes snapshots"),
    )
}

fn write(storage: &Arc<dyn Storage>, batch: WriteBatch) {
    storage
        .write(batch)
        .expect("the engine in memory takes writes");
}

fn apply(content: &mut Content, changes: &Changes) {
    for (key, value) in changes {
        match value {
            Some(value) => content.insert(key.clone(), value.clone()),
            None => content.remove(key),
        };
    }
}

fn built_at_once(content: &Content) -> StateUpdate {
    let changes = content
        .iter()
        .map(|(key, value)| (key.clone(), Some(value.clone())))
        .collect();
    empty().update(&changes).expect("the pages are all there")
}

/// Keys from a small set, so that updates meet; values from empty to above a page.
fn changes() -> impl Strategy<Value = Changes> {
    let key = (0u16..400).prop_map(|key| key.to_be_bytes().to_vec());
    let size = prop_oneof![8 => 0usize..200, 1 => 900usize..1_100, 1 => 1_100usize..3_000];
    let value = (size, any::<u8>()).prop_map(|(size, byte)| vec![byte; size]);
    btree_map(key, option::weighted(0.6, value), 0..150)
}

/// Keys whose hashed position begins with eight zero bits.
fn ground_keys(count: usize) -> Vec<Vec<u8>> {
    (0u64..)
        .map(|number| number.to_le_bytes().to_vec())
        .filter(|key| Hash::of(Context::StateKey, &[key]).0[0] == 0)
        .take(count)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn agrees_with_a_map_and_with_a_state_built_at_once(updates in vec(changes(), 1..8)) {
        let mut state = empty();
        let mut content = Content::new();
        for changes in &updates {
            state = state.update(changes).unwrap().state;
            apply(&mut content, changes);
            prop_assert_eq!(state.root(), built_at_once(&content).root);
        }
        let keys: Vec<_> = (0u16..400).map(|key| key.to_be_bytes()).collect();
        let keys: Vec<&[u8]> = keys.iter().map(<[u8; 2]>::as_slice).collect();
        let values = state.get_many(&keys).unwrap();
        for (key, value) in keys.iter().zip(values) {
            prop_assert_eq!(value.as_ref(), content.get(*key));
            prop_assert_eq!(state.get(key).unwrap(), value);
        }
    }

    #[test]
    fn the_storage_holds_what_a_state_built_at_once_writes(updates in vec(changes(), 1..6)) {
        let store = storage();
        let mut state = State::open(&store).unwrap();
        let mut content = Content::new();
        for (number, changes) in updates.iter().enumerate() {
            let update = state.update(changes).unwrap();
            apply(&mut content, changes);
            write(&store, update.writes);
            let view = store.snapshot().unwrap();
            // Every second version goes on from the snapshot, the others from memory.
            state = if number % 2 == 0 { update.state.settled(view) } else { update.state };
        }
        let reopened = State::open(&store).unwrap();
        prop_assert_eq!(reopened.root(), state.root());
        for (key, value) in &content {
            prop_assert_eq!(&reopened.get(key).unwrap(), &Some(value.clone()));
        }
        let mut visited = Content::new();
        reopened.visit(|key, value| drop(visited.insert(key.to_vec(), value.to_vec()))).unwrap();
        prop_assert_eq!(&visited, &content);
        let fresh = storage();
        write(&fresh, built_at_once(&content).writes);
        for column in [Column::State, Column::PageHash] {
            let all = |view: &dyn View| view.scan(column, b"", None, usize::MAX).unwrap();
            prop_assert_eq!(all(&*store), all(&*fresh));
        }
    }

    #[test]
    fn versions_before_an_update_keep_their_content(before in changes(), after in changes()) {
        let first = empty().update(&before).unwrap().state;
        let root = first.root();
        first.update(&after).unwrap();
        prop_assert_eq!(first.root(), root);
        for (key, value) in &before {
            prop_assert_eq!(&first.get(key).unwrap(), value);
        }
    }

    #[test]
    fn proofs_show_presence_and_absence(changes in changes(), key in 0u16..500) {
        let mut content = Content::new();
        apply(&mut content, &changes);
        let state = empty().update(&changes).unwrap().state;
        let key = key.to_be_bytes();
        let proof = state.prove(&key).unwrap();
        let proof: StateProof = decode::<_, PROOF_BYTES_MAX>(&encode(&proof)).unwrap();
        let expected = content.get(&key[..]).map(Vec::as_slice);
        prop_assert_eq!(proof.verify(&state.root(), &key), Ok(expected));
        prop_assert!(proof.verify(&Hash([7; 32]), &key).is_err());
    }

    #[test]
    fn a_mutated_proof_never_shows_another_value(
        changes in changes(),
        key in 0u16..400,
        at in any::<prop::sample::Index>(),
        flip in 1u8..=255,
    ) {
        let state = empty().update(&changes).unwrap().state;
        let key = key.to_be_bytes();
        let mut bytes = encode(&state.prove(&key).unwrap());
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(proof) = decode::<StateProof, PROOF_BYTES_MAX>(&bytes) {
            prop_assert!(proof.verify(&state.root(), &key).is_err());
        }
    }
}

#[test]
fn two_thousand_keys_ground_into_one_corner_stay_readable_and_leave_no_trace() {
    let keys = ground_keys(2_000);
    let quiet: Changes = [(b"quiet".to_vec(), Some(vec![1; 80]))].into();
    let before = empty().update(&quiet).unwrap();
    let attack: Changes = keys
        .iter()
        .map(|key| (key.clone(), Some(vec![2; 80])))
        .collect();
    let attacked = before.state.update(&attack).unwrap();
    assert_eq!(attacked.state.get(&keys[1_999]).unwrap(), Some(vec![2; 80]));
    let proof = attacked.state.prove(&keys[0]).unwrap();
    assert_eq!(
        proof.verify(&attacked.root, &keys[0]),
        Ok(Some(&[2; 80][..]))
    );
    // 94 bytes an entry: 2,000 of them need at least 186 pages below the eight common bits.
    let pages = attacked.writes.operations().iter().filter(|change| {
        matches!(change, WriteOperation::Put { column: Column::State, value, .. }
            if value.len() <= PAGE_BYTES_MAX)
    });
    assert!(pages.count() >= 186);
    let undo: Changes = keys.iter().map(|key| (key.clone(), None)).collect();
    assert_eq!(attacked.state.update(&undo).unwrap().root, before.root);
}

#[test]
fn the_empty_state_has_the_zero_root_and_proves_absence() {
    let state = empty();
    assert_eq!(state.root(), Hash::ZERO);
    let proof = state.prove(b"any").unwrap();
    assert_eq!(proof.verify(&Hash::ZERO, b"any"), Ok(None));
    let update: Changes = [(b"any".to_vec(), None)].into();
    assert_eq!(state.update(&update).unwrap().writes, WriteBatch::new());
}

#[test]
fn refuses_entries_above_the_limits() {
    for (key, value) in [(257, 0), (1, 128 * 1024 + 1)] {
        let changes: Changes = [(vec![0; key], Some(vec![0; value]))].into();
        let error = empty().update(&changes).unwrap_err();
        assert!(error.is_deterministic(), "{error}");
    }
}

#[test]
fn a_view_of_another_version_is_corrupt_and_never_read_as_this_one() {
    let store = storage();
    // Too large for the cache, from which another view would not be needed.
    let large = |fill| Some(vec![fill; PAGE_BYTES_MAX]);
    let one: Changes = [(b"key".to_vec(), large(1))].into();
    let two: Changes = [(b"key".to_vec(), large(2))].into();
    let first = State::open(&store).unwrap().update(&one).unwrap();
    write(&store, first.writes);
    let old = store.snapshot().unwrap();
    let second = first.state.update(&two).unwrap();
    let error = second.state.settled(old).get(b"key").unwrap_err();
    assert!(!error.is_deterministic(), "{error}");
}

#[test]
fn refuses_page_hashes_that_are_not_those_of_a_trie() {
    let summary = |size: u16| [&[1; 32][..], &size.to_le_bytes()].concat();
    let cases: [&[(&[u8], Vec<u8>)]; 5] = [
        &[(&[0x80], vec![1; 33])],
        &[(&[0x80], summary(0))],
        &[(&[0x40], summary(100)), (&[0xc0], summary(100))],
        &[(&[0x40], summary(1_025))],
        &[(&[0x80], summary(100)), (&[0xc0], summary(1_000))],
    ];
    for entries in cases {
        let store = storage();
        let mut batch = WriteBatch::new();
        for (key, value) in entries {
            batch.put(Column::PageHash, *key, value.clone());
        }
        write(&store, batch);
        assert!(State::open(&store).is_err(), "{entries:?}");
    }
}

#[test]
fn what_was_prefetched_is_not_read_again() {
    let memory = Arc::new(MemoryStorage::new());
    let store: Arc<dyn Storage> = memory.clone();
    let entry = |number: u8| (vec![number; 33], Some(vec![0; 80]));
    let update = State::open(&store)
        .unwrap()
        .update(&(0..100).map(entry).collect())
        .unwrap();
    write(&store, update.writes);
    let state = State::open(&store).unwrap();
    let keys = [[7; 33], [8; 33], [200; 33]];
    let (ahead, values) = state.prefetch(&keys).unwrap();
    let value = || Some(vec![0; 80]);
    assert_eq!(values, [value(), value(), None]);
    for (key, _) in store.scan(Column::State, b"", None, usize::MAX).unwrap() {
        memory.damage(Column::State, &key);
    }
    assert!(state.get(&[7; 33]).is_err());
    assert_eq!(ahead.root(), state.root());
    assert_eq!(ahead.get(&[7; 33]).unwrap(), Some(vec![0; 80]));
    assert_eq!(
        ahead.get_many(&[&[8; 33], &[200; 33]]).unwrap(),
        [Some(vec![0; 80]), None]
    );
    let change: Changes = [(vec![8; 33], Some(vec![1; 80]))].into();
    assert!(ahead.update(&change).is_ok());
}

#[test]
fn versions_may_be_read_from_any_thread() {
    const fn shared<T: Send + Sync>() {}
    const { shared::<State>() }
}
