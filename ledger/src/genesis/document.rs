//! The TOML form of a genesis, as people write and read it.
//!
//! Amounts are decimal text in the unit of the network, addresses bech32m of its kind, keys hex. An
//! unknown key is an error that names it. Parameters may be left out; their defaults, and the
//! reasons for them, stand in `genesis/README.md` and in [`ParametersDocument::default`]. The order
//! of accounts and validators in the text does not matter: the genesis sorts them.

use serde::{Deserialize, Serialize};

use super::{
    AmountError, Genesis, GenesisAccount, GenesisError, GenesisValidator, Parameters,
    format_amount, parse_amount,
};
use crate::address::{AccountId, AddressError, NetworkKind};
use crate::keys::KeyError;
use crate::transaction::Amount;

const SECOND_MS: u64 = 1_000;
const DAY_MS: u64 = 24 * 60 * 60 * SECOND_MS;

/// Why a text is not a genesis.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// Not TOML, an unknown or missing key, or a value of another type.
    #[error("genesis: {reason}")]
    Toml {
        /// What the parser says, with the line.
        reason: String,
    },
    /// A value that is not an amount.
    #[error("genesis: {field}: {error}")]
    Amount {
        /// The field.
        field: String,
        /// What is wrong with it.
        error: AmountError,
    },
    /// A value that is not an address of this kind of network.
    #[error("genesis: {field}: {error}")]
    Address {
        /// The field.
        field: String,
        /// What is wrong with it.
        error: AddressError,
    },
    /// A value that is not a public key.
    #[error("genesis: {field}: {error}")]
    Key {
        /// The field.
        field: String,
        /// What is wrong with it.
        error: KeyError,
    },
    /// A rule of the genesis is broken.
    #[error("genesis: {0}")]
    Rule(#[from] GenesisError),
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: String,
    kind: KindDocument,
    time_ms: u64,
    #[serde(default = "default_symbol")]
    symbol: String,
    #[serde(default = "default_decimals")]
    decimals: u8,
    #[serde(default)]
    parameters: ParametersDocument,
    #[serde(default)]
    accounts: Vec<AccountDocument>,
    validators: Vec<ValidatorDocument>,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum KindDocument {
    Main,
    Test,
    Local,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct ParametersDocument {
    fee_base: String,
    fee_per_byte: String,
    entry_fee: String,
    block_bytes_max: u32,
    block_transactions_max: u32,
    idle_block_ms: u64,
    min_block_ms: u64,
    propose_timeout_ms: u64,
    vote_timeout_ms: u64,
    timeout_step_ms: u64,
    validators_max: u32,
    epoch_blocks: u64,
    bond_min: String,
    unbonding_ms: u64,
    evidence_age_ms: u64,
    trust_period_ms: u64,
    slash_equivocation_permille: u16,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct AccountDocument {
    address: String,
    balance: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ValidatorDocument {
    address: String,
    consensus_key: String,
    stake: String,
}

impl Genesis {
    /// Parses and checks the TOML form.
    ///
    /// # Errors
    /// [`DocumentError`] names the key or the rule.
    pub fn from_toml(text: &str) -> Result<Self, DocumentError> {
        let document: Document = toml::from_str(text).map_err(|error| DocumentError::Toml {
            reason: error.to_string(),
        })?;
        let genesis = document.into_genesis()?;
        genesis.check()?;
        Ok(genesis)
    }

    /// Writes the TOML form, with every parameter.
    pub fn to_toml(&self) -> String {
        toml::to_string(&Document::of(self)).expect("text, numbers and lists of them are TOML")
    }
}

impl Document {
    fn into_genesis(self) -> Result<Genesis, DocumentError> {
        let kind = NetworkKind::from(self.kind);
        let decimals = self.decimals;
        let mut accounts = Vec::with_capacity(self.accounts.len());
        for (index, listed) in self.accounts.iter().enumerate() {
            let field = |name: &str| format!("accounts[{index}].{name}");
            accounts.push(GenesisAccount {
                account: address(&listed.address, kind, field("address"))?,
                balance: amount(&listed.balance, decimals, field("balance"))?,
            });
        }
        let mut validators = Vec::with_capacity(self.validators.len());
        for (index, listed) in self.validators.iter().enumerate() {
            let field = |name: &str| format!("validators[{index}].{name}");
            let key = listed.consensus_key.parse();
            validators.push(GenesisValidator {
                account: address(&listed.address, kind, field("address"))?,
                consensus_key: key.map_err(|error| DocumentError::Key {
                    field: field("consensus_key"),
                    error,
                })?,
                stake: amount(&listed.stake, decimals, field("stake"))?,
            });
        }
        accounts.sort_unstable_by_key(|account| account.account);
        validators.sort_unstable_by_key(|validator| validator.account);
        Ok(Genesis {
            name: self.name,
            kind,
            time_ms: self.time_ms,
            symbol: self.symbol,
            decimals,
            parameters: self.parameters.into_parameters(decimals)?,
            accounts,
            validators,
        })
    }

    fn of(genesis: &Genesis) -> Self {
        let (kind, decimals) = (genesis.kind, genesis.decimals);
        let accounts = genesis.accounts.iter().map(|listed| AccountDocument {
            address: listed.account.to_address(kind),
            balance: format_amount(listed.balance, decimals),
        });
        let validators = genesis.validators.iter().map(|listed| ValidatorDocument {
            address: listed.account.to_address(kind),
            consensus_key: listed.consensus_key.to_string(),
            stake: format_amount(listed.stake, decimals),
        });
        Self {
            name: genesis.name.clone(),
            kind: kind.into(),
            time_ms: genesis.time_ms,
            symbol: genesis.symbol.clone(),
            decimals,
            parameters: ParametersDocument::of(&genesis.parameters, decimals),
            accounts: accounts.collect(),
            validators: validators.collect(),
        }
    }
}

impl ParametersDocument {
    fn into_parameters(self, decimals: u8) -> Result<Parameters, DocumentError> {
        let amount = |text: &str, name: &str| amount(text, decimals, format!("parameters.{name}"));
        Ok(Parameters {
            fee_base: amount(&self.fee_base, "fee_base")?,
            fee_per_byte: amount(&self.fee_per_byte, "fee_per_byte")?,
            entry_fee: amount(&self.entry_fee, "entry_fee")?,
            block_bytes_max: self.block_bytes_max,
            block_transactions_max: self.block_transactions_max,
            idle_block_ms: self.idle_block_ms,
            min_block_ms: self.min_block_ms,
            propose_timeout_ms: self.propose_timeout_ms,
            vote_timeout_ms: self.vote_timeout_ms,
            timeout_step_ms: self.timeout_step_ms,
            validators_max: self.validators_max,
            epoch_blocks: self.epoch_blocks,
            bond_min: amount(&self.bond_min, "bond_min")?,
            unbonding_ms: self.unbonding_ms,
            evidence_age_ms: self.evidence_age_ms,
            trust_period_ms: self.trust_period_ms,
            slash_equivocation_permille: self.slash_equivocation_permille,
        })
    }

    fn of(parameters: &Parameters, decimals: u8) -> Self {
        Self {
            fee_base: format_amount(parameters.fee_base, decimals),
            fee_per_byte: format_amount(parameters.fee_per_byte, decimals),
            entry_fee: format_amount(parameters.entry_fee, decimals),
            block_bytes_max: parameters.block_bytes_max,
            block_transactions_max: parameters.block_transactions_max,
            idle_block_ms: parameters.idle_block_ms,
            min_block_ms: parameters.min_block_ms,
            propose_timeout_ms: parameters.propose_timeout_ms,
            vote_timeout_ms: parameters.vote_timeout_ms,
            timeout_step_ms: parameters.timeout_step_ms,
            validators_max: parameters.validators_max,
            epoch_blocks: parameters.epoch_blocks,
            bond_min: format_amount(parameters.bond_min, decimals),
            unbonding_ms: parameters.unbonding_ms,
            evidence_age_ms: parameters.evidence_age_ms,
            trust_period_ms: parameters.trust_period_ms,
            slash_equivocation_permille: parameters.slash_equivocation_permille,
        }
    }
}

impl Default for ParametersDocument {
    /// The defaults of a network with value; each reason stands in `genesis/README.md`.
    fn default() -> Self {
        Self {
            fee_base: "0.0008".to_owned(),
            fee_per_byte: "0.000001".to_owned(),
            entry_fee: "0.01".to_owned(),
            block_bytes_max: 2 * 1024 * 1024,
            block_transactions_max: 10_000,
            idle_block_ms: 10 * SECOND_MS,
            min_block_ms: 250,
            propose_timeout_ms: SECOND_MS,
            vote_timeout_ms: 500,
            timeout_step_ms: 250,
            validators_max: 100,
            epoch_blocks: 1_000,
            bond_min: "1000".to_owned(),
            unbonding_ms: 21 * DAY_MS,
            evidence_age_ms: 20 * DAY_MS,
            trust_period_ms: 14 * DAY_MS,
            slash_equivocation_permille: 50,
        }
    }
}

impl From<KindDocument> for NetworkKind {
    fn from(kind: KindDocument) -> Self {
        match kind {
            KindDocument::Main => Self::Main,
            KindDocument::Test => Self::Test,
            KindDocument::Local => Self::Local,
        }
    }
}

impl From<NetworkKind> for KindDocument {
    fn from(kind: NetworkKind) -> Self {
        match kind {
            NetworkKind::Main => Self::Main,
            NetworkKind::Test => Self::Test,
            NetworkKind::Local => Self::Local,
        }
    }
}

fn default_symbol() -> String {
    "STAR".to_owned()
}

const fn default_decimals() -> u8 {
    6
}

fn amount(text: &str, decimals: u8, field: String) -> Result<Amount, DocumentError> {
    parse_amount(text, decimals).map_err(|error| DocumentError::Amount { field, error })
}

fn address(text: &str, kind: NetworkKind, field: String) -> Result<AccountId, DocumentError> {
    AccountId::from_address(text, kind).map_err(|error| DocumentError::Address { field, error })
}
