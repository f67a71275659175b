//! A proof of an entry of the state, and what it says of one key.
#![no_main]

use starling_fuzz::same_if_read;
use starling_ledger::codec::{decode, encode};
use starling_ledger::hash::Hash;
use starling_ledger::state::{PROOF_BYTES_MAX, StateProof};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let read = decode::<StateProof, PROOF_BYTES_MAX>(bytes);
    if let Ok(proof) = &read {
        // Nothing that was not made for this root leads to it.
        assert!(proof.verify(&Hash([7; 32]), b"key").is_err());
    }
    same_if_read(bytes, read, encode);
});
