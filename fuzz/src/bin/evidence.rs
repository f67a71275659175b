//! Evidence of double signatures, and that it never turns up against nobody.
#![no_main]

use starling_fuzz::{BYTES_MAX, NETWORK, fuzz_target, one_encoding};
use starling_ledger::evidence::Evidence;
use starling_ledger::keys::Ed25519;

fuzz_target!(|bytes: &[u8]| {
    if let Some(found) = one_encoding::<Evidence, BYTES_MAX>(bytes) {
        let _ = (found.key(), found.height(), found.hash());
        let _ = found.verify(&Ed25519, &NETWORK);
    }
});
