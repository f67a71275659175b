//! The transactions of one sender that wait: their nonces follow each other from the account's next
//! one, and each applies behind those before it.

use std::collections::VecDeque;
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
    /// Ascending by nonce.
    waiting: VecDeque<Waiting>,
    /// What the chain says cannot be relied on: a worker has to run it anew.
    stale: bool,
    /// Counts changes, so that what a worker ran before one is not taken for the present.
    version: u64,
}

#[derive(Debug)]
struct Waiting {
    nonce: Nonce,
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
            waiting: VecDeque::new(),
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
        let waiting = self.waiting.get(self.count_before(nonce));
        let found = waiting.filter(|waiting| waiting.nonce == nonce);
        found.map(|waiting| &waiting.transaction)
    }

    /// The transaction that is due.
    pub(super) fn first(&self) -> Option<&Arc<VerifiedTransaction>> {
        self.waiting.front().map(|waiting| &waiting.transaction)
    }

    /// The nonce after the last one.
    pub(super) fn end(&self) -> Option<Nonce> {
        let last = self.waiting.back();
        last.map(|waiting| waiting.nonce.saturating_add(1))
    }

    /// What the last one is worth.
    pub(super) fn floor(&self) -> Option<FeeRate> {
        self.waiting.back().map(|waiting| waiting.floor)
    }

    /// What `transaction` would be worth in its place.
    pub(super) fn floor_with(&self, transaction: &VerifiedTransaction) -> FeeRate {
        let last = self.count_before(transaction.body().nonce).checked_sub(1);
        let before = last.and_then(|last| self.waiting.get(last));
        let rate = fee_rate(transaction);
        before.map_or(rate, |before| before.floor.min(rate))
    }

    /// All of them, in order.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<VerifiedTransaction>> {
        self.waiting.iter().map(|waiting| &waiting.transaction)
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
        let waiting = Waiting {
            nonce,
            transaction,
            floor,
        };
        let replaced = self.insert(waiting);
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
        transactions(self.waiting.split_off(self.count_before(nonce)))
    }

    /// Takes over the account after a block; returns what can no longer go into one.
    pub(super) fn advance(&mut self, account: &Account) -> Vec<Arc<VerifiedTransaction>> {
        self.stale |= !self.chain.advance(account);
        self.version += 1;
        let kept = self.waiting.split_off(self.count_before(account.nonce));
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

    /// How many wait before `nonce`.
    fn count_before(&self, nonce: Nonce) -> usize {
        self.waiting
            .partition_point(|waiting| waiting.nonce < nonce)
    }

    /// Puts one in the place of its nonce; returns the one that was there.
    fn insert(&mut self, waiting: Waiting) -> Option<Waiting> {
        let place = self.count_before(waiting.nonce);
        match self.waiting.get_mut(place) {
            Some(there) if there.nonce == waiting.nonce => {
                return Some(std::mem::replace(there, waiting));
            }
            // Most senders have one that waits.
            None if place == 0 => self.waiting.reserve_exact(1),
            _ => {}
        }
        self.waiting.insert(place, waiting);
        None
    }

    /// Computes anew what each is worth.
    fn sink(&mut self) {
        let mut floor = FeeRate::MAX;
        for waiting in &mut self.waiting {
            floor = floor.min(fee_rate(&waiting.transaction));
            waiting.floor = floor;
        }
    }
}

fn transactions(waiting: VecDeque<Waiting>) -> Vec<Arc<VerifiedTransaction>> {
    waiting.into_iter().map(|one| one.transaction).collect()
}
