//! What the command line remembers of a network. The checksum is put right.
#![no_main]

use starling_fuzz::{local_genesis, with_checksum};
use starling_ledger::light::Trusted;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let bytes = with_checksum(*b"STARHEAD", bytes);
    if let Ok(Ok(point)) = Trusted::from_bytes(local_genesis(), &bytes) {
        assert_eq!(point.to_bytes(), Some(bytes));
    }
});
