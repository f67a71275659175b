//! Final blocks, as sync and the replay of a stored chain read them.
#![no_main]

use starling_fuzz::{fuzz_target, one_encoding};
use starling_ledger::block::{BLOCK_BYTES_MAX, BlockHeader, FinalBlock};
use starling_ledger::codec::decode_prefix;

fuzz_target!(|bytes: &[u8]| {
    if let Some(found) = one_encoding::<FinalBlock, BLOCK_BYTES_MAX>(bytes) {
        let header = decode_prefix::<BlockHeader, BLOCK_BYTES_MAX>(bytes);
        assert_eq!(header, Ok(found.block.header));
    }
});
