//! Blocks of 10,000 transfers over many random accounts, on RocksDB, through the real `execute` and
//! `ChainStore::append`.
//!
//! The blocks are made on one ledger, and executed and appended on another that was filled alike:
//! one right after the other, as a node does that catches up.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use starling_ledger::account::Account;
use starling_ledger::block::{BLOCK_BYTES_MAX, Block};
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::chain::ChainStore;
use starling_ledger::codec::{decode, encode};
use starling_ledger::execution::{Checks, execute};
use starling_ledger::keys::Ed25519;
use starling_ledger::state::State;
use starling_ledger::state_key::StateKey;
use starling_ledger::storage::{Column, Storage};
use starling_ledger::transaction::{RawTransaction, VerifiedTransaction};
use starling_store::{OpenOptions, RocksStorage};
use starling_tests::chain_maker::{ChainMaker, numbered};
use tempfile::TempDir;

use crate::table::{Figure, Spent, Stopwatch, Unit};

const TRANSFERS: usize = 10_000;
const SENDERS: u64 = 20_000;
const BLOCKS: usize = 12;
/// Accounts made at once.
const CHUNK: u64 = 100_000;

/// A block as it comes, with what was verified of it before.
struct Prepared {
    block: Block,
    verified: Vec<Arc<VerifiedTransaction>>,
    certificate: CommitCertificate,
}

#[derive(Default)]
struct Times {
    decode: Vec<Spent>,
    verify: Vec<Spent>,
    execute: Vec<Spent>,
    root: Vec<Spent>,
    append: Vec<Spent>,
    both: Vec<Spent>,
}

/// Prints the table for a state of so many accounts.
pub(crate) fn run(unit: &Unit, accounts: u64) {
    let mut times = Times::default();
    let (_folder, mut maker) = filled(accounts);
    let blocks: Vec<_> = (0..BLOCKS)
        .map(|_| prepare(&mut maker, &mut times))
        .collect();
    let (_folder, mut node) = filled(accounts);
    for prepared in blocks {
        execute_and_append(&mut node, prepared, &mut times);
    }
    assert_eq!(node.tip().hash, maker.tip().hash);
    println!("block of {TRANSFERS} transfers over {accounts} accounts, each transfer:");
    let print =
        |name, rounds: Vec<Spent>, goal| unit.print(name, Figure::of(&rounds, TRANSFERS), goal);
    print("decode, without signatures", times.decode, None);
    print("decode and verify", times.verify, None);
    print("root: pages and trie", times.root, None);
    print("apply and root: execute", times.execute, None);
    print("append: encode, write, sync", times.append, None);
    let goal = if accounts > 1_000_000 { 1.2 } else { 0.6 };
    let figure = Figure::of(&times.both, TRANSFERS);
    unit.print("execute and append", figure, Some(goal));
    let passed = unit.of(figure.wall());
    println!("    with the time the disk took: {passed:.3} units");
}

/// Makes a ledger with so many accounts, in a folder that lasts as long as what is returned.
pub(crate) fn filled(accounts: u64) -> (TempDir, ChainMaker) {
    let folder = tempfile::tempdir().unwrap();
    let storage = RocksStorage::open(folder.path(), &OpenOptions::default()).unwrap();
    let storage: Arc<dyn Storage> = Arc::new(storage);
    let mut maker = ChainMaker::new(Arc::clone(&storage), SENDERS, accounts);
    let start = Instant::now();
    fill(&storage, &mut maker, accounts);
    println!("{accounts} accounts made in {:.0?}", start.elapsed());
    // What is left to compact of them would take the other core, and the cache, from the blocks.
    for column in [Column::State, Column::PageHash] {
        storage.reclaim(column, &[], None).unwrap();
    }
    let start = Instant::now();
    let opened = State::open(&storage).unwrap();
    assert_eq!(opened.root(), maker.tip().state.root());
    println!("state opened in {:.2?}", start.elapsed());
    (folder, maker)
}

/// Gives the state so many accounts.
fn fill(storage: &Arc<dyn Storage>, maker: &mut ChainMaker, accounts: u64) {
    let mut tip = maker.tip().clone();
    for from in (0..accounts).step_by(usize::try_from(CHUNK).unwrap()) {
        let made = |number: u64| {
            let id = numbered(number);
            let account = Account::new(&id, 1_000);
            (StateKey::account(&id), Some(account.to_bytes()))
        };
        let changes: BTreeMap<_, _> = (from..accounts.min(from + CHUNK)).map(made).collect();
        let update = tip.state.update(&changes).unwrap();
        storage.write(update.writes).unwrap();
        tip.state = update.state.settled(storage.snapshot().unwrap());
    }
    maker.set_tip(tip);
}

/// Makes the next block and verifies it.
fn prepare(maker: &mut ChainMaker, times: &mut Times) -> Prepared {
    let transactions = maker.transfers(TRANSFERS);
    let genesis = maker.tip().genesis_hash;
    let (built, certificate) = maker.build(&transactions);
    let raw = encode(&built.block);
    let watch = Stopwatch::start();
    let block: Block = decode::<_, BLOCK_BYTES_MAX>(&raw).unwrap();
    let trust = |raw: &RawTransaction| raw.trust(&genesis).map(Arc::new);
    let trusted = block.transactions.iter().map(|raw| trust(raw).unwrap());
    black_box(trusted.collect::<Vec<_>>());
    times.decode.push(watch.stop());
    let watch = Stopwatch::start();
    let verified = RawTransaction::verify_all(&block.transactions, &Ed25519, &genesis).unwrap();
    times.verify.push(watch.stop());
    let entry = |(id, account): &(_, Account)| (StateKey::account(id), Some(account.to_bytes()));
    let changes: BTreeMap<_, _> = built.executed.touched.iter().map(entry).collect();
    let watch = Stopwatch::start();
    black_box(maker.tip().state.update(&changes).unwrap());
    times.root.push(watch.stop());
    maker.commit(&built, certificate.clone());
    Prepared {
        block,
        verified: verified.into_iter().map(Arc::new).collect(),
        certificate,
    }
}

fn execute_and_append(node: &mut ChainMaker, prepared: Prepared, times: &mut Times) {
    let Prepared {
        block,
        verified,
        certificate,
    } = prepared;
    let once = Cell::new(verified);
    let checks = Checks {
        scheme: &Ed25519,
        transactions: &|_| Ok(once.take()),
        verified_certificate: Some(block.header.parent_certificate_hash),
    };
    let watch = Stopwatch::start();
    let executed = execute(node.tip(), &block, &checks).unwrap();
    let execution = watch.stop();
    let watch = Stopwatch::start();
    let batch = ChainStore::append_batch(&block, &executed, &certificate).unwrap();
    node.chain().append(batch).unwrap();
    let appending = watch.stop();
    times.execute.push(execution);
    times.append.push(appending);
    times.both.push(execution.and(appending));
    node.advance(&executed, &block, certificate);
}
