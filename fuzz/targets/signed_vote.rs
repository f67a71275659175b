//! A vote.
#![no_main]

use starling_ledger::vote::SignedVote;

starling_fuzz::identity!(SignedVote, 1024);
