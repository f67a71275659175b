//! Replaying a chain of full blocks, and what it takes on the disk.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use rustix::time::ClockId;
use starling_ledger::chain::{ChainReader, ChainStore};
use starling_ledger::light::Checkpoint;
use starling_ledger::storage::{Column, Storage};
use starling_node::runtime::replay::{ReplayPlan, replay};
use starling_store::{OpenOptions, RocksStorage};
use starling_tests::chain_maker::ChainMaker;

use crate::table::{Figure, Spent, Unit, cpu};

const TRANSFERS: usize = 10_000;
const SENDERS: u64 = 20_000;
const ACCOUNTS: u64 = 1_000_000;
const ROUNDS: usize = 3;

/// The columns that hold the history, not the state.
const HISTORY: [Column; 5] = [
    Column::Header,
    Column::Body,
    Column::Certificate,
    Column::TransactionIndex,
    Column::AccountHistory,
];

/// Prints both tables for a chain of so many blocks.
pub(crate) fn run(unit: &Unit, blocks: u64) {
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str| {
        let folder = folder.path().join(name);
        Arc::new(RocksStorage::open(&folder, &OpenOptions::default()).unwrap())
    };
    let source = open("source");
    let start = Instant::now();
    let shared: Arc<dyn Storage> = source.clone();
    let mut maker = ChainMaker::new(shared, SENDERS, ACCOUNTS);
    maker.extend(usize::try_from(blocks).unwrap(), TRANSFERS);
    let transfers = usize::try_from(blocks).unwrap() * TRANSFERS;
    println!(
        "{transfers} transfers in {blocks} blocks made in {:.0?}",
        start.elapsed()
    );
    let head = Checkpoint {
        height: blocks,
        hash: maker.tip().hash,
    };
    let encoded = maker.transfers(1)[0].0.len();
    let reader = ChainStore::new(source.clone()).read().clone();
    let threads = std::thread::available_parallelism().unwrap().get();
    println!("replay of {transfers} transfers, {threads} threads, each transfer:");
    for (name, checkpoint, goal) in [
        ("below a checkpoint", Some(head), 40_000.0),
        ("with full verification", None, 15_000.0),
    ] {
        let plan = ReplayPlan {
            end: None,
            history: true,
            checkpoint,
            threads,
        };
        let rounds = (0..ROUNDS).map(|round| {
            let name = format!("{name} {round}");
            let target: Arc<dyn Storage> = open(&name);
            let (start, before) = (Instant::now(), cpu(ClockId::ProcessCPUTime));
            replayed(&reader, &target, &plan);
            let spent = Spent {
                wall: start.elapsed(),
                cpu: cpu(ClockId::ProcessCPUTime) - before,
            };
            drop(target);
            std::fs::remove_dir_all(folder.path().join(&name)).unwrap();
            spent
        });
        let rounds: Vec<_> = rounds.collect();
        let figure = Figure::of(&rounds, transfers);
        unit.print(name, figure, None);
        let rate = 1e6 / figure.wall();
        let met = if rate >= goal { "met" } else { "missed" };
        println!("    {rate:.0} transfers a second, goal {goal}: {met}");
    }
    disk(source.as_ref(), transfers, encoded);
}

fn replayed(source: &ChainReader, target: &Arc<dyn Storage>, plan: &ReplayPlan) {
    let mut go_on = |_| ControlFlow::Continue(());
    let done = replay(source, target, plan, &mut go_on).unwrap();
    assert_eq!(done.height, done.end);
}

/// Prints what the compacted columns take for each transfer.
fn disk(storage: &RocksStorage, transfers: usize, encoded: usize) {
    for column in Column::ALL {
        storage.reclaim(column, &[], None).unwrap();
    }
    println!("disk, compacted, bytes for each transfer of {encoded} bytes:");
    let mut history = 0.0;
    for (column, bytes) in storage.sizes().unwrap() {
        let each = bytes as f64 / transfers as f64;
        if HISTORY.contains(&column) {
            history += each;
        }
        println!("  {:<20} {each:8.1}", column.name());
    }
    let share = history / encoded as f64;
    let met = if share <= 2.0 { "met" } else { "missed" };
    println!("  all but the state    {history:8.1}, {share:.2} times the encoding, goal 2: {met}");
}
