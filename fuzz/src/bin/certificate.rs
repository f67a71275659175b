//! Commit certificates, and that one that verifies is signed by a quorum.
#![no_main]

use starling_fuzz::{BYTES_MAX, NETWORK, fuzz_target, golden, one_encoding};
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::keys::Ed25519;
use starling_ledger::validators::ValidatorSet;
use std::sync::LazyLock;

static SET: LazyLock<ValidatorSet> = LazyLock::new(|| golden("validator_set"));

fuzz_target!(|bytes: &[u8]| {
    if let Some(found) = one_encoding::<CommitCertificate, BYTES_MAX>(bytes) {
        let power = found.signed_power(&SET);
        if found.verify(&Ed25519, &NETWORK, &SET).is_ok() {
            assert!(power.is_ok_and(|power| SET.is_quorum(power)));
        }
    }
});
