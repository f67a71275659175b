//! The state on what it was not made for: an empty block, a height that does not follow, missing
//! pages. It is the same root or an error, never an empty tree.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::chain::{ChainError, ChainStore, Pruner};
use crate::codec::encode;
use crate::execution::Tip;
use crate::fixture::{Network, execute_on};
use crate::hash::Hash;
use crate::keys::Ed25519;
use crate::light::Trusted;
use crate::snapshot::{Anchor, Restoration, chunks_of, manifest_of};
use crate::state::State;
use crate::storage::{Column, MemoryStorage, Storage, WriteBatch};

/// Blocks of the network below.
const BLOCKS: u64 = 9;
/// Accounts that are not named: enough for a trie of some hundred pages.
const ACCOUNTS: u64 = 1_000;

/// A network with payments in every other block, and empty ones between them.
fn network() -> Network {
    let mut network = Network::new();
    let entries = (0..ACCOUNTS).map(|number| {
        let key = [&[0xEE], number.to_le_bytes().as_slice()].concat();
        (key, Some(vec![7; 80]))
    });
    let update = network.tip.state.update(&entries.collect()).unwrap();
    network.storage.write(update.writes).unwrap();
    network.tip.state = update.state.settled(network.storage.snapshot().unwrap());
    for height in 1..=BLOCKS {
        match height % 2 {
            1 => network.commit(&[]),
            _ => network.commit(&[network.pay("alice", height / 2 - 1, "bob", 1)]),
        };
    }
    network
}

/// A ledger restored from a snapshot of the network's tip.
fn restored(network: &Network) -> (ChainStore, Tip, Arc<dyn Storage>) {
    let genesis = (*network.tip.genesis).clone();
    let chunks = chunks_of(&network.tip).collect::<Result<Vec<_>, _>>();
    let (summaries, chunks): (Vec<_>, Vec<_>) = chunks.unwrap().into_iter().unzip();
    let certificate = network.certificate.clone().unwrap();
    let manifest = manifest_of(&network.tip, certificate, summaries).unwrap();
    let (point, now_ms) = (&Trusted::genesis(&genesis).unwrap(), network.tip.time_ms);
    let anchor = Anchor::Trusted { point, now_ms };
    let manifest = manifest.verify(&Ed25519, &genesis, &anchor).unwrap();
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let mut restoration = Restoration::begin(Arc::clone(&storage), genesis, manifest).unwrap();
    for chunk in &chunks {
        restoration.add(&encode(chunk)).unwrap();
    }
    let tip = restoration.finish().unwrap();
    (ChainStore::new(Arc::clone(&storage)), tip, storage)
}

/// Everything that a storage holds.
fn content(storage: &dyn Storage) -> Vec<(Column, Vec<u8>, Vec<u8>)> {
    let of = |column: Column| {
        let entries = storage.scan(column, &[], None, usize::MAX).unwrap();
        entries
            .into_iter()
            .map(move |(key, value)| (column, key, value))
    };
    Column::ALL.into_iter().flat_map(of).collect()
}

/// A storage with what `kept` keeps of `content`.
fn copy(
    content: &[(Column, Vec<u8>, Vec<u8>)],
    kept: impl Fn(Column, &[u8]) -> bool,
) -> Arc<dyn Storage> {
    let storage = MemoryStorage::new();
    let mut batch = WriteBatch::new();
    for (column, key, value) in content.iter().filter(|(column, key, _)| kept(*column, key)) {
        batch.put(*column, key.clone(), value.clone());
    }
    storage.write(batch).unwrap();
    Arc::new(storage)
}

fn entries(state: &State) -> usize {
    let mut count = 0;
    state.visit(|_, _| count += 1).unwrap();
    count
}

#[test]
fn an_update_of_nothing_keeps_the_root_and_writes_nothing() {
    for count in [0u64, 1, 40, 3_000] {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
        let empty = State::open(&storage).unwrap();
        let entry = |number: u64| (number.to_le_bytes().to_vec(), Some(vec![7; 80]));
        let content: BTreeMap<_, _> = (0..count).map(entry).collect();
        let update = empty.update(&content).unwrap();
        storage.write(update.writes).unwrap();
        let state = State::open(&storage).unwrap();
        assert_eq!(
            (state.root() == Hash::ZERO, state.root()),
            (count == 0, update.root)
        );
        let absent = [(b"absent".to_vec(), None)].into();
        for nothing in [BTreeMap::new(), absent, content] {
            let again = state.update(&nothing).unwrap();
            assert_eq!(again.root, state.root(), "{count}");
            assert!(again.writes.is_empty(), "{count}");
            assert_eq!(entries(&again.state), usize::try_from(count).unwrap());
        }
    }
}

