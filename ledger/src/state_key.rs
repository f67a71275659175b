//! The keys of the state: one tag byte per kind of entry, then what it is about.

use crate::address::AccountId;
use crate::hash::Hash;

const TOTALS: u8 = 0;
const ACCOUNT: u8 = 1;
const RECORD: u8 = 2;
const STAKE: u8 = 3;

/// The keys under which entries stand in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateKey {
    /// The one entry of totals.
    Totals,
    /// An account.
    Account(AccountId),
    /// A record: its sender and the digest.
    Record(AccountId, Hash),
    /// The stake of an account.
    Stake(AccountId),
}

impl StateKey {
    /// The key of the totals.
    pub fn totals() -> Vec<u8> {
        Self::Totals.to_bytes()
    }

    /// The key of an account.
    pub fn account(id: &AccountId) -> Vec<u8> {
        Self::Account(*id).to_bytes()
    }

    /// The key of the record that `sender` made of `digest`.
    pub fn record(sender: &AccountId, digest: &Hash) -> Vec<u8> {
        Self::Record(*sender, *digest).to_bytes()
    }

    /// The key of the stake of an account.
    pub fn stake(id: &AccountId) -> Vec<u8> {
        Self::Stake(*id).to_bytes()
    }

    /// Encodes the key.
    pub fn to_bytes(self) -> Vec<u8> {
        match self {
            Self::Totals => vec![TOTALS],
            Self::Account(id) => [&[ACCOUNT], id.0.as_slice()].concat(),
            Self::Record(sender, digest) => [&[RECORD], sender.0.as_slice(), &digest.0].concat(),
            Self::Stake(id) => [&[STAKE], id.0.as_slice()].concat(),
        }
    }

    /// Decodes a key; `None` if the bytes are the key of no entry this release knows.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (tag, rest) = bytes.split_first()?;
        match *tag {
            TOTALS => rest.is_empty().then_some(Self::Totals),
            ACCOUNT => Some(Self::Account(AccountId(rest.try_into().ok()?))),
            RECORD => {
                let (sender, digest) = rest.split_at_checked(32)?;
                let sender = AccountId(sender.try_into().ok()?);
                Some(Self::Record(sender, Hash(digest.try_into().ok()?)))
            }
            STAKE => Some(Self::Stake(AccountId(rest.try_into().ok()?))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_round_trip_and_never_collide() {
        let id = AccountId([3; 32]);
        let keys = [
            StateKey::Totals,
            StateKey::Account(id),
            StateKey::Record(id, Hash([4; 32])),
            StateKey::Stake(id),
        ];
        for (index, key) in keys.into_iter().enumerate() {
            assert_eq!(StateKey::from_bytes(&key.to_bytes()), Some(key));
            for other in keys.into_iter().skip(index + 1) {
                assert_ne!(key.to_bytes(), other.to_bytes());
            }
        }
    }

    #[test]
    fn refuses_keys_of_another_length_or_kind() {
        for bytes in [&[][..], &[0, 0], &[1; 32], &[1; 34], &[2; 64], &[9; 33]] {
            assert_eq!(StateKey::from_bytes(bytes), None);
        }
    }
}
