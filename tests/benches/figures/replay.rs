//! Replaying a chain of full blocks.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use starling_ledger::chain::{ChainReader, ChainStore};
use starling_ledger::storage::Storage;
use starling_node::runtime::replay::{Checkpoint, ReplayPlan, replay};
use starling_store::{OpenOptions, RocksStorage};
use starling_tests::chain_maker::ChainMaker;

use crate::table::{Figure, Unit};

const TRANSFERS: usize = 10_000;
const SENDERS: u64 = 20_000;
const ACCOUNTS: u64 = 1_000_000;
const ROUNDS: usize = 3;

/// Prints the table for a chain of so many blocks.
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
    let reader = ChainStore::new(source.clone()).read().clone();
    let threads = std::thread::available_parallelism().unwrap().get();
    println!("replay of {transfers} transfers, {threads} threads, each transfer:");
    for (name, checkpoint, goal) in [
        ("below a checkpoint", Some(head), 40_000.0),
        ("with full verification", None, 15_000.0),
    ] {
        let plan = ReplayPlan {
            checkpoint,
            threads,
        };
        let rounds = (0..ROUNDS).map(|round| {
            let name = format!("{name} {round}");
            let target: Arc<dyn Storage> = open(&name);
            let start = Instant::now();
            replayed(&reader, &target, &plan);
            let time = start.elapsed();
            drop(target);
            std::fs::remove_dir_all(folder.path().join(&name)).unwrap();
            time
        });
        let figure = Figure::of(rounds.collect(), transfers);
        unit.print(name, figure, None);
        let met = if figure.per_second() >= goal {
            "met"
        } else {
            "missed"
        };
        println!(
            "    {:.0} transfers a second, goal {goal}: {met}",
            figure.per_second()
        );
    }
}

fn replayed(source: &ChainReader, target: &Arc<dyn Storage>, plan: &ReplayPlan) {
    let mut go_on = |_| ControlFlow::Continue(());
    let done = replay(source, target, plan, &mut go_on).unwrap();
    assert_eq!(done.height, done.end);
}
