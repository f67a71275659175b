//! Where all units are: the entry of totals, and the check that nothing was made or lost.
//!
//! # Invariants
//! The sum of all balances + `staked` + `burned` = `supply`, which the genesis fixed. Every block
//! keeps it: what leaves an account arrives in another, in a stake, or in `burned`.

use bincode::{Decode, Encode};

use crate::account::Account;
use crate::codec::{CodecError, decode, encode};
use crate::staking::Stake;
use crate::state::{State, StateError};
use crate::state_key::StateKey;
use crate::transaction::Amount;

/// Length of the encoded totals.
pub const TOTALS_BYTES: usize = 3 * 8;

/// The totals of the network, one entry of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Totals {
    /// All base units of the genesis.
    pub supply: Amount,
    /// Base units locked as stake: what is bonded, and what is being released.
    pub staked: Amount,
    /// Base units burned: as fees, and of the stake of who signed two values.
    pub burned: Amount,
}

/// Why the entries of a state do not add up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SupplyError {
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// An entry that no release wrote.
    #[error("the state holds a key of {size_bytes} bytes that is of no known kind")]
    Key {
        /// Length of the key.
        size_bytes: usize,
    },
    /// The value of an entry is malformed.
    #[error("an entry of the state is {0}")]
    Codec(#[from] CodecError),
    /// There are no totals.
    #[error("the state holds no totals")]
    NoTotals,
    /// The entries do not sum up to the supply.
    #[error(
        "balances of {balances}, stakes of {stakes} and {burned} burned do not make the supply of \
         {supply} base units"
    )]
    Sum {
        /// Sum of the balances.
        balances: u128,
        /// Sum of the stakes.
        stakes: u128,
        /// What the totals say was burned.
        burned: Amount,
        /// What the totals say there is.
        supply: Amount,
    },
    /// The stakes do not sum up to the total of stakes.
    #[error("stakes of {stakes} base units, the totals say {staked}")]
    Staked {
        /// Sum of the stakes.
        stakes: u128,
        /// What the totals say.
        staked: Amount,
    },
}

impl Totals {
    /// Encodes it for the state.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Decodes the entry of the state.
    ///
    /// # Errors
    /// [`CodecError`] if the bytes are not totals.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        decode::<_, TOTALS_BYTES>(bytes)
    }
}

/// Reads every entry of `state` and says whether they add up to the supply.
///
/// # Errors
/// [`SupplyError`] names the entry or the sum that is wrong.
pub fn check_supply(state: &State) -> Result<Totals, SupplyError> {
    let mut check = SupplyCheck::default();
    let mut added = Ok(());
    state.visit(|key, value| {
        if added.is_ok() {
            added = check.add(key, value);
        }
    })?;
    added?;
    check.finish()
}

/// Adds up the entries of a state, given in any order, one at a time.
#[derive(Clone, Debug, Default)]
pub struct SupplyCheck {
    balances: u128,
    stakes: u128,
    totals: Option<Totals>,
}

impl SupplyCheck {
    /// Takes one entry of the state into account.
    ///
    /// # Errors
    /// [`SupplyError`] if key or value is malformed.
    pub fn add(&mut self, key: &[u8], value: &[u8]) -> Result<(), SupplyError> {
        let size_bytes = key.len();
        match StateKey::from_bytes(key).ok_or(SupplyError::Key { size_bytes })? {
            StateKey::Totals => self.totals = Some(Totals::from_bytes(value)?),
            StateKey::Account(_) => {
                self.balances += u128::from(Account::from_bytes(value)?.balance);
            }
            StateKey::Stake(_) => self.stakes += Stake::from_bytes(value)?.total(),
            StateKey::Record(..)
            | StateKey::Validators(_)
            | StateKey::ConsensusKey(_)
            | StateKey::Candidates
            | StateKey::Presence
            | StateKey::Schedule
            | StateKey::Release(_)
            | StateKey::EpochEnd(_) => {}
        }
        Ok(())
    }

    /// Says whether the entries seen add up to the supply.
    ///
    /// # Errors
    /// [`SupplyError`] names the sum that is wrong.
    pub fn finish(self) -> Result<Totals, SupplyError> {
        let totals = self.totals.ok_or(SupplyError::NoTotals)?;
        let (balances, stakes) = (self.balances, self.stakes);
        if stakes != u128::from(totals.staked) {
            let staked = totals.staked;
            return Err(SupplyError::Staked { stakes, staked });
        }
        if balances + stakes + u128::from(totals.burned) != u128::from(totals.supply) {
            return Err(SupplyError::Sum {
                balances,
                stakes,
                burned: totals.burned,
                supply: totals.supply,
            });
        }
        Ok(totals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::AccountId;

    fn totals(burned: Amount) -> Vec<u8> {
        Totals {
            supply: 100,
            staked: 0,
            burned,
        }
        .to_bytes()
    }

    #[test]
    fn accepts_balances_and_burned_that_make_the_supply_and_nothing_else() {
        let id = AccountId([1; 32]);
        for (burned, good) in [(10, true), (9, false), (11, false)] {
            let mut check = SupplyCheck::default();
            let account = Account::new(&id, 90).to_bytes();
            check.add(&StateKey::account(&id), &account).unwrap();
            check.add(&StateKey::totals(), &totals(burned)).unwrap();
            assert_eq!(check.finish().is_ok(), good);
        }
    }

    #[test]
    fn refuses_a_state_without_totals_and_unknown_keys() {
        let mut check = SupplyCheck::default();
        assert_eq!(
            check.add(&[200], &[]),
            Err(SupplyError::Key { size_bytes: 1 })
        );
        assert_eq!(check.finish(), Err(SupplyError::NoTotals));
    }
}
