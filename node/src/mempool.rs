//! The mempool: verified transactions that wait for a block.
//!
//! Each account has a queue ordered by nonce. The head of a queue is *ready* when its nonce is the
//! account's next one; what lies behind a gap of at most [`GAP_MAX`] is held back. Blocks are
//! filled by fee per byte among what is ready. After a block only the accounts it touched are
//! looked at again.
//!
//! # Invariants
//! `count` and `size_bytes` equal the sums over all queues; no queue is empty; every queued nonce
//! is at least the account's next one.
//!
//! # Limits
//! [`Limits`] bounds count, bytes and transactions per sender. At the defaults the pool holds at
//! most 64 MiB of encodings, and about as much again for decoded forms and indexes.

mod candidate;
mod departure;
mod error;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use starling_ledger::account::Account;
use starling_ledger::address::AccountId;
use starling_ledger::execution::{ApplyError, BlockLimits};
use starling_ledger::transaction::{
    Amount, Nonce, RawTransaction, TransactionId, VerifiedTransaction, WireId,
};

pub use departure::{Departure, Left};
pub use error::MempoolError;

use candidate::Candidate;

/// How far a nonce may run ahead of the account's next one. Our choice: a wallet that sends a batch
/// at once may see it reordered by that much.
pub const GAP_MAX: Nonce = 64;
/// Percentage by which a replacement must raise the fee. Our choice, as in Ethereum clients.
pub const REPLACEMENT_PERCENT: u128 = 10;

/// Bounds of a mempool.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most transactions.
    pub count_max: usize,
    /// Most bytes of encodings.
    pub bytes_max: usize,
    /// Most transactions of one sender.
    pub per_sender_max: usize,
}

impl Default for Limits {
    /// Our choice: five full blocks, and one sender may fill at most a third of a block by itself.
    fn default() -> Self {
        Self {
            count_max: 50_000,
            bytes_max: 64 * 1024 * 1024,
            per_sender_max: 4_096,
        }
    }
}

/// The waiting transactions of one account.
#[derive(Debug, Default)]
struct Queue {
    next: Nonce,
    balance: Amount,
    waiting: BTreeMap<Nonce, Arc<VerifiedTransaction>>,
}

/// Verified transactions that wait for a block.
#[derive(Debug)]
pub struct Mempool {
    limits: Limits,
    queues: BTreeMap<AccountId, Queue>,
    by_id: BTreeMap<TransactionId, (AccountId, Nonce)>,
    by_wire_id: BTreeMap<WireId, (AccountId, Nonce)>,
    /// The tail of each queue by fee rate: the cheapest tail is what a full pool lets go first.
    tails: BTreeSet<(FeeRate, AccountId)>,
    /// The accounts whose next transaction waits and can be paid.
    ready: BTreeSet<AccountId>,
    size_bytes: usize,
    /// What left since [`Mempool::take_left`].
    left: Vec<Left>,
}

/// Fee per byte, compared exactly: millionths of a base unit.
type FeeRate = u128;

