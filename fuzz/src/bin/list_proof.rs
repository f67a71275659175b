//! Proofs that something is in a list, and that there is only the one that its place asks for.
#![no_main]

use starling_fuzz::{BYTES_MAX, fuzz_target, one_encoding};
use starling_ledger::hash::Hash;
use starling_ledger::merkle::{ListProof, list_root, prove};

fuzz_target!(|bytes: &[u8]| {
    let Some(proof) = one_encoding::<ListProof, BYTES_MAX>(bytes) else {
        return;
    };
    let items: Vec<_> = (0..7).map(|byte| Hash([byte; 32])).collect();
    let root = list_root(&items);
    // The length is not in the root; who verifies knows it from the header.
    let counted = proof.count == 7;
    for (index, item) in items.iter().enumerate() {
        if counted && proof.verify(&root, item) {
            assert_eq!(Some(&proof), prove(&items, index).as_ref());
        }
    }
});
