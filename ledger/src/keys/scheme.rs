//! The ways to check signatures: one at a time, or many together with the same verdicts.

use super::{PublicKey, Signature, batch};

/// One signature to check.
#[derive(Clone, Copy, Debug)]
pub struct SignatureCheck<'a> {
    /// Whose it should be.
    pub key: &'a PublicKey,
    /// What it should cover.
    pub message: &'a [u8],
    /// The signature.
    pub signature: &'a Signature,
}

/// A way to check signatures.
pub trait SignatureScheme: Send + Sync {
    /// Says whether `signature` is `key`'s over `message`.
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool;

    /// Says of each check, in order, what [`SignatureScheme::verify`] says of it alone.
    ///
    /// A scheme overrides this where many together cost less. The verdict on one never depends on
    /// the others, nor on how they are grouped.
    fn verify_each(&self, checks: &[SignatureCheck<'_>]) -> Vec<bool> {
        let alone = |check: &SignatureCheck<'_>| {
            let SignatureCheck {
                key,
                message,
                signature,
            } = check;
            self.verify(key, message, signature)
        };
        checks.iter().map(alone).collect()
    }
}

/// Ed25519 under the ZIP-215 rule: the scheme of the product.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ed25519;

impl SignatureScheme for Ed25519 {
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        let signature = ed25519_zebra::Signature::from(signature.0);
        ed25519_zebra::VerificationKey::try_from(*key.as_bytes())
            .is_ok_and(|key| key.verify(&signature, message).is_ok())
    }

    fn verify_each(&self, checks: &[SignatureCheck<'_>]) -> Vec<bool> {
        batch::verify_each(checks)
    }
}
