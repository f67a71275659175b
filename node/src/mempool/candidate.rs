//! The order in which ready transactions enter a block.

use std::cmp::Ordering;
use std::sync::Arc;

use starling_ledger::address::AccountId;
use starling_ledger::transaction::VerifiedTransaction;

use super::{FeeRate, fee_rate};

/// A ready transaction in the order of blocks: fee per byte, then the smaller account.
pub(super) struct Candidate<'a> {
    rate: FeeRate,
    pub(super) account: &'a AccountId,
    pub(super) transaction: &'a Arc<VerifiedTransaction>,
}

impl<'a> Candidate<'a> {
    pub(super) fn new(account: &'a AccountId, transaction: &'a Arc<VerifiedTransaction>) -> Self {
        Self {
            rate: fee_rate(transaction),
            account,
            transaction,
        }
    }
}

impl Ord for Candidate<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rate
            .cmp(&other.rate)
            .then_with(|| other.account.cmp(self.account))
    }
}

impl PartialOrd for Candidate<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Candidate<'_> {}
