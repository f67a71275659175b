//! Transactions, and that a batch judges each as it would be alone.
#![no_main]

use starling_fuzz::{NETWORK, fuzz_target, identity};
use starling_ledger::keys::Ed25519;
use starling_ledger::transaction::RawTransaction;

fuzz_target!(|bytes: &[u8]| {
    let raw = RawTransaction(bytes.into());
    let encoded = |found: &_| starling_ledger::codec::encode(found);
    let decoded = identity(bytes, |_| raw.decode(), encoded);
    let alone = raw.verify(&Ed25519, &NETWORK);
    assert!(decoded.is_some() || alone.is_err());
    for result in RawTransaction::verify_each(&[raw.clone(), raw], &Ed25519, &NETWORK) {
        let ids = [&result, &alone].map(|one| one.as_ref().map(|verified| verified.id()));
        assert_eq!(ids[0], ids[1]);
    }
});
