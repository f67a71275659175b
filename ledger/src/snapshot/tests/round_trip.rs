//! What is made is the same everywhere, and what is restored goes on.

use std::collections::BTreeSet;

use super::{ACCOUNTS, check, fresh, genesis, make, network, restore};
use crate::chain::ChainStore;
use crate::codec::encode;
use crate::fixture::Network;
use crate::light::{Checkpoint, Trusted};
use crate::snapshot::{Anchor, Checklist, Restoration, SnapshotManifest};
use crate::state::{CHUNK_BYTES_MAX, CHUNK_CONTENT_BYTES_MAX, State};
use crate::storage::Column;
use crate::transaction::Action;

#[test]
fn a_state_of_several_chunks_is_cut_into_the_largest_subtrees_that_fit() {
    let made = make(&network(ACCOUNTS));
    assert!(made.chunks.len() >= 4, "{}", made.chunks.len());
    assert!(
        made.chunks
            .iter()
            .all(|chunk| chunk.len() <= CHUNK_BYTES_MAX)
    );
    let manifest = check(&made.manifest).unwrap();
    let listed = &manifest.get().chunks;
    for (listed, chunk) in listed.iter().zip(&made.chunks) {
        assert_eq!(listed.encoded_bytes(), chunk.len() as u64);
    }
    let content: u64 = listed.iter().map(|one| u64::from(one.content_bytes)).sum();
    assert!(content > 2 * CHUNK_CONTENT_BYTES_MAX as u64);
    // 30,000 accounts, four validators with an account and a stake, two local accounts, totals.
    assert!(manifest.get().entries() > ACCOUNTS);
}

#[test]
fn a_small_state_is_one_chunk() {
    let mut network = Network::new();
    network.commit(&[]);
    assert_eq!(make(&network).chunks.len(), 1);
}

#[test]
fn made_twice_it_is_the_same_bytes() {
    let network = network(ACCOUNTS);
    let (first, second) = (make(&network), make(&network));
    assert_eq!(first.manifest, second.manifest);
    assert_eq!(first.chunks, second.chunks);
}

#[test]
fn a_restored_ledger_makes_the_same_snapshot_as_the_one_that_grew() {
    let network = network(ACCOUNTS);
    let made = make(&network);
    let storage = fresh();
    let tip = restore(&storage, &made.manifest, made.chunks.iter()).unwrap();
    let again: Vec<_> = tip
        .state
        .chunks()
        .map(|chunk| encode(&chunk.unwrap().1))
        .collect();
    assert_eq!(again, made.chunks);
}

#[test]
fn each_chunk_is_proven_alone_and_in_any_order() {
    let network = network(ACCOUNTS);
    let made = make(&network);
    let root = network.tip.state.root();
    for chunk in &made.chunks {
        let chunk = crate::state::StateChunk::from_bytes(chunk).unwrap();
        chunk.prove(&root).unwrap();
    }
    let shuffled = made.chunks.iter().skip(1).step_by(2).rev();
    let shuffled = shuffled.chain(made.chunks.iter().step_by(2));
    let storage = fresh();
    let tip = restore(&storage, &made.manifest, shuffled).unwrap();
    assert_eq!(tip.state.root(), root);
}

#[test]
fn the_storage_restored_into_holds_the_very_pages_of_the_one_it_came_from() {
    let network = network(ACCOUNTS);
    let made = make(&network);
    let storage = fresh();
    restore(&storage, &made.manifest, made.chunks.iter()).unwrap();
    for column in [Column::State, Column::PageHash] {
        let all = |view: &dyn crate::storage::View| view.scan(column, &[], None, usize::MAX);
        assert_eq!(all(storage.as_ref()), all(network.storage.as_ref()));
    }
}

