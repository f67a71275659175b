//! Steps of a light client, tried from the golden genesis.
#![no_main]

use starling_fuzz::{GENESIS, fuzz_target, one_encoding};
use starling_ledger::keys::Ed25519;
use starling_ledger::light::{LightStep, PATH_BYTES_MAX, Trusted};

fuzz_target!(|bytes: &[u8]| {
    if let Some(step) = one_encoding::<LightStep, PATH_BYTES_MAX>(bytes) {
        let begin = Trusted::genesis(&GENESIS).expect("the golden genesis");
        let now_ms = GENESIS.time_ms.saturating_add(1_000_000);
        if let Ok(point) = begin.advance(&Ed25519, &step, now_ms) {
            assert_eq!(point.hash(), step.header.hash());
        }
    }
});
