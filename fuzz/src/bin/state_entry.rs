//! Entries of the state: the first byte, as in a key, says of what kind.
#![no_main]

use starling_fuzz::{fuzz_target, identity};
use starling_ledger::account::Account;
use starling_ledger::record::Record;
use starling_ledger::staking::{
    Candidates, ConsensusKey, EpochEnd, Presence, QueuedRelease, Schedule, Stake,
};
use starling_ledger::supply::{SupplyCheck, Totals};
use starling_ledger::validators::ValidatorSet;

macro_rules! one_of {
    ($kind:ident, $bytes:ident: $($tag:literal $type:ty),*) => {
        match $kind {
            $($tag => identity($bytes, <$type>::from_bytes, <$type>::to_bytes).is_some(),)*
            _ => return,
        }
    };
}

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else {
        return;
    };
    one_of!(kind, bytes:
        0 Totals, 1 Account, 2 Record, 3 Stake, 4 ValidatorSet, 5 ConsensusKey, 6 Candidates,
        7 Presence, 8 Schedule, 9 QueuedRelease, 10 EpochEnd);
    let key = [&[*kind], [1; 32].as_slice()].concat();
    let _ = SupplyCheck::default().add(&key, bytes);
});
