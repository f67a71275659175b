//! Keys that were ground into one corner of the state deepen that corner, and nothing else.
//!
//! With 100,000 of them: `cargo bench -p starling-tests --bench figures -- corner`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use starling_ledger::account::Account;
use starling_ledger::address::AccountId;
use starling_ledger::codec::encode;
use starling_ledger::hash::{Context, Hash};
use starling_ledger::state::{DEPTH_MAX, PAGE_BYTES_MAX, PROOF_BYTES_MAX, State};
use starling_ledger::state_key::StateKey;
use starling_ledger::storage::{MemoryStorage, Storage};

/// Bits the ground keys share; each costs 1,024 hashes to find.
const BITS: u32 = 10;
const GROUND: usize = 400;
const OTHERS: usize = 4_000;
/// Bytes of a proof beside its page and its siblings: two lengths.
const LENGTHS: usize = 16;

fn key(kind: u8, number: usize) -> Vec<u8> {
    let mut id = [kind; 32];
    id[..8].copy_from_slice(&number.to_le_bytes());
    StateKey::account(&AccountId(id))
}

fn in_corner(key: &[u8]) -> bool {
    let head = Hash::of(Context::StateKey, &[key]).0;
    u32::from_be_bytes([head[0], head[1], head[2], head[3]]) >> (32 - BITS) == 0
}

fn with(state: &State, keys: &[Vec<u8>]) -> State {
    let value = Account::new(&AccountId([1; 32]), 7).to_bytes();
    let changes: BTreeMap<_, _> = keys
        .iter()
        .map(|key| (key.clone(), Some(value.clone())))
        .collect();
    state.update(&changes).unwrap().state
}

/// The greatest depth of the proofs of `keys`; each is right and within its bounds.
fn depth(state: &State, keys: &[Vec<u8>]) -> usize {
    let depth = |key: &Vec<u8>| {
        let proof = state.prove(key).unwrap();
        assert!(proof.verify(&state.root(), key).unwrap().is_some());
        let bytes = encode(&proof).len();
        assert!(bytes <= PROOF_BYTES_MAX);
        let depth = bytes.saturating_sub(LENGTHS + PAGE_BYTES_MAX).div_ceil(32);
        assert!(depth <= DEPTH_MAX);
        depth
    };
    keys.iter().map(depth).max().unwrap()
}

#[test]
fn ground_keys_deepen_their_corner_by_the_bits_they_share_and_no_other() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let empty = State::empty(storage.snapshot().unwrap());
    let others: Vec<_> = (0..OTHERS).map(|number| key(1, number)).collect();
    let before = with(&empty, &others);
    let ground = (0..)
        .map(|number| key(2, number))
        .filter(|key| in_corner(key));
    let ground: Vec<_> = ground.take(GROUND).collect();
    let after = with(&before, &ground);
    let outside: Vec<_> = others
        .iter()
        .filter(|key| !in_corner(key))
        .cloned()
        .collect();
    assert_eq!(depth(&before, &outside), depth(&after, &outside));
    // Below the shared bits the corner is as deep as any state with so many entries.
    let usual = depth(&with(&empty, &others[..GROUND]), &others[..GROUND]);
    let bits = usize::try_from(BITS).unwrap();
    let corner = depth(&after, &ground);
    assert!(
        corner <= bits + usual + 4,
        "{corner} > {bits} + {usual} + 4"
    );
    // And it is gone with the keys: the state depends on its content alone.
    let gone: BTreeMap<_, _> = ground.iter().map(|key| (key.clone(), None)).collect();
    assert_eq!(after.update(&gone).unwrap().root, before.root());
}
