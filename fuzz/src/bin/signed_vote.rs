//! Votes with their signature.
#![no_main]

use starling_fuzz::{NETWORK, fuzz_target, one_encoding};
use starling_ledger::keys::Ed25519;
use starling_ledger::vote::SignedVote;

fuzz_target!(|bytes: &[u8]| {
    if let Some(found) = one_encoding::<SignedVote, 512>(bytes) {
        let _ = found.verify(&Ed25519, &NETWORK);
    }
});
