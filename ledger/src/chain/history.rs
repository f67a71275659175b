//! The index of histories: the transactions each account made, in the order of their nonces.
//!
//! An account holds a hash chain over the ids of its own transactions. Each entry of the index
//! stores the link of that chain after its transaction, so a page of ids that ends with the newest
//! one is proven by the account alone: folded from the link before the first, the ids have to give
//! the account's history. That proves the link before the first, too, which the next page ends
//! with.
//!
//! The index is optional. It is complete, being built, or not there; what it is says one entry of
//! the meta column, which is written with the change itself.
//!
//! # Invariants
//! - Where the index is complete, every transaction of a block that is kept has an entry.
//! - An entry has no link where the one before it was never known: the index was built over a
//!   ledger without its first blocks.
//!
//! # Limits
//! A page has at most [`HISTORY_PAGE_MAX`] entries; the index is built at most 64 blocks at a time.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};

use super::layout;
use super::{ChainError, ChainReader, ChainStore, corrupt};
use crate::account::Account;
use crate::address::AccountId;
use crate::codec::encode;
use crate::hash::Hash;
use crate::storage::{Column, WriteBatch};
use crate::transaction::{Nonce, TransactionId};
use crate::vote::Height;

/// Most entries of one page. Our choice: 10 KB, as JSON.
pub const HISTORY_PAGE_MAX: usize = 100;
/// Most blocks and bytes of one step of building.
const STEP_BLOCKS: u64 = 64;
const STEP_BYTES: usize = 4 << 20;

/// What the meta column says of a complete index; any other value is the next height to index.
const COMPLETE: Height = Height::MAX;

/// What is stored of one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Link {
    pub(super) id: TransactionId,
    /// The account's history after it.
    pub(super) after: Option<Hash>,
}

/// One transaction of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The account's running number.
    pub nonce: Nonce,
    /// The transaction.
    pub id: TransactionId,
}

/// Transactions of an account whose nonces follow each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryPage {
    /// The transactions, ascending by nonce.
    pub entries: Vec<HistoryEntry>,
    /// The account's history before the first of them, where it is known.
    pub start: Option<Hash>,
}

/// Whether there is an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryIndex {
    /// There is none.
    Off,
    /// It is being built; blocks from this height on are missing.
    Building {
        /// The next height to index.
        next: Height,
    },
    /// It holds every transaction of the blocks that are kept.
    Complete,
}

impl HistoryPage {
    /// Says whether these are the transactions that lead to `end`, the account's history after the
    /// last of them. Then `start` is true as well, and is the `end` of the page before.
    #[must_use]
    pub fn leads_to(&self, end: &Hash) -> bool {
        let fold =
            |history: Hash, entry: &HistoryEntry| Account::history_after(&history, &entry.id);
        let consecutive = self.entries.windows(2).all(|pair| match pair {
            [one, two] => one.nonce.checked_add(1) == Some(two.nonce),
            _ => false,
        });
        let start = self.start.filter(|_| consecutive);
        start.is_some_and(|start| self.entries.iter().fold(start, fold) == *end)
    }
}

impl ChainReader {
    /// Says whether there is an index of histories.
    ///
    /// # Errors
    /// [`ChainError::Storage`].
    pub fn history_index(&self) -> Result<HistoryIndex, ChainError> {
        let next = self.value::<Height, 8>(Column::Meta, layout::HISTORY)?;
        Ok(match next {
            None => HistoryIndex::Off,
            Some(COMPLETE) => HistoryIndex::Complete,
            Some(next) => HistoryIndex::Building { next },
        })
    }

    /// Returns the id of the transaction that `account` made with `nonce`.
    ///
    /// # Errors
    /// [`ChainError::Storage`].
    pub fn transaction_of(
        &self,
        account: &AccountId,
        nonce: Nonce,
    ) -> Result<Option<TransactionId>, ChainError> {
        Ok(self.link(account, nonce)?.map(|link| link.id))
    }

