//! Makes ledgers of any length, over any storage: real blocks, real signatures, and always the
//! same ones.
//!
//! Block h holds the same transfers whenever it is made, so that a ledger that was killed and goes
//! on can be compared with one that was not.

use std::sync::Arc;

use starling_ledger::account::Account;
use starling_ledger::address::AccountId;
use starling_ledger::block::BlockHash;
use starling_ledger::chain::ChainStore;
use starling_ledger::genesis::{Genesis, local_account};
use starling_ledger::keys::SecretKey;
use starling_ledger::state_key::StateKey;
use starling_ledger::storage::{Storage, WriteBatch};
use starling_ledger::transaction::{Nonce, RawTransaction};

use crate::local_chain::{LocalChain, VALIDATORS};

/// Enough for a transfer that makes an account.
const FEE: u64 = 20_000;
/// Accounts that are paid to, in turn.
const RECEIVERS: u64 = 1_000;
/// Blocks written at once where nobody waits for each.
const BATCH_BLOCKS: u64 = 64;
/// When the network was born.
const BIRTH_MS: u64 = 1_000;
/// Blocks of an epoch: short, so that a ledger has many.
const EPOCH_BLOCKS: u64 = 100;

/// A ledger that grows.
pub struct LedgerMaker {
    local: LocalChain,
    transfers: u64,
    key: SecretKey,
}

impl LedgerMaker {
    /// Begins a ledger, or goes on with the one that is there; each block has `transfers`.
    ///
    /// # Panics
    /// If the storage cannot be read, or holds another ledger.
    pub fn new(storage: Arc<dyn Storage>, transfers: u64) -> Self {
        Self {
            local: LocalChain::new(storage, &genesis()),
            transfers,
            key: SecretKey::local("alice"),
        }
    }

    /// Returns the chain.
    pub const fn chain(&self) -> &ChainStore {
        &self.local.chain
    }

    /// Returns the last block's height and hash.
    pub const fn head(&self) -> (u64, BlockHash) {
        (self.local.tip.height, self.local.tip.hash)
    }

    /// Makes one more block, which is on the disk when this returns.
    ///
    /// # Panics
    /// If the storage fails.
    pub fn append(&mut self) {
        let batch = self.next();
        self.local.write(batch);
    }

    /// Makes blocks up to `height`, many at a time.
    ///
    /// # Panics
    /// If the storage fails.
    pub fn extend(&mut self, height: u64) {
        while self.local.tip.height < height {
            let mut batch = WriteBatch::new();
            let end = height.min(self.local.tip.height + BATCH_BLOCKS);
            while self.local.tip.height < end {
                batch.append(self.next());
            }
            self.local.write(batch);
        }
    }

    /// Makes the next block, and returns what makes it final.
    fn next(&mut self) -> WriteBatch {
        let transfers: Vec<_> = (0..self.transfers).map(|one| self.transfer(one)).collect();
        let (built, certificate) = self.local.build(&transfers);
        self.local.take(&built, certificate)
    }

    fn transfer(&self, index: u64) -> RawTransaction {
        let nonce: Nonce = self.head().0 * self.transfers + index;
        let mut to = [0; 32];
        to[..8].copy_from_slice(&(nonce % RECEIVERS).to_be_bytes());
        self.local.transfer((&self.key, nonce), AccountId(to), FEE)
    }

    /// Returns what the state says of the account that pays.
    ///
    /// # Panics
    /// If the state cannot be read.
    pub fn payer(&self) -> Account {
        let key = StateKey::account(&local_account("alice"));
        let bytes = self.local.tip.state.get(&key).expect("readable");
        Account::from_bytes(&bytes.expect("she has an account")).expect("an account")
    }
}

/// The network of all these ledgers.
pub fn genesis() -> Genesis {
    let mut genesis = Genesis::local("local", BIRTH_MS, VALIDATORS);
    genesis.parameters.epoch_blocks = EPOCH_BLOCKS;
    genesis
}
