//! A set of positions in a validator set, one bit each.
//!
//! # Invariants
//! The last byte is not zero, so that one set has one encoding; at most [`VALIDATORS_MAX`] bits.

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};
use starling_ledger::codec::bytes;
use starling_ledger::validators::VALIDATORS_MAX;

/// Bytes of the largest set.
const MAX_BITS_BYTES: usize = VALIDATORS_MAX.div_ceil(8);

/// A set of positions below [`VALIDATORS_MAX`].
#[derive(Clone, Debug, PartialEq, Eq, Default, Encode)]
pub struct Bits(Vec<u8>);

impl Bits {
    /// Adds a position; one that no validator set has is left out.
    pub fn insert(&mut self, position: usize) {
        if position >= VALIDATORS_MAX {
            return;
        }
        let byte = position / 8;
        if self.0.len() <= byte {
            self.0.resize(byte + 1, 0);
        }
        if let Some(bits) = self.0.get_mut(byte) {
            *bits |= 1 << (position % 8);
        }
    }

    /// Says whether a position is in the set.
    pub fn contains(&self, position: usize) -> bool {
        self.0
            .get(position / 8)
            .is_some_and(|bits| bits & (1 << (position % 8)) != 0)
    }

    /// Visits the positions, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        (0..self.0.len() * 8).filter(|position| self.contains(*position))
    }

    /// Returns how many positions there are.
    pub fn count(&self) -> usize {
        self.iter().count()
    }

    /// Says whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<usize> for Bits {
    fn from_iter<I: IntoIterator<Item = usize>>(positions: I) -> Self {
        let mut bits = Self::default();
        positions
            .into_iter()
            .for_each(|position| bits.insert(position));
        bits
    }
}

impl<C> Decode<C> for Bits {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let bits = bytes(decoder, MAX_BITS_BYTES, "positions")?;
        if bits.last() == Some(&0) {
            return Err(DecodeError::Other("a set of positions that is padded"));
        }
        Ok(Self(bits))
    }
}

bincode::impl_borrow_decode!(Bits);

#[cfg(test)]
mod tests {
    use super::*;
    use starling_ledger::codec::{decode, encode};

    #[test]
    fn holds_what_was_inserted_and_nothing_else() {
        let bits: Bits = [0, 9, 64].into_iter().collect();
        assert_eq!(bits.iter().collect::<Vec<_>>(), [0, 9, 64]);
        assert_eq!(bits.count(), 3);
        assert!(!bits.contains(1) && !bits.contains(10_000));
    }

    #[test]
    fn leaves_out_positions_no_set_has() {
        let bits: Bits = [VALIDATORS_MAX].into_iter().collect();
        assert!(bits.is_empty());
    }

    #[test]
    fn refuses_padding_and_excess() {
        assert!(decode::<Bits, 1024>(&encode(&vec![1u8, 0])).is_err());
        assert!(decode::<Bits, 1024>(&encode(&vec![1u8; MAX_BITS_BYTES + 1])).is_err());
        assert!(decode::<Bits, 1024>(&encode(&vec![1u8; MAX_BITS_BYTES])).is_ok());
    }
}