#[test]
fn an_empty_block_leads_to_one_root_wherever_the_ledger_came_from() {
    let mut network = network();
    let (chain, tip, storage) = restored(&network);
    let pruned = Pruner::new(network.chain.clone()).unwrap();
    pruned.step(2).unwrap().unwrap();
    assert_eq!(network.chain.read().first(), Ok(BLOCKS - 1));
    let own = network.chain.tip().unwrap();
    assert_eq!(tip.state.root(), own.state.root());
    let built = network.build(&[]);
    let root = built.block.header.state_root;
    let everywhere = [&tip, &own, &network.tip].map(|tip| execute_on(tip, &built.block).unwrap());
    assert!(
        everywhere
            .iter()
            .all(|executed| executed.state.root == root)
    );
    let count = entries(&everywhere[0].state.state);
    assert!(count > usize::try_from(ACCOUNTS).unwrap());
    network.finish(&built);
    let certificate = network.certificate.clone().unwrap();
    let batch = ChainStore::append_batch(&built.block, &everywhere[0], &certificate).unwrap();
    chain.append(batch).unwrap();
    for chain in [&chain, &network.chain] {
        let tip = chain.tip().unwrap();
        assert_eq!((tip.state.root(), entries(&tip.state)), (root, count));
    }
    assert_eq!(
        storage.scan(Column::State, &[], None, usize::MAX),
        network.storage.scan(Column::State, &[], None, usize::MAX)
    );
}

#[test]
fn a_block_that_does_not_follow_is_refused() {
    let mut network = network();
    let last = network.chain.read().block(BLOCKS).unwrap().unwrap();
    let (_, tip, _) = restored(&network);
    let next = network.commit(&[]);
    let built = network.build(&[network.pay("alice", BLOCKS / 2, "bob", 1)]);
    for block in [&last, &built.block] {
        let refused = execute_on(&tip, block).unwrap_err();
        assert!(refused.is_deterministic(), "{refused}");
    }
    let root = execute_on(&tip, &next).unwrap().state.root;
    assert_eq!(root, network.tip.state.root());
}

/// What opens a ledger finds that the writes of a block are missing, unless those of the next
/// replaced them all: then the state is the right one.
#[test]
fn writes_on_a_state_that_is_not_their_parents_are_found_or_do_not_matter() {
    let mut found = Vec::new();
    for skips_payment in [true, false] {
        let mut network = network();
        let (chain, _, _) = restored(&network);
        let paid = [network.pay("alice", BLOCKS / 2, "bob", 1)];
        let payments: [&[_]; 2] = match skips_payment {
            true => [&paid, &[]],
            false => [&[], &paid],
        };
        network.commit(payments[0]);
        let built = network.build(payments[1]);
        let executed = network.execute(&built.block).unwrap();
        network.finish(&built);
        let certificate = network.certificate.clone().unwrap();
        let batch = ChainStore::append_batch(&built.block, &executed, &certificate).unwrap();
        chain.append(batch).unwrap();
        found.push(match chain.tip() {
            Ok(tip) => {
                assert_eq!(tip.state.root(), network.tip.state.root());
                assert_eq!(entries(&tip.state), entries(&network.tip.state));
                true
            }
            Err(error) => {
                assert!(matches!(error, ChainError::Storage(_)), "{error}");
                false
            }
        });
    }
    assert_eq!(found, [false, true]);
}

/// Takes away what the state is made of, an entry at a time and all together.
#[test]
fn what_is_missing_below_is_an_error_or_does_not_matter() {
    let network = network();
    let content = content(network.storage.as_ref());
    let built = network.build(&[network.pay("alice", BLOCKS / 2, "bob", 1)]);
    let empty = network.build(&[]);
    let (mut refused, mut executed) = (0, 0);
    let mut attempt = |kept: &dyn Fn(Column, &[u8]) -> bool| {
        let storage = copy(&content, kept);
        let Ok(tip) = ChainStore::new(storage).tip() else {
            refused += 1;
            return;
        };
        assert_eq!(tip.state.root(), network.tip.state.root());
        for block in [&built.block, &empty.block] {
            match execute_on(&tip, block) {
                Ok(done) => {
                    assert_eq!(done.state.root, block.header.state_root);
                    executed += 1;
                }
                // Not the block's fault: a node stops, and refuses nothing for it.
                Err(error) => {
                    assert!(!error.is_deterministic(), "{error}");
                    refused += 1;
                }
            }
        }
    };
    attempt(&|_, _| true);
    for (column, key, _) in &content {
        if [Column::State, Column::PageHash, Column::Meta].contains(column) {
            attempt(&|in_column, at| (in_column, at) != (*column, key.as_slice()));
        }
    }
    for gone in [
        Column::State,
        Column::PageHash,
        Column::Header,
        Column::Meta,
    ] {
        attempt(&|column, _| column != gone);
    }
    attempt(&|column, _| column != Column::State && column != Column::PageHash);
    assert!(refused > 100 && executed > 100, "{refused}, {executed}");
}

#[test]
fn a_view_of_another_version_is_an_error_or_leads_to_the_same_root() {
    let mut network = network();
    let early = network.storage.snapshot().unwrap();
    let first = network.chain.tip().unwrap();
    network.commit(&[network.pay("alice", BLOCKS / 2, "carol", 1)]);
    let late = network.storage.snapshot().unwrap();
    let second = network.chain.tip().unwrap();
    let nothing = MemoryStorage::new().snapshot().unwrap();
    for (tip, views) in [(&first, [&late, &nothing]), (&second, [&early, &nothing])] {
        for view in views {
            let state = tip.state.settled(Arc::clone(view));
            let seen = state.visit(|_, _| {});
            assert!(seen.unwrap_err().to_string().contains("page"));
            assert_eq!(state.root(), tip.state.root());
            let changes = (0..ACCOUNTS).map(|number| {
                let key = [&[0xEE], number.to_le_bytes().as_slice()].concat();
                (key, Some(vec![8; 80]))
            });
            assert!(state.update(&changes.collect()).is_err());
        }
    }
}
