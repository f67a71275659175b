//! Genesis in its one encoding, as a node tells it and a store keeps it.
#![no_main]

use starling_fuzz::{BYTES_MAX, fuzz_target, one_encoding};
use starling_ledger::genesis::Genesis;

fuzz_target!(|bytes: &[u8]| {
    if let Some(genesis) = one_encoding::<Genesis, BYTES_MAX>(bytes) {
        if genesis.check().is_ok() {
            let text = genesis.to_toml();
            assert_eq!(Genesis::from_toml(&text).as_ref(), Ok(&genesis));
        }
    }
});
