//! Chunks of snapshots, and that none proves an entry which the state does not hold.
#![no_main]

use std::sync::LazyLock;

use starling_fuzz::{fuzz_target, golden, identity};
use starling_ledger::codec::encode;
use starling_ledger::hash::Hash;
use starling_ledger::snapshot::SnapshotManifest;
use starling_ledger::state::{ProvenChunk, StateChunk};

/// The golden snapshot's state, which one chunk holds.
static ALL: LazyLock<(Hash, ProvenChunk)> = LazyLock::new(|| {
    let root = golden::<SnapshotManifest>("manifest").header.state_root;
    let chunk = golden::<StateChunk>("chunk_of_all");
    (root, chunk.prove(&root).expect("the golden chunk"))
});

fuzz_target!(|bytes: &[u8]| {
    let (root, all) = &*ALL;
    if let Some(chunk) = identity(bytes, StateChunk::from_bytes, encode)
        && let Ok(proven) = chunk.prove(root)
    {
        assert_eq!(chunk.path(), &proven.summary.path);
        let all = all.writes.operations();
        let mut own = proven.writes.operations().iter();
        assert!(own.all(|one| all.contains(one)));
    }
});
