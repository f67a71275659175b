//! The mempool: verified transactions that wait for a block.
//!
//! What is in it would apply to the tip, each behind those of its sender with lower nonces: it is
//! let in by running it there, by the rules of blocks
//! ([`PendingChain`](starling_ledger::execution::PendingChain)). So nobody holds more of
//! the pool than it can pay for, and all of it is charged when blocks take it.
//!
//! Each account has a queue without gaps. Blocks are filled by fee per byte, each queue in its
//! order. After a block only the accounts it touched are looked at again:
//! - The block did what those that waited do: the others still apply, for nobody else can take
//!   anything from their sender. What others do to stakes is the exception.
//! - It did something else, or some act on a stake, or one was replaced that others follow: the
//!   queue is *stale*. A worker runs it anew ([`Mempool::take_stale`]), and what no longer applies
//!   leaves. Until then it takes in nothing.
//!
//! Whatever leaves without a block is told with the reason ([`Mempool::take_left`]).
//!
//! # Invariants
//! `size_bytes` equals the sum over all queues; no queue is empty; the nonces of a queue follow
//! each other from the account's next one.
//!
//! # Limits
//! [`Limits`] bounds count, bytes and transactions per sender; [`STAKED_MAX`] those of a sender
//! that act on its stake. At the defaults the pool holds at most 64 MiB of encodings, and about
//! three times as much for decoded forms, what they will have done, and indexes.

mod candidate;
mod departure;
mod error;
pub mod file;
mod journal;
mod queue;
mod rerun;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use starling_ledger::account::Account;
use starling_ledger::address::AccountId;
use starling_ledger::execution::{ApplyError, BlockLimits, NextBlock, ReadSet};
use starling_ledger::transaction::{Amount, Nonce, TransactionId, VerifiedTransaction, WireId};

pub use departure::{Departure, Left};
pub use error::MempoolError;
pub use journal::{Journal, JournalWrite};
pub use rerun::{RanQueue, StaleQueue, rerun};

use candidate::Candidate;
use queue::Queue;

/// How far a nonce may run ahead of the last one that waits. Design, section 4: a wallet that sends
/// a batch at once may see it reordered by that much. What comes so early is held back outside the
/// pool.
pub const GAP_MAX: Nonce = 64;
/// Percentage by which a replacement must raise the fee. Our choice, as in Ethereum clients.
pub const REPLACEMENT_PERCENT: u128 = 10;

/// Most waiting transactions of one sender that act on its stake. Our choice: others can make these
/// fail, so they are run anew after every block.
pub const STAKED_MAX: usize = 64;
/// Most transactions of stale queues that are run at once: some 30 ms.
const RERUN_MAX: usize = 4_096;

/// Most transactions of one sender. Our choice: a third of a block.
const PER_SENDER_MAX: usize = 4_096;
/// What a waiting transaction takes beside its bytes, with its places in a pool: about 900.
const WAITING_BYTES: usize = 912;

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

impl Limits {
    /// Bounds within which a pool takes at most `bytes` of memory: half of them for the
    /// transactions, each of which is there encoded and decoded, half for what they take beside.
    pub const fn within(bytes: usize) -> Self {
        Self {
            count_max: bytes / 2 / WAITING_BYTES,
            bytes_max: bytes / 4,
            per_sender_max: PER_SENDER_MAX,
        }
    }
}

impl Default for Limits {
    /// Our choice: five full blocks, and one sender may fill at most a third of a block by itself.
    fn default() -> Self {
        Self {
            count_max: 50_000,
            bytes_max: 64 * 1024 * 1024,
            per_sender_max: PER_SENDER_MAX,
        }
    }
}

