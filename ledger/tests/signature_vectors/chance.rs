//! Chance from a seed, and random partners for a batch.

use std::convert::Infallible;
use std::sync::LazyLock;

use rand_core::{TryCryptoRng, TryRng};
use starling_ledger::keys::{PublicKey, SecretKey, Signature, SignatureCheck, Signer};

/// A stream of BLAKE3.
pub(crate) struct Chance(blake3::OutputReader);

/// A signature that a vector shares its batch with.
#[derive(Clone)]
pub(crate) struct Partner {
    pub key: PublicKey,
    pub message: Vec<u8>,
    pub signature: Signature,
    pub valid: bool,
}

/// Partners to choose from; every third is not valid.
static POOL: LazyLock<Vec<Partner>> = LazyLock::new(|| (0..150).map(Partner::numbered).collect());

/// Chooses 0 to 79 partners.
pub(crate) fn partners(chance: &mut Chance) -> Vec<Partner> {
    let count = chance.below(80);
    let mut one = || POOL[chance.below(POOL.len())].clone();
    (0..count).map(|_| one()).collect()
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes());
        Self(hasher.finalize_xof())
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.try_next_u32().unwrap()).unwrap() % end
    }
}

impl Partner {
    fn numbered(number: usize) -> Self {
        let secret = SecretKey::local(&format!("partner {}", number % 50));
        let message = number.to_le_bytes().repeat(number % 7);
        let mut signature = secret.sign(&message);
        let valid = !number.is_multiple_of(3);
        if !valid {
            signature.0[number % 64] ^= 4;
        }
        Self {
            key: secret.public_key(),
            message,
            signature,
            valid,
        }
    }

    pub(crate) fn check(&self) -> SignatureCheck<'_> {
        SignatureCheck {
            key: &self.key,
            message: &self.message,
            signature: &self.signature,
        }
    }
}

impl TryRng for Chance {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Chance {}
