//! A key of the state.
#![no_main]

use starling_ledger::state_key::StateKey;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(key) = StateKey::from_bytes(bytes) {
        assert_eq!(key.to_bytes(), bytes);
    }
});
