//! Proposals with their signature.
#![no_main]

use starling_fuzz::{NETWORK, fuzz_target, one_encoding};
use starling_ledger::keys::Ed25519;
use starling_ledger::vote::SignedProposal;

fuzz_target!(|bytes: &[u8]| {
    if let Some(found) = one_encoding::<SignedProposal, 512>(bytes) {
        let _ = found.verify(&Ed25519, &NETWORK);
    }
});
