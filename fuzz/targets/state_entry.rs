//! Every kind of entry of the state; the first byte chooses which.
#![no_main]

use starling_fuzz::same_if_read;
use starling_ledger::account::Account;
use starling_ledger::record::Record;
use starling_ledger::staking::{
    Candidates, ConsensusKey, EpochEnd, Presence, QueuedRelease, Schedule, Stake,
};
use starling_ledger::supply::Totals;
use starling_ledger::validators::ValidatorSet;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((kind, bytes)) = input.split_first() else {
        return;
    };
    match kind % 11 {
        0 => same_if_read(bytes, Account::from_bytes(bytes), Account::to_bytes),
        1 => same_if_read(bytes, Record::from_bytes(bytes), Record::to_bytes),
        2 => same_if_read(bytes, Stake::from_bytes(bytes), Stake::to_bytes),
        3 => same_if_read(bytes, ConsensusKey::from_bytes(bytes), ConsensusKey::to_bytes),
        4 => same_if_read(bytes, Presence::from_bytes(bytes), Presence::to_bytes),
        5 => same_if_read(bytes, Schedule::from_bytes(bytes), Schedule::to_bytes),
        6 => same_if_read(bytes, QueuedRelease::from_bytes(bytes), QueuedRelease::to_bytes),
        7 => same_if_read(bytes, EpochEnd::from_bytes(bytes), EpochEnd::to_bytes),
        8 => same_if_read(bytes, Candidates::from_bytes(bytes), Candidates::to_bytes),
        9 => same_if_read(bytes, Totals::from_bytes(bytes), Totals::to_bytes),
        _ => same_if_read(bytes, ValidatorSet::from_bytes(bytes), ValidatorSet::to_bytes),
    }
});
