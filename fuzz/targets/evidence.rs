//! Two signatures that contradict each other.
#![no_main]

use starling_ledger::evidence::Evidence;

starling_fuzz::identity!(Evidence, 1024);
