//! The rules a genesis keeps, so that no network is born that cannot live.

use super::{Genesis, Parameters, SUPPLY_MAX};
use crate::block::BLOCK_TRANSACTIONS_MAX;
use crate::transaction::{ACTIONS_MAX, TRANSACTION_BYTES_MAX};
use crate::validators::{VALIDATORS_MAX, ValidatorSetError};

/// Most accounts of a genesis. Our choice: its encoding stays under 5 MB.
pub const GENESIS_ACCOUNTS_MAX: usize = 100_000;

/// Most characters of a network's name.
pub(super) const NAME_CHARS_MAX: usize = 32;
/// Most characters of a unit's symbol.
pub(super) const SYMBOL_CHARS_MAX: usize = 8;
/// Most decimal places of a unit: one whole unit stays below a millionth of the largest supply.
const DECIMALS_MAX: u8 = 12;
/// The year 10000, in milliseconds: later times have no common way of being written.
const TIME_MS_MAX: u64 = 253_402_300_800_000;
/// Most bytes of transactions in a block: design, section 2. The rest of a block fits into what is
/// left of `BLOCK_BYTES_MAX`.
const TRANSACTIONS_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// The longest wait that a parameter may ask for: an hour. A network whose timeouts are longer is
/// taken for dead.
const WAIT_MS_MAX: u64 = 60 * 60 * 1000;
/// The longest period: a hundred years.
const PERIOD_MS_MAX: u64 = 100 * 366 * 24 * 60 * 60 * 1000;

/// Why a genesis is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GenesisError {
    /// A name that could be mistaken, or does not fit.
    #[error("name {name:?}: expected 1 to {NAME_CHARS_MAX} characters a-z, 0-9 and -")]
    Name {
        /// The name.
        name: String,
    },
    /// A symbol that is none.
    #[error("symbol {symbol:?}: expected 1 to {SYMBOL_CHARS_MAX} characters A-Z")]
    Symbol {
        /// The symbol.
        symbol: String,
    },
    /// A number outside its range.
    #[error("{name} is {found}, expected {min} to {max}")]
    Range {
        /// The field.
        name: &'static str,
        /// Its value.
        found: u64,
        /// The least allowed.
        min: u64,
        /// The most allowed.
        max: u64,
    },
    /// Two numbers that contradict each other.
    #[error("{lower} must {} {upper}", if *equal { "not be above" } else { "be below" })]
    Order {
        /// The field that has to be the smaller.
        lower: &'static str,
        /// The field that has to be the greater.
        upper: &'static str,
        /// Whether they may be equal.
        equal: bool,
    },
    /// Accounts out of order or listed twice.
    #[error("{list} are not in strictly ascending order of their accounts")]
    Unsorted {
        /// The list.
        list: &'static str,
    },
    /// A stake below the least.
    #[error("the stake of validator {index} is {stake} base units, at least {bond_min} are needed")]
    Stake {
        /// Its position.
        index: usize,
        /// Its stake.
        stake: u64,
        /// The least stake.
        bond_min: u64,
    },
    /// More units than may exist.
    #[error("balances and stakes are above {SUPPLY_MAX} base units in total")]
    Supply,
    /// Fees that could not be paid or counted.
    #[error("the fee of the largest transaction is above {SUPPLY_MAX} base units")]
    Fees,
    /// Validators that are no set.
    #[error(transparent)]
    Validators(#[from] ValidatorSetError),
}

impl Genesis {
    /// Checks every rule of a genesis.
    ///
    /// # Errors
    /// [`GenesisError`] names the first broken rule.
    pub fn check(&self) -> Result<(), GenesisError> {
        self.check_names()?;
        range("time_ms", self.time_ms, 1, TIME_MS_MAX)?;
        range("decimals", self.decimals.into(), 0, DECIMALS_MAX.into())?;
        self.check_accounts()?;
        self.check_validators()?;
        self.supply()?;
        self.parameters.check()
    }

