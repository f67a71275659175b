//! Keys and signatures: Ed25519, with one rule of validity on every path.
//!
//! Signature validity is a consensus rule, so there is one: ZIP-215 (through `ed25519-zebra`),
//! under which a signature checked alone and one checked in a batch get the same verdict. Public
//! keys of small order, under which anybody can sign anything, are refused where a key is decoded.
//!
//! Verification goes through [`SignatureScheme`], so that the simulator can put a cheap keyed hash
//! in the place of Ed25519; the product knows [`Ed25519`] only. Where many signatures arrive they
//! are checked together ([`SignatureScheme::verify_each`]), with the same verdict for each.
//!
//! # Source
//! ZIP-215; RFC 8032 for signing, draft-irtf-cfrg-det-sigs-with-noise for signatures with noise.

mod batch;
mod scheme;

use std::fmt;
use std::str::FromStr;

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode};
use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign};
use ed25519_dalek::{Sha512, Signer as _};

pub use batch::{BATCH_MAX, LOOKS_MAX};
pub use scheme::{Ed25519, SignatureCheck, SignatureScheme};

use crate::codec::refuse;
use crate::hash::{Context, Hash, HexError, parse_hex};

/// An Ed25519 public key that is a point of the curve and not of small order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode)]
pub struct PublicKey([u8; 32]);

/// An Ed25519 signature: R and S as they travel. Whether it is valid only a check tells.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Signature(pub [u8; 64]);

/// A secret key. It is wiped from memory when dropped and never printed.
#[derive(Clone)]
pub struct SecretKey(ed25519_dalek::SigningKey);

/// Why bytes are not an acceptable public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not a point of the curve.
    #[error("not a point of the curve")]
    NotAPoint,
    /// Of small order: everybody could sign for it.
    #[error("a key of small order")]
    SmallOrder,
    /// Not 64 hexadecimal digits.
    #[error(transparent)]
    Hex(#[from] HexError),
}

/// A way to make signatures with one key.
pub trait Signer: Send + Sync {
    /// Returns the public half.
    fn public_key(&self) -> PublicKey;
    /// Signs `message`.
    fn sign(&self, message: &[u8]) -> Signature;
}

impl PublicKey {
    /// Parses 32 bytes.
    ///
    /// # Errors
    /// [`KeyError`] if they are no point of the curve, or one of small order. Encodings that are
    /// not canonical are accepted, as ZIP-215 does.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, KeyError> {
        let point =
            ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::NotAPoint)?;
        if point.is_weak() {
            return Err(KeyError::SmallOrder);
        }
        Ok(Self(bytes))
    }

    /// Returns the 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl<C> Decode<C> for PublicKey {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Self::from_bytes(Decode::decode(decoder)?).map_err(|error| match error {
            KeyError::SmallOrder => refuse("a public key of small order"),
            _ => refuse("a public key that is not a point of the curve"),
        })
    }
}

bincode::impl_borrow_decode!(PublicKey);

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(parse_hex(text)?)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .take(4)
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .take(4)
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl SecretKey {
    /// Makes a key from 32 secret bytes.
    pub fn from_bytes(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// Derives the publicly known key of `name` on local test networks.
    ///
    /// Everybody can compute it, so that a tutorial can name `alice`; it must never hold value.
    pub fn local(name: &str) -> Self {
        Self::from_bytes(&Hash::of(Context::LocalKey, &[name.as_bytes()]).0)
    }

    /// Signs `message` so that the signature differs from every other one of the same message that
    /// was made with other `noise`; all of them are valid.
    ///
    /// The noise is mixed with the secret half of the key that makes the nonce of a signature, so
    /// the nonce stays secret, and of one message only, whatever the noise is.
    pub fn sign_apart(&self, message: &[u8], noise: &[u8; 32]) -> Signature {
        let mut expanded = ExpandedSecretKey::from(self.0.as_bytes());
        let prefix = [expanded.hash_prefix.as_slice(), noise];
        expanded.hash_prefix = Hash::of(Context::SignatureNoise, &prefix).0;
        let signature = raw_sign::<Sha512>(&expanded, message, &self.0.verifying_key());
        Signature(signature.to_bytes())
    }

    /// Returns the 32 secret bytes, for key files.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }
}

impl From<SecretKey> for ed25519_dalek::SigningKey {
    fn from(key: SecretKey) -> Self {
        key.0
    }
}

impl Signer for SecretKey {
    fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_what_it_verifies_and_nothing_else() {
        let key = SecretKey::local("alice");
        let signature = key.sign(b"hello");
        assert!(Ed25519.verify(&key.public_key(), b"hello", &signature));
        assert!(!Ed25519.verify(&key.public_key(), b"hullo", &signature));
        assert!(!Ed25519.verify(&SecretKey::local("bob").public_key(), b"hello", &signature));
    }

    #[test]
    fn signatures_with_noise_are_valid_and_all_different() {
        let key = SecretKey::local("alice");
        let mut signatures: Vec<_> = (0..16)
            .map(|noise| key.sign_apart(b"hello", &[noise; 32]))
            .collect();
        assert_eq!(signatures[3], key.sign_apart(b"hello", &[3; 32]));
        for signature in &signatures {
            assert!(Ed25519.verify(&key.public_key(), b"hello", signature));
            assert!(!Ed25519.verify(&key.public_key(), b"hullo", signature));
        }
        // One nonce for two messages would give the key away.
        signatures.push(key.sign_apart(b"hullo", &[0; 32]));
        signatures.push(key.sign(b"hello"));
        signatures.sort_unstable_by_key(|signature| signature.0[..32].to_vec());
        signatures.dedup_by_key(|signature| signature.0[..32].to_vec());
        assert_eq!(signatures.len(), 18);
    }

    #[test]
    fn refuses_the_identity_as_a_key() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(PublicKey::from_bytes(identity), Err(KeyError::SmallOrder));
    }
}
