//! The list of a snapshot's pieces.
#![no_main]

use starling_fuzz::same_if_read;
use starling_ledger::snapshot::SnapshotManifest;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let read = SnapshotManifest::from_bytes(bytes);
    same_if_read(bytes, read, SnapshotManifest::to_bytes);
});
