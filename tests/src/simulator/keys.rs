//! Signatures of simulated networks: mostly a keyed hash, which costs a twentieth of Ed25519.
//!
//! The hash is keyed with the public key, so that anybody could forge it; the simulated nodes do
//! not. Public keys are those of [`SecretKey::local`], so that they decode as the points they have
//! to be.

use std::sync::Arc;

use starling_ledger::keys::{Ed25519, PublicKey, SecretKey, Signature, SignatureScheme, Signer};

/// Checks signatures of [`HashSigner`].
#[derive(Clone, Copy, Debug, Default)]
pub struct HashScheme;

/// Signs with a keyed hash.
#[derive(Clone, Copy, Debug)]
pub struct HashSigner(pub PublicKey);

/// Takes every signature for right: a planted bug, which the oracles have to find.
#[derive(Clone, Copy, Debug, Default)]
pub struct AcceptAll;

/// Which signatures a network uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signatures {
    /// Keyed hashes.
    Hash,
    /// Ed25519, as in the product.
    Ed25519,
}

impl Signatures {
    /// Returns the scheme that checks them.
    #[must_use]
    pub fn scheme(self) -> Arc<dyn SignatureScheme> {
        match self {
            Self::Hash => Arc::new(HashScheme),
            Self::Ed25519 => Arc::new(Ed25519),
        }
    }

    /// Returns a signer with the key of `secret`.
    #[must_use]
    pub fn signer(self, secret: SecretKey) -> Arc<dyn Signer> {
        match self {
            Self::Hash => Arc::new(HashSigner(secret.public_key())),
            Self::Ed25519 => Arc::new(secret),
        }
    }
}

fn keyed(key: &PublicKey, message: &[u8]) -> Signature {
    let hash = blake3::keyed_hash(key.as_bytes(), message);
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(hash.as_bytes());
    bytes[32..].copy_from_slice(hash.as_bytes());
    Signature(bytes)
}

impl SignatureScheme for HashScheme {
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        keyed(key, message) == *signature
    }
}

impl SignatureScheme for AcceptAll {
    fn verify(&self, _: &PublicKey, _: &[u8], _: &Signature) -> bool {
        true
    }
}

impl Signer for HashSigner {
    fn public_key(&self) -> PublicKey {
        self.0
    }

    fn sign(&self, message: &[u8]) -> Signature {
        keyed(&self.0, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyed_hash_is_of_one_key_and_one_message() {
        let [one, two] = ["one", "two"].map(|name| Signatures::Hash.signer(SecretKey::local(name)));
        let signature = one.sign(b"hello");
        assert!(HashScheme.verify(&one.public_key(), b"hello", &signature));
        assert!(!HashScheme.verify(&one.public_key(), b"hullo", &signature));
        assert!(!HashScheme.verify(&two.public_key(), b"hello", &signature));
    }
}
