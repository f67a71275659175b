//! Blocks, and that their header can be read before the rest.
#![no_main]

use starling_fuzz::{fuzz_target, one_encoding};
use starling_ledger::block::{BLOCK_BYTES_MAX, Block, BlockHeader};
use starling_ledger::codec::decode_prefix;

fuzz_target!(|bytes: &[u8]| {
    if let Some(block) = one_encoding::<Block, BLOCK_BYTES_MAX>(bytes) {
        let header = decode_prefix::<BlockHeader, BLOCK_BYTES_MAX>(bytes);
        assert_eq!(header, Ok(block.header));
    }
});