    fn check_names(&self) -> Result<(), GenesisError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !is_text(&self.name, NAME_CHARS_MAX, plain) {
            let name = self.name.clone();
            return Err(GenesisError::Name { name });
        }
        if !is_text(&self.symbol, SYMBOL_CHARS_MAX, |c| c.is_ascii_uppercase()) {
            let symbol = self.symbol.clone();
            return Err(GenesisError::Symbol { symbol });
        }
        Ok(())
    }

    fn check_accounts(&self) -> Result<(), GenesisError> {
        length("accounts", self.accounts.len(), GENESIS_ACCOUNTS_MAX)?;
        if !self
            .accounts
            .is_sorted_by(|left, right| left.account < right.account)
        {
            return Err(GenesisError::Unsorted { list: "accounts" });
        }
        Ok(())
    }

    fn check_validators(&self) -> Result<(), GenesisError> {
        if !self
            .validators
            .is_sorted_by(|left, right| left.account < right.account)
        {
            return Err(GenesisError::Unsorted { list: "validators" });
        }
        let bond_min = self.parameters.bond_min;
        for (index, validator) in self.validators.iter().enumerate() {
            let stake = validator.stake;
            if stake < bond_min {
                return Err(GenesisError::Stake {
                    index,
                    stake,
                    bond_min,
                });
            }
        }
        let max = usize::try_from(self.parameters.validators_max).unwrap_or(usize::MAX);
        length("validators", self.validators.len(), max)?;
        self.validator_set().map(drop)
    }
}

impl Parameters {
    fn check(&self) -> Result<(), GenesisError> {
        self.required_fee(TRANSACTION_BYTES_MAX, ACTIONS_MAX as u64)
            .filter(|fee| *fee <= SUPPLY_MAX)
            .ok_or(GenesisError::Fees)?;
        let waits = [
            ("idle_block_ms", self.idle_block_ms),
            ("propose_timeout_ms", self.propose_timeout_ms),
            ("vote_timeout_ms", self.vote_timeout_ms),
            ("timeout_step_ms", self.timeout_step_ms),
        ];
        for (name, found) in waits {
            range(name, found, 1, WAIT_MS_MAX)?;
        }
        let periods = [
            ("unbonding_ms", self.unbonding_ms),
            ("evidence_age_ms", self.evidence_age_ms),
            ("trust_period_ms", self.trust_period_ms),
        ];
        for (name, found) in periods {
            range(name, found, 1, PERIOD_MS_MAX)?;
        }
        let bytes = u64::from(self.block_bytes_max);
        range(
            "block_bytes_max",
            bytes,
            TRANSACTION_BYTES_MAX as u64,
            TRANSACTIONS_BYTES_MAX,
        )?;
        let count = u64::from(self.block_transactions_max);
        range(
            "block_transactions_max",
            count,
            1,
            BLOCK_TRANSACTIONS_MAX as u64,
        )?;
        let validators = u64::from(self.validators_max);
        range("validators_max", validators, 1, VALIDATORS_MAX as u64)?;
        range("epoch_blocks", self.epoch_blocks, 1, 1 << 32)?;
        range("bond_min", self.bond_min, 1, SUPPLY_MAX)?;
        let slash = u64::from(self.slash_equivocation_permille);
        range("slash_equivocation_permille", slash, 0, 1_000)?;
        self.check_orders()
    }

    fn check_orders(&self) -> Result<(), GenesisError> {
        let order = |holds: bool, lower, upper, equal| match holds {
            true => Ok(()),
            false => Err(GenesisError::Order {
                lower,
                upper,
                equal,
            }),
        };
        let waits = self.min_block_ms <= self.idle_block_ms;
        order(waits, "min_block_ms", "idle_block_ms", true)?;
        // Evidence has to outlive the trust in those it accuses, and their stake the evidence.
        let trust = self.trust_period_ms < self.evidence_age_ms;
        order(trust, "trust_period_ms", "evidence_age_ms", false)?;
        let stake = self.evidence_age_ms <= self.unbonding_ms;
        order(stake, "evidence_age_ms", "unbonding_ms", true)
    }
}

fn is_text(text: &str, chars_max: usize, allowed: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.len() <= chars_max && text.chars().all(allowed)
}

fn length(name: &'static str, found: usize, max: usize) -> Result<(), GenesisError> {
    let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    range(name, count(found), 0, count(max))
}

fn range(name: &'static str, found: u64, min: u64, max: u64) -> Result<(), GenesisError> {
    if (min..=max).contains(&found) {
        return Ok(());
    }
    Err(GenesisError::Range {
        name,
        found,
        min,
        max,
    })
}
