//! Genesis as people write it.
#![no_main]

use starling_fuzz::{BYTES_MAX, fuzz_target, round_trip};
use starling_ledger::codec::{decode, encode};
use starling_ledger::genesis::Genesis;

fuzz_target!(|text: &str| {
    if let Some(genesis) = round_trip(text, Genesis::from_toml, Genesis::to_toml) {
        assert_eq!(decode::<_, BYTES_MAX>(&encode(&genesis)), Ok(genesis));
    }
});
