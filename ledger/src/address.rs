//! Accounts and the text form of their addresses.
//!
//! An address is bech32m with one version symbol and a human-readable part per kind of network, so
//! that an address of one network is refused on another.
//!
//! # Source
//! BIP-173 and BIP-350 (bech32m).

use std::cmp::Ordering;
use std::fmt;

use bech32::primitives::decode::CheckedHrpstring;
use bech32::primitives::iter::{ByteIterExt as _, Fe32IterExt as _};
use bech32::{Bech32m, Fe32, Hrp};
use bincode::{Decode, Encode};

use crate::hash;

/// The version symbol of addresses, first of the data part (`q`).
const VERSION: Fe32 = Fe32::Q;

/// An account: the hash of its first authority.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
pub struct AccountId(pub [u8; 32]);

impl Ord for AccountId {
    /// As the bytes are ordered, compared as those of hashes are.
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        hash::Hash(self.0).cmp(&hash::Hash(other.0))
    }
}

impl PartialOrd for AccountId {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The kind of a network, which an address names in its human-readable part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum NetworkKind {
    /// Value: addresses begin with `star1`.
    Main,
    /// A public rehearsal: `startest1`.
    Test,
    /// A network on one's own machines, with publicly known keys: `starlocal1`.
    Local,
}

/// Why a text is not an address of the expected network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Not bech32m, or a mistyped one.
    #[error("not an address: {reason}")]
    Malformed {
        /// What is wrong with the text.
        reason: String,
    },
    /// An address of another kind of network.
    #[error("an address of another network: begins with {found}1, expected {expected}1")]
    OtherNetwork {
        /// The human-readable part found.
        found: String,
        /// The one expected.
        expected: &'static str,
    },
    /// An address version this release does not know.
    #[error("an address of an unknown version")]
    Version,
}

impl NetworkKind {
    /// Returns the human-readable part of addresses.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Main => "star",
            Self::Test => "startest",
            Self::Local => "starlocal",
        }
    }
}

impl AccountId {
    /// Returns the address of this account on a network of `kind`.
    pub fn to_address(self, kind: NetworkKind) -> String {
        let hrp = Hrp::parse(kind.prefix()).expect("the prefixes are valid human-readable parts");
        self.0
            .iter()
            .copied()
            .bytes_to_fes()
            .with_checksum::<Bech32m>(&hrp)
            .with_witness_version(VERSION)
            .chars()
            .collect()
    }

    /// Parses an address of a network of `kind`.
    ///
    /// # Errors
    /// [`AddressError`] if the text is mistyped, of another network, or of an unknown version.
    pub fn from_address(text: &str, kind: NetworkKind) -> Result<Self, AddressError> {
        let malformed = |error: &dyn fmt::Display| AddressError::Malformed {
            reason: error.to_string(),
        };
        let mut parsed =
            CheckedHrpstring::new::<Bech32m>(text).map_err(|error| malformed(&error))?;
        if parsed.hrp().to_lowercase() != kind.prefix() {
            let found = parsed.hrp().to_lowercase();
            return Err(AddressError::OtherNetwork {
                found,
                expected: kind.prefix(),
            });
        }
        if parsed.remove_witness_version() != Some(VERSION) {
            return Err(AddressError::Version);
        }
        parsed
            .validate_segwit_padding()
            .map_err(|error| malformed(&error))?;
        let bytes: Vec<u8> = parsed.byte_iter().collect();
        let bytes = bytes
            .try_into()
            .map_err(|_| malformed(&"expected 32 bytes"))?;
        Ok(Self(bytes))
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .take(4)
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_and_refuses_another_network() {
        let account = AccountId([7; 32]);
        let text = account.to_address(NetworkKind::Local);
        assert!(text.starts_with("starlocal1q"), "{text}");
        assert_eq!(
            AccountId::from_address(&text, NetworkKind::Local),
            Ok(account)
        );
        assert!(matches!(
            AccountId::from_address(&text, NetworkKind::Main),
            Err(AddressError::OtherNetwork { .. })
        ));
    }

    #[test]
    fn accounts_are_in_the_order_of_their_bytes() {
        let mut last = [3; 32];
        last[31] = 4;
        let mut first = [3; 32];
        first[0] = 4;
        let all = [[0; 32], [3; 32], last, first, [255; 32]];
        for (one, other) in all.iter().flat_map(|one| all.map(|other| (*one, other))) {
            assert_eq!(AccountId(one).cmp(&AccountId(other)), one.cmp(&other));
        }
    }

    #[test]
    fn refuses_one_changed_symbol() {
        let text = AccountId([7; 32]).to_address(NetworkKind::Main);
        let last = text.chars().last().unwrap();
        let other = if last == 'q' { 'p' } else { 'q' };
        let typo = format!("{}{other}", &text[..text.len() - 1]);
        assert!(matches!(
            AccountId::from_address(&typo, NetworkKind::Main),
            Err(AddressError::Malformed { .. })
        ));
    }
}