    /// Returns the last transactions that `account` made with a nonce below `before`, or the last
    /// of all: at most `limit`, and at most [`HISTORY_PAGE_MAX`]. Older ones are read with the
    /// nonce of the first as `before`.
    ///
    /// # Errors
    /// [`ChainError::Storage`].
    pub fn history_page(
        &self,
        account: &AccountId,
        before: Option<Nonce>,
        limit: usize,
    ) -> Result<HistoryPage, ChainError> {
        let limit = limit.clamp(1, HISTORY_PAGE_MAX);
        let (from, all) = (account.0.as_slice(), crate::storage::prefix_end(&account.0));
        let to = match before {
            Some(before) => Some(layout::history(account, before)),
            None => all,
        };
        let column = Column::AccountHistory;
        // One more than is told, for the link before the first.
        let found = self
            .view
            .scan_back(column, from, to.as_deref(), limit + 1)?;
        let mut page = HistoryPage::default();
        for (key, value) in found {
            let malformed = || corrupt(column, "an entry of a history is malformed");
            let nonce = layout::number_in(&key).ok_or_else(malformed)?;
            let link: Link = crate::codec::decode::<_, { layout::LINK_BYTES_MAX }>(&value)
                .map_err(|_| malformed())?;
            let expected = page.entries.last().map(|newer| newer.nonce.checked_sub(1));
            if expected.is_some_and(|expected| expected != Some(nonce)) {
                // What is older was not indexed.
                break;
            }
            if page.entries.len() == limit {
                page.start = link.after;
                break;
            }
            page.entries.push(HistoryEntry { nonce, id: link.id });
        }
        page.entries.reverse();
        if page.entries.first().is_none_or(|first| first.nonce == 0) {
            page.start = Some(Hash::ZERO);
        }
        Ok(page)
    }

    pub(super) fn link(
        &self,
        account: &AccountId,
        nonce: Nonce,
    ) -> Result<Option<Link>, ChainError> {
        let key = layout::history(account, nonce);
        self.value::<_, { layout::LINK_BYTES_MAX }>(Column::AccountHistory, &key)
    }
}

impl ChainStore {
    /// Does the next step towards an index that is there, or is not, as this store was told with
    /// [`ChainStore::with_history`]; `None` when nothing is left to do.
    ///
    /// Nothing may be appended meanwhile. Whoever is interrupted goes on with the next call.
    ///
    /// # Errors
    /// [`ChainError::Storage`].
    pub fn settle_history(&self) -> Result<Option<HistoryIndex>, ChainError> {
        match (self.history, self.reader.history_index()?) {
            (true, HistoryIndex::Complete) | (false, HistoryIndex::Off) => Ok(None),
            (true, HistoryIndex::Off) => {
                let next = self.reader.first()?;
                self.index(next).map(Some)
            }
            (true, HistoryIndex::Building { next }) => {
                // What was pruned in the meantime needs no entry.
                let next = next.max(self.reader.first()?);
                self.index(next).map(Some)
            }
            (false, _) => {
                let mut batch = WriteBatch::new();
                batch.delete_range(Column::AccountHistory, [], [u8::MAX; 48]);
                batch.delete(Column::Meta, layout::HISTORY);
                self.storage.write(batch)?;
                self.storage.reclaim(Column::AccountHistory, &[], None)?;
                Ok(Some(HistoryIndex::Off))
            }
        }
    }

