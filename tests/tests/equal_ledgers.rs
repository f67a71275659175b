//! A ledger that keeps everything, one that was pruned and one that began with a snapshot end in
//! the same state, entry by entry (test cases, LED-09).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use starling_ledger::chain::{Pruner, keep_blocks_min};
use starling_ledger::codec::encode;
use starling_ledger::execution::Tip;
use starling_ledger::keys::Ed25519;
use starling_ledger::light::Trusted;
use starling_ledger::snapshot::{Anchor, Restoration, SnapshotManifest, chunks_of, manifest_of};
use starling_ledger::storage::Storage;
use starling_store::{OpenOptions, RocksStorage};
use starling_tests::ledger_maker::{LedgerMaker, genesis};

const TRANSFERS: u64 = 5;
/// The end of the second epoch, at which the snapshot is made.
const SNAPSHOT: u64 = 200;
const END: u64 = 350;
/// Shortly after the last block.
const NOW_MS: u64 = 1_000_000;

fn open(folder: &Path, name: &str) -> Arc<dyn Storage> {
    let options = OpenOptions {
        reserve_bytes: 0,
        ..OpenOptions::default()
    };
    Arc::new(RocksStorage::open(&folder.join(name), &options).expect("a fresh folder"))
}

/// Where the chain of `storage` goes on, read anew, and all entries of its state.
fn content(storage: &Arc<dyn Storage>) -> (Tip, BTreeMap<Vec<u8>, Vec<u8>>) {
    let maker = LedgerMaker::new(Arc::clone(storage), TRANSFERS);
    let tip = maker.chain().tip().expect("a tip");
    let mut entries = BTreeMap::new();
    let note = |key: &[u8], value: &[u8]| _ = entries.insert(key.to_vec(), value.to_vec());
    tip.state.visit(note).expect("readable");
    (tip, entries)
}

/// Begins a ledger with a snapshot of another.
fn restored(from: &LedgerMaker, storage: &Arc<dyn Storage>) {
    let tip = from.chain().tip().expect("a tip");
    let certificate = from.chain().read().certificate(tip.height);
    let certificate = certificate.expect("readable").expect("it is kept");
    let chunks: Result<Vec<_>, _> = chunks_of(&tip).collect();
    let (summaries, chunks): (Vec<_>, Vec<_>) = chunks.expect("readable").into_iter().unzip();
    let manifest = manifest_of(&tip, certificate, summaries).expect("above the genesis");
    let point = Trusted::genesis(&genesis()).expect("a genesis");
    let anchor = Anchor::Trusted {
        point: &point,
        now_ms: NOW_MS,
    };
    let read = SnapshotManifest::from_bytes(&manifest.to_bytes()).expect("a manifest");
    let verified = read
        .verify(&Ed25519, &genesis(), &anchor)
        .expect("it is right");
    let mut restoration =
        Restoration::begin(Arc::clone(storage), genesis(), verified).expect("a fresh ledger");
    for chunk in &chunks {
        restoration.add(&encode(chunk)).expect("it is right");
    }
    restoration.finish().expect("all chunks came");
}

#[test]
fn full_pruned_and_restored_ledgers_are_equal() {
    let folder = tempfile::tempdir().expect("a folder");
    let [full, pruned, begun] = ["full", "pruned", "begun"].map(|name| open(folder.path(), name));
    let mut maker = LedgerMaker::new(Arc::clone(&full), TRANSFERS);
    maker.extend(SNAPSHOT);
    restored(&maker, &begun);
    maker.extend(END);

    let mut other = LedgerMaker::new(Arc::clone(&pruned), TRANSFERS);
    let keep = keep_blocks_min(&genesis().parameters);
    for height in [SNAPSHOT, END] {
        other.extend(height);
        let pruner = Pruner::new(other.chain().clone()).expect("a chain");
        while pruner.step(keep).expect("it prunes").is_some() {}
    }
    assert_eq!(other.chain().read().first(), Ok(END - keep + 1));
    LedgerMaker::new(Arc::clone(&begun), TRANSFERS).extend(END);

    let (tip, entries) = content(&full);
    assert_eq!(tip.height, END);
    assert!(entries.len() > 1_000, "{}", entries.len());
    for storage in [&pruned, &begun] {
        let (its, found) = content(storage);
        assert_eq!((its.hash, its.state.root()), (tip.hash, tip.state.root()));
        assert!(found == entries, "the same entries");
    }
}
