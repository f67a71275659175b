//! What accounts are called: their addresses, and on local networks the names their keys come from.

use std::collections::BTreeMap;

use starling_ledger::address::{AccountId, NetworkKind};
use starling_ledger::genesis::{Genesis, local_account};

/// Most validators of a local network that are named: each costs a key at the start.
const NAMED_MAX: usize = 100;

/// The names of one network.
#[derive(Clone, Debug)]
pub struct Names {
    kind: NetworkKind,
    validators: BTreeMap<AccountId, String>,
}

impl Names {
    /// Learns the names of `genesis`.
    pub fn new(genesis: &Genesis) -> Self {
        let named = match genesis.kind {
            NetworkKind::Local => genesis.validators.len().min(NAMED_MAX),
            NetworkKind::Main | NetworkKind::Test => 0,
        };
        let names = (1..=named).map(|number| format!("n{number}"));
        Self {
            kind: genesis.kind,
            validators: names.map(|name| (local_account(&name), name)).collect(),
        }
    }

    /// Returns the address of an account.
    pub fn address(&self, account: AccountId) -> String {
        account.to_address(self.kind)
    }

    /// Returns what an account is called: its name, or else its address.
    pub fn show(&self, account: &AccountId) -> String {
        self.validator(account)
            .unwrap_or_else(|| self.address(*account))
    }

    /// Returns the name of a validator of a local network.
    pub fn validator(&self, account: &AccountId) -> Option<String> {
        self.validators.get(account).cloned()
    }
}