impl Mempool {
    /// Makes an empty pool.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            queues: BTreeMap::new(),
            by_id: BTreeMap::new(),
            by_wire_id: BTreeMap::new(),
            tails: BTreeSet::new(),
            ready: BTreeSet::new(),
            size_bytes: 0,
            left: Vec::new(),
        }
    }

    /// Returns what left since the last call without being in a block, and why.
    pub fn take_left(&mut self) -> Vec<Left> {
        std::mem::take(&mut self.left)
    }

    /// Returns the number of waiting transactions.
    pub fn count(&self) -> usize {
        self.by_id.len()
    }

    /// Returns the bytes of their encodings.
    pub const fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// Says whether a transaction with these bytes waits.
    pub fn contains(&self, wire_id: &WireId) -> bool {
        self.by_wire_id.contains_key(wire_id)
    }

    /// Returns the waiting transaction with this id.
    pub fn by_id(&self, id: &TransactionId) -> Option<&Arc<VerifiedTransaction>> {
        self.at(self.by_id.get(id)?)
    }

    /// Returns the waiting transaction with these bytes.
    pub fn by_wire_id(&self, wire_id: &WireId) -> Option<&Arc<VerifiedTransaction>> {
        self.at(self.by_wire_id.get(wire_id)?)
    }

    fn at(&self, (account, nonce): &(AccountId, Nonce)) -> Option<&Arc<VerifiedTransaction>> {
        self.queues.get(account)?.waiting.get(nonce)
    }

    /// Says whether a block could hold anything now.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Returns the nonce after the last one that waits without a gap; `None` if nothing waits.
    pub fn next_nonce(&self, account: &AccountId) -> Option<Nonce> {
        let queue = self.queues.get(account)?;
        let ready = (queue.next..).take_while(|nonce| queue.waiting.contains_key(nonce));
        Some(ready.last().map_or(queue.next, |nonce| nonce + 1))
    }

    /// Adds a transaction whose sender's account is `account` now.
    ///
    /// # Errors
    /// [`MempoolError`] says why it does not enter; the pool is unchanged then.
    pub fn insert(
        &mut self,
        transaction: Arc<VerifiedTransaction>,
        account: &Account,
        time_ms: u64,
    ) -> Result<(), MempoolError> {
        self.check(&transaction, account, time_ms)?;
        let sender = transaction.sender();
        let nonce = transaction.body().nonce;
        self.make_room(&transaction)?;
        self.untail(&sender);
        let queue = self.queues.entry(sender).or_default();
        (queue.next, queue.balance) = (account.nonce, account.balance);
        let replaced = queue.waiting.insert(nonce, Arc::clone(&transaction));
        if let Some(replaced) = replaced {
            let by = transaction.id();
            self.dismiss(&replaced, Departure::Replaced { by });
        }
        self.size_bytes += transaction.size_bytes();
        self.by_id.insert(transaction.id(), (sender, nonce));
        self.by_wire_id
            .insert(transaction.wire_id(), (sender, nonce));
        self.retail(&sender);
        Ok(())
    }

    fn check(
        &self,
        transaction: &VerifiedTransaction,
        account: &Account,
        time_ms: u64,
    ) -> Result<(), MempoolError> {
        let (found, next) = (transaction.body().nonce, account.nonce);
        if self.contains(&transaction.wire_id()) {
            return Err(MempoolError::Known);
        }
        if transaction.body().expires_at_ms < time_ms {
            return Err(MempoolError::Expired);
        }
        if found < next {
            return Err(MempoolError::NonceUsed { found, next });
        }
        let queue = self.queues.get(&transaction.sender());
        let ahead = self
            .next_nonce(&transaction.sender())
            .unwrap_or(next)
            .max(next);
        if found > ahead.saturating_add(GAP_MAX) {
            return Err(MempoolError::NonceGap { found, next });
        }
        match queue.and_then(|queue| queue.waiting.get(&found)) {
            Some(old) => check_replacement(old, transaction),
            None => {
                let count = queue.map_or(0, |queue| queue.waiting.len());
                if count >= self.limits.per_sender_max {
                    return Err(MempoolError::SenderFull { count });
                }
                Ok(())
            }
        }
    }

    /// Lets go of the cheapest tails until the newcomer fits, if it pays more than they do.
    fn make_room(&mut self, newcomer: &VerifiedTransaction) -> Result<(), MempoolError> {
        let rate = fee_rate(newcomer);
        while self.count() >= self.limits.count_max
            || self.size_bytes + newcomer.size_bytes() > self.limits.bytes_max
        {
            let Some((cheapest, account)) = self.tails.first().copied() else {
                return Err(MempoolError::Full);
            };
            if cheapest >= rate || account == newcomer.sender() {
                return Err(MempoolError::Full);
            }
            self.drop_tail(&account);
        }
        Ok(())
    }

    fn drop_tail(&mut self, account: &AccountId) {
        self.untail(account);
        let tail = self
            .queues
            .get_mut(account)
            .and_then(|queue| queue.waiting.pop_last());
        if let Some((_, transaction)) = tail {
            self.dismiss(&transaction, Departure::Evicted);
        }
        self.retail(account);
    }

    /// Takes over what a block changed: drops what it included, and what it made impossible.
    ///
    /// What its sender cannot afford any more is held back until it can, or until it expires: who
    /// was told that a transaction waits is never told less without a reason.
    pub fn apply_block(&mut self, touched: &[(AccountId, Account)], included: &[TransactionId]) {
        for id in included {
            self.by_id.remove(id);
        }
        for (id, account) in touched {
            if !self.queues.contains_key(id) {
                continue;
            }
            self.untail(id);
            let mut gone = BTreeMap::new();
            if let Some(queue) = self.queues.get_mut(id) {
                (queue.next, queue.balance) = (account.nonce, account.balance);
                let kept = queue.waiting.split_off(&account.nonce);
                gone = std::mem::replace(&mut queue.waiting, kept);
            }
            for transaction in gone.values() {
                if self.by_id.contains_key(&transaction.id()) {
                    self.dismiss(transaction, Departure::NonceUsed);
                } else {
                    self.forget(transaction);
                }
            }
            self.retail(id);
        }
    }

    /// Drops one transaction that turned out not to apply, and what the same sender queued behind
    /// it.
    pub fn remove(&mut self, wire_id: &WireId, error: ApplyError) {
        if let Some((account, nonce)) = self.by_wire_id.get(wire_id).copied() {
            self.remove_from(&account, nonce, Departure::Inapplicable(error));
        }
    }

    fn remove_from(&mut self, account: &AccountId, nonce: Nonce, why: Departure) {
        self.untail(account);
        let gone = self
            .queues
            .get_mut(account)
            .map(|queue| queue.waiting.split_off(&nonce));
        let mut why = Some(why);
        for transaction in gone.into_iter().flat_map(BTreeMap::into_values) {
            let why = why.take().unwrap_or(Departure::Behind { nonce });
            self.dismiss(&transaction, why);
        }
        self.retail(account);
    }

    /// Drops what expired before `time_ms`. Called once a block; costs a walk over the pool.
    pub fn expire(&mut self, time_ms: u64) {
        let expired = |queue: &Queue| {
            let late = |(_, waiting): &(&Nonce, &Arc<VerifiedTransaction>)| {
                waiting.body().expires_at_ms < time_ms
            };
            queue.waiting.iter().find(late).map(|(nonce, _)| *nonce)
        };
        let gone: Vec<_> = self
            .queues
            .iter()
            .filter_map(|(account, queue)| Some((*account, expired(queue)?)))
            .collect();
        for (account, nonce) in gone {
            self.remove_from(&account, nonce, Departure::Expired);
        }
    }

    /// Returns what a block should hold, best fee per byte first, each sender's in nonce order.
    pub fn candidates(&self, limits: &BlockLimits) -> Vec<Arc<VerifiedTransaction>> {
        let count_max = usize::try_from(limits.transactions_max).unwrap_or(usize::MAX);
        let bytes_max = usize::try_from(limits.bytes_max).unwrap_or(usize::MAX);
        let mut ready: BinaryHeap<_> = self
            .ready
            .iter()
            .filter_map(|account| {
                let queue = self.queues.get(account)?;
                Some(Candidate::new(account, queue.waiting.get(&queue.next)?))
            })
            .collect();
        let mut chosen = Vec::new();
        let mut size_bytes = 0;
        while let Some(best) = ready.pop() {
            if chosen.len() >= count_max || size_bytes + best.transaction.size_bytes() > bytes_max {
                break;
            }
            size_bytes += best.transaction.size_bytes();
            let next = best.transaction.body().nonce + 1;
            let queue = self.queues.get(best.account).map(|queue| &queue.waiting);
            let follower = queue.and_then(|waiting| waiting.get(&next));
            ready.extend(follower.map(|follower| Candidate::new(best.account, follower)));
            chosen.push(Arc::clone(best.transaction));
        }
        chosen
    }

    /// Returns every waiting transaction's bytes, for a new neighbour.
    pub fn all(&self) -> impl Iterator<Item = &RawTransaction> {
        self.queues
            .values()
            .flat_map(|queue| queue.waiting.values())
            .map(|waiting| waiting.raw())
    }

    /// Lets go of a transaction that no block holds.
    fn dismiss(&mut self, transaction: &VerifiedTransaction, why: Departure) {
        self.forget(transaction);
        let id = transaction.id();
        self.left.push(Left { id, why });
    }

    fn forget(&mut self, transaction: &VerifiedTransaction) {
        self.size_bytes -= transaction.size_bytes();
        self.by_id.remove(&transaction.id());
        self.by_wire_id.remove(&transaction.wire_id());
    }

    /// Takes an account out of the orders over queues, before its queue changes.
    fn untail(&mut self, account: &AccountId) {
        self.ready.remove(account);
        if let Some((_, tail)) = self
            .queues
            .get(account)
            .and_then(|q| q.waiting.last_key_value())
        {
            self.tails.remove(&(fee_rate(tail), *account));
        }
    }

    /// Puts an account back into the orders over queues, after its queue changed.
    fn retail(&mut self, account: &AccountId) {
        let Some(queue) = self.queues.get(account) else {
            return;
        };
        let Some((_, tail)) = queue.waiting.last_key_value() else {
            self.queues.remove(account);
            return;
        };
        self.tails.insert((fee_rate(tail), *account));
        let head = queue.waiting.get(&queue.next);
        if head.is_some_and(|head| cost(head) <= u128::from(queue.balance)) {
            self.ready.insert(*account);
        }
    }
}

fn check_replacement(
    old: &VerifiedTransaction,
    new: &VerifiedTransaction,
) -> Result<(), MempoolError> {
    let raised = u128::from(old.body().fee) * (100 + REPLACEMENT_PERCENT);
    if u128::from(new.body().fee) * 100 >= raised && new.body().fee > old.body().fee {
        return Ok(());
    }
    let needed_base = Amount::try_from(raised.div_ceil(100)).unwrap_or(Amount::MAX);
    Err(MempoolError::Underpriced {
        nonce: new.body().nonce,
        needed_base,
    })
}

fn fee_rate(transaction: &VerifiedTransaction) -> FeeRate {
    u128::from(transaction.body().fee) * 1_000_000 / transaction.size_bytes().max(1) as u128
}

/// The most a transaction takes from its sender: fee and transferred amounts.
fn cost(transaction: &VerifiedTransaction) -> u128 {
    use starling_ledger::transaction::Action;
    let moved = |action: &Action| match action {
        Action::Transfer { amount, .. } | Action::Bond { amount, .. } => u128::from(*amount),
        _ => 0,
    };
    u128::from(transaction.body().fee) + transaction.body().actions.iter().map(moved).sum::<u128>()
}
