//! Who signs for an account: its current authority, and the keys of it that this machine has.
//!
//! The ledger tells the hash of an account's authority. Which keys stand behind it, only those know
//! who made it: the user names it, or it is one of the keys and policies of this machine.

use starling_ledger::address::AccountId;
use starling_ledger::authority::Authority;
use starling_ledger::hash::Hash;
use starling_ledger::keys::{PublicKey, SecretKey, Signer as _};

use crate::authority::{describe, parse};
use crate::draft::keys_of;
use crate::error::{CliError, Outcome};
use crate::exit::Exit;
use crate::names::Names;

/// What the user said about who signs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said<'args> {
    /// The account, as it was typed.
    pub(crate) account: &'args str,
    /// Keys to sign with, by name.
    pub(crate) signers: &'args [String],
    /// The account's authority.
    pub(crate) authority: Option<&'args str>,
}

/// Finds the authority of `account`, whose hash the ledger says is `current`.
///
/// # Errors
/// [`Exit::Key`] if what the user named is another one, or nothing here fits.
pub(crate) fn authority(
    names: &Names,
    said: Said<'_>,
    (account, current): (&AccountId, &Hash),
) -> Outcome<Authority> {
    if let Some(text) = said.authority {
        let named = parse(text, names)?;
        if named.hash() == *current {
            return Ok(named);
        }
        let message = format!(
            "{} is not the authority that {} has",
            describe(&named, names),
            said.account
        );
        return Err(error(message).next(format!("starling account show {}", said.account)));
    }
    for signer in said.signers {
        let one = Authority::Key(names.public(signer)?);
        if one.hash() == *current {
            return Ok(one);
        }
    }
    // The account that an authority is the first of has its hash as id.
    if let Some(name) = names.name_of(&AccountId(current.0)) {
        return parse(name, names);
    }
    if Hash(account.0) == *current {
        // Nobody replaced it; the user may have named a key of another kind of network.
        let key = names.secret(said.account)?;
        return Ok(Authority::Key(key.public_key()));
    }
    let message = format!(
        "the authority of {} was replaced, and none of the keys and policies here is it",
        said.account
    );
    let next = "name it with --authority KEY or --authority M:KEY,KEY,…";
    Err(error(message).next(next))
}

/// Returns the keys that sign for `authority`: those named, or those of this machine.
///
/// # Errors
/// [`Exit::Key`] if a key named is not of the authority, or they are too few.
pub(crate) fn keys(
    names: &Names,
    authority: &Authority,
    said: Said<'_>,
) -> Outcome<Vec<SecretKey>> {
    let allowed = keys_of(authority);
    let mut keys = Vec::new();
    for name in said.signers {
        let key = names.secret(name)?;
        if !allowed.contains(&key.public_key()) {
            return Err(wrong_key(name, authority, names));
        }
        keys.push(key);
    }
    if said.signers.is_empty() {
        for key in allowed {
            keys.extend(names.secret_of(key)?);
        }
    }
    let needed = authority.signature_count();
    if distinct(&keys) >= needed {
        return Ok(keys);
    }
    let message = format!(
        "{needed} signatures are needed ({}), and {} of the keys are at hand",
        describe(authority, names),
        distinct(&keys)
    );
    Err(error(message)
        .code("signatures")
        .next("starling tx build --help: one builds a file, each of the others signs it"))
}

/// Makes the error for a key that is not of the authority.
pub(crate) fn wrong_key(name: &str, authority: &Authority, names: &Names) -> CliError {
    let message = format!(
        "the key {name} cannot sign for this account: its authority is {}",
        describe(authority, names)
    );
    CliError::new(Exit::Key, message).code("wrong_key")
}

fn distinct(keys: &[SecretKey]) -> usize {
    let mut keys: Vec<PublicKey> = keys.iter().map(SecretKey::public_key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.len()
}

fn error(message: String) -> CliError {
    CliError::new(Exit::Key, message).code("authority")
}
