//! Names instead of addresses: the user's own keys, and the public ones of local networks.
//!
//! On a local network everybody can compute the keys of `alice`, `bob`, `n1`, `n2`, …; they make
//! tutorials short and must never hold value. No other name is ever derived, so that a typing
//! error is an error and not somebody's account.

use std::collections::BTreeMap;

use starling_ledger::address::{AccountId, AddressError, NetworkKind};
use starling_ledger::genesis::{LOCAL_ACCOUNTS, local_account};
use starling_ledger::keys::{PublicKey, SecretKey, Signer as _};

use crate::error::{CliError, ExitContext as _, Outcome};
use crate::exit::Exit;
use crate::key_store::{KeyStore, account_of};
use crate::policy_store::PolicyStore;

/// The people of tutorials.
pub(crate) const PEOPLE: [&str; 2] = LOCAL_ACCOUNTS;
/// Most validators that have a public name.
pub(crate) const VALIDATORS_MAX: u16 = 64;

/// The names usable on one kind of network.
#[derive(Debug)]
pub(crate) struct Names {
    kind: NetworkKind,
    store: KeyStore,
    policies: PolicyStore,
    known: BTreeMap<AccountId, String>,
}

/// Says whether `name` stands for a public key on local networks.
pub(crate) fn is_public(name: &str) -> bool {
    PEOPLE.contains(&name) || (1..=VALIDATORS_MAX).any(|number| name == validator(number))
}

/// Returns the name of the validator with this number, from 1.
pub(crate) fn validator(number: u16) -> String {
    format!("n{number}")
}

/// Returns the key that is the identity of a local node among its neighbours.
pub(crate) fn node_key(node: &str) -> SecretKey {
    SecretKey::local(&format!("{node} node"))
}

/// Returns the public key of a public name.
pub(crate) fn local_public(name: &str) -> PublicKey {
    SecretKey::local(name).public_key()
}

/// Shortens an address or id for a line of text: first and last symbols.
pub(crate) fn short(text: &str, head: usize) -> String {
    let count = text.chars().count();
    if count <= head + 4 {
        return text.to_owned();
    }
    let first: String = text.chars().take(head).collect();
    let last: String = text.chars().skip(count - 2).collect();
    format!("{first}…{last}")
}

impl Names {
    /// Collects the names for networks of `kind`.
    ///
    /// # Errors
    /// If the folder of keys cannot be read.
    pub(crate) fn new(kind: NetworkKind, store: KeyStore, policies: PolicyStore) -> Outcome<Self> {
        let mut known = BTreeMap::new();
        if kind == NetworkKind::Local {
            let validators = (1..=VALIDATORS_MAX).map(validator);
            for name in PEOPLE.map(str::to_owned).into_iter().chain(validators) {
                known.insert(local_account(&name), name);
            }
            for key in store.list()? {
                known.insert(key.account(), key.name);
            }
        }
        for policy in policies.list()? {
            known.insert(policy.account(), policy.name);
        }
        Ok(Self {
            kind,
            store,
            policies,
            known,
        })
    }

    /// Returns the secret key of `name`.
    ///
    /// # Errors
    /// [`Exit::Key`] if there is none, or the key is not for this kind of network.
    pub(crate) fn secret(&self, name: &str) -> Outcome<SecretKey> {
        if self.kind == NetworkKind::Local && is_public(name) {
            return Ok(SecretKey::local(name));
        }
        if self.kind != NetworkKind::Local && (is_public(name) || self.store.has(name)) {
            let message = format!("`{name}` is a key for local networks only; this network is not");
            return Err(CliError::new(Exit::Key, message));
        }
        if AccountId::from_address(name, self.kind).is_ok() {
            let message = format!("no key for {name}: the sender is named by its key");
            return Err(CliError::new(Exit::Key, message).next("starling key list"));
        }
        self.store.secret(name)
    }

    /// Returns the policies that are kept here.
    pub(crate) const fn policies(&self) -> &PolicyStore {
        &self.policies
    }

    /// Returns the public key that `text` names: the name of a key, or 64 hex digits.
    ///
    /// # Errors
    /// Those of [`Names::secret`]; a usage error for digits that are no key.
    pub(crate) fn public(&self, text: &str) -> Outcome<PublicKey> {
        let is_hex = text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        if is_hex {
            let wrong = |error| CliError::usage(format!("`{text}` is no public key: {error}"));
            return text.parse().map_err(wrong);
        }
        Ok(self.secret(text)?.public_key())
    }

    /// Returns the secret half of `public`, if it is a key of this machine or a public one.
    ///
    /// # Errors
    /// If the folder of keys cannot be read.
    pub(crate) fn secret_of(&self, public: &PublicKey) -> Outcome<Option<SecretKey>> {
        match self.known.get(&account_of(*public)) {
            Some(name) => self.secret(name).map(Some),
            None => Ok(None),
        }
    }

