//! The stake of an account: what is bonded, what is being released, and the key it votes with.
//!
//! # Invariants
//! - The epochs of the releases ascend strictly.
//! - A stake of which nothing is left is not kept.

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};

use super::Epoch;
use crate::codec::{CodecError, decode, encode, list, refuse};
use crate::keys::PublicKey;
use crate::transaction::Amount;

/// Most releases that an account can start: design, section 2. One more may be there, when it was
/// pushed out of a full list of candidates.
pub const RELEASES_MAX: usize = 8;
/// Most bytes of an encoded stake: key, bonded, nine releases with their count, status.
pub const STAKE_BYTES_MAX: usize = 32 + 8 + 8 + (RELEASES_MAX + 1) * 16 + 4;

/// The stake of an account, an entry of the state.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct Stake {
    /// The key it signs votes with, or did last.
    pub consensus_key: PublicKey,
    /// What is bonded, base units: its power, if it is chosen.
    pub bonded: Amount,
    /// What is on its way back, the first to be paid first.
    pub releases: Vec<Release>,
    /// Whether it can be chosen.
    pub status: StakeStatus,
}

/// Stake on its way back to the balance; it can still be slashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Release {
    /// Base units.
    pub amount: Amount,
    /// The last epoch with that power.
    pub epoch: Epoch,
}

/// Whether a stake can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum StakeStatus {
    /// It can.
    Active,
    /// Absent for most of an epoch, or punished: not before it asks to return.
    SittingOut,
}

impl Stake {
    /// Returns a stake of nothing with this key.
    pub const fn new(consensus_key: PublicKey) -> Self {
        Self {
            consensus_key,
            bonded: 0,
            releases: Vec::new(),
            status: StakeStatus::Active,
        }
    }

    /// Says whether it is among the candidates.
    pub fn is_candidate(&self) -> bool {
        self.bonded > 0 && self.status == StakeStatus::Active
    }

    /// Says whether nothing is left in it.
    pub const fn is_empty(&self) -> bool {
        self.bonded == 0 && self.releases.is_empty()
    }

    /// Returns the sum of what is bonded and being released.
    pub fn total(&self) -> u128 {
        let releases = self.releases.iter().map(|release| release.amount);
        releases.chain([self.bonded]).map(u128::from).sum()
    }

    /// Encodes it for the state.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Decodes an entry of the state.
    ///
    /// # Errors
    /// [`CodecError`] if the bytes are not a stake.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        decode::<_, STAKE_BYTES_MAX>(bytes)
    }
}

impl<C> Decode<C> for Stake {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let stake = Self {
            consensus_key: Decode::decode(decoder)?,
            bonded: Decode::decode(decoder)?,
            releases: list(decoder, RELEASES_MAX + 1, "releases")?,
            status: Decode::decode(decoder)?,
        };
        if !stake
            .releases
            .is_sorted_by(|left, right| left.epoch < right.epoch)
        {
            return Err(refuse("releases out of order"));
        }
        Ok(stake)
    }
}

bincode::impl_borrow_decode!(Stake);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{SecretKey, Signer as _};

    fn stake(epochs: &[Epoch]) -> Stake {
        let release = |epoch: &Epoch| Release {
            amount: 5,
            epoch: *epoch,
        };
        Stake {
            bonded: 7,
            releases: epochs.iter().map(release).collect(),
            ..Stake::new(SecretKey::local("key").public_key())
        }
    }

    #[test]
    fn the_longest_stake_fits_its_limit_and_comes_back() {
        let long = stake(&[0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(long.to_bytes().len(), STAKE_BYTES_MAX);
        assert_eq!(Stake::from_bytes(&long.to_bytes()), Ok(long.clone()));
        assert_eq!(long.total(), 7 + 9 * 5);
    }

    #[test]
    fn refuses_releases_that_are_too_many_or_out_of_order() {
        for epochs in [&[1, 1][..], &[2, 1], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]] {
            assert!(Stake::from_bytes(&stake(epochs).to_bytes()).is_err());
        }
    }
}
