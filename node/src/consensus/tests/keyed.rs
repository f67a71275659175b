//! Cheap signatures and seeded chance for the tests.

use starling_ledger::hash::{Context, Hash};
use starling_ledger::keys::{PublicKey, SecretKey, Signature, SignatureScheme, Signer};

pub(in crate::consensus) const GENESIS: Hash = Hash([9; 32]);

/// A keyed hash in the place of Ed25519: whoever knows the public key could sign, which no test
/// does.
pub(in crate::consensus) struct KeyedHash;

impl SignatureScheme for KeyedHash {
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        *signature == seal(key, message)
    }
}

/// Signs for [`KeyedHash`].
pub(in crate::consensus) struct KeyedSigner(pub(in crate::consensus) PublicKey);

impl Signer for KeyedSigner {
    fn public_key(&self) -> PublicKey {
        self.0
    }

    fn sign(&self, message: &[u8]) -> Signature {
        seal(&self.0, message)
    }
}

fn seal(key: &PublicKey, message: &[u8]) -> Signature {
    let hash = Hash::of(Context::LocalKey, &[key.as_bytes(), message]);
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&hash.0);
    bytes[32..].copy_from_slice(&hash.0);
    Signature(bytes)
}

/// SplitMix64: small, seeded, good enough to choose delays.
pub(in crate::consensus) struct Random(pub(in crate::consensus) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(in crate::consensus) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// The key of the validator at `index`.
pub(in crate::consensus) fn key(index: usize) -> PublicKey {
    SecretKey::local(&format!("validator {index}")).public_key()
}
