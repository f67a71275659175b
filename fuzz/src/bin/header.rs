//! Headers of blocks.
#![no_main]

use starling_fuzz::{fuzz_target, one_encoding};
use starling_ledger::block::BlockHeader;

fuzz_target!(|bytes: &[u8]| {
    one_encoding::<BlockHeader, 512>(bytes);
});
