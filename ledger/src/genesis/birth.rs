//! The state and the validators that a genesis begins with.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Genesis, GenesisError};
use crate::account::Account;
use crate::staking::{Candidates, ConsensusKey, Presence, Schedule, Stake};
use crate::state_key::StateKey;
use crate::supply::Totals;
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

    /// Returns the entries of the first state: the accounts listed, an account, a stake and a
    /// consensus key for each validator, and what there is one of.
    ///
    /// # Errors
    /// [`GenesisError::Supply`] if the supply is above the limit, [`GenesisError::Validators`] if
    /// the validators are not a set.
    pub fn state_entries(&self) -> Result<BTreeMap<Vec<u8>, Option<Vec<u8>>>, GenesisError> {
        let mut entries = BTreeMap::new();
        for validator in &self.validators {
            let account = Account::new(&validator.account, 0);
            entries.insert(StateKey::account(&validator.account), account.to_bytes());
        }
        for listed in &self.accounts {
            let account = Account::new(&listed.account, listed.balance);
            entries.insert(StateKey::account(&listed.account), account.to_bytes());
        }
        self.put_stakes(&mut entries);
        let validators = self.validator_set()?;
        let slot = self.parameters.validators_slot(1);
        entries.insert(StateKey::validators(slot), validators.to_bytes());
        let presence = Presence::new(&validators);
        entries.insert(StateKey::Presence.to_bytes(), presence.to_bytes());
        let schedule = Schedule::default();
        entries.insert(StateKey::Schedule.to_bytes(), schedule.to_bytes());
        let stakes = self.validators.iter().map(|validator| validator.stake);
        let totals = Totals {
            supply: self.supply()?,
            staked: stakes.sum(),
            burned: 0,
        };
        entries.insert(StateKey::totals(), totals.to_bytes());
        Ok(entries
            .into_iter()
            .map(|(key, value)| (key, Some(value)))
            .collect())
    }

    /// Adds stakes, consensus keys and candidates.
    fn put_stakes(&self, entries: &mut BTreeMap<Vec<u8>, Vec<u8>>) {
        let mut candidates = Candidates::default();
        for validator in &self.validators {
            let (account, key) = (validator.account, validator.consensus_key);
            let stake = Stake {
                bonded: validator.stake,
                ..Stake::new(key)
            };
            entries.insert(StateKey::stake(&account), stake.to_bytes());
            let owner = ConsensusKey {
                account,
                from: self.parameters.epoch_first(0),
                until: None,
                excluded: false,
            };
            entries.insert(StateKey::consensus_key(&key), owner.to_bytes());
            candidates.insert(validator.stake, account);
        }
        entries.insert(StateKey::Candidates.to_bytes(), candidates.to_bytes());
    }
}
