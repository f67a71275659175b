//! A piece of a snapshot.
#![no_main]

use starling_fuzz::same_if_read;
use starling_ledger::codec::encode;
use starling_ledger::hash::Hash;
use starling_ledger::state::StateChunk;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let read = StateChunk::from_bytes(bytes);
    if let Ok(chunk) = &read {
        assert!(chunk.prove(&Hash([7; 32])).is_err());
    }
    same_if_read(bytes, read, encode);
});
