//! The candidates: whoever may be chosen, in the order of the choice.
//!
//! The map of the state cannot be scanned in an order, so this list is one entry of it.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};

use crate::address::AccountId;
use crate::codec::{CodecError, decode, encode, list, refuse};
use crate::transaction::Amount;

/// Most candidates. Our choice: twice the largest set of validators, so that there is somebody to
/// choose from, in an entry of 80 KB.
pub const CANDIDATES_MAX: usize = 2_000;
/// Most bytes of the encoded candidates.
pub const CANDIDATES_BYTES_MAX: usize = 8 + CANDIDATES_MAX * 40;

/// Accounts by stake descending, then account ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates(BTreeSet<(Reverse<Amount>, AccountId)>);

/// One candidate as it is encoded.
#[derive(Encode, Decode)]
struct Listed(Amount, AccountId);

impl Candidates {
    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Says whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns stake and account of all, the first to be chosen first.
    pub fn iter(&self) -> impl Iterator<Item = (Amount, AccountId)> + '_ {
        self.0
            .iter()
            .map(|(Reverse(amount), account)| (*amount, *account))
    }

    /// Returns stake and account of the one who is chosen last.
    pub fn last(&self) -> Option<(Amount, AccountId)> {
        self.0
            .last()
            .map(|(Reverse(amount), account)| (*amount, *account))
    }

    /// Adds one; says whether it was not there.
    pub fn insert(&mut self, bonded: Amount, account: AccountId) -> bool {
        self.0.insert((Reverse(bonded), account))
    }

    /// Removes one; says whether it was there.
    pub fn remove(&mut self, bonded: Amount, account: AccountId) -> bool {
        self.0.remove(&(Reverse(bonded), account))
    }

    /// Encodes it for the state.
    pub fn to_bytes(&self) -> Vec<u8> {
        let listed = self.iter().map(|(amount, account)| Listed(amount, account));
        encode(&listed.collect::<Vec<_>>())
    }

    /// Decodes the entry of the state.
    ///
    /// # Errors
    /// [`CodecError`] if the bytes are not candidates in their order.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        decode::<_, CANDIDATES_BYTES_MAX>(bytes)
    }
}

impl<C> Decode<C> for Candidates {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let listed: Vec<Listed> = list(decoder, CANDIDATES_MAX, "candidates")?;
        let ordered: Vec<_> = listed
            .into_iter()
            .map(|Listed(amount, account)| (Reverse(amount), account))
            .collect();
        if !ordered.is_sorted_by(|left, right| left < right) {
            return Err(refuse("candidates out of order"));
        }
        Ok(Self(ordered.into_iter().collect()))
    }
}

bincode::impl_borrow_decode!(Candidates);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::VALUE_BYTES_MAX;

    fn account(number: usize) -> AccountId {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&u64::try_from(number).unwrap().to_be_bytes());
        AccountId(id)
    }

    #[test]
    fn the_most_stake_comes_first_and_ties_go_to_the_lower_account() {
        let mut candidates = Candidates::default();
        for (bonded, number) in [(5, 3), (9, 2), (5, 1)] {
            assert!(candidates.insert(bonded, account(number)));
        }
        let order: Vec<_> = candidates.iter().collect();
        assert_eq!(order, [(9, account(2)), (5, account(1)), (5, account(3))]);
        assert_eq!(candidates.last(), Some((5, account(3))));
    }

    #[test]
    fn a_full_list_fits_into_an_entry_and_comes_back() {
        let mut candidates = Candidates::default();
        for number in 0..CANDIDATES_MAX {
            candidates.insert(7, account(number));
        }
        let bytes = candidates.to_bytes();
        assert_eq!(bytes.len(), CANDIDATES_BYTES_MAX);
        assert!(bytes.len() <= VALUE_BYTES_MAX);
        assert_eq!(Candidates::from_bytes(&bytes), Ok(candidates));
    }

    #[test]
    fn refuses_a_list_out_of_order() {
        let list = |entries: [(Amount, usize); 2]| {
            let listed = entries.map(|(amount, number)| Listed(amount, account(number)));
            Candidates::from_bytes(&encode(&Vec::from(listed)))
        };
        assert!(list([(9, 1), (5, 2)]).is_ok());
        for wrong in [[(5, 1), (9, 2)], [(5, 2), (5, 1)], [(5, 1), (5, 1)]] {
            assert!(list(wrong).is_err());
        }
    }
}
