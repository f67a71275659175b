//! Manifests of snapshots, judged from the golden genesis.
#![no_main]

use starling_fuzz::{GENESIS, fuzz_target, identity};
use starling_ledger::keys::Ed25519;
use starling_ledger::light::{Checkpoint, Trusted};
use starling_ledger::snapshot::{Anchor, SnapshotManifest};

fuzz_target!(|bytes: &[u8]| {
    let read = SnapshotManifest::from_bytes;
    let Some(manifest) = identity(bytes, read, SnapshotManifest::to_bytes) else {
        return;
    };
    let _ = (manifest.chunks_bytes(), manifest.entries());
    let point = Trusted::genesis(&GENESIS).expect("the golden genesis");
    let now_ms = GENESIS.time_ms.saturating_add(1_000_000);
    let checkpoint = Checkpoint::of(&manifest.header);
    let trusted = Anchor::Trusted {
        point: &point,
        now_ms,
    };
    for anchor in [trusted, Anchor::Checkpoint(checkpoint)] {
        if let Ok(verified) = manifest.clone().verify(&Ed25519, &GENESIS, &anchor) {
            assert_eq!(verified.state_root(), manifest.header.state_root);
        }
    }
});
