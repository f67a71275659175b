//! A proposed block.
#![no_main]

use starling_ledger::block::{BLOCK_BYTES_MAX, Block};

starling_fuzz::identity!(Block, BLOCK_BYTES_MAX);
