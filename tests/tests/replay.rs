//! A stored chain is checked and executed again, and nothing that is wrong gets by.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ops::ControlFlow;
use std::sync::Arc;

use starling_ledger::block::{Block, BlockHash};
use starling_ledger::chain::{ChainReader, ChainStore};
use starling_ledger::hash::Hash;
use starling_ledger::light::Checkpoint;
use starling_ledger::storage::{
    Column, MemoryStorage, Storage, StorageError, StorageOperation, WriteBatch,
};
use starling_ledger::transaction::RawTransaction;
use starling_node::runtime::replay::{Progress, ReplayError, ReplayPlan, replay};
use starling_tests::chain_maker::ChainMaker;

const BLOCKS: u64 = 12;
const TRANSFERS: u64 = 30;

/// A chain of twelve blocks, the storage it is in, and its tip's hash.
fn chain() -> (Arc<dyn Storage>, BlockHash) {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let mut maker = ChainMaker::new(Arc::clone(&storage), 20, 200);
    for _ in 0..BLOCKS {
        maker.extend(1, usize::try_from(TRANSFERS).expect("30"));
    }
    (storage, maker.tip().hash)
}

fn reader(storage: &Arc<dyn Storage>) -> ChainReader {
    ChainStore::new(Arc::clone(storage)).read().clone()
}

fn plan(checkpoint: Option<(u64, BlockHash)>) -> ReplayPlan {
    ReplayPlan {
        end: None,
        history: true,
        checkpoint: checkpoint.map(|(height, hash)| Checkpoint { height, hash }),
        threads: 2,
    }
}

fn fresh() -> Arc<dyn Storage> {
    Arc::new(MemoryStorage::new())
}

fn run(
    source: &Arc<dyn Storage>,
    target: &Arc<dyn Storage>,
    checkpoint: Option<(u64, BlockHash)>,
) -> Result<Progress, ReplayError> {
    let mut go_on = |_| ControlFlow::Continue(());
    replay(&reader(source), target, &plan(checkpoint), &mut go_on)
}

/// All that two storages hold.
fn assert_same(one: &Arc<dyn Storage>, other: &Arc<dyn Storage>) {
    for column in Column::ALL {
        let all = |storage: &Arc<dyn Storage>| storage.scan(column, &[], None, usize::MAX);
        assert_eq!(all(one).unwrap(), all(other).unwrap(), "{column}");
    }
}

fn tip(storage: &Arc<dyn Storage>) -> (u64, BlockHash) {
    reader(storage).tip().unwrap().unwrap()
}

/// Changes the block at `height` in the storage.
fn tamper(storage: &Arc<dyn Storage>, height: u64, change: impl FnOnce(&mut Block)) {
    let mut block = reader(storage).block(height).unwrap().unwrap();
    change(&mut block);
    let body = starling_ledger::codec::encode(&(
        block.transactions,
        block.evidence,
        block.parent_certificate,
    ));
    let mut batch = WriteBatch::new();
    batch.put(Column::Body, height.to_be_bytes(), body);
    storage.write(batch).unwrap();
}

/// Makes the signature of a transaction wrong.
fn forge(raw: &mut RawTransaction) {
    let mut bytes = raw.0.to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    *raw = RawTransaction(bytes.into());
}

#[test]
fn a_replayed_chain_is_the_chain_bit_for_bit() {
    let (source, head) = chain();
    for checkpoint in [None, Some((BLOCKS, head))] {
        let target = fresh();
        let done = run(&source, &target, checkpoint).unwrap();
        let expected = Progress {
            height: BLOCKS,
            end: BLOCKS,
            transactions: BLOCKS * TRANSFERS,
        };
        assert_eq!(done, expected);
        assert_same(&source, &target);
        let reopened = ChainStore::new(Arc::clone(&target)).tip().unwrap();
        assert_eq!(reopened.hash, head);
    }
}

