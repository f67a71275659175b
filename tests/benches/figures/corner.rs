//! 100,000 keys ground into one corner of the trie: what an attacker gets for it.
//!
//! The keys share the first [`BITS`] bits of their position. Each costs 2,048 hashes to find, all
//! of them a minute; every further bit doubles that, and deepens the corner by one.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use starling_ledger::account::{ACCOUNT_BYTES, Account};
use starling_ledger::address::AccountId;
use starling_ledger::codec::encode;
use starling_ledger::hash::{Context, Hash};
use starling_ledger::state::State;
use starling_ledger::state_key::StateKey;
use starling_ledger::storage::Storage;
use starling_store::{OpenOptions, RocksStorage};
use starling_tests::chain_maker::numbered;

use crate::table::rounds;

const BITS: u32 = 11;
const ACCOUNTS: u64 = 1_000_000;
const CHUNK: usize = 100_000;
const UPDATED: usize = 1_000;
const ROUNDS: usize = 10;

type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Prints the figures before and after.
pub(crate) fn run(ground: u64) {
    let folder = tempfile::tempdir().unwrap();
    let storage = RocksStorage::open(folder.path(), &OpenOptions::default()).unwrap();
    let storage: Arc<dyn Storage> = Arc::new(storage);
    let start = Instant::now();
    let keys = grind(usize::try_from(ground).unwrap());
    println!(
        "{ground} keys of one corner found in {:.0?}",
        start.elapsed()
    );
    let others: Vec<_> = (0..ACCOUNTS)
        .map(|number| StateKey::account(&numbered(number)))
        .collect();
    let mut state = State::empty(storage.snapshot().unwrap());
    for chunk in others.chunks(CHUNK) {
        state = put(&storage, &state, &changes(chunk, 1));
    }
    println!("corner: {ACCOUNTS} accounts, then {ground} more that share {BITS} bits");
    report("others, before", &storage, &state, &others);
    let corner: Vec<_> = others
        .iter()
        .filter(|key| in_corner(key))
        .cloned()
        .collect();
    report("the corner, before", &storage, &state, &corner);
    for chunk in keys.chunks(CHUNK) {
        state = put(&storage, &state, &changes(chunk, 1));
    }
    report("others, after", &storage, &state, &others);
    report("the corner, after", &storage, &state, &keys);
}

fn report(name: &str, storage: &Arc<dyn Storage>, state: &State, keys: &[Vec<u8>]) {
    let step = (keys.len() / UPDATED).max(1);
    let sample: Vec<_> = keys.iter().step_by(step).take(UPDATED).cloned().collect();
    let sizes = sample
        .iter()
        .map(|key| encode(&state.prove(key).unwrap()).len());
    let sizes: Vec<_> = sizes.collect();
    let update = changes(&sample, 2);
    let figure = rounds(ROUNDS, sample.len(), || {
        black_box(state.update(&update).unwrap());
    });
    let start = Instant::now();
    let opened = State::open(storage).unwrap();
    let opening = start.elapsed();
    assert_eq!(opened.root(), state.root());
    let mean = sizes.iter().sum::<usize>() / sizes.len();
    let most = sizes.iter().max().unwrap();
    println!(
        "  {name:<20} proof {mean} bytes, at most {most}; update {figure}; start {opening:.0?}"
    );
}

fn position(key: &[u8]) -> Hash {
    Hash::of(Context::StateKey, &[key])
}

fn in_corner(key: &[u8]) -> bool {
    let head = position(key).0;
    u32::from_be_bytes([head[0], head[1], head[2], head[3]]) >> (32 - BITS) == 0
}

fn grind(count: usize) -> Vec<Vec<u8>> {
    let key = |number: u64| {
        let mut id = [0xc0; 32];
        id[..8].copy_from_slice(&number.to_le_bytes());
        StateKey::account(&AccountId(id))
    };
    let keys = (0..).map(key).filter(|key| in_corner(key));
    keys.take(count).collect()
}

fn changes(keys: &[Vec<u8>], balance: u64) -> Changes {
    let value = Account::new(&AccountId([1; 32]), balance).to_bytes();
    assert_eq!(value.len(), ACCOUNT_BYTES);
    let entry = |key: &Vec<u8>| (key.clone(), Some(value.clone()));
    keys.iter().map(entry).collect()
}

fn put(storage: &Arc<dyn Storage>, state: &State, changes: &Changes) -> State {
    let update = state.update(changes).unwrap();
    storage.write(update.writes).unwrap();
    update.state.settled(storage.snapshot().unwrap())
}
