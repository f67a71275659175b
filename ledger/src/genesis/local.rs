//! The genesis of a network on one machine, with keys that everybody can compute.
//!
//! Simulations, tests and local testnets begin with it. `genesis/local.toml` is its text for four
//! validators.

use super::{Genesis, GenesisAccount, GenesisValidator, Parameters};
use crate::address::{AccountId, NetworkKind};
use crate::authority::Authority;
use crate::keys::{SecretKey, Signer as _};
use crate::transaction::Amount;

/// Base units of one STAR on local networks.
pub const LOCAL_UNIT: Amount = 1_000_000;
/// What each of [`LOCAL_ACCOUNTS`] holds at first, base units.
pub const LOCAL_BALANCE: Amount = 1_000_000 * LOCAL_UNIT;
/// The stake of each validator, base units.
pub const LOCAL_STAKE: Amount = 1_000_000 * LOCAL_UNIT;
/// The people of tutorials, each with the key [`SecretKey::local`] of that name.
pub const LOCAL_ACCOUNTS: [&str; 2] = ["alice", "bob"];

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

impl Genesis {
    /// Returns the genesis of a local network with validators `n1`, `n2`, … The account of each has
    /// the key of its name, and it signs votes with [`local_consensus_key`].
    pub fn local(name: &str, time_ms: u64, validators: u16) -> Self {
        let accounts = LOCAL_ACCOUNTS.map(|name| GenesisAccount {
            account: local_account(name),
            balance: LOCAL_BALANCE,
        });
        let validators = (1..=validators).map(|number| {
            let name = format!("n{number}");
            GenesisValidator {
                account: local_account(&name),
                consensus_key: local_consensus_key(&name).public_key(),
                stake: LOCAL_STAKE,
            }
        });
        let mut genesis = Self {
            name: name.to_owned(),
            kind: NetworkKind::Local,
            time_ms,
            symbol: "STAR".to_owned(),
            decimals: 6,
            parameters: local_parameters(),
            accounts: accounts.into(),
            validators: validators.collect(),
        };
        genesis
            .accounts
            .sort_unstable_by_key(|listed| listed.account);
        genesis
            .validators
            .sort_unstable_by_key(|listed| listed.account);
        genesis
    }
}

/// The rules of a local network; each reason stands in `genesis/README.md`.
fn local_parameters() -> Parameters {
    Parameters {
        fee_base: 800,
        fee_per_byte: 1,
        entry_fee: 10_000,
        block_bytes_max: 2 * 1024 * 1024,
        block_transactions_max: 10_000,
        idle_block_ms: 1_000,
        min_block_ms: 25,
        propose_timeout_ms: 1_000,
        vote_timeout_ms: 500,
        timeout_step_ms: 250,
        validators_max: 100,
        epoch_blocks: 100,
        bond_min: 1_000 * LOCAL_UNIT,
        unbonding_ms: 21 * DAY_MS,
        evidence_age_ms: 20 * DAY_MS,
        trust_period_ms: 14 * DAY_MS,
        slash_equivocation_permille: 50,
    }
}

/// Returns the account whose key is [`SecretKey::local`] of `name`.
pub fn local_account(name: &str) -> AccountId {
    Authority::Key(SecretKey::local(name).public_key()).account()
}

/// Returns the key with which the local validator `name` signs votes.
pub fn local_consensus_key(name: &str) -> SecretKey {
    SecretKey::local(&format!("{name} consensus"))
}
