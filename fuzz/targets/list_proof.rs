//! The proof of a place in a block.
#![no_main]

use starling_ledger::merkle::ListProof;

starling_fuzz::identity!(ListProof, 16 * 1024);
