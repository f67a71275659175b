//! The genesis as people write it.
#![no_main]

use starling_ledger::genesis::Genesis;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(genesis) = Genesis::from_toml(text) {
        let again = Genesis::from_toml(&genesis.to_toml());
        assert_eq!(again.expect("it was written here"), genesis);
    }
});
