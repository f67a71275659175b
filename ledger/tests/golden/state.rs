//! Entries of the state, their keys, roots, and proofs about keys and lists.

use std::collections::BTreeMap;
use std::sync::Arc;

use starling_ledger::account::Account;
use starling_ledger::codec::CodecError;
use starling_ledger::hash::{Context, Hash};
use starling_ledger::merkle::{ListProof, list_root, prove};
use starling_ledger::record::Record;
use starling_ledger::state::{PROOF_BYTES_MAX, State, StateProof};
use starling_ledger::state_key::StateKey;
use starling_ledger::storage::{MemoryStorage, Storage};
use starling_ledger::supply::Totals;
use starling_ledger::transaction::TransactionId;

use super::{SMALL_BYTES_MAX, Sample, account, sample};

const FILE: &str = "state.txt";
pub(super) type Content = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

pub(super) fn samples() -> Vec<Sample> {
    let mut samples = keys();
    samples.extend(entries());
    samples.extend(shallow());
    samples.extend(deep());
    samples.extend(lists());
    samples
}

fn digest() -> Hash {
    Hash::of(Context::LocalKey, &[b"document"])
}

pub(super) fn state_key(file: &'static str, name: &'static str, value: StateKey) -> Sample {
    Sample {
        file,
        name,
        kind: "StateKey",
        bytes: value.to_bytes(),
        again: |bytes| {
            let key = StateKey::from_bytes(bytes).ok_or_else(|| CodecError::Malformed {
                reason: "the key of no entry".to_owned(),
            });
            key.map(StateKey::to_bytes)
        },
    }
}

fn keys() -> Vec<Sample> {
    let alice = account("alice");
    vec![
        state_key(FILE, "key_of_totals", StateKey::Totals),
        state_key(FILE, "key_of_account", StateKey::Account(alice)),
        state_key(FILE, "key_of_record", StateKey::Record(alice, digest())),
        state_key(FILE, "key_of_stake", StateKey::Stake(alice)),
    ]
}

fn entries() -> Vec<Sample> {
    let one = TransactionId(Hash::of(Context::Transaction, &[b"one"]));
    let history = Account::history_after(&Hash::ZERO, &one);
    let fresh = Account::new(&account("bob"), 5_000_000);
    let used = Account {
        nonce: 1,
        history,
        ..Account::new(&account("alice"), 1_234_567)
    };
    let record = Record {
        height: 2,
        time_ms: 1_767_225_600_123,
        note: "minutes".to_owned(),
    };
    let totals = Totals {
        supply: 6_000_000,
        staked: 1_000_000,
        burned: 12_345,
    };
    vec![
        sample::<_, SMALL_BYTES_MAX>(FILE, "account_new", &fresh),
        sample::<_, SMALL_BYTES_MAX>(FILE, "account_history_of_one", &history),
        sample::<_, SMALL_BYTES_MAX>(FILE, "account_after_one", &used),
        sample::<_, SMALL_BYTES_MAX>(FILE, "record", &record),
        sample::<_, SMALL_BYTES_MAX>(FILE, "totals", &totals),
    ]
}

pub(super) fn state(content: &Content) -> State {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    State::open(&storage)
        .unwrap()
        .update(content)
        .unwrap()
        .state
}

/// 40 entries on some pages: for each number a key and a value of that byte.
fn shallow() -> Vec<Sample> {
    let entry = |number: u8| (vec![number; 33], Some(vec![number; 80]));
    let state = state(&(0..40).map(entry).collect());
    let proofs = [[1; 33], [200; 33]].map(|key| state.prove(&key).unwrap());
    let [present, absent] = proofs;
    let empty = self::state(&Content::new());
    vec![
        sample::<_, 64>(FILE, "state_root", &state.root()),
        sample::<StateProof, PROOF_BYTES_MAX>(FILE, "proof_of_presence", &present),
        sample::<StateProof, PROOF_BYTES_MAX>(FILE, "proof_of_absence", &absent),
        sample::<_, 64>(FILE, "empty_root", &empty.root()),
        sample::<StateProof, PROOF_BYTES_MAX>(
            FILE,
            "proof_in_empty",
            &empty.prove(b"any").unwrap(),
        ),
    ]
}

/// Two entries too large for one page, whose keys were ground so that they part after 16 bits.
fn deep() -> Vec<Sample> {
    let key = |number: u32| number.to_le_bytes().to_vec();
    let position = |number: u32| Hash::of(Context::StateKey, &[&key(number)]);
    let first = position(0);
    let other = (1..)
        .find(|number| position(*number).0[..2] == first.0[..2])
        .unwrap();
    let entry = |number: u32| (key(number), Some(vec![7; 600]));
    let state = state(&[entry(0), entry(other)].into());
    let proof = state.prove(&key(other)).unwrap();
    vec![
        sample::<_, 64>(FILE, "deep_root", &state.root()),
        sample::<_, 64>(FILE, "deep_number", &other),
        sample::<StateProof, PROOF_BYTES_MAX>(FILE, "deep_proof", &proof),
    ]
}

/// A list of seven hashes, each a byte repeated, and the way to the last but one.
fn lists() -> Vec<Sample> {
    let items: Vec<_> = (0..7).map(|number| Hash([number; 32])).collect();
    let proof: ListProof = prove(&items, 5).unwrap();
    vec![
        sample::<_, 64>(FILE, "list_root_of_seven", &list_root(&items)),
        sample::<_, SMALL_BYTES_MAX>(FILE, "list_proof_of_sixth", &proof),
    ]
}