    /// Returns the name of a key, or its first digits.
    pub(crate) fn show_key(&self, key: &PublicKey) -> String {
        match self.known.get(&account_of(*key)) {
            Some(name) => name.clone(),
            None => short(&key.to_string(), 12),
        }
    }

    /// Returns the name of the key or policy that is the first authority of `account`.
    pub(crate) fn name_of(&self, account: &AccountId) -> Option<&str> {
        self.known.get(account).map(String::as_str)
    }

    /// Returns the account that `text` names: a key or a policy of this machine, or an address.
    ///
    /// # Errors
    /// A usage error if it is neither, [`Exit::WrongNetwork`] for an address of another kind of
    /// network.
    pub(crate) fn account(&self, text: &str) -> Outcome<AccountId> {
        if self.kind == NetworkKind::Local {
            if is_public(text) {
                return Ok(local_account(text));
            }
            if self.store.has(text) {
                return Ok(self.store.info(text)?.account());
            }
        }
        if let Some(policy) = self.policies.find(text)? {
            return Ok(policy.account());
        }
        match AccountId::from_address(text, self.kind) {
            Ok(account) => Ok(account),
            Err(error @ AddressError::OtherNetwork { .. }) => Err(error).exit(Exit::WrongNetwork),
            Err(AddressError::Malformed { .. }) if !text.contains('1') || text.len() < 20 => {
                let message = format!("`{text}` is neither a key of yours nor an address");
                let message = message + &self.suggestion(text);
                Err(CliError::usage(message)
                    .next(format!("starling key list, or: starling key new {text}")))
            }
            Err(error) => Err(CliError::usage(format!("`{text}`: {error}"))),
        }
    }

    /// Names a known name of which `text` may be a slip.
    fn suggestion(&self, text: &str) -> String {
        let meant = self.known.values().find(|name| is_slip(text, name));
        meant.map_or(String::new(), |name| format!("; did you mean {name}?"))
    }

    /// Returns the name of `account`, or its shortened address.
    pub(crate) fn show(&self, account: AccountId) -> String {
        match self.known.get(&account) {
            Some(name) => name.clone(),
            None => short(&account.to_address(self.kind), 12),
        }
    }

    /// Returns the name of `account`, or its whole address: what can be typed again.
    pub(crate) fn show_or_address(&self, account: AccountId) -> String {
        match self.known.get(&account) {
            Some(name) => name.clone(),
            None => account.to_address(self.kind),
        }
    }

    /// Returns the name behind an address, or the shortened address.
    pub(crate) fn show_address(&self, address: &str) -> String {
        match AccountId::from_address(address, self.kind) {
            Ok(account) => self.show(account),
            Err(_) => short(address, 12),
        }
    }
}

/// Says whether one letter of `name` is missing, too many, another one, or swapped with the next.
fn is_slip(text: &str, name: &str) -> bool {
    let (text, name) = (text.to_ascii_lowercase(), name.to_ascii_lowercase());
    let alike = text.bytes().zip(name.bytes());
    let start = alike.take_while(|(one, other)| one == other).count();
    let (text, name) = (&text.as_bytes()[start..], &name.as_bytes()[start..]);
    let alike = text.iter().rev().zip(name.iter().rev());
    let end = alike.take_while(|(one, other)| one == other).count();
    match (&text[..text.len() - end], &name[..name.len() - end]) {
        ([], []) | ([_], [] | [_]) | ([], [_]) => true,
        ([first, second], [third, fourth]) => first == fourth && second == third,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use starling_ledger::genesis::local_consensus_key;

    use super::*;

    #[test]
    fn only_documented_names_are_public() {
        for name in ["alice", "bob", "n1", "n64"] {
            assert!(is_public(name), "{name}");
        }
        for name in ["alcie", "Alice", "n0", "n65", "n01", "n", ""] {
            assert!(!is_public(name), "{name}");
        }
    }

    #[test]
    fn a_slip_is_one_letter() {
        for slip in ["alcie", "alic", "Alice", "aalice", "alise", "allice"] {
            assert!(is_slip(slip, "alice"), "{slip}");
        }
        for other in ["bob", "al", "acile", "alicia", ""] {
            assert!(!is_slip(other, "alice"), "{other}");
        }
    }

    #[test]
    fn keys_of_one_validator_differ() {
        let account = SecretKey::local("n1").public_key();
        let consensus = local_consensus_key("n1").public_key();
        let node = node_key("n1").public_key();
        assert!(account != consensus && consensus != node && account != node);
    }

    #[test]
    fn shortens_long_texts_only() {
        assert_eq!(short("starlocal1qabcdefgh", 12), "starlocal1qa…gh");
        assert_eq!(short("n1", 12), "n1");
    }
}
