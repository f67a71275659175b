//! A block with its certificate, as sync and the disk give it.
#![no_main]

use starling_ledger::block::{BLOCK_BYTES_MAX, FinalBlock};

starling_fuzz::identity!(FinalBlock, BLOCK_BYTES_MAX);
