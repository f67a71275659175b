//! Keys of the state.
#![no_main]

use starling_fuzz::{fuzz_target, identity};
use starling_ledger::state_key::StateKey;

fuzz_target!(|bytes: &[u8]| {
    let read = |bytes: &[u8]| StateKey::from_bytes(bytes).ok_or(());
    identity(bytes, read, |key| key.to_bytes());
});