#[test]
fn a_replay_that_was_stopped_goes_on_where_it_was() {
    let (source, head) = chain();
    let target = fresh();
    let mut stop = |_| ControlFlow::Break(());
    let stopped = replay(&reader(&source), &target, &plan(None), &mut stop).unwrap();
    assert_eq!(stopped.height, tip(&target).0);
    let done = run(&source, &target, None).unwrap();
    assert_eq!(done.transactions + stopped.transactions, BLOCKS * TRANSFERS);
    assert_eq!(tip(&target), (BLOCKS, head));
    assert_same(&source, &target);
    // Nothing is left to do, and nothing happens.
    assert_eq!(run(&source, &target, None).unwrap().transactions, 0);
}

/// The wire id, and so the root, covers signatures: a forged one is found either way.
#[test]
fn a_wrong_signature_in_the_store_stops_the_replay_before_its_block() {
    let (source, head) = chain();
    tamper(&source, 7, |block| forge(&mut block.transactions[4]));
    for checkpoint in [
        None,
        Some((6, reader(&source).header(6).unwrap().unwrap().hash())),
    ] {
        let target = fresh();
        let error = run(&source, &target, checkpoint).unwrap_err();
        assert!(
            matches!(error, ReplayError::Block { height: 7, .. }),
            "{error}"
        );
        assert_eq!(tip(&target).0, 6);
    }
    let target = fresh();
    let error = run(&source, &target, Some((BLOCKS, head))).unwrap_err();
    assert!(
        matches!(error, ReplayError::Block { height: 7, .. }),
        "{error}"
    );
}

/// Skipping signatures skips nothing else.
#[test]
fn below_a_checkpoint_certificates_and_effects_are_checked() {
    let (source, head) = chain();
    let mut certificate = reader(&source).certificate(5).unwrap().unwrap();
    certificate.signatures[0].signature.0[3] ^= 1;
    let mut batch = WriteBatch::new();
    let bytes = starling_ledger::codec::encode(&certificate);
    batch.put(Column::Certificate, 5u64.to_be_bytes(), bytes);
    source.write(batch).unwrap();
    let error = run(&source, &fresh(), Some((BLOCKS, head))).unwrap_err();
    assert!(
        matches!(error, ReplayError::Certificate { height: 5, .. }),
        "{error}"
    );

    let (source, head) = chain();
    tamper(&source, 5, |block| block.transactions.swap(0, 1));
    let error = run(&source, &fresh(), Some((BLOCKS, head))).unwrap_err();
    assert!(
        matches!(error, ReplayError::Block { height: 5, .. }),
        "{error}"
    );
}

#[test]
fn another_checkpoint_is_an_error_before_anything_is_written() {
    let (source, head) = chain();
    let other = BlockHash(Hash([7; 32]));
    for height in [0, 1, 6, BLOCKS] {
        let target = fresh();
        let error = run(&source, &target, Some((height, other))).unwrap_err();
        assert!(matches!(error, ReplayError::Checkpoint { .. }), "{error}");
        assert_eq!(tip(&target).0, 0);
    }
    let error = run(&source, &fresh(), Some((BLOCKS + 1, head))).unwrap_err();
    assert!(
        matches!(error, ReplayError::CheckpointAbove { .. }),
        "{error}"
    );
    // The hash of the genesis, at height 0, skips nothing and is right.
    let genesis = BlockHash(reader(&source).genesis().unwrap().unwrap().hash());
    assert!(run(&source, &fresh(), Some((0, genesis))).is_ok());
}

/// The headers between the checkpoint and the genesis have to lead down, not only the first.
#[test]
fn a_header_that_breaks_the_chain_below_the_checkpoint_is_found_first() {
    let (source, head) = chain();
    let mut header = reader(&source).header(3).unwrap().unwrap();
    header.time_ms += 1;
    let mut batch = WriteBatch::new();
    let key = [&[0], &3u64.to_be_bytes()[..]].concat();
    batch.put(Column::Header, key, starling_ledger::codec::encode(&header));
    source.write(batch).unwrap();
    let target = fresh();
    let error = run(&source, &target, Some((BLOCKS, head))).unwrap_err();
    assert!(
        matches!(error, ReplayError::Checkpoint { height: 3, .. }),
        "{error}"
    );
    assert_eq!(tip(&target).0, 0);
}

