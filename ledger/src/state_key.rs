//! The keys of the state: one tag byte per kind of entry, then what it is about.

use crate::address::AccountId;
use crate::hash::Hash;
use crate::keys::PublicKey;
use crate::staking::Epoch;

const TOTALS: u8 = 0;
const ACCOUNT: u8 = 1;
const RECORD: u8 = 2;
const STAKE: u8 = 3;
const VALIDATORS: u8 = 4;
const CONSENSUS_KEY: u8 = 5;
const CANDIDATES: u8 = 6;
const PRESENCE: u8 = 7;
const SCHEDULE: u8 = 8;
const RELEASE: u8 = 9;
const EPOCH_END: u8 = 10;

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
    /// The validators of an epoch, at slot `epoch % 2`.
    Validators(u8),
    /// A consensus key.
    ConsensusKey(PublicKey),
    /// The one list of candidates.
    Candidates,
    /// The one entry of presence in this epoch.
    Presence,
    /// The one entry of what is due with time.
    Schedule,
    /// A place in the queue of releases.
    Release(u64),
    /// The end of an epoch.
    EpochEnd(Epoch),
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

    /// The key of an account, where it stands.
    pub(crate) fn account_in_place(id: &AccountId) -> [u8; 33] {
        let mut key = [ACCOUNT; 33];
        key[1..].copy_from_slice(&id.0);
        key
    }

    /// The key of the record that `sender` made of `digest`.
    pub fn record(sender: &AccountId, digest: &Hash) -> Vec<u8> {
        Self::Record(*sender, *digest).to_bytes()
    }

    /// The key of the stake of an account.
    pub fn stake(id: &AccountId) -> Vec<u8> {
        Self::Stake(*id).to_bytes()
    }

    /// The key of the validators of the epochs with this remainder by two.
    pub fn validators(slot: u8) -> Vec<u8> {
        Self::Validators(slot).to_bytes()
    }

    /// The key of what is known of a consensus key.
    pub fn consensus_key(key: &PublicKey) -> Vec<u8> {
        Self::ConsensusKey(*key).to_bytes()
    }

    /// Returns the digest that a key is about, if it is the key of a record.
    pub(crate) fn record_digest(key: &[u8]) -> Option<Hash> {
        let (tag, rest) = key.split_first()?;
        let (_, digest) = rest.split_at_checked(32)?;
        let digest = digest.try_into().ok().map(Hash);
        digest.filter(|_| *tag == RECORD)
    }

    /// Says whether this is the key of a place in the queue of releases.
    pub(crate) fn is_release(key: &[u8]) -> bool {
        key.first() == Some(&RELEASE)
    }

    /// Encodes the key.
    pub fn to_bytes(self) -> Vec<u8> {
        match self {
            Self::Totals => vec![TOTALS],
            Self::Account(id) => [&[ACCOUNT], id.0.as_slice()].concat(),
            Self::Record(sender, digest) => [&[RECORD], sender.0.as_slice(), &digest.0].concat(),
            Self::Stake(id) => [&[STAKE], id.0.as_slice()].concat(),
            Self::Validators(slot) => vec![VALIDATORS, slot],
            Self::ConsensusKey(key) => [&[CONSENSUS_KEY], key.as_bytes().as_slice()].concat(),
            Self::Candidates => vec![CANDIDATES],
            Self::Presence => vec![PRESENCE],
            Self::Schedule => vec![SCHEDULE],
            Self::Release(number) => numbered(RELEASE, number),
            Self::EpochEnd(epoch) => numbered(EPOCH_END, epoch),
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
            VALIDATORS => match rest {
                [slot @ (0 | 1)] => Some(Self::Validators(*slot)),
                _ => None,
            },
            CONSENSUS_KEY => {
                let key = PublicKey::from_bytes(rest.try_into().ok()?);
                Some(Self::ConsensusKey(key.ok()?))
            }
            CANDIDATES => rest.is_empty().then_some(Self::Candidates),
            PRESENCE => rest.is_empty().then_some(Self::Presence),
            SCHEDULE => rest.is_empty().then_some(Self::Schedule),
            RELEASE => Some(Self::Release(number(rest)?)),
            EPOCH_END => Some(Self::EpochEnd(number(rest)?)),
            _ => None,
        }
    }
}

fn numbered(tag: u8, number: u64) -> Vec<u8> {
    [&[tag], number.to_be_bytes().as_slice()].concat()
}

fn number(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{SecretKey, Signer as _};

    #[test]
    fn keys_round_trip_and_never_collide() {
        let id = AccountId([3; 32]);
        let keys = [
            StateKey::Totals,
            StateKey::Account(id),
            StateKey::Record(id, Hash([4; 32])),
            StateKey::Stake(id),
            StateKey::Validators(0),
            StateKey::Validators(1),
            StateKey::ConsensusKey(SecretKey::local("key").public_key()),
            StateKey::Candidates,
            StateKey::Presence,
            StateKey::Schedule,
            StateKey::Release(1),
            StateKey::EpochEnd(1),
        ];
        for (index, key) in keys.into_iter().enumerate() {
            assert_eq!(StateKey::from_bytes(&key.to_bytes()), Some(key));
            let digest = match key {
                StateKey::Record(_, digest) => Some(digest),
                _ => None,
            };
            assert_eq!(StateKey::record_digest(&key.to_bytes()), digest);
            let release = matches!(key, StateKey::Release(_));
            assert_eq!(StateKey::is_release(&key.to_bytes()), release);
            for other in keys.into_iter().skip(index + 1) {
                assert_ne!(key.to_bytes(), other.to_bytes());
            }
        }
    }

    #[test]
    fn refuses_keys_of_another_length_or_kind() {
        let wrong = [
            &[][..],
            &[0, 0],
            &[1; 32],
            &[1; 34],
            &[2; 64],
            &[4, 2],
            &[9; 33],
            &[11],
        ];
        for bytes in wrong {
            assert_eq!(StateKey::from_bytes(bytes), None);
        }
    }
}
