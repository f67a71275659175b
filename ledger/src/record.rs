//! Records: the entry of the state that notarizes a digest for one account.
//!
//! The key holds sender and digest, so that nobody can take a digest away from another; an entry is
//! never overwritten.

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};

use crate::codec::{CodecError, decode, encode, text};
use crate::transaction::MEMO_BYTES_MAX;
use crate::vote::Height;

/// Most bytes of an encoded record: height, time, and a note with its length.
pub const RECORD_BYTES_MAX: usize = 8 + 8 + 8 + MEMO_BYTES_MAX;

/// What the state holds of a record.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct Record {
    /// The block it was made in.
    pub height: Height,
    /// The time of that block, milliseconds since 1970.
    pub time_ms: u64,
    /// The sender's text.
    pub note: String,
}

impl Record {
    /// Encodes it for the state.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Decodes an entry of the state.
    ///
    /// # Errors
    /// [`CodecError`] if the bytes are not a record.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        decode::<_, RECORD_BYTES_MAX>(bytes)
    }
}

impl<C> Decode<C> for Record {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(Self {
            height: Decode::decode(decoder)?,
            time_ms: Decode::decode(decoder)?,
            note: text(decoder, MEMO_BYTES_MAX, "note")?,
        })
    }
}

bincode::impl_borrow_decode!(Record);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_note_fits() {
        let record = Record {
            height: 1,
            time_ms: 2,
            note: "n".repeat(MEMO_BYTES_MAX),
        };
        let bytes = record.to_bytes();
        assert_eq!(bytes.len(), RECORD_BYTES_MAX);
        assert_eq!(Record::from_bytes(&bytes), Ok(record));
    }
}