#[test]
fn a_restored_ledger_goes_on_where_the_snapshot_was_taken() {
    let mut network = network(100);
    network.commit(&[network.pay("alice", 0, "bob", 7)]);
    let made = make(&network);
    let storage = fresh();
    let tip = restore(&storage, &made.manifest, made.chunks.iter()).unwrap();
    assert_eq!(
        (tip.height, tip.hash),
        (network.tip.height, network.tip.hash)
    );
    let chain = ChainStore::new(storage.clone());
    assert_eq!(chain.read().first(), Ok(3));
    for height in [1, 2] {
        assert_eq!(chain.read().is_pruned(height), Ok(true));
        assert_eq!(chain.read().raw_final_block(height), Ok(None));
        assert_eq!(chain.read().block(height), Ok(None));
    }
    let set = &network.tip.validators;
    assert_eq!(
        chain.read().validators(&set.hash()),
        Ok(Some(set.as_ref().clone()))
    );
    let mut restored = Network {
        storage,
        certificate: chain.read().certificate(2).unwrap(),
        chain,
        tip,
        away: BTreeSet::new(),
    };
    let block = restored.commit(&[restored.pay("alice", 1, "bob", 1)]);
    network.finish(&network.build(&[network.pay("alice", 1, "bob", 1)]));
    assert_eq!(block.header.hash(), network.tip.hash);
    let reopened = restored.chain.tip().unwrap();
    assert_eq!(reopened.hash, network.tip.hash);
    assert_eq!(reopened.state.root(), network.tip.state.root());
    assert!(restored.chain.read().raw_final_block(3).unwrap().is_some());
}

#[test]
fn a_checkpoint_vouches_for_the_block_of_a_snapshot() {
    let network = network(10);
    let made = make(&network);
    let (height, hash) = (network.tip.height, network.tip.hash);
    let manifest = SnapshotManifest::from_bytes(&made.manifest).unwrap();
    let anchor = Anchor::Checkpoint(Checkpoint { height, hash });
    let verified = manifest.verify(&crate::keys::Ed25519, &genesis(), &anchor);
    let mut list = Checklist::new(verified.unwrap());
    assert_eq!(list.missing().count(), 1);
    list.take(&made.chunks[0]).unwrap();
    list.complete().unwrap();
}

#[test]
fn a_snapshot_under_other_validators_than_the_first_is_proven_and_goes_on() {
    let mut genesis = genesis();
    genesis.parameters.epoch_blocks = 2;
    let mut network = Network::with(&genesis);
    network.commit(&[network.pay("alice", 0, "n1", 10_000_000)]);
    let unbond = Network::body(0, vec![Action::Unbond { amount: 1 }]);
    network.commit(&[network.sign("n1", unbond)]);
    let first = genesis.validator_set().unwrap();
    assert_ne!(network.tip.validators, first);
    // At the end of the epoch both sets differ; after it both are the new one.
    for _ in 0..2 {
        let made = make(&network);
        let manifest = SnapshotManifest::from_bytes(&made.manifest).unwrap();
        let point = &Trusted::genesis(&genesis).unwrap();
        let now_ms = super::NOW_MS;
        let anchor = Anchor::Trusted { point, now_ms };
        let verified = manifest
            .verify(&crate::keys::Ed25519, &genesis, &anchor)
            .unwrap();
        let storage = fresh();
        let mut restoration =
            Restoration::begin(storage.clone(), genesis.clone(), verified).unwrap();
        restoration.add(&made.chunks[0]).unwrap();
        let tip = restoration.finish().unwrap();
        assert_eq!(tip.signed_by, network.tip.signed_by);
        assert_eq!(tip.validators, network.tip.validators);
        let read = ChainStore::new(storage);
        for set in [&tip.signed_by, &tip.validators] {
            let kept = read.read().validators(&set.hash()).unwrap();
            assert_eq!(kept.as_ref(), Some(set.as_ref()));
        }
        network.commit(&[]);
    }
}

#[test]
fn the_size_of_a_state_is_that_of_its_pages() {
    let network = network(1_000);
    let state: &State = &network.tip.state;
    let content: u64 = state
        .chunks()
        .map(|chunk| u64::from(chunk.unwrap().0.content_bytes))
        .sum();
    assert_eq!(state.size_bytes(), content);
}
