//! Validator sets: who signs a block, with what power, and whose turn it is.
//!
//! # Invariants
//! A [`ValidatorSet`] is not empty, ascends strictly by account, holds no consensus key twice, has
//! no member without power, and its total power is at most [`TOTAL_POWER_MAX`].

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};

use crate::address::AccountId;
use crate::codec::{CodecError, decode, encode, list, refuse};
use crate::hash::{Context, Hash};
use crate::keys::PublicKey;

/// Voting power.
pub type VotingPower = u64;

/// Most members of a set. Our choice: a certificate of all stays under 70 KiB.
pub const VALIDATORS_MAX: usize = 1_000;
/// Most bytes of an encoded set: its length and 1,000 members of 72 bytes.
pub const VALIDATOR_SET_BYTES_MAX: usize = 8 + VALIDATORS_MAX * 72;
/// Most power in total: three times it fits into 64 bits, which the agreement engine relies on.
pub const TOTAL_POWER_MAX: VotingPower = u64::MAX / 4;

/// One member of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Validator {
    /// The account whose stake it is.
    pub account: AccountId,
    /// The key that signs votes and proposals.
    pub key: PublicKey,
    /// Its voting power.
    pub power: VotingPower,
}

/// The validators of one height, ascending by account.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct ValidatorSet(Vec<Validator>);

/// Why a list of validators is not a set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValidatorSetError {
    /// No member, or too many.
    #[error("{count} validators, expected 1 to {VALIDATORS_MAX}")]
    Count {
        /// How many there are.
        count: usize,
    },
    /// Accounts do not ascend strictly, or a consensus key appears twice.
    #[error("validators are not in strictly ascending order with distinct keys")]
    Order,
    /// A member without power, or too much power in total.
    #[error("voting power of a validator is zero, or the total is above {TOTAL_POWER_MAX}")]
    Power,
}

impl ValidatorSet {
    /// Makes a set of `validators`, which it sorts by account.
    ///
    /// # Errors
    /// [`ValidatorSetError`] names the broken rule.
    pub fn new(mut validators: Vec<Validator>) -> Result<Self, ValidatorSetError> {
        validators.sort_unstable();
        Self::from_sorted(validators)
    }

    fn from_sorted(validators: Vec<Validator>) -> Result<Self, ValidatorSetError> {
        let count = validators.len();
        if count == 0 || count > VALIDATORS_MAX {
            return Err(ValidatorSetError::Count { count });
        }
        let mut keys: Vec<_> = validators.iter().map(|validator| validator.key).collect();
        keys.sort_unstable();
        let ascending = validators.is_sorted_by(|left, right| left.account < right.account);
        if !ascending || !keys.is_sorted_by(|left, right| left < right) {
            return Err(ValidatorSetError::Order);
        }
        let total = validators.iter().try_fold(0, |sum: u64, validator| {
            if validator.power == 0 {
                None
            } else {
                sum.checked_add(validator.power)
            }
        });
        match total {
            Some(total) if total <= TOTAL_POWER_MAX => Ok(Self(validators)),
            _ => Err(ValidatorSetError::Power),
        }
    }

    /// Returns the members, ascending by account.
    pub fn members(&self) -> &[Validator] {
        &self.0
    }

    /// Returns the total power.
    pub fn total_power(&self) -> VotingPower {
        self.0.iter().map(|validator| validator.power).sum()
    }

    /// Returns position and member with this consensus key.
    pub fn by_key(&self, key: &PublicKey) -> Option<(usize, &Validator)> {
        self.0
            .iter()
            .enumerate()
            .find(|(_, validator)| validator.key == *key)
    }

    /// Says whether `power` is more than two thirds of the total.
    pub fn is_quorum(&self, power: VotingPower) -> bool {
        let signed = u128::from(power) * 3;
        let needed = u128::from(self.total_power()) * 2;
        // A planted bug, never on by default, that the tests must catch.
        signed > needed || (cfg!(feature = "planted-quorum") && signed == needed)
    }

    /// Encodes it for the state and the disk.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Decodes what [`ValidatorSet::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`CodecError`] if the bytes are not a set.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        decode::<_, VALIDATOR_SET_BYTES_MAX>(bytes)
    }

    /// Returns the hash that headers name.
    pub fn hash(&self) -> Hash {
        Hash::of(Context::ValidatorSet, &[&encode(self)])
    }

    /// Returns whose turn it is at `height` and `round`.
    ///
    /// The turns follow a Weyl sequence of the golden ratio over the line of cumulated power: each
    /// member proposes in proportion to its power, small ones are not starved, and no state is
    /// kept.
    ///
    /// # Source
    /// Low-discrepancy additive recurrence with 2^64 / φ (Knuth, TAOCP 3, section 6.4).
    pub fn proposer(&self, height: u64, round: u32) -> &Validator {
        const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
        let turn = height.wrapping_add(u64::from(round));
        let point = turn.wrapping_mul(GOLDEN);
        let mut target = (u128::from(point) * u128::from(self.total_power())) >> 64;
        for validator in &self.0 {
            let power = u128::from(validator.power);
            if target < power {
                return validator;
            }
            target -= power;
        }
        self.0.last().expect("a set is not empty")
    }
}

impl<C> Decode<C> for ValidatorSet {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Self::from_sorted(list(decoder, VALIDATORS_MAX, "validators")?)
            .map_err(|_| refuse("a list of validators that is not a set"))
    }
}

bincode::impl_borrow_decode!(ValidatorSet);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{SecretKey, Signer as _};

    fn set(powers: &[u64]) -> ValidatorSet {
        let member = |(index, power): (usize, &u64)| Validator {
            account: AccountId([u8::try_from(index).unwrap(); 32]),
            key: SecretKey::local(&index.to_string()).public_key(),
            power: *power,
        };
        ValidatorSet::new(powers.iter().enumerate().map(member).collect()).unwrap()
    }

    #[test]
    fn proposals_follow_the_share_of_power_within_five_percent() {
        let set = set(&[1, 2, 3, 4]);
        let mut counts = [0u64; 4];
        for height in 1..=5_000 {
            let proposer = set.proposer(height, 0);
            counts[usize::from(proposer.account.0[0])] += 1;
        }
        for (count, power) in counts.iter().zip([1u64, 2, 3, 4]) {
            assert!(
                count.abs_diff(power * 500) * 20 <= power * 500,
                "{counts:?}"
            );
        }
    }

    #[test]
    fn two_thirds_exactly_are_no_quorum() {
        let set = set(&[1, 1, 1]);
        assert!(!set.is_quorum(2));
        assert!(set.is_quorum(3));
    }

    #[test]
    fn refuses_members_without_power_and_too_much_power() {
        let one = set(&[1]).members()[0];
        assert_eq!(
            ValidatorSet::new(vec![]),
            Err(ValidatorSetError::Count { count: 0 })
        );
        let zero = Validator { power: 0, ..one };
        assert_eq!(ValidatorSet::new(vec![zero]), Err(ValidatorSetError::Power));
        let huge = Validator {
            power: u64::MAX,
            ..one
        };
        assert_eq!(ValidatorSet::new(vec![huge]), Err(ValidatorSetError::Power));
        assert_eq!(
            ValidatorSet::new(vec![one, one]),
            Err(ValidatorSetError::Order)
        );
    }
}
