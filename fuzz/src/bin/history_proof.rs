//! Proofs of what an account has sent.
#![no_main]

use starling_fuzz::{BYTES_MAX, fuzz_target, one_encoding};
use starling_ledger::light::HistoryProof;

fuzz_target!(|bytes: &[u8]| {
    one_encoding::<HistoryProof, BYTES_MAX>(bytes);
});
