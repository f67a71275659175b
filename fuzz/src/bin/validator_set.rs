//! Sets of validators, and what is computed from their powers.
#![no_main]

use starling_fuzz::{fuzz_target, identity};
use starling_ledger::validators::ValidatorSet;

fuzz_target!(|bytes: &[u8]| {
    if let Some(set) = identity(bytes, ValidatorSet::from_bytes, ValidatorSet::to_bytes) {
        assert!(set.is_quorum(set.total_power()));
        assert!(!set.is_quorum(set.total_power() / 3 * 2));
        for round in 0..4 {
            let proposer = set.proposer(u64::MAX - 1, round);
            assert!(set.by_key(&proposer.key).is_some());
        }
    }
});