/// Verified transactions that wait for a block.
#[derive(Debug)]
pub struct Mempool {
    limits: Limits,
    queues: BTreeMap<AccountId, Box<Queue>>,
    by_id: BTreeMap<TransactionId, (AccountId, Nonce)>,
    by_wire_id: BTreeMap<WireId, (AccountId, Nonce)>,
    /// The tail of each queue by what it is worth: the cheapest is what a full pool lets go first.
    tails: BTreeSet<(FeeRate, AccountId)>,
    /// The accounts some of whose transactions act on a stake.
    staked: BTreeSet<AccountId>,
    /// The accounts whose queue is stale.
    stale: BTreeSet<AccountId>,
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
            staked: BTreeSet::new(),
            stale: BTreeSet::new(),
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
        self.queues.get(account)?.get(*nonce)
    }

    /// Says whether a block could hold anything now.
    pub fn has_ready(&self) -> bool {
        !self.queues.is_empty()
    }

    /// Returns the nonce after the last one that waits; `None` if nothing waits.
    pub fn next_nonce(&self, account: &AccountId) -> Option<Nonce> {
        self.queues.get(account)?.end()
    }

    /// Adds a transaction that applies behind those of its sender. `reads` is what it reads of the
    /// tip, and `next` the block after it.
    ///
    /// # Errors
    /// [`MempoolError`] says why it does not enter; the pool is unchanged then.
    pub fn insert(
        &mut self,
        transaction: Arc<VerifiedTransaction>,
        reads: &ReadSet,
        next: &NextBlock,
    ) -> Result<(), MempoolError> {
        let sender = transaction.sender();
        let nonce = transaction.body().nonce;
        let fresh = Queue::new(sender, reads.account(&sender));
        let queue = self.queues.get(&sender).map_or(&fresh, Box::as_ref);
        self.check(queue, &transaction)?;
        let ran = queue.chain().run(&transaction, reads, next);
        let ran = ran.map_err(|error| MempoolError::Unknown {
            reason: error.to_string(),
        })?;
        let step = ran.map_err(|error| not_now(queue, &transaction, next, error))?;
        let floor = queue.floor_with(&transaction);
        self.make_room(&transaction, floor)?;
        self.untail(&sender);
        let queue = self.queues.entry(sender).or_insert_with(|| Box::new(fresh));
        let replaced = queue.put(Arc::clone(&transaction), step);
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

    fn check(&self, queue: &Queue, transaction: &VerifiedTransaction) -> Result<(), MempoolError> {
        if self.contains(&transaction.wire_id()) {
            return Err(MempoolError::Known);
        }
        if queue.is_stale() {
            return Err(MempoolError::Unsettled);
        }
        if let Some(old) = queue.get(transaction.body().nonce) {
            return check_replacement(old, transaction);
        }
        let count = queue.len();
        let staked = transaction.body().acts_on_stake() && queue.chain().staked() >= STAKED_MAX;
        match count >= self.limits.per_sender_max || staked {
            true => Err(MempoolError::SenderFull { count }),
            false => Ok(()),
        }
    }

    /// Lets go of the cheapest tails until the newcomer fits, if it is worth more than they are.
    fn make_room(
        &mut self,
        newcomer: &VerifiedTransaction,
        floor: FeeRate,
    ) -> Result<(), MempoolError> {
        while self.count() >= self.limits.count_max
            || self.size_bytes + newcomer.size_bytes() > self.limits.bytes_max
        {
            let Some((cheapest, account)) = self.tails.first().copied() else {
                return Err(MempoolError::Full);
            };
            if cheapest >= floor || account == newcomer.sender() {
                return Err(MempoolError::Full);
            }
            let last = self.next_nonce(&account).unwrap_or_default();
            self.remove_from(&account, last.saturating_sub(1), Departure::Evicted);
        }
        Ok(())
    }

    /// Takes over what a block changed: drops what it included, and what it made impossible.
    pub fn apply_block(&mut self, touched: &[(AccountId, Account)], included: &[TransactionId]) {
        for id in included {
            self.by_id.remove(id);
        }
        for (id, account) in touched {
            if !self.queues.contains_key(id) {
                continue;
            }
            self.untail(id);
            let gone = self.queues.get_mut(id).map(|queue| queue.advance(account));
            for transaction in gone.into_iter().flatten() {
                if self.by_id.contains_key(&transaction.id()) {
                    self.dismiss(&transaction, Departure::NonceUsed);
                } else {
                    self.forget(&transaction);
                }
            }
            self.retail(id);
        }
        for id in &self.staked {
            if let Some(queue) = self.queues.get_mut(id) {
                queue.unsettle();
                self.stale.insert(*id);
            }
        }
    }

    /// Returns queues that have to be run anew; [`Mempool::settle`] wants the results.
    pub fn take_stale(&mut self) -> Vec<StaleQueue> {
        let mut taken = Vec::new();
        let mut count = 0;
        while let Some(sender) = self.stale.first().copied() {
            let Some(queue) = self.queues.get(&sender).filter(|queue| queue.is_stale()) else {
                self.stale.remove(&sender);
                continue;
            };
            count += queue.len();
            if count > RERUN_MAX && !taken.is_empty() {
                break;
            }
            self.stale.remove(&sender);
            taken.push(StaleQueue {
                sender,
                version: queue.version(),
                transactions: queue.all().map(Arc::clone).collect(),
            });
        }
        taken
    }

    /// Takes over what a worker found about a queue; drops what no longer applies. A queue that
    /// changed meanwhile stays stale.
    pub fn settle(&mut self, ran: RanQueue) {
        let sender = ran.sender;
        let Some(queue) = self.queues.get(&sender).filter(|queue| queue.is_stale()) else {
            return;
        };
        if queue.version() != ran.version {
            self.stale.insert(sender);
            return;
        }
        self.untail(&sender);
        let queue = self.queues.get_mut(&sender);
        let gone = queue.map(|queue| queue.settle(ran.chain));
        let why = ran.refused.map(Departure::Inapplicable);
        self.dismiss_all(&gone.unwrap_or_default(), why);
        self.retail(&sender);
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
        let queue = self.queues.get_mut(account);
        let gone = queue.map(|queue| queue.truncate(nonce)).unwrap_or_default();
        self.dismiss_all(&gone, Some(why));
        self.retail(account);
    }

    /// Drops what no block from `time_ms` on can hold. Called once a block; costs a walk over the
    /// pool.
    pub fn expire(&mut self, time_ms: u64) {
        let expired = |queue: &Queue| {
            let mut late = queue.all().filter(|one| one.body().expires_at_ms < time_ms);
            late.next().map(|one| one.body().nonce)
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
        let queues = self.queues.iter();
        let mut ready: BinaryHeap<_> = queues
            .filter_map(|(account, queue)| Some(Candidate::new(account, queue.first()?)))
            .collect();
        let mut chosen = Vec::new();
        let mut size_bytes = 0;
        while let Some(best) = ready.pop() {
            if chosen.len() >= count_max || size_bytes + best.transaction.size_bytes() > bytes_max {
                break;
            }
            size_bytes += best.transaction.size_bytes();
            let next = best.transaction.body().nonce + 1;
            let queue = self.queues.get(best.account);
            let follower = queue.and_then(|queue| queue.get(next));
            ready.extend(follower.map(|follower| Candidate::new(best.account, follower)));
            chosen.push(Arc::clone(best.transaction));
        }
        chosen
    }

    /// Returns every waiting transaction, each sender's in order.
    pub fn all(&self) -> impl Iterator<Item = &Arc<VerifiedTransaction>> {
        self.queues.values().flat_map(|queue| queue.all())
    }

    /// Returns what waits of one sender, in order.
    pub fn of(&self, account: &AccountId) -> impl Iterator<Item = &Arc<VerifiedTransaction>> {
        self.queues
            .get(account)
            .into_iter()
            .flat_map(|queue| queue.all())
    }

    /// Returns what waits of each sender, but for those whose queue is about to be run anew.
    pub fn settled(&self) -> impl Iterator<Item = Vec<Arc<VerifiedTransaction>>> {
        let settled = self.queues.values().filter(|queue| !queue.is_stale());
        settled.map(|queue| queue.all().map(Arc::clone).collect())
    }

    /// Lets go of what waited together: of the first because of `why`, of the others because they
    /// follow it.
    fn dismiss_all(&mut self, gone: &[Arc<VerifiedTransaction>], why: Option<Departure>) {
        let nonce = gone.first().map_or(0, |first| first.body().nonce);
        let behind = std::iter::repeat(Departure::Behind { nonce });
        for (transaction, why) in gone.iter().zip(why.into_iter().chain(behind)) {
            self.dismiss(transaction, why);
        }
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
        let floor = self.queues.get(account).and_then(|queue| queue.floor());
        if let Some(floor) = floor {
            self.tails.remove(&(floor, *account));
        }
        self.staked.remove(account);
        self.stale.remove(account);
    }

    /// Puts an account back into the orders over queues, after its queue changed.
    fn retail(&mut self, account: &AccountId) {
        let Some(queue) = self.queues.get(account) else {
            return;
        };
        let Some(floor) = queue.floor() else {
            self.queues.remove(account);
            return;
        };
        self.tails.insert((floor, *account));
        if queue.chain().staked() > 0 {
            self.staked.insert(*account);
        }
        if queue.is_stale() {
            self.stale.insert(*account);
        }
    }
}

/// Tells a transaction that only comes too early from one that does not apply. It has to be payable
/// if those that are missing cost the least they can.
fn not_now(
    queue: &Queue,
    transaction: &VerifiedTransaction,
    next: &NextBlock,
    error: ApplyError,
) -> MempoolError {
    let ApplyError::Nonce { expected, found } = error else {
        return error.into();
    };
    let gap = found.saturating_sub(expected);
    let Some(account) = queue.chain().last().filter(|_| gap > 0) else {
        return error.into();
    };
    let (nonce, due) = (found, expected);
    if gap > GAP_MAX {
        return MempoolError::NonceGap { nonce, due };
    }
    let missing = u128::from(gap) * u128::from(next.parameters().fee_base);
    let needed = missing + transaction.body().needs(&transaction.sender());
    if needed > u128::from(account.balance) {
        let balance = account.balance;
        return ApplyError::Funds { balance, needed }.into();
    }
    MempoolError::Early { nonce, due }
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
