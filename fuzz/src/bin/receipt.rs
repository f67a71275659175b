//! Receipts behind their checksum, and what they prove.
#![no_main]

use starling_fuzz::{GENESIS, fuzz_target, identity, sealed};
use starling_ledger::keys::Ed25519;
use starling_ledger::light::{Judge, Receipt};

fuzz_target!(|content: &[u8]| {
    // As it is, and with the checksum that the fuzzer will not find.
    let _ = Receipt::from_bytes(content);
    let file = sealed(b"STARRCPT", content);
    if let Some(receipt) = identity(&file, Receipt::from_bytes, Receipt::to_bytes) {
        let judge = Judge {
            scheme: &Ed25519,
            genesis: &GENESIS,
            checkpoint: None,
            now_ms: GENESIS.time_ms.saturating_add(1_000_000),
        };
        let _ = receipt.verify(&judge);
    }
});
