//! The genesis as it is stored and hashed.
#![no_main]

use starling_ledger::genesis::Genesis;

starling_fuzz::identity!(Genesis, 1024 * 1024);
