//! What is stored, and what opening checks.

mod predecessor;
mod vouched;

use std::sync::Arc;

use crate::block::FinalBlock;
use crate::chain::{ChainError, ChainStore};
use crate::codec::encode;
use crate::fixture::Network;
use crate::genesis::{Genesis, local_account};
use crate::storage::{Column, MemoryStorage, Storage, WriteBatch};

#[test]
fn beginning_twice_changes_nothing() {
    let network = Network::new();
    network.chain.init_genesis(&network.tip.genesis).unwrap();
    let tip = network.chain.tip().unwrap();
    assert_eq!((tip.height, tip.hash), (0, network.tip.hash));
    assert_eq!(tip.state.root(), network.tip.state.root());
}

#[test]
fn a_used_storage_refuses_another_genesis() {
    let network = Network::new();
    let other = Genesis::local("other", 1_000, 4);
    let (stored, given) = (network.tip.genesis_hash, other.hash());
    assert_eq!(
        network.chain.init_genesis(&other),
        Err(ChainError::OtherNetwork { stored, given })
    );
}

#[test]
fn a_fresh_storage_has_no_tip() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let error = ChainStore::new(storage).tip().unwrap_err();
    assert_eq!(error, ChainError::NoGenesis);
}

#[test]
fn the_tip_is_found_again_after_every_block() {
    let mut network = Network::new();
    for nonce in 0..5 {
        network.commit(&[network.pay("alice", nonce, "bob", 1)]);
        let tip = network.chain.tip().unwrap();
        assert_eq!(
            (tip.height, tip.hash),
            (network.tip.height, network.tip.hash)
        );
        assert_eq!(tip.header, network.tip.header);
        assert_eq!(tip.time_ms, network.tip.time_ms);
        assert_eq!(tip.state.root(), network.tip.state.root());
    }
}

#[test]
fn what_was_stored_is_read_in_the_same_bytes() {
    let mut network = Network::new();
    network.commit(&[]);
    let payments = [
        network.pay("alice", 0, "bob", 1),
        network.pay("bob", 0, "alice", 2),
    ];
    let block = network.commit(&payments);
    let certificate = network.certificate.clone().unwrap();
    let read = network.chain.read();
    assert_eq!(read.header(2), Ok(Some(block.header.clone())));
    assert_eq!(read.raw_block(2), Ok(Some(encode(&block))));
    assert_eq!(read.block(2), Ok(Some(block.clone())));
    assert_eq!(read.certificate(2), Ok(Some(certificate.clone())));
    assert_eq!(read.height_of(&block.header.hash()), Ok(Some(2)));
    let complete = FinalBlock { block, certificate };
    assert_eq!(read.raw_final_block(2), Ok(Some(encode(&complete))));
    assert_eq!(read.raw_final_block(3), Ok(None));
    assert_eq!(read.header(3), Ok(None));
}

#[test]
fn a_transaction_is_found_by_id_and_by_nonce_with_its_proof() {
    let mut network = Network::new();
    network.commit(&[]);
    let payments = [
        network.pay("alice", 0, "bob", 1),
        network.pay("bob", 0, "alice", 2),
    ];
    let block = network.commit(&payments);
    let read = network.chain.snapshot().unwrap();
    for (index, payment) in (0u32..).zip(&payments) {
        let found = read.transaction(&payment.id()).unwrap().unwrap();
        assert_eq!((&found.header, found.index), (&block.header, index));
        assert_eq!(found.raw, *payment.raw());
        let root = block.header.transaction_root;
        assert!(found.proof.verify(&root, &payment.wire_id().0));
        let by_nonce = read.transaction_of(&payment.sender(), 0);
        assert_eq!(by_nonce, Ok(Some(payment.id())));
    }
    let unknown = network.pay("alice", 1, "bob", 1);
    assert_eq!(read.transaction(&unknown.id()), Ok(None));
    assert_eq!(read.transaction_of(&local_account("alice"), 1), Ok(None));
}

#[test]
fn a_block_is_stored_as_a_whole_or_not_at_all() {
    let mut network = Network::new();
    let storage = Arc::new(MemoryStorage::with_durability(
        crate::storage::Durability::Buffered,
    ));
    network.storage = Arc::clone(&storage) as _;
    network.chain = ChainStore::new(Arc::clone(&network.storage));
    network.chain.init_genesis(&network.tip.genesis).unwrap();
    network.tip = network.chain.tip().unwrap();
    storage.sync();
    let block = network.commit(&[network.pay("alice", 0, "bob", 1)]);
    assert_eq!(storage.crash(0), 1);
    assert_eq!(network.chain.tip().unwrap().height, 0);
    let read = network.chain.read();
    assert_eq!(read.header(1), Ok(None));
    assert_eq!(read.height_of(&block.header.hash()), Ok(None));
}