    /// Indexes some blocks from `next` on.
    fn index(&self, next: Height) -> Result<HistoryIndex, ChainError> {
        let genesis = self.reader.genesis()?.ok_or(ChainError::NoGenesis)?.hash();
        let (tip, _) = self.reader.tip()?.ok_or(ChainError::NoGenesis)?;
        let mut batch = WriteBatch::new();
        let mut fresh: BTreeMap<(AccountId, Nonce), Link> = BTreeMap::new();
        let mut height = next;
        let end = tip.min(next.saturating_add(STEP_BLOCKS - 1));
        while height <= end && batch.size_bytes() < STEP_BYTES {
            let missing = || corrupt(Column::Body, "a block that is kept has no body");
            let body = self.reader.body(height)?.ok_or_else(missing)?;
            for raw in &body.transactions {
                let malformed = |_| corrupt(Column::Body, "a stored transaction is malformed");
                let transaction = raw.decode().map_err(malformed)?;
                let (sender, nonce) = (transaction.sender(), transaction.body.nonce);
                let id = transaction.body.id(&genesis, &sender);
                let before = match nonce.checked_sub(1) {
                    None => Some(Hash::ZERO),
                    Some(before) => match fresh.get(&(sender, before)) {
                        Some(link) => link.after,
                        None => self.link(&sender, before)?.and_then(|link| link.after),
                    },
                };
                let after = before.map(|before| Account::history_after(&before, &id));
                let link = Link { id, after };
                fresh.insert((sender, nonce), link);
                let key = layout::history(&sender, nonce);
                batch.put(Column::AccountHistory, key, encode(&link));
            }
            height = height.saturating_add(1);
        }
        let state = match height > tip {
            true => HistoryIndex::Complete,
            false => HistoryIndex::Building { next: height },
        };
        put_state(&mut batch, state);
        self.storage.write(batch)?;
        Ok(state)
    }

    fn link(&self, account: &AccountId, nonce: Nonce) -> Result<Option<Link>, ChainError> {
        self.reader.link(account, nonce)
    }
}

/// Notes how far the index is.
pub(super) fn put_state(batch: &mut WriteBatch, state: HistoryIndex) {
    let next = match state {
        HistoryIndex::Off => return batch.delete(Column::Meta, layout::HISTORY),
        HistoryIndex::Building { next } => next,
        HistoryIndex::Complete => COMPLETE,
    };
    batch.put(Column::Meta, layout::HISTORY, encode(&next));
}

