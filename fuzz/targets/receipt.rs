//! A receipt, and what it proves. The checksum is put right, or nothing would be read.
#![no_main]

use starling_fuzz::{local_genesis, same_if_read, with_checksum};
use starling_ledger::keys::Ed25519;
use starling_ledger::light::{Judge, Receipt};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let bytes = with_checksum(*b"STARRCPT", bytes);
    let read = Receipt::from_bytes(&bytes);
    if let Ok(receipt) = &read {
        let judge = Judge {
            scheme: &Ed25519,
            genesis: local_genesis(),
            checkpoint: None,
            now_ms: 2_000,
        };
        let _ = receipt.verify(&judge);
    }
    same_if_read(&bytes, read, Receipt::to_bytes);
});
