//! Where a subtree of the state stands.
#![no_main]

use starling_ledger::state::StatePath;

starling_fuzz::identity!(StatePath, 64);
