//! Pruning on the real engine: the disk gets back what the removed blocks took.
//!
//! `STARLING_BLOCKS` says how long the ledger is (`make prune`: 10,000).

use std::fs;
use std::path::Path;
use std::sync::Arc;

use starling_ledger::chain::Pruner;
use starling_ledger::storage::{Column, Storage};
use starling_store::{OpenOptions, RocksStorage};
use starling_tests::ledger_maker::LedgerMaker;

/// Transfers of each block.
const TRANSFERS: u64 = 20;

/// Columns of which old blocks lose something.
const COLUMNS: [Column; 5] = [
    Column::Header,
    Column::Body,
    Column::Certificate,
    Column::TransactionIndex,
    Column::AccountHistory,
];

/// Bytes of the files of a ledger that are tables.
fn tables(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder.join("rocksdb")).expect("a ledger");
    let files = entries.map(|entry| entry.expect("an entry").path());
    let files = files.filter(|file| file.extension().is_some_and(|ending| ending == "sst"));
    files
        .map(|file| file.metadata().map_or(0, |about| about.len()))
        .sum()
}

#[test]
fn pruning_frees_at_least_four_fifths_of_what_it_removes() {
    let blocks = std::env::var("STARLING_BLOCKS").map_or(1_500, |value| {
        value.parse::<u64>().expect("STARLING_BLOCKS is a number")
    });
    let keep = blocks / 10;
    let folder = tempfile::tempdir().expect("a folder");
    let options = OpenOptions {
        reserve_bytes: 64 << 10,
        ..OpenOptions::default()
    };
    let storage = Arc::new(RocksStorage::open(folder.path(), &options).expect("a fresh folder"));
    let mut maker = LedgerMaker::new(Arc::clone(&storage) as Arc<dyn Storage>, TRANSFERS);
    maker.extend(blocks);
    for column in Column::ALL {
        storage.reclaim(column, &[], None).expect("it compacts");
    }
    let before = tables(folder.path());
    let stats = storage.stats().expect("it tells");
    let of_blocks: u64 = stats
        .iter()
        .filter(|one| COLUMNS.contains(&one.column))
        .map(|one| one.disk_bytes)
        .sum();
    let pruner = Pruner::new(maker.chain().clone()).expect("a chain");
    while pruner.step(keep).expect("it prunes").is_some() {}
    // The maker's state holds a view from before.
    maker.append();
    pruner.reclaim().expect("it compacts");
    let after = tables(folder.path());
    let dropped = of_blocks / blocks * (blocks - keep);
    let freed = before.saturating_sub(after);
    println!(
        "{blocks} blocks, {keep} kept: tables {before} bytes before, {after} after; \
         {freed} freed of {dropped} removed ({} %)",
        freed * 100 / dropped
    );
    assert!(freed * 100 >= dropped * 80, "{freed} of {dropped}");
    assert_eq!(maker.chain().read().first(), Ok(blocks - keep + 1));
    drop((pruner, maker, storage));
    let storage = RocksStorage::open(folder.path(), &options).expect("it was closed well");
    let maker = LedgerMaker::new(Arc::new(storage), TRANSFERS);
    assert_eq!(maker.head().0, blocks + 1);
    assert_eq!(maker.payer().nonce, (blocks + 1) * TRANSFERS);
}
