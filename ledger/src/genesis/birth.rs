//! The state and the validators that a genesis begins with.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Genesis, GenesisError};
use crate::account::Account;
use crate::state_key::StateKey;
use crate::supply::{Stake, Totals};
use crate::transaction::Amount;
use crate::validators::{Validator, ValidatorSet};

impl Genesis {
    /// Returns the first validators; a stake is voting power.
    ///
    /// # Errors
    /// [`GenesisError::Validators`] if they are not a set.
    pub fn validator_set(&self) -> Result<Arc<ValidatorSet>, GenesisError> {
        let members = self.validators.iter().map(|validator| Validator {
            account: validator.account,
            key: validator.consensus_key,
            power: validator.stake,
        });
        let set = ValidatorSet::new(members.collect())?;
        Ok(Arc::new(set))
    }

    /// Returns the supply: all balances and stakes.
    ///
    /// # Errors
    /// [`GenesisError::Supply`] if it is above the limit.
    pub fn supply(&self) -> Result<Amount, GenesisError> {
        let balances = self.accounts.iter().map(|account| account.balance);
        let stakes = self.validators.iter().map(|validator| validator.stake);
        balances
            .chain(stakes)
            .try_fold(0, Amount::checked_add)
            .filter(|supply| *supply <= super::SUPPLY_MAX)
            .ok_or(GenesisError::Supply)
    }

    /// Returns the entries of the first state: the accounts listed, an account and a stake for each
    /// validator, and the totals.
    ///
    /// # Errors
    /// [`GenesisError::Supply`] if the supply is above the limit.
    pub fn state_entries(&self) -> Result<BTreeMap<Vec<u8>, Option<Vec<u8>>>, GenesisError> {
        let mut entries = BTreeMap::new();
        for validator in &self.validators {
            let account = Account::new(&validator.account, 0);
            entries.insert(
                StateKey::account(&validator.account),
                Some(account.to_bytes()),
            );
            let stake = Stake {
                consensus_key: validator.consensus_key,
                amount: validator.stake,
            };
            entries.insert(StateKey::stake(&validator.account), Some(stake.to_bytes()));
        }
        for listed in &self.accounts {
            let account = Account::new(&listed.account, listed.balance);
            entries.insert(StateKey::account(&listed.account), Some(account.to_bytes()));
        }
        let totals = Totals {
            supply: self.supply()?,
            staked: self
                .validators
                .iter()
                .map(|validator| validator.stake)
                .sum(),
            burned: 0,
        };
        entries.insert(StateKey::totals(), Some(totals.to_bytes()));
        Ok(entries)
    }
}
