//! The transactions of one sender that wait: their nonces follow each other from the account's next
//! one, and each applies behind those before it.

use std::collections::BTreeMap;
use std::sync::Arc;

use starling_ledger::account::Account;
use starling_ledger::address::AccountId;
use starling_ledger::execution::{PendingChain, Step};
use starling_ledger::transaction::{Nonce, VerifiedTransaction};

use super::{FeeRate, fee_rate};

/// The waiting transactions of one account.
#[derive(Debug)]
pub(super) struct Queue {
    chain: PendingChain,
    waiting: BTreeMap<Nonce, Waiting>,
    /// What the chain says cannot be relied on: a worker has to run it anew.
    stale: bool,
    /// Counts changes, so that what a worker ran before one is not taken for the present.
    version: u64,
}

#[derive(Debug)]
struct Waiting {
    transaction: Arc<VerifiedTransaction>,
    /// What a byte up to here pays at the least: this one is worth no more to a block than the
    /// cheapest that has to go before it.
    floor: FeeRate,
}

impl Queue {
    /// Starts with nothing; `account` is the sender's at the tip.
    pub(super) const fn new(sender: AccountId, account: Option<Account>) -> Self {
        Self {
            chain: PendingChain::new(sender, account),
            waiting: BTreeMap::new(),
            stale: false,
            version: 0,
        }
    }

    /// What the transactions will have done.
    pub(super) const fn chain(&self) -> &PendingChain {
        &self.chain
    }

    pub(super) const fn is_stale(&self) -> bool {
        self.stale
    }

    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn get(&self, nonce: Nonce) -> Option<&Arc<VerifiedTransaction>> {
        self.waiting.get(&nonce).map(|waiting| &waiting.transaction)
    }

    /// The transaction that is due.
    pub(super) fn first(&self) -> Option<&Arc<VerifiedTransaction>> {
        let first = self.waiting.first_key_value();
        first.map(|(_, waiting)| &waiting.transaction)
    }

    /// The nonce after the last one.
    pub(super) fn end(&self) -> Option<Nonce> {
        let last = self.waiting.last_key_value();
        last.map(|(nonce, _)| nonce.saturating_add(1))
    }

    /// What the last one is worth.
    pub(super) fn floor(&self) -> Option<FeeRate> {
        let last = self.waiting.last_key_value();
        last.map(|(_, waiting)| waiting.floor)
    }

    /// What `transaction` would be worth in its place.
    pub(super) fn floor_with(&self, transaction: &VerifiedTransaction) -> FeeRate {
        let before = self.waiting.range(..transaction.body().nonce).next_back();
        let rate = fee_rate(transaction);
        before.map_or(rate, |(_, before)| before.floor.min(rate))
    }

    /// All of them, in order.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<VerifiedTransaction>> {
        self.waiting.values().map(|waiting| &waiting.transaction)
    }

    /// Puts a transaction in its place; returns the one that was there. What waits behind that one
    /// stays, and has to be run anew.
    pub(super) fn put(
        &mut self,
        transaction: Arc<VerifiedTransaction>,
        step: Step,
    ) -> Option<Arc<VerifiedTransaction>> {
        let nonce = transaction.body().nonce;
        let floor = self.floor_with(&transaction);
        let place = Waiting { transaction, floor };
        let replaced = self.waiting.insert(nonce, place);
        self.chain.put(nonce, step);
        self.version += 1;
        if replaced.is_some() && self.end() != nonce.checked_add(1) {
            self.stale = true;
            self.sink();
        }
        replaced.map(|waiting| waiting.transaction)
    }

    /// Takes out what waits from `nonce` on.
    pub(super) fn truncate(&mut self, nonce: Nonce) -> Vec<Arc<VerifiedTransaction>> {
        self.chain.truncate(nonce);
        self.version += 1;
        transactions(self.waiting.split_off(&nonce))
    }

    /// Takes over the account after a block; returns what can no longer go into one.
    pub(super) fn advance(&mut self, account: &Account) -> Vec<Arc<VerifiedTransaction>> {
        self.stale |= !self.chain.advance(account);
        self.version += 1;
        let kept = self.waiting.split_off(&account.nonce);
        let gone = std::mem::replace(&mut self.waiting, kept);
        if !gone.is_empty() {
            self.sink();
        }
        transactions(gone)
    }

    /// A block changed what others decide about.
    pub(super) const fn unsettle(&mut self) {
        self.stale = true;
        self.version += 1;
    }

    /// Takes over what a worker found; returns what does not apply.
    pub(super) fn settle(&mut self, chain: PendingChain) -> Vec<Arc<VerifiedTransaction>> {
        self.chain = chain;
        self.stale = false;
        let applies = self.chain.last().map_or(0, |last| last.nonce);
        self.truncate(applies)
    }

    /// Computes anew what each is worth.
    fn sink(&mut self) {
        let mut floor = FeeRate::MAX;
        for waiting in self.waiting.values_mut() {
            floor = floor.min(fee_rate(&waiting.transaction));
            waiting.floor = floor;
        }
    }
}

fn transactions(waiting: BTreeMap<Nonce, Waiting>) -> Vec<Arc<VerifiedTransaction>> {
    waiting.into_values().map(|one| one.transaction).collect()
}
