//! Makes real chains of transfers quickly, for tests and benchmarks that need a long history.
//!
//! Senders are accounts of the genesis; receivers are drawn from a larger number of accounts, which
//! come into being when they are paid first.

use std::sync::Arc;

use starling_ledger::address::AccountId;
use starling_ledger::authority::Authority;
use starling_ledger::block::Block;
use starling_ledger::certificate::CommitCertificate;
use starling_ledger::chain::ChainStore;
use starling_ledger::execution::{BuiltBlock, Executed, Tip};
use starling_ledger::genesis::{Genesis, GenesisAccount};
use starling_ledger::hash::{Context, Hash};
use starling_ledger::keys::{SecretKey, Signer};
use starling_ledger::storage::Storage;
use starling_ledger::transaction::{Nonce, RawTransaction};

use crate::local_chain::{LocalChain, VALIDATORS};
use crate::simulator::chance::Chance;

/// What a sender holds at first: enough for a million transfers.
const BALANCE: u64 = 1 << 40;
/// What a transfer offers: the burned part, also where it makes an account, and a little more.
const FEE: u64 = 12_000;

/// A network whose only node is this process.
pub struct ChainMaker {
    local: LocalChain,
    senders: Vec<Sender>,
    accounts: u64,
    chance: Chance,
}

struct Sender {
    key: SecretKey,
    nonce: Nonce,
}

impl ChainMaker {
    /// Begins a chain in `storage` with `senders` accounts that can pay, out of `accounts` that can
    /// be paid.
    ///
    /// # Panics
    /// Where the storage refuses; so do all functions here.
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>, senders: u64, accounts: u64) -> Self {
        let senders: Vec<_> = (0..senders).map(Sender::numbered).collect();
        Self {
            local: LocalChain::new(storage, &genesis(&senders)),
            senders,
            accounts,
            chance: Chance::new(1, "transfers"),
        }
    }

    /// Returns where the chain goes on.
    #[must_use]
    pub const fn tip(&self) -> &Tip {
        &self.local.tip
    }

    /// Returns where the blocks go.
    #[must_use]
    pub const fn chain(&self) -> &ChainStore {
        &self.local.chain
    }

    /// Goes on from another state, which the storage must hold: one with more accounts.
    pub fn set_tip(&mut self, tip: Tip) {
        self.local.tip = tip;
    }

    /// Signs the next `count` transfers: the senders in turn, to any account.
    pub fn transfers(&mut self, count: usize) -> Vec<RawTransaction> {
        let first = self.senders.iter().map(|sender| sender.nonce).sum::<u64>();
        let senders = u64::try_from(self.senders.len()).expect("a few senders");
        let turn = |at: u64| usize::try_from((first + at) % senders).expect("it is an index");
        let count = u64::try_from(count).expect("a few transfers");
        (0..count).map(|at| self.transfer(turn(at))).collect()
    }

    fn transfer(&mut self, sender: usize) -> RawTransaction {
        let to = numbered(self.chance.between(0, self.accounts - 1));
        let Sender { key, nonce } = &mut self.senders[sender];
        let signed = self.local.transfer((key, *nonce), to, FEE);
        *nonce += 1;
        signed
    }

    /// Makes the next block of `transactions`, all of which have to fit and apply.
    #[must_use]
    pub fn build(&self, transactions: &[RawTransaction]) -> (BuiltBlock, CommitCertificate) {
        self.local.build(transactions)
    }

    /// Makes `built` final.
    pub fn commit(&mut self, built: &BuiltBlock, certificate: CommitCertificate) {
        let batch = self.local.take(built, certificate);
        self.local.write(batch);
    }

    /// Goes on after a block that is in the storage.
    pub fn advance(&mut self, executed: &Executed, block: &Block, certificate: CommitCertificate) {
        self.local.step(executed, &block.header, certificate);
        self.local.settle();
    }

    /// Makes and commits `blocks` blocks of `transfers` transfers each.
    pub fn extend(&mut self, blocks: usize, transfers: usize) {
        for _ in 0..blocks {
            let transactions = self.transfers(transfers);
            let (built, certificate) = self.build(&transactions);
            self.commit(&built, certificate);
        }
    }
}

impl Sender {
    fn numbered(number: u64) -> Self {
        let key = SecretKey::local(&format!("sender {number}"));
        Self { key, nonce: 0 }
    }
}

/// The account with this number, which nobody has the key of.
#[must_use]
pub fn numbered(number: u64) -> AccountId {
    AccountId(Hash::of(Context::LocalKey, &[b"account", &number.to_le_bytes()]).0)
}

fn genesis(senders: &[Sender]) -> Genesis {
    let mut genesis = Genesis::local("made", 1_000, VALIDATORS);
    let listed = senders.iter().map(|sender| GenesisAccount {
        account: Authority::Key(sender.key.public_key()).account(),
        balance: BALANCE,
    });
    genesis.accounts = listed.collect();
    genesis.accounts.sort_unstable_by_key(|one| one.account);
    genesis
}