/// Notes a transaction that was executed.
pub(super) fn put_link(
    batch: &mut WriteBatch,
    (account, nonce): (&AccountId, Nonce),
    id: TransactionId,
    after: Hash,
) {
    let after = Some(after);
    let key = layout::history(account, nonce);
    batch.put(Column::AccountHistory, key, encode(&Link { id, after }));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::fixture::Network;
    use crate::genesis::local_account;
    use crate::storage::{MemoryStorage, Storage};

    /// Alice pays 250 times, Bob now and then; ten of hers to a block.
    fn network() -> (Network, Vec<TransactionId>) {
        let mut network = Network::new();
        let (mut ids, mut bobs) = (Vec::new(), 0);
        for block in 0..25 {
            let mut payments: Vec<_> = (0..10)
                .map(|one| network.pay("alice", block * 10 + one, "bob", 1))
                .collect();
            ids.extend(payments.iter().map(|payment| payment.id()));
            if block % 3 == 0 {
                payments.push(network.pay("bob", bobs, "alice", 1));
                bobs += 1;
            }
            network.commit(&payments);
        }
        (network, ids)
    }

    fn settle(chain: &ChainStore) -> Vec<HistoryIndex> {
        std::iter::from_fn(|| chain.settle_history().unwrap()).collect()
    }

    /// Reads all pages from the newest on, each proven by the one before.
    fn walk(network: &Network, limit: usize) -> Vec<TransactionId> {
        let alice = local_account("alice");
        let mut end = network.account(&alice).unwrap().history;
        let (mut before, mut pages) = (None, Vec::new());
        loop {
            let page = network.chain.read().history_page(&alice, before, limit);
            let page = page.unwrap();
            let Some(first) = page.entries.first() else {
                break;
            };
            assert!(page.entries.len() <= limit.min(HISTORY_PAGE_MAX));
            assert!(page.leads_to(&end), "{page:?}");
            before = Some(first.nonce);
            end = page.start.unwrap();
            pages.push(page);
        }
        assert_eq!(end, Hash::ZERO);
        let entries = pages.into_iter().rev().flat_map(|page| page.entries);
        entries.map(|entry| entry.id).collect()
    }

    #[test]
    fn every_page_is_proven_by_the_account_and_the_pages_after_it() {
        let (network, ids) = network();
        for limit in [1, 7, 100, 1_000] {
            assert_eq!(walk(&network, limit), ids, "{limit}");
        }
        let nobody = network
            .chain
            .read()
            .history_page(&local_account("carol"), None, 5);
        let nobody = nobody.unwrap();
        assert_eq!(nobody.entries, []);
        assert!(nobody.leads_to(&Hash::ZERO));
    }

    #[test]
    fn a_page_with_one_change_leads_nowhere() {
        let (network, ids) = network();
        let alice = local_account("alice");
        let end = network.account(&alice).unwrap().history;
        let page = network.chain.read().history_page(&alice, None, 10).unwrap();
        let mut other = page.clone();
        other.entries[3].id = ids[0];
        assert!(!other.leads_to(&end));
        let mut other = page.clone();
        other.entries.swap(2, 3);
        assert!(!other.leads_to(&end));
        let mut other = page.clone();
        other.entries[0].nonce -= 1;
        assert!(!other.leads_to(&end));
        let mut other = page.clone();
        other.entries.remove(0);
        assert!(!other.leads_to(&end));
        let mut other = page.clone();
        other.start = None;
        assert!(!other.leads_to(&end));
        assert!(page.leads_to(&end));
    }

    #[test]
    fn an_index_that_is_switched_on_later_is_the_same() {
        let (network, ids) = network();
        let all = |column| network.storage.scan(column, &[], None, usize::MAX).unwrap();
        let before = all(Column::AccountHistory);
        let off = network.chain.clone().with_history(false);
        assert_eq!(settle(&off), [HistoryIndex::Off]);
        assert_eq!(all(Column::AccountHistory), []);
        assert_eq!(off.read().history_index(), Ok(HistoryIndex::Off));
        assert_eq!(settle(&off), []);
        let on = network.chain.clone().with_history(true);
        assert_eq!(settle(&on), [HistoryIndex::Complete]);
        assert_eq!(all(Column::AccountHistory), before);
        assert_eq!(walk(&network, 33), ids);
    }

    #[test]
    fn building_goes_on_where_it_was_interrupted() {
        let mut network = Network::new();
        for nonce in 0..STEP_BLOCKS * 2 + 5 {
            network.commit(&[network.pay("alice", nonce, "bob", 1)]);
        }
        settle(&network.chain.clone().with_history(false));
        let first = network.chain.settle_history().unwrap();
        let next = STEP_BLOCKS + 1;
        assert_eq!(first, Some(HistoryIndex::Building { next }));
        let rest = settle(&network.chain.clone());
        let next = STEP_BLOCKS * 2 + 1;
        let expected = [HistoryIndex::Building { next }, HistoryIndex::Complete];
        assert_eq!(rest, expected);
        assert_eq!(walk(&network, 50).len(), 133);
    }

    #[test]
    fn a_store_without_index_writes_none() {
        let mut network = Network::new();
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
        network.storage = Arc::clone(&storage);
        network.chain = ChainStore::new(storage).with_history(false);
        network.chain.init_genesis(&network.tip.genesis).unwrap();
        network.tip = network.chain.tip().unwrap();
        network.commit(&[network.pay("alice", 0, "bob", 1)]);
        let read = network.chain.read();
        assert_eq!(read.history_index(), Ok(HistoryIndex::Off));
        assert_eq!(read.transaction_of(&local_account("alice"), 0), Ok(None));
        assert_eq!(network.chain.settle_history(), Ok(None));
    }

    #[test]
    fn what_was_pruned_is_not_told_and_what_is_kept_stays_proven() {
        let (network, ids) = network();
        let alice = local_account("alice");
        let pruner = crate::chain::Pruner::new(network.chain.clone()).unwrap();
        pruner.step(5).unwrap();
        let read = network.chain.read();
        let end = network.account(&alice).unwrap().history;
        let page = read.history_page(&alice, None, 30).unwrap();
        assert!(page.leads_to(&end));
        assert_eq!(page.entries.len(), 30);
        let older = read.history_page(&alice, Some(220), 30).unwrap();
        assert_eq!(older.entries.len(), 20);
        assert_eq!(older.entries[0].id, ids[200]);
        assert_eq!(older.start, None, "the link before it went with its block");
    }
}