#[test]
fn a_missing_block_or_an_empty_store_is_named() {
    let (source, _) = chain();
    let mut batch = WriteBatch::new();
    batch.delete(Column::Header, [&[0], &9u64.to_be_bytes()[..]].concat());
    batch.delete(Column::Body, 9u64.to_be_bytes());
    batch.delete(Column::Certificate, 9u64.to_be_bytes());
    source.write(batch).unwrap();
    let target = fresh();
    let error = run(&source, &target, None).unwrap_err();
    assert!(
        matches!(error, ReplayError::Missing { height: 9 }),
        "{error}"
    );
    assert_eq!(tip(&target).0, 8);
    let error = run(&fresh(), &fresh(), None).unwrap_err();
    assert!(matches!(error, ReplayError::Empty), "{error}");
}

#[test]
fn the_target_of_another_chain_is_refused() {
    let (source, _) = chain();
    let target: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let mut other = ChainMaker::new(Arc::clone(&target), 20, 200);
    other.extend(2, 3);
    let error = run(&source, &target, None).unwrap_err();
    assert!(
        matches!(error, ReplayError::OtherChain { height: 2 }),
        "{error}"
    );
}

/// A disk that fails ends the replay; what it had taken before is a chain.
#[test]
fn a_failing_target_ends_the_replay() {
    let (source, _) = chain();
    let memory = MemoryStorage::new();
    memory.fail_write(
        2,
        StorageError::NoSpace {
            operation: StorageOperation::Write,
            reason: String::new(),
        },
    );
    let target: Arc<dyn Storage> = Arc::new(memory);
    let error = run(&source, &target, None).unwrap_err();
    assert!(matches!(error, ReplayError::Target(_)), "{error}");
}

#[test]
fn a_replay_ends_where_it_is_told_to_and_makes_no_index_that_is_not_wanted() {
    let (source, _) = chain();
    let target = fresh();
    let plan = ReplayPlan {
        end: Some(7),
        history: false,
        ..plan(None)
    };
    let mut go_on = |_| ControlFlow::Continue(());
    let done = replay(&reader(&source), &target, &plan, &mut go_on).unwrap();
    assert_eq!((done.height, done.end, tip(&target).0), (7, 7, 7));
    let history = target.scan(Column::AccountHistory, &[], None, usize::MAX);
    assert_eq!(history.unwrap(), []);
}

#[test]
fn what_is_damaged_is_named_with_its_height() {
    let (source, _) = chain();
    let entry = |column| source.get(column, &5u64.to_be_bytes()).unwrap().unwrap();
    let other = source.get(Column::Certificate, &4u64.to_be_bytes());
    for (column, value) in [
        (Column::Body, vec![1, 2, 3]),
        (Column::Certificate, other.unwrap().unwrap()),
        (Column::Certificate, vec![1, 2, 3]),
    ] {
        let before = entry(column);
        let put = |value: Vec<u8>| {
            let mut batch = WriteBatch::new();
            batch.put(column, 5u64.to_be_bytes(), value);
            source.write(batch).unwrap();
        };
        put(value);
        let target = fresh();
        let error = run(&source, &target, None).unwrap_err();
        let (height, reason) = error.fault().expect("the chain is at fault");
        assert_eq!((height, tip(&target).0), (5, 4), "{reason}");
        put(before);
    }
    let memory = Arc::new(MemoryStorage::new());
    let damaged: Arc<dyn Storage> = memory.clone();
    ChainMaker::new(Arc::clone(&damaged), 20, 200).extend(6, 3);
    memory.damage(Column::Body, &3u64.to_be_bytes());
    let error = run(&damaged, &fresh(), None).unwrap_err();
    assert!(
        matches!(error, ReplayError::Damaged { height: 3, .. }),
        "{error}"
    );
}
