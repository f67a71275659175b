//! Files that outlive the process that wrote them: magic, version, content, checksum.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | magic, says what kind of file it is |
//! | 4 | version, little-endian |
//! | … | the content in the one encoding of [`codec`](crate::codec) |
//! | 32 | hash of all bytes before, under the context `starling v1 file` |
//!
//! The checksum finds accidents, such as a byte that a disk or a mail program changed. It proves
//! nothing about who wrote the file.

use bincode::{Decode, Encode};

use crate::codec::{CodecError, decode, encode};
use crate::hash::{Context, Hash};

const MAGIC_BYTES: usize = 8;
const HEAD_BYTES: usize = MAGIC_BYTES + 4;
const CHECKSUM_BYTES: usize = 32;

/// One kind of file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) magic: [u8; MAGIC_BYTES],
    pub(super) version: u32,
}

/// Why bytes are not such a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// Longer than any such file.
    #[error("{size_bytes} bytes, at most {limit_bytes} are allowed")]
    TooLarge {
        /// Its length.
        size_bytes: usize,
        /// The limit of its kind.
        limit_bytes: usize,
    },
    /// Another kind of file.
    #[error("not a file of this kind")]
    Magic,
    /// Written by a later release.
    #[error("a file of version {found}, this release knows version {known}")]
    Version {
        /// The version it names.
        found: u32,
        /// The version known.
        known: u32,
    },
    /// The checksum does not fit.
    #[error("damaged: the checksum does not fit")]
    Checksum,
    /// The content is not in its one encoding.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// Writes a file.
pub(super) fn seal<T: Encode>(kind: Kind, content: &T) -> Vec<u8> {
    let mut bytes = kind.magic.to_vec();
    bytes.extend(kind.version.to_le_bytes());
    bytes.extend(encode(content));
    let checksum = checksum(&bytes);
    bytes.extend(checksum.0);
    bytes
}

/// Reads a file of at most `LIMIT` bytes.
pub(super) fn open<T: Decode<()>, const LIMIT: usize>(
    kind: Kind,
    bytes: &[u8],
) -> Result<T, FileError> {
    if bytes.len() > LIMIT {
        return Err(FileError::TooLarge {
            size_bytes: bytes.len(),
            limit_bytes: LIMIT,
        });
    }
    let (head, rest) = bytes
        .split_first_chunk::<HEAD_BYTES>()
        .ok_or(FileError::Magic)?;
    let (magic, version) = head.split_at(MAGIC_BYTES);
    if magic != kind.magic {
        return Err(FileError::Magic);
    }
    if version != kind.version.to_le_bytes() {
        let found = version.try_into().map_or(u32::MAX, u32::from_le_bytes);
        let known = kind.version;
        return Err(FileError::Version { found, known });
    }
    let (content, told) = rest
        .split_last_chunk::<CHECKSUM_BYTES>()
        .ok_or(FileError::Checksum)?;
    if checksum(&bytes[..HEAD_BYTES + content.len()]).0 != *told {
        return Err(FileError::Checksum);
    }
    Ok(decode::<T, LIMIT>(content)?)
}

fn checksum(bytes: &[u8]) -> Hash {
    Hash::of(Context::File, &[bytes])
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: Kind = Kind {
        magic: *b"STARTEST",
        version: 1,
    };

    fn read(bytes: &[u8]) -> Result<(u32, Vec<u8>), FileError> {
        open::<_, 128>(KIND, bytes)
    }

    #[test]
    fn every_flipped_byte_and_every_cut_is_found() {
        let value = (7u32, vec![1u8, 2, 3]);
        let bytes = seal(KIND, &value);
        assert_eq!(read(&bytes), Ok(value));
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                read(&flipped).unwrap_err();
            }
            read(&bytes[..at]).unwrap_err();
        }
        read(&[bytes.as_slice(), &[0]].concat()).unwrap_err();
    }

    #[test]
    fn says_what_is_wrong_with_it() {
        let bytes = seal(Kind { version: 2, ..KIND }, &0u8);
        let (found, known) = (2, 1);
        assert_eq!(read(&bytes), Err(FileError::Version { found, known }));
        let magic = *b"STAROTHR";
        assert_eq!(
            read(&seal(Kind { magic, ..KIND }, &0u8)),
            Err(FileError::Magic)
        );
        let trailing = seal(KIND, &(7u32, vec![1u8], 9u8));
        assert!(matches!(read(&trailing), Err(FileError::Codec(_))));
        let large = read(&[0; 129]);
        assert!(matches!(large, Err(FileError::TooLarge { .. })));
    }
}
