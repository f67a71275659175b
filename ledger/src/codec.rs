//! The one encoding: bincode 2 with fixed-width little-endian integers.
//!
//! Every value has exactly one encoding: whatever decodes encodes again to the same bytes, trailing
//! bytes are refused, and a limit holds before anything is allocated. bincode is finished and no
//! longer maintained (RUSTSEC-2025-0141), so the project touches its configuration in this file
//! only; golden vectors pin the bytes.
//!
//! # Limits
//! `LIMIT` bounds both the bytes read and, through bincode's container claims, the memory reserved
//! for a list before its items are seen.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use bincode::{Decode, Encode};

/// Why bytes are not the encoding of a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The input is longer than the limit of its kind.
    #[error("{size_bytes} bytes, at most {limit_bytes} are allowed")]
    TooLarge {
        /// Length of the input.
        size_bytes: usize,
        /// The limit of this kind of value.
        limit_bytes: usize,
    },
    /// The bytes end early, hold an unknown tag, or break a rule of the type.
    #[error("malformed: {reason}")]
    Malformed {
        /// What bincode, or a type's own check, says.
        reason: String,
    },
    /// The value ends before the input does.
    #[error("{count} trailing bytes")]
    Trailing {
        /// Bytes left over.
        count: usize,
    },
}

/// Encodes `value`.
pub fn encode<T: Encode>(value: &T) -> Vec<u8> {
    bincode::encode_to_vec(value, config::<{ usize::MAX }>())
        .expect("writing to memory fails for no type of this project")
}

/// Decodes the whole of `bytes`, at most `LIMIT` of them.
///
/// # Errors
/// [`CodecError`] if the bytes are too many, malformed, or more than the value needs.
pub fn decode<T: Decode<()>, const LIMIT: usize>(bytes: &[u8]) -> Result<T, CodecError> {
    if bytes.len() > LIMIT {
        return Err(CodecError::TooLarge {
            size_bytes: bytes.len(),
            limit_bytes: LIMIT,
        });
    }
    let (value, used) = bincode::decode_from_slice(bytes, config::<LIMIT>()).map_err(|error| {
        CodecError::Malformed {
            reason: error.to_string(),
        }
    })?;
    match bytes.len() - used {
        0 => Ok(value),
        count => Err(CodecError::Trailing { count }),
    }
}

/// Decodes the value that `bytes` begin with, at most `LIMIT` of them, whatever follows.
///
/// For looking at a header before the rest; what is agreed on is decoded whole, with [`decode`].
///
/// # Errors
/// [`CodecError`] if the bytes are too many or malformed.
pub fn decode_prefix<T: Decode<()>, const LIMIT: usize>(bytes: &[u8]) -> Result<T, CodecError> {
    if bytes.len() > LIMIT {
        return Err(CodecError::TooLarge {
            size_bytes: bytes.len(),
            limit_bytes: LIMIT,
        });
    }
    bincode::decode_from_slice(bytes, config::<LIMIT>())
        .map(|(value, _)| value)
        .map_err(|error| CodecError::Malformed {
            reason: error.to_string(),
        })
}

/// Turns a type's own rule into a decoding error.
pub(crate) fn refuse(reason: &'static str) -> bincode::error::DecodeError {
    bincode::error::DecodeError::Other(reason)
}

const fn config<const LIMIT: usize>() -> Configuration<LittleEndian, Fixint, Limit<LIMIT>> {
    bincode::config::standard()
        .with_fixed_int_encoding()
        .with_limit::<LIMIT>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_trailing_bytes() {
        let mut bytes = encode(&7u32);
        bytes.push(0);
        assert_eq!(
            decode::<u32, 64>(&bytes),
            Err(CodecError::Trailing { count: 1 })
        );
    }

    #[test]
    fn refuses_a_length_that_exceeds_the_limit_before_allocating() {
        let bytes = u64::MAX.to_le_bytes();
        assert!(matches!(
            decode::<Vec<u64>, 1024>(&bytes),
            Err(CodecError::Malformed { .. })
        ));
    }

    #[test]
    fn refuses_more_bytes_than_the_limit() {
        let error = decode::<u64, 4>(&[0; 8]).unwrap_err();
        assert_eq!(
            error,
            CodecError::TooLarge {
                size_bytes: 8,
                limit_bytes: 4
            }
        );
    }
}
