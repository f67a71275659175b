//! Proofs about the state, and that none proves anything else than what the state holds.
#![no_main]

use std::sync::LazyLock;

use starling_fuzz::{fuzz_target, golden, one_encoding};
use starling_ledger::hash::Hash;
use starling_ledger::state::{PROOF_BYTES_MAX, StateProof};

/// Under each key of 33 times a byte below 40, this state holds 80 times that byte.
static ROOT: LazyLock<Hash> = LazyLock::new(|| golden("state_root"));

fuzz_target!(|bytes: &[u8]| {
    let Some(proof) = one_encoding::<StateProof, PROOF_BYTES_MAX>(bytes) else {
        return;
    };
    for byte in [0, 1, 39, 40, 200] {
        if let Ok(found) = proof.verify(&ROOT, &[byte; 33]) {
            let held = [byte; 80];
            assert_eq!(found, (byte < 40).then_some(held.as_slice()));
        }
    }
});
