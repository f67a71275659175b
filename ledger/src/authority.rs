//! Authorities: who may act for an account.
//!
//! An authority is one key, or an m-of-n policy over keys in strictly ascending order. An account's
//! address is the hash of its first authority; the account itself stores the hash of the current
//! one.
//!
//! # Invariants
//! A decoded [`Policy`] has 1 ≤ m ≤ n ≤ [`POLICY_KEYS_MAX`], and its keys ascend strictly.

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};

use crate::address::AccountId;
use crate::codec::{encode, list, refuse};
use crate::hash::{Context, Hash};
use crate::keys::{PublicKey, Signature, SignatureScheme};

/// Most keys of a policy. Our choice: a 16-key authorization stays under 2 KiB.
pub const POLICY_KEYS_MAX: usize = 16;

/// Who may act for an account.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Authority {
    /// One key.
    Key(PublicKey),
    /// m of n keys.
    Policy(Policy),
}

/// An m-of-n policy.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct Policy {
    threshold: u8,
    keys: Vec<PublicKey>,
}

/// Why a policy is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// m is zero or above n, or n above the limit.
    #[error("{threshold} of {count} keys, expected 1 ≤ m ≤ n ≤ {POLICY_KEYS_MAX}")]
    Threshold {
        /// m.
        threshold: u8,
        /// n.
        count: usize,
    },
    /// The keys do not ascend strictly.
    #[error("keys are not in strictly ascending order")]
    Order,
}

impl Policy {
    /// Makes a policy of `threshold` among `keys`, which must ascend strictly.
    ///
    /// # Errors
    /// [`PolicyError`] names the broken rule.
    pub fn new(threshold: u8, keys: Vec<PublicKey>) -> Result<Self, PolicyError> {
        let count = keys.len();
        if threshold == 0 || usize::from(threshold) > count || count > POLICY_KEYS_MAX {
            return Err(PolicyError::Threshold { threshold, count });
        }
        if !keys.is_sorted_by(|left, right| left < right) {
            return Err(PolicyError::Order);
        }
        Ok(Self { threshold, keys })
    }

    /// Returns m.
    pub const fn threshold(&self) -> u8 {
        self.threshold
    }

    /// Returns the n keys, ascending.
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }
}

impl<C> Decode<C> for Policy {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let threshold = Decode::decode(decoder)?;
        let keys = list(decoder, POLICY_KEYS_MAX, "keys")?;
        Self::new(threshold, keys).map_err(|error| match error {
            PolicyError::Threshold { .. } => refuse("a policy outside 1 ≤ m ≤ n ≤ 16"),
            PolicyError::Order => refuse("policy keys out of order"),
        })
    }
}

bincode::impl_borrow_decode!(Policy);

impl Authority {
    /// Returns the hash an account stores for this authority.
    pub fn hash(&self) -> Hash {
        Hash::of(Context::Authority, &[&encode(self)])
    }

    /// Returns the account whose first authority this is.
    pub fn account(&self) -> AccountId {
        AccountId(self.hash().0)
    }

    /// Returns how many signatures an authorization carries.
    pub fn signature_count(&self) -> usize {
        match self {
            Self::Key(_) => 1,
            Self::Policy(policy) => usize::from(policy.threshold),
        }
    }

    /// Returns the key that must have made each signature, in order, where there is no choice: the
    /// one key, or all keys of a policy that asks for all. `None` where m of more keys sign.
    pub fn signers(&self) -> Option<&[PublicKey]> {
        match self {
            Self::Key(key) => Some(std::slice::from_ref(key)),
            Self::Policy(policy) if usize::from(policy.threshold) == policy.keys.len() => {
                Some(&policy.keys)
            }
            Self::Policy(_) => None,
        }
    }

    /// Says whether `signatures` authorize `message`: exactly m of them, in key order, each by
    /// another key.
    ///
    /// A policy checks at most n signatures.
    pub fn verify(
        &self,
        scheme: &dyn SignatureScheme,
        message: &[u8],
        signatures: &[Signature],
    ) -> bool {
        if signatures.len() != self.signature_count() {
            return false;
        }
        let keys = match self {
            Self::Key(key) => std::slice::from_ref(key),
            Self::Policy(policy) => policy.keys(),
        };
        let mut keys = keys.iter();
        signatures
            .iter()
            .all(|signature| keys.any(|key| scheme.verify(key, message, signature)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Ed25519, SecretKey, Signer};

    fn three() -> (Vec<SecretKey>, Authority) {
        let mut keys: Vec<_> = ["a", "b", "c"].map(SecretKey::local).into();
        keys.sort_by_key(Signer::public_key);
        let policy = Policy::new(2, keys.iter().map(Signer::public_key).collect()).unwrap();
        (keys, Authority::Policy(policy))
    }

    #[test]
    fn two_of_three_signs_in_key_order_only() {
        let (keys, authority) = three();
        let sign = |index: usize| keys[index].sign(b"m");
        assert!(authority.verify(&Ed25519, b"m", &[sign(0), sign(2)]));
        assert!(!authority.verify(&Ed25519, b"m", &[sign(2), sign(0)]));
        assert!(!authority.verify(&Ed25519, b"m", &[sign(0), sign(0)]));
        assert!(!authority.verify(&Ed25519, b"m", &[sign(0)]));
        assert!(!authority.verify(&Ed25519, b"m", &[sign(0), sign(1), sign(2)]));
    }

    #[test]
    fn refuses_unsorted_or_repeated_keys() {
        let (keys, _) = three();
        let key = keys[0].public_key();
        assert_eq!(Policy::new(1, vec![key, key]), Err(PolicyError::Order));
        assert!(matches!(
            Policy::new(2, vec![key]),
            Err(PolicyError::Threshold { .. })
        ));
    }
}
