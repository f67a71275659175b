//! Authorities as people write them: `carol`, a public key, or `2:alice,bob,carol`.

use starling_ledger::authority::{Authority, POLICY_KEYS_MAX, Policy, PolicyError};
use starling_ledger::keys::PublicKey;

use crate::draft::keys_of;
use crate::error::{CliError, Outcome};
use crate::names::Names;

/// Makes a policy of `threshold` among `keys`, in whatever order they come.
///
/// # Errors
/// A usage error: too few or too many keys, or one that stands twice.
pub(crate) fn policy(threshold: u8, mut keys: Vec<PublicKey>) -> Outcome<Policy> {
    keys.sort_unstable();
    Policy::new(threshold, keys).map_err(|error| match error {
        PolicyError::Order => CliError::usage("a key stands twice in the policy"),
        _ => CliError::usage(format!("a policy of {error}")),
    })
}

/// Reads `M:KEY,KEY,…`, where each key is a name or 64 hex digits.
///
/// # Errors
/// A usage error, or that of a name that is unknown.
pub(crate) fn parse_policy(text: &str, names: &Names) -> Outcome<Policy> {
    let wrong = || {
        let message = format!("`{text}` is no policy: write M:KEY,KEY,… such as 2:alice,bob,carol");
        CliError::usage(message)
    };
    let (threshold, keys) = text.split_once(':').ok_or_else(wrong)?;
    let threshold = threshold.trim().parse().map_err(|_| wrong())?;
    let keys: Vec<_> = keys.split(',').map(str::trim).collect();
    if keys.len() > POLICY_KEYS_MAX || keys.contains(&"") {
        return Err(wrong());
    }
    let keys = keys.iter().map(|key| names.public(key));
    policy(threshold, keys.collect::<Outcome<_>>()?)
}

/// Reads an authority: a policy, the name of one that is kept here, or a key.
///
/// # Errors
/// Those of [`parse_policy`], and that of a name that is unknown.
pub(crate) fn parse(text: &str, names: &Names) -> Outcome<Authority> {
    if text.contains(':') {
        return parse_policy(text, names).map(Authority::Policy);
    }
    match names.policies().find(text)? {
        Some(found) => Ok(found.authority),
        None => names.public(text).map(Authority::Key),
    }
}

/// Writes an authority as it can be typed again: `KEY` or `M:KEY,KEY,…`, the keys in hex.
pub(crate) fn show(authority: &Authority) -> String {
    let keys: Vec<_> = keys_of(authority).iter().map(ToString::to_string).collect();
    match authority {
        Authority::Key(key) => key.to_string(),
        Authority::Policy(policy) => format!("{}:{}", policy.threshold(), keys.join(",")),
    }
}

/// Describes an authority in words, with names where they are known.
pub(crate) fn describe(authority: &Authority, names: &Names) -> String {
    let keys: Vec<_> = keys_of(authority)
        .iter()
        .map(|key| names.show_key(key))
        .collect();
    match authority {
        Authority::Key(_) => format!("the key {}", keys.join("")),
        Authority::Policy(policy) => {
            format!(
                "{} of {}: {}",
                policy.threshold(),
                keys.len(),
                keys.join(", ")
            )
        }
    }
}
