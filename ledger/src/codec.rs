//! The one encoding: bincode 2 with fixed-width little-endian integers.
//!
//! Every value has exactly one encoding: whatever decodes encodes again to the same bytes, trailing
//! bytes are refused, and a limit holds before anything is allocated. bincode is finished and no
//! longer maintained (RUSTSEC-2025-0141), so the project touches its configuration in this file
//! only; golden vectors pin the bytes.
//!
//! # Limits
//! `LIMIT` bounds the bytes of the input, and is checked first. Every list, string of bytes and
//! text has a limit of its own besides, in items or bytes, which the type's decoder hands to
//! [`list`], [`bytes()`] or [`text`]. These check it, and that there are as many bytes as items
//! left, before they reserve anything: what a list takes in memory is bounded by what came,
//! whatever it claims.
//!
//! No type uses bincode's own decoders of `Vec`, `String` and their like. Those know no number of
//! items; they hold the limit of bytes against `size_of` × items, and so refuse a list whose items
//! are smaller encoded than in memory although it is within every limit.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use bincode::de::Decoder;
use bincode::de::read::Reader as _;
use bincode::error::DecodeError;
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
    let (value, used) =
        bincode::decode_from_slice(bytes, config::<LIMIT>()).map_err(|error| malformed(&error))?;
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
        .map_err(|error| malformed(&error))
}

/// Says it in the words of the type's own rule, where it is one.
fn malformed(error: &DecodeError) -> CodecError {
    let reason = match error {
        DecodeError::Other(rule) => (*rule).to_owned(),
        DecodeError::OtherString(rule) => rule.clone(),
        other => other.to_string(),
    };
    CodecError::Malformed { reason }
}

/// Decodes a list of at most `count_max` items; `what` names them in the error.
///
/// # Errors
/// [`DecodeError`] if there are more, fewer bytes left than items, or one is malformed.
pub fn list<D: Decoder, T: Decode<D::Context>>(
    decoder: &mut D,
    count_max: usize,
    what: &'static str,
) -> Result<Vec<T>, DecodeError> {
    list_of(decoder, (count_max, what), T::decode)
}

/// Decodes a list of at most `count_max` items, each with `item`.
///
/// # Errors
/// As [`list`].
pub fn list_of<D: Decoder, T>(
    decoder: &mut D,
    (count_max, what): (usize, &'static str),
    mut item: impl FnMut(&mut D) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let count = length(decoder, count_max, what)?;
    let mut items = Vec::with_capacity(count);
    for _ in 0..count {
        items.push(item(decoder)?);
    }
    Ok(items)
}

/// Decodes a string of at most `bytes_max` bytes; `what` names it in the error.
///
/// # Errors
/// [`DecodeError`] if it is longer, or than the bytes that are left.
pub fn bytes<D: Decoder>(
    decoder: &mut D,
    bytes_max: usize,
    what: &'static str,
) -> Result<Vec<u8>, DecodeError> {
    let count = length(decoder, bytes_max, what)?;
    decoder.claim_bytes_read(count)?;
    let mut bytes = vec![0; count];
    decoder.reader().read(&mut bytes)?;
    Ok(bytes)
}

/// Decodes a text of at most `bytes_max` bytes; `what` names it in the error.
///
/// # Errors
/// [`DecodeError`] if it is longer, or than the bytes that are left, or not UTF-8.
pub fn text<D: Decoder>(
    decoder: &mut D,
    bytes_max: usize,
    what: &'static str,
) -> Result<String, DecodeError> {
    String::from_utf8(bytes(decoder, bytes_max, what)?).map_err(|error| DecodeError::Utf8 {
        inner: error.utf8_error(),
    })
}

/// Decodes the length of a list whose items have at least a byte each.
fn length<D: Decoder>(
    decoder: &mut D,
    max: usize,
    what: &'static str,
) -> Result<usize, DecodeError> {
    let claimed = u64::decode(decoder)?;
    let Some(count) = usize::try_from(claimed).ok().filter(|count| *count <= max) else {
        let reason = format!("{what}: a length of {claimed}, at most {max} are allowed");
        return Err(DecodeError::OtherString(reason));
    };
    match decoder.reader().peek_read(count) {
        Some(_) => Ok(count),
        None => Err(DecodeError::UnexpectedEnd { additional: count }),
    }
}

/// Turns a type's own rule into a decoding error.
pub(crate) fn refuse(reason: &'static str) -> DecodeError {
    DecodeError::Other(reason)
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

    /// Four bytes on the wire, forty in memory.
    #[derive(Debug, PartialEq, Eq)]
    struct Wide(u32, [u64; 4]);

    impl<C> Decode<C> for Wide {
        fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
            Ok(Self(u32::decode(decoder)?, [0; 4]))
        }
    }

    #[derive(Debug, PartialEq, Eq)]
    struct Wides(Vec<Wide>);

    impl<C> Decode<C> for Wides {
        fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
            list(decoder, 10, "wides").map(Self)
        }
    }

    #[derive(Debug, PartialEq, Eq)]
    struct Name(String);

    impl<C> Decode<C> for Name {
        fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
            text(decoder, 3, "name").map(Self)
        }
    }

    fn reason<T: Decode<()> + std::fmt::Debug>(bytes: &[u8]) -> String {
        decode::<T, 64>(bytes).unwrap_err().to_string()
    }

    #[test]
    fn the_limit_counts_bytes_and_not_memory() {
        let numbers: Vec<u32> = (0..10).collect();
        let bytes = encode(&numbers);
        assert_eq!(bytes.len(), 48);
        let Wides(wides) = decode::<_, 48>(&bytes).unwrap();
        assert!(wides.iter().map(|wide| wide.0).eq(numbers));
        assert!(size_of::<Wide>() * 10 > 48);
    }

    #[test]
    fn a_list_has_a_limit_of_its_own_and_no_more_items_than_bytes() {
        let many = encode(&vec![0u32; 11]);
        let told = "malformed: wides: a length of 11, at most 10 are allowed";
        assert_eq!(reason::<Wides>(&many), told);
        let huge = u64::MAX.to_le_bytes();
        assert!(reason::<Wides>(&huge).contains("at most 10"));
        // Ten items need ten bytes at least, and nothing is reserved for less.
        let mut short = 10u64.to_le_bytes().to_vec();
        short.extend([0; 9]);
        assert!(reason::<Wides>(&short).contains("UnexpectedEnd"));
    }

    #[test]
    fn a_text_is_short_enough_and_utf8() {
        let name = |bytes: &[u8]| encode(&bytes.to_vec());
        assert_eq!(decode::<_, 64>(&name(b"abc")), Ok(Name("abc".to_owned())));
        assert!(reason::<Name>(&name(b"abcd")).contains("a length of 4, at most 3"));
        assert!(reason::<Name>(&name(&[0xff])).contains("Utf8"));
        assert!(reason::<Name>(&name(b"abc")[..10]).contains("UnexpectedEnd"));
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
