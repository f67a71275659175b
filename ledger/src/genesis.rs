//! Genesis: the birth document of a network.
//!
//! The network id is the hash of the whole document, so that two networks never take each other's
//! messages for their own. People write it as TOML, with every rule checked; the state and the
//! validators that block 1 builds on follow from it. Every field, with its default and the reason
//! for it, stands in `genesis/README.md`.

mod amount;
mod birth;
mod check;
mod document;
mod local;

pub use amount::{AmountError, format_amount, parse_amount};
pub use check::{GENESIS_ACCOUNTS_MAX, GenesisError};
pub use document::DocumentError;
pub use local::{
    LOCAL_ACCOUNTS, LOCAL_BALANCE, LOCAL_STAKE, LOCAL_UNIT, local_account, local_consensus_key,
};

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};

use crate::address::{AccountId, NetworkKind};
use crate::codec::{encode, list, text};
use crate::hash::{Context, Hash};
use crate::keys::PublicKey;
use crate::transaction::Amount;
use crate::validators::VALIDATORS_MAX;
use check::{NAME_CHARS_MAX, SYMBOL_CHARS_MAX};

/// Most base units in existence.
pub const SUPPLY_MAX: Amount = 1 << 62;

/// Everything that is fixed before block 1.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct Genesis {
    /// Name for people, 1 to 32 characters `a-z0-9-`.
    pub name: String,
    /// Which addresses are valid.
    pub kind: NetworkKind,
    /// Milliseconds since 1970; block 1 is later.
    pub time_ms: u64,
    /// Symbol of the unit, 1 to 8 characters `A-Z`.
    pub symbol: String,
    /// Decimal places of the unit, at most 12.
    pub decimals: u8,
    /// The rules that numbers fix.
    pub parameters: Parameters,
    /// First accounts, ascending.
    pub accounts: Vec<GenesisAccount>,
    /// First validators, ascending by account.
    pub validators: Vec<GenesisValidator>,
}

/// The rules of a network that are numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Parameters {
    /// Fee burned per transaction, base units.
    pub fee_base: Amount,
    /// Fee burned per byte of a transaction, base units.
    pub fee_per_byte: Amount,
    /// Fee burned per new entry in the state, base units.
    pub entry_fee: Amount,
    /// Most bytes of the transactions of a block.
    pub block_bytes_max: u32,
    /// Most transactions of a block.
    pub block_transactions_max: u32,
    /// Time between blocks when there is nothing to put in them, milliseconds.
    pub idle_block_ms: u64,
    /// Least time between a block and its parent, milliseconds.
    pub min_block_ms: u64,
    /// Time to wait for a proposal, milliseconds.
    pub propose_timeout_ms: u64,
    /// Time to wait for votes of one step, milliseconds.
    pub vote_timeout_ms: u64,
    /// What each round adds to the timeouts, milliseconds.
    pub timeout_step_ms: u64,
    /// Most validators of an epoch.
    pub validators_max: u32,
    /// Blocks of an epoch.
    pub epoch_blocks: u64,
    /// Least stake of a validator, base units.
    pub bond_min: Amount,
    /// Time from the end of an epoch to the release of stake, milliseconds of block time.
    pub unbonding_ms: u64,
    /// How long evidence counts, milliseconds of block time.
    pub evidence_age_ms: u64,
    /// How long a header vouches for the next validators, milliseconds.
    pub trust_period_ms: u64,
    /// Part of the stake burned for signing two values, in thousandths.
    pub slash_equivocation_permille: u16,
}

/// An account that exists from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct GenesisAccount {
    /// The account.
    pub account: AccountId,
    /// What it holds, base units.
    pub balance: Amount,
}

/// A validator from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct GenesisValidator {
    /// The account whose stake it is.
    pub account: AccountId,
    /// The key that signs votes.
    pub consensus_key: PublicKey,
    /// Stake, base units; it is its voting power.
    pub stake: Amount,
}

impl Parameters {
    /// Returns what is burned for a transaction of `size_bytes` that makes `entries` new entries in
    /// the state (accounts and records); `None` if that leaves 64 bits.
    pub fn required_fee(&self, size_bytes: usize, entries: u64) -> Option<Amount> {
        let bytes = self
            .fee_per_byte
            .checked_mul(u64::try_from(size_bytes).ok()?)?;
        let entries = self.entry_fee.checked_mul(entries)?;
        self.fee_base.checked_add(bytes)?.checked_add(entries)
    }
}

impl Genesis {
    /// Returns the network id.
    pub fn hash(&self) -> Hash {
        Hash::of(Context::Genesis, &[&encode(self)])
    }
}

impl<C> Decode<C> for Genesis {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(Self {
            name: text(decoder, NAME_CHARS_MAX, "name")?,
            kind: Decode::decode(decoder)?,
            time_ms: Decode::decode(decoder)?,
            symbol: text(decoder, SYMBOL_CHARS_MAX, "symbol")?,
            decimals: Decode::decode(decoder)?,
            parameters: Decode::decode(decoder)?,
            accounts: list(decoder, GENESIS_ACCOUNTS_MAX, "accounts")?,
            validators: list(decoder, VALIDATORS_MAX, "validators")?,
        })
    }
}

bincode::impl_borrow_decode!(Genesis);

#[cfg(test)]
mod tests;