#[test]
fn what_is_not_kept_is_told_from_what_is_unknown() {
    let mut network = Network::new();
    let read = network.chain.read().clone();
    assert_eq!(read.first(), Ok(1));
    for _ in 0..3 {
        network.commit(&[]);
    }
    let mut batch = WriteBatch::new();
    ChainStore::put_first(&mut batch, 3);
    network.storage.write(batch).unwrap();
    assert_eq!(read.first(), Ok(3));
    let pruned = [0, 1, 2, 3, 4].map(|height| read.is_pruned(height).unwrap());
    assert_eq!(pruned, [false, true, true, false, false]);
    for damage in [vec![0; 8], vec![], vec![1; 9]] {
        put(&network, Column::Meta, b"first", damage);
        match read.first() {
            Err(ChainError::Storage(error)) => assert!(error.is_corrupt(), "{error}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn opening_finds_a_tip_that_does_not_fit() {
    let mut network = Network::new();
    network.commit(&[network.pay("alice", 0, "bob", 1)]);
    let old = network.chain.read().header(1).unwrap().unwrap();
    network.commit(&[network.pay("alice", 1, "bob", 1)]);
    let header = network.chain.read().header(2).unwrap().unwrap();
    let key = |height: u64| [&[0], height.to_be_bytes().as_slice()].concat();
    let mut wrong_root = header.clone();
    wrong_root.state_root = old.state_root;
    let damages = [
        (Column::Header, key(2), encode(&old)),
        (Column::Header, key(2), encode(&wrong_root)),
        (Column::Certificate, 2u64.to_be_bytes().to_vec(), {
            encode(&network.certify(&header, &[0, 1]))
        }),
        (Column::Certificate, 2u64.to_be_bytes().to_vec(), {
            encode(&network.certify(&old, &[0, 1, 2, 3]))
        }),
        (Column::Meta, b"tip".to_vec(), encode(&(1u64, old.hash()))),
        (Column::Meta, b"tip".to_vec(), vec![1]),
    ];
    for (column, key, value) in damages {
        let before = network.storage.get(column, &key).unwrap().unwrap();
        put(&network, column, &key, value);
        match network.chain.tip() {
            Err(ChainError::Storage(error)) => assert!(error.is_corrupt(), "{error}"),
            other => panic!("{column}: {other:?}"),
        }
        put(&network, column, &key, before);
        assert_eq!(network.chain.tip().unwrap().height, 2);
    }
    // With both, header and certificate of another block agree with each other, not with the state.
    put(&network, Column::Header, &key(2), encode(&wrong_root));
    let forged = encode(&network.certify(&wrong_root, &[0, 1, 2, 3]));
    put(&network, Column::Certificate, &2u64.to_be_bytes(), forged);
    let tip = encode(&(2u64, wrong_root.hash()));
    put(&network, Column::Meta, b"tip", tip);
    let error = network.chain.tip().unwrap_err().to_string();
    assert!(error.contains("state"), "{error}");
}

#[test]
fn refuses_to_store_what_does_not_belong_together() {
    let network = Network::new();
    let [one, other] = [1, 2].map(|amount| {
        let built = network.build(&[network.pay("alice", 0, "bob", amount)]);
        let certificate = network.certify(&built.block.header, &[0, 1, 2]);
        (built, certificate)
    });
    let batch = |certificate| {
        ChainStore::append_batch(&one.0.block, &one.0.executed, certificate).map(drop)
    };
    assert_eq!(batch(&one.1), Ok(()));
    assert_eq!(batch(&other.1), Err(ChainError::Mismatch { height: 1 }));
    let executed = &other.0.executed;
    let mixed = ChainStore::append_batch(&one.0.block, executed, &other.1);
    assert_eq!(mixed.map(drop), Err(ChainError::Mismatch { height: 1 }));
}

fn put(network: &Network, column: Column, key: &[u8], value: Vec<u8>) {
    let mut batch = WriteBatch::new();
    batch.put(column, key, value);
    network.storage.write(batch).unwrap();
}

#[test]
fn the_tip_reads_both_sets_from_the_state_on_either_side_of_an_epochs_end() {
    let mut genesis = Genesis::local("local", 1_000, 4);
    genesis.parameters.epoch_blocks = 2;
    let mut network = Network::with(&genesis);
    let set = genesis.validator_set().unwrap();
    for _ in 0..5 {
        network.commit(&[]);
        let tip = network.chain.tip().unwrap();
        assert_eq!((&tip.signed_by, &tip.validators), (&set, &set));
        assert_eq!(tip.hash, network.tip.hash);
    }
}

#[test]
fn the_first_validators_are_found_by_their_hash_and_others_are_not() {
    let network = Network::new();
    let set = &network.tip.validators;
    let read = network.chain.read();
    assert_eq!(read.validators(&set.hash()), Ok(Some(set.as_ref().clone())));
    assert_eq!(read.validators(&network.tip.genesis_hash), Ok(None));
    let mut batch = WriteBatch::new();
    batch.put(
        Column::Validators,
        network.tip.genesis_hash.0,
        set.to_bytes(),
    );
    network.storage.write(batch).unwrap();
    assert!(read.validators(&network.tip.genesis_hash).is_err());
}
