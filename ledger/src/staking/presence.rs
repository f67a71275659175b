//! Presence: who signed the certificates of this epoch, and who sits out for not doing so.

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};

use crate::certificate::CommitCertificate;
use crate::codec::{CodecError, decode, encode, list};
use crate::validators::{VALIDATORS_MAX, ValidatorSet, VotingPower};

/// Least part of an epoch's certificates a validator has to sign, in percent: design, section 2.
/// Late precommits are added by proposers, so that who is slow is seen, and who is away is not.
pub const PRESENCE_PERCENT_MIN: u64 = 10;
/// Least candidates left when somebody sits out: design, section 2. Four bear one that fails.
pub const CANDIDATES_LEFT_MIN: usize = 4;
/// Most bytes of an encoded presence.
pub const PRESENCE_BYTES_MAX: usize = 4 + 8 + VALIDATORS_MAX * 4;

/// How many certificates of this epoch were counted, and how many of them each member signed.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct Presence {
    /// Certificates counted; an epoch has at most 2^32 - 1.
    pub counted: u32,
    /// How many of them the member at each position of the set signed.
    pub signed: Vec<u32>,
}

/// A presence that is not of the current set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the presence of {found} validators, the set has {expected}")]
pub struct PresenceError {
    /// Members of the set.
    pub expected: usize,
    /// Members that were counted.
    pub found: usize,
}

impl Presence {
    /// Returns the presence at the begin of an epoch with `validators`.
    pub fn new(validators: &ValidatorSet) -> Self {
        Self {
            counted: 0,
            signed: vec![0; validators.members().len()],
        }
    }

    /// Counts a certificate of this epoch, whose signers are members of the set.
    pub fn count(&mut self, certificate: &CommitCertificate) {
        self.counted = self.counted.saturating_add(1);
        for entry in &certificate.signatures {
            if let Some(signed) = self.signed.get_mut(usize::from(entry.validator)) {
                *signed = signed.saturating_add(1);
            }
        }
    }

    /// Returns the positions of those who signed too little, the fewest signatures first, ties by
    /// account.
    ///
    /// # Errors
    /// [`PresenceError`] if this is not of `validators`.
    pub fn absent(&self, validators: &ValidatorSet) -> Result<Vec<usize>, PresenceError> {
        let (expected, found) = (validators.members().len(), self.signed.len());
        if expected != found {
            return Err(PresenceError { expected, found });
        }
        let least = u64::from(self.counted) * PRESENCE_PERCENT_MIN;
        // Positions ascend by account.
        let mut absent: Vec<_> = self
            .signed
            .iter()
            .enumerate()
            .filter(|(_, signed)| u64::from(**signed) * 100 < least)
            .map(|(position, signed)| (*signed, position))
            .collect();
        absent.sort_unstable();
        Ok(absent.into_iter().map(|(_, position)| position).collect())
    }

    /// Says whether members with `power` together are few enough to sit out.
    pub fn is_bearable(power: VotingPower, validators: &ValidatorSet) -> bool {
        u128::from(power) * 3 <= u128::from(validators.total_power())
    }

    /// Encodes it for the state.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Decodes the entry of the state.
    ///
    /// # Errors
    /// [`CodecError`] if the bytes are not a presence.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        decode::<_, PRESENCE_BYTES_MAX>(bytes)
    }
}

impl<C> Decode<C> for Presence {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(Self {
            counted: Decode::decode(decoder)?,
            signed: list(decoder, VALIDATORS_MAX, "validators")?,
        })
    }
}

bincode::impl_borrow_decode!(Presence);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genesis::Genesis;

    fn presence(counted: u32, signed: &[u32]) -> Presence {
        Presence {
            counted,
            signed: signed.to_vec(),
        }
    }

    #[test]
    fn a_tenth_is_enough_and_less_is_not() {
        let set = Genesis::local("local", 1, 4).validator_set().unwrap();
        let absent = |counted, signed| presence(counted, signed).absent(&set).unwrap();
        assert_eq!(absent(100, &[100, 10, 9, 11]), [2]);
        assert_eq!(absent(99, &[99, 10, 9, 0]), [3, 2]);
        assert_eq!(absent(1, &[1, 1, 0, 0]), [2, 3]);
        assert_eq!(absent(0, &[0, 0, 0, 0]), [0; 0]);
        let error = presence(1, &[1]).absent(&set).unwrap_err();
        assert_eq!((error.expected, error.found), (4, 1));
    }

    #[test]
    fn a_third_exactly_is_bearable() {
        let set = Genesis::local("local", 1, 3).validator_set().unwrap();
        let third = set.total_power() / 3;
        assert!(Presence::is_bearable(third, &set));
        assert!(!Presence::is_bearable(third + 1, &set));
    }
}
