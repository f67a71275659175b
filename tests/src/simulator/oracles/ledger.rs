//! O4 and O6: nothing is made or lost, no nonce is used twice, and every transaction is its
//! sender's.

use std::collections::BTreeMap;
use std::sync::Arc;

use starling_ledger::account::Account;
use starling_ledger::address::AccountId;
use starling_ledger::genesis::Genesis;
use starling_ledger::hash::Hash;
use starling_ledger::keys::SignatureScheme;
use starling_ledger::state_key::StateKey;
use starling_ledger::supply::Totals;
use starling_ledger::transaction::{Amount, Nonce};
use starling_node::work::ExecutedBlock;

use super::Breach;

/// All accounts, as the blocks of the one chain leave them.
pub struct Ledger {
    accounts: BTreeMap<AccountId, Account>,
    nonces: BTreeMap<AccountId, Nonce>,
    sum: u128,
    supply: u128,
    genesis: Hash,
    scheme: Arc<dyn SignatureScheme>,
}

impl Ledger {
    /// Begins with the accounts of the genesis.
    #[must_use]
    pub fn new(genesis: &Genesis, scheme: Arc<dyn SignatureScheme>) -> Self {
        let listed = genesis
            .accounts
            .iter()
            .map(|one| (one.account, one.balance));
        let accounts: BTreeMap<_, _> = listed
            .map(|(id, balance)| (id, Account::new(&id, balance)))
            .collect();
        let sum = accounts
            .values()
            .map(|account| u128::from(account.balance))
            .sum();
        let stakes: u128 = genesis
            .validators
            .iter()
            .map(|one| u128::from(one.stake))
            .sum();
        let (supply, genesis) = (sum + stakes, genesis.hash());
        Self {
            accounts,
            nonces: BTreeMap::new(),
            sum,
            supply,
            genesis,
            scheme,
        }
    }

    /// Returns the accounts.
    #[must_use]
    pub const fn accounts(&self) -> &BTreeMap<AccountId, Account> {
        &self.accounts
    }

    /// Judges the effects of the next block.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn extend(&mut self, block: &ExecutedBlock) -> Result<(), Breach> {
        self.check_senders(block)?;
        for (id, account) in &block.executed.touched {
            let before = self.accounts.insert(*id, *account);
            let balance = |account: &Account| u128::from(account.balance);
            self.sum += balance(account);
            self.sum -= before.as_ref().map_or(0, balance);
        }
        self.check_supply(block)
    }

    fn check_senders(&mut self, block: &ExecutedBlock) -> Result<(), Breach> {
        let height = block.block.header.height;
        let breach = |what: String| Err(Breach::new("O6", format!("height {height}: {what}")));
        for (raw, applied) in block
            .block
            .transactions
            .iter()
            .zip(&block.executed.transactions)
        {
            if let Err(error) = raw.verify(self.scheme.as_ref(), &self.genesis) {
                return breach(format!("{} was executed: {error}", applied.id));
            }
            let next = self.nonces.entry(applied.sender).or_default();
            if applied.nonce != *next {
                return breach(format!(
                    "nonce {} was executed, {next} was due",
                    applied.nonce
                ));
            }
            *next += 1;
        }
        if block.block.transactions.len() != block.executed.transactions.len() {
            return breach("not every transaction was executed".to_owned());
        }
        Ok(())
    }

    fn check_supply(&self, block: &ExecutedBlock) -> Result<(), Breach> {
        let height = block.block.header.height;
        let breach = |what: String| Breach::new("O4", format!("height {height}: {what}"));
        let entry = block.executed.state.state.get(&StateKey::totals());
        let entry = entry.map_err(|error| breach(error.to_string()))?;
        let entry = entry.ok_or_else(|| breach("there are no totals".to_owned()))?;
        let totals = Totals::from_bytes(&entry).map_err(|error| breach(error.to_string()))?;
        let whole = |amount: Amount| u128::from(amount);
        let accounted = self.sum + whole(totals.staked) + whole(totals.burned);
        if accounted != self.supply || whole(totals.supply) != self.supply {
            let (sum, supply) = (self.sum, self.supply);
            return Err(breach(format!(
                "balances {sum}, stakes {}, burned {}: not the supply {supply}",
                totals.staked, totals.burned
            )));
        }
        Ok(())
    }
}
