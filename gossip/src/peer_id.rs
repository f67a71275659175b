//! The name of a peer: its ed25519 public key.
//!
//! A [`PeerId`] is only a name. That somebody holds the key is proven by the handshake of the
//! transport, which also refuses keys of small order ([`PeerId::key`] is that check).

use std::fmt;
use std::str::FromStr;

use bincode::{Decode, Encode};
use ed25519_dalek::VerifyingKey;
use thiserror::Error;

/// Bytes of a peer's id.
pub const PEER_ID_BYTES: usize = 32;

/// Bytes shown by [`PeerId::short`]: 40 bits tell the peers of one node apart at a glance.
const SHORT_BYTES: usize = 5;

/// An ed25519 public key that names a peer. Ordered by its bytes.
///
/// `Display` and `FromStr` use 64 lower-case hex digits; `Debug` and [`PeerId::short`] the first
/// ten.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct PeerId(pub [u8; PEER_ID_BYTES]);

impl PeerId {
    /// Returns the 32 bytes of the key.
    pub const fn as_bytes(&self) -> &[u8; PEER_ID_BYTES] {
        &self.0
    }

    /// Returns the key, if it is one that only the holder of a secret can sign for.
    ///
    /// # Errors
    /// [`PeerIdError::NotAKey`] if the bytes are no point of the curve, or one of small order, for
    /// which anybody can make signatures.
    pub fn key(&self) -> Result<VerifyingKey, PeerIdError> {
        match VerifyingKey::from_bytes(&self.0) {
            Ok(key) if !key.is_weak() => Ok(key),
            _ => Err(PeerIdError::NotAKey),
        }
    }

    /// Returns the first ten hex digits, for logs and tables.
    pub fn short(&self) -> String {
        hex(&self.0[..SHORT_BYTES])
    }
}

impl From<&VerifyingKey> for PeerId {
    fn from(key: &VerifyingKey) -> Self {
        Self(key.to_bytes())
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerId({})", self.short())
    }
}

impl FromStr for PeerId {
    type Err = PeerIdError;

    fn from_str(text: &str) -> Result<Self, PeerIdError> {
        let digits = text.as_bytes();
        if digits.len() != 2 * PEER_ID_BYTES {
            return Err(PeerIdError::Length {
                digits: text.chars().count(),
            });
        }
        let mut bytes = [0; PEER_ID_BYTES];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = match pair {
                &[high, low] => (nibble(high)? << 4) | nibble(low)?,
                _ => return Err(PeerIdError::NotHex),
            };
        }
        Ok(Self(bytes))
    }
}

/// Why a text or some bytes do not name a peer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PeerIdError {
    /// The text has another length than 64 digits.
    #[error("a peer id has 64 hex digits, this has {digits}")]
    Length {
        /// How many characters were given.
        digits: usize,
    },
    /// A character is not one of `0-9a-f`.
    #[error("a peer id consists of the digits 0-9 and a-f only")]
    NotHex,
    /// The bytes are no usable ed25519 key.
    #[error("the peer id is no usable ed25519 key")]
    NotAKey,
}

/// Only lower case is read, so that every id has one spelling.
fn nibble(digit: u8) -> Result<u8, PeerIdError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(PeerIdError::NotHex),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_prints() {
        let id = PeerId([0xa7; 32]);
        assert_eq!(id.to_string(), "a7".repeat(32));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.short(), "a7a7a7a7a7");
        assert_eq!(format!("{id:?}"), "PeerId(a7a7a7a7a7)");
    }

    #[test]
    fn refuses_other_spellings() {
        let length = |digits| Err::<PeerId, _>(PeerIdError::Length { digits });
        assert_eq!("".parse(), length(0));
        assert_eq!("a7".repeat(31).parse(), length(62));
        assert_eq!("é".repeat(31).parse(), length(31));
        assert_eq!("A7".repeat(32).parse::<PeerId>(), Err(PeerIdError::NotHex));
        assert_eq!("é".repeat(32).parse::<PeerId>(), Err(PeerIdError::NotHex));
    }

    #[test]
    fn refuses_keys_of_small_order_and_points_off_the_curve() {
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut off_curve = [0; 32];
        off_curve[0] = 2;
        for bytes in [[0; 32], identity, off_curve] {
            assert_eq!(PeerId(bytes).key(), Err(PeerIdError::NotAKey), "{bytes:?}");
        }
        let good = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key();
        assert_eq!(PeerId::from(&good).key(), Ok(good));
    }
}
